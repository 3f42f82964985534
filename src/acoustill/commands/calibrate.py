"""What `acoustill calibrate` does."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from acoustill.commands.arguments import bar, naming, positive_metres, refuse_overwriting
from acoustill.commands.sightings import LONGEST_S, cut_windows, find_sightings
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.localisation import Localisation, Localiser
from acoustill.rig.calibration import Calibration, Distances, calibrate_camera, residuals, settle_distances
from acoustill.rig.camera import Camera
from acoustill.rig.file import load_rig, save_rig
from acoustill.rig.rig import Rig

BEEP_SHARE = 0.1  # of the beep's frequency to both sides: beepers are not exact
MOST = 0.5  # of the energy in the band from one place: no other can rival it
PROMINENT = 1.3  # times as much from there as from anywhere else, in a room where little comes straight
VAGUE_RAD = math.radians(2)  # standard error from which a direction is of no use
PLACED = 0.1  # of a beam's width: how well even a poor array places one source
LOOSE_M = 0.01  # standard error of the position from which it is better measured with a ruler
COVERED = 0.3  # of the image, by the rectangle around the points


def calibrate_rig(
    points: Path | None,
    *,
    rig: str,
    recording: Path | None,
    video: Path | None,
    beep_hz: float | None,
    offset_s: float | None,
    distance_m: float | None,
    keep_position: bool,
    out: Path,
) -> dict[str, Any]:
    """Estimates the pose of a rig's camera and writes the rig; see `acoustill calibrate --help`.

    Returns:
        A JSON object: what `calibration_lines` prints, and the new camera's pose.

    Raises:
        AcoustillError: if an argument or a file cannot be used, or the points do not tell the pose.
    """
    if out.suffix not in (".yaml", ".yml"):
        raise bad_input("calibrate", "--out", str(out), "a file name that ends in .yaml or .yml")
    refuse_overwriting("calibrate", out, [points, recording, video])
    array = load_rig(rig)
    if (points is None) == (video is None):
        raise AcoustillError("calibrate: give either a CSV file of points or --video")
    if distance_m is not None:
        positive_metres(distance_m, "calibrate")
    if offset_s is not None and not abs(offset_s) <= LONGEST_S:
        raise bad_input("calibrate", "--offset", f"{offset_s} s", f"seconds, at most {LONGEST_S:g}")
    localiser = Localiser(array, _band(beep_hz, array))
    sightings, unseen = find_sightings(points, video, recording, offset_s, array)
    left_out = Counter({"no clear lamp": unseen})
    heard = []
    with bar("listening", len(sightings)) as advance:
        for sighting, window in cut_windows(sightings, array):
            found = None
            if window is not None and window[array.working].any():
                with naming(sighting.recording):
                    found = localiser(window)
            if window is None:
                left_out["outside the recording"] += 1
            elif found is None or not _is_clear(found):
                left_out["no clear sound"] += 1
            else:
                heard.append((sighting.pixel, found))
            advance()
    where = points or video
    assert where is not None
    if not heard:
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
        raise bad_input(where, "usable points", f"0 of {left_out.total()} ({why})", "a source that is heard and seen")
    pixels = np.array([pixel for pixel, _ in heard])
    places = [found for _, found in heard]
    with naming(where, "calibrate"):
        calibration, distances = _fit(array.camera, localiser.centre_m, places, pixels, distance_m, keep_position)
    left_out["disagreeing"] = int((~calibration.kept).sum())
    save_rig(dataclasses.replace(array, camera=calibration.camera), out)
    return _summary(array, calibration, distances, places, pixels, left_out, distance_m) | {"out": str(out)}


def _is_clear(found: Localisation) -> bool:
    """Whether one place is heard, and not the average of a room."""
    single = found.coherence >= MOST or PROMINENT <= found.prominence < math.inf
    return single and found.direction_std_rad <= VAGUE_RAD


def _fit(
    camera: Camera,
    centre_m: np.ndarray,
    places: list[Localisation],
    pixels: np.ndarray,
    distance_m: float | None,
    keep_position: bool,
) -> tuple[Calibration, Distances]:
    """The camera's pose, and the distances that go with it."""
    directions = np.array([place.direction for place in places])
    inverse = np.array([place.inverse_distance_per_m for place in places])
    stds = np.array([place.inverse_distance_std_per_m for place in places])
    pose = camera
    for _ in range(2):  # the second time, depths are along the axis that the first has found
        axis = np.asarray(pose.rotation)[:, 2]
        if distance_m is None:
            distances = settle_distances(pose, centre_m, directions, inverse, stds)
        else:
            depth = distance_m - float((centre_m - np.asarray(pose.position_m)) @ axis)
            if depth <= 0:
                raise bad_input("calibrate", "--distance", f"{distance_m} m", "a source in front of the array")
            along = np.maximum(directions @ axis, 1e-3)
            points = centre_m + directions * (depth / along)[:, None]
            distances = Distances(points, distance_m, (distance_m, distance_m), 0.0)
        calibration = calibrate_camera(camera, distances.points_m, pixels, keep_position)
        pose = calibration.camera
        stds = np.where(calibration.kept, stds, np.inf)  # what disagrees tells nothing about distance either
    return calibration, distances


def _band(beep_hz: float | None, rig: Rig) -> tuple[float, float] | None:
    if beep_hz is None:
        return None
    if not 0 < beep_hz < rig.sample_rate / 2:
        raise bad_input("calibrate", "--beep", f"{beep_hz:g} Hz", f"within 0 to {rig.sample_rate / 2:g} Hz")
    return beep_hz * (1 - BEEP_SHARE), min(beep_hz * (1 + BEEP_SHARE), rig.sample_rate / 2)


def _summary(
    rig: Rig,
    calibration: Calibration,
    distances: Distances,
    places: list[Localisation],
    pixels: np.ndarray,
    left_out: Counter[str],
    distance_m: float | None,
) -> dict[str, Any]:
    kept = calibration.kept
    before, after = rig.camera, calibration.camera
    moved = np.subtract(after.position_m, before.position_m)
    turn = Rotation.from_matrix(np.asarray(before.rotation).T @ np.asarray(after.rotation)).magnitude()
    was_px, was_rad = residuals(before, distances.points_m[kept], pixels[kept])
    near, far = distances.interval_m
    heard_hz = float(np.mean([place.mean_hz for place in places]))
    summary: dict[str, Any] = {
        "points": {"used": int(kept.sum()), "left_out": {why: count for why, count in left_out.items() if count}},
        "residual_before": {"px": _rms(was_px), "degrees": math.degrees(_rms(was_rad))},
        "residual_after": {
            "px": _rms(calibration.residuals_px[kept]),
            "degrees": math.degrees(_rms(calibration.residuals_rad[kept])),
        },
        "translation_cm": (100 * moved).tolist(),
        "translation_std_cm": (100 * calibration.position_std_m).tolist(),
        "rotation_degrees": math.degrees(turn),
        "rotation_std_degrees": math.degrees(float(np.linalg.norm(calibration.rotation_std_rad))),
        "source_distance_m": distances.depth_m,
        "source_distance_interval_m": [near, far if math.isfinite(far) else None],
        "source_distance_spread_m": distances.spread_m,
        "camera": {"position_m": list(after.position_m), "rotation": [list(row) for row in after.rotation]},
    }
    beam_degrees = math.degrees(rig.speed_of_sound / heard_hz / rig.aperture_m)
    size = np.ptp(pixels[kept], axis=0) / (before.width, before.height)
    warnings = []
    if summary["residual_after"]["degrees"] > PLACED * beam_degrees:
        warnings.append(
            f"the residual is large for an array whose beam is {beam_degrees:.1f} degrees wide at {heard_hz:.0f} Hz: "
            "check the numbering of the microphones, that sound and picture start together (--offset), reflections"
        )
    if left_out["disagreeing"] > len(kept) / 4:
        warnings.append("more than a quarter of the points disagree with the rest: check for reflections and clicks")
    if calibration.position_std_m.max() > LOOSE_M:
        warnings.append(
            "the camera's position is not well told by these points: walk at distances from near to far, "
            "or measure it and use --keep-position"
        )
    if distance_m is None and not far < 2 * near:
        warnings.append("the array does not tell the source's distance well: measure it and give --distance")
    if size.prod() < COVERED:
        warnings.append("the points cover a small part of the image: walk up to its corners")
    return summary | {"warnings": warnings}


def calibration_lines(summary: dict[str, Any]) -> list[str]:
    """What `calibrate_rig` found, to be read by people."""
    points, before, after = summary["points"], summary["residual_before"], summary["residual_after"]
    why = ", ".join(f"{count} {reason}" for reason, count in points["left_out"].items())
    shift, errors = summary["translation_cm"], summary["translation_std_cm"]
    axes = ", ".join(f"{axis} {d:+.2f} ± {e:.2f}" for axis, d, e in zip("xyz", shift, errors, strict=True))
    turned, turned_std = summary["rotation_degrees"], summary["rotation_std_degrees"]
    near, far = summary["source_distance_interval_m"]
    until = "infinity" if far is None else f"{far:.2f} m"
    return [
        f"points    {points['used']} used, {sum(points['left_out'].values())} left out{f' ({why})' if why else ''}",
        f"residual  before {before['px']:.1f} px, {before['degrees']:.2f} degrees (root mean square)",
        f"          after  {after['px']:.1f} px, {after['degrees']:.2f} degrees",
        f"camera    moved by {math.hypot(*shift):.2f} cm ({axes})",
        f"          turned by {turned:.2f} ± {turned_std:.2f} degrees",
        f"source    {summary['source_distance_m']:.2f} m ahead of the camera (95 %: {near:.2f} m to {until}), "
        f"± {summary['source_distance_spread_m']:.2f} m from point to point",
        f"          image with --distance {summary['source_distance_m']:.2f}",
        *(f"warning   {warning}" for warning in summary["warnings"]),
        f"written to {summary['out']}",
    ]


def _rms(values: np.ndarray) -> float:
    """Root mean square of what is known."""
    return math.sqrt(np.nanmean(np.square(values))) if np.isfinite(values).any() else math.nan

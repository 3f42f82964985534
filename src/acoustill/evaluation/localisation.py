"""Where a network that steers beams listens, against where the action is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from acoustill.archive.clips import Clip, all_clips, audible, read_clip
from acoustill.errors import bad_input
from acoustill.learning.runs import Run
from acoustill.models.beamnet import SteeringNetwork
from acoustill.models.specification import Specification
from acoustill.models.store import load_network
from acoustill.rig.camera import Camera


@dataclass(frozen=True)
class Localised:
    """How far a network listened beside the action in one recording.

    Attributes:
        recording: its id.
        scenario: where it was made.
        error_rad: median over the frames of the angle between the direction with the largest share and the action.
        within: share of the frames in which that angle is at most the distance of two directions next to each other.
        share: mean over the frames of the share of the direction that is nearest to the action.
    """

    recording: str
    scenario: str | None
    error_rad: float
    within: float
    share: float


def localise_run(folder: str | Path, without: Sequence[str] = ()) -> list[Localised]:
    """Where the network of a finished run listens in the recordings of its test side.

    Args:
        folder: of the run.
        without: streams that are kept from the network, see `evaluate_run`.

    Raises:
        AcoustillError: if the run is not finished, its network steers no beams, or a recording does not know where its
            source is: only simulated ones do.
    """
    run = Run(folder)
    network = load_network(run.folder)
    if not isinstance(network, SteeringNetwork) or not network.steers:
        raise bad_input(run.folder, "network", network.name, "one that steers beams")
    archive = run.open_archive()
    rig = archive.rig
    streams = tuple({*network.streams} - {*without} | {"direction"})
    apart = direction_spacing(network.specification, rig.camera)
    found = []
    clips: dict[str, list[Clip]] = {}
    for clip in all_clips(archive, run.split.parts(archive, "test"), network.specification.clip_frames):
        clips.setdefault(clip.recording, []).append(clip)
    for recording, mine in clips.items():
        entry, opened = archive.entries[recording], archive[recording]
        heard = audible(opened, rig)[0] if "audio" in streams else 0
        errors, shares = [], []
        for clip in mine:
            views = read_clip(
                opened,
                clip,
                streams,
                rig.samples_per_frame,
                heard,
                video_shape=network.specification.video_shape,
                camera=rig.camera,
            )
            with torch.no_grad():
                attention = network.attention({name: torch.from_numpy(view)[None] for name, view in views.items()})
            clip_errors, clip_shares = compare_directions(attention[0].numpy(), views["direction"], rig.camera)
            errors.append(clip_errors)
            shares.append(clip_shares)
        angles = np.concatenate(errors)
        found.append(
            Localised(
                recording,
                entry.scenario,
                float(np.median(angles)),
                float((angles <= apart).mean()),
                float(np.concatenate(shares).mean()),
            )
        )
    return found


def localised_summary(places: Sequence[Localised]) -> dict[str, float]:
    """Median of the recordings' errors in degrees; the mean shares of frames within a direction, and of attention."""
    return {
        "error_deg": round(float(np.degrees(np.median([place.error_rad for place in places]))), 2),
        "within": round(float(np.mean([place.within for place in places])), 4),
        "share": round(float(np.mean([place.share for place in places])), 4),
    }


def compare_directions(attention: np.ndarray, direction: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Angles between where is listened to and where the action is, and the share of what is nearest to the action.

    Shapes:
        attention: (frames, rows, columns).
        direction: (frames, 2), as `Recording.direction`.
        Output: (frames,) radian, and (frames,).
    """
    frames, rows, columns = attention.shape
    size = np.array([camera.width, camera.height])
    rays = _rays(camera, camera.pixels(rows, columns).reshape(-1, 2))
    true = _rays(camera, direction * size)
    angles = np.arccos(np.clip(true @ rays.T, -1, 1))
    shares, frame = attention.reshape(frames, -1), np.arange(frames)
    return angles[frame, shares.argmax(axis=1)], shares[frame, angles.argmin(axis=1)]


def direction_spacing(specification: Specification, camera: Camera) -> float:
    """The largest angle between two directions of the beams that are next to each other, in radians."""
    _, rows, columns, _ = specification.view_shape("beams")[1:-1]
    rays = _rays(camera, camera.pixels(rows, columns).reshape(-1, 2)).reshape(rows, columns, 3)
    beside = [(rays[:, 1:] * rays[:, :-1]).sum(-1).ravel(), (rays[1:] * rays[:-1]).sum(-1).ravel()]
    return float(np.arccos(np.clip(np.concatenate(beside).min(), -1, 1)))


def _rays(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Unit vectors from the camera to what is seen at some pixels, (N, 3)."""
    ways = camera.unproject(pixels, 1.0) - np.asarray(camera.position_m)
    return ways / np.linalg.norm(ways, axis=-1, keepdims=True)

"""One take as the rig records it: sound, acoustic images and video of the same moments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from acoustill.imaging.beam_spectra import BeamSpectra
from acoustill.imaging.grid import Grid, camera_grid
from acoustill.imaging.imager import Imager
from acoustill.rig.rig import Rig
from acoustill.simulation.capture import Capture, Mismatch, capture, draw_mismatch
from acoustill.simulation.clips import play_clips
from acoustill.simulation.performance import Event, draw_style
from acoustill.simulation.plan import Take
from acoustill.simulation.scenes import Scene, draw_scene
from acoustill.simulation.sources import perform
from acoustill.simulation.trajectories import draw_trajectory
from acoustill.simulation.video import Bystander, draw_backdrop, draw_looks, render


@dataclass(frozen=True)
class Staged:
    """A take as it sounds, with all that is known of it.

    Attributes:
        scene: where.
        points_m: of the source in the middle of each frame, rig frame.
        signal: of the action, pascal at 1 m.
        events: of the action.
        captured: what every channel hears of the action, and of all else.

    Shapes:
        points_m: (frames, 3).
        signal: (samples,).
    """

    scene: Scene
    points_m: np.ndarray
    signal: np.ndarray
    events: Sequence[Event]
    captured: Capture


@dataclass(frozen=True)
class RecordedTake:
    """What a rig recorded of a take.

    Attributes:
        signals: (channels, samples) float32, pascal; broken channels are zero.
        image: (frames, H, W, C), float16 for MFCC and float32 for all else.
        video: (frames, h, w, 3) uint8 RGB.
        provenance: how it came about, for the sidecar.
        beams: (frames, steps, rows, columns, bins, 2) float16, see `BeamSpectra`; None if nobody asked for them.
    """

    signals: np.ndarray
    image: np.ndarray
    video: np.ndarray
    provenance: dict[str, Any]
    beams: np.ndarray | None = None

    @property
    def frames(self) -> int:
        """Length in video frames."""
        return len(self.video)


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets torch work on one thread until the block ends: sums are then made in one order, whatever the process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def image_grid(rig: Rig) -> Grid:
    """Where the acoustic images of a rig are formed: its camera's view, 36 x 48 pixels at 2 m.

    The points are rounded to micrometres, as the header of an archive states them: images are those of these points.
    """
    return Grid(camera_grid(rig.camera, 36, 48, 2.0).points_m.round(6))


def stage_take(take: Take, rig: Rig) -> Staged:
    """Simulates the sound of one take: `record_take` adds acoustic images and video.

    What happens, where, how it sounds, what else is heard and how it looks are drawn from generators of their own,
    so that none of them depends on how much chance another one took.

    Args:
        take: what happens.
        rig: what records.

    Raises:
        AcoustillError: if a sound file cannot be read, or nobody fits into the room in front of the camera.
    """
    where, moves, sounds, surroundings, _ = _chances(take)
    frames = round(take.seconds * rig.frame_rate)
    with one_thread():
        scene = draw_scene(take.scenario, where)
        points = draw_trajectory(rig, scene.place, take.action, frames, moves)
        signal, events = _perform(take, rig, frames, sounds)
        captured = capture(rig, scene, signal, points, surroundings, _mismatch(take, rig))
    return Staged(scene, points, signal, events, captured)


def record_take(take: Take, rig: Rig, imager: Imager, beams: BeamSpectra | None = None) -> RecordedTake:
    """Simulates one take: its sound (`stage_take`), acoustic images, video, and beam spectra where they are wanted.

    Args:
        take: what happens.
        rig: what records.
        imager: of this rig; forms the acoustic images.
        beams: of this rig; forms the beam spectra.

    Raises:
        AcoustillError: if a sound file cannot be read, or nobody fits into the room in front of the camera.
    """
    staged = stage_take(take, rig)
    *_, looks = _chances(take)
    signals = staged.captured.signals
    with one_thread():
        image = imager(signals).astype(np.float16 if imager.specification.features == "mfcc" else np.float32)
        video = _film(take, rig, staged.scene, staged.points_m, staged.events, staged.captured, looks)
        spectra = None if beams is None else beams(signals)
    content = _describe(take, rig, staged.scene, staged.points_m, staged.events, staged.captured)
    return RecordedTake(signals, image, video, {"simulated": content}, spectra)


def _chances(take: Take) -> list[np.random.Generator]:
    """What decides where it happens, the way of the source, its sound, all else that is heard, and the looks."""
    return np.random.default_rng(take.seed).spawn(5)


def _perform(take: Take, rig: Rig, frames: int, rng: np.random.Generator) -> tuple[np.ndarray, Sequence[Event]]:
    """What is heard of the take, (samples,) pascal at 1 m, and when."""
    seconds = frames / rig.frame_rate
    if take.sounds:
        performance = play_clips(take.sounds, seconds, rig.sample_rate, rng)
    else:
        style, _ = _person(take)
        performance = perform(take.action, draw_style(style), seconds, rig.sample_rate, rng)
    return performance.signal[: frames * rig.samples_per_frame], performance.events


def _film(
    take: Take,
    rig: Rig,
    scene: Scene,
    points: np.ndarray,
    events: Sequence[Event],
    captured: Capture,
    rng: np.random.Generator,
) -> np.ndarray:
    """The video, (frames, h, w, 3) uint8 RGB, with those who make other sounds in the field of view."""
    _, person = _person(take)
    bystanders = []
    for other in captured.interferences:
        if other.in_view:
            column, row = rig.camera.project(other.point_m).tolist()
            height_m = float(scene.place.from_rig(other.point_m)[2])
            bystanders.append(Bystander((column, row), _scale(rig, other.point_m), other.events, other.name, height_m))
    return render(
        rig.camera.height,
        rig.camera.width,
        rig.camera.project(points),
        np.array([_scale(rig, point) for point in points]),
        take.action,
        events,
        rig.frame_rate,
        draw_looks(person),
        draw_backdrop(scene.backdrop, scene.name, rng),
        rng,
        bystanders=bystanders,
    )


def _person(take: Take) -> tuple[np.random.Generator, np.random.Generator]:
    """From where the subject's style and the subject's looks are drawn."""
    style, looks = np.random.default_rng(take.subject_seed).spawn(2)
    return style, looks


def _mismatch(take: Take, rig: Rig) -> Mismatch:
    return draw_mismatch(rig, np.random.default_rng(take.rig_seed))


def _scale(rig: Rig, point_m: np.ndarray) -> float:
    """Pixels per metre at the distance of a point."""
    return rig.camera.focal_px[0] / rig.camera.depth_m(point_m)


def _describe(
    take: Take, rig: Rig, scene: Scene, points: np.ndarray, events: Sequence[Event], captured: Capture
) -> dict[str, Any]:
    """What the sidecar says of the simulation, as JSON."""
    pixels = rig.camera.project(points)
    content: dict[str, Any] = {
        "snr_db": round(scene.snr_db, 2),
        "background_snr_db": round(captured.background_snr_db, 2),
        "total_snr_db": round(captured.total_snr_db, 2),
        **describe_place(scene),
        "source_m": points.mean(axis=0).round(4).tolist(),
        "pixel": pixels.mean(axis=0).round(2).tolist(),
        "seed": list(take.seed),
        "events": [[round(part, 4) for part in (one.time, one.strength, one.duration)] for one in events],
        "interferences": describe_interferences(rig, captured),
    }
    if (points != points[0]).any():
        content["pixels"] = pixels.round(2).tolist()
    return content


def describe_place(scene: Scene) -> dict[str, Any]:
    """What the sidecar says of the place, as JSON."""
    return {"rt60_s": round(scene.place.rt60_s, 3) if scene.place.kind == "room" else None}


def describe_interferences(rig: Rig, captured: Capture) -> list[list[Any]]:
    """Name, pixel, whether it is in view, and level of each event that belongs to no class."""
    return [[one.name, _pixel(rig, one.point_m), one.in_view, round(one.level_db, 2)] for one in captured.interferences]


def _pixel(rig: Rig, point_m: np.ndarray) -> list[float] | None:
    """Where a point is seen, in the video frame or outside; None behind the camera."""
    pixel = rig.camera.project(point_m)
    return pixel.round(2).tolist() if np.isfinite(pixel).all() else None

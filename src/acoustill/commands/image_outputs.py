"""Where acoustic images go: each output takes them while they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from acoustill.archive.array_writer import ArrayWriter
from acoustill.archive.writer import writing_recording
from acoustill.files import replacing
from acoustill.imaging.imager import Imager, Images
from acoustill.imaging.video.overlay_video import Sound, dark_picture, write_overlay_video
from acoustill.rig.rig import Rig
from acoustill.spool import Spool


class Output(NamedTuple):
    """Takes blocks of signals (channels, samples), and images of frames, in any order."""

    hear: Callable[[np.ndarray], None]
    see: Callable[[Images], None]


def _deaf(_: np.ndarray) -> None:
    pass


@contextmanager
def nothing() -> Iterator[Output]:
    """Keeps nothing."""
    yield Output(_deaf, lambda _: None)


@contextmanager
def npz_output(out: Path, imager: Imager) -> Iterator[Output]:
    """`images`, `energy` and `points_m` in one `.npz` file."""
    with replacing(out) as beside, Spool(out.parent) as features, Spool(out.parent) as energy:

        def see(images: Images) -> None:
            features.append(images.features)
            energy.append(images.energy)

        yield Output(_deaf, see)
        with beside.open("wb") as file:
            np.savez(file, images=features.array(), energy=energy.array(), points_m=imager.grid.points_m)


@contextmanager
def npy_output(out: Path, imager: Imager, frames: int) -> Iterator[Output]:
    """The features (frames, H, W, C), and nothing else, in one `.npy` file."""
    shape = (frames, imager.grid.rows, imager.grid.columns, imager.channels)
    with replacing(out) as beside, ArrayWriter(beside, shape, np.float32) as writer:
        yield Output(_deaf, lambda images: writer.append(images.features))


@contextmanager
def video_output(out: Path, imager: Imager, frames: int) -> Iterator[Output]:
    """An overlay video over a dark background, with the sound of the microphone nearest to the origin."""
    rig = imager.rig
    channel = min(rig.working, key=lambda one: float(np.linalg.norm(rig.positions_m[one])))
    with replacing(out) as beside, Spool(out.parent) as sound, Spool(out.parent) as energy:
        yield Output(lambda block: sound.append(block[channel]), lambda images: energy.append(images.energy))
        write_overlay_video(
            beside,
            energy.array(),
            rig.frame_rate,
            dark_picture(rig.camera.width, rig.camera.height),
            sound=Sound(sound.array()[: frames * rig.samples_per_frame], rig.sample_rate),
        )


@contextmanager
def recording_output(
    archive: Path, recording: str, imager: Imager, frames: int, provenance: dict[str, Any]
) -> Iterator[Output]:
    """An unlabelled recording of an archive: all channels, and images in the archive's types."""
    rig = imager.rig
    shape = (imager.grid.rows, imager.grid.columns, imager.channels)
    dtype = np.dtype(np.float16 if imager.specification.features == "mfcc" else np.float32)
    with writing_recording(archive, recording, rig.samples_per_frame, provenance=provenance) as writer:
        audio = writer.audio(range(rig.channels), frames * rig.samples_per_frame)
        image = writer.image(frames, shape, dtype)
        yield Output(
            lambda block: audio.append_columns(_finite(block, rig)), lambda images: image.append(images.features)
        )


def _finite(block: np.ndarray, rig: Rig) -> np.ndarray:
    """Zeros where a broken channel gives no number; archives hold none, and nobody listens to that channel."""
    broken = list(rig.broken)
    if np.isfinite(block[broken]).all():
        return block
    mended = block.copy()
    mended[broken] = np.nan_to_num(block[broken], nan=0.0, posinf=0.0, neginf=0.0)
    return mended

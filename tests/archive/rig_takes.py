"""Takes of a small rig as its user has them: sound files, videos and a table."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
import soxr

from acoustill.archive.importers.importing import ImportResult, run_import
from acoustill.archive.importers.rig_recording import RigOptions
from acoustill.archive.importers.rig_table import plan_rig
from acoustill.archive.importers.synchrony import Heard
from acoustill.imaging.video.mp4 import SOUND_RATE, Mp4Writer
from acoustill.rig import Camera, Rig

RATE, FRAME_RATE, FRAME, CHANNELS = 8000, 10.0, 800, 4


def four_microphones() -> Rig:
    """8,000 Hz, 10 frames/s, a camera of 64 x 48 pixels."""
    positions = np.array([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [-0.1, 0.1, 0.0], [0.1, 0.12, 0.0]])
    return Rig("four", positions, RATE, FRAME_RATE, (), Camera.with_field_of_view(64, 48, 1.0))


def integers(samples: int, bits: int = 16, seed: int = 0, channels: int = CHANNELS) -> np.ndarray:
    """(channels, samples) of all values that so many bits have, left-justified in int16 or int32."""
    rng, dtype = np.random.default_rng(seed), np.int16 if bits <= 16 else np.int32
    values = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (channels, samples))
    return (values << (np.iinfo(dtype).bits - bits)).astype(dtype)


def write_sound(path: Path, signals: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signals.T, rate, subtype)
    return path


def write_film(
    path: Path, frames: int, rate: Fraction | int = 10, sound: Heard | None = None, size: tuple[int, int] = (64, 48)
) -> Path:
    """A video whose frames can be told apart, see `greys`; with a sound track if one is given."""
    with Mp4Writer(path, *size, Fraction(rate), with_sound=sound is not None) as writer:
        for i in range(frames):
            picture = np.full((size[1], size[0], 3), 16 * (i % 16), np.uint8)
            picture[:, size[0] // 2 :] = 16 * (i // 16)
            writer.picture(picture)
        if sound is not None:
            writer.sound(soxr.resample(sound.samples, sound.rate, SOUND_RATE))
    return path


def greys(video: np.ndarray) -> list[int]:
    """Which frame of `write_film` each frame is."""
    halves = [[float(half.mean()) / 16 for half in np.split(frame, [frame.shape[1] // 2], axis=1)] for frame in video]
    return [round(low) + 16 * round(high) for low, high in halves]


def write_table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def imported(table: Path, **options: object) -> ImportResult:
    """The archive of a table, beside it; without images if nothing else is said."""
    chosen: dict[str, object] = {"rig": four_microphones(), "images": False} | options
    return run_import(plan_rig(table, RigOptions(**chosen)), table.parent / "archive")  # type: ignore[arg-type]


def reasons(result: ImportResult, names: Sequence[str]) -> str:
    """Why the recordings of these names, and no others, were set aside."""
    assert sorted(one.name for one in result.aside) == sorted(names)
    return "\n".join(f"{one.name}: {one.why}" for one in result.aside)

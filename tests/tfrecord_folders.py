"""Folders of TFRecord files as the software of AVIA and ACIVW wrote them, by way of an independent library."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tfrecord.writer import TFRecordWriter

FRAMES_PER_SECOND = 12
LISTS = {"audio": "audio/data", "image": "audio/image", "video": "video/image"}
SIZES = {
    "audio": ("audio_data/mics", "audio_data/samples"),
    "image": ("audio_image/height", "audio_image/width", "audio_image/depth"),
    "video": ("video/height", "video/width", "video/depth"),
}


@dataclass(frozen=True)
class Take:
    """What was recorded: the frames of each stream, as they go into the files.

    Shapes:
        audio: (frames, microphones, samples) int32.
        image: (frames, H, W, C) float32.
        video: (frames, h, w, 3) uint8 BGR.
    """

    audio: np.ndarray | None = None
    image: np.ndarray | None = None
    video: np.ndarray | None = None

    @property
    def streams(self) -> dict[str, np.ndarray]:
        return {name: frames for name in LISTS if (frames := getattr(self, name)) is not None}

    @property
    def heard(self) -> np.ndarray:
        """(microphones, samples) int32."""
        assert self.audio is not None
        return np.concatenate(list(self.audio), axis=1)

    def looped(self, seconds: int) -> Take:
        """As the converter made every recording equally long: frame i is frame i modulo the length."""
        return Take(**{name: frames[np.arange(seconds * 12) % len(frames)] for name, frames in self.streams.items()})


def take(seed: int, frames: int, streams: Sequence[str] = tuple(LISTS), microphones: int = 1) -> Take:
    """Noise in every stream, in small frames."""
    rng = np.random.default_rng(seed)
    every = {
        "audio": rng.integers(-(2**31), 2**31, (frames, microphones, 1024), dtype=np.int32),
        "image": rng.standard_normal((frames, 3, 4, 2)).astype(np.float32),
        "video": rng.integers(0, 256, (frames, 6, 8, 3), dtype=np.uint8),
    }
    return Take(**{name: every[name] for name in streams})


def write_sequence_examples(path: Path, examples: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Path:
    """A GZIP file of SequenceExamples, each of a context and of lists as `TFRecordWriter.write` takes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_name(path.name + ".plain")
    writer = TFRecordWriter(str(plain))
    for context, lists in examples:
        writer.write(context, lists)
    writer.close()
    with plain.open("rb") as file, gzip.open(path, "wb", 1) as compressed:
        shutil.copyfileobj(file, compressed)
    plain.unlink()
    return path


def write_second(path: Path, context: dict[str, int], second: Take, **changed_context: Any) -> Path:
    """One file; values of the context can be changed, and are left out where they are None."""
    context = dict(context)
    lists = {}
    for name, frames in second.streams.items():
        context |= dict(zip(SIZES[name], frames.shape[1:], strict=True))
        lists[LISTS[name]] = ([frame.tobytes() for frame in frames], "byte")
    context |= {name.replace("__", "/"): value for name, value in changed_context.items()}
    stated = {name: (value, "int") for name, value in context.items() if value is not None}
    return write_sequence_examples(path, [(stated, lists)])


def write_seconds(folder: Path, context: dict[str, int], recorded: Take) -> Path:
    """All files of a recording, Data_001.tfrecord and so on."""
    frames = len(next(iter(recorded.streams.values())))
    for second in range(frames // FRAMES_PER_SECOND):
        now = slice(second * FRAMES_PER_SECOND, (second + 1) * FRAMES_PER_SECOND)
        part = Take(**{name: stream[now] for name, stream in recorded.streams.items()})
        write_second(folder / f"Data_{second + 1:03d}.tfrecord", context, part)
    return folder


def write_avia(root: Path, location: int, subject: int, action: int, recorded: Take) -> Path:
    """A recording of AVIA; location and subject count from 1, the action from 0."""
    folder = root / f"Location_{location:02d}" / f"Subject_{subject:02d}" / f"Action_{action + 1:03d}"
    return write_seconds(folder, {"action": action, "location": location - 1, "subject": subject - 1}, recorded)


def write_acivw(root: Path, class_index: int, data: int, recorded: Take) -> Path:
    """A recording of ACIVW."""
    folder = root / f"class_{class_index}" / f"data_{data:03d}"
    return write_seconds(folder, {"classes": class_index, "location": data}, recorded)

"""WAV (extensible, RF64 and W64 too), FLAC and whatever else libsndfile reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.signals.source import BLOCK_SAMPLES, SignalSource

UNKNOWN_SAMPLES = 1 << 62  # libsndfile states about 2^63 samples where a header says nothing


class SoundFileSource(SignalSource):
    """A sound file, in full scale.

    Raises:
        AcoustillError: if the file is missing, is no sound file, is empty, or ends before the length that its
            header states.
    """

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            raise AcoustillError(f"{path}: no such sound file, but a folder, and not one of frames (A_000000.npy, ...)")
        if not path.is_file():
            raise AcoustillError(f"{path}: no such sound file")
        missing = _missing_bytes(path)
        if missing > 0:
            raise AcoustillError(f"{path}: truncated, {missing} bytes of samples that its header states are missing")
        self.path = path
        try:
            with soundfile.SoundFile(path) as file:
                self.rate, self.channels, self.samples = file.samplerate, file.channels, file.frames
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AcoustillError(f"{path}: not a readable sound file ({error})") from error
        if not 0 < self.samples < UNKNOWN_SAMPLES:
            found = f"{self.samples} samples" if self.samples <= 0 else "not stated"
            raise bad_input(path, "length", found, "at least one sample")

    def blocks(self, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """See `SignalSource.blocks`."""
        done = 0
        try:
            with soundfile.SoundFile(self.path) as file:
                while len(block := file.read(length, dtype="float32", always_2d=True)):
                    done += len(block)
                    yield np.ascontiguousarray(block.T)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AcoustillError(f"{self.path}: not a readable sound file ({error})") from error
        if done != self.samples:
            raise AcoustillError(f"{self.path}: truncated, {done} of {self.samples} samples can be read")


def _missing_bytes(path: Path) -> int:
    """How many bytes a WAV, RF64 or W64 file is shorter than it states; 0 or less for whole and other files.

    libsndfile reads a truncated file of these as if it were whole. Streams of unknown length, which state 0
    or the largest number, are taken as they are.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(28)
        if header[:4] == b"RF64" and header[12:16] == b"ds64":
            stated = int.from_bytes(header[20:28], "little")
            return stated + 8 - size if 0 < stated < 1 << 63 else 0
        if header[:4] == b"riff":  # W64, whose length counts its own header
            return int.from_bytes(header[16:24], "little") - size
        if header[:4] != b"RIFF" or header[8:12] != b"WAVE":
            return 0
        file.seek(12)
        while len(chunk := file.read(8)) == 8:
            stated = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                unknown = stated in (0, 0xFFFFFFFF, 0x7FFFFFFF)
                return 0 if unknown else file.tell() + stated - size
            file.seek(stated + stated % 2, 1)
    return 0

"""A recording that is read block by block, whatever file it comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from acoustill.errors import AcoustillError, bad_input

BLOCK_SAMPLES = 1 << 16
HIGHEST_RATE = 1_000_000_000


class SignalSource(ABC):
    """All channels of a recording, without holding more than a block of it.

    Attributes:
        path: the file or folder, for messages.
        rate: sample rate in hertz.
        channels: number of channels.
        samples: length of each.
        scaling: what was done to integer samples, one sentence; None for samples that are kept as they are.
    """

    path: Path
    rate: int
    channels: int
    samples: int
    scaling: str | None = None

    @abstractmethod
    def blocks(self, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """The recording from its start, in blocks of `length` samples and a shorter rest.

        Shapes:
            Yields: (channels, samples) float32.

        Raises:
            AcoustillError: if the file ends before the length it states.
        """

    def part(self, start: int, stop: int, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """The samples from `start` to before `stop`; what comes before is read and dropped where it has to be.

        Args:
            start: first sample.
            stop: the one after the last.
            length: of a block at most.

        Shapes:
            Yields: (channels, samples) float32.

        Raises:
            AcoustillError: see `blocks`.
        """
        first = 0
        for block in self.blocks(length):
            wanted = block[:, max(0, start - first) : max(0, stop - first)]
            first += block.shape[1]
            if wanted.shape[1]:
                yield wanted
            if first >= stop:
                return

    def read(self) -> np.ndarray:
        """The whole recording.

        Shapes:
            Output: (channels, samples) float32.
        """
        signals = np.empty((self.channels, self.samples), np.float32)
        start = 0
        for block in self.blocks():
            signals[:, start : start + block.shape[1]] = block
            start += block.shape[1]
        return signals


class ArraySource(SignalSource):
    """Samples that lie in an array or in a memory map of one.

    Args:
        path: where they come from, for messages.
        signals: the samples; integers are scaled to full scale.
        rate: sample rate in hertz.

    Shapes:
        signals: (channels, samples).

    Raises:
        AcoustillError: if the array is of another shape or kind, or empty.
    """

    def __init__(self, path: Path, signals: np.ndarray, rate: int) -> None:
        if signals.ndim != 2:
            raise bad_input(path, "shape", signals.shape, "(channels, samples)")
        self.path, self.rate = path, rate
        self.channels, self.samples = signals.shape
        self._signals = signals
        self._scale, self.scaling = full_scale(signals.dtype, path)
        if not self.samples:
            raise bad_input(path, "length", "0 samples", "at least one sample")

    def blocks(self, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """See `SignalSource.blocks`."""
        return self.part(0, self.samples, length)

    def part(self, start: int, stop: int, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """See `SignalSource.part`."""
        stop = min(stop, self.samples)
        for first in range(start, stop, length):
            yield scaled(self._signals[:, first : min(first + length, stop)], self._scale)


class ChannelSource(SignalSource):
    """Some channels of another recording, in any order.

    Args:
        source: the recording.
        channels: numbers of its channels.

    Raises:
        AcoustillError: if the recording has fewer channels.
    """

    def __init__(self, source: SignalSource, channels: Sequence[int]) -> None:
        if max(channels) >= source.channels:
            raise bad_input(source.path, "number of channels", source.channels, f"at least {max(channels) + 1}")
        self.path, self.rate, self.samples, self.scaling = source.path, source.rate, source.samples, source.scaling
        self.channels = len(channels)
        self._source, self._chosen = source, list(channels)

    def blocks(self, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """See `SignalSource.blocks`."""
        for block in self._source.blocks(length):
            yield block[self._chosen]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what the system says of a recording that cannot be read into an error of that recording.

    Raises:
        AcoustillError: naming it, in place of OSError and UnicodeError.
    """
    try:
        yield
    except OSError as error:
        raise AcoustillError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeError as error:
        raise AcoustillError(f"{path}: cannot be read (its name is not UTF-8)") from error


def scaled(samples: np.ndarray, scale: float) -> np.ndarray:
    """A contiguous float32 copy of samples, times `scale`."""
    block = np.array(samples, dtype=np.float32, order="C")
    if scale != 1.0:
        block *= np.float32(scale)
    return block


def full_scale(dtype: np.dtype, where: Path) -> tuple[float, str | None]:
    """The factor that brings samples of a type to full scale, and a sentence that says so.

    Raises:
        AcoustillError: if the type holds no samples. Unsigned and 64-bit integers are refused: where their
            zero or their full scale lies is anybody's guess.
    """
    if dtype.kind == "f":
        return 1.0, None
    if dtype.kind == "i" and dtype.itemsize <= 4:
        largest = 2 ** (8 * dtype.itemsize - 1)
        return 1.0 / largest, f"{dtype.name} samples divided by {largest}, full scale"
    raise bad_input(where, "type of the samples", dtype.name, "floating point, int8, int16 or int32")

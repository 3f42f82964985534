"""The samples of recordings as their files hold them: integers stay integers, from any sample on, at any rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.signals.opening import open_signals
from acoustill.imaging.signals.sound_files import SoundFileSource
from acoustill.imaging.signals.source import BLOCK_SAMPLES, SignalSource, readable, scaled
from acoustill.rig.rig import Rig

SEEKABLE = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC")  # exactly, to any sample
INTEGERS = {"PCM_S8": "int16", "PCM_U8": "int16", "PCM_16": "int16", "PCM_24": "int32", "PCM_32": "int32"}
RUN_IN_S = 0.1  # of a resampler before what is wanted of it: its filters are ten times shorter


@dataclass(frozen=True)
class StoredSamples:
    """A recording in the type that its file has, or in single precision if that is another one than int16 or int32.

    Attributes:
        source: the recording.
        dtype: of the samples.
        scale: what they are multiplied by to full scale.
        seekable: whether a sound file is read from any sample on; otherwise see `SignalSource.part`.
    """

    source: SignalSource
    dtype: np.dtype
    scale: float
    seekable: bool

    def blocks(
        self, start: int, stop: int, length: int = BLOCK_SAMPLES, finite: Sequence[int] = ()
    ) -> Iterator[np.ndarray]:
        """Samples from `start` to before `stop`.

        Args:
            start: first sample.
            stop: the one after the last.
            length: of a block at most.
            finite: channels whose samples have to be finite.

        Shapes:
            Yields: (channels, samples) of `dtype`.

        Raises:
            AcoustillError: if the file ends before, cannot be read, or a sample is not finite that has to be.
        """
        blocks = self._sought(start, stop, length) if self.seekable else self.source.part(start, stop, length)
        with readable(self.source.path):
            done = start
            for block in blocks:
                self._check_finite(block, done, finite)
                done += block.shape[1]
                yield block
        if done < stop:
            raise AcoustillError(f"{self.source.path}: truncated, {done} of {stop} samples can be read")

    def _sought(self, start: int, stop: int, length: int) -> Iterator[np.ndarray]:
        try:
            with soundfile.SoundFile(self.source.path) as file:
                file.seek(start)
                while start < stop and len(block := file.read(min(length, stop - start), str(self.dtype), True)):
                    start += len(block)
                    yield np.ascontiguousarray(block.T)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AcoustillError(f"{self.source.path}: not a readable sound file ({error})") from error

    def _check_finite(self, block: np.ndarray, first: int, channels: Sequence[int]) -> None:
        """Refuses a block, from sample `first` on, in which one of these channels is not finite."""
        if self.dtype.kind != "f":
            return
        for channel in channels:
            finite = np.isfinite(block[channel])
            if not finite.all():
                sample = int(np.argmin(finite))
                time_s = (first + sample) / self.source.rate
                where = f"sample {first + sample} of channel {channel}, at {time_s:.6g} s,"
                raise bad_input(self.source.path, where, block[channel, sample], "a finite number")

    def samples_at(self, rate: int) -> int:
        """How many samples the whole recording has at a sample rate."""
        return self.source.samples * rate // self.source.rate

    def full_scale(
        self, rate: int, start: int, stop: int, length: int = BLOCK_SAMPLES, finite: Sequence[int] = ()
    ) -> Iterator[np.ndarray]:
        """Samples in full scale, as floating-point numbers, at any sample rate.

        They are resampled by soxr in its best quality, a block at a time, and on the same instants whatever the start.

        Args:
            rate: in hertz.
            start: first sample at that rate.
            stop: the one after the last.
            length: of a block, before resampling.
            finite: channels whose samples have to be finite.

        Shapes:
            Yields: (channels, samples) float32.

        Raises:
            AcoustillError: see `blocks`.
        """
        old, channels = self.source.rate, self.source.channels
        if rate == old:
            for block in self.blocks(start, stop, length, finite):
                yield scaled(block, self.scale)
            return
        common = math.gcd(old, rate)  # instants that both rates have follow each other by 1 / common
        instant = max(0, start * common // rate - math.ceil(RUN_IN_S * common))
        first, skipped = instant * old // common, start - instant * rate // common
        last = min(self.source.samples, math.ceil(stop * old / rate) + math.ceil(RUN_IN_S * old))
        resampler = soxr.ResampleStream(old, rate, channels, dtype="float32", quality="VHQ")
        left = stop - start
        for block in self.blocks(first, last, length, finite):
            first += block.shape[1]
            out = resampler.resample_chunk(np.ascontiguousarray(scaled(block, self.scale).T), last=first == last).T
            dropped = min(skipped, out.shape[1])
            skipped -= dropped
            out = out[:, dropped : dropped + left]
            left -= out.shape[1]
            if out.shape[1]:
                yield np.ascontiguousarray(out)


def open_stored(
    path: Path, rig: Rig | None = None, sample_rate: int | None = None, channels: int | None = None
) -> StoredSamples:
    """Opens a recording, see `open_signals`.

    Args:
        path: the file or folder.
        rig: gives what the file does not say.
        sample_rate: of files that do not say theirs, in place of the rig's.
        channels: likewise.

    Raises:
        AcoustillError: see `open_signals`.
    """
    try:
        source = open_signals(path, rig, sample_rate=sample_rate, channels=channels)
    except AcoustillError:
        if sample_rate is None:
            raise
        source = open_signals(path, rig, channels=channels)  # it may say another rate of its own
    if not isinstance(source, SoundFileSource):
        return StoredSamples(source, np.dtype(np.float32), 1.0, False)
    try:
        about = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AcoustillError(f"{path}: not a readable sound file ({error})") from error
    seekable = about.format in SEEKABLE
    dtype = np.dtype(INTEGERS.get(about.subtype, "float32") if seekable else "float32")
    return StoredSamples(source, dtype, 1.0 if dtype.kind == "f" else 2.0 ** (1 - 8 * dtype.itemsize), seekable)


def check_length(stored: StoredSamples, samples: int, samples_per_frame: int) -> None:
    """Refuses recordings that are shorter than a video frame.

    Raises:
        AcoustillError: naming the file.
    """
    if samples < samples_per_frame:
        expected = f"at least one frame of {samples_per_frame} samples"
        raise bad_input(stored.source.path, "length", f"{samples} samples", expected)

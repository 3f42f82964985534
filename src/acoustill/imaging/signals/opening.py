"""Recordings from files of many kinds, checked before anything is computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.signals.array_files import FrameFolderSource, Hdf5Source, frame_files, npy_source
from acoustill.imaging.signals.sound_files import SoundFileSource
from acoustill.imaging.signals.source import BLOCK_SAMPLES, HIGHEST_RATE, SignalSource, readable
from acoustill.rig.rig import Rig


def open_signals(
    path: str | Path, rig: Rig | None = None, *, sample_rate: int | None = None, channels: int | None = None
) -> SignalSource:
    """Opens a recording to be read in blocks; its content, not its name, says of what kind it is.

    - sound files: WAV with any number of channels (extensible, RF64 and W64 too), FLAC, all that libsndfile reads;
    - HDF5 as Acoular writes it: dataset `time_data` (samples, channels) with the attribute `sample_freq`;
    - a NumPy array, (channels, samples) or (samples, channels);
    - a folder of `A_000000.npy`, ..., one array a video frame, as in AVIA.

    The last two say neither rate nor which axis is which: they need the rig or what stands for it.

    Args:
        path: the file or folder.
        rig: gives what the file does not say.
        sample_rate: in hertz, in place of the rig's; it must be the file's, if that states one.
        channels: in place of the rig's.

    Raises:
        AcoustillError: if the recording is missing, of no kind above, truncated or empty, or if something is
            needed that neither the file nor the arguments say.
    """
    path = Path(path)
    if sample_rate is not None and not 0 < sample_rate <= HIGHEST_RATE:
        raise bad_input(path, "sample rate given", f"{sample_rate} Hz", f"a positive number, at most {HIGHEST_RATE}")
    with readable(path):
        str(path).encode()  # names are kept with what is made of recordings
        source = _source(path, rig, sample_rate, channels)
    if sample_rate is not None and source.rate != sample_rate:
        raise bad_input(path, "sample rate", f"{source.rate} Hz", f"{sample_rate} Hz, the one given")
    return source


def _source(path: Path, rig: Rig | None, sample_rate: int | None, channels: int | None) -> SignalSource:
    """The source of a file of whatever kind."""
    kind = _kind(path)
    count, rate = channels, sample_rate
    if rig is not None:
        count, rate = count or rig.channels, rate or rig.sample_rate
    if kind in ("array", "folder"):
        if count is None:
            raise bad_input(path, "number of channels", "not said by the file", "a rig that says it")
        if rate is None:
            raise bad_input(path, "sample rate", "not said by the file", "it to be given (--sample-rate) or a rig")
        return npy_source(path, count, rate) if kind == "array" else FrameFolderSource(path, count, rate)
    return Hdf5Source(path, sample_rate, count) if kind == "hdf5" else SoundFileSource(path)


def read_signals(
    path: str | Path, rig: Rig | None = None, *, sample_rate: int | None = None, channels: int | None = None
) -> tuple[np.ndarray, int]:
    """Reads every channel of a recording at once; see `open_signals` for the kinds of files and the arguments.

    Returns:
        Signals, (channels, samples) float32, and the sample rate in hertz. Integers are in full scale.

    Raises:
        AcoustillError: as `open_signals`.
    """
    source = open_signals(path, rig, sample_rate=sample_rate, channels=channels)
    return source.read(), source.rate


def check_shape(signals: np.ndarray, rig: Rig, where: str | Path) -> None:
    """Refuses signals of another shape than the rig's.

    Shapes:
        signals: (channels, samples).

    Raises:
        AcoustillError: saying how many channels there are.
    """
    if signals.ndim != 2 or signals.shape[0] != rig.channels:
        found = f"{signals.shape[0]}" if signals.ndim == 2 else f"of an array of shape {signals.shape}"
        raise bad_input(where, "number of channels", found, f"{rig.channels}, those of rig {rig.name}")


def check_channels(signals: np.ndarray, rig: Rig, where: str | Path, first: int = 0) -> None:
    """Refuses signals of another shape than the rig's, or with samples of working channels that are not finite.

    Args:
        signals: of all channels.
        rig: that recorded them.
        where: the file, for messages.
        first: number of the first sample in the recording.

    Shapes:
        signals: (channels, samples).

    Raises:
        AcoustillError: naming the first channel and sample that is at fault.
    """
    check_shape(signals, rig, where)
    for channel in rig.working:
        finite = np.isfinite(signals[channel])
        if not finite.all():
            sample = int(np.argmin(finite))
            raise bad_input(
                where, f"sample {first + sample} of channel {channel}", signals[channel, sample], "a finite number"
            )


def check_signals(signals: np.ndarray, sample_rate: int, rig: Rig, where: str | Path) -> None:
    """Refuses a recording that the rig cannot have made, or from which nothing can be seen.

    Shapes:
        signals: (channels, samples).

    Raises:
        AcoustillError: if rate or channels are not the rig's, a sample is not finite, every working channel
            is silent, or there is not one whole frame.
    """
    _check_rate(sample_rate, rig, where)
    check_channels(signals, rig, where)
    _check_length(signals.shape[1], rig, where)
    if not signals[rig.working].any():
        raise _silent(where)


def checked_blocks(source: SignalSource, rig: Rig, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
    """The blocks of a recording, checked as `check_signals` does on the way.

    What can be known before is refused by the call itself; samples that are not finite with their block, and
    a recording that is silent at its end: nothing may be renamed into its place before the iterator ends.

    Shapes:
        Yields: (channels, samples) float32.

    Raises:
        AcoustillError: as `check_signals`.
    """
    _check_rate(source.rate, rig, source.path)
    if source.channels != rig.channels:
        expected = f"{rig.channels}, those of rig {rig.name}"
        raise bad_input(source.path, "number of channels", source.channels, expected)
    _check_length(source.samples, rig, source.path)
    return _checked(source.blocks(length), rig, source.path)


def _checked(blocks: Iterable[np.ndarray], rig: Rig, where: Path) -> Iterator[np.ndarray]:
    start, heard = 0, False
    with readable(where):
        for block in blocks:
            check_channels(block, rig, where, start)
            heard = heard or bool(block[rig.working].any())
            start += block.shape[1]
            yield block
    if not heard:
        raise _silent(where)


def _kind(path: Path) -> str:
    """`folder`, `hdf5`, `array` or `sound`, by what the file begins with."""
    if path.is_dir() and frame_files(path):
        return "folder"
    if not path.is_file():
        return "sound"  # whose reader says that there is none
    with path.open("rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return "hdf5"
    return "array" if start[:6] == b"\x93NUMPY" else "sound"


def _check_rate(sample_rate: int, rig: Rig, where: str | Path) -> None:
    if sample_rate != rig.sample_rate:
        raise bad_input(where, "sample rate", f"{sample_rate} Hz", f"{rig.sample_rate} Hz, that of rig {rig.name}")


def _check_length(samples: int, rig: Rig, where: str | Path) -> None:
    if samples < rig.samples_per_frame:
        expected = f"at least one frame of {rig.samples_per_frame} samples"
        raise bad_input(where, "length", f"{samples} samples", expected)


def _silent(where: str | Path) -> AcoustillError:
    return bad_input(where, "every sample", "zero", "sound in at least one working channel")

"""HDF5 files, NumPy arrays and AVIA's folders of arrays as recordings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.signals.source import BLOCK_SAMPLES, HIGHEST_RATE, ArraySource, SignalSource, full_scale, scaled

FRAME_FILE = re.compile(r"A_(\d+)\.npy")


class Hdf5Source(SignalSource):
    """The dataset `time_data`, (samples, channels), as Acoular writes it; its attribute `sample_freq` is the rate.

    Args:
        path: the file.
        sample_rate: for files without the attribute.
        channels: of the rig, if it is known.

    Raises:
        AcoustillError: if the file is no HDF5, the dataset or its rate is missing or of another kind, or as many
            samples are there as the rig has channels.
    """

    def __init__(self, path: Path, sample_rate: int | None = None, channels: int | None = None) -> None:
        import h5py

        self.path = path
        try:
            with h5py.File(path, "r") as file:
                data = file.get("time_data")
                if not isinstance(data, h5py.Dataset):
                    raise AcoustillError(f"{path}: dataset time_data is missing (the file has {_content(file)})")
                if data.ndim != 2 or not all(data.shape):
                    raise bad_input(path, "shape of time_data", data.shape, "(samples, channels)")
                if data.shape[0] == channels != data.shape[1]:
                    raise bad_input(path, "shape of time_data", data.shape, "(samples, channels); is it transposed?")
                self._scale, self.scaling = full_scale(data.dtype, path)
                self.samples, self.channels = data.shape
                stated = data.attrs.get("sample_freq", sample_rate)
                has = ", ".join(data.attrs) or "none"
        except OSError as error:
            raise AcoustillError(f"{path}: not a readable HDF5 file ({error})") from error
        if stated is None:
            found = f"missing (time_data has the attributes {has})" if has != "none" else "missing"
            raise bad_input(path, "attribute sample_freq", found, "the sample rate in hertz, there or by --sample-rate")
        self.rate = _whole_rate(stated, path)

    def blocks(self, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """See `SignalSource.blocks`."""
        return self.part(0, self.samples, length)

    def part(self, start: int, stop: int, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """See `SignalSource.part`."""
        import h5py

        stop = min(stop, self.samples)
        try:
            with h5py.File(self.path, "r") as file:
                for first in range(start, stop, length):
                    yield scaled(file["time_data"][first : min(first + length, stop)].T, self._scale)
        except OSError as error:
            raise AcoustillError(f"{self.path}: truncated or broken ({error})") from error


def npy_source(path: Path, channels: int, sample_rate: int) -> SignalSource:
    """A NumPy array as a memory map, (channels, samples) or (samples, channels).

    Args:
        path: the file.
        channels: of the rig; the axis of this length is that of the channels.
        sample_rate: in hertz.

    Raises:
        AcoustillError: if the file is no array, no axis or each of both is as long as the rig has channels.
    """
    array = _map(path)
    if array.ndim == 1 and channels == 1:
        array = array[None]
    if array.ndim != 2 or channels not in array.shape:
        expected = f"({channels}, samples) or (samples, {channels}): the rig has {channels} channels"
        raise bad_input(path, "shape", array.shape, expected)
    if array.shape == (channels, channels):
        raise bad_input(path, "shape", array.shape, f"one axis only of {channels}, the number of channels")
    return ArraySource(path, array if array.shape[0] == channels else array.T, sample_rate)


def frame_files(path: Path) -> dict[int, Path]:
    """The `A_000000.npy`, ... of a folder by their numbers."""
    return {int(match[1]): file for file in path.iterdir() if (match := FRAME_FILE.fullmatch(file.name))}


class FrameFolderSource(SignalSource):
    """A folder of `A_000000.npy`, `A_000001.npy`, ..., one for each video frame, as in AVIA.

    AVIA (Perez et al. 2020) keeps int32 arrays of 1,024 samples x 128 microphones at 12 frames/s. The first
    number is that of the first file; from there on none may be missing.

    Args:
        path: the folder.
        channels: of the rig; the axis of this length is that of the channels.
        sample_rate: in hertz.

    Raises:
        AcoustillError: naming the file that is missing, or differs from the first.
    """

    def __init__(self, path: Path, channels: int, sample_rate: int) -> None:
        found = frame_files(path)
        numbers = sorted(found)
        for number, expected in zip(numbers, range(numbers[0], numbers[-1] + 1), strict=False):
            if number != expected:
                raise AcoustillError(f"{path / f'A_{expected:06d}.npy'}: missing, while {found[number].name} is there")
        self.path, self.rate, self.channels = path, sample_rate, channels
        self._files = [found[number] for number in numbers]
        first = _map(self._files[0])
        one_axis = first.ndim == 2 and first.size > 0 and (first.shape[0] == channels) != (first.shape[1] == channels)
        if not one_axis:
            expected_shape = f"(samples, {channels}) or ({channels}, samples): the rig has {channels} channels"
            raise bad_input(self._files[0], "shape", first.shape, expected_shape)
        self._shape, self._dtype = first.shape, first.dtype
        self._scale, self.scaling = full_scale(first.dtype, self._files[0])
        self._turned = first.shape[0] != channels
        size = self._files[0].stat().st_size
        for file in self._files:  # before hours of work are spent on the good ones
            if file.stat().st_size != size:
                self._frame(file)
        self._frame_samples = first.size // channels
        self.samples = self._frame_samples * len(self._files)

    def blocks(self, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """See `SignalSource.blocks`; blocks hold whole files, so they are as long as asked for or a little less."""
        return self.part(0, self.samples, length)

    def part(self, start: int, stop: int, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
        """See `SignalSource.part`; blocks hold whole files, but for the first and the last one."""
        at_once, stop = max(1, length // self._frame_samples), min(stop, self.samples)
        after = -(-stop // self._frame_samples)
        for number in range(start // self._frame_samples, after, at_once):
            frames = [self._frame(file) for file in self._files[number : min(number + at_once, after)]]
            first = number * self._frame_samples
            yield np.concatenate(frames, axis=1)[:, max(0, start - first) : stop - first]

    def _frame(self, file: Path) -> np.ndarray:
        array = _map(file)
        if array.shape != self._shape or array.dtype != self._dtype:
            expected = f"{self._dtype} {self._shape} as in {self._files[0].name}"
            raise bad_input(file, "array", f"{array.dtype} {array.shape}", expected)
        return scaled(array.T if self._turned else array, self._scale)


def _map(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise AcoustillError(f"{path}: not a readable NumPy array, or truncated ({error})") from error
    if not isinstance(array, np.ndarray):
        raise AcoustillError(f"{path}: holds several arrays, expected one .npy array")
    return array


def _content(file: object) -> str:
    """Names of the datasets of an HDF5 file, wherever they lie."""
    import h5py

    names: list[str] = []
    file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)  # type: ignore[attr-defined]
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "") if names else "no dataset"


def _whole_rate(stated: object, path: Path) -> int:
    values = np.ravel(np.asarray(stated))
    usable = values.size == 1 and values.dtype.kind in "fiu" and 0 < values[0] <= HIGHEST_RATE
    if not usable or values[0] != round(float(values[0])):
        expected = f"a positive, whole number of hertz, at most {HIGHEST_RATE}"
        raise bad_input(path, "attribute sample_freq", stated, expected)
    return round(float(values[0]))

"""Files that hold one frame of a recording each: array audio, and uncompressed pictures."""

from __future__ import annotations

import os
import stat
import struct
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.signals.source import readable

LARGEST_BYTES = 64 * 2**20  # of one frame: ten times the audio of 1,024 microphones, or a picture of 4K
PICTURE_HEADER_BYTES = 54


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Opens a file to read it; pipes and devices are refused, which can keep a reader waiting for ever.

    Raises:
        AcoustillError: if it is no regular file, or cannot be opened or read.
    """

    def without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with readable(path), open(path, "rb", opener=without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise AcoustillError(f"{path}: a pipe or a device, expected a file")
        yield file


def read_whole(path: Path, largest_bytes: int = LARGEST_BYTES) -> bytes:
    """The bytes of a file.

    Raises:
        AcoustillError: if it cannot be read, is no regular file, or is larger than it may be.
    """
    with open_regular(path) as file:
        content = file.read(largest_bytes + 1)
    if len(content) > largest_bytes:
        raise bad_input(path, "size", f"more than {largest_bytes} bytes", "a file of one frame")
    return content


def read_audio(path: Path, samples: int, channels: Collection[int]) -> np.ndarray:
    """What the microphones recorded during one frame, from a `.npy` file or from the bare numbers of a `.dc` file.

    Args:
        path: of the file. The numbers of a `.dc` file are int32, little-endian, all microphones of a sample together.
        samples: in a frame.
        channels: how many the file may hold.

    Shapes:
        Output: (channels, samples) int32.

    Raises:
        AcoustillError: if the file is missing, damaged or cut short, or holds something else.
    """
    raw = read_whole(path)
    if path.suffix.lower() == ".npy":
        return _read_npy(path, raw, samples, channels)
    found, rest = divmod(len(raw), 4 * samples)
    if rest or found not in channels:
        expected = " or ".join(str(4 * samples * count) for count in sorted(channels))
        raise bad_input(path, "number of bytes", len(raw), f"{expected}, {samples} int32 samples a microphone")
    return np.frombuffer(raw, "<i4").reshape(found, samples, order="F")


def _read_npy(path: Path, raw: bytes, samples: int, channels: Collection[int]) -> np.ndarray:
    file = BytesIO(raw)
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy warns of headers as Python 2 wrote them
            shape, fortran_order, dtype = read_header(file)
    except Exception as error:  # of a damaged header, numpy raises what its parser raises
        raise AcoustillError(f"{path}: not a NumPy array, or damaged ({error})") from error
    if len(shape) != 2 or shape[0] not in channels or shape[1] != samples:
        expected = " or ".join(f"({count}, {samples})" for count in sorted(channels))
        raise bad_input(path, "shape", shape, expected)
    if dtype.kind != "i" or dtype.itemsize != 4:
        raise bad_input(path, "type of the samples", dtype, "int32")
    if len(raw) - file.tell() < 4 * samples * shape[0]:
        raise bad_input(path, "array", "cut short", f"{samples} samples of {shape[0]} microphones")
    array = np.frombuffer(raw, dtype, samples * shape[0], file.tell())
    return array.reshape(shape, order="F" if fortran_order else "C").astype(np.int32, copy=False)


def read_bitmap(path: Path) -> np.ndarray:
    """A picture of a BMP file with 24 bits a pixel, not compressed.

    Shapes:
        Output: (h, w, 3) uint8 RGB, row 0 at the top.

    Raises:
        AcoustillError: if the file is missing, cut short, or of another kind.
    """
    raw = read_whole(path)
    if len(raw) < PICTURE_HEADER_BYTES or not raw.startswith(b"BM"):
        raise AcoustillError(f"{path}: not a BMP picture, or cut short")
    start, _, width, height, _, bits, compression = struct.unpack_from("<IIiiHHI", raw, 10)
    if bits != 24 or compression or width <= 0 or height == 0:
        found = f"{width} x {height} pixels of {bits} bits, compression {compression}"
        raise bad_input(path, "BMP picture", found, "24 bits a pixel, not compressed")
    row_bytes = -(-3 * width // 4) * 4
    if start < PICTURE_HEADER_BYTES or len(raw) < start + row_bytes * abs(height):
        raise bad_input(path, "BMP picture", "cut short", f"{width} x {abs(height)} pixels")
    rows = np.frombuffer(raw, np.uint8, row_bytes * abs(height), start).reshape(abs(height), row_bytes)
    picture = rows[:, : 3 * width].reshape(abs(height), width, 3)[..., ::-1]
    return np.ascontiguousarray(picture if height < 0 else picture[::-1])

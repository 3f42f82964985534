"""One array of a MATLAB file, of versions 5 to 7 and of 7.3, which is HDF5.

Versions 5 to 7 are read here and not by scipy, whose reader ends the whole process on some damaged files, and takes
sizes that a file states for true. Here a file that is damaged is an error, and no more memory is taken than
LARGEST_BYTES. The format is described in "MAT-File Format" (The MathWorks, 2024).
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from acoustill.archive.importers.frame_files import read_whole
from acoustill.errors import AcoustillError

LARGEST_BYTES = 64 * 2**20  # of a file, and of the array in it: 400 times a map of 36 x 48 x 12 numbers
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HDF5_STARTS = (0, 512)  # MATLAB puts its own header of 512 bytes in front

HEADER_BYTES, TAG_BYTES = 128, 8
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
OTHER_CLASSES = {1: "a cell array", 2: "a struct", 3: "an object", 4: "text", 5: "a sparse matrix", 17: "an object"}
COMPLEX = 0x800  # of the flags of an array
BEGINNING_BYTES = 512  # enough for flags, axes and name of a variable

HDF5_CLASSES = frozenset(np.dtype(kind).name for kind in CLASSES.values() if kind[0] != "f") | {"double", "single"}


class _DamagedError(Exception):
    """Why a file is not what it should be, as the end of a sentence."""


class _Array(NamedTuple):
    """What a file says of one of its arrays before the numbers come."""

    name: str
    kind: int
    is_complex: bool
    axes: tuple[int, ...]
    numbers_at: int


def read_array(path: Path, variable: str, axes: int = 3) -> np.ndarray:
    """One array of real numbers.

    Args:
        path: of the file.
        variable: name of the array.
        axes: how many it has; where MATLAB has dropped last axes of length one, they are put back.

    Shapes:
        Output: `axes` axes in MATLAB's order, of the type that the array has in MATLAB; never empty.

    Raises:
        AcoustillError: if the file is missing, damaged, cut short, no MATLAB file or of version 4, or if the
            variable is missing, too large, or not such an array of real numbers.
    """
    raw = read_whole(path, LARGEST_BYTES)
    try:
        if any(raw.startswith(HDF5_SIGNATURE, start) for start in HDF5_STARTS):
            array = _read_hdf5(path, variable)
        else:
            array = _read_version_5(raw, variable)
        if array.ndim > axes:
            raise _DamagedError(f"is of shape {array.shape}, expected {axes} axes")
    except _DamagedError as problem:
        raise AcoustillError(f"{path}: variable {variable} {problem}") from None
    return array.reshape(array.shape + (1,) * (axes - array.ndim))


def _absent(names: Iterable[object]) -> str:
    there = [str(name) for name in names if str(name).isprintable() and str(name)]
    return f"is not there{'; the file holds ' + ', '.join(there[:8]) if there else ''}"


def _check_size(axes: tuple[int, ...], item_bytes: int) -> None:
    if 0 in axes:
        raise _DamagedError("is empty")
    if math.prod(axes) * item_bytes > LARGEST_BYTES:
        raise _DamagedError(f"is of shape {axes}, larger than any acoustic image")


def _read_version_5(raw: bytes, variable: str) -> np.ndarray:
    order = {b"IM": "<", b"MI": ">"}.get(raw[HEADER_BYTES - 2 : HEADER_BYTES])
    if order is None or not any(raw[:4]):
        raise _DamagedError("cannot be read, for this is no MATLAB file of version 5 to 7.3")
    names = []
    for body, is_compressed in _elements(raw, order):
        found = _beginning(_inflate(body, BEGINNING_BYTES) if is_compressed else body, order)
        if found is None:
            continue
        if found.name == variable:
            return _numbers(body, is_compressed, found, order)
        names.append(found.name)
    raise _DamagedError(_absent(names))


def _elements(raw: bytes, order: str) -> Iterator[tuple[bytes, bool]]:
    """The parts of a file that may be arrays, and whether they are compressed."""
    at = HEADER_BYTES
    while at + TAG_BYTES <= len(raw):
        kind, size = struct.unpack_from(order + "II", raw, at)
        at += TAG_BYTES
        if kind in (MATRIX, COMPRESSED):
            body = raw[at : at + size]
            if len(body) < size:
                raise _DamagedError("cannot be read, for the file is cut short")
            if kind == MATRIX:
                body = struct.pack(order + "II", kind, size) + body
            yield body, kind == COMPRESSED
        at += size


def _inflate(body: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, most)
    except zlib.error as error:
        raise _DamagedError(f"cannot be read, for the file is damaged ({error})") from None


def _part(matrix: bytes, at: int, order: str) -> tuple[int, int, int, int]:
    """A part of an array: type of its numbers, where they begin, how many bytes they are, where the next part is."""
    if at + TAG_BYTES > len(matrix):
        raise _DamagedError("cannot be read, for the file is damaged (a part of it is missing)")
    (kind,) = struct.unpack_from(order + "I", matrix, at)
    if kind >> 16:  # a part of up to four bytes, which lie in the tag
        return kind & 0xFFFF, at + 4, kind >> 16, at + TAG_BYTES
    (size,) = struct.unpack_from(order + "I", matrix, at + 4)
    start = at + TAG_BYTES
    return kind, start, size, start + -(-size // 8) * 8


def _beginning(matrix: bytes, order: str) -> _Array | None:
    """What comes before the numbers of an array; None if this is none, or one of another kind of file."""
    if len(matrix) < TAG_BYTES or struct.unpack_from(order + "I", matrix)[0] != MATRIX:
        return None
    _, start, size, at = _part(matrix, TAG_BYTES, order)
    if size != 8 or start + size > len(matrix):
        return None
    (flags,) = struct.unpack_from(order + "I", matrix, start)
    kind, axes = flags & 0xFF, ()
    if kind != 17:  # objects have no axes
        _, start, size, at = _part(matrix, at, order)
        if size % 4 or not 8 <= size <= 128 or start + size > len(matrix):
            raise _DamagedError("cannot be read, for the file is damaged (axes of an array)")
        axes = struct.unpack_from(f"{order}{size // 4}i", matrix, start)
    _, start, size, at = _part(matrix, at, order)
    if start + size > len(matrix):
        raise _DamagedError("cannot be read, for the file is damaged (name of an array)")
    name = matrix[start : start + size].decode("ascii", "replace")
    return _Array(name, kind, bool(flags & COMPLEX), axes, at)


def _numbers(body: bytes, is_compressed: bool, array: _Array, order: str) -> np.ndarray:
    """The numbers of an array whose beginning is known."""
    if array.kind not in CLASSES or array.is_complex:
        what = OTHER_CLASSES.get(array.kind, "of a kind unknown") if array.kind not in CLASSES else "complex"
        raise _DamagedError(f"is {what}, expected real numbers")
    if min(array.axes) < 0:
        raise _DamagedError(f"is of shape {array.axes}")
    _check_size(array.axes, 8)
    if is_compressed:
        body = _inflate_all(body, array.numbers_at + TAG_BYTES + math.prod(array.axes) * 8 + 8)
    kind, start, size, _ = _part(body, array.numbers_at, order)
    stored = np.dtype(order + NUMBERS[kind]) if kind in NUMBERS else None
    if stored is None or size != math.prod(array.axes) * stored.itemsize or start + size > len(body):
        raise _DamagedError("cannot be read, for the file is damaged (numbers of an array)")
    numbers = np.frombuffer(body, stored, math.prod(array.axes), start)
    with np.errstate(invalid="ignore"):  # only a damaged file stores numbers that its class cannot hold
        return numbers.astype(CLASSES[array.kind]).reshape(array.axes, order="F")


def _inflate_all(body: bytes, most: int) -> bytes:
    """All of a compressed part, whose own checksum is held against it."""
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(body, most)
        if not inflater.eof:  # what is left may be no more than the checksum
            content += inflater.decompress(inflater.unconsumed_tail, 1)
    except zlib.error as error:
        raise _DamagedError(f"cannot be read, for the file is damaged ({error})") from None
    if not inflater.eof:
        raise _DamagedError("cannot be read, for the file is damaged (a compressed part does not end where it should)")
    return content


def _read_hdf5(path: Path, variable: str) -> np.ndarray:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if variable not in file:
                raise _DamagedError(_absent(file))
            dataset = file[variable]
            if not isinstance(file.get(variable, getlink=True), h5py.HardLink):
                raise _DamagedError("is a link")
            if not isinstance(dataset, h5py.Dataset):
                raise _DamagedError("is a struct or a sparse matrix, expected real numbers")
            stated = dataset.attrs.get("MATLAB_class", b"double")
            stated = stated.decode("ascii", "replace") if isinstance(stated, bytes) else str(stated)
            if stated not in HDF5_CLASSES or dataset.dtype.kind not in "iuf" or dataset.dtype.itemsize > 8:
                raise _DamagedError(f"is {stated} of type {dataset.dtype}, expected real numbers")
            if "MATLAB_empty" in dataset.attrs:
                raise _DamagedError("is empty")
            if dataset.is_virtual or dataset.external:
                raise _DamagedError("stands in another file")
            _check_size(dataset.shape, 8)
            if dataset.chunks is not None:
                _check_size(dataset.chunks, 8)
                if len(dataset.chunks) != dataset.ndim:
                    raise _DamagedError("cannot be read, for the file is damaged (axes of its parts)")
            return np.ascontiguousarray(dataset[()].T).astype(dataset.dtype.newbyteorder("="), copy=False)
    except _DamagedError:
        raise
    except Exception as error:  # of a damaged file, h5py raises whatever its parts raise
        what = " ".join(str(error).split())
        raise _DamagedError(f"cannot be read, for the file is damaged ({what})") from None

"""Arrays that are written while they come, in bounded memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from acoustill.files import file_hash


class ArrayWriter:
    """A `.npy` file of a known shape, as `numpy.save` writes it, in blocks.

    It is written by ordinary writes and not through a memory map: a full disk is then an error, and no crash.

    Args:
        path: of the file.
        shape: of the whole array.
        dtype: of the array.

    Attributes:
        finite: whether all values so far are.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype | type) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self.finite = True
        self._file = path.open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._start = self._file.tell()
        self._rows = self._columns = 0

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    @property
    def whole(self) -> bool:
        """Whether all values have come."""
        return self._rows == self.shape[0] or (len(self.shape) == 2 and self._columns == self.shape[1])

    def sha256(self) -> str:
        """Of the file, once it is closed."""
        return file_hash(self.path)

    def append(self, rows: np.ndarray) -> None:
        """The next rows, along the first axis."""
        assert rows.shape[1:] == self.shape[1:]
        assert self._rows + len(rows) <= self.shape[0]
        self._file.write(self._checked(rows).tobytes())
        self._rows += len(rows)

    def append_columns(self, block: np.ndarray) -> None:
        """The next columns of a matrix; what goes beyond its end is left out."""
        rows, columns = self.shape
        assert block.ndim == 2
        assert len(block) == rows
        block = self._checked(block[:, : columns - self._columns])
        for row in range(rows):
            self._file.seek(self._start + (row * columns + self._columns) * self.dtype.itemsize)
            self._file.write(block[row].tobytes())
        self._columns += block.shape[1]

    def _checked(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(values, dtype=self.dtype)
        if self.dtype.kind == "f":
            self.finite = self.finite and bool(np.isfinite(values).all())
        return values

"""Arrays that grow on disk: what must be seen as a whole before it is drawn, without filling memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np


class Spool:
    """Rows of one shape and type in a temporary file that goes with the object.

    Args:
        folder: where the file is made; by default where temporary files are.

    Example:
        >>> with Spool() as spool:
        ...     spool.append(np.zeros((2, 3), np.float32))
        ...     spool.append(np.ones((1, 3), np.float32))
        ...     spool.array().sum(axis=1).tolist()
        [0.0, 0.0, 3.0]
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(prefix=".acoustill-", suffix=".part", dir=folder)  # noqa: SIM115 (closed by __exit__)
        self._rows, self._shape, self._dtype = 0, (0,), np.dtype(np.float32)

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, rows: np.ndarray) -> None:
        """Adds rows; all appended arrays are equal in type and in all axes but the first."""
        self._file.write(np.ascontiguousarray(rows).tobytes())
        self._rows, self._shape, self._dtype = self._rows + len(rows), rows.shape[1:], rows.dtype

    def array(self) -> np.ndarray:
        """All rows so far, a read-only memory map."""
        shape = (self._rows, *self._shape)
        if not self._rows:
            return np.zeros(shape, self._dtype)
        self._file.flush()
        return np.memmap(self._file, self._dtype, mode="r", shape=shape)

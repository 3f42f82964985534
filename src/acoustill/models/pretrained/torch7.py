"""Reading Torch7's binary files (`.t7`) without Torch7, and without running anything that they hold."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.errors import AcoustillError

NIL, NUMBER, STRING, TABLE, OBJECT, BOOLEAN = range(6)
FUNCTION = 6  # the oldest way of writing a function's compiled code: it has no index and is never referred to
FUNCTIONS = (7, 8)  # later ways
MOST_NESTED = 200
NUMBERS = {
    "Byte": "u1",
    "Char": "i1",
    "Short": "<i2",
    "Int": "<i4",
    "Long": "<i8",
    "Half": "<f2",
    "Float": "<f4",
    "Double": "<f8",
}
STORAGES = {
    **{f"torch.{name}Storage": np.dtype(code) for name, code in NUMBERS.items()},
    **{f"torch.Cuda{name}Storage": np.dtype(code) for name, code in NUMBERS.items()},
    "torch.CudaStorage": np.dtype("<f4"),
}
TENSORS = {name.replace("Storage", "Tensor"): kind for name, kind in STORAGES.items()}


@dataclass(eq=False)
class LuaTable:
    """A table, or an object of a class, which is a table with a name.

    Attributes:
        entries: by key; Lua's numbers are floats, and `entries[1]` finds the key 1.0.
        name: of the class; empty for a plain table.
    """

    entries: dict[Any, Any] = field(default_factory=dict)
    name: str = ""

    def listed(self) -> list[Any]:
        """The values under 1, 2, 3, and so on, as far as they go."""
        values: list[Any] = []
        while len(values) + 1 in self.entries:
            values.append(self.entries[len(values) + 1])
        return values


@dataclass(eq=False)
class LuaFunction:
    """Where a function stood; its code was skipped."""


class _BrokenError(Exception):
    """What is wrong with a file, and at which byte."""


def read_torch7(path: str | Path) -> Any:
    """The value that `torch.save` wrote, in Torch7's binary form on a 64-bit machine.

    Tables and objects become `LuaTable`, tensors and storages NumPy arrays, strings `str`, numbers `float`. What is
    referred to twice is one object; a table may hold itself. Functions are skipped. All sizes are checked against the
    length of the file before anything of that size is made.

    Args:
        path: of the file.

    Raises:
        AcoustillError: if there is no such file, or it is truncated, corrupt or of another kind; with the byte.

    References:
        File.lua, generic/Tensor.c and generic/Storage.c of github.com/torch/torch7.
    """
    path = Path(path)
    if not path.is_file():
        raise AcoustillError(f"{path}: no such file")
    reader = _Reader(path.read_bytes())
    try:
        return reader.value(0)
    except _BrokenError as error:
        raise AcoustillError(f"{path}: not a whole Torch7 file: {error}") from None


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.known: dict[int, Any] = {}
        self.unfinished: set[int] = set()

    def value(self, depth: int) -> Any:
        """The value that begins here."""
        begin = self.at
        kind = self.integer()
        if kind == NIL:
            return None
        if kind == NUMBER:
            return self.unpack("<d")
        if kind == BOOLEAN:
            return self.integer() == 1
        if kind == STRING:
            return self.string()
        if kind not in (TABLE, OBJECT, FUNCTION, *FUNCTIONS):
            raise _BrokenError(f"a value of kind {kind} at byte {begin}, expected 0 to 8")
        if depth == MOST_NESTED:
            raise _BrokenError(f"tables nested deeper than {MOST_NESTED} at byte {begin}")
        if kind == FUNCTION:
            return self.function(None, depth + 1)
        index = self.integer()
        if index in self.unfinished:
            raise _BrokenError(f"a tensor that holds itself at byte {begin}")
        if index in self.known:
            return self.known[index]
        read: Callable[[int, int], Any] = self.function
        if kind in (TABLE, OBJECT):
            read = self.table if kind == TABLE else self.object
        return read(index, depth + 1)

    def table(self, index: int, depth: int) -> LuaTable:
        count = self.count(self.integer(), 8, "entries")  # a key and a value are at least eight bytes
        table = self.known[index] = LuaTable()  # known before its entries are read: they may refer to it
        for _ in range(count):
            begin = self.at
            key = self.value(depth)
            if key is None or isinstance(key, np.ndarray):
                raise _BrokenError(f"a table with {'nil' if key is None else 'a tensor'} as key at byte {begin}")
            if key in table.entries:  # or true beside 1, which are two keys in Lua alone
                raise _BrokenError(f"a table with the key {key!r} twice at byte {begin}")
            table.entries[key] = self.value(depth)
        return table

    def object(self, index: int, depth: int) -> LuaTable | np.ndarray:
        begin = self.at
        name = self.string()
        if name.startswith("V "):  # files of before versions begin with the name of the class
            name = self.string()
        if name in STORAGES or name in TENSORS:
            self.unfinished.add(index)
            array = self.storage(STORAGES[name]) if name in STORAGES else self.tensor(TENSORS[name], depth)
            self.unfinished.discard(index)
            self.known[index] = array
            return array
        thing = self.known[index] = LuaTable(name=name)
        payload = self.value(depth)
        if not isinstance(payload, LuaTable) or payload.name:
            raise _BrokenError(f"an object of class {name!r} at byte {begin} that is not stored as a table")
        thing.entries = payload.entries
        return thing

    def function(self, index: int | None, depth: int) -> LuaFunction:
        function = LuaFunction()
        if index is not None:
            self.known[index] = function
        self.take(self.count(self.integer(), 1, "bytes"))
        self.value(depth)  # what the function refers to: other values may refer to that
        return function

    def storage(self, kind: np.dtype) -> np.ndarray:
        count = self.count(self.unpack("<q"), kind.itemsize, "numbers")
        return np.frombuffer(self.take(count * kind.itemsize), kind)

    def tensor(self, kind: np.dtype, depth: int) -> np.ndarray:
        begin = self.at
        axes = self.count(self.integer(), 16, "axes")
        shape = [self.unpack("<q") for _ in range(axes)]
        strides = [self.unpack("<q") for _ in range(axes)]
        offset = self.unpack("<q") - 1  # Lua counts from 1
        storage = self.value(depth)
        if storage is None or not axes:
            return np.zeros(0, kind)
        if not isinstance(storage, np.ndarray) or storage.ndim != 1 or storage.dtype != kind:
            raise _BrokenError(f"a tensor at byte {begin} without a storage of its type")
        numbers = math.prod(shape)
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if min(*shape, *strides, offset) < 0 or numbers > len(storage) or (numbers and last >= len(storage)):
            raise _BrokenError(f"a tensor at byte {begin} of shape {shape} outside of its {len(storage)} numbers")
        view = np.lib.stride_tricks.as_strided(storage[offset:], shape, [kind.itemsize * stride for stride in strides])
        return view.copy()

    def count(self, count: int, size: int, what: str) -> int:
        if count < 0 or count * size > len(self.content) - self.at:
            raise _BrokenError(f"{count} {what} at byte {self.at}, the file has {len(self.content)} bytes")
        return count

    def take(self, count: int) -> bytes:
        if count > len(self.content) - self.at:
            raise _BrokenError(f"it ends at byte {len(self.content)}, in the middle of a value")
        self.at += count
        return self.content[self.at - count : self.at]

    def unpack(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def integer(self) -> int:
        return self.unpack("<i")

    def string(self) -> str:
        return self.take(self.count(self.integer(), 1, "characters")).decode("utf-8", "surrogateescape")

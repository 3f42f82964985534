"""Writing Torch7's binary files, as `torch.save` of Torch7 does on a 64-bit machine."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from acoustill.models.pretrained import LuaFunction, LuaTable

NAMES = {
    "u1": "Byte",
    "i1": "Char",
    "i2": "Short",
    "i4": "Int",
    "i8": "Long",
    "f2": "Half",
    "f4": "Float",
    "f8": "Double",
}


def torch7(value: Any, versions: bool = True, cuda: bool = False) -> bytes:
    """The bytes of a value: None, numbers, strings, dictionaries, arrays, and `LuaTable` for objects of a class."""
    known: dict[int, int] = {}
    alive = []  # so that no two things get the same id

    def integer(number: int) -> bytes:
        return struct.pack("<i", number)

    def text(string: str) -> bytes:
        content = string.encode()
        return integer(len(content)) + content

    def head(name: str) -> bytes:
        return (text("V 1") if versions else b"") + text(name)

    def fresh() -> bytes:
        alive.append(object())
        known[id(alive[-1])] = len(known) + 1
        return integer(len(known))

    def tensor(array: np.ndarray) -> bytes:
        name = NAMES[array.dtype.str[1:]]
        name = ("Cuda" if name == "Float" else f"Cuda{name}") if cuda else name
        longs = [*array.shape, *(stride // array.itemsize for stride in array.strides), 1]
        flat = np.ascontiguousarray(array).ravel() if array.flags.c_contiguous else array.T.ravel()
        storage = integer(4) + fresh() + head(f"torch.{name}Storage") + struct.pack("<q", array.size) + flat.tobytes()
        return head(f"torch.{name}Tensor") + integer(array.ndim) + struct.pack(f"<{len(longs)}q", *longs) + storage

    def write(value: Any) -> bytes:
        if value is None:
            return integer(0)
        if isinstance(value, bool):
            return integer(5) + integer(int(value))
        if isinstance(value, int | float):
            return integer(1) + struct.pack("<d", value)
        if isinstance(value, str):
            return integer(2) + text(value)
        kind = integer(3 if isinstance(value, Mapping) or (isinstance(value, LuaTable) and not value.name) else 4)
        if isinstance(value, LuaFunction):
            kind = integer(8)
        if id(value) in known:
            return kind + integer(known[id(value)])
        alive.append(value)
        known[id(value)] = len(known) + 1
        index = integer(known[id(value)])
        if isinstance(value, np.ndarray):
            return kind + index + tensor(value)
        if isinstance(value, LuaFunction):
            return kind + index + text("\x1bLua compiled") + write({1: "upvalue"})
        if isinstance(value, LuaTable) and value.name:
            return kind + index + head(value.name) + write(value.entries)
        entries = value.entries if isinstance(value, LuaTable) else value
        return kind + index + integer(len(entries)) + b"".join(write(k) + write(v) for k, v in entries.items())

    return write(value)


def listed(*values: Any) -> dict[int, Any]:
    """A table with the keys 1, 2, 3 ..."""
    return dict(enumerate(values, start=1))

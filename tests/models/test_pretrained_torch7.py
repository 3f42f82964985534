from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch7_files import listed, torch7

from acoustill.errors import AcoustillError
from acoustill.models.pretrained import LuaFunction, LuaTable, read_torch7


def read(tmp_path: Path, content: bytes) -> Any:
    path = tmp_path / "a.t7"
    path.write_bytes(content)
    return read_torch7(path)


def test_values_come_back(tmp_path: Path) -> None:
    table = {1: 2.5, "name": "näme", "no": False, 2: {"inner": -1}}
    found = read(tmp_path, torch7(table))
    assert found.entries.keys() == table.keys()
    assert found.entries[1] == 2.5
    assert found.entries["name"] == "näme"
    assert found.entries["no"] is False
    assert found.entries[2].entries == {"inner": -1.0}
    assert read(tmp_path, torch7(None)) is None
    assert read(tmp_path, torch7(True)) is True


@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize("versions", [False, True])
@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8"])
def test_tensors_of_all_types(tmp_path: Path, kind: str, versions: bool, cuda: bool) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    found = read(tmp_path, torch7(array, versions, cuda))
    assert found.dtype == kind
    np.testing.assert_array_equal(found, array)


def test_tensors_with_other_strides_and_without_elements(tmp_path: Path) -> None:
    turned = np.arange(12.0).reshape(3, 4).T
    np.testing.assert_array_equal(read(tmp_path, torch7(turned)), turned)
    assert read(tmp_path, torch7(np.zeros((0,)))).size == 0


def test_what_is_referred_to_twice_is_one_and_may_hold_itself(tmp_path: Path) -> None:
    weights = np.ones(3)
    module = LuaTable({"weight": weights, "again": weights}, "nn.Linear")
    module.entries["me"] = module
    table: dict[Any, Any] = {1: module, 2: module}
    table["table"] = table
    found = read(tmp_path, torch7(table))
    assert found.entries["table"] is found
    first = found.entries[1]
    assert first is found.entries[2]
    assert first.name == "nn.Linear"
    assert first.entries["me"] is first
    assert first.entries["weight"] is first.entries["again"]
    assert [type(value) for value in found.listed()] == [LuaTable, LuaTable]


def test_functions_are_skipped(tmp_path: Path) -> None:
    found = read(tmp_path, torch7(listed(LuaFunction(), "after")))
    assert isinstance(found.entries[1], LuaFunction)
    assert found.entries[2] == "after"


WHOLE = torch7({1: np.arange(6, dtype="f4").reshape(2, 3), "b": LuaTable({"c": "text"}, "nn.ReLU"), 2: LuaFunction()})


@pytest.mark.parametrize("end", range(len(WHOLE)))
def test_truncated_files_are_refused(tmp_path: Path, end: int) -> None:
    with pytest.raises(AcoustillError, match=r"a\.t7: not a whole Torch7 file"):
        read(tmp_path, WHOLE[:end])


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
def test_corrupt_files_are_refused_or_read(tmp_path: Path, at: int, junk: bytes) -> None:
    with suppress(AcoustillError):  # and nothing else
        read(tmp_path, WHOLE[:at] + junk + WHOLE[at + len(junk) :])


def tensor(shape: list[int], strides: list[int], offset: int = 1, storage: bytes | None = None) -> bytes:
    name = b"torch.FloatTensor"
    if storage is None:
        inner = b"torch.FloatStorage"
        storage = struct.pack("<iii", 4, 2, len(inner)) + inner + struct.pack("<q", 6) + bytes(24)
    longs = struct.pack(f"<{2 * len(shape) + 1}q", *shape, *strides, offset)
    return struct.pack("<iii", 4, 1, len(name)) + name + struct.pack("<i", len(shape)) + longs + storage


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (tensor([7], [1]), "outside of its 6 numbers"),
        (tensor([6], [1], offset=2), "outside"),
        (tensor([6], [1], offset=0), "outside"),
        (tensor([2, 3], [-3, 1]), "outside"),
        (tensor([-2, 3], [3, 1]), "outside"),
        (tensor([2**40, 2**40], [0, 0]), "outside"),
        (tensor([2], [1], storage=struct.pack("<ii", 4, 1)), "holds itself"),
        (tensor([2], [1], storage=torch7("text")), "without a storage of its type"),
        (struct.pack("<iii", 3, 1, 2**30), "entries at byte 12"),
        (struct.pack("<ii", 2, 2**30), "characters at byte 8"),
        (struct.pack("<ii", 2, -1), "characters at byte 8"),
        (b"PK\x03\x04 a zip file", "a value of kind 67324752 at byte 0"),
        (struct.pack("<iiiii", 3, 1, 1, 0, 0), "nil as key"),
        (struct.pack("<iii", 3, 1, 2) + (torch7(1) + torch7("a")) * 2, r"the key 1\.0 twice"),
        (struct.pack("<iii", 4, 1, 4) + b"cdat" + torch7(1.0), "'cdat' at byte 8 that is not stored as a table"),
        (b"".join(struct.pack("<iii", 3, index, 1) + torch7(1) for index in range(1, 10_000)), "nested deeper"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(AcoustillError, match=says):
        read(tmp_path, content)


def test_functions_of_the_oldest_kind_have_no_index(tmp_path: Path) -> None:
    """As File.lua reads them: the length of the code, the code, what it refers to."""
    function = struct.pack("<ii", 6, 8) + b"\x1bLuacode" + struct.pack("<iii", 3, 7, 0)
    content = struct.pack("<iii", 3, 1, 2) + torch7("f") + function + torch7("after") + torch7(2)
    found = read(tmp_path, content)
    assert isinstance(found.entries["f"], LuaFunction)
    assert found.entries["after"] == 2


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match="no such file"):
        read_torch7(tmp_path / "none.t7")

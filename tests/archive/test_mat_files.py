from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acoustill.archive.importers.mat_files import LARGEST_BYTES, read_array
from acoustill.errors import AcoustillError
from avia_folders import write_mat

VALUES = np.random.default_rng(0).standard_normal((4, 5, 3))


def element(kind: int, content: bytes, order: str) -> bytes:
    """One part of a file of version 5, padded to eight bytes."""
    return struct.pack(order + "II", kind, len(content)) + content + b"\0" * (-len(content) % 8)


def version_5(array: np.ndarray, stored: str, stored_kind: int, array_class: int, order: str = "<") -> bytes:
    """A file as MATLAB may write it and scipy does not: of any byte order, numbers kept in a smaller type."""
    matrix = b"".join(
        [
            element(6, struct.pack(order + "II", array_class, 0), order),
            element(5, struct.pack(f"{order}{array.ndim}i", *array.shape), order),
            struct.pack(order + "I", 4 << 16 | 1) + b"MFCC",  # a small part: size, type and content in eight bytes
            element(stored_kind, array.astype(order + stored).tobytes(order="F"), order),
        ]
    )
    mark = b"IM" if order == "<" else b"MI"
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(order + "H", 0x0100) + mark
    return header + element(14, matrix, order)


@pytest.mark.parametrize("kind", ["v5", "v7", "v7.3"])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_arrays_come_back_exactly(tmp_path: Path, kind: str, dtype: str) -> None:
    array = read_array(write_mat(tmp_path / "a.mat", VALUES.astype(dtype), kind), "MFCC")
    assert array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(array, VALUES.astype(dtype))


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_integers_keep_their_type(tmp_path: Path, dtype: str) -> None:
    values = np.arange(24).reshape(2, 4, 3).astype(dtype)
    array = read_array(write_mat(tmp_path / "a.mat", values, "v7"), "MFCC")
    assert array.dtype == values.dtype
    np.testing.assert_array_equal(array, values)


@pytest.mark.parametrize("kind", ["v5", "v7", "v7.3"])
def test_last_axes_of_one_are_put_back(tmp_path: Path, kind: str) -> None:
    path = write_mat(tmp_path / "a.mat", VALUES[..., 0], kind)
    np.testing.assert_array_equal(read_array(path, "MFCC"), VALUES[..., :1])


def test_only_the_variable_asked_for_is_read(tmp_path: Path) -> None:
    others = {"before": np.arange(9.0), "text": "hello", "MFCC": VALUES, "cells": np.array([1, "a"], dtype=object)}
    for is_compressed in (False, True):
        scipy.io.savemat(tmp_path / "a.mat", others, do_compression=is_compressed)
        np.testing.assert_array_equal(read_array(tmp_path / "a.mat", "MFCC"), VALUES)


def test_doubles_kept_as_bytes_and_the_other_byte_order(tmp_path: Path) -> None:
    small = np.arange(60).reshape(4, 5, 3)
    path = tmp_path / "a.mat"
    path.write_bytes(version_5(small, "u1", 2, 6))
    array = read_array(path, "MFCC")
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, small)
    path.write_bytes(version_5(VALUES, "f8", 9, 6, order=">"))
    array = read_array(path, "MFCC")
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, VALUES)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (np.array([[1, "a"]], dtype=object), "a cell array"),
        ({"field": VALUES}, "a struct"),
        ("words", "text"),
        (scipy.sparse.eye_array(3).tocsc(), "a sparse matrix"),
        (VALUES * 1j, "complex"),
        (np.zeros((0, 3)), "empty"),
        (np.zeros((2, 2, 2, 2)), r"shape \(2, 2, 2, 2\), expected 3 axes"),
    ],
)
@pytest.mark.parametrize("kind", ["v5", "v7"])
def test_what_is_no_array_of_real_numbers_is_refused(tmp_path: Path, kind: str, content: object, says: str) -> None:
    path = write_mat(tmp_path / "a.mat", content, kind)
    with pytest.raises(AcoustillError, match=rf"a\.mat: variable MFCC is .*{says}"):
        read_array(path, "MFCC")


@pytest.mark.parametrize(
    ("matlab_class", "shape", "dtype", "says"),
    [
        ("char", (3, 3), np.uint16, "char of type uint16"),
        ("logical", (3, 3), np.uint8, "logical of type uint8"),
        ("double", (3, 3), [("real", "f8"), ("imag", "f8")], "expected real numbers"),
        ("cell", (3, 3), h5py.ref_dtype, "cell of type object"),
        ("double", (0, 3), np.float64, "empty"),
    ],
)
def test_what_is_no_array_of_real_numbers_is_refused_in_hdf5(
    tmp_path: Path, matlab_class: str, shape: tuple[int, ...], dtype: object, says: str
) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("MFCC", shape, dtype).attrs["MATLAB_class"] = np.bytes_(matlab_class)
    with pytest.raises(AcoustillError, match=rf"a\.mat: variable MFCC is .*{says}"):
        read_array(tmp_path / "a.mat", "MFCC")


def test_hdf5_reads_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(80))
    with h5py.File(tmp_path / "other.mat", "w") as file:
        file["MFCC"] = VALUES
    layout = h5py.VirtualLayout(VALUES.shape, "f8")
    layout[:] = h5py.VirtualSource(tmp_path / "other.mat", "MFCC", VALUES.shape)
    with h5py.File(tmp_path / "virtual.mat", "w") as file:
        file.create_virtual_dataset("MFCC", layout)
    with h5py.File(tmp_path / "external.mat", "w") as file:
        file.create_dataset("MFCC", (2, 5), "f8", external=[(str(tmp_path / "secret"), 0, 80)])
    with h5py.File(tmp_path / "link.mat", "w") as file:
        file["MFCC"] = h5py.ExternalLink(str(tmp_path / "other.mat"), "MFCC")
    with h5py.File(tmp_path / "group.mat", "w") as file:
        file.create_group("MFCC")
    for name, says in [
        ("virtual", "stands in another file"),
        ("external", "stands in another file"),
        ("link", "is a link"),
        ("group", "is a struct or a sparse matrix"),
    ]:
        with pytest.raises(AcoustillError, match=says):
            read_array(tmp_path / f"{name}.mat", "MFCC")


@pytest.mark.parametrize("kind", ["v5", "v7", "v7.3"])
def test_a_missing_variable_is_named_with_those_there(tmp_path: Path, kind: str) -> None:
    path = write_mat(tmp_path / "a.mat", VALUES, kind, variable="Energy")
    with pytest.raises(AcoustillError, match=r"a\.mat: variable MFCC is not there; the file holds Energy$"):
        read_array(path, "MFCC")


def test_files_that_are_no_matlab_files(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    with pytest.raises(AcoustillError, match="cannot be read"):
        read_array(path, "MFCC")
    scipy.io.savemat(path, {"MFCC": VALUES[..., 0]}, format="4")
    for content in (path.read_bytes(), b"", b"MATLAB", b"<html>" * 100, b"\x80\x05]" + bytes(300)):
        path.write_bytes(content)
        with pytest.raises(AcoustillError, match="no MATLAB file of version 5 to 7"):
            read_array(path, "MFCC")


def test_huge_sizes_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    stated = version_5(VALUES, "f8", 9, 6)
    path.write_bytes(stated.replace(struct.pack("<3i", 4, 5, 3), struct.pack("<3i", 2**30, 2**30, 2**30)))
    with pytest.raises(AcoustillError, match="larger than any acoustic image"):
        read_array(path, "MFCC")
    bomb = version_5(VALUES, "f8", 9, 6)[128:] + bytes(LARGEST_BYTES)
    path.write_bytes(stated[:128] + struct.pack("<II", 15, len(zlib.compress(bomb))) + zlib.compress(bomb))
    with pytest.raises(AcoustillError, match="does not end where it should"):
        read_array(path, "MFCC")
    with h5py.File(path, "w") as file:
        file.create_dataset("MFCC", (2**20, 2**20, 2**20), "f8", chunks=(1, 1, 2**10))
    with pytest.raises(AcoustillError, match="larger than any acoustic image"):
        read_array(path, "MFCC")


@pytest.mark.parametrize("kind", ["v5", "v7", "v7.3"])
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,  # the HDF5 library is not ours: what it does of a file must be the same in every run
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_files_are_errors_or_arrays(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    whole = tmp_path / "whole.mat"
    if not whole.exists():
        write_mat(whole, VALUES, kind)
    raw = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(raw))))
    path = tmp_path / "damaged.mat"
    path.write_bytes(raw[:cut])
    try:
        array = read_array(path, "MFCC")
    except AcoustillError as error:
        said = str(error)
    else:
        said = f"{path}: variable MFCC is an array"
        assert array.ndim == 3
        assert array.dtype.kind in "iuf"
        assert 0 < array.nbytes <= LARGEST_BYTES
    assert said.startswith(f"{path}: variable MFCC ")
    assert "\n" not in said


@pytest.mark.parametrize("kind", ["v5", "v7", "v7.3"])
def test_every_file_that_is_cut_short_is_refused(tmp_path: Path, kind: str) -> None:
    whole = write_mat(tmp_path / "whole.mat", VALUES, kind).read_bytes()
    path = tmp_path / "short.mat"
    for length in range(0, len(whole) - 8, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(AcoustillError):
            read_array(path, "MFCC")


@pytest.mark.parametrize("kind", ["v5", "v7", "v7.3"])
def test_a_recording_of_maps_takes_no_more_than_seconds(tmp_path: Path, kind: str) -> None:
    path = write_mat(tmp_path / "a.mat", np.random.default_rng(0).standard_normal((36, 48, 12)), kind)
    read_array(path, "MFCC")
    start = time.perf_counter()
    for _ in range(36):
        read_array(path, "MFCC")
    assert time.perf_counter() - start < 1.0  # 30 to 60 ms here; a recording has ten times as many

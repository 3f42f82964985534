"""GZIP TFRecord files of SequenceExamples: read as an independent library writes them, refused where damaged."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tfrecord import example_pb2
from tfrecord.writer import TFRecordWriter

from acoustill.archive.importers import sequence_examples
from acoustill.archive.importers.sequence_examples import read_sequence_examples
from acoustill.errors import AcoustillError
from avia_folders import ending_soon, put_pipe
from tfrecord_folders import write_sequence_examples

many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
names = st.text(max_size=8)
contexts = st.one_of(
    st.tuples(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4), st.just("int")),
    st.tuples(st.lists(st.floats(width=32, allow_nan=False), max_size=4), st.just("float")),
    st.tuples(st.lists(st.binary(max_size=20), max_size=4), st.just("byte")),
)
lists = st.tuples(st.lists(st.binary(max_size=300), max_size=13), st.just("byte"))
examples = st.tuples(st.dictionaries(names, contexts, max_size=5), st.dictionaries(names, lists, max_size=4))


def one_or_all(values: list) -> object:
    return values[0] if len(values) == 1 else tuple(values)


def gzipped(path: Path, plain: bytes) -> Path:
    path.write_bytes(gzip.compress(plain, 1))
    return path


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + TFRecordWriter.masked_crc(length) + data + TFRecordWriter.masked_crc(data)


def only(path: Path) -> sequence_examples.SequenceExample:
    (example,) = read_sequence_examples(path)
    return example


@many
@given(records=st.lists(examples, max_size=3))
def test_it_reads_what_an_independent_library_writes(tmp_path: Path, records: list) -> None:
    path = write_sequence_examples(tmp_path / "a.tfrecord", records)
    read = list(read_sequence_examples(path))
    assert len(read) == len(records)
    for example, (context, steps) in zip(read, records, strict=True):
        assert example.context == {name: one_or_all(values) for name, (values, _) in context.items()}
        assert example.lists == {name: values for name, (values, _) in steps.items()}


@many
@given(
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    frames=st.integers(1, 13),
    dtype=st.sampled_from(["<i4", "<f4", "|u1"]),
    seed=st.integers(0, 99),
)
def test_arrays_come_back_bit_for_bit(
    tmp_path: Path, height: int, width: int, frames: int, dtype: str, seed: int
) -> None:
    size = frames * height * width * np.dtype(dtype).itemsize
    arrays = np.frombuffer(np.random.default_rng(seed).bytes(size), dtype).reshape(frames, height, width)
    steps = ([array.tobytes() for array in arrays], "byte")
    path = write_sequence_examples(tmp_path / "a.tfrecord", [({"height": (height, "int")}, {"image": steps})])
    example = only(path)
    read = np.stack([np.frombuffer(step, dtype).reshape(height, width) for step in example.lists["image"]])
    assert read.tobytes() == arrays.tobytes()
    assert example.context == {"height": height}


def test_numbers_that_are_not_packed_are_read_too(tmp_path: Path) -> None:
    minus_one = b"\xff" * 9 + b"\x01"
    integers = b"\x1a" + bytes([len(minus_one) + 3]) + b"\x08" + minus_one + b"\x08\x05"
    floats = b"\x12\x05\x0d" + struct.pack("<f", 0.5)
    entries = b""
    for name, feature in ((b"i", integers), (b"f", floats)):
        entry = b"\x0a\x01" + name + b"\x12" + bytes([len(feature)]) + feature
        entries += b"\x0a" + bytes([len(entry)]) + entry
    record = b"\x0a" + bytes([len(entries)]) + entries
    assert example_pb2.SequenceExample.FromString(record).context.feature["i"].int64_list.value == [-1, 5]
    assert only(gzipped(tmp_path / "a.tfrecord", framed(record))).context == {"i": (-1, 5), "f": 0.5}


def test_fields_of_later_versions_are_skipped(tmp_path: Path) -> None:
    unknown = b"\x58\x07" + b"\x62\x02hi" + b"\x6d\x00\x00\x00\x00" + b"\x71" + bytes(8)  # one of each wire type
    known = example_pb2.SequenceExample()
    known.context.feature["a"].int64_list.value.append(3)
    record = unknown + known.SerializeToString()
    assert only(gzipped(tmp_path / "a.tfrecord", framed(record))).context == {"a": 3}


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    context = {"action": (3, "int"), "gain": ([0.5, 2.0], "float"), "who": ([b"me"], "byte")}
    steps = {"audio": ([bytes(range(40)), b"", b"x" * 200], "byte"), "image": ([b"\x00" * 64] * 3, "byte")}
    return write_sequence_examples(tmp_path / "valid.tfrecord", [(context, steps), (context, {})])


def read_or_refuse(path: Path) -> list | str:
    """What is read, or the sentence of the refusal; any other exception is a fault of ours."""
    try:
        return list(read_sequence_examples(path))
    except AcoustillError as error:
        sentence = str(error)
    assert sentence.startswith(f"{path}: ")
    return sentence


edits = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5)


def damaged(content: bytes, changes: list[tuple[int, int]], cut: int, extra: bytes) -> bytes:
    content = bytearray(content)
    for place, byte in changes:
        content[place % len(content)] = byte
    return bytes(content[: len(content) - cut % len(content)]) + extra


@settings(parent=many, max_examples=200)
@given(changes=edits, cut=st.integers(0, 40), extra=st.binary(max_size=9), inside=st.booleans())
def test_damage_is_refused_or_read_and_never_a_traceback(
    tmp_path: Path, valid: Path, changes: list, cut: int, extra: bytes, inside: bool
) -> None:
    content = valid.read_bytes()
    path = tmp_path / "damaged.tfrecord"
    if inside:
        gzipped(path, damaged(gzip.decompress(content), changes, cut, extra))
    else:
        path.write_bytes(damaged(content, changes, cut, extra))
    read_or_refuse(path)


@settings(parent=many, max_examples=200)
@given(changes=edits, cut=st.integers(0, 20), extra=st.binary(max_size=9))
def test_damaged_messages_are_refused_or_read(
    tmp_path: Path, valid: Path, changes: list, cut: int, extra: bytes
) -> None:
    plain = gzip.decompress(valid.read_bytes())
    (length,) = struct.unpack("<Q", plain[:8])
    message = damaged(plain[12 : 12 + length], changes, cut, extra)
    path = gzipped(tmp_path / "damaged.tfrecord", framed(message))
    ours = read_or_refuse(path)
    try:
        theirs = example_pb2.SequenceExample.FromString(message)
    except Exception:  # protobuf's own, whose name depends on how it was built
        return
    if isinstance(ours, str):  # we are stricter: what has another type than expected is refused, and not skipped
        return
    context, lists = ours[0].context, ours[0].lists
    for name, feature in theirs.context.feature.items():  # protobuf leaves entries with unknown fields out
        kind = feature.WhichOneof("kind")
        assert repr(context[name]) == repr(one_or_all(list(getattr(feature, kind).value) if kind else []))
    for name, steps in theirs.feature_lists.feature_list.items():
        assert lists[name] == [step.bytes_list.value[0] for step in steps.feature]


@many
@given(content=st.binary(max_size=200), compressed=st.booleans())
def test_garbage_is_refused(tmp_path: Path, content: bytes, compressed: bool) -> None:
    path = tmp_path / "garbage.tfrecord"
    path.write_bytes(gzip.compress(content) if compressed else content)
    read = read_or_refuse(path)
    assert isinstance(read, str) or (read == [] and compressed and not content)


def test_every_truncation_is_refused(valid: Path) -> None:
    content = valid.read_bytes()
    for length in range(len(content)):
        valid.write_bytes(content[:length])
        assert isinstance(read_or_refuse(valid), str), length


def test_a_changed_byte_of_the_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    example = example_pb2.SequenceExample()
    example.feature_lists.feature_list["a"].feature.add().bytes_list.value.append(b"0123456789" * 20)
    content = bytearray(gzip.compress(framed(example.SerializeToString()), 0))  # stored, so a change stays one
    content[100] ^= 1
    path.write_bytes(content)
    assert "CRC" in str(read_or_refuse(path))


def test_a_wrong_checksum_of_the_length_is_refused(tmp_path: Path, valid: Path) -> None:
    plain = bytearray(gzip.decompress(valid.read_bytes()))
    plain[9] ^= 1
    assert "checksum" in str(read_or_refuse(gzipped(tmp_path / "a.tfrecord", bytes(plain))))


@pytest.mark.parametrize("length", [2**20, 2**40, 2**63, 2**64 - 1])
def test_lengths_that_cannot_be_are_refused_before_memory_is_taken(tmp_path: Path, length: int) -> None:
    stated = struct.pack("<Q", length)
    path = gzipped(tmp_path / "a.tfrecord", stated + TFRecordWriter.masked_crc(stated) + b"data")
    assert f"{length} bytes cannot be" in str(read_or_refuse(path))


def test_lengths_inside_a_record_that_lie_are_refused(tmp_path: Path) -> None:
    for lie in (b"\x0a\x7f", b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0a\x03\x0a\x7f\x00"):
        assert "expected at most" in str(read_or_refuse(gzipped(tmp_path / "a.tfrecord", framed(lie))))


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"\x08\x01", "field 1 has wire type 0"),
        (b"\x0b", "wire type 3"),
        (b"\xff" * 11, "more than 64 bits"),
        (b"\x0a\x80", "ends before its last byte"),
        (b"\x0a\x05\x0a\x03\x0a\x01\xff", "not UTF-8"),
        (b"\x0a\x0c\x0a\x0a\x0a\x01a\x12\x05\x12\x03\x0a\x01\x00", "floats"),
        (b"\x0a\x0b\x0a\x09\x0a\x01a\x12\x04\x1a\x02\x0d\x00", "expected at most"),
        (b"\x0a\x0a\x0a\x08\x0a\x01a\x12\x03\x1a\x01\x0b", "wire type 3"),
        (b"\x0a\x09\x0a\x07\x0a\x01a\x12\x02\x18\x01", "a list of integers has wire type 0"),
    ],
)
def test_messages_of_another_kind_are_refused(tmp_path: Path, record: bytes, words: str) -> None:
    assert words in str(read_or_refuse(gzipped(tmp_path / "a.tfrecord", framed(record))))


def test_steps_that_are_not_one_string_of_bytes_are_refused(tmp_path: Path) -> None:
    for steps in (([1, 2], "int"), ([[b"a", b"b"]], "byte"), ([[]], "byte")):
        path = write_sequence_examples(tmp_path / "a.tfrecord", [({}, {"audio/data": steps})])
        assert "a step of audio/data holds" in str(read_or_refuse(path))


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.touch()
    put_pipe(path)
    with ending_soon():
        assert read_or_refuse(path) == f"{path}: a pipe or a device, expected a file"


def test_missing_and_empty_files_and_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name, words in (("missing", "No such file"), ("empty", "empty"), (".", "directory")):
        assert words in str(read_or_refuse(tmp_path / name))

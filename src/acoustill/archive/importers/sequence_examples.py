"""Reads GZIP TFRecord files of tf.train.SequenceExample, without TensorFlow and without protobuf.

The framing is that of TensorFlow's `record_writer.h`, the messages those of its `example.proto` and `feature.proto`,
in the encoding that https://protobuf.dev/programming-guides/encoding describes.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from acoustill.archive.importers.frame_files import open_regular
from acoustill.errors import AcoustillError

LARGEST_RECORD = 1 << 29  # bytes; a second of 128 microphones and 640 x 480 pixels has 19 million
DEFLATE_RATIO = 1032  # no byte of a deflated file makes more bytes than this, says zlib's documentation

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
KINDS = {1: "bytes", 2: "floats", 3: "integers"}  # by field of tf.train.Feature

Scalar = int | float | bytes
Value = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True)
class SequenceExample:
    """One record.

    Attributes:
        context: by name; one value as it is, none or several as a tuple.
        lists: by name, the bytes of each step. They are views into the record, which they keep in memory.
    """

    context: dict[str, Value]
    lists: dict[str, list[memoryview]]


def read_sequence_examples(path: Path) -> Iterator[SequenceExample]:
    """The records of a GZIP TFRecord file, one after the other; one at a time is in memory.

    Raises:
        AcoustillError: if the file is missing, cut short, broken or of another kind, or a list holds other steps than
            one string of bytes each. What came before a broken place has been given by then.
    """
    with open_regular(path) as file, gzip.GzipFile(fileobj=file) as inflated:
        file_bytes = os.fstat(file.fileno()).st_size
        if not file_bytes:
            raise AcoustillError(f"{path}: empty, expected a GZIP TFRecord file")
        try:
            for record in _records(inflated, min(LARGEST_RECORD, DEFLATE_RATIO * file_bytes)):
                yield _sequence_example(memoryview(record))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise AcoustillError(f"{path}: not a whole GZIP file ({error})") from error
        except _BrokenRecordError as error:
            raise AcoustillError(f"{path}: not a TFRecord file of SequenceExamples ({error})") from error


class _BrokenRecordError(Exception):
    """What is wrong with the bytes of a record, as part of a sentence."""


def _records(file: gzip.GzipFile, largest: int) -> Iterator[bytes]:
    """The data of each record, which has its length in front and a checksum behind each of the two."""
    while header := file.read(12):
        length, checksum = struct.unpack("<QI", header) if len(header) == 12 else (0, -1)
        if checksum != _masked_crc32c(header[:8]):
            raise _BrokenRecordError("the checksum of a record's length is wrong")
        if length > largest:
            raise _BrokenRecordError(f"a record of {length} bytes cannot be in it")
        data = file.read(length)
        # The checksum of the data is not computed, which is slow in Python: GZIP has one of its own over the same
        # bytes, and the gzip module compares it when it comes to the end of the file.
        if len(data) < length or len(file.read(4)) < 4:
            raise _BrokenRecordError("it ends within a record")
        yield data


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


CRC32C_TABLE = _crc32c_table()


def _masked_crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli 1993, RFC 3720), rotated and shifted as TFRecord files hold it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C_TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class _Field(NamedTuple):
    """A field of a message: its number, its wire type, and its value, a number for varints and bytes for others."""

    number: int
    wire: int
    value: Any


def _fields(message: memoryview) -> Iterator[_Field]:
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, position = _varint(message, position)
            yield _Field(number, wire, value)
            continue
        if wire == DELIMITED:
            length, position = _varint(message, position)
        elif wire in FIXED_SIZES:
            length = FIXED_SIZES[wire]
        else:
            raise _BrokenRecordError(f"field {number} has wire type {wire}, which messages of this kind do not use")
        end = position + length
        if end > len(message):
            raise _BrokenRecordError(f"field {number} has {length} bytes, expected at most {len(message) - position}")
        yield _Field(number, wire, message[position:end])
        position = end


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """An unsigned number of up to 64 bits, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if position == len(message):
            raise _BrokenRecordError("a number ends before its last byte")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, position
    raise _BrokenRecordError("a number has more than 64 bits")


def _messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """The fields of one number, which are messages or strings; others are skipped, as protobuf wants it."""
    for field in _fields(message):
        if field.number == number:
            if field.wire != DELIMITED:
                raise _BrokenRecordError(f"field {number} has wire type {field.wire}, expected {DELIMITED}")
            yield field.value


def _entries(maps: Iterator[memoryview]) -> Iterator[tuple[str, memoryview]]:
    """Keys and values of a map's entries; several maps are one that was cut."""
    for entries in maps:
        for entry in _messages(entries, 1):
            keys, values = list(_messages(entry, 1)), list(_messages(entry, 2))
            value = values[0] if len(values) == 1 else memoryview(b"".join(values))  # a message may come in parts
            try:
                yield str(keys[-1], "utf-8") if keys else "", value
            except UnicodeDecodeError as error:
                raise _BrokenRecordError("a name is not UTF-8") from error


def _sequence_example(record: memoryview) -> SequenceExample:
    context = {name: _value(feature) for name, feature in _entries(_messages(record, 1))}
    lists = {
        name: [_step(name, feature) for feature in _messages(steps, 1)]
        for name, steps in _entries(_messages(record, 2))
    }
    return SequenceExample(context, lists)


def _value(feature: memoryview) -> Value:
    kind, values = _feature(feature)
    if kind == "bytes":
        values = [bytes(value) for value in values]
    return values[0] if len(values) == 1 else tuple(values)


def _step(name: str, feature: memoryview) -> memoryview:
    kind, values = _feature(feature)
    if kind != "bytes" or len(values) != 1:
        raise _BrokenRecordError(f"a step of {name} holds {len(values)} {kind}, expected one string of bytes")
    return values[0]


def _feature(feature: memoryview) -> tuple[str, list[Any]]:
    """Which kind of values a tf.train.Feature holds, and the values; bytes are views."""
    kind = "values"
    values: list[Any] = []
    for number, wire, content in _fields(feature):
        if number not in KINDS:
            continue
        if wire != DELIMITED:
            raise _BrokenRecordError(f"a list of {KINDS[number]} has wire type {wire}, expected {DELIMITED}")
        if kind != KINDS[number]:  # of several kinds the last counts; of one kind, they are a list that was cut
            kind, values = KINDS[number], []
        values += READERS[kind](content)
    return kind, values


def _floats(content: memoryview) -> list[float]:
    values: list[float] = []
    for number, wire, value in _fields(content):
        if number != 1:
            continue
        if wire not in (DELIMITED, FIXED32) or len(value) % 4:
            raise _BrokenRecordError(f"floats have wire type {wire}, expected whole ones of type {FIXED32}, or packed")
        values += struct.unpack(f"<{len(value) // 4}f", value)
    return values


def _integers(content: memoryview) -> list[int]:
    values: list[int] = []
    for number, wire, value in _fields(content):
        if number != 1:
            continue
        if wire == VARINT:
            values.append(_signed(value))
        elif wire == DELIMITED:
            position = 0
            while position < len(value):
                integer, position = _varint(value, position)
                values.append(_signed(integer))
        else:
            raise _BrokenRecordError(f"integers have wire type {wire}, expected {VARINT}, or packed")
    return values


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


READERS: dict[str, Callable[[memoryview], Iterable[Any]]] = {
    "bytes": lambda content: _messages(content, 1),
    "floats": _floats,
    "integers": _integers,
}

"""Whatever stands in an archive's files, the answer is a recording or one sentence, and never half a recording."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acoustill.archive import Archive, Recording
from acoustill.archive.clips import Clip, read_clip
from acoustill.errors import AcoustillError
from small_archives import SAMPLES_PER_FRAME, small_archive

WORDS = st.text(max_size=8) | st.sampled_from(["audio", "image", "video", "../../etc", "int32", "object", "|O", "\0"])
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, -1, 12, 2**31, 2**63])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def whole() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        yield small_archive(Path(folder) / "archive", [{}])


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here] + [place for key, part in inner for place in places(part, (*here, key))]


def changed(value: Any, place: tuple[Any, ...], new: Any, remove: bool) -> Any:
    """A JSON value with another one somewhere inside, or without it."""
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(place) == 1 and remove:
        del copy[place[0]]
    else:
        copy[place[0]] = changed(value[place[0]], place[1:], new, remove)
    return copy


def read_all(recording: Recording) -> None:
    """Reads every stream; what comes is as long as the entry says."""
    frames = recording.entry.frames
    clip = Clip(recording.entry.id, 0, frames)
    for stream in recording.entry.streams:
        view = read_clip(recording, clip, (stream,), SAMPLES_PER_FRAME)[stream]
        assert len(view) == frames * (SAMPLES_PER_FRAME if stream == "audio" else 1)
        assert view.dtype == (np.float32 if stream == "audio" else np.uint8 if stream == "video" else view.dtype)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), new=VALUES, remove=st.booleans())
def test_any_sidecar_is_read_or_refused(whole: Archive, data: st.DataObject, new: Any, remove: bool) -> None:
    sidecar = whole.path / "recordings/r000/recording.json"
    good = sidecar.read_bytes()
    content = json.loads(good)
    place = data.draw(st.sampled_from(places(content)))
    try:
        sidecar.write_text(json.dumps(changed(content, place, new, remove)))
        with contextlib.suppress(AcoustillError):
            read_all(whole["r000"])
    finally:
        sidecar.write_bytes(good)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), new=VALUES, remove=st.booleans())
def test_any_manifest_and_header_is_read_or_refused(
    whole: Archive, data: st.DataObject, new: Any, remove: bool
) -> None:
    path = whole.path / data.draw(st.sampled_from(["manifest.jsonl", "archive.json"]))
    good = path.read_bytes()
    content = json.loads(good)
    place = data.draw(st.sampled_from(places(content)))
    try:
        path.write_text(json.dumps(changed(content, place, new, remove)) + "\n")
        try:
            archive = Archive(whole.path)
            assert archive.id
            assert archive.classes == tuple(sorted(archive.classes))
            _ = archive.image_header, archive.maker, archive.created_by
            for entry in archive.entries.values():
                assert entry.streams
        except AcoustillError:
            pass
    finally:
        path.write_bytes(good)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_bytes_are_read_or_refused(whole: Archive, data: st.DataObject) -> None:
    names = ["manifest.jsonl", "archive.json", "rig.yaml", *(f"recordings/r000/{name}" for name in STORED)]
    path = whole.path / data.draw(st.sampled_from(names))
    good = path.read_bytes()
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(bad), 400) - 1))  # where headers are
        bad[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        bad = bad or bytearray(b"x")
    if data.draw(st.booleans()):
        bad = bad[: data.draw(st.integers(0, len(bad)))]
    try:
        path.write_bytes(bytes(bad))
        try:
            archive = Archive(whole.path)
            _ = archive.image_header, archive.rig
            for recording in archive.entries:
                read_all(archive[recording])
        except AcoustillError:
            pass
    finally:
        path.write_bytes(good)


STORED = ("recording.json", "audio.npy", "image.npy", "video.jpegs")

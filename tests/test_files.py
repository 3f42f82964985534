"""Files are whole or not there."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.files import (
    ABANDONED_S,
    _place,
    file_hash,
    json_hash,
    read_json,
    read_json_lines,
    recover_folder,
    replacing,
    replacing_folder,
    write_json,
    write_json_lines,
    write_text,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_a_file_appears_when_its_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
        assert beside.parent == path.parent
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_block_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def stop_half_way() -> None:
        with replacing(path) as beside:
            beside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_its_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder"
    for content in ("first", "second"):
        with replacing_folder(path) as beside:
            assert not list(beside.iterdir())
            (beside / content).write_text(content)
    assert [file.name for file in path.iterdir()] == ["second"]
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_block_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").write_text("old")

    def stop_half_way() -> None:
        with replacing_folder(path) as beside:
            (beside / "new").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert [file.name for file in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_where_no_file_can_stand_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(AcoustillError, match="folder: is a folder, expected the name of a file to write"):
        write_text(tmp_path / "folder", "new")
    for write in (replacing, replacing_folder):
        with (
            pytest.raises(AcoustillError, match="inside: its folder cannot be made"),
            write(tmp_path / "file" / "inside"),
        ):
            pass
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"


@given(values)
def test_json_comes_back(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


@given(st.lists(values, max_size=4))
def test_json_lines_come_back(tmp_path: Path, lines: list[object]) -> None:
    write_json_lines(tmp_path / "a.jsonl", lines)
    assert read_json_lines(tmp_path / "a.jsonl") == lines


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\n"])
def test_only_a_line_feed_ends_a_line(separator: str, tmp_path: Path) -> None:
    lines = [{"label": f"a{separator}b"}, "c"]
    write_json_lines(tmp_path / "a.jsonl", lines)
    assert read_json_lines(tmp_path / "a.jsonl") == lines


def test_numbers_that_json_does_not_know_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(path, {"loss": value})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("read", [read_json, read_json_lines])
@given(content=st.binary(max_size=40))
def test_any_bytes_give_a_value_or_one_error(read, tmp_path: Path, content: bytes) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a.json"
    path.write_bytes(content)
    complaint = str(path)
    try:
        read(path)
    except AcoustillError as error:
        complaint = str(error)
    assert str(path) in complaint
    assert "\n" not in complaint


@pytest.mark.parametrize("read", [read_json, read_json_lines])
def test_what_is_no_file_is_named(read, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(AcoustillError, match=str(path)):
            read(path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(AcoustillError, match="no such file"):
        read(tmp_path / "file" / "inside.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(AcoustillError, match=r"deep.json"):
        read(tmp_path / "deep.json")


def test_the_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(AcoustillError, match=r"a.jsonl: line 2 is not JSON"):
        read_json_lines(tmp_path / "a.jsonl")


@given(st.binary(max_size=200))
def test_file_hashes_are_those_of_the_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert file_hash(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@given(st.dictionaries(st.text(max_size=5), st.integers(), min_size=1, max_size=5))
def test_json_hashes_go_by_content_not_by_order(content: dict[str, int]) -> None:
    assert json_hash(content) == json_hash(dict(reversed(content.items())))
    key = next(iter(content))
    assert json_hash(content) != json_hash(content | {key: content[key] + 1})


def test_what_a_dying_process_moved_aside_is_put_back(tmp_path: Path) -> None:
    """SIGKILL between the two renames of `replacing_folder` leaves the old folder under a name of its own."""
    aside = tmp_path / ".checkpoint.123.old.part"
    aside.mkdir()
    (aside / "state.json").write_text("{}")
    recover_folder(tmp_path / "checkpoint")
    assert (tmp_path / "checkpoint/state.json").is_file()
    recover_folder(tmp_path / "checkpoint")  # nothing to do
    recover_folder(tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = _place()
    (tmp_path / f".a.{here}-{dead.pid}.part").write_text("half")
    (tmp_path / f".a.{here}-{os.getppid()}.part").write_text("of one that writes")
    (tmp_path / f".b.{here}-{dead.pid}.part").write_text("of another file")
    write_text(tmp_path / "a", "whole")
    others = [f".a.{here}-{os.getppid()}.part", f".b.{here}-{dead.pid}.part"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "a"])
    before = f".folder.{here}-{dead.pid}.old.part"
    for name in (before, f".folder.{here}-{dead.pid}.part"):
        (tmp_path / name).mkdir()
    with replacing_folder(tmp_path / "folder"):
        left = {path.name for path in tmp_path.glob(".folder*")}
        assert left == {before, f".folder.{here}-{os.getpid()}.part"}  # it may be all there is of it
    with replacing_folder(tmp_path / "folder"):
        pass
    assert not list(tmp_path.glob(".folder*"))


def test_what_another_machine_writes_is_left_alone_for_a_day(tmp_path: Path) -> None:
    """Its processes have numbers that are nobody's here, or somebody else's."""
    elsewhere = [tmp_path / f".a.{8 * 'f'}-{process}.part" for process in (os.getpid(), 999_999_999)]
    for beside in elsewhere:
        beside.write_text("half")
    write_text(tmp_path / "a", "whole")
    assert all(beside.exists() for beside in elsewhere)
    yesterday = time.time() - ABANDONED_S - 60
    os.utime(elsewhere[0], (yesterday, yesterday))
    write_text(tmp_path / "a", "whole")
    assert [beside.exists() for beside in elsewhere] == [False, True]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), OSError("3 requested, 0 written")])
def test_a_full_disk_names_the_file(error: OSError, tmp_path: Path) -> None:
    path = tmp_path / "a"
    for write in (replacing, replacing_folder):
        with pytest.raises(OSError, match=r"No space|requested") as caught, write(path):
            raise error
        assert caught.value.filename == str(path)
        assert caught.value.errno
    with pytest.raises(FileNotFoundError) as found, replacing(path):
        pass  # nothing was written that could be renamed
    assert found.value.filename == str(path)
    with pytest.raises(FileNotFoundError) as missing, replacing(path):
        (tmp_path / "input").read_text()
    assert missing.value.filename == str(tmp_path / "input")
    assert not list(tmp_path.iterdir())

"""Excerpts of one recording are never on two sides."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from acoustill.archive import Archive, Protocol, refuse_overlap, split_archive
from acoustill.errors import AcoustillError
from acoustill.files import read_json_lines, write_json_lines
from small_archives import small_archive


def excerpts(path: Path) -> Archive:
    """Of twelve recordings, five excerpts each, and unlabelled ones of each too."""
    archive = small_archive(path)
    usual = archive.entries["r000"].model_dump(mode="json")
    lines = [
        usual
        | {"id": f"{take:02d}-{part}", "content": f"{take * 10 + part:064x}", "origin": f"take {take}"}
        | {"label": None if part == 5 else ("clap", "knock")[take % 2], "subject": None}
        for take in range(12)
        for part in range(6)
    ]
    write_json_lines(path / "manifest.jsonl", lines)
    return Archive(path)


@pytest.mark.parametrize("seed", range(5))
def test_excerpts_of_one_recording_are_on_one_side(seed: int, tmp_path: Path) -> None:
    archive = excerpts(tmp_path / "archive")
    split = split_archive(archive, Protocol(name="recordings", seed=seed))
    sides: dict[str | None, set[str]] = defaultdict(set)
    for side in ("train", "validation", "test"):
        for recording in getattr(split, side):
            sides[archive.entries[recording].origin].add(side)
    assert len(sides) == 12
    assert all(len(of_one) == 1 for of_one in sides.values())
    held = {archive.entries[i].origin for i in (*split.validation, *split.test)}
    assert not held & {archive.entries[i].origin for i in split.unlabelled}
    assert split.unlabelled


def test_excerpts_of_an_unlabelled_copy_are_where_the_recording_is(tmp_path: Path) -> None:
    """Of a recording that is tested there is an unlabelled copy; what was cut from that is not learnt from."""
    usual = small_archive(tmp_path / "archive").entries["r000"].model_dump(mode="json") | {"subject": None}
    lines = [
        usual | {"id": f"a{take:02d}", "content": f"{take:064x}", "label": ("clap", "knock")[take % 2]}
        for take in range(12)
    ]
    write_json_lines(tmp_path / "archive/manifest.jsonl", lines)
    tested = split_archive(Archive(tmp_path / "archive"), Protocol(name="recordings")).test[0]
    (content,) = (line["content"] for line in lines if line["id"] == tested)
    lines += [
        usual | {"id": "b-copy", "content": content, "origin": "b", "label": None},
        usual | {"id": "b-1s", "content": "a" * 64, "origin": "b", "label": None},
        usual | {"id": "b-2s", "content": "b" * 64, "origin": "b", "label": "clap"},
        usual | {"id": "other", "content": "c" * 64, "origin": "c", "label": None},
    ]
    write_json_lines(tmp_path / "archive/manifest.jsonl", lines)
    split = split_archive(Archive(tmp_path / "archive"), Protocol(name="recordings"))
    assert {tested, "b-2s"} <= set(split.test)
    assert split.unlabelled == ("other",)


@pytest.mark.parametrize("name", ["fixed", "subjects"])
def test_excerpts_that_a_column_separates_are_refused(name: str, tmp_path: Path) -> None:
    excerpts(tmp_path / "archive")
    lines = read_json_lines(tmp_path / "archive/manifest.jsonl")
    for line in lines:
        part = int(line["id"][-1])
        line |= {"subject": f"s{part % 3}", "columns": {"fold": part % 3}}
    write_json_lines(tmp_path / "archive/manifest.jsonl", lines)
    with pytest.raises(AcoustillError, match=r"were cut from one recording, take \d"):
        split_archive(Archive(tmp_path / "archive"), Protocol(name=name))  # type: ignore[arg-type]


def test_sets_that_share_an_origin_are_refused(tmp_path: Path) -> None:
    archive = excerpts(tmp_path / "archive")
    with pytest.raises(AcoustillError, match=r"00-1 of training and 00-2 of test were cut from one recording, take 0"):
        refuse_overlap(archive, training=["00-1", "01-0"], test=["02-0", "00-2"])
    refuse_overlap(archive, training=["00-1", "00-2"], test=["01-0"])

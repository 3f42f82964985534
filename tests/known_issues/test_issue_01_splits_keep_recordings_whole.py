"""The paper's code dealt 10-s chunks of one recording to training and test: 90 to 94 % of test chunks had a sibling
in training.

Here recordings are split, clips are cut from the recordings of one side only, and a loader refuses sides that overlap.
The paper's rule exists too, for comparison, and says that it leaks: see tests/archive/test_paper_chunks.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from acoustill.archive import Archive, Clip, Entry, Protocol, Split, create_archive, split_archive
from acoustill.archive.clips import all_clips
from acoustill.errors import AcoustillError
from acoustill.files import write_json_lines
from acoustill.learning.loading import random_clip_loader
from small_archives import little_rig, small_archive


def test_no_test_clip_has_a_sibling_in_training(tmp_path: Path) -> None:
    recordings = [{"label": label, "id": f"{label}-{i}"} for label in ("clap", "door") for i in range(6)]
    archive = small_archive(tmp_path / "archive", recordings)
    for fold in range(3):
        split = split_archive(archive, Protocol(name="recordings", fold=fold))
        trained = {clip.recording for clip in all_clips(archive, split.train, 3)}
        tested = [clip.recording for clip in all_clips(archive, split.test, 3)]
        assert len(tested) == 16
        assert not trained & set(tested)


def test_a_split_that_shares_a_recording_is_refused(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    with pytest.raises(AcoustillError, match="recording r001 is in both train and test"):
        Split(train=("r000", "r001"), validation=("r002",), test=("r001",)).check(archive)


def test_a_loader_refuses_recordings_of_another_side(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    for apart in ("r001", Clip("r001", 11, 1)):
        with pytest.raises(AcoustillError, match=r"r001 (is|are) in both training and what must stay apart"):
            random_clip_loader(
                archive, ("r000", "r001"), ["audio"], 0.5, 2, seed=0, steps=1, apart_from=("r002", apart)
            )


def test_the_papers_rule_says_that_it_leaks(tmp_path: Path) -> None:
    create_archive(tmp_path / "archive", little_rig(), maker={"importer": "avia"})
    lines = [
        Entry(id=f"r{i}", label="clap", frames=360, streams=("audio",), content=f"{i:064x}").model_dump(mode="json")
        for i in range(10, 50)
    ]
    write_json_lines(tmp_path / "archive" / "manifest.jsonl", lines)
    archive = Archive(tmp_path / "archive")
    split = split_archive(archive, Protocol(name="paper-chunks"))
    assert split.leaks > 0.8
    assert "this split leaks" in split.warnings(archive)[0]
    for name in ("recordings", "paper-chunks"):
        other = split_archive(archive, Protocol(name=name))
        assert (other.leaks > 0) == (name == "paper-chunks")

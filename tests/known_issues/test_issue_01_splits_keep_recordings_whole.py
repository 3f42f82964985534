"""The paper's code dealt 10-s chunks of one recording to training and test: 90 to 94 % of test chunks had a sibling
in training.

Here recordings are split, and clips are cut from the recordings of one side only.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from acoustill.archive import Protocol, Split, split_archive
from acoustill.archive.clips import all_clips
from acoustill.errors import AcoustillError
from small_archives import small_archive


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

"""In the data set's folders actions count from 0, locations and subjects from 1, and the paper's code mixed them up.

Labels are names, never numbers; a class's number is its place among the sorted names.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from acoustill.archive import write_recording
from acoustill.errors import AcoustillError
from acoustill.learning.sampling import EvaluationClips
from small_archives import small_archive, start_archive, streams


@pytest.mark.parametrize("field", ["label", "scenario", "subject"])
def test_numbers_are_no_labels(field: str, tmp_path: Path) -> None:
    archive = start_archive(tmp_path / "archive")
    with pytest.raises(AcoustillError, match=f"{field} is 1: Input should be a valid string"):
        write_recording(archive, "r", **streams(0), **{field: 1})


def test_numbers_follow_the_names(tmp_path: Path) -> None:
    from acoustill.archive import Clip

    archive = small_archive(tmp_path / "archive", [{"label": "steps"}, {"label": "clap"}, {"label": "door"}])
    clips = [Clip(f"r00{i}", 0, 12) for i in range(3)]
    samples = EvaluationClips(archive, clips, ["audio"])
    assert archive.classes == ("clap", "door", "steps")
    assert [int(samples[i]["label"]) for i in range(3)] == [2, 0, 1]

"""The paper's code looped recordings shorter than 30 s, so that several chunks held the same sound.

Here clips lie side by side inside the recording, and a recording shorter than a clip is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acoustill.archive import read_clip, regular_clips
from acoustill.errors import AcoustillError
from small_archives import SAMPLES_PER_FRAME, small_archive


def test_no_sample_is_in_two_clips(tmp_path: Path) -> None:
    archive = small_archive(
        tmp_path / "archive", [{"audio": np.arange(1.0, 2401.0, dtype=np.float32).reshape(2, 1200)}]
    )
    clips = regular_clips(archive.entries["r000"], 5)
    heard = [read_clip(archive["r000"], clip, ["audio"], SAMPLES_PER_FRAME)["audio"] for clip in clips]
    samples = np.concatenate(heard)
    assert len(samples) == 1000
    assert len(np.unique(samples)) == 1000


def test_a_recording_shorter_than_a_clip_is_refused(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    with pytest.raises(AcoustillError, match="recording r000: length is 12 frames, expected a clip's 360 or more"):
        regular_clips(archive.entries["r000"], 360)

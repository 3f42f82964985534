from __future__ import annotations

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.learning.decoded_video import DecodedVideo
from small_archives import small_archive


def test_kept_frames_are_those_of_the_recording(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = small_archive(tmp_path / "a")["r000"]
    kept = DecodedVideo((8, 12))
    for start, stop in ((3, 7), (0, 12), (3, 7)):
        assert np.array_equal(kept.read(recording, start, stop), recording.video(start, stop, shape=(8, 12)))
    monkeypatch.setattr(type(recording), "frame", lambda *_, **__: pytest.fail("decoded again"))
    kept.read(recording, 0, 12)[:] = 0
    assert kept.read(recording, 0, 12).any()  # what a clip does to its frames, others do not see


def test_what_does_not_fit_is_decoded_each_time(tmp_path) -> None:
    archive = small_archive(tmp_path / "a")
    kept = DecodedVideo((8, 12), most_bytes=12 * 8 * 12 * 3)
    for name in ("r000", "r001", "r000"):
        assert np.array_equal(kept.read(archive[name], 2, 5), archive[name].video(2, 5, shape=(8, 12)))
    assert list(kept._frames) == ["r000"]


def test_stored_size_is_not_kept_and_missing_frames_are_refused(tmp_path) -> None:
    recording = small_archive(tmp_path / "a")["r000"]
    assert DecodedVideo(None).read(recording, 0, 2).shape == (2, 16, 24, 3)
    with pytest.raises((AcoustillError, IndexError)):
        DecodedVideo((8, 12)).read(recording, 10, 14)

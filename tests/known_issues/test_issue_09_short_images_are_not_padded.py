"""The data set's maps are shorter than the video; the paper's code padded zeros in front, which shifts the image
against the sound.

A recording whose streams differ in length is refused, by the writer and by validation.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from acoustill.archive import write_recording
from acoustill.errors import AcoustillError
from small_archives import small_archive, start_archive, streams


def test_images_shorter_than_the_audio_are_refused(tmp_path: Path) -> None:
    archive = start_archive(tmp_path / "archive")
    short = streams(0)
    short["image"] = short["image"][:-1]
    with pytest.raises(AcoustillError, match="number of image frames is 11, expected 12"):
        write_recording(archive, "r", **short)


def test_the_first_frame_is_the_first_frame(tmp_path: Path) -> None:
    recording = small_archive(tmp_path / "archive")["r000"]
    assert (recording.image[0] == streams(0)["image"][0]).all()

"""What commands read from archives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acoustill.archive import create_archive, finish_archive, write_recording
from acoustill.archive.importers.avia_names import avia_rig
from acoustill.commands.takes import open_take
from acoustill.rig import preset
from small_archives import little_rig


def test_places_of_microphones_that_are_not_public_are_not_made_up_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The array of AVIA, for which others' positions stand in; and one of the same size that is known."""
    for name, rig in (("avia", avia_rig()), ("mine", preset("dualcam"))):
        create_archive(tmp_path / name, rig)
        audio = np.ones((rig.channels, rig.samples_per_frame), np.float32)
        write_recording(tmp_path / name, "r", frames=1, audio=audio, microphones=range(rig.channels))
        finish_archive(tmp_path / name)
        open_take("listen", tmp_path / name, "r", None)
        assert ("is not public" in capsys.readouterr().err) == (name == "avia")


def test_integer_audio_of_an_archive_is_heard_in_the_unit_that_the_archive_states(tmp_path: Path) -> None:
    audio = np.random.default_rng(0).integers(-3000, 3000, (4, 1200), dtype=np.int16)
    create_archive(tmp_path / "archive", little_rig())
    write_recording(tmp_path / "archive", "r", frames=12, audio=audio, microphones=range(4), scale=1e-4)
    finish_archive(tmp_path / "archive")
    take = open_take("map", tmp_path / "archive", "r", None)
    assert take.source is not None
    np.testing.assert_allclose(take.source.read(), audio * 1e-4, rtol=1e-6)
    np.testing.assert_allclose(next(take.blocks()), audio * 1e-4, rtol=1e-6)

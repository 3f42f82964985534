"""What commands read from archives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from acoustill.archive import create_archive, finish_archive, write_recording
from acoustill.commands.takes import open_take
from small_archives import little_rig


def test_integer_audio_of_an_archive_is_heard_in_the_unit_that_the_archive_states(tmp_path: Path) -> None:
    audio = np.random.default_rng(0).integers(-3000, 3000, (4, 1200), dtype=np.int16)
    create_archive(tmp_path / "archive", little_rig())
    write_recording(tmp_path / "archive", "r", frames=12, audio=audio, microphones=range(4), scale=1e-4)
    finish_archive(tmp_path / "archive")
    take = open_take("map", tmp_path / "archive", "r", None)
    assert take.source is not None
    np.testing.assert_allclose(take.source.read(), audio * 1e-4, rtol=1e-6)
    np.testing.assert_allclose(next(take.blocks()), audio * 1e-4, rtol=1e-6)

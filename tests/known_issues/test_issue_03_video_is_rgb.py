"""The paper's code fed frames in the order blue, green, red to a network trained on red, green, blue.

Here video is RGB from the writer to the reader, in overlays too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acoustill.archive import Clip, read_clip
from acoustill.imaging import overlay
from small_archives import FRAMES, SAMPLES_PER_FRAME, small_archive


@pytest.mark.parametrize("colour", [(230, 20, 20), (20, 200, 20), (20, 20, 230)])
def test_colours_survive_the_archive(colour: tuple[int, int, int], tmp_path: Path) -> None:
    video = np.full((FRAMES, 16, 24, 3), colour, np.uint8)
    recording = small_archive(tmp_path / "archive", [{"video": video}])["r000"]
    seen = read_clip(recording, Clip("r000", 2, 3), ["video"], SAMPLES_PER_FRAME)["video"]
    np.testing.assert_allclose(seen.mean((0, 1, 2)), colour, atol=6)


def test_colours_survive_a_silent_overlay() -> None:
    frame = np.full((4, 4, 3), (230, 20, 10), np.uint8)
    np.testing.assert_array_equal(overlay(frame, np.zeros((2, 2))), frame)

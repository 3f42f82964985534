"""What options mean that several commands share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acoustill.commands.arguments import beams_wanted
from acoustill.rig import preset


@pytest.mark.parametrize(
    ("sample_rate", "frame_rate", "steps"),
    [(12288, 12, 8), (44100, 30, 3), (44100, 25, 4), (44100, 12, 7), (48000, 25, 4)],
)
def test_beams_come_every_ten_milliseconds_or_as_nearly_as_a_frame_divides(
    sample_rate: int, frame_rate: float, steps: int
) -> None:
    rig = replace(preset("dualcam"), sample_rate=sample_rate, frame_rate=frame_rate)
    for grid in (None, "8x6"):
        wanted = beams_wanted(True, grid, "simulate", rig)
        assert wanted is not None
        assert (wanted.steps, wanted.rows, wanted.columns) == (steps, 6, 8)
        assert wanted.hop(rig) * steps == rig.samples_per_frame
    assert beams_wanted(False, None, "simulate", rig) is None

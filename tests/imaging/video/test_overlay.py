"""Energy maps over video frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.imaging import overlay
from acoustill.imaging.video.overlay import heat_colours


@given(
    height=st.integers(4, 90), width=st.integers(4, 90), rows=st.integers(1, 12), columns=st.integers(1, 12),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_frames_of_any_size_keep_it(height: int, width: int, rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    drawn = overlay(frame, rng.uniform(0, 1, (rows, columns)))
    assert drawn.shape == frame.shape
    assert drawn.dtype == np.uint8


def test_what_is_quiet_stays_as_it_was() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    energy = np.full((6, 8), 1e-3)
    energy[4, 6] = 1.0
    drawn = overlay(frame, energy, range_db=12.0)
    np.testing.assert_array_equal(drawn[:30], frame[:30])
    np.testing.assert_array_equal(drawn[:, :50], frame[:, :50])
    assert (drawn[44:46, 64:66] != frame[44:46, 64:66]).any()


def test_silence_leaves_the_frame_and_gives_a_copy() -> None:
    frame = np.full((4, 4, 3), 9, np.uint8)
    drawn = overlay(frame, np.zeros((2, 2)))
    np.testing.assert_array_equal(drawn, frame)
    drawn[:] = 0
    assert frame.all()


def test_a_common_peak_keeps_quiet_frames_dark() -> None:
    frame, energy = np.zeros((8, 8, 3), np.uint8), np.full((2, 2), 0.01)
    assert overlay(frame, energy).any()
    assert not overlay(frame, energy, range_db=10.0, peak=1.0).any()


def test_colours_grow_brighter() -> None:
    brightness = heat_colours(np.linspace(0, 1, 64)).astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(brightness) > 0).mean() > 0.9
    assert brightness[-1] > brightness[0] + 200


def test_impossible_arguments_are_refused() -> None:
    frame, energy = np.zeros((8, 8, 3), np.uint8), np.ones((2, 2))
    with pytest.raises(AcoustillError, match="dynamic range is 0 dB"):
        overlay(frame, energy, range_db=0)
    with pytest.raises(AcoustillError, match=r"shapes is \(8, 8\) and \(2, 2\)"):
        overlay(frame[..., 0], energy)

"""The level that is drawn brightest, and how sounds fade."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.imaging.video.reference import FALL_DB_S, RISE_DB_S, AfterGlow, reference_levels

RATE = 12.0


@given(seed=st.integers(0, 999), frames=st.integers(1, 200))
def test_it_lies_on_or_above_all_peaks_and_is_slow(seed: int, frames: int) -> None:
    peaks = np.random.default_rng(seed).normal(-40, 10, frames)
    levels = reference_levels(peaks, RATE)
    assert (levels >= peaks - 1e-9).all()
    slopes = np.diff(levels) * RATE
    assert (slopes <= RISE_DB_S + 1e-6).all()
    assert (slopes >= -FALL_DB_S - 1e-6).all()


def test_a_quiet_sound_comes_back_after_a_loud_one() -> None:
    peaks = np.full(120, -50.0)
    peaks[:12] = -80.0
    peaks[60] = -20.0
    levels = reference_levels(peaks, RATE)
    assert levels[60] == -20
    assert levels[59] == pytest.approx(-20 - RISE_DB_S / RATE)
    assert levels[40] == levels[-1] == -50


def test_silence_stays_dark_and_steady_sounds_do_not() -> None:
    talk = np.where(np.arange(240) // 24 % 2, -40.0, -70.0)
    assert (reference_levels(talk, RATE, 12.0)[talk < -60] - 12 >= -70).all()
    assert reference_levels(np.full(50, -40.0), RATE, 12.0) == pytest.approx(-40)


def test_digital_silence_counts_for_nothing() -> None:
    peaks = np.full(100, -np.inf)
    assert np.isfinite(reference_levels(peaks, RATE)).all()
    peaks[50] = -30.0
    levels = reference_levels(peaks, RATE)
    assert levels[50] == -30
    assert np.isfinite(levels).all()


def test_a_fixed_reference_is_one_level_that_few_frames_exceed() -> None:
    peaks = np.append(np.linspace(-60, -40, 99), 0.0)
    levels = reference_levels(peaks, RATE, reference="fixed")
    assert np.ptp(levels) == 0
    assert (peaks > levels).sum() == 5


def test_what_is_below_the_floor_is_never_drawn() -> None:
    levels = reference_levels(np.linspace(-90, -30, 60), RATE, 10.0, floor_db=-50.0)
    assert levels.min() == -40


def test_a_sound_shows_at_once_and_fades() -> None:
    energy = np.zeros((24, 1, 1))
    energy[6] = 1.0
    glow = AfterGlow(0.25, RATE)
    smooth = np.concatenate([glow(energy[:9]), glow(energy[9:])]).ravel()
    assert (smooth[:6] == 0).all()
    assert smooth[6] == 1
    np.testing.assert_allclose(smooth[6:], np.exp(-np.arange(18) / RATE / 0.25), rtol=1e-5)
    steady = AfterGlow(0.25, RATE)(np.ones((9, 2, 2)))
    np.testing.assert_allclose(steady, 1.0)
    np.testing.assert_array_equal(AfterGlow(0.0, RATE)(energy), energy)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(AcoustillError, match="reference is 'peak', expected follow or fixed"):
        reference_levels(np.zeros(3), RATE, reference="peak")  # type: ignore[arg-type]
    with pytest.raises(AcoustillError, match="dynamic range is -1 dB"):
        reference_levels(np.zeros(3), RATE, -1)
    with pytest.raises(AcoustillError, match="smoothing is -1 s"):
        AfterGlow(-1, RATE)

"""The synthetic actions: takes, subjects, levels, events."""

from __future__ import annotations

import time

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.simulation.sources import ACTIONS, Style, draw_style, perform
from acoustill.simulation.synthesis import active_level, force_pulses

RATE = 12288
SUBJECTS = 8


def style(subject: int) -> Style:
    return draw_style(np.random.default_rng(subject))


def spectrum(signal: np.ndarray) -> np.ndarray:
    """The long-term spectrum in 32 bands, in decibels re the whole, no lower than -50."""
    power = np.abs(np.fft.rfft(signal[: len(signal) // 1024 * 1024].reshape(-1, 1024))) ** 2
    bands = power.mean(0)[1:].reshape(32, -1).sum(1)
    return 10 * np.log10(np.maximum(bands / bands.sum(), 1e-5))


def test_the_actions_are_the_eight_in_order() -> None:
    assert ACTIONS == (
        "clapping",
        "hammering",
        "knocking",
        "paper_shaking",
        "speaking",
        "stick_dropping",
        "typing",
        "whistling",
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_the_same_generator_gives_the_same_take_and_another_another(action: str) -> None:
    first, again, other = (perform(action, style(0), 3.0, RATE, np.random.default_rng(k)) for k in (1, 1, 2))
    np.testing.assert_array_equal(first.signal, again.signal)
    assert first.events == again.events
    assert first.events != other.events
    assert not np.allclose(first.signal, other.signal, atol=1e-3)


@pytest.mark.parametrize("action", ACTIONS)
def test_takes_of_a_subject_sound_more_alike_than_those_of_different_subjects(action: str) -> None:
    spectra = np.array(
        [[spectrum(perform(action, style(s), 4.0, RATE, np.random.default_rng([s, k])).signal) for k in range(2)]
         for s in range(SUBJECTS)]
    )  # fmt: skip
    within = np.abs(spectra[:, 0] - spectra[:, 1]).mean()
    between = np.abs(spectra[:, None, 0] - spectra[None, :, 1]).mean(-1)
    between = between[~np.eye(SUBJECTS, dtype=bool)].mean()
    assert between > 1.5 * within
    assert within > 0.05


@pytest.mark.parametrize("action", ACTIONS)
def test_signal_is_float32_pascal_of_a_sensible_level(action: str) -> None:
    for subject in range(SUBJECTS):
        take = perform(action, style(subject), 3.0, RATE, np.random.default_rng(subject))
        assert take.signal.shape == (3 * RATE,)
        assert take.signal.dtype == np.float32
        assert np.isfinite(take.signal).all()
        assert 50 < active_level(take.signal, RATE) < 85
        assert abs(take.signal.mean()) < 0.1 * take.signal.std()


def test_levels_of_the_actions_overlap_between_subjects() -> None:
    levels = {
        action: [
            active_level(perform(action, style(s), 2.0, RATE, np.random.default_rng(s)).signal, RATE) for s in range(12)
        ]
        for action in ACTIONS
    }
    lower, upper = (np.array([np.quantile(v, q) for v in levels.values()]) for q in (0.1, 0.9))
    assert upper.min() > lower.max()


@pytest.mark.parametrize("action", ACTIONS)
def test_every_two_second_window_holds_an_event(action: str) -> None:
    for subject in range(SUBJECTS):
        take = perform(action, style(subject), 10.0, RATE, np.random.default_rng(subject))
        onsets = np.array([event.time for event in take.events])
        assert np.all(np.diff(onsets) > 0)
        assert np.diff(np.concatenate([[0.0], onsets, [10.0]])).max() < 2.0
        assert all(0 < event.strength <= 1 and event.duration > 0 for event in take.events)
        for start in np.arange(0, 8.01, 0.5):
            assert np.any(take.signal[int(start * RATE) : int((start + 2) * RATE)] ** 2 > 0)


@pytest.mark.parametrize("action", ACTIONS)
def test_energy_is_where_the_events_are(action: str) -> None:
    for subject in range(3):
        take = perform(action, style(subject), 8.0, RATE, np.random.default_rng(subject))
        clock = np.arange(len(take.signal)) / RATE
        inside = np.zeros(len(clock), bool)
        for event in take.events:
            tail = 0.15 if action == "typing" else 0.05
            inside |= (clock > event.time - 0.01) & (clock < event.time + event.duration + tail)
        assert np.sum(take.signal[inside] ** 2) > 0.93 * np.sum(take.signal**2)
    assert inside.mean() < 0.98


@pytest.mark.parametrize("action", ["clapping", "hammering", "knocking", "stick_dropping", "typing"])
def test_blows_start_at_their_event(action: str) -> None:
    take = perform(action, style(1), 8.0, RATE, np.random.default_rng(4))
    power = take.signal.astype(np.float64) ** 2
    last = -1.0
    for event in take.events[:-1]:
        ringing, last = event.time - last < 0.1, event.time
        if ringing:
            continue
        at = round(event.time * RATE)
        before, after = power[max(at - 250, 0) : at - 40], power[at - 20 : at + 190]
        assert after.mean() > 1.2 * before.mean()


@pytest.mark.parametrize("rate", [8000, 12288, 48000])
@pytest.mark.parametrize("action", ACTIONS)
def test_other_rates_and_short_takes(action: str, rate: int) -> None:
    take = perform(action, style(2), 0.5, rate, np.random.default_rng(0))
    assert take.signal.shape == (rate // 2,)
    assert take.events
    assert np.isfinite(take.signal).all()
    assert take.signal.any()


def test_force_pulses_keep_their_place_between_samples_and_their_area() -> None:
    times = np.array([0.01003, 0.05])
    force = force_pulses(1024, RATE, times[:1], np.array([2.0]), 1e-3)
    centre = np.sum(force * np.arange(1024)) / force.sum() / RATE
    assert force.sum() == pytest.approx(2.0, rel=1e-3)
    assert centre == pytest.approx(times[0], abs=1e-6)
    shortest = np.abs(np.fft.rfft(force_pulses(1024, RATE, times, np.ones(2), 0.0)))
    assert shortest[-1] < 1e-2 * shortest[0]


def test_whistle_of_the_highest_pitch_stays_below_nyquist() -> None:
    high = Style(1.0, 0.5, 0.0, 1.6, 1.0, 0.5, 1.0, 0.0, 0.0, 3)
    take = perform("whistling", high, 4.0, 4000, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(take.signal)) ** 2
    assert power[int(0.47 * 4000 * 4) :].sum() < 1e-3 * power.sum()


def test_active_level_of_one_pascal_is_that_of_a_calibrator() -> None:
    tone = np.sqrt(2) * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    assert active_level(tone, RATE) == pytest.approx(93.98, abs=0.05)
    assert active_level(np.concatenate([tone, np.zeros(RATE)]), RATE) == pytest.approx(93.98, abs=0.05)
    assert active_level(np.zeros(RATE), RATE) == -np.inf


def test_unknown_action_and_impossible_takes_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(AcoustillError, match=r"'juggling' is unknown.*clapping.*whistling"):
        perform("juggling", style(0), 2.0, RATE, rng)
    with pytest.raises(AcoustillError, match="length of a take"):
        perform("typing", style(0), 0.0, RATE, rng)
    with pytest.raises(AcoustillError, match="sample rate"):
        perform("typing", style(0), 2.0, 1000, rng)


@pytest.mark.parametrize("action", ACTIONS)
def test_ten_seconds_take_a_fraction_of_a_second(action: str) -> None:
    started = time.process_time()
    perform(action, style(0), 10.0, RATE, np.random.default_rng(0))
    assert time.process_time() - started < 0.5

"""Crackling and bouncing: the point processes behind several actions."""

from __future__ import annotations

import numpy as np
import pytest

from acoustill.simulation.bodies import GRAVITY, bounces
from acoustill.simulation.crackle import click_amplitudes, crackle, poisson_times, slip_times
from acoustill.simulation.synthesis import Body

RATE = 12288


def test_poisson_events_follow_their_rate_and_are_as_irregular_as_they_should() -> None:
    rng = np.random.default_rng(0)
    rates = np.repeat([50.0, 200.0], 20 * RATE)
    times = poisson_times(rates, RATE, rng)
    assert np.all(np.diff(times) >= 0)
    assert np.sum(times < 20) == pytest.approx(1000, rel=0.12)
    assert np.sum(times >= 20) == pytest.approx(4000, rel=0.06)
    gaps = np.diff(times[times >= 20])
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.06)
    assert not len(poisson_times(np.zeros(100), RATE, rng))


@pytest.mark.parametrize("regularity", [1.0, 4.0])
def test_the_rate_of_slips_follows_the_speed(regularity: float) -> None:
    rng = np.random.default_rng(1)
    clock = np.arange(20 * RATE) / RATE
    speeds = 0.2 + 0.02 * clock  # from 0.2 to 0.6 m/s
    times = slip_times(speeds, 1e-3, regularity, RATE, rng)
    counts, _ = np.histogram(times, 10, (0, 20))
    np.testing.assert_allclose(counts, 2e3 * (0.22 + 0.04 * np.arange(10)), rtol=0.12)
    doubled = slip_times(2 * speeds, 1e-3, regularity, RATE, rng)
    assert len(doubled) == pytest.approx(2 * len(times), rel=0.04)


def test_slips_of_steady_speed_are_as_regular_as_asked_and_there_are_none_at_rest() -> None:
    rng = np.random.default_rng(2)
    speeds = np.r_[np.zeros(RATE), np.full(9 * RATE, 0.3), np.zeros(RATE)]
    for regularity in (1.0, 9.0):
        times = slip_times(speeds, 1e-3, regularity, RATE, rng)
        assert times.min() >= 1.0 - 1 / RATE
        assert times.max() <= 10.0 + 1 / RATE
        gaps = np.diff(times)
        assert gaps.std() / gaps.mean() == pytest.approx(regularity**-0.5, rel=0.06)
    assert not len(slip_times(np.zeros(RATE), 1e-3, 2.0, RATE, rng))


@pytest.mark.parametrize("exponent", [1.3, 1.6, 2.0])
def test_energies_of_clicks_follow_the_power_law(exponent: float) -> None:
    energies = click_amplitudes(200_000, exponent, np.random.default_rng(3)) ** 2
    assert energies.min() >= 1.0
    assert energies.max() <= 300.0 * (1 + 1e-9)
    tail = 300.0 ** (1 - exponent)
    for threshold in (3.0, 10.0, 100.0):
        expected = (threshold ** (1 - exponent) - tail) / (1 - tail)
        assert np.mean(energies > threshold) == pytest.approx(expected, abs=0.005)


def test_clicks_ring_at_the_modes_of_the_body_and_radiate_little_below() -> None:
    rng = np.random.default_rng(4)
    body = Body(np.array([1500.0, 3600.0, 9000.0]), np.full(3, 0.03), np.ones(3))
    sound = crackle(4 * RATE, RATE, np.sort(rng.uniform(0, 4, 200)), np.ones(200), body, rng)
    power = np.abs(np.fft.rfft(sound)) ** 2
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)

    def around(frequency: float) -> float:
        return float(power[np.abs(frequencies - frequency) < 60].mean())

    for mode in (1500.0, 3600.0):
        assert around(mode) > 10 * max(around(mode - 700), around(mode + 700))
    assert power[frequencies < 300].mean() < 1e-3 * around(1500.0)


def test_clicks_last_as_long_and_are_as_loud_at_every_rate() -> None:
    body = Body(np.array([1500.0, 3600.0]), np.full(2, 0.02), np.ones(2))
    levels = []
    for rate in (RATE, 48000):
        rng = np.random.default_rng(4)
        sound = crackle(4 * rate, rate, np.sort(rng.uniform(0, 4, 300)), np.ones(300), body, rng)
        power = np.abs(np.fft.rfft(sound)[: 4 * 5500]) ** 2 / rate**2
        levels.append([power[4 * low : 4 * (low + 500)].sum() for low in (1250, 3350)])
    np.testing.assert_allclose(levels[1], levels[0], rtol=0.1)


def test_bounces_obey_gravity_and_restitution() -> None:
    times, speeds = bounces(2.0, 0.5, 0.1, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(speeds, [2.0, 1.0, 0.5, 0.25, 0.125])
    np.testing.assert_allclose(np.diff(times), 2 * speeds[1:] / GRAVITY)
    scattered = bounces(2.0, 0.5, 0.1, 0.3, np.random.default_rng(0))[1]
    assert np.ptp(scattered[1:] / scattered[:-1]) > 0.05
    assert np.all(scattered[1:] < scattered[:-1])

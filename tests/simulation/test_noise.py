from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import butter, sosfilt, welch

from acoustill.simulation import noise
from acoustill.simulation.spectrograms import centres_hz, gaussian_rows, spectrogram, steady, windblown

RATE = 12288


def modulation(signal: np.ndarray, low_hz: float, high_hz: float) -> float:
    """How much of a signal's envelope, relative to its mean, varies between two frequencies."""
    levels = np.sqrt(np.square(signal.astype(np.float64))[: len(signal) // 256 * 256].reshape(-1, 256).mean(axis=1))
    sections = butter(2, (low_hz, high_hz), "bandpass", fs=RATE / 256, output="sos")
    return float(np.std(sosfilt(sections, levels / levels.mean() - 1)))


@pytest.mark.parametrize("amplitude", [noise.ventilation, noise.traffic, noise.wind])
def test_shaped_noise_has_unit_power_its_spectrum_and_independent_rows(
    amplitude: noise.Spectrum, rng: np.random.Generator
) -> None:
    signals = noise.shaped_noise(4, 4 * RATE, RATE, amplitude, rng)
    assert np.square(signals).mean(axis=1) == pytest.approx(np.ones(4), rel=1e-4)
    assert np.abs(np.corrcoef(signals)[~np.eye(4, dtype=bool)]).max() < 0.3
    frequencies, powers = welch(signals, RATE, nperseg=1024)
    shape_db = 10 * np.log10(powers.mean(axis=0)) - 20 * np.log10(amplitude(np.maximum(frequencies, 1.0)))
    inside = (frequencies > 60) & (frequencies < 600)  # wind is left out above
    assert np.std(shape_db[inside]) < 1.0


@pytest.mark.parametrize("make", [noise.fan, noise.ringing, noise.birds, noise.babble, noise.keyboards, noise.vehicle])
def test_sources_are_finite_of_unit_power_and_repeatable(make: Callable, rng: np.random.Generator) -> None:
    signal = make(2 * RATE, RATE, rng)
    assert signal.shape == (2 * RATE,)
    assert signal.dtype == np.float32
    assert np.square(signal, dtype=np.float64).mean() == pytest.approx(1.0, rel=1e-3)
    assert (make(2 * RATE, RATE, np.random.default_rng(0)) == signal).all()
    assert np.abs(signal - make(2 * RATE, RATE, rng)).max() > 0.1


def test_spectrograms_hold_the_power_of_a_signal_where_it_is(rng: np.random.Generator) -> None:
    tone = np.sqrt(2) * np.sin(2 * np.pi * 1000 * np.arange(4 * RATE) / RATE)
    tone[2 * RATE :] = 0
    powers = spectrogram(tone, RATE)
    loud = powers[5:40].mean(axis=0)
    assert loud.sum() == pytest.approx(1.0, rel=0.01)
    assert centres_hz(RATE)[loud.argmax()] == pytest.approx(1000, abs=12)
    assert powers[60:].sum() == 0


def test_gaussian_rows_follow_a_spectrogram_and_are_independent(rng: np.random.Generator) -> None:
    powers = steady(noise.ventilation(centres_hz(RATE)), 4 * RATE, RATE)
    powers[len(powers) // 2 :] *= 4
    rows = gaussian_rows(powers, 24, 4 * RATE, RATE, rng)
    halves = np.square(rows, dtype=np.float64).reshape(24, 2, -1).mean(axis=(0, 2))
    assert halves == pytest.approx([1.0, 4.0], rel=0.1)
    frequencies, measured = welch(rows[:, : 2 * RATE], RATE, nperseg=1024)
    expected = noise.ventilation(frequencies) ** 2
    inside = (frequencies > 60) & (frequencies < 5000)
    assert np.std(10 * np.log10(measured.mean(axis=0) / expected)[inside]) < 0.7
    within = np.corrcoef(rows)[~np.eye(24, dtype=bool)]
    assert np.abs(within).max() < 0.1


def test_babble_is_modulated_like_speech_in_rows_that_do_not_correlate(rng: np.random.Generator) -> None:
    """Speech varies most with its syllables, at 2 to 8 Hz; ventilation varies by chance alone."""
    seconds = 6
    babble = noise.babble(seconds * RATE, RATE, rng)
    rows = gaussian_rows(spectrogram(babble, RATE), 128, seconds * RATE, RATE, rng)
    hum = gaussian_rows(steady(noise.ventilation(centres_hz(RATE)), seconds * RATE, RATE), 4, seconds * RATE, RATE, rng)
    correlations = np.abs(np.corrcoef(rows)[~np.eye(128, dtype=bool)])
    assert np.mean(correlations) < 0.03
    assert correlations.max() < 0.15
    syllables = np.mean([modulation(row, 2, 8) for row in rows[:8]])
    assert syllables > 1.5 * np.mean([modulation(row, 2, 8) for row in hum])
    levels = np.square(rows).reshape(128, -1, 1024).mean(axis=-1)
    alike = np.corrcoef(levels)[~np.eye(128, dtype=bool)]
    assert np.mean(alike) > 0.5  # loud at the same times everywhere


def test_keyboards_are_dull_bursts_with_pauses() -> None:
    for seed in range(5):
        signal = noise.keyboards(6 * RATE, RATE, np.random.default_rng(seed))
        frequencies, powers = welch(signal, RATE, nperseg=1024)
        assert powers[frequencies > 3500].sum() < 0.05 * powers.sum()
        levels = np.square(signal).reshape(-1, 512).mean(axis=1)
        assert np.median(levels) < 0.7 * levels.mean()


def test_wind_gusts_and_hardly_reaches_from_capsule_to_capsule(rng: np.random.Generator) -> None:
    positions = np.array([[0.0, 0, 0], [0.005, 0, 0], [0.1, 0, 0], [0.3, 0.1, 0]])
    seconds, speed = 40, 5.0
    gusts = noise.wandering_gain(seconds * RATE, RATE, 0.7, 5.0, rng)
    assert np.std(20 * np.log10(gusts)) == pytest.approx(5.0, abs=2.0)
    powers = steady(noise.wind(centres_hz(RATE)), seconds * RATE, RATE, gusts)
    rows = windblown(powers, positions, speed, seconds * RATE, RATE, rng)
    assert np.square(rows, dtype=np.float64).mean() == pytest.approx(1.0, rel=0.1)
    cuts = np.fft.rfft(rows.reshape(4, -1, 1024) * np.hanning(1024))[:, :, 1:8]
    cross = np.einsum("iwf,jwf->ijf", cuts, cuts.conj()).real
    coherence = cross / np.sqrt(np.einsum("iif,jjf->ijf", cross, cross))
    expected = np.exp(-0.7 * 2 * np.pi * np.arange(1, 8) * 12 * 0.005 / (0.7 * speed))
    assert np.abs(coherence[0, 1] - expected).max() < 0.15
    assert np.abs(coherence[0, 3]).max() < 0.25
    levels = np.sqrt(np.square(rows).reshape(4, -1, 4096).mean(axis=-1))
    assert np.corrcoef(levels)[0, 3] > 0.7  # gusts come to all

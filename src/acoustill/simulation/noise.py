"""Signals of noise sources, each with a mean square of 1; the scene decides how loud they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft, rfftfreq

from acoustill.simulation.sources import draw_style, perform

Spectrum = Callable[[np.ndarray], np.ndarray]


def shaped_noise(
    count: int, samples: int, sample_rate: int, amplitude: Spectrum, rng: np.random.Generator
) -> np.ndarray:
    """Independent Gaussian noises with a given amplitude spectrum.

    Args:
        count: number of signals.
        samples: length of each.
        sample_rate: in hertz.
        amplitude: amplitude of each frequency (hertz) up to a common factor; what is below a thousandth of
            the largest is left out.
        rng: the source of randomness.

    Shapes:
        Output: (count, samples) float32.
    """
    frequencies = rfftfreq(samples, 1 / sample_rate)
    shape = amplitude(np.maximum(frequencies, 1.0))
    shape[0] = 0.0
    kept = np.flatnonzero(shape > 1e-3 * shape.max())
    spectra = np.zeros((count, len(frequencies)), np.complex64)
    parts = rng.standard_normal((2, count, len(kept)), dtype=np.float32)
    spectra[:, kept] = (parts[0] + 1j * parts[1]) * shape[kept].astype(np.float32)
    return unit_power(irfft(spectra, n=samples, axis=-1))


def unit_power(signals: np.ndarray) -> np.ndarray:
    """Signals scaled to a mean square of 1 each; silence stays silent."""
    power = np.mean(np.square(signals, dtype=np.float64), axis=-1, keepdims=True)
    return (signals / np.sqrt(np.where(power > 0, power, 1.0))).astype(np.float32)


def ventilation(frequency_hz: np.ndarray) -> np.ndarray:
    """Air moving through ducts: falls by 6 dB an octave above 200 Hz."""
    return 1 / np.sqrt(1 + (frequency_hz / 200) ** 2)


def traffic(frequency_hz: np.ndarray) -> np.ndarray:
    """Distant traffic: a hump from 60 to 1000 Hz, falling by 9 dB an octave above."""
    return (frequency_hz / 60) / (1 + (frequency_hz / 60)) / (1 + (frequency_hz / 1000) ** 1.5)


def wind(frequency_hz: np.ndarray) -> np.ndarray:
    """Turbulence at a capsule: falls by 12 dB an octave above 40 Hz."""
    return 1 / (1 + (frequency_hz / 40) ** 2)


def babble(voices: int, seconds: float, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Several people talking at once in each of `voices` directions.

    Shapes:
        Output: (voices, samples) float32.
    """
    talkers = np.stack(
        [perform("speaking", draw_style(rng), seconds, sample_rate, rng).signal for _ in range(voices + 2)]
    )
    return unit_power(talkers[:voices] + 0.7 * talkers[1 : voices + 1] + 0.5 * talkers[2:])


def fan(samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A small fan: blade harmonics in a broad hiss. Output: (samples,) float32."""
    time_s = np.arange(samples) / sample_rate
    blade_hz = rng.uniform(90, 220)
    wobble = 0.3 * np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * time_s)
    tones = sum(np.sin(2 * np.pi * blade_hz * n * time_s + n * wobble + rng.uniform(0, 6.28)) / n for n in range(1, 9))
    centre = rng.uniform(600, 1500)
    hiss = shaped_noise(1, samples, sample_rate, lambda f: 1 / (1 + (f / centre) ** 2), rng)[0]
    return unit_power(np.asarray(tones) + rng.uniform(0.7, 2.0) * hiss)


def ringing(samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A telephone: two warbling tones, on and off. Output: (samples,) float32."""
    time_s = np.arange(samples) / sample_rate
    low = rng.uniform(700, 1400)
    warble = np.sin(2 * np.pi * rng.uniform(12, 24) * time_s) > 0
    phase = 2 * np.pi * np.cumsum(np.where(warble, low, low * 1.25)) / sample_rate
    period = rng.uniform(1.5, 3.0)
    on = ((time_s + rng.uniform(0, period)) % period) < 0.4 * period
    return unit_power(np.sin(phase) * np.convolve(on, np.ones(100) / 100, mode="same"))


def birds(samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Chirps that sweep between 2 and 5 kHz, in groups. Output: (samples,) float32."""
    signal = np.zeros(samples)
    start = 0
    while True:
        start += int(sample_rate * rng.choice([rng.uniform(0.08, 0.2), rng.uniform(0.6, 1.8)], p=[0.75, 0.25]))
        length = int(sample_rate * rng.uniform(0.04, 0.12))
        if start + length >= samples:
            return unit_power(signal)
        sweep = np.linspace(rng.uniform(2000, 4800), rng.uniform(2000, 4800), length)
        signal[start : start + length] += np.hanning(length) * np.sin(2 * np.pi * np.cumsum(sweep) / sample_rate)

"""Signals of noise sources, each with a mean square of 1; the scene decides how loud they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal as dsp
from scipy.fft import irfft, rfftfreq

from acoustill.simulation.sources import draw_style, perform
from acoustill.simulation.synthesis import band_noise, noise_bursts

Spectrum = Callable[[np.ndarray], np.ndarray]

_TALKERS = 6
_RAMP_S = 0.005  # in which a telephone starts and stops
_KEYBOARD_BAND_HZ = (500.0, 2400.0)  # screens and partitions keep the rest


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


def ventilation(frequency_hz: np.ndarray, corner_hz: float = 200.0) -> np.ndarray:
    """Amplitude of air moving through ducts: falls by 6 dB an octave above the corner."""
    return 1 / np.sqrt(1 + (frequency_hz / corner_hz) ** 2)


def traffic(frequency_hz: np.ndarray, corner_hz: float = 1000.0) -> np.ndarray:
    """Amplitude of distant traffic: a hump from 60 Hz to the corner, falling by 9 dB an octave above."""
    return (frequency_hz / 60) / (1 + (frequency_hz / 60)) / (1 + (frequency_hz / corner_hz) ** 1.5)


def wind(frequency_hz: np.ndarray) -> np.ndarray:
    """Amplitude of turbulence at a capsule: falls by 12 dB an octave above 40 Hz."""
    return 1 / (1 + (frequency_hz / 40) ** 2)


def wandering_gain(
    samples: int, sample_rate: int, fastest_hz: float, spread_db: float, rng: np.random.Generator
) -> np.ndarray:
    """A gain that wanders, such as that of gusts or of traffic.

    Its logarithm is Gaussian and has little power above `fastest_hz`.

    Args:
        samples: length.
        sample_rate: in hertz.
        fastest_hz: highest frequency of the fluctuations.
        spread_db: their standard deviation.
        rng: the source of randomness.

    Shapes:
        Output: (samples,) float64, amplitude gain.
    """
    step_s = 1 / (4 * fastest_hz)
    bell = np.hanning(7)[1:-1] / np.sqrt(np.square(np.hanning(7)).sum())
    levels = np.convolve(rng.standard_normal(int(samples / sample_rate / step_s) + 6), bell, mode="valid")
    level_db = spread_db * np.interp(np.arange(samples) / sample_rate / step_s, np.arange(len(levels)), levels)
    return 10 ** (level_db / 20)


def talkers(count: int, samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Several people who talk at once, each with pauses, as they take turns.

    Shapes:
        Output: (count, samples) float32, a mean square of 1 each.
    """
    seconds = max(samples / sample_rate, 0.25)
    voices = []
    for _ in range(count):
        voice = perform("speaking", draw_style(rng), seconds, sample_rate, rng).signal[:samples]
        turn = wandering_gain(samples, sample_rate, 0.3, 6.0, rng)
        voices.append(unit_power(voice * np.minimum(turn, 2.0)))
    return np.stack(voices)


def babble(samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Six people talking at once, at different distances. Output: (samples,) float32."""
    gains = 10 ** (rng.uniform(-8, 0, _TALKERS) / 20)
    return unit_power((gains[:, None] * talkers(_TALKERS, samples, sample_rate, rng)).sum(axis=0))


def keyboards(samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A colleague's keyboard behind a screen: dull short bursts, many a second, and pauses.

    It is far from what the class `typing` sounds like: without the bright clicks, the keys' releases and the thuds of
    the desk, and only as a share of the noise. Output: (samples,) float32.
    """
    rate, seconds = rng.uniform(4, 9), samples / sample_rate
    times = np.cumsum(rng.exponential(1 / rate, int(2 * rate * seconds) + 10))
    resting = np.sin(2 * np.pi * times * rng.uniform(0.1, 0.25) + rng.uniform(0, 6.28)) > 0.7
    times = times[(times < seconds) & ~resting]
    strengths = np.exp(0.5 * rng.standard_normal(len(times)))
    bursts = noise_bursts(samples, sample_rate, times, strengths, 0.006, rng)
    sections = dsp.butter(
        2,
        np.minimum(_KEYBOARD_BAND_HZ, (0.2 * sample_rate, 0.4 * sample_rate)),
        "bandpass",
        fs=sample_rate,
        output="sos",
    )
    return unit_power(dsp.sosfilt(sections, bursts))


def vehicle(samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A car: tyres on the road between 300 and 2000 Hz, and an engine's orders. Output: (samples,) float32."""
    time_s = np.arange(samples) / sample_rate
    firing_hz = rng.uniform(50, 110)
    engine = sum(np.sin(2 * np.pi * firing_hz * n * time_s + rng.uniform(0, 6.28)) / n for n in range(1, 7))
    return unit_power(band_noise(samples, sample_rate, 300, 2000, rng) + rng.uniform(0.2, 0.7) * np.asarray(engine))


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
    """A telephone: two warbling tones, on and off, without a click at either end. Output: (samples,) float32."""
    time_s = np.arange(samples) / sample_rate
    low = rng.uniform(700, 1400)
    warble = np.sin(2 * np.pi * rng.uniform(12, 24) * time_s) > 0
    phase = 2 * np.pi * np.cumsum(np.where(warble, low, low * 1.25)) / sample_rate
    period = rng.uniform(1.5, 3.0)
    on = ((time_s + rng.uniform(0, period)) % period) < 0.4 * period
    half = round(_RAMP_S * sample_rate / 2)
    on[:half] = on[-half:] = False
    ramp = np.hanning(2 * half + 1)
    return unit_power(np.sin(phase) * np.convolve(on, ramp / ramp.sum(), mode="same"))


def birds(samples: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Chirps that sweep between 2 and 5 kHz, in groups. Output: (samples,) float32."""
    signal = np.zeros(samples)
    start = 0
    while True:
        start += int(sample_rate * rng.choice([rng.uniform(0.08, 0.2), rng.uniform(0.6, 1.8)], p=[0.75, 0.25]))
        length = int(sample_rate * rng.uniform(0.04, 0.12))
        if start + length >= samples:
            return unit_power(signal)
        sweep = np.minimum(np.linspace(rng.uniform(2000, 4800), rng.uniform(2000, 4800), length), 0.45 * sample_rate)
        signal[start : start + length] += np.hanning(length) * np.sin(2 * np.pi * np.cumsum(sweep) / sample_rate)

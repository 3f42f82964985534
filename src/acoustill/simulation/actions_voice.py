"""Sounds of the mouth: speaking and whistling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal as dsp

from acoustill.simulation.performance import Event, Part, draw_strengths, rhythm, spans, timeline
from acoustill.simulation.synthesis import (
    REFERENCE_RATE,
    Array,
    band_noise,
    force_pulses,
    resonance,
    shape_spectrum,
    white_noise,
)

_VOWELS = np.array(
    [
        [730, 1090, 2440, 3400],
        [270, 2290, 3010, 3600],
        [300, 870, 2240, 3300],
        [530, 1840, 2480, 3500],
        [570, 840, 2410, 3300],
        [490, 1350, 1690, 3300],
        [660, 1720, 2410, 3500],
        [440, 1020, 2240, 3400],
    ],
    dtype=np.float64,
)


def speaking(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """Glottal pulses and breath through four moving formants (Fant 1960), fricatives beside them."""
    style, own, rng = part.style, part.own, part.rng
    rate, samples = part.sample_rate, part.samples
    times = rhythm(part, 4.4, (4, 13), (0.25, 0.8), 0.22)
    gaps = np.diff(np.append(times, times[-1] + 0.25))
    durations = np.clip(0.9 * gaps, 0.06, rng.uniform(0.18, 0.32, len(times)))
    strengths = draw_strengths(part, len(times))
    lead = np.where(rng.uniform(size=len(times)) < 0.45, rng.uniform(0.3, 0.5, len(times)), 0.08) * durations
    middle, end = times + 0.6 * durations, times + durations
    vowels = _VOWELS[rng.integers(len(_VOWELS), size=len(times))] / style.size**0.45
    onset = np.column_stack([np.full(len(times), 280.0), rng.uniform(900, 2000, len(times)), vowels[:, 2:]])
    knots = np.stack([times + lead / 2, middle, np.maximum(end, middle + 1e-3)], axis=1).ravel()
    targets = np.stack([onset, vowels, 0.75 * vowels + 0.25 * onset], axis=1).reshape(-1, 4)

    accent = 1 + (0.06 + 0.25 * style.liveliness) * rng.uniform(-0.6, 1.0, len(times))
    drift = 1 + 0.05 * np.sin(2 * np.pi * part.clock * rng.uniform(0.2, 0.5) + rng.uniform(0, 6))
    pitch = 140 * style.pitch * np.interp(part.clock, middle, accent) * drift
    cycles = np.cumsum(pitch) / rate
    closures = np.interp(np.arange(1, int(cycles[-1])), cycles, part.clock)
    closures = closures + 4e-5 * rng.standard_normal(len(closures))
    voicing = spans(part, times + lead, durations - lead, strengths, 0.025)
    flow = np.interp(closures, part.clock, voicing) * np.exp(0.05 * rng.standard_normal(len(closures)))
    source = force_pulses(samples, rate, closures, flow, 0.0)
    source += (0.002 + 0.02 * style.roughness) * voicing * white_noise(samples, rate, rng)

    tilt = 130 * 8**style.brightness
    widths = np.array([70.0, 90.0, 130.0, 200.0])

    def tract(at: Array, frequencies: Array) -> NDArray[np.complex128]:
        formants = np.stack([np.interp(at, knots, column) for column in targets.T], axis=1)
        higher = (1 + 1j * frequencies / 3500) ** 2  # stands for the formants above the fourth
        radiation = frequencies / (frequencies - 80j)  # the mouth radiates no constant pressure
        return resonance(frequencies, formants, widths) * radiation * higher / (1 + 1j * frequencies / tilt)

    voice = shape_spectrum(source, rate, tract)
    hiss = spans(part, times, 1.1 * lead, strengths * (lead > 0.2 * durations), 0.015)
    sibilance = own.uniform(2600, 5000)
    fricative = band_noise(samples, rate, sibilance, 1.5 * sibilance, rng) * hiss
    loudness = float(np.sqrt(np.mean(voice**2))) + 1e-12
    return voice / loudness + own.uniform(0.3, 1.0) * fricative, timeline(times, strengths, durations)


def whistling(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """A tone that glides between notes, with vibrato, a weak second harmonic and breath."""
    style, own, rng = part.style, part.own, part.rng
    times = rhythm(part, 2.6, (3, 9), (0.2, 0.8), 0.3)
    gaps = np.diff(np.append(times, times[-1] + 0.4))
    durations = np.minimum(gaps * rng.uniform(0.75, 1.0, len(times)), rng.uniform(0.3, 0.7, len(times)))
    strengths = draw_strengths(part, len(times))
    steps = np.cumsum(rng.normal(0, 2.0 + 2.5 * style.liveliness, len(times)))
    notes = 1250 * style.pitch**0.8 * 2 ** (np.clip(steps - steps.mean(), -9, 9) / 12)
    knots = np.stack([times, times + rng.uniform(0.15, 0.7, len(times)) * durations], axis=1).ravel()
    heights = np.stack([np.append(notes[:1], 0.4 * notes[:-1] + 0.6 * notes[1:]), notes], axis=1).ravel()
    vibrato = 1 + 0.012 * style.liveliness * np.sin(2 * np.pi * own.uniform(4.5, 6.5) * part.clock)
    slow = 0.98 ** (REFERENCE_RATE / part.sample_rate)  # below 40 Hz
    unsteady = dsp.lfilter([1 - slow], [1, -slow], white_noise(part.samples, part.sample_rate, rng))
    flutter = unsteady * 0.01 * style.roughness
    pitch = np.interp(part.clock, knots, heights) * vibrato * (1 + flutter)
    phase = 2 * np.pi * np.cumsum(np.minimum(pitch, 0.4 * part.sample_rate)) / part.sample_rate
    envelope = spans(part, times, durations, strengths, 0.035)
    tone, octave_db = np.sin(phase), own.uniform(-38, -20)
    if 2.1 * pitch.max() < 0.5 * part.sample_rate:
        tone += 10 ** (octave_db / 20) * np.sin(2 * phase)
    breath = band_noise(part.samples, part.sample_rate, 800, 1800 + 3500 * style.brightness, rng)
    return (tone + (0.01 + 0.12 * style.roughness**2) * breath) * envelope, timeline(times, strengths, durations)

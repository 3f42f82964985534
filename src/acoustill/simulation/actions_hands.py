"""Hands that make air burst: clapping and snapping fingers."""

from __future__ import annotations

import numpy as np

from acoustill.simulation.bodies import roughness
from acoustill.simulation.performance import Event, Part, draw_strengths, rhythm, timeline
from acoustill.simulation.synthesis import Array, Body, band_noise, strike

_SLIDE = 0.007


def _cavity(part: Part, lowest: float, decays: tuple[float, float]) -> Body:
    """The air between hands or in a hollow palm: a few broad resonances."""
    style, own = part.style, part.own
    frequencies = lowest / style.size * np.array([1.0, 1.8, 2.7, 3.9, 5.2])
    gains = np.array([1.0, 0.8, 0.6, 0.5, 0.4]) ** (1.6 - style.brightness)
    return Body(frequencies * np.exp(0.08 * own.standard_normal(5)), own.uniform(*decays, 5), gains)


def clapping(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """Two palms meet; the hollow between them rings.

    How the hands are held moves the resonance over more than an octave: Repp, "The sound of two hands clapping",
    J. Acoust. Soc. Am. 81 (1987).
    """
    style, own = part.style, part.own
    times = rhythm(part, own.uniform(2.0, 3.2), (3, 14), (0.3, 0.9), 0.1)
    strengths = draw_strengths(part, len(times))
    cavity = _cavity(part, own.uniform(550, 1800), (0.006, 0.03))
    noise = roughness(part, times, strengths, own.uniform(0.002, 0.006) + 0.004 * style.size, own.uniform(0.06, 0.16))
    contact = 1.3e-3 - 0.8e-3 * style.brightness
    sound = strike(
        part.samples, part.sample_rate, times, strengths, contact, cavity, part.rng, variety=0.4, noise=noise
    )
    return sound, timeline(times, strengths, 0.04)


def snapping_fingers(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """The middle finger slides off the thumb, is let go by friction and hits the palm.

    The slide takes 7 ms (Acharya and others, "The ultrafast snap of a finger is mediated by skin friction", J. R.
    Soc. Interface 18, 2021). The hollow that is hit is smaller than that of a clap: higher and drier on average.
    """
    style, own = part.style, part.own
    times = rhythm(part, own.uniform(1.6, 2.8), (2, 12), (0.3, 0.9), 0.12)
    strengths = draw_strengths(part, len(times))
    cavity = _cavity(part, own.uniform(750, 2400), (0.005, 0.022))
    noise = roughness(part, times, strengths, own.uniform(0.001, 0.005), own.uniform(0.05, 0.16))
    contact = 1.1e-3 - 0.7e-3 * style.brightness
    sound = strike(
        part.samples, part.sample_rate, times, strengths, contact, cavity, part.rng, variety=0.4, noise=noise
    )
    slide = band_noise(part.samples, part.sample_rate, 1200 / style.size, 3000 + 2000 * style.brightness, part.rng)
    knots = np.stack([times - _SLIDE, times, times + 5e-4], axis=1).ravel()
    heights = np.stack([0 * times, strengths, 0 * times], axis=1).ravel()
    rubbing = np.interp(part.clock, knots, heights, left=0.0, right=0.0)
    sound += (0.02 + 0.12 * style.roughness) * float(np.abs(sound).max()) * slide * rubbing
    return sound, timeline(times, strengths, 0.03)

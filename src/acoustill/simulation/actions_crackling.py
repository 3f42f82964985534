"""Sheets and shells that crackle: paper ripping and shaking, plastic crumpling, peanut breaking.

All four are the model of `acoustill.simulation.crackle`: they differ in how dense the clicks are, how their energies
spread, what rings and how the hands move. The ranges of all of these overlap between subjects.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal as dsp

from acoustill.simulation.crackle import click_amplitudes, crackle, poisson_times, slip_times
from acoustill.simulation.performance import Event, Part, draw_strengths, rhythm, spans, timeline
from acoustill.simulation.synthesis import Array, Body, band_noise, shape_spectrum


def _facets(part: Part, low: float, high: float, decays: tuple[float, float]) -> Body:
    """What rings in a sheet or shell: pieces of many sizes; the harder, the longer they ring."""
    style, own = part.style, part.own
    frequencies = np.sort(own.uniform(low, high, 7)) / style.size**0.5
    gains = np.exp(0.4 * own.standard_normal(7)) * (frequencies / frequencies[0]) ** (style.brightness - 0.5)
    return Body(frequencies, own.uniform(*decays, 7) * (0.6 + 0.8 * style.hardness), gains)


def _between(part: Part, low: float, high: float) -> float:
    """What this subject has between two limits, evenly spread over its log."""
    return float(np.exp(part.own.uniform(np.log(low), np.log(high))))


def _even(sound: Array) -> Array:
    """The sound at a root mean square of 1."""
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1e-12)


def _rustle(part: Part, low: float) -> Array:
    """Friction of many facets too small to be told apart, of unit root mean square."""
    high = 2500 + 3500 * part.style.brightness
    return band_noise(part.samples, part.sample_rate, low / part.style.size, high, part.rng)


def _flap(part: Part, most: float) -> Array:
    """A sheet or bag that moves air as a whole, of a root mean square up to `most`."""
    return part.own.uniform(0.0, most) * band_noise(part.samples, part.sample_rate, 90, 450 / part.style.size, part.rng)


def paper_shaking(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """A sheet is shaken to and fro: it flaps, buckles and rustles."""
    style, own, rng = part.style, part.own, part.rng
    times = rhythm(part, own.uniform(1.7, 3.6), (2, 14), (0.15, 0.8), 0.2)
    gaps = np.diff(np.append(times, times[-1] + 0.4))
    durations = np.clip(own.uniform(0.65, 0.97) * gaps, 0.04, own.uniform(0.22, 0.7))
    strengths = draw_strengths(part, len(times))
    envelope = spans(part, times, durations, strengths, 0.03)
    density = _between(part, 80, 1400) * (0.5 + style.liveliness)
    clicks = poisson_times(density * envelope, part.sample_rate, rng)
    amplitudes = click_amplitudes(len(clicks), own.uniform(1.5, 2.4), rng)
    sheet = _facets(part, 500, 4800, (0.004, 0.02))
    buckling = crackle(part.samples, part.sample_rate, clicks, amplitudes, sheet, rng)
    noise = (0.2 + 0.8 * style.roughness) * _rustle(part, own.uniform(400, 1200)) * envelope
    sound = _even(buckling) + noise + _flap(part, 0.6) * envelope
    return sound, timeline(times, strengths, durations)


def plastic_crumpling(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """Stiff film buckles between the hands: few sharp clicks, some of them far louder than the rest.

    Kramer and Lobkovsky, "Universal power law in the noise from a crumpled elastic sheet", Phys. Rev. E 53 (1996).
    """
    style, own, rng = part.style, part.own, part.rng
    times = rhythm(part, own.uniform(1.2, 3.2), (2, 9), (0.15, 0.8), 0.25)
    gaps = np.diff(np.append(times, times[-1] + 0.6))
    durations = np.clip(own.uniform(0.6, 0.95) * gaps, 0.04, own.uniform(0.3, 0.9))
    strengths = draw_strengths(part, len(times))
    envelope = spans(part, times, durations, strengths, 0.05)
    density = _between(part, 60, 800) * (0.5 + style.liveliness)
    clicks = poisson_times(density * envelope, part.sample_rate, rng)
    clicks = np.sort(np.concatenate([times + 0.01, clicks]))
    amplitudes = click_amplitudes(len(clicks), own.uniform(1.35, 2.3), rng)
    amplitudes *= 0.3 + np.interp(clicks, part.clock, envelope)
    film = _facets(part, 900, 5400, (0.003, 0.014))
    buckling = crackle(part.samples, part.sample_rate, clicks, amplitudes, film, rng)
    noise = 0.5 * style.roughness * _rustle(part, own.uniform(600, 1600)) * envelope
    sound = _even(buckling) + noise + _flap(part, 0.4) * envelope
    return sound, timeline(times, strengths, durations)


def tearing_speed(part: Part, times: Array, durations: Array, strengths: Array) -> Array:
    """How fast a tear runs: (samples,) metres per second, growing over each stroke, in jerks."""
    phase = np.zeros(part.samples)
    height = np.zeros(part.samples)
    for time, duration, strength in zip(times, durations, strengths, strict=True):
        inside = (part.clock >= time) & (part.clock < time + duration)
        phase[inside] = (part.clock[inside] - time) / duration
        height[inside] = strength
    smooth = np.sin(np.pi * phase**1.5) ** 0.7
    slow = np.exp(-2 * np.pi * 18.0 / part.sample_rate)
    jerks = dsp.lfilter([np.sqrt(1 - slow**2)], [1.0, -slow], part.rng.standard_normal(part.samples))
    return height * smooth * np.exp((0.2 + 0.5 * (1 - part.style.regularity)) * jerks)


def paper_ripping(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """Paper tears from fibre to fibre; the faster, the denser the cracks; the tone rises as the strip gets longer.

    That the density follows the speed is the rule of van den Doel, Kry and Pai (see `crackle.slip_times`).
    """
    style, own, rng = part.style, part.own, part.rng
    times = rhythm(part, own.uniform(1.0, 2.6), (1, 9), (0.1, 0.7), 0.25)
    gaps = np.diff(np.append(times, part.seconds + 0.1))
    longest = own.uniform(0.3, 1.5)
    durations = np.minimum(own.uniform(0.6, 0.95) * gaps, longest * rng.uniform(0.7, 1.0, len(times)))
    strengths = draw_strengths(part, len(times))
    speeds = tearing_speed(part, times, durations, strengths)
    cracks = slip_times(speeds, _between(part, 0.4e-3, 4.5e-3), own.uniform(1.0, 3.0), part.sample_rate, rng)
    amplitudes = click_amplitudes(len(cracks), own.uniform(1.7, 2.6), rng)
    amplitudes *= np.interp(cracks, part.clock, speeds) ** 0.5
    sheet = _facets(part, 700, 5200, (0.003, 0.016))
    tear = crackle(part.samples, part.sample_rate, cracks, amplitudes, sheet, rng)
    noise = (0.15 + 0.8 * style.roughness) * _rustle(part, own.uniform(500, 1400)) * speeds**0.75
    noise += _flap(part, 0.4) * speeds
    knots = np.stack([times, times + durations], axis=1).ravel()
    start, rise = own.uniform(700, 3200) / style.size**0.5, own.uniform(1.3, 2.4)
    width = own.uniform(2000, 8000)

    def strip(at: Array, frequencies: Array) -> NDArray[np.complex128]:
        centre = start * np.interp(at, knots, np.tile([1.0, rise], len(times)))[:, None]
        s = 1j * frequencies
        return np.asarray(0.3 + width * s / (s**2 + width * s + centre**2), np.complex128)

    return shape_spectrum(_even(tear) + noise, part.sample_rate, strip), timeline(times, strengths, durations)


def peanut_breaking(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """A shell cracks: a first crack and a shower of aftershocks; then the pieces are rubbed apart."""
    style, own, rng = part.style, part.own, part.rng
    cracks = rhythm(part, own.uniform(1.1, 2.6), (1, 5), (0.15, 0.7), 0.25)
    gaps = np.diff(np.append(cracks, part.seconds))
    strengths = draw_strengths(part, len(cracks))
    fading, shower = own.uniform(0.015, 0.08), own.uniform(4, 30)
    clicks, levels = [cracks], [2.0 * strengths]
    for time, strength in zip(cracks, strengths, strict=True):
        after = time + np.sort(rng.exponential(fading, 1 + rng.poisson(shower)))
        clicks.append(after)
        levels.append(np.full(len(after), strength))
    rubbed = (gaps > 0.42) & (rng.uniform(size=len(gaps)) < own.uniform(0.4, 1.0))
    rubs = cracks[rubbed] + rng.uniform(0.14, 0.2, int(rubbed.sum()))
    lengths = np.clip(cracks[rubbed] + gaps[rubbed] - rubs - 0.06, 0.1, own.uniform(0.25, 0.6))
    force = own.uniform(0.2, 0.7) * strengths[rubbed]
    rubbing = spans(part, rubs, lengths, force, 0.03) if rubbed.any() else np.zeros(part.samples)
    crumbs = poisson_times(own.uniform(80, 500) * rubbing, part.sample_rate, rng)
    clicks.append(crumbs)
    levels.append(np.interp(crumbs, part.clock, rubbing))
    times, level = np.concatenate(clicks), np.concatenate(levels)
    amplitudes = level * click_amplitudes(len(times), own.uniform(1.5, 2.1), rng)
    shell = _facets(part, 700, 4800, (0.003, 0.018))
    sound = _even(crackle(part.samples, part.sample_rate, times, amplitudes, shell, rng))
    sound += 0.6 * style.roughness * _rustle(part, own.uniform(500, 1500)) * rubbing
    order = np.argsort(np.concatenate([cracks, rubs]))
    return sound, timeline(
        np.concatenate([cracks, rubs])[order],
        np.concatenate([strengths, force])[order],
        np.concatenate([np.full(len(cracks), min(0.12, 3 * fading)), lengths])[order],
    )

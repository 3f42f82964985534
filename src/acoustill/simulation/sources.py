"""Synthetic sounds of the eight actions, physically informed and honestly confusable.

Three layers vary: what the action is, who does it (`Style`, constant within a subject, with that subject's
own hands, door, hammer, stick, keyboard and voice) and the take (the generator given to `perform`). Impacts
share one model, modal bodies struck by smooth force pulses, so that knocking, hammering, dropped sticks,
typing and clapping differ only in material, contact and rhythm, all of which overlap between subjects.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import signal as dsp

from acoustill.errors import AcoustillError, bad_input
from acoustill.simulation.performance import (
    LONGEST_GAP,
    Event,
    Part,
    Performance,
    Style,
    draw_strengths,
    draw_style,
    rhythm,
    spans,
    timeline,
)
from acoustill.simulation.synthesis import (
    Array,
    Body,
    active_level,
    band_noise,
    force_pulses,
    noise_bursts,
    resonance,
    shape_spectrum,
    strike,
)

__all__ = ["ACTIONS", "Event", "Performance", "Style", "draw_style", "perform"]

_DROP_HEIGHT = 0.25
_GRAVITY = 9.81
_FREE_BEAM = np.array([1.0, 2.757, 5.404, 8.933, 13.344])
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


def _plate(part: Part, lowest: float, modes: int, decay: float) -> Body:
    """Modes of a plate: constant density over frequency, higher ones damped more (Cremer and Heckl)."""
    style, own = part.style, part.own
    frequencies = lowest / style.size * np.cumsum(np.r_[1.0, own.gamma(3.0, 0.5, modes - 1)])
    decays = decay * (0.6 + 0.9 * style.hardness) * (frequencies / frequencies[0]) ** -0.5
    gains = np.exp(0.5 * own.standard_normal(modes)) * (frequencies / frequencies[0]) ** (style.brightness - 0.7)
    return Body(frequencies, decays, gains)


def _join(*bodies: Body) -> Body:
    return Body(
        np.concatenate([b.frequencies for b in bodies]),
        np.concatenate([b.decays for b in bodies]),
        np.concatenate([b.gains for b in bodies]),
    )


def _rough(part: Part, times: Array, strengths: Array, decay: float, amount: float) -> Array:
    level = amount * (0.4 + part.style.roughness)
    return noise_bursts(part.samples, part.sample_rate, times, level * strengths, decay, part.rng)


def _clapping(part: Part) -> tuple[Array, tuple[Event, ...]]:
    style, own = part.style, part.own
    times = rhythm(part, 2.8, (5, 16), (0.3, 0.9), 0.08)
    strengths = draw_strengths(part, len(times))
    cavity = own.uniform(550, 1300) / style.size * np.array([1.0, 1.8, 2.7, 3.9, 5.2])
    body = Body(
        cavity * np.exp(0.08 * own.standard_normal(5)),
        own.uniform(0.012, 0.03, 5),
        np.array([1.0, 0.8, 0.6, 0.5, 0.4]) ** (1.6 - style.brightness),
    )
    noise = _rough(part, times, strengths, 0.004 + 0.006 * style.size, 0.12)
    contact = 1.3e-3 - 0.8e-3 * style.brightness
    sound = strike(part.samples, part.sample_rate, times, strengths, contact, body, part.rng, variety=0.4, noise=noise)
    return sound, timeline(times, strengths, 0.04)


def _hammering(part: Part) -> tuple[Array, tuple[Event, ...]]:
    style, own = part.style, part.own
    times = rhythm(part, 2.3, (4, 11), (0.35, 0.9), 0.08)
    strengths = draw_strengths(part, len(times))
    board = _plate(part, own.uniform(130, 340), 9, own.uniform(0.06, 0.16))
    nail = Body(
        own.uniform(1700, 3600) / style.size * np.array([1.0, 1.52, 2.1]),
        own.uniform(0.05, 0.3) * (0.3 + style.hardness) * np.array([1.0, 0.8, 0.6]),
        own.uniform(0.15, 0.7) * np.array([1.0, 0.6, 0.4]),
    )
    noise = _rough(part, times, strengths, 0.003, 0.03)
    contact = 1.7e-3 - 1.1e-3 * style.hardness
    sound = strike(part.samples, part.sample_rate, times, strengths, contact, _join(board, nail), part.rng, noise=noise)
    return sound, timeline(times, strengths, 0.08)


def _knocking(part: Part) -> tuple[Array, tuple[Event, ...]]:
    style, own = part.style, part.own
    times = rhythm(part, 3.4, (3, 7), (0.45, 1.1), 0.09)
    strengths = draw_strengths(part, len(times))
    door = _plate(part, own.uniform(90, 260), 11, own.uniform(0.07, 0.2))
    noise = _rough(part, times, strengths, 0.003, 0.02)
    contact = 3.0e-3 - 1.3e-3 * style.hardness - 0.7e-3 * style.brightness
    sound = strike(part.samples, part.sample_rate, times, strengths, contact, door, part.rng, noise=noise)
    return sound, timeline(times, strengths, 0.08)


def _stick_dropping(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """A stick falls, bounces with ever shorter intervals (restitution), and is picked up again."""
    style, own, rng = part.style, part.own, part.rng
    restitution = 0.35 + 0.3 * style.hardness
    times, strengths = [], []
    drop = float(rng.uniform(0.05, min(0.6, part.seconds / 3)))
    while drop < part.seconds - 0.04:
        time, speed = drop, np.sqrt(2 * _GRAVITY * _DROP_HEIGHT) * rng.uniform(0.85, 1.1)
        full = speed
        while speed > 0.12 * full and time < part.seconds - 0.02:
            times.append(time)
            strengths.append(0.8 * speed / full)
            speed *= np.clip(restitution * np.exp(0.15 * rng.standard_normal()), 0.2, 0.75)
            time += 2 * speed / _GRAVITY
        drop = max(drop + min(rng.uniform(1.05, 1.6) / style.tempo, LONGEST_GAP), times[-1] + 0.6)
    when = np.array(times)
    strength = np.clip(np.array(strengths), 0.05, 1.0)
    lowest = own.uniform(300, 900) / style.size
    stick = Body(
        lowest * _FREE_BEAM,
        own.uniform(0.07, 0.22) * (0.4 + style.hardness) * _FREE_BEAM**-0.5,
        np.array([1.0, 0.9, 0.7, 0.5, 0.3]) ** (1.5 - style.brightness),
    )
    table = _plate(part, own.uniform(100, 300), 6, own.uniform(0.05, 0.15))
    ground = Body(table.frequencies, table.decays, table.gains * own.uniform(0.3, 0.9))
    noise = _rough(part, when, strength, 0.004, 0.03)
    contact = 1.6e-3 - 1.0e-3 * style.hardness
    body = _join(stick, ground)
    sound = strike(part.samples, part.sample_rate, when, strength, contact, body, rng, variety=0.5, noise=noise)
    return sound, timeline(when, strength, 0.06)


def _typing(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """Each key clicks when it lands and, more weakly, when it comes up; the desk thuds along."""
    style, own, rng = part.style, part.own, part.rng
    times = rhythm(part, 5.0, (3, 22), (0.2, 1.0), 0.4)
    strengths = draw_strengths(part, len(times))
    releases = times + rng.uniform(0.05, 0.11, len(times))
    clicks = np.concatenate([times, releases])
    blows = np.concatenate([strengths, own.uniform(0.15, 0.5) * strengths])
    keys = Body(
        np.sort(own.uniform(900, 5200, 7)) / style.size**0.5,
        own.uniform(0.008, 0.035, 7) * (0.6 + style.hardness),
        np.exp(0.4 * own.standard_normal(7)),
    )
    desk = _plate(part, own.uniform(110, 300), 5, 0.06)
    body = _join(keys, Body(desk.frequencies, desk.decays, own.uniform(0.2, 0.9) * desk.gains))
    noise = _rough(part, clicks, blows, 0.002, 0.1)
    contact = 1.4e-3 - 0.8e-3 * style.brightness
    sound = strike(part.samples, part.sample_rate, clicks, blows, contact, body, rng, variety=0.6, noise=noise)
    return sound, timeline(times, strengths, 0.03)


def _paper_shaking(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """Crumpling as a point process of clicks with a power law of energies, over the rustle of friction.

    Houle and Sethna, "Acoustic emission from crumpling paper", Phys. Rev. E 54 (1996).
    """
    style, own, rng = part.style, part.own, part.rng
    times = rhythm(part, 3.3, (4, 14), (0.2, 0.8), 0.15)
    gaps = np.diff(np.append(times, times[-1] + 0.3))
    durations = np.clip(0.95 * gaps, 0.08, own.uniform(0.2, 0.36))
    strengths = draw_strengths(part, len(times))
    envelope = spans(part, times, durations, strengths, 0.03)
    rate = own.uniform(150, 900) * (0.5 + style.liveliness) / part.sample_rate
    cracks = (rng.uniform(size=part.samples) < rate * envelope) * rng.choice([-1.0, 1.0], part.samples)
    cracks *= np.minimum(rng.uniform(size=part.samples) ** -0.6, 30.0)
    low = own.uniform(400, 1100) / style.size
    rustle = band_noise(part.samples, part.sample_rate, low, 2500 + 3500 * style.brightness, rng)
    flap = band_noise(part.samples, part.sample_rate, 90, 450 / style.size, rng)
    sheet = Body(np.sort(own.uniform(500, 5000, 6)), own.uniform(0.004, 0.02, 6), np.exp(0.5 * own.standard_normal(6)))
    force = 0.6 * cracks + (0.1 + 0.5 * style.roughness) * rustle * envelope
    crumple = strike(part.samples, part.sample_rate, times[:0], times[:0], 1e-3, sheet, rng, noise=force)
    crumple /= max(float(crumple.std()), 1e-9)
    sound = crumple + (0.2 + 0.4 * style.hardness) * flap * envelope + 0.3 * rustle * envelope
    return sound, timeline(times, strengths, durations)


def _speaking(part: Part) -> tuple[Array, tuple[Event, ...]]:
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
    source += (0.002 + 0.02 * style.roughness) * voicing * rng.standard_normal(samples)

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


def _whistling(part: Part) -> tuple[Array, tuple[Event, ...]]:
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
    flutter = dsp.lfilter([0.02], [1, -0.98], rng.standard_normal(part.samples)) * 0.01 * style.roughness
    pitch = np.interp(part.clock, knots, heights) * vibrato * (1 + flutter)
    phase = 2 * np.pi * np.cumsum(np.minimum(pitch, 0.4 * part.sample_rate)) / part.sample_rate
    envelope = spans(part, times, durations, strengths, 0.035)
    tone = np.sin(phase)
    if 2.1 * pitch.max() < 0.5 * part.sample_rate:
        tone += 10 ** (own.uniform(-38, -20) / 20) * np.sin(2 * phase)
    breath = band_noise(part.samples, part.sample_rate, 800, 1800 + 3500 * style.brightness, rng)
    return (tone + (0.01 + 0.12 * style.roughness**2) * breath) * envelope, timeline(times, strengths, durations)


# What plays each action, and its level in decibels at 1 m for the average subject: much closer together
# than subjects differ, so that level alone tells little.
_PLAYERS: dict[str, tuple[Callable[[Part], tuple[Array, tuple[Event, ...]]], float]] = {
    "clapping": (_clapping, 69.0),
    "hammering": (_hammering, 70.0),
    "knocking": (_knocking, 67.0),
    "paper_shaking": (_paper_shaking, 65.0),
    "speaking": (_speaking, 66.0),
    "stick_dropping": (_stick_dropping, 67.0),
    "typing": (_typing, 63.0),
    "whistling": (_whistling, 68.0),
}

ACTIONS: tuple[str, ...] = tuple(_PLAYERS)


def perform(action: str, style: Style, seconds: float, sample_rate: int, rng: np.random.Generator) -> Performance:
    """Plays one take of an action, which goes on to its end with natural pauses.

    Args:
        action: one of `ACTIONS`.
        style: who does it.
        seconds: length of the take.
        sample_rate: hertz, at least 4,000.
        rng: the source of what differs from take to take; the same state gives the same take.

    Returns:
        The sound at 1 m and its events.

    Shapes:
        signal: (samples,) with samples = round(seconds x sample_rate), in pascal.

    Raises:
        AcoustillError: the action is unknown, or the take too short or its rate too low to hold it.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> take = perform("knocking", draw_style(rng), 2.0, 12288, rng)
        >>> take.signal.shape, take.signal.dtype.name
        ((24576,), 'float32')
    """
    if action not in _PLAYERS:
        raise AcoustillError(f"action {action!r} is unknown, expected one of {', '.join(ACTIONS)}")
    if not seconds >= 0.25:
        raise bad_input("simulation", "length of a take", f"{seconds} s", "at least 0.25 s")
    if sample_rate < 4000:
        raise bad_input("simulation", "sample rate", f"{sample_rate} Hz", "at least 4000 Hz")
    play, level = _PLAYERS[action]
    own = np.random.default_rng([style.objects, ACTIONS.index(action)])
    sound, events = play(Part(round(seconds * sample_rate), sample_rate, style, rng, own))
    wanted = float(np.clip(level + style.force + own.normal(0, 2.5) + rng.normal(0, 1.0), 52.0, 83.0))
    sound *= 10 ** ((wanted - active_level(sound, sample_rate)) / 20)
    return Performance(sound.astype(np.float32), events)

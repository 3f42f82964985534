"""Short sounds that belong to no class: what else is heard in offices and outdoors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from acoustill.simulation.noise import ringing
from acoustill.simulation.performance import Event
from acoustill.simulation.synthesis import Array, Body, band_noise, noise_bursts, resonance, shape_spectrum, strike

_MOST_SECONDS = 4.0
_TAIL_S = 0.3


@dataclass(frozen=True)
class Sketch:
    """What is needed to play a sound.

    Attributes:
        sample_rate: hertz.
        rng: the source of randomness.
    """

    sample_rate: int
    rng: np.random.Generator

    def clock(self, seconds: float) -> Array:
        """(samples,) seconds."""
        return np.arange(round(seconds * self.sample_rate)) / self.sample_rate

    def in_turn(self, lengths: Array, gaps: tuple[float, float]) -> list[Event]:
        """Events of these lengths, with a pause between the bounds after each, growing weaker or stronger at random."""
        events, time = [], 0.02
        for length in lengths:
            events.append(Event(time, float(self.rng.uniform(0.5, 1.0)), float(length)))
            time += float(length) + float(self.rng.uniform(*gaps))
        return events


Sound = tuple[Array, list[Event]]


def play(name: str, sample_rate: int, rng: np.random.Generator) -> tuple[np.ndarray, tuple[Event, ...]]:
    """One of the sounds of `INDOORS` or `OUTDOORS`, 0.1 to 4 s long.

    Returns:
        The sound with a peak of 1, and what happens in it; times count from its start.

    Shapes:
        Output: (samples,) float32.
    """
    signal, events = _PLAYERS[name](Sketch(sample_rate, rng))
    kept = round(_MOST_SECONDS * sample_rate)
    return (signal / np.abs(signal).max())[:kept].astype(np.float32), tuple(events)


def _length(events: Sequence[Event]) -> float:
    return events[-1].time + events[-1].duration + _TAIL_S


def _envelope(clock: Array, events: Sequence[Event], rise: float, decay: float) -> Array:
    """Rises in `rise` seconds and falls off exponentially within each event, (samples,).

    Args:
        clock: (samples,) seconds.
        events: what is heard.
        rise: in seconds.
        decay: time constant as a share of the event's duration.
    """
    total = np.zeros_like(clock)
    for event in events:
        since = clock - event.time
        ending = np.clip((event.duration - since) / 0.02 + 1, 0, 1)
        fall = np.exp(-np.maximum(since, 0) / (decay * event.duration))
        total += event.strength * np.clip(since / rise, 0, 1) * fall * ending
    return total


def _tone(sketch: Sketch, pitch_hz: Array, harmonics: int, slope: float) -> Array:
    """Harmonics of a pitch (samples,) that fall as n to the power -slope."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sketch.sample_rate
    total = np.zeros_like(phase)
    for n in range(1, harmonics + 1):
        audible = n * pitch_hz < 0.45 * sketch.sample_rate
        total += audible * np.sin(n * phase + sketch.rng.uniform(0, 6.28)) * n**-slope
    return total


def _through_mouth(sketch: Sketch, source: Array, formants_hz: Sequence[float]) -> Array:
    centres = np.array(formants_hz) * sketch.rng.uniform(0.85, 1.15)

    def tract(times: Array, frequencies: Array) -> np.ndarray:
        response = resonance(frequencies, centres, np.array([90.0, 130.0, 200.0]))
        return np.repeat(response[None], len(times), axis=0)

    return shape_spectrum(source, sketch.sample_rate, tract)


def _phone(sketch: Sketch) -> Sound:
    length = float(sketch.rng.uniform(1.5, 3.5))
    signal = ringing(round(length * sketch.sample_rate), sketch.sample_rate, sketch.rng).astype(np.float64)
    width = round(0.016 * sketch.sample_rate)
    loud = np.convolve(np.abs(signal), np.ones(width) / width, mode="same") > 0.05
    edges = np.flatnonzero(np.diff(np.r_[0, loud.astype(int), 0])).reshape(-1, 2) / sketch.sample_rate
    events = [Event(float(start), 1.0, float(end - start)) for start, end in edges]
    return (signal, events) if events else _phone(sketch)


def _cough(sketch: Sketch) -> Sound:
    rng = sketch.rng
    events = sketch.in_turn(rng.uniform(0.18, 0.35, rng.integers(1, 4)), (0.1, 0.5))
    clock = sketch.clock(_length(events))
    noise = band_noise(len(clock), sketch.sample_rate, 300, 4000, rng)
    voice = _tone(sketch, np.full_like(clock, rng.uniform(110, 260)), 12, 0.6)
    source = noise * _envelope(clock, events, 0.004, 0.25) + 0.3 * voice * _envelope(clock, events, 0.06, 0.3)
    return _through_mouth(sketch, source, (650, 1300, 2500)), events


def _laughter(sketch: Sketch) -> Sound:
    rng = sketch.rng
    events = sketch.in_turn(rng.uniform(0.08, 0.14, rng.integers(4, 10)), (0.06, 0.13))
    clock = sketch.clock(_length(events))
    pitch = rng.uniform(170, 420) * (1 - 0.12 * clock) * (1 + 0.08 * np.sin(2 * np.pi * 5 * clock))
    source = (_tone(sketch, pitch, 16, 1.0) + 0.5 * rng.standard_normal(len(clock))) * _envelope(
        clock, events, 0.02, 0.7
    )
    return _through_mouth(sketch, source, (700, 1250, 2600)), events


def _chair(sketch: Sketch) -> Sound:
    """Feet of a chair stick and slip on the floor some hundred times a second."""
    rng = sketch.rng
    events = sketch.in_turn(rng.uniform(0.25, 0.7, rng.integers(1, 3)), (0.1, 0.4))
    clock = sketch.clock(_length(events))
    rate = rng.uniform(90, 320) * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(1, 3) * clock))
    slips = np.diff(np.floor(np.cumsum(rate) / sketch.sample_rate), prepend=0.0) * rng.uniform(0.4, 1, len(clock))
    force = slips * _envelope(clock, events, 0.05, 1.0)
    body = Body(rng.uniform(250, 2600, 8), rng.uniform(0.02, 0.06, 8), np.exp(0.4 * rng.standard_normal(8)))
    return strike(len(clock), sketch.sample_rate, np.array([]), np.array([]), 1e-3, body, rng, noise=force), events


def _door(sketch: Sketch) -> Sound:
    """The latch clicks, the leaf falls into its frame."""
    rng = sketch.rng
    shut = float(rng.uniform(0.1, 0.3))
    clock = sketch.clock(shut + 0.7)
    frequencies: Array = rng.uniform(50, 140) * np.cumsum(rng.uniform(0.5, 1.2, 9))
    leaf = Body(frequencies, rng.uniform(0.15, 0.4, 9), frequencies**-0.3)
    latch = Body(rng.uniform(1200, 3500, 4), rng.uniform(0.01, 0.04, 4), np.ones(4))
    rate, count = sketch.sample_rate, len(clock)
    thud = strike(count, rate, np.array([shut]), np.ones(1), 6e-3, leaf, rng)
    click = strike(count, rate, np.array([0.05, shut + 0.02]), np.array([0.5, 1.0]), 1e-3, latch, rng)
    rattle = noise_bursts(count, rate, np.array([shut]), np.ones(1), 0.03, rng)
    signal = thud / np.abs(thud).max() + 0.2 * click / np.abs(click).max() + 0.05 * rattle
    return signal, [Event(shut, 1.0, 0.3)]


def _cup(sketch: Sketch) -> Sound:
    """A cup meets its saucer, and rattles until it stands."""
    rng = sketch.rng
    gaps = 0.12 * 0.55 ** np.arange(rng.integers(1, 6))
    times = 0.02 + np.r_[0.0, np.cumsum(gaps)]
    clock = sketch.clock(times[-1] + 0.4)
    china = Body(rng.uniform(1500, 5200, 6), rng.uniform(0.06, 0.25, 6), np.exp(0.4 * rng.standard_normal(6)))
    strengths: Array = 0.7 ** np.arange(len(times), dtype=np.float64)
    signal = strike(len(clock), sketch.sample_rate, times, strengths, 6e-4, china, rng, variety=0.6)
    return signal, [Event(0.02, 1.0, float(times[-1] + 0.1))]


def _printer(sketch: Sketch) -> Sound:
    rng = sketch.rng
    events = sketch.in_turn(rng.uniform(0.35, 0.8, rng.integers(2, 5)), (0.05, 0.3))
    clock = sketch.clock(_length(events))
    pitch = rng.uniform(180, 420) * (1 + 0.25 * np.sin(2 * np.pi * rng.uniform(0.7, 2) * clock))
    gears = band_noise(len(clock), sketch.sample_rate, 800, 3500, rng) * (1 + np.sin(2 * np.pi * 27 * clock))
    return (_tone(sketch, pitch, 10, 0.7) + 0.8 * gears) * _envelope(clock, events, 0.05, 5.0), events


def _dog(sketch: Sketch) -> Sound:
    rng = sketch.rng
    events = sketch.in_turn(rng.uniform(0.12, 0.25, rng.integers(1, 5)), (0.12, 0.6))
    clock = sketch.clock(_length(events))
    arch = np.sum([np.exp(-(((clock - one.time - 0.4 * one.duration) / one.duration) ** 2)) for one in events], axis=0)
    pitch = rng.uniform(250, 600) * (1 + 0.5 * arch)
    source = _tone(sketch, pitch, 12, 0.5) + 0.8 * rng.standard_normal(len(clock))
    return _through_mouth(sketch, source * _envelope(clock, events, 0.012, 0.6), (800, 1500, 2600)), events


def _horn(sketch: Sketch) -> Sound:
    rng = sketch.rng
    events = sketch.in_turn(rng.uniform(0.2, 0.9, rng.integers(1, 3)), (0.1, 0.4))
    clock = sketch.clock(_length(events))
    low = np.full_like(clock, rng.uniform(330, 440))
    return (_tone(sketch, low, 12, 0.4) + _tone(sketch, 1.26 * low, 12, 0.4)) * _envelope(
        clock, events, 0.02, 50.0
    ), events


def _siren(sketch: Sketch) -> Sound:
    rng = sketch.rng
    length = float(rng.uniform(2.5, 3.6))
    clock = sketch.clock(length + 0.1)
    wail = 0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(0.25, 1.5) * clock + rng.uniform(0, 6.28))
    pitch = rng.uniform(450, 650) * 2.2**wail
    swell = np.sin(np.pi * np.clip(clock / length, 0, 1)) ** 0.5
    return _tone(sketch, pitch, 5, 1.3) * swell, [Event(0.0, 1.0, length)]


def _footsteps(sketch: Sketch) -> Sound:
    """Heels strike the ground, soles scrape it."""
    rng = sketch.rng
    pace = rng.uniform(0.42, 0.6)
    times: Array = 0.02 + pace * np.arange(rng.integers(3, 7), dtype=np.float64)
    clock = sketch.clock(times[-1] + 0.4)
    strengths: Array = rng.uniform(0.6, 1.0, len(times))
    sole = Body(rng.uniform(80, 500, 5), rng.uniform(0.02, 0.06, 5), np.ones(5))
    rate, count = sketch.sample_rate, len(clock)
    heel = strike(count, rate, times, strengths, 4e-3, sole, rng)
    gravel = noise_bursts(count, rate, times + 0.05, strengths, 0.03, rng)
    signal = heel / np.abs(heel).max() + rng.uniform(0.05, 0.3) * gravel
    return signal, [Event(float(t), float(s), 0.12) for t, s in zip(times, strengths, strict=True)]


def _bell(sketch: Sketch) -> Sound:
    """A bicycle's bell: a small dome that is struck many times as the lever turns."""
    rng = sketch.rng
    events = sketch.in_turn(np.full(rng.integers(1, 3), 0.25), (0.1, 0.4))
    starts = np.array([event.time for event in events])
    times = (starts[:, None] + np.arange(4) * rng.uniform(0.03, 0.06)).ravel()
    clock = sketch.clock(_length(events) + 0.4)
    dome = Body(
        rng.uniform(1500, 2300) * np.array([1, 1.01, 2.3, 2.32]), rng.uniform(0.4, 0.9, 4), np.array([1, 0.9, 0.5, 0.5])
    )
    return strike(len(clock), sketch.sample_rate, times, np.ones(len(times)), 5e-4, dome, rng, variety=0.5), events


_PLAYERS: dict[str, Callable[[Sketch], Sound]] = {
    "phone": _phone,
    "cough": _cough,
    "laughter": _laughter,
    "chair": _chair,
    "door": _door,
    "cup": _cup,
    "printer": _printer,
    "dog": _dog,
    "car horn": _horn,
    "siren": _siren,
    "footsteps": _footsteps,
    "bicycle bell": _bell,
}

INDOORS = ("phone", "cough", "laughter", "chair", "door", "cup", "printer")
OUTDOORS = ("dog", "car horn", "siren", "footsteps", "bicycle bell", "cough", "laughter")
BY_PEOPLE = ("cough", "laughter", "cup")
"""Sounds that somebody who stands in the field of view can be seen to make."""

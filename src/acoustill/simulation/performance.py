"""Who performs, when, and what is kept of it: subjects, events, takes and their rhythm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acoustill.simulation.synthesis import Array

LONGEST_GAP = 1.7
QUIETEST_DB, LOUDEST_DB = 52.0, 83.0
_PACE = 0.2  # of each action of a subject, log, beside the subject's own tempo


@dataclass(frozen=True)
class Style:
    """What is constant within a subject.

    Attributes:
        tempo: factor on the rate of every action, about 0.75 to 1.35.
        regularity: 0 (uneven) to 1 (like a clock).
        force: level relative to the average subject, in decibels.
        pitch: factor on the pitch of voice and whistle, about 0.6 to 1.6.
        size: factor on the size of objects and of the vocal tract, about 0.7 to 1.4.
        hardness: 0 (soft, damped) to 1 (hard, ringing).
        brightness: 0 (dull) to 1 (bright).
        roughness: 0 to 1, how much friction, breath and rattle goes with the sound.
        liveliness: 0 (monotone) to 1, how much strength and pitch vary.
        objects: seed of the details of this subject's own objects.
    """

    tempo: float
    regularity: float
    force: float
    pitch: float
    size: float
    hardness: float
    brightness: float
    roughness: float
    liveliness: float
    objects: int


@dataclass(frozen=True)
class Event:
    """One visible motion that sounds: a clap, blow, click, catch, crack, stroke, syllable or note.

    Attributes:
        time: when it starts to be heard, in seconds from the start of the take.
        strength: relative, above 0 and at most 1.
        duration: seconds.
    """

    time: float
    strength: float
    duration: float


@dataclass(frozen=True)
class Performance:
    """One take of one action.

    Attributes:
        signal: (samples,) float32, sound pressure in pascal at 1 m, free field.
        events: in order of time.
    """

    signal: NDArray[np.float32]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Part:
    """What the player of an action is given.

    Attributes:
        samples: length.
        sample_rate: hertz.
        style: who performs.
        rng: what differs from take to take.
        own: yields the same draws in every take of a subject, for what that subject owns.
    """

    samples: int
    sample_rate: int
    style: Style
    rng: np.random.Generator
    own: np.random.Generator

    @property
    def seconds(self) -> float:
        """Length of the take."""
        return self.samples / self.sample_rate

    @property
    def clock(self) -> Array:
        """(samples,) seconds."""
        return np.arange(self.samples) / self.sample_rate


def draw_style(rng: np.random.Generator) -> Style:
    """Draws a subject.

    Args:
        rng: the only source of chance.

    Returns:
        The style.
    """
    return Style(
        tempo=float(np.exp(rng.uniform(np.log(0.75), np.log(1.35)))),
        regularity=float(rng.uniform()),
        force=float(np.clip(5.0 * rng.standard_normal(), -9.0, 9.0)),
        pitch=float(np.exp(rng.uniform(np.log(0.62), np.log(1.55)))),
        size=float(np.exp(rng.uniform(np.log(0.72), np.log(1.4)))),
        hardness=float(rng.uniform()),
        brightness=float(rng.uniform()),
        roughness=float(rng.uniform()),
        liveliness=float(rng.uniform()),
        objects=int(rng.integers(2**31)),
    )


def draw_level(rng: np.random.Generator) -> float:
    """Draws the active level of a real clip in decibels, as widely spread as those of synthetic actions."""
    return float(np.clip(66.5 + 5.6 * rng.standard_normal(), QUIETEST_DB, LOUDEST_DB))


def rhythm(part: Part, rate: float, group: tuple[int, int], pause: tuple[float, float], jitter: float) -> Array:
    """Draws when things happen: groups of beats with pauses between, until the take ends.

    Args:
        part: the take to fill.
        rate: beats a second within a group, for the average subject.
        group: fewest and most beats in a group.
        pause: shortest and longest pause added between groups, in seconds.
        jitter: standard deviation of the log interval for a subject of middling regularity.

    Returns:
        (events,) seconds, at least one, no two further apart than `LONGEST_GAP`.
    """
    rng, period = part.rng, 1 / (rate * part.style.tempo * np.exp(part.own.uniform(-_PACE, _PACE)))
    jitter *= 1.3 - part.style.regularity
    times = [float(rng.uniform(0.02, min(0.5, part.seconds / 3)))]
    left = int(rng.integers(*group, endpoint=True))
    while True:
        step = period * float(np.clip(np.exp(jitter * rng.standard_normal()), 0.45, 2.0))
        left -= 1
        if left <= 0:
            step += rng.uniform(*pause)
            left = int(rng.integers(*group, endpoint=True))
        time = times[-1] + min(step, LONGEST_GAP)
        if time > part.seconds - 0.04:
            return np.array(times)
        times.append(time)


def draw_strengths(part: Part, count: int) -> Array:
    """Draws how strong each of `count` events is: (count,) from 0.12 to 1."""
    spread = 0.08 + 0.3 * part.style.liveliness
    return np.clip(0.6 * np.exp(spread * part.rng.standard_normal(count)), 0.12, 1.0)


def timeline(times: Array, strengths: Array, durations: Array | float) -> tuple[Event, ...]:
    """Makes events of (events,) times, strengths and durations."""
    lasting = np.broadcast_to(durations, times.shape)
    return tuple(Event(float(t), float(s), float(d)) for t, s, d in zip(times, strengths, lasting, strict=True))


def spans(part: Part, times: Array, durations: Array, strengths: Array, edge: float) -> Array:
    """The envelope of sounds that last.

    Args:
        part: the take they are in.
        times: (events,) seconds, in order and not overlapping.
        durations: (events,) seconds.
        strengths: (events,) height of the envelope.
        edge: seconds of rise and of fall.

    Returns:
        (samples,) envelope, zero between the events.
    """
    ends = times + durations
    knots = np.stack([times, times + edge, np.maximum(ends - edge, times + edge), np.maximum(ends, times + 2 * edge)])
    values = np.stack([np.zeros_like(times), strengths, strengths, np.zeros_like(times)])
    order = np.argsort(knots.T.ravel(), kind="stable")
    ramp = np.interp(part.clock, knots.T.ravel()[order], values.T.ravel()[order], left=0.0, right=0.0)
    return ramp * np.sin(np.pi / 2 * np.clip(ramp / max(float(strengths.max()), 1e-9), 0, 1))

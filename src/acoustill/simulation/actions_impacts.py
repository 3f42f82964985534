"""Solid bodies that strike each other: hammering, knocking, playing kendama, stick dropping."""

from __future__ import annotations

import numpy as np

from acoustill.simulation.bodies import FREE_BEAM, GRAVITY, bounces, join, louder, plate, roughness
from acoustill.simulation.crackle import click_amplitudes, poisson_times
from acoustill.simulation.performance import LONGEST_GAP, Event, Part, draw_strengths, rhythm, timeline
from acoustill.simulation.synthesis import Array, Body, force_pulses, strike

_DROP_HEIGHT = 0.25


def hammering(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """A hammer on a nail in a board; the hammer of a loose hand bounces once."""
    style, own, rng = part.style, part.own, part.rng
    times = rhythm(part, own.uniform(1.8, 2.9), (3, 11), (0.35, 0.9), 0.12)
    strengths = draw_strengths(part, len(times))
    board = plate(part, own.uniform(110, 380), 9, own.uniform(0.05, 0.18))
    nail = Body(
        own.uniform(1500, 3600) / style.size * np.array([1.0, 1.52, 2.1]),
        own.uniform(0.04, 0.3) * (0.3 + style.hardness) * np.array([1.0, 0.8, 0.6]),
        own.uniform(0.2, 0.9) * np.array([1.0, 0.6, 0.4]),
    )
    again = rng.uniform(size=len(times)) < own.uniform(-0.3, 0.7)
    blows = np.concatenate([times, times[again] + rng.uniform(0.05, 0.11, int(again.sum()))])
    forces = np.concatenate([strengths, own.uniform(0.15, 0.45) * strengths[again]])
    noise = roughness(part, blows, forces, 0.003, 0.03)
    contact = 1.8e-3 - 1.2e-3 * style.hardness
    sound = strike(part.samples, part.sample_rate, blows, forces, contact, join(board, nail), rng, noise=noise)
    return sound, timeline(times, strengths, np.where(again, 0.17, 0.08))


def knocking(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """Knuckles on a door; what is loose in it (a pane, a lock) rattles at a higher pitch."""
    style, own = part.style, part.own
    times = rhythm(part, own.uniform(2.2, 3.8), (2, 8), (0.4, 1.1), 0.12)
    strengths = draw_strengths(part, len(times))
    door = plate(part, own.uniform(90, 320), 11, own.uniform(0.05, 0.2))
    loose = Body(
        own.uniform(700, 2800) / style.size * np.array([1.0, 1.6]),
        own.uniform(0.015, 0.09) * np.array([1.0, 0.7]),
        own.uniform(0.0, 0.45) * np.array([1.0, 0.7]),
    )
    noise = roughness(part, times, strengths, 0.003, 0.03)
    contact = 3.0e-3 - 1.4e-3 * style.hardness - 0.8e-3 * style.brightness
    sound = strike(part.samples, part.sample_rate, times, strengths, contact, join(door, loose), part.rng, noise=noise)
    return sound, timeline(times, strengths, 0.08)


def playing_kendama(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """A wooden ball is caught in a cup, in which it bounces, or on the spike; its string rattles.

    Where the modes of ball, cup and holding hand lie is plausible, not measured.
    """
    style, own, rng = part.style, part.own, part.rng
    times = rhythm(part, own.uniform(1.3, 2.4), (1, 7), (0.2, 0.8), 0.3)
    strengths = draw_strengths(part, len(times))
    restitution, fall = own.uniform(0.2, 0.35) + 0.15 * style.hardness, own.uniform(0.03, 0.12)
    on_spike, fixed = rng.uniform(size=len(times)) < own.uniform(0.0, 0.5), 0.06
    gaps = np.diff(np.append(times, part.seconds + 0.3))
    when, blows, durations = [], [], []
    for time, strength, spiked, gap in zip(times, strengths, on_spike, gaps, strict=True):
        speed = float(np.sqrt(2 * GRAVITY * fall * strength))
        after, speeds = bounces(speed, 0.12 if spiked else restitution, 0.1, 0.2, rng)
        kept = after < gap - 0.05
        when.append(time + after[kept])
        blows.append(strength * speeds[kept] / speed)
        durations.append(after[kept][-1] + fixed)
    hits, forces, lasting = np.concatenate(when), np.concatenate(blows), np.array(durations)
    ball = Body(
        own.uniform(1800, 4000) / style.size * np.array([1.0, 1.33, 1.8]),
        own.uniform(0.01, 0.06) * (0.5 + style.hardness) * np.array([1.0, 0.8, 0.7]),
        own.uniform(0.1, 0.6) * np.array([1.0, 0.7, 0.5]),
    )
    cup = Body(
        own.uniform(600, 1500) / style.size * np.array([1.0, 1.9, 2.9]),
        own.uniform(0.02, 0.08) * (0.5 + style.hardness) * np.array([1.0, 0.8, 0.7]),
        np.array([1.0, 0.7, 0.4]) ** (1.6 - style.brightness),
    )
    arm = louder(plate(part, own.uniform(120, 380), 6, own.uniform(0.04, 0.12)), own.uniform(0.1, 0.7))
    loose = np.interp(part.clock, *_steps(times, lasting), left=0.0, right=0.0)
    rattle = poisson_times(own.uniform(10, 60) * loose, part.sample_rate, rng)
    string = force_pulses(
        part.samples,
        part.sample_rate,
        rattle,
        own.uniform(0.005, 0.03) * click_amplitudes(len(rattle), 2.0, rng),
        5e-4,
    )
    noise = roughness(part, hits, forces, 0.003, 0.03) + string
    contact = 1.8e-3 - 1.1e-3 * style.hardness
    body = join(ball, cup, arm)
    sound = strike(part.samples, part.sample_rate, hits, forces, contact, body, rng, variety=0.5, noise=noise)
    return sound, timeline(times, strengths, lasting)


def _steps(times: Array, durations: Array) -> tuple[Array, Array]:
    """Knots of a function that is 1 from each time on for its duration, and 0 between."""
    edge = 1e-3
    knots = np.stack([times, times + edge, times + durations - edge, times + durations], axis=1).ravel()
    return knots, np.tile([0.0, 1.0, 1.0, 0.0], len(times))


def stick_dropping(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """A stick falls on a table, bounces with ever shorter intervals, and is picked up again."""
    style, own, rng = part.style, part.own, part.rng
    restitution = 0.35 + 0.3 * style.hardness
    falls = []
    drop = float(rng.uniform(0.05, min(0.6, part.seconds / 3)))
    while drop < part.seconds - 0.04:
        full = float(np.sqrt(2 * GRAVITY * _DROP_HEIGHT) * rng.uniform(0.85, 1.1))
        after, speeds = bounces(full, restitution, 0.12 * full, 0.15, rng)
        falls.append(np.array([drop + after, 0.8 * speeds / full]))
        drop = max(drop + min(float(rng.uniform(1.0, 1.6)) / style.tempo, LONGEST_GAP), drop + after[-1] + 0.6)
    times, strengths = np.concatenate(falls, axis=1)
    heard = times < part.seconds - 0.02
    times, strengths = times[heard], np.clip(strengths[heard], 0.05, 1.0)
    stick = Body(
        own.uniform(300, 1000) / style.size * FREE_BEAM,
        own.uniform(0.05, 0.22) * (0.4 + style.hardness) * FREE_BEAM**-0.5,
        np.array([1.0, 0.9, 0.7, 0.5, 0.3]) ** (1.5 - style.brightness),
    )
    table = louder(plate(part, own.uniform(100, 300), 6, own.uniform(0.05, 0.15)), own.uniform(0.3, 0.9))
    noise = roughness(part, times, strengths, 0.004, 0.03)
    contact = 1.6e-3 - 1.0e-3 * style.hardness
    body = join(stick, table)
    sound = strike(part.samples, part.sample_rate, times, strengths, contact, body, rng, variety=0.5, noise=noise)
    return sound, timeline(times, strengths, 0.06)

"""Small switches on a desk: typing and clicking."""

from __future__ import annotations

import numpy as np

from acoustill.simulation.bodies import join, louder, plate, roughness
from acoustill.simulation.performance import Event, Part, draw_strengths, rhythm, timeline
from acoustill.simulation.synthesis import Array, Body, strike


def _switch(part: Part, low: float, high: float, decays: tuple[float, float]) -> Body:
    """The small stiff parts of a key or a button."""
    style, own = part.style, part.own
    return Body(
        np.sort(own.uniform(low, high, 6)) / style.size**0.5,
        own.uniform(*decays, 6) * (0.6 + style.hardness),
        np.exp(0.5 * own.standard_normal(6)),
    )


def typing(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """Each key clicks when it lands and, more weakly, when it comes up; the desk thuds along.

    Some subjects type with ten fingers, some search for each letter.
    """
    style, own, rng = part.style, part.own, part.rng
    times = rhythm(part, own.uniform(2.4, 5.6), (2, 20), (0.2, 1.0), 0.4)
    strengths = draw_strengths(part, len(times))
    held = rng.uniform(0.05, 0.11, len(times))
    clicks = np.concatenate([times, times + held])
    blows = np.concatenate([strengths, own.uniform(0.15, 0.75) * strengths])
    keys = _switch(part, 900, 5200, (0.006, 0.03))
    body = join(keys, louder(plate(part, own.uniform(110, 300), 5, 0.06), own.uniform(0.1, 0.8)))
    noise = roughness(part, clicks, blows, 0.002, 0.1)
    contact = 1.4e-3 - 0.8e-3 * style.brightness
    sound = strike(part.samples, part.sample_rate, clicks, blows, contact, body, rng, variety=0.6, noise=noise)
    return sound, timeline(times, strengths, held + 0.03)


def clicking(part: Part) -> tuple[Array, tuple[Event, ...]]:
    """The buttons of a mouse snap down and up again about equally loud, once or twice; its wheel ticks at times."""
    style, own, rng = part.style, part.own, part.rng
    twice, scrolling = own.uniform(0.1, 0.6), own.uniform(0.0, 0.3)
    released, tick = own.uniform(0.35, 1.0), own.uniform(0.2, 0.5)
    starts = rhythm(part, own.uniform(1.7, 3.6), (1, 9), (0.2, 0.9), 0.35)
    room = np.diff(np.append(starts, part.seconds))
    clicks: list[tuple[float, float]] = []
    motions: list[tuple[float, float, float]] = []
    for start, free, strength in zip(starts, room, draw_strengths(part, len(starts)), strict=True):
        if rng.uniform() < scrolling:
            length = max(min(float(rng.uniform(0.12, 0.45)), free - 0.04), 0.01)
            ticks = start + np.arange(0.0, length, 1 / float(rng.uniform(12, 26)))
            clicks += [(time, tick * strength) for time in ticks]
            motions.append((start, tick * strength, float(ticks[-1] - start) + 0.03))
            continue
        times = [start]
        if free > 0.35 and rng.uniform() < twice:
            times.append(start + float(rng.uniform(0.14, 0.22)))
        for time in times:
            held = min(float(rng.uniform(0.05, 0.11)), 0.8 * free)
            clicks += [(time, strength), (time + held, released * strength)]
            motions.append((time, strength, held + 0.03))
    when, blows = np.array(clicks).T
    shell = Body(
        own.uniform(350, 1200) / style.size * np.array([1.0, 1.7, 2.6]),
        own.uniform(0.01, 0.03, 3),
        own.uniform(0.1, 0.6) * np.array([1.0, 0.8, 0.5]),
    )
    desk = louder(plate(part, own.uniform(110, 300), 4, 0.06), own.uniform(0.05, 0.6))
    body = join(_switch(part, 1100, 5400, (0.004, 0.02)), shell, desk)
    noise = roughness(part, when, blows, 0.0015, 0.1)
    contact = 1.2e-3 - 0.8e-3 * style.brightness
    sound = strike(part.samples, part.sample_rate, when, blows, contact, body, rng, variety=0.4, noise=noise)
    time, strength, duration = np.array(motions).T
    return sound, timeline(time, strength, duration)

"""Things that ring when struck: plates, bars, and several of them at once, as a subject owns them."""

from __future__ import annotations

import numpy as np

from acoustill.simulation.performance import Part
from acoustill.simulation.synthesis import Array, Body, noise_bursts

GRAVITY = 9.81
FREE_BEAM = np.array([1.0, 2.757, 5.404, 8.933, 13.344])
"""Frequencies of the bending modes of a free bar over the lowest one (Fletcher and Rossing 1998, chapter 2)."""


def plate(part: Part, lowest: float, modes: int, decay: float) -> Body:
    """Modes of a plate: constant density over frequency, higher ones damped more (Cremer and Heckl 1988).

    Args:
        part: whose plate it is: size, hardness and brightness count.
        lowest: frequency in hertz of the lowest mode, for a subject of size 1.
        modes: how many.
        decay: seconds until the lowest mode has fallen by 60 dB, for middling hardness.
    """
    style, own = part.style, part.own
    frequencies = lowest / style.size * np.cumsum(np.r_[1.0, own.gamma(3.0, 0.5, modes - 1)])
    decays = decay * (0.6 + 0.9 * style.hardness) * (frequencies / frequencies[0]) ** -0.5
    gains = np.exp(0.5 * own.standard_normal(modes)) * (frequencies / frequencies[0]) ** (style.brightness - 0.7)
    return Body(frequencies, decays, gains)


def join(*bodies: Body) -> Body:
    """Several bodies that are struck together."""
    return Body(
        np.concatenate([body.frequencies for body in bodies]),
        np.concatenate([body.decays for body in bodies]),
        np.concatenate([body.gains for body in bodies]),
    )


def louder(body: Body, gain: float) -> Body:
    """The same body, radiating `gain` times as much."""
    return Body(body.frequencies, body.decays, gain * body.gains)


def roughness(part: Part, times: Array, strengths: Array, decay: float, amount: float) -> Array:
    """The noise of rough surfaces that meet, as a force: (samples,), more of it for rough subjects.

    Args:
        part: the take.
        times: (events,) seconds.
        strengths: (events,) of the blows.
        decay: time constant in seconds.
        amount: root mean square at a blow of strength 1, for a roughness of 0.6.
    """
    level = amount * (0.4 + part.style.roughness)
    return noise_bursts(part.samples, part.sample_rate, times, level * strengths, decay, part.rng)


def bounces(speed: float, restitution: float, lowest: float, scatter: float, rng: np.random.Generator) -> Array:
    """A thing falls on another and bounces until it rests.

    After a blow of speed v it leaves at e v, e being the coefficient of restitution, and is back after 2 e v / g.

    Args:
        speed: of the first blow in metres per second.
        restitution: e, below 0.8.
        lowest: bounces slower than this are not heard, metres per second.
        scatter: standard deviation of the log of e from bounce to bounce.
        rng: the source of the scatter.

    Returns:
        (2, blows) seconds after the first blow, and speeds.
    """
    times, speeds = [0.0], [speed]
    while True:
        left = speeds[-1] * float(np.clip(restitution * np.exp(scatter * rng.standard_normal()), 0.1, 0.8))
        if left < lowest:
            return np.array([times, speeds])
        times.append(times[-1] + 2 * left / GRAVITY)
        speeds.append(left)

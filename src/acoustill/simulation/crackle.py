"""Crackling: sheets and shells that yield in many small, sudden events of very different energies.

Crumpling, tearing, breaking and rubbing give trains of clicks whose energies follow a power law, p(E) ~ E^-tau (Sethna,
Dahmen and Myers, "Crackling noise", Nature 410, 2001). Measured were a tau of about 1 for crumpled plastic film (Kramer
and Lobkovsky, Phys. Rev. E 53, 1996), about 1.3 to 1.6 for crumpled paper (Houle and Sethna, "Acoustic emission from
crumpling paper", Phys. Rev. E 54, 1996) and 1.25 +- 0.10 for torn paper (Salminen, Tolvanen and Alava, "Acoustic
emission from paper fracture", Phys. Rev. Lett. 89, 2002). The actions here draw steeper laws, with tau between 1.35 and
2.6, cut off at 300 times the lowest energy: that is our choice, so that no single click outshouts a take. Each click
makes the facet ring on which it happens.
"""

from __future__ import annotations

import numpy as np
from scipy import signal as dsp

from acoustill.simulation.synthesis import (
    REFERENCE_RATE,
    SHORTEST_CONTACT,
    Array,
    Body,
    force_pulses,
    radiated,
    resonator,
    within_band,
)

_CONTACTS = (SHORTEST_CONTACT, 9 / REFERENCE_RATE)  # seconds
_LARGEST = 300.0
_ELSEWHERE = 0.25


def poisson_times(rates: Array, sample_rate: int, rng: np.random.Generator) -> Array:
    """Events of a Poisson process.

    Args:
        rates: (samples,) events a second, far fewer than the sample rate.
        sample_rate: hertz.
        rng: the source of the events.

    Returns:
        (events,) seconds, in order.
    """
    hit = np.flatnonzero(rng.uniform(size=len(rates)) * sample_rate < rates)
    return (hit + rng.uniform(size=len(hit))) / sample_rate


def slip_times(speeds: Array, spacing: float, regularity: float, sample_rate: int, rng: np.random.Generator) -> Array:
    """Events of something that sticks and slips, or tears from fibre to fibre: one after each piece of way.

    The rate follows the speed, as in van den Doel, Kry and Pai, "FoleyAutomatic", SIGGRAPH 2001.

    Args:
        speeds: (samples,) metres per second, not negative.
        spacing: mean way from event to event in metres.
        regularity: shape of the gamma distribution of these ways; 1 makes a Poisson process.
        sample_rate: hertz.
        rng: the source of the ways.

    Returns:
        (events,) seconds, in order.
    """
    way = np.cumsum(speeds) / sample_rate
    expected = way[-1] / spacing
    steps = rng.gamma(regularity, spacing / regularity, int(expected + 6 * np.sqrt(expected) + 10))
    places = np.cumsum(steps)
    places = places[places < way[-1]]
    after = np.searchsorted(way, places, side="right")
    share = 1 - (way[after] - places) * sample_rate / speeds[after]
    return np.asarray((after + share) / sample_rate)


def click_amplitudes(count: int, exponent: float, rng: np.random.Generator) -> Array:
    """Amplitudes, at least 1, of clicks whose energies (their squares) follow a power law that ends at 300.

    Args:
        count: how many.
        exponent: tau of p(E) ~ E^-tau, above 1.
        rng: the source of chance.

    Returns:
        (count,) amplitudes.
    """
    rest = _LARGEST ** (1 - exponent)
    energies = (rest + (1 - rest) * rng.uniform(size=count)) ** (1 / (1 - exponent))
    return np.sqrt(energies)


def crackle(
    samples: int,
    sample_rate: int,
    times: Array,
    amplitudes: Array,
    body: Body,
    rng: np.random.Generator,
) -> Array:
    """The sound of clicks, each of which makes one mode of a body ring and the others a little.

    Args:
        samples: length of the result.
        sample_rate: hertz.
        times: (clicks,) seconds.
        amplitudes: (clicks,) positive; which way a click pushes is drawn.
        body: what rings; see `within_band`. Loud modes are hit more often.
        rng: the source of chance.

    Returns:
        (samples,) the sound, in arbitrary units.
    """
    body = within_band(body, sample_rate)
    signed = amplitudes * rng.choice([-1.0, 1.0], len(times))
    widths = rng.uniform(*_CONTACTS, len(times))
    share = body.gains / body.gains.sum()
    mode = rng.choice(len(share), len(times), p=share)
    out = np.zeros(samples)
    for number, (frequency, decay) in enumerate(zip(body.frequencies, body.decays, strict=True)):
        hits = signed * np.where(mode == number, 1.0, _ELSEWHERE * share[number])
        force = force_pulses(samples, sample_rate, times, hits, widths)
        out += dsp.lfilter(*resonator(frequency, decay, sample_rate), force)
    return radiated(out, body, sample_rate)

"""How much walls must absorb for a room to have the reverberation time that is asked for."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy.optimize import brentq

from acoustill.errors import bad_input
from acoustill.rig.rig import SPEED_OF_SOUND
from acoustill.simulation.image_sources import HIGH_PASS_HZ, image_responses, room_images

MOST_IMAGES = 600_000
_SHARE = 0.75  # of the reverberation time that responses last: the decay is followed for 45 dB
_PAIRS = 8
_MOST_ABSORPTION = 0.9  # of drier rooms, only the direct sound and single echoes lie within 25 dB


def reach_m(rt60_s: float, speed_of_sound: float = SPEED_OF_SOUND) -> float:
    """How much farther than the source the images are that a room's responses hold."""
    return _SHARE * rt60_s * speed_of_sound


@functools.lru_cache(maxsize=256)
def absorption_for(
    size_m: tuple[float, float, float], rt60_s: float, sample_rate: int, speed_of_sound: float = SPEED_OF_SOUND
) -> float:
    """The energy absorption of all walls of a rectangular room with a given reverberation time.

    The reverberation time is T20 of ISO 3382-2, of the whole band: three times the duration of the decay from -5 to
    -25 dB, on a line fitted to Schroeder's backward integral, as the mean over pairs of a source and a receiver that
    are at least the standard's minimum distance apart where the room allows it. Formulas of Sabine or Eyring are
    wrong by a third or more for image sources, whose decay depends on the room's proportions and on how images add
    up. So the decay is measured on responses: split by the number of reflections once, they are put together
    anew for each absorption that is tried.

    Raises:
        AcoustillError: if walls cannot absorb that much, or if there would be too many images to compute.
    """
    volume = math.prod(size_m)
    reach = reach_m(rt60_s, speed_of_sound)
    where = f"a room of {' x '.join(f'{size:g}' for size in size_m)} m"
    if 4 / 3 * math.pi * reach**3 / volume > MOST_IMAGES:
        longest = (MOST_IMAGES * volume * 3 / 4 / math.pi) ** (1 / 3) / reach * rt60_s
        raise bad_input(where, "reverberation time", f"{rt60_s:g} s", f"at most {longest:.2f} s, or a larger room")
    parts = [
        _responses_by_reflections(size_m, source, receiver, reach, sample_rate, speed_of_sound)
        for source, receiver in _pairs(size_m, rt60_s, speed_of_sound)
    ]

    def measured(absorption: float) -> float:
        gains = [(1 - absorption) ** (np.arange(len(part))[:, None] / 2) for part in parts]
        responses = [(gain * part).sum(axis=0) for gain, part in zip(gains, parts, strict=True)]
        return float(np.mean([decay_time(response, sample_rate) for response in responses]))

    shortest = measured(_MOST_ABSORPTION)
    if shortest > rt60_s:
        raise bad_input(where, "reverberation time", f"{rt60_s:g} s", f"at least {shortest:.2f} s, or a smaller room")
    x, y, z = size_m
    surface_m2 = 2 * (x * y + y * z + z * x)
    eyring = 1 - math.exp(-24 * math.log(10) * volume / (speed_of_sound * surface_m2 * rt60_s))
    return float(brentq(lambda absorption: measured(absorption) - rt60_s, eyring / 2, _MOST_ABSORPTION, xtol=1e-4))


def _pairs(
    size_m: tuple[float, float, float], rt60_s: float, speed_of_sound: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sources and receivers, the same for the same room; far enough from each other where the room allows it."""
    least_m = 2 * math.sqrt(math.prod(size_m) / (speed_of_sound * rt60_s))
    places = np.random.default_rng(0).uniform(0.15, 0.85, (100, 2, 3)) * size_m
    near = np.linalg.norm(places[:, 0] - places[:, 1], axis=1) < least_m
    return [(source, receiver) for source, receiver in places[np.argsort(near, kind="stable")[:_PAIRS]]]


def _responses_by_reflections(
    size_m: tuple[float, float, float],
    source_m: np.ndarray,
    receiver_m: np.ndarray,
    reach: float,
    sample_rate: int,
    speed: float,
) -> np.ndarray:
    """A response without absorption, split by the number of reflections: (reflections, taps)."""
    images = room_images(size_m, source_m, receiver_m, float(np.linalg.norm(source_m - receiver_m)) + reach)
    responses = [
        image_responses(
            images.select(images.reflections == count), 0.0, receiver_m[None], sample_rate, speed, HIGH_PASS_HZ
        )[0]
        for count in range(images.reflections.max() + 1)
    ]
    parts = np.zeros((len(responses), max(map(len, responses))), np.float32)
    for part, response in zip(parts, responses, strict=True):
        part[: len(response)] = response
    return parts


def decay_time(response: np.ndarray, sample_rate: int) -> float:
    """Reverberation time T20 of an impulse response in seconds, by Schroeder's backward integral (ISO 3382-2)."""
    energies = np.square(response, dtype=np.float64)
    left = energies[::-1].cumsum()[::-1]
    level_db = 10 * np.log10(np.maximum(left / left[0], 1e-20))
    used = (level_db <= -5) & (level_db >= -25)
    if used.sum() < 3:
        return 0.0
    seconds = np.flatnonzero(used) / sample_rate
    seconds -= seconds.mean()
    slope = (seconds * level_db[used]).sum() / (seconds**2).sum()  # no LAPACK: the same bits on any number of threads
    return float(-60 / slope)

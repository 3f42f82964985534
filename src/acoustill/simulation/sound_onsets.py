"""When something happens in a sound: its onsets as events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import find_peaks

from acoustill.simulation.performance import Event
from acoustill.simulation.synthesis import Array

_HOP_S = 0.0025
_WINDOW = 4  # hops that power is averaged over
_BEFORE = 16  # hops that an onset stands out from
_APART = 24
_RISE_DB = 6.0
_FLOOR = 10**-3.5  # of the largest power; what is weaker is no event
_BEGINS = 0.1  # of the largest power of an event
_ENDS = 0.03
_SHORTEST_S = 0.03


def find_events(sound: Array, stretches: Sequence[tuple[int, int]], sample_rate: int) -> tuple[Event, ...]:
    """Finds where a sound rises suddenly.

    An onset is where the level over 10 ms is at least 6 dB above the mean level of the 40 ms before and rises more
    than within 60 ms around; it begins where the power reaches a tenth of the largest that follows. Every stretch
    has at least one event: where nothing rises suddenly, it is the whole stretch. What crackles has an event for each
    click that is far louder than those before it.

    Args:
        sound: the whole take.
        stretches: first sample and the one after the last of each clip in it, in order, not overlapping.
        sample_rate: hertz.

    Returns:
        Events in order; strength is the amplitude relative to the loudest one, and each ends before the next.

    Shapes:
        sound: (samples,).
    """
    hop = max(1, round(_HOP_S * sample_rate))
    found: list[tuple[float, float, float]] = []
    for start, end in stretches:
        power = _power(sound[start:end], hop)
        onsets = _onsets(power)
        if not len(onsets):
            found.append((start / sample_rate, float(power.max(initial=0.0)), (end - start) / sample_rate))
        for onset, following in zip(onsets, np.append(onsets[1:], len(power)), strict=True):
            own = power[onset : max(onset + 1, following - _WINDOW)]  # of which no window reaches the next event
            largest = float(own.max())
            lasting = int(np.flatnonzero(own >= _ENDS * largest)[-1]) + 1
            found.append(((start + onset * hop) / sample_rate, largest, lasting * hop / sample_rate))
    loudest = max(power for _, power, _ in found)
    return tuple(
        Event(float(time), float(np.clip((power / loudest) ** 0.5, 0.02, 1.0)), max(duration, _SHORTEST_S))
        for time, power, duration in found
    )


def _power(sound: Array, hop: int) -> Array:
    """(hops,) mean power of the 10 ms from each hop on."""
    padded = np.zeros((-(-len(sound) // hop) + _WINDOW - 1) * hop)
    padded[: len(sound)] = sound
    hops = np.mean(padded.reshape(-1, hop) ** 2, axis=1)
    return np.convolve(hops, np.full(_WINDOW, 1 / _WINDOW), mode="valid")


def _onsets(power: Array) -> np.ndarray:
    """(onsets,) numbers of the hops at which events begin."""
    if not power.max(initial=0.0) > 0:
        return np.zeros(0, np.int64)
    floor = _FLOOR * power.max()
    lead = _BEFORE + _WINDOW
    level = 10 * np.log10(np.concatenate([np.zeros(lead), power]) + floor)
    mean = np.convolve(level, np.full(_BEFORE, 1 / _BEFORE), mode="valid")
    rise = np.concatenate([level[lead:] - mean[: len(power)], np.zeros(1)])
    peaks, _ = find_peaks(np.concatenate([[0.0], rise]), height=_RISE_DB, distance=_APART)
    begins = []
    for peak in peaks - 1:
        first = max(0, peak - _BEFORE)
        part = power[first : peak + _WINDOW]
        begins.append(first + _first_rise(part))
    return np.unique(begins)


def _first_rise(part: Array) -> int:
    """Where power last rises through a tenth of its largest; it sees a sound the length of its window ahead."""
    below = np.flatnonzero(part[: int(part.argmax())] < _BEGINS * part.max())
    return min(int(below[-1]) + _WINDOW, len(part) - 1) if len(below) else 0

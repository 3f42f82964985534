"""The events of a take as movements: how far a hand has swung out, how hard something is being shaken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from acoustill.simulation.performance import Event

FAR = 1e3
"""Seconds to an event that there is not."""

_SWING_TIME = 0.24
_SHORTEST = 0.06


class Motion:
    """The events of a take as movements, sampled at moments.

    Args:
        events: of the take.
        times: seconds.
        rng: what differs from take to take.

    Attributes:
        times: (moments,) seconds.
        count: how many events there are.
        following: (moments,) number of the next event, `count` after the last.
        before: (moments,) when the last event was, -FAR before the first.
        after: (moments,) when the next one is, FAR after the last.
        duration: (moments,) seconds that the last event lasts.
        strength: (moments,) of the next event.
        swing: (moments,) 0 at each event, up to 1 between, held there in pauses.
        active: (moments,) half a sine over each event, as high as it is strong, 0 between.
        choices: (count + 2, 8) from -1 to 1, chance that belongs to an event.
        sway: (moments, 2) metres, as nobody stands still.

    Shapes:
        times: (moments,)
    """

    def __init__(self, events: Sequence[Event], times: NDArray[np.float64], rng: np.random.Generator) -> None:
        ordered = sorted(events, key=lambda event: event.time)
        onsets = np.array([event.time for event in ordered], np.float64)
        strengths = np.array([event.strength for event in ordered], np.float64)
        durations = np.array([event.duration for event in ordered], np.float64)
        self.times, self.count = times, len(ordered)
        self.following = np.searchsorted(onsets, times, side="right")
        padded = np.concatenate([[-FAR], onsets, [FAR]])
        self.before, self.after = padded[self.following], padded[self.following + 1]
        self.duration = np.maximum(np.concatenate([[0.0], durations])[self.following], _SHORTEST)
        self.strength = np.append(strengths, 0.6)[self.following]
        self.swing = self._swing()
        self.active = self._active(np.concatenate([[0.0], strengths])[self.following])
        self.choices = rng.uniform(-1, 1, (len(ordered) + 2, 8))
        phases = rng.uniform(0, 2 * np.pi, 4)
        slow = 2 * np.pi * rng.uniform(0.12, 0.35, 4)
        sway = np.sin(slow * times[:, None] + phases)
        self.sway = 0.0015 * (sway[:, :2] + sway[:, 2:])

    def _swing(self) -> NDArray[np.float64]:
        """A hand that has less time between two blows swings out less far."""
        reach = np.minimum(_SWING_TIME, (self.after - self.before) / 2)
        nearest = np.minimum(self.times - self.before, self.after - self.times)
        height = (0.45 + 0.55 * self.strength) * np.minimum(1, 0.3 + 0.7 * reach / (0.5 * _SWING_TIME))
        return np.sin(np.pi / 2 * np.clip(nearest / np.maximum(reach, 1e-6), 0, 1)) * height

    def _active(self, strengths: NDArray[np.float64]) -> NDArray[np.float64]:
        phase = (self.times - self.before) / self.duration
        return np.where((phase > 0) & (phase < 1), strengths * np.sin(np.pi * phase), 0.0)

"""What an act is, and the person's part in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from acoustill.simulation.canvas import Canvas, at
from acoustill.simulation.motion import Motion
from acoustill.simulation.people import CLOSED, Looks, Person, mouth_at_centre


@dataclass(frozen=True)
class Act:
    """How one action is seen.

    Attributes:
        head: where the head is, in metres from the acoustic centre, x towards the subject's working side; None puts
            the mouth at the acoustic centre and leaves the head to `move`.
        furniture: sets out what stands still in front of the person's legs.
        move: sets out what moves, at one moment.
        hanging: which arms have nothing to do: 1 on the working side, -1 on the other.
    """

    head: tuple[float, float] | None
    furniture: Callable[[Canvas, Looks], None]
    move: Callable[[Canvas, Person, Motion, int], None]
    hanging: tuple[int, ...] = ()

    def cast(self, looks: Looks) -> Person:
        """The subject, standing where this act wants it."""
        if self.head is None:
            return Person(looks, mouth_at_centre(looks))
        return Person(looks, at(self.head[0] * looks.side, self.head[1]))

    def perform(self, canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
        """Sets out head, arms, hands and object at one moment."""
        if self.head is not None:
            person.draw_head(canvas, motion.sway[moment], CLOSED)
        for side in self.hanging:
            person.draw_hanging_arm(canvas, side * person.looks.side, motion.sway[moment])
        self.move(canvas, person, motion, moment)


def no_furniture(canvas: Canvas, looks: Looks) -> None:
    """Some actions need none."""


def since_and_until(motion: Motion, moment: int) -> tuple[float, float]:
    """Seconds since the last event and until the next."""
    time = motion.times[moment]
    return float(time - motion.before[moment]), float(motion.after[moment] - time)


def beat(motion: Motion, moment: int, width: float) -> float:
    """1 at an event, falling off with the time to the nearest like a bell of a width in seconds."""
    nearest = min(since_and_until(motion, moment))
    return float(np.exp(-((nearest / width) ** 2)))

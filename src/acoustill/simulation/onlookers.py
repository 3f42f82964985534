"""Other people: those who walk through the background, and those who stand there and make a noise now and then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from acoustill.errors import bad_input
from acoustill.simulation.backdrops import Backdrop
from acoustill.simulation.canvas import Canvas, at
from acoustill.simulation.drawing import Shape
from acoustill.simulation.motion import Motion
from acoustill.simulation.people import (
    CLOSED,
    HEAD_ABOVE_FLOOR,
    MOUTH_ABOVE_FLOOR,
    Person,
    draw_looks,
    mouth_at_centre,
)
from acoustill.simulation.performance import Event
from acoustill.simulation.stage import since_and_until

# The camera looks straight ahead from this high, so that heads are as high as it whatever the distance.
_CAMERA_HEIGHTS_M = (1.3, 1.5)
_ADULTS_M = (1.5, 1.95)
_HIGHEST_ABOVE_TABLE_M = 0.8  # of a head, for the hand to reach the table
_TABLE_BELOW_HAND_M = 0.055


@dataclass(frozen=True)
class Bystander:
    """Somebody who stands in the background and is heard.

    Attributes:
        pixel: (column, row) of the mouth or hand that the sound comes from, in the frame or not.
        scale: pixels per metre at that distance.
        events: when it is heard.
        name: of the sound: "cough", "laughter" or "cup"; with any other, somebody stands there and stirs.
        height: of mouth or hand above the floor, in metres.
    """

    pixel: tuple[float, float]
    scale: float
    events: tuple[Event, ...]
    name: str
    height: float

    def __post_init__(self) -> None:
        if not (np.isfinite((*self.pixel, self.height)).all() and self.scale > 0):
            found = f"{self.pixel}, scale {self.scale}, height {self.height}"
            raise bad_input("video", "bystander", found, "a pixel, scale above zero, finite height")


class Standing:
    """How a bystander is seen: coughing into a fist, laughing, putting a cup down, or just stirring.

    Whose mouth is heard is as tall as its height above the floor asks for, as far as adults go. A cup is put down on
    a table of its height.

    Args:
        bystander: where, and when it is heard.
        times: (moments,) seconds.
        backdrop: gives the light.
        rng: looks.
    """

    def __init__(
        self, bystander: Bystander, times: NDArray[np.float64], backdrop: Backdrop, rng: np.random.Generator
    ) -> None:
        looks = draw_looks(rng)
        self._bystander, self._backdrop = bystander, backdrop
        if bystander.name == "cup":
            tallest = 1.75 * (bystander.height + _HIGHEST_ABOVE_TABLE_M) / HEAD_ABOVE_FLOOR
            looks = replace(looks, height=max(min(looks.height, tallest), _ADULTS_M[0]))
            head = at(-0.2 * looks.side, bystander.height - HEAD_ABOVE_FLOOR * looks.height / 1.75)
        else:
            fitting = 1.75 * bystander.height / MOUTH_ABOVE_FLOOR
            looks = replace(looks, height=float(np.clip(fitting, *_ADULTS_M)))
            head = mouth_at_centre(looks)
        self._person = Person(looks, head)
        self._motion = Motion(bystander.events, times, rng)

    def still(self) -> list[Shape]:
        """What stands still all the time."""
        canvas, person, name = self._canvas(), self._person, self._bystander.name
        person.draw_body(canvas)
        if name in ("cough", "cup"):
            person.draw_hanging_arm(canvas, -person.looks.side, at(0, 0))
        if name == "cup":
            person.draw_head(canvas, at(0, 0), CLOSED)
            leg = max(self._bystander.height - _TABLE_BELOW_HAND_M, 0.1)
            canvas.box(at(0, _TABLE_BELOW_HAND_M + leg / 2), (0.012, leg / 2), (96, 92, 88), 0.8)
            canvas.ellipse(at(0, _TABLE_BELOW_HAND_M), (0.17, 0.022), (120, 112, 104))
        return canvas.shapes

    def shapes(self, moment: int) -> list[Shape]:
        """Head, arms and cup at one moment."""
        canvas = self._canvas()
        _PARTS.get(self._bystander.name, _stir)(canvas, self._person, self._motion, moment)
        return canvas.shapes

    def whole(self, moment: int) -> list[Shape]:
        """The bystander at one moment, to be painted over whoever is farther away."""
        return [*self.still(), *self.shapes(moment)]

    def _canvas(self) -> Canvas:
        return Canvas(np.array(self._bystander.pixel, np.float64), self._bystander.scale, self._backdrop)


def _cough(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The fist is at the mouth while somebody coughs, and lower before and after."""
    side, shaking = person.looks.side, motion.active[moment]
    nod = motion.sway[moment] + at(0, 0.035 * shaking)
    person.draw_head(canvas, nod, (0.022, 0.003 + 0.02 * shaking))
    near = np.exp(-min(since_and_until(motion, moment)))
    hand = nod + at(0.03 * side, 0.06 + 0.3 * (1 - near) + 0.02 * shaking)
    person.draw_arm(canvas, side, hand)
    person.draw_fist(canvas, hand)


def _laugh(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The mouth stays open while somebody laughs; with each burst it opens wider, and head and arms shake."""
    shaking, near = motion.active[moment], np.exp(-min(since_and_until(motion, moment)) / 0.3)
    nod = motion.sway[moment] + at(0, 0.03 * shaking - 0.015 * near)
    person.draw_head(canvas, nod, (0.022 + 0.008 * near, 0.003 + 0.014 * near + 0.02 * shaking))
    for side in (-1, 1):
        person.draw_hanging_arm(canvas, side, at(0.02 * side, -0.03) * shaking)


def _put_cup_down(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The cup is on the table when it is heard, and in the hand before."""
    side = person.looks.side
    hand = at(-0.02 * side, -0.16 * motion.swing[moment])
    canvas.box(hand + at(0.04 * side, 0.01), (0.028, 0.035), person.looks.prop, corner=0.006)
    person.draw_arm(canvas, side, hand)
    person.draw_fist(canvas, hand)


def _stir(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """Somebody moves a little when something is heard."""
    stirring = motion.active[moment]
    person.draw_head(canvas, motion.sway[moment] + at(0.03, 0.02) * stirring, CLOSED)
    for side in (-1, 1):
        person.draw_hanging_arm(canvas, side, at(0.03 * side, -0.03) * stirring)


_PARTS: dict[str, Callable[[Canvas, Person, Motion, int], None]] = {
    "cough": _cough,
    "laughter": _laugh,
    "cup": _put_cup_down,
}


class PasserBy:
    """Somebody who walks through the background during a take.

    Args:
        shape: (height, width) of the frame.
        scale: pixels per metre at the subject; the passer-by is farther away.
        times: (moments,) seconds.
        backdrop: gives the light.
        rng: the only source of chance.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        scale: float,
        times: NDArray[np.float64],
        backdrop: Backdrop,
        rng: np.random.Generator,
    ) -> None:
        looks = draw_looks(rng)
        self._backdrop, self._times = backdrop, times
        self._scale = min(scale * rng.uniform(0.5, 0.8), shape[0] / 2.0)
        self._person = Person(looks, at(0, 0))
        above_camera = HEAD_ABOVE_FLOOR * looks.height / 1.75 - rng.uniform(*_CAMERA_HEIGHTS_M)
        self._row = shape[0] / 2 - above_camera * self._scale
        self._speed = rng.uniform(0.6, 1.3) * rng.choice([-1, 1])
        self._start = rng.uniform(0, shape[1])
        self._span = shape[1] + 1.5 * self._scale

    def shapes(self, moment: int) -> list[Shape]:
        """The passer-by at one moment."""
        margin, walked = 0.75 * self._scale, self._speed * self._times[moment]
        column = (self._start + walked * self._scale + margin) % self._span - margin
        phase = 2 * np.pi * walked / 1.3  # two steps of 0.65 m
        canvas = Canvas(at(column, self._row + 0.02 * self._scale * abs(np.sin(phase))), self._scale, self._backdrop)
        stride = 0.22 * float(np.sin(phase))
        self._person.draw_body(canvas, stride)
        self._person.draw_head(canvas, at(0, 0), CLOSED)
        for side in (-1, 1):
            hand = self._person.shoulder(side) + at(0.05 * side - stride, 0.5)
            self._person.draw_arm(canvas, side, hand)
            self._person.draw_fist(canvas, hand)
        return canvas.shapes


def draw_passers_by(
    asked: bool | None,
    shape: tuple[int, int],
    scale: float,
    times: NDArray[np.float64],
    backdrop: Backdrop,
    rng: np.random.Generator,
) -> Sequence[PasserBy]:
    """Who walks by: nobody in a chamber, elsewhere one person in three takes of ten and two in one of ten.

    Args:
        asked: whether somebody does; None leaves it to chance.
        shape: (height, width) of the frame.
        scale: pixels per metre at the subject.
        times: (moments,) seconds.
        backdrop: the place.
        rng: the only source of chance.

    Returns:
        None, one or two people, those farther away first.
    """
    count = int(rng.choice(3, p=(0.6, 0.3, 0.1)))
    if asked is not None:
        count = max(count, 1) if asked else 0
    elif backdrop.kind == "anechoic":
        count = 0
    return [PasserBy(shape, scale, times, backdrop, rng) for _ in range(count)]

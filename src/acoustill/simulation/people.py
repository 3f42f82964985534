"""People on the simulated stage: their looks, their limbs, and a passer-by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from acoustill.simulation import drawing
from acoustill.simulation.backdrops import HEADROOM, Backdrop
from acoustill.simulation.drawing import Colour, Frame, Point

RGB = tuple[float, float, float]

_SKINS = ((241, 205, 177), (224, 172, 135), (198, 134, 96), (150, 98, 66), (104, 66, 46))
_HAIRS = ((28, 22, 20), (72, 46, 30), (128, 84, 48), (196, 160, 96), (150, 148, 146))
_MOUTH_BELOW_HEAD = 0.066


@dataclass(frozen=True)
class Looks:
    """What a subject looks like, the same in all takes.

    Attributes:
        skin: RGB, 0 to 255, as are all colours here.
        hair: RGB.
        top: RGB of shirt or pullover.
        trousers: RGB.
        prop: RGB of the subject's own hammer, door, stick, keyboard and paper.
        height: metres.
        build: factor on the width of the body.
        side: 1 for right-handed, -1 for left-handed people.
        bare_arms: whether the sleeves end above the elbow.
    """

    skin: RGB
    hair: RGB
    top: RGB
    trousers: RGB
    prop: RGB
    height: float
    build: float
    side: int
    bare_arms: bool


def draw_looks(rng: np.random.Generator) -> Looks:
    """Draws what a subject looks like.

    Args:
        rng: the only source of chance.

    Returns:
        The looks.
    """

    def rgb(low: float, high: float) -> RGB:
        red, green, blue = rng.uniform(low, high, 3)
        return float(red), float(green), float(blue)

    def complexion(table: tuple[tuple[int, int, int], ...]) -> RGB:
        red, green, blue = np.array(table[rng.integers(len(table))]) * rng.uniform(0.9, 1.05)
        return float(red), float(green), float(blue)

    return Looks(
        skin=complexion(_SKINS),
        hair=complexion(_HAIRS),
        top=rgb(35, 225),
        trousers=rgb(25, 140),
        prop=rgb(40, 220),
        height=float(rng.uniform(1.55, 1.92)),
        build=float(rng.uniform(0.85, 1.2)),
        side=int(rng.choice([-1, 1])),
        bare_arms=bool(rng.uniform() < 0.4),
    )


def at(x: float, y: float) -> Point:
    """A place in metres from the acoustic centre, x right and y down."""
    return np.array([x, y])


@dataclass
class Canvas:
    """Draws on a frame in metres from the acoustic centre, in the light of the place.

    Attributes:
        frame: (height, width, 3) uint8 RGB, changed in place.
        place: (column, row) of the acoustic centre in pixels.
        scale: pixels per metre.
        backdrop: gives the light.
    """

    frame: Frame
    place: Point
    scale: float
    backdrop: Backdrop
    _light: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self._light = np.array(self.backdrop.tint) * min(self.backdrop.light, 1.05)

    def colour(self, rgb: RGB, shade: float = 1.0) -> Colour:
        """A thing's colour in the light of the place: (3,) float32."""
        lit = np.array(rgb) * self._light * shade
        return np.clip(lit, HEADROOM, 255 - HEADROOM).astype(np.float32)

    def limb(self, start: Point, end: Point, radii: tuple[float, float], rgb: RGB, shade: float = 1.0) -> None:
        """Draws a capsule; all lengths in metres."""
        scaled = (radii[0] * self.scale, radii[1] * self.scale)
        drawing.capsule(self.frame, self._pixel(start), self._pixel(end), scaled, self.colour(rgb, shade))

    def box(
        self,
        centre: Point,
        half: tuple[float, float],
        rgb: RGB,
        shade: float = 1.0,
        angle: float = 0.0,
        corner: float = 0.0,
    ) -> None:
        """Draws a rectangle; all lengths in metres, the angle in radians."""
        scaled = (half[0] * self.scale, half[1] * self.scale)
        colour = self.colour(rgb, shade)
        drawing.box(self.frame, self._pixel(centre), scaled, colour, angle, corner * self.scale)

    def ellipse(
        self, centre: Point, radii: tuple[float, float], rgb: RGB, shade: float = 1.0, angle: float = 0.0
    ) -> None:
        """Draws an ellipse; all lengths in metres, the angle in radians."""
        scaled = (radii[0] * self.scale, radii[1] * self.scale)
        drawing.ellipse(self.frame, self._pixel(centre), scaled, self.colour(rgb, shade), angle)

    def _pixel(self, point: Point) -> Point:
        return self.place + point * self.scale


@dataclass(frozen=True)
class Person:
    """A subject standing with the head somewhere.

    Attributes:
        looks: what the subject looks like.
        head: centre of the head in metres from the acoustic centre.
    """

    looks: Looks
    head: Point

    @property
    def size(self) -> float:
        """Factor on lengths, 1 for somebody of 1.75 m."""
        return self.looks.height / 1.75

    def shoulder(self, side: int) -> Point:
        """The shoulder on the right (1) or left (-1) of the picture."""
        return self.head + self.size * at(0.18 * side * self.looks.build, 0.215)

    def draw_body(self, canvas: Canvas, stride: float = 0.0) -> None:
        """Draws legs, torso and neck; stride swings the legs apart, in metres."""
        looks, size, head = self.looks, self.size, self.head
        hip, foot = head + at(0, 0.76 * size), head + at(0, 1.56 * size)
        chest, waist = head + at(0, 0.29 * size), hip - at(0, 0.1 * size)
        canvas.limb(chest, waist, (0.165 * size * looks.build, 0.14 * size * looks.build), looks.top, 0.95)
        pelvis = (0.138 * size * looks.build, 0.085 * size)
        canvas.box(hip - at(0, 0.025 * size), pelvis, looks.trousers, corner=0.04 * size)
        for side in (-1, 1):
            start = hip + size * at(0.068 * side * looks.build, 0)
            end = foot + at(0.1 * side * size + stride * side, 0)
            canvas.limb(start, end, (0.075 * size * looks.build, 0.05 * size), looks.trousers)
            canvas.limb(end, end + at(0.02 * side, 0.02), (0.05 * size, 0.055 * size), (40, 36, 34))
        canvas.limb(self.shoulder(-1), self.shoulder(1), (0.062 * size, 0.062 * size), looks.top)
        canvas.limb(head, head + at(0, 0.17 * size), (0.045 * size, 0.05 * size), looks.skin, 0.85)

    def draw_head(self, canvas: Canvas, lean: Point, mouth: tuple[float, float]) -> None:
        """Draws the head moved by `lean`, the mouth with half its width and height, all in metres."""
        looks, size, head = self.looks, self.size, self.head + lean
        canvas.ellipse(head + size * at(0, -0.02), (0.088 * size, 0.108 * size), looks.hair)
        canvas.ellipse(head + size * at(0, 0.012), (0.072 * size, 0.098 * size), looks.skin)
        for side in (-1, 1):
            canvas.ellipse(head + size * at(0.03 * side, -0.012), (0.011 * size, 0.006 * size), (235, 235, 235))
            canvas.ellipse(head + size * at(0.03 * side, -0.012), (0.006 * size, 0.006 * size), (35, 28, 25))
        canvas.limb(head + size * at(0, 0.0), head + size * at(0, 0.03), (0.006, 0.012), looks.skin, 0.86)
        lips = head + at(0, _MOUTH_BELOW_HEAD * size)
        canvas.ellipse(lips, (mouth[0] + 0.006, mouth[1] + 0.006), looks.skin, 0.72)
        canvas.ellipse(lips, mouth, (70, 22, 24))

    def draw_arm(self, canvas: Canvas, side: int, hand: Point) -> None:
        """Draws the arm from one shoulder to a hand; the elbow bends outwards and down, foreshortened."""
        looks, size = self.looks, self.size
        shoulder = self.shoulder(side)
        reach = hand - shoulder
        length = float(np.hypot(*reach)) + 1e-6
        across = np.array([-reach[1], reach[0]]) / length
        if across @ at(side, 0.6) < 0:
            across = -across
        slack = np.sqrt(max((0.58 * size) ** 2 - length**2, 0.0))
        elbow = shoulder + 0.52 * reach + 0.32 * slack * across
        sleeve = looks.skin if looks.bare_arms else looks.top
        canvas.limb(shoulder, elbow, (0.055 * size, 0.043 * size), looks.top)
        canvas.limb(elbow, hand, (0.042 * size, 0.03 * size), sleeve, 1.05)

    def draw_fist(self, canvas: Canvas, hand: Point) -> None:
        """Draws a closed hand."""
        canvas.ellipse(hand, (0.043 * self.size, 0.047 * self.size), self.looks.skin)
        for row in (-0.02, 0.0, 0.02):
            canvas.limb(hand + at(-0.02, row), hand + at(0.02, row), (0.004, 0.004), self.looks.skin, 0.8)


def mouth_at_centre(looks: Looks) -> Point:
    """Where the head is so that the mouth is at the acoustic centre."""
    return at(0.0, -_MOUTH_BELOW_HEAD * looks.height / 1.75)


class PasserBy:
    """Somebody who walks through the background during a take.

    Args:
        shape: (height, width) of the frame.
        scale: pixels per metre at the subject; the passer-by is farther away.
        backdrop: gives the light.
        rng: the only source of chance.
    """

    def __init__(self, shape: tuple[int, int], scale: float, backdrop: Backdrop, rng: np.random.Generator) -> None:
        self._looks = draw_looks(rng)
        self._backdrop = backdrop
        self._scale = min(scale * rng.uniform(0.5, 0.8), shape[0] / 2.0)
        feet = shape[0] * rng.uniform(0.85, 1.05)
        self._row = feet - 1.6 * self._scale * self._looks.height / 1.75
        self._speed = rng.uniform(0.6, 1.3) * self._scale * rng.choice([-1, 1])
        self._start, self._width = rng.uniform(0, shape[1]), shape[1]
        self._span = shape[1] + 1.5 * self._scale

    def draw(self, frame: Frame, time: float) -> tuple[slice, slice]:
        """Draws the passer-by at a time in seconds; returns the rows and columns that it may have touched."""
        margin = 0.75 * self._scale
        column = (self._start + self._speed * time + margin) % self._span - margin
        canvas = Canvas(frame, at(column, self._row), self._scale, self._backdrop)
        person = Person(self._looks, at(0, 0.02 * abs(np.sin(6 * time))))
        stride = 0.22 * float(np.sin(6 * time))
        person.draw_body(canvas, stride)
        person.draw_head(canvas, at(0, 0), (0.015, 0.002))
        for side in (-1, 1):
            hand = person.shoulder(side) + at(0.05 * side - stride, 0.5)
            person.draw_arm(canvas, side, hand)
            person.draw_fist(canvas, hand)
        left, right = max(int(column - margin) - 3, 0), max(min(int(column + margin) + 3, self._width), 0)
        top = max(int(self._row - 0.3 * self._scale), 0)
        return slice(top, frame.shape[0]), slice(left, right)

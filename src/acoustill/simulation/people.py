"""People on the simulated stage: their looks, body and limbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acoustill.simulation.canvas import RGB, Canvas, at
from acoustill.simulation.drawing import Point

_SKINS = ((241, 205, 177), (224, 172, 135), (198, 134, 96), (150, 98, 66), (104, 66, 46))
_HAIRS = ((28, 22, 20), (72, 46, 30), (128, 84, 48), (196, 160, 96), (150, 148, 146))
_MOUTH_BELOW_HEAD = 0.066

HEAD_ABOVE_FLOOR = 1.6
MOUTH_ABOVE_FLOOR = HEAD_ABOVE_FLOOR - _MOUTH_BELOW_HEAD
"""Metres from the floor to the middle of the head, and to the mouth, of somebody of 1.75 m who stands."""

# Pixels per metre from which on knuckles and the whites of eyes are seen.
_FINE = 170

CLOSED = (0.021, 0.0025)
"""Half the width and height of a closed mouth, in metres."""


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
        canvas.ellipse(foot + at(0, 0.05), (0.3 * size, 0.05 * size), (20, 20, 20), opacity=0.3)
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
            if canvas.scale >= _FINE:
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

    def draw_hanging_arm(self, canvas: Canvas, side: int, sway: Point) -> None:
        """Draws an arm that has nothing to do."""
        hand = self.shoulder(side) + at(0.07 * side, 0.5 * self.size) + sway
        self.draw_arm(canvas, side, hand)
        self.draw_fist(canvas, hand)

    def draw_fingers(
        self, canvas: Canvas, palm: Point, pointing: Point, thumb: int, lengths: Sequence[float], spread: float = 0.1
    ) -> None:
        """Draws an open hand.

        Args:
            canvas: where.
            palm: middle of the palm.
            pointing: unit vector along the fingers.
            thumb: on which side of that the thumb is, 1 for clockwise.
            lengths: of the four fingers from the thumb on, in metres.
            spread: angle between neighbouring fingers, in radians.
        """
        skin, across = self.looks.skin, thumb * np.array([-pointing[1], pointing[0]])
        root = palm + 0.01 * across - 0.02 * pointing
        canvas.limb(root, root + 0.045 * across + 0.035 * pointing, (0.014, 0.01), skin, 0.94)
        canvas.limb(palm - 0.03 * pointing, palm + 0.01 * pointing, (0.03, 0.037), skin)
        for index, length in enumerate(lengths):
            place = 1.5 - index
            knuckle = palm + 0.025 * pointing + 0.018 * place * across
            tip = knuckle + length * (pointing + spread * place * across)
            canvas.limb(knuckle, tip, (0.0105, 0.0085), skin, 0.97 - 0.05 * (index % 2))

    def draw_fist(self, canvas: Canvas, hand: Point) -> None:
        """Draws a closed hand."""
        canvas.ellipse(hand, (0.043 * self.size, 0.047 * self.size), self.looks.skin)
        if canvas.scale < _FINE:
            return
        for row in (-0.02, 0.0, 0.02):
            canvas.limb(hand + at(-0.02, row), hand + at(0.02, row), (0.004, 0.004), self.looks.skin, 0.8)


def mouth_at_centre(looks: Looks) -> Point:
    """Where the head is so that the mouth is at the acoustic centre."""
    return at(0.0, -_MOUTH_BELOW_HEAD * looks.height / 1.75)

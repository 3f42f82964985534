"""A sheet on which scenes are set out in metres from a point, in the light of the place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from acoustill.simulation import drawing
from acoustill.simulation.backdrops import HEADROOM, Backdrop
from acoustill.simulation.drawing import Colour, Point, Shape

RGB = tuple[float, float, float]


def at(x: float, y: float) -> Point:
    """A place in metres from the acoustic centre, x right and y down."""
    return np.array([x, y])


def heading(angle: float, side: int = 1) -> Point:
    """The unit vector that points up, turned by an angle in radians towards the right (side 1) or left (-1)."""
    return np.array([side * np.sin(angle), -np.cos(angle)])


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """A colour between two: `first` for a share of 0, `second` for 1."""
    red, green, blue = (float(a + share * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def ease(x: float) -> float:
    """Goes smoothly from 0 at x = 0 to 1 at x = 1 and stays there."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


@dataclass
class Canvas:
    """Collects shapes given in metres from a point as shapes on the screen.

    Attributes:
        place: (column, row) of the point in pixels.
        scale: pixels per metre.
        backdrop: gives the light.
        shapes: what has been set out so far, from back to front.
    """

    place: Point
    scale: float
    backdrop: Backdrop
    shapes: list[Shape] = field(default_factory=list)
    _light: RGB = field(init=False)

    def __post_init__(self) -> None:
        light = min(self.backdrop.light, 1.05)
        red, green, blue = self.backdrop.tint
        self._light = red * light, green * light, blue * light

    def limb(
        self,
        start: Point,
        end: Point,
        radii: tuple[float, float],
        rgb: RGB,
        shade: float = 1.0,
        opacity: float = 1.0,
    ) -> None:
        """Adds a capsule; all lengths in metres."""
        scaled = (radii[0] * self.scale, radii[1] * self.scale)
        colour = self._colour(rgb, shade)
        self.shapes.append(drawing.capsule(self._pixel(start), self._pixel(end), scaled, colour, opacity))

    def box(
        self,
        centre: Point,
        half: tuple[float, float],
        rgb: RGB,
        shade: float = 1.0,
        angle: float = 0.0,
        corner: float = 0.0,
    ) -> None:
        """Adds a rectangle; all lengths in metres, the angle in radians."""
        scaled = (half[0] * self.scale, half[1] * self.scale)
        colour = self._colour(rgb, shade)
        self.shapes.append(drawing.box(self._pixel(centre), scaled, colour, angle, corner * self.scale))

    def ellipse(
        self,
        centre: Point,
        radii: tuple[float, float],
        rgb: RGB,
        shade: float = 1.0,
        angle: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Adds an ellipse; all lengths in metres, the angle in radians."""
        scaled = (radii[0] * self.scale, radii[1] * self.scale)
        colour = self._colour(rgb, shade)
        self.shapes.append(drawing.ellipse(self._pixel(centre), scaled, colour, angle, opacity))

    def polygon(self, corners: Sequence[Point], rgb: RGB, shade: float = 1.0) -> None:
        """Adds a convex polygon, its corners in metres."""
        self.shapes.append(drawing.polygon(self._pixel(np.stack(corners)), self._colour(rgb, shade)))

    def _colour(self, rgb: RGB, shade: float) -> Colour:
        lit = [
            min(max(part * light * shade, HEADROOM), 255 - HEADROOM)
            for part, light in zip(rgb, self._light, strict=True)
        ]
        return np.array(lit, np.float32)

    def _pixel(self, point: Point) -> Point:
        return self.place + point * self.scale

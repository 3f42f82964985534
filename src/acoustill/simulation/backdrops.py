"""What is behind the action: the three kinds of place, drawn from a seed at any resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acoustill.errors import AcoustillError
from acoustill.simulation.drawing import Frame, Shape, box, capsule, paint

_Image = NDArray[np.floating]

# Frames keep this far from 0 and 255, so that sensor noise can be added without overflow.
HEADROOM = 16


@dataclass(frozen=True)
class Backdrop:
    """A place, its light and how the camera looks at it.

    Attributes:
        kind: "anechoic", "office" or "outdoor".
        light: brightness, 1 is a well lit room.
        tint: colour of the light, factors on red, green and blue.
        layout: seed of what stands where in which colour.
        zoom: factor on the size of everything, at least 1.
        shift: which part of what no longer fits is seen, (across, down), each from 0 to 1.
    """

    kind: str
    light: float
    tint: tuple[float, float, float]
    layout: int
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)


def draw_backdrop(kind: str, name: str, rng: np.random.Generator) -> Backdrop:
    """Draws a take's view of a place: what is where depends on the place's name alone.

    Args:
        kind: "anechoic", "office" or "outdoor".
        name: of the place; all its takes show the same one.
        rng: light, tint and the camera's view, which differ from take to take.

    Returns:
        The backdrop.

    Raises:
        AcoustillError: there is no such kind.
    """
    if kind not in _SCENES:
        raise AcoustillError(f"backdrop {kind!r} is unknown, expected one of {', '.join(_SCENES)}")
    own = np.random.default_rng(np.frombuffer(f"{kind}/{name}".encode(), np.uint8))
    warmth = rng.uniform(-0.12, 0.12)
    return Backdrop(
        kind=kind,
        light=float(rng.uniform(0.7, 1.1)),
        tint=(1 + warmth, float(1 + rng.uniform(-0.03, 0.03)), 1 - warmth),
        layout=int(own.integers(2**31)),
        zoom=float(rng.uniform(1.04, 1.16)),
        shift=(float(rng.uniform()), float(rng.uniform())),
    )


def paint_backdrop(backdrop: Backdrop, height: int, width: int) -> Frame:
    """Paints a backdrop.

    Args:
        backdrop: the place.
        height: rows.
        width: columns.

    Returns:
        (height, width, 3) uint8 RGB, at least 16 and at most 239.
    """
    rng = np.random.default_rng(backdrop.layout)
    column, row = rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.5)
    tall, wide = round(height * backdrop.zoom), round(width * backdrop.zoom)
    left, top = round(backdrop.shift[0] * (wide - width)), round(backdrop.shift[1] * (tall - height))
    image = _SCENES[backdrop.kind](tall, wide, rng)[top : top + height, left : left + width]
    x = (np.arange(width, dtype=np.float32) + 0.5) / width - np.float32(column)
    y = (np.arange(height, dtype=np.float32) + 0.5) / height - np.float32(row)
    falloff = 1.08 - 0.3 * (x[None, :] ** 2 + y[:, None] ** 2)
    image = image * (falloff[..., None] * np.asarray(backdrop.tint, np.float32) * np.float32(backdrop.light))
    image[1:-1] = (image[:-2] + 2 * image[1:-1] + image[2:]) / 4
    image[:, 1:-1] = (image[:, :-2] + 2 * image[:, 1:-1] + image[:, 2:]) / 4
    return np.clip(image, HEADROOM, 255 - HEADROOM).astype(np.uint8)


def _colour(rng: np.random.Generator, low: float, high: float, saturation: float) -> NDArray[np.float32]:
    """A random colour: (3,) with brightness between two values, 0 to 255."""
    hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2, 4]) * np.pi / 3
    return np.clip(rng.uniform(low, high) * (1 + saturation * np.cos(hue)), 0, 255).astype(np.float32)


def _texture(height: int, width: int, cells: int, rng: np.random.Generator) -> _Image:
    """Smooth noise (height, width) of unit variance at the knots, `cells` knots down the frame."""
    rows, columns = cells + 1, round(cells * width / height) + 2
    knots = rng.standard_normal((rows, columns)).astype(np.float32)

    def weights(size: int, count: int) -> _Image:
        place = np.linspace(0, count - 1, size, dtype=np.float32)
        return np.maximum(1 - np.abs(place[:, None] - np.arange(count, dtype=np.float32)), 0)

    return weights(height, rows) @ knots @ weights(width, columns).T


def _anechoic(height: int, width: int, rng: np.random.Generator) -> _Image:
    """Foam wedges in square tiles, turned by a quarter from tile to tile."""
    tile, wedges = height / rng.uniform(4, 8), int(rng.integers(2, 5))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
    u, v = (x + rng.uniform(0, tile)) / tile, (y + rng.uniform(0, tile)) / tile
    upright = (np.floor(u) + np.floor(v)) % 2 == 0
    phase = (np.where(upright, u, v) * wedges) % 1
    ridge = 1 - np.abs(2 * phase - 1)
    lit = np.where(upright, phase > 0.5, phase < 0.5)
    seam = np.minimum(np.minimum(u % 1, 1 - u % 1), np.minimum(v % 1, 1 - v % 1)) < 0.03
    shade = (0.55 + 0.35 * ridge) * np.where(lit, 1.0, 0.72) * np.where(seam, 0.55, 1.0)
    shade *= 1 + 0.05 * _texture(height, width, 6, rng)
    image = shade[..., None].astype(np.float32) * _colour(rng, 70, 190, 0.35)
    floor = round(height * rng.uniform(0.86, 1.05))
    image[floor:] = _colour(rng, 50, 110, 0.1)
    image[floor::6] *= np.float32(0.8)
    return image


def _office(height: int, width: int, rng: np.random.Generator) -> _Image:
    """A wall with windows or shelves, desks with screens, a floor."""
    wall = _colour(rng, 130, 205, 0.06)
    image = wall * (1 + 0.03 * _texture(height, width, 5, rng))[..., None]
    frame = np.clip(image, 0, 255).astype(np.uint8)

    def put(shape: Shape) -> None:
        paint(frame, [shape])

    floor = height * rng.uniform(0.72, 0.85)
    carpet = _colour(rng, 60, 130, 0.2)
    put(box(np.array([width / 2, (floor + height) / 2]), (width, (height - floor) / 2), carpet))
    middle = rng.uniform(0.18, 0.32) * height
    for place in np.arange(rng.uniform(0, 0.3), 1.2, rng.uniform(0.3, 0.5)) * width:
        half = (height * rng.uniform(0.1, 0.17), height * rng.uniform(0.12, 0.18))
        centre = np.array([place, middle])
        if rng.uniform() < 0.6:
            put(box(centre, (half[0] + 4, half[1] + 4), wall * 0.6))
            put(box(centre, half, _colour(rng, 190, 235, 0.12)))
            for row in np.arange(centre[1] - half[1], centre[1] + half[1], max(height / 45, 3)):
                put(box(np.array([place, row]), (half[0], 0.8), wall * 0.8, opacity=0.6))
        else:
            put(box(centre, half, _colour(rng, 60, 140, 0.3)))
            for row in (-0.6, 0.0, 0.6):
                for column in np.arange(-0.85, 0.9, 0.17):
                    spot = centre + np.array([column * half[0], row * half[1]])
                    book = (half[0] * 0.07, half[1] * rng.uniform(0.15, 0.26))
                    put(box(spot, book, _colour(rng, 50, 190, 0.6)))
    for place in np.arange(rng.uniform(0, 0.35), 1.2, rng.uniform(0.35, 0.6)) * width:
        top = np.array([place, floor - height * rng.uniform(0.05, 0.12)])
        wood, leg = _colour(rng, 90, 180, 0.25), height * 0.15
        for side in (-0.9, 0.9):
            start = top + np.array([side * leg, 0])
            put(capsule(start, start + np.array([0, 0.2 * height]), (2.0, 2.0), wood * 0.5))
        put(box(top, (leg, height * 0.012), wood))
        screen = top - np.array([0, height * 0.075])
        put(box(screen, (height * 0.075, height * 0.05), np.full(3, 35, np.float32), corner=3))
        put(box(screen, (height * 0.068, height * 0.043), _colour(rng, 60, 210, 0.4)))
    return frame.astype(np.float32)


def _outdoor(height: int, width: int, rng: np.random.Generator) -> _Image:
    """A terrace: sky with clouds, a skyline, a railing, paving."""
    row = (np.arange(height, dtype=np.float32) / height)[:, None, None]
    clouds = np.clip(_texture(height, width, 5, rng) + 0.6 * _texture(height, width, 11, rng), 0, 2)[..., None]
    sky = _colour(rng, 130, 190, 0.1) + np.array([-25, 0, 30], np.float32)
    image = sky * (0.9 + 0.35 * row) + rng.uniform(0, 35) * clouds
    frame = np.clip(image, 0, 255).astype(np.uint8)

    def put(shape: Shape) -> None:
        paint(frame, [shape])

    horizon, paving = height * rng.uniform(0.45, 0.62), height * rng.uniform(0.78, 0.9)
    left = -0.05 * width
    while left < width:
        half, tall = height * rng.uniform(0.04, 0.12), height * rng.uniform(0.04, 0.25)
        centre = np.array([left + half, horizon - tall / 2])
        if rng.uniform() < 0.5:
            put(box(centre, (half, tall / 2 + 2), _colour(rng, 80, 170, 0.15)))
        else:
            green = _colour(rng, 60, 110, 0.15) * np.array([0.8, 1.15, 0.7], np.float32)
            put(box(centre, (half, tall / 2), green, corner=0.9 * min(half, tall / 2)))
        left += 2 * half * rng.uniform(0.7, 1.1)
    ground = _colour(rng, 90, 150, 0.15)
    put(box(np.array([width / 2, (horizon + height) / 2]), (width, (height - horizon) / 2), ground))
    tiles = _colour(rng, 100, 170, 0.12)
    put(box(np.array([width / 2, (paving + height) / 2]), (width, (height - paving) / 2), tiles))
    for step in range(1, 5):
        line = np.array([width / 2, paving + (height - paving) * (step / 4) ** 1.6])
        put(box(line, (width, 0.8), tiles * 0.75))
    steel, top = _colour(rng, 40, 200, 0.1), horizon + height * rng.uniform(-0.02, 0.08)
    spacing = height * rng.uniform(0.04, 0.08)
    for column in np.arange(rng.uniform(0, spacing), width, spacing):
        bar = np.array([column, (top + paving) / 2])
        put(box(bar, (max(height / 300, 0.8), (paving - top) / 2), steel))
    put(box(np.array([width / 2, top]), (width, height * 0.009), steel * 0.9))
    return frame.astype(np.float32)


_SCENES: dict[str, Callable[[int, int, np.random.Generator], _Image]] = {
    "anechoic": _anechoic,
    "office": _office,
    "outdoor": _outdoor,
}

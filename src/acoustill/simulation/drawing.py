"""Anti-aliased shapes, drawn in place on RGB frames by signed distance functions on small patches.

Points are (column, row) in pixels, pixel centres lie at integer + 0.5, and whatever reaches past the frame is
cut off. After Quilez, "2D distance functions" (iquilezles.org/articles/distfunctions2d).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Colour = NDArray[np.float32]
Point = NDArray[np.float64]
_Plane = NDArray[np.float32]

# Width in pixels over which an edge fades, a little more than a pixel: the lens is not perfect.
_EDGE = 1.4


def _fill(
    frame: Frame,
    low: Point,
    high: Point,
    distance: Callable[[_Plane, _Plane], _Plane],
    colour: Colour,
    opacity: float,
    roundness: float,
) -> None:
    """Blends a colour in where the distance is negative, on the patch between two corners.

    `roundness` is the depth in pixels up to which the shape darkens towards its outline, 0 for flat.
    """
    height, width = frame.shape[:2]
    left, top = (max(int(v) - 2, 0) for v in np.floor(low))
    right, bottom = min(int(np.ceil(high[0])) + 2, width), min(int(np.ceil(high[1])) + 2, height)
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5)
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5)
    inside = -distance(x, y)
    cover = np.clip(inside * np.float32(1 / _EDGE) + np.float32(0.5), 0, np.float32(1))
    if opacity < 1:
        cover *= np.float32(opacity)
    paint = np.broadcast_to(colour, (*cover.shape, 3))
    if roundness > 0:
        rim = 1 - np.clip(inside * np.float32(1 / roundness), 0, np.float32(1))
        paint = colour * (1 - np.float32(0.3) * rim * rim)[:, :, None]
    patch = frame[top:bottom, left:right]
    patch[:] = patch + (paint - patch) * cover[:, :, None] + np.float32(0.5)


def capsule(
    frame: Frame, start: Point, end: Point, radii: tuple[float, float], colour: Colour, opacity: float = 1.0
) -> None:
    """Draws a limb: a segment with a radius at each end.

    Args:
        frame: (height, width, 3), changed in place.
        start: (column, row).
        end: (column, row).
        radii: at the start and at the end, in pixels.
        colour: (3,) from 0 to 255.
        opacity: 0 to 1.
    """
    largest = max(radii)
    along = end - start
    square = max(float(along @ along), 1e-6)
    (x0, y0), (dx, dy) = start.astype(np.float32), (along / square).astype(np.float32)
    ex, ey = along.astype(np.float32)
    r0, slope = np.float32(radii[0]), np.float32(radii[1] - radii[0])

    def distance(x: _Plane, y: _Plane) -> _Plane:
        t = np.clip((x - x0) * dx + (y - y0) * dy, 0, np.float32(1))
        return np.hypot(x - x0 - ex * t, y - y0 - ey * t) - (r0 + slope * t)

    low, high = np.minimum(start, end) - largest, np.maximum(start, end) + largest
    _fill(frame, low, high, distance, colour, opacity, largest)


def box(
    frame: Frame,
    centre: Point,
    half: tuple[float, float],
    colour: Colour,
    angle: float = 0.0,
    corner: float = 0.0,
    opacity: float = 1.0,
) -> None:
    """Draws a rectangle.

    Args:
        frame: (height, width, 3), changed in place.
        centre: (column, row).
        half: half its width and half its height in pixels.
        colour: (3,) from 0 to 255.
        angle: radians, clockwise on the screen.
        corner: radius of the corners in pixels.
        opacity: 0 to 1.
    """
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    corner = min(corner, *half)
    cx, cy = centre.astype(np.float32)
    hx, hy = np.float32(half[0] - corner), np.float32(half[1] - corner)

    def distance(x: _Plane, y: _Plane) -> _Plane:
        u = np.abs((x - cx) * cos + (y - cy) * sin) - hx
        v = np.abs((y - cy) * cos - (x - cx) * sin) - hy
        outside = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
        return outside + np.minimum(np.maximum(u, v), 0) - np.float32(corner)

    reach = np.array([abs(cos) * half[0] + abs(sin) * half[1], abs(sin) * half[0] + abs(cos) * half[1]])
    _fill(frame, centre - reach, centre + reach, distance, colour, opacity, corner)


def ellipse(
    frame: Frame,
    centre: Point,
    radii: tuple[float, float],
    colour: Colour,
    angle: float = 0.0,
    opacity: float = 1.0,
) -> None:
    """Draws an ellipse, its distance to first order (exact on the outline).

    Args:
        frame: (height, width, 3), changed in place.
        centre: (column, row).
        radii: half its width and half its height in pixels.
        colour: (3,) from 0 to 255.
        angle: radians, clockwise on the screen.
        opacity: 0 to 1.
    """
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    cx, cy = centre.astype(np.float32)
    a, b = np.float32(max(radii[0], 0.3)), np.float32(max(radii[1], 0.3))

    def distance(x: _Plane, y: _Plane) -> _Plane:
        u = ((x - cx) * cos + (y - cy) * sin) / a
        v = ((y - cy) * cos - (x - cx) * sin) / b
        radius = np.hypot(u, v)
        return radius * (radius - 1) / np.maximum(np.hypot(u / a, v / b), np.float32(1e-4))

    reach = np.hypot(np.array([a * cos, a * sin]), np.array([b * sin, b * cos])).astype(np.float64)
    _fill(frame, centre - reach, centre + reach, distance, colour, opacity, float(min(a, b)))

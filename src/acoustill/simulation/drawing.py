"""Anti-aliased shapes, painted on RGB frames by signed distance functions on small patches.

Points are (column, row) in pixels, pixel centres lie at integer + 0.5, and whatever reaches past the frame is
cut off. A shape is described before it is painted, so that what moves can be told from what stands still.
After Quilez, "2D distance functions" (iquilezles.org/articles/distfunctions2d).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Colour = NDArray[np.float32]
Point = NDArray[np.float64]
Area = tuple[slice, slice]
_Plane = NDArray[np.float32]
_Numbers = tuple[float, ...]

# Width in pixels over which an edge fades, a little more than a pixel: the lens is not perfect.
_EDGE = 1.4
_NONE, _ALL = np.float32(0), np.float32(1)


class Shape(NamedTuple):
    """One shape on the screen.

    Attributes:
        distance: signed distance of (rows, 1) and (1, columns) pixel centres from the outline, negative inside.
        numbers: what `distance` needs to know, all of it in pixels.
        colour: (3,) from 0 to 255.
        low: (column, row) of the upper left corner of its bounding box.
        high: (column, row) of the lower right corner.
        opacity: 0 to 1.
        roundness: depth in pixels up to which the shape darkens towards its outline, 0 for flat.
    """

    distance: Callable[[_Numbers, _Plane, _Plane], _Plane]
    numbers: _Numbers
    colour: Colour
    low: tuple[float, float]
    high: tuple[float, float]
    opacity: float
    roundness: float


def paint(frame: Frame, shapes: Iterable[Shape]) -> None:
    """Paints shapes in their order, each over those before it.

    Args:
        frame: (height, width, 3), changed in place.
        shapes: what to paint.
    """
    for shape in shapes:
        rows, columns = bounds([shape], frame.shape[:2])
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + np.float32(0.5)
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)
        inside = -shape.distance(shape.numbers, x, y)
        cover = np.minimum(np.maximum(inside * np.float32(1 / _EDGE) + np.float32(0.5), _NONE), _ALL)
        if shape.opacity < 1:
            cover *= np.float32(shape.opacity)
        patch = frame[rows, columns]
        behind = patch.astype(np.float32)
        colour = shape.colour + np.float32(0.5)  # bytes are cut off, not rounded
        if shape.roundness > 0:
            rim = _ALL - np.minimum(np.maximum(inside * np.float32(1 / shape.roundness), _NONE), _ALL)
            mixed = (_ALL - np.float32(0.3) * rim * rim)[:, :, None] * colour
            mixed -= behind
        else:
            mixed = colour - behind
        mixed *= cover[:, :, None]
        mixed += behind
        patch[:] = mixed


def bounds(shapes: Sequence[Shape], size: tuple[int, ...]) -> Area:
    """The part of a frame of (height, width) that shapes may touch: slices of rows and columns, empty for none."""
    if not shapes:
        return slice(0, 0), slice(0, 0)
    left, top = (min(shape.low[axis] for shape in shapes) for axis in (0, 1))
    right, bottom = (max(shape.high[axis] for shape in shapes) for axis in (0, 1))
    height, width = size
    rows = slice(min(max(int(top) - 2, 0), height), max(min(int(bottom) + 3, height), 0))
    return rows, slice(min(max(int(left) - 2, 0), width), max(min(int(right) + 3, width), 0))


def capsule(start: Point, end: Point, radii: tuple[float, float], colour: Colour, opacity: float = 1.0) -> Shape:
    """A limb: a segment with a radius at each end.

    Args:
        start: (column, row).
        end: (column, row).
        radii: at the start and at the end, in pixels.
        colour: (3,) from 0 to 255.
        opacity: 0 to 1.

    Returns:
        The shape.
    """
    largest = max(radii)
    (x0, y0), (x1, y1) = start.tolist(), end.tolist()
    low = min(x0, x1) - largest, min(y0, y1) - largest
    high = max(x0, x1) + largest, max(y0, y1) + largest
    return Shape(_to_capsule, (x0, y0, x1, y1, *radii), colour, low, high, opacity, largest)


def box(
    centre: Point,
    half: tuple[float, float],
    colour: Colour,
    angle: float = 0.0,
    corner: float = 0.0,
    opacity: float = 1.0,
) -> Shape:
    """A rectangle.

    Args:
        centre: (column, row).
        half: half its width and half its height in pixels.
        colour: (3,) from 0 to 255.
        angle: radians, clockwise on the screen.
        corner: radius of the corners in pixels.
        opacity: 0 to 1.

    Returns:
        The shape.
    """
    (x, y), cos, sin = centre.tolist(), float(np.cos(angle)), float(np.sin(angle))
    wide, tall = abs(cos) * half[0] + abs(sin) * half[1], abs(sin) * half[0] + abs(cos) * half[1]
    numbers = (x, y, half[0] * cos, half[0] * sin, *half, min(corner, *half))
    return Shape(_to_box, numbers, colour, (x - wide, y - tall), (x + wide, y + tall), opacity, 0.0)


def ellipse(
    centre: Point, radii: tuple[float, float], colour: Colour, angle: float = 0.0, opacity: float = 1.0
) -> Shape:
    """An ellipse, its distance to first order (exact on the outline).

    Args:
        centre: (column, row).
        radii: half its width and half its height in pixels.
        colour: (3,) from 0 to 255.
        angle: radians, clockwise on the screen.
        opacity: 0 to 1.

    Returns:
        The shape.
    """
    (x, y), cos, sin = centre.tolist(), float(np.cos(angle)), float(np.sin(angle))
    a, b = max(radii[0], 0.3), max(radii[1], 0.3)
    wide, tall = float(np.hypot(a * cos, b * sin)), float(np.hypot(a * sin, b * cos))
    numbers = (x, y, a * cos, a * sin, a, b)
    return Shape(_to_ellipse, numbers, colour, (x - wide, y - tall), (x + wide, y + tall), opacity, min(a, b))


def polygon(corners: Point, colour: Colour, opacity: float = 1.0) -> Shape:
    """A convex polygon, its distance exact along the edges and too short off the corners.

    Args:
        corners: (corners, 2) as (column, row), in either sense of rotation.
        colour: (3,) from 0 to 255.
        opacity: 0 to 1.

    Returns:
        The shape.
    """
    low, high = corners.min(0).tolist(), corners.max(0).tolist()
    return Shape(_to_polygon, tuple(corners.ravel().tolist()), colour, tuple(low), tuple(high), opacity, 0.0)


def _to_capsule(numbers: _Numbers, x: _Plane, y: _Plane) -> _Plane:
    x0, y0, x1, y1, r0, r1 = numbers
    ex, ey = x1 - x0, y1 - y0
    square = max(ex * ex + ey * ey, 1e-6)
    u, v = x - np.float32(x0), y - np.float32(y0)
    t = np.minimum(np.maximum(u * np.float32(ex / square) + v * np.float32(ey / square), _NONE), _ALL)
    across, along = u - np.float32(ex) * t, v - np.float32(ey) * t
    result: _Plane = np.sqrt(across * across + along * along) - (np.float32(r0) + np.float32(r1 - r0) * t)
    return result


def _to_box(numbers: _Numbers, x: _Plane, y: _Plane) -> _Plane:
    cx, cy, ux, uy, hx, hy, corner = (np.float32(number) for number in numbers)
    cos, sin = ux / max(hx, np.float32(1e-6)), uy / max(hx, np.float32(1e-6))
    u = np.abs((x - cx) * cos + (y - cy) * sin) - (hx - corner)
    v = np.abs((y - cy) * cos - (x - cx) * sin) - (hy - corner)
    if corner == 0:
        return np.maximum(u, v)
    right, down = np.maximum(u, 0), np.maximum(v, 0)
    result: _Plane = np.sqrt(right * right + down * down) + np.minimum(np.maximum(u, v), 0) - corner
    return result


def _to_ellipse(numbers: _Numbers, x: _Plane, y: _Plane) -> _Plane:
    cx, cy, ux, uy, a, b = (np.float32(number) for number in numbers)
    cos, sin = ux / a, uy / a
    u = ((x - cx) * cos + (y - cy) * sin) / a
    v = ((y - cy) * cos - (x - cx) * sin) / b
    radius = np.sqrt(u * u + v * v)
    u, v = u / a, v / b
    result: _Plane = radius * (radius - 1) / np.maximum(np.sqrt(u * u + v * v), np.float32(1e-4))
    return result


def _to_polygon(numbers: _Numbers, x: _Plane, y: _Plane) -> _Plane:
    corners = np.array(numbers).reshape(-1, 2)
    edges = np.roll(corners, -1, axis=0) - corners
    outwards = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.maximum(np.hypot(*edges.T), 1e-6)[:, None]
    middle = corners.mean(0)
    outwards *= np.where(((corners - middle) * outwards).sum(1) < 0, -1.0, 1.0)[:, None]
    offsets = (corners * outwards).sum(1)
    planes = (
        x * np.float32(nx) + y * np.float32(ny) - np.float32(o) for (nx, ny), o in zip(outwards, offsets, strict=True)
    )
    farthest = next(planes)
    for plane in planes:
        farthest = np.maximum(farthest, plane)
    return farthest

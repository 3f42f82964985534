"""What a camera makes of moving shapes: motion blur, things in front of others, and sensor noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from acoustill.simulation.backdrops import HEADROOM
from acoustill.simulation.drawing import Area, Frame, Shape, bounds, paint

SHUTTER = 0.5
"""The share of a frame's time in which light falls on the sensor, around the frame's middle."""

MOMENTS = 3
"""Pictures that are averaged over that time, an odd number so that one is at the middle."""

# Shapes that stay this near to themselves, in pixels, while the shutter is open are not blurred.
_STILL = 0.6
_SPARE = 64
_LARGEST = (HEADROOM - 1) // 3  # of one bank of noise


def moments(frames: int, frame_rate: float) -> np.ndarray:
    """When the pictures of each frame are taken.

    Args:
        frames: number of frames.
        frame_rate: hertz; frame t covers [t, t + 1) / frame_rate.

    Returns:
        (frames, MOMENTS) seconds.
    """
    middles = (np.arange(frames, dtype=np.float64) + 0.5) / frame_rate
    parts = (np.arange(MOMENTS) + 0.5) / MOMENTS - 0.5
    times: np.ndarray = middles[:, None] + parts * SHUTTER / frame_rate
    return times


def expose(frame: Frame, scratch: Frame, pictures: Sequence[Sequence[Shape]]) -> Area:
    """Paints the mean over the time in which the shutter is open.

    Shapes at the back that do not move while it is open are painted once; the mean is taken where others are.

    Args:
        frame: (height, width, 3), changed in place.
        scratch: room of the same shape, overwritten.
        pictures: the shapes at each moment, from back to front.

    Returns:
        The rows and columns that may have changed.
    """
    still = _count_still(pictures)
    middle = pictures[len(pictures) // 2]
    paint(frame, middle[:still])
    moving = [shape for picture in pictures for shape in picture[still:]]
    area = bounds(moving, frame.shape[:2])
    if moving:
        total = np.full(frame[area].shape, len(pictures) // 2, np.uint16)
        for picture in pictures:
            scratch[area] = frame[area]
            paint(scratch, picture[still:])
            total += scratch[area]
        frame[area] = total // np.uint16(len(pictures))
    return bounds([*middle[:still], *moving], frame.shape[:2])


def _count_still(pictures: Sequence[Sequence[Shape]]) -> int:
    """How many shapes at the back are the same at all moments."""
    for index, same in enumerate(zip(*pictures, strict=False)):
        first = same[0]
        for other in same[1:]:
            if other.distance is not first.distance or len(other.numbers) != len(first.numbers):
                return index
            if any(abs(a - b) > _STILL for a, b in zip(first.numbers, other.numbers, strict=True)):
                return index
    return min(len(picture) for picture in pictures)


class Cutout:
    """Shapes that stand still in front, to be laid over whatever moves behind.

    Painted once on black and once on white, they tell by the difference how much shines through. Rounding must not
    make the sum brighter than the brightest colours, which leave room for sensor noise.

    Args:
        shapes: from back to front.
        height: rows of a frame.
        width: columns of a frame.
    """

    def __init__(self, shapes: Sequence[Shape], height: int, width: int) -> None:
        black, white = np.zeros((height, width, 3), np.uint8), np.full((height, width, 3), 255, np.uint8)
        paint(black, shapes)
        paint(white, shapes)
        self._front = black
        self._through = white - np.minimum(black, white)
        self._reach = bounds(shapes, (height, width))

    def over(self, behind: Frame, area: Area) -> Frame:
        """Lays the cutout over an area of a frame: (rows, columns, 3)."""
        laid = behind[area].copy()
        shared = tuple(_overlap(one, other) for one, other in zip(area, self._reach, strict=True))
        rows, columns = (
            slice(part.start - whole.start, part.stop - whole.start) for part, whole in zip(shared, area, strict=True)
        )
        mixed = behind[shared].astype(np.uint16)
        mixed *= self._through[shared]
        mixed += 127
        mixed //= 255
        mixed += self._front[shared]
        laid[rows, columns] = np.minimum(mixed, 255 - HEADROOM)
        return laid


def _overlap(one: slice, other: slice) -> slice:
    """What two slices share, empty at the start of the first if they share nothing."""
    start, stop = max(one.start, other.start), min(one.stop, other.stop)
    return slice(start, stop) if start < stop else slice(one.start, one.start)


class SensorNoise:
    """Read noise, and shot noise whose variance grows with the light.

    Each frame gets other parts of three banks of noise: one everywhere, one where bit 6 of a colour is set, one of
    twice that variance where bit 7 is set. So the variance of the shot noise follows the colour in four steps,
    without arithmetic wider than a byte. Negative numbers are kept modulo 256: added to colours that keep a distance
    of `HEADROOM` from 0 and 255, more than three banks together hold, unsigned bytes come out right.

    Args:
        height: rows of a frame.
        width: columns of a frame.
        rng: the only source of chance.
    """

    def __init__(self, height: int, width: int, rng: np.random.Generator) -> None:
        self._size = height, width
        read, shot = rng.uniform(0.8, 1.4), rng.uniform(0.5, 0.9)
        levels = np.array([read, shot, shot * np.sqrt(2)], np.float32)
        grain = rng.standard_normal((3, height + _SPARE, width + _SPARE, 3), dtype=np.float32)
        grain *= levels[:, None, None, None]
        self._banks = np.clip(np.rint(grain), -_LARGEST, _LARGEST).astype(np.int8).view(np.uint8)

    def add(self, frame: Frame, rng: np.random.Generator) -> None:
        """Adds noise to a frame, in place."""
        height, width = self._size
        read, shot, stronger = (
            bank[row : row + height, column : column + width]
            for bank, (row, column) in zip(self._banks, rng.integers(_SPARE, size=(3, 2)).tolist(), strict=True)
        )
        masks = (np.negative((frame >> bit) & np.uint8(1)) for bit in (np.uint8(6), np.uint8(7)))
        noise = read + (next(masks) & shot)
        noise += next(masks) & stronger
        frame += noise

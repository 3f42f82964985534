"""A simple video in which the action is seen at the place where it is heard.

Hands, object or mouth are centred at the acoustic centre and move in time with the events of the sound: the
hammer is down, the hands are together, when the blow is heard. Place, clothes, light and passers-by are drawn
independently of the action, so that no colour of the whole frame gives it away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from acoustill.errors import AcoustillError, bad_input
from acoustill.simulation.acts import ACTS, Motion
from acoustill.simulation.backdrops import Backdrop, draw_backdrop, paint
from acoustill.simulation.drawing import Frame, Point
from acoustill.simulation.people import Canvas, Looks, PasserBy, Person, at, draw_looks, mouth_at_centre
from acoustill.simulation.performance import Event

__all__ = ["Backdrop", "Looks", "draw_backdrop", "draw_looks", "render"]


def render(
    height: int,
    width: int,
    pixels: ArrayLike,
    scale: float,
    action: str,
    events: Sequence[Event],
    frame_rate: float,
    looks: Looks,
    backdrop: Backdrop,
    rng: np.random.Generator,
    *,
    passer_by: bool | None = None,
) -> Frame:
    """Draws the video of one take.

    Args:
        height: rows of a frame.
        width: columns of a frame.
        pixels: where the sound comes from in each frame, as (column, row), pixel centres at integer + 0.5;
            inside the frame or not.
        scale: pixels per metre at the distance of the source.
        action: one of `acoustill.simulation.sources.ACTIONS`, or `loudspeaker`.
        events: when something is heard.
        frame_rate: hertz; frame t covers [t, t + 1) / frame_rate and is drawn at its middle.
        looks: the subject.
        backdrop: the place.
        rng: what differs from take to take.
        passer_by: whether somebody walks through the background; None leaves it to chance.

    Returns:
        The frames, row 0 on top, column 0 on the left.

    Shapes:
        pixels: (frames, 2)
        returns: (frames, height, width, 3) uint8 RGB

    Raises:
        AcoustillError: the action is unknown, or a number makes no sense.
    """
    if action not in ACTS:
        raise AcoustillError(f"action {action!r} is unknown, expected one of {', '.join(ACTS)}")
    places = np.asarray(pixels, np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
        raise bad_input("video", "place of the sound", f"of shape {places.shape}", "finite (frames, 2)")
    if not (scale > 0 and frame_rate > 0 and height > 0 and width > 0):
        found = f"scale {scale}, {frame_rate} frames/s, {height} x {width}"
        raise bad_input("video", "geometry", found, "numbers above zero")
    act, frames = ACTS[action], len(places)
    middles: NDArray[np.float64] = (np.arange(frames, dtype=np.float64) + 0.5) / frame_rate
    motion = Motion(events, middles, rng)
    head = mouth_at_centre(looks) if act.head is None else at(act.head[0] * looks.side, act.head[1])
    person = Person(looks, head)
    chance, away = rng.uniform() < 0.35, PasserBy((height, width), scale, backdrop, rng)
    walks = bool(chance) if passer_by is None else passer_by

    def set_stage(frame: Frame, place: Point) -> None:
        canvas = Canvas(frame, place, scale, backdrop)
        person.draw_body(canvas)
        act.furniture(canvas, looks)

    empty = paint(backdrop, height, width)
    still = bool((places == places[:1]).all())
    staged = empty.copy()
    if still and frames:
        set_stage(staged, places[0])
        front = _Cutout(lambda frame: set_stage(frame, places[0]), height, width) if walks else None
    noise, shifts = _noise_bank(height, width, rng), rng.integers(_SPARE, size=(frames, 2))
    video = np.empty((frames, height, width, 3), np.uint8)
    for index, frame in enumerate(video):
        frame[:] = staged if still else empty
        if walks:
            if still and front is not None:
                area = away.draw(backed := empty.copy(), float(motion.times[index]))
                frame[area] = front.over(backed, area)
            else:
                away.draw(frame, float(motion.times[index]))
        if not still:
            set_stage(frame, places[index])
        act.move(Canvas(frame, places[index], scale, backdrop), person, motion, index)
        row, column = shifts[index]
        frame += noise[row : row + height, column : column + width]
    return video


_SPARE = 64


def _noise_bank(height: int, width: int, rng: np.random.Generator) -> Frame:
    """Sensor noise, somewhat larger than a frame, of which every frame gets another part.

    Negative numbers are kept modulo 256: added to colours that keep their distance from 0 and 255, unsigned
    bytes come out right without a wider type.
    """
    level = np.float32(rng.uniform(1.2, 2.2))
    grain = rng.standard_normal((height + _SPARE, width + _SPARE, 3), dtype=np.float32) * level
    return np.clip(np.rint(grain), -8, 8).astype(np.int8).view(np.uint8)


class _Cutout:
    """What stands still in front, to be laid over whatever moves behind.

    Drawn once on black and once on white, it tells by the difference how much shines through.
    """

    def __init__(self, draw: Callable[[Frame], None], height: int, width: int) -> None:
        black, white = np.zeros((height, width, 3), np.uint8), np.full((height, width, 3), 255, np.uint8)
        draw(black)
        draw(white)
        self._front = black
        self._through = white - np.minimum(black, white)

    def over(self, behind: Frame, area: tuple[slice, slice]) -> Frame:
        """Lays the cutout over an area of a frame: (rows, columns, 3)."""
        through = self._through[area].astype(np.uint16)
        mixed = self._front[area] + (behind[area] * through + 127) // 255
        return np.minimum(mixed, 247).astype(np.uint8)

"""A simple video in which the action is seen at the place where it is heard.

Hands, object or mouth are centred at the acoustic centre and move in time with the events of the sound: the
hammer is down, the hands are together, when the blow is heard. Place, clothes, light and other people are drawn
independently of the action, so that no colour of the whole frame gives it away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from acoustill.errors import AcoustillError, bad_input
from acoustill.simulation.acts import ACTS
from acoustill.simulation.backdrops import Backdrop, draw_backdrop, paint_backdrop
from acoustill.simulation.canvas import Canvas
from acoustill.simulation.drawing import Frame, Shape, paint
from acoustill.simulation.exposure import MOMENTS, Cutout, SensorNoise, expose, moments
from acoustill.simulation.motion import Motion
from acoustill.simulation.onlookers import Bystander, Standing, draw_passers_by
from acoustill.simulation.people import Looks, draw_looks
from acoustill.simulation.performance import Event

__all__ = ["Backdrop", "Bystander", "Looks", "draw_backdrop", "draw_looks", "render"]

_STEP_PAIR_M = 1.3
_STRIDE_M = 0.16


def render(
    height: int,
    width: int,
    pixels: ArrayLike,
    scale: ArrayLike,
    action: str,
    events: Sequence[Event],
    frame_rate: float,
    looks: Looks,
    backdrop: Backdrop,
    rng: np.random.Generator,
    *,
    bystanders: Sequence[Bystander] = (),
    passer_by: bool | None = None,
) -> Frame:
    """Draws the video of one take.

    Args:
        height: rows of a frame.
        width: columns of a frame.
        pixels: where the sound comes from at the middle of each frame, as (column, row), pixel centres at
            integer + 0.5; inside the frame or not. Furniture stands still at the mean.
        scale: pixels per metre at the distance of the source, one number or one for each frame.
        action: one of `acoustill.simulation.sources.ACTIONS`, or `loudspeaker`.
        events: when something is heard.
        frame_rate: hertz; frame t covers [t, t + 1) / frame_rate and is exposed for half that time, around its
            middle.
        looks: the subject.
        backdrop: the place.
        rng: what differs from take to take.
        bystanders: others who are heard.
        passer_by: whether somebody walks through the background; None leaves it to chance.

    Returns:
        The frames, row 0 on top, column 0 on the left.

    Shapes:
        pixels: (frames, 2)
        scale: () or (frames,)
        returns: (frames, height, width, 3) uint8 RGB

    Raises:
        AcoustillError: the action is unknown, or a number makes no sense.
    """
    places, scales = _check(height, width, pixels, scale, action, frame_rate)
    frames = len(places)
    video = np.empty((frames, height, width, 3), np.uint8)
    if not frames:
        return video
    size, times = (height, width), moments(frames, frame_rate)
    path = _Path(places, scales, times)
    act = ACTS[action]
    person, motion = act.cast(looks), Motion(events, times.ravel(), rng)
    from_afar = sorted(bystanders, key=lambda bystander: bystander.scale)
    standing = [Standing(bystander, times.ravel(), backdrop, rng) for bystander in from_afar]
    walking = draw_passers_by(passer_by, size, float(scales.mean()), times.ravel(), backdrop, rng)
    noise = SensorNoise(height, width, rng)

    empty = paint_backdrop(backdrop, height, width)
    for onlooker in standing[:1]:
        paint(empty, onlooker.still())  # nobody is behind the farthest

    def body(moment: int) -> list[Shape]:
        canvas = path.canvas(moment, backdrop)
        person.draw_body(canvas, path.stride(moment))
        return canvas.shapes

    def action_at(moment: int) -> list[Shape]:
        canvas = path.canvas(moment, backdrop)
        act.perform(canvas, person, motion, moment)
        return canvas.shapes

    stage = Canvas(places.mean(0), float(scales.mean()), backdrop)
    act.furniture(stage, looks)
    front = Cutout(stage.shapes if path.moves else [*body(0), *stage.shapes], height, width)
    behind = [*(onlooker.shapes for onlooker in standing[:1]), *(onlooker.whole for onlooker in standing[1:])]
    behind += [passer.shapes for passer in walking]
    if path.moves:
        behind.append(body)

    everywhere = slice(0, height), slice(0, width)
    staged = front.over(empty, everywhere)
    backed, scratch = empty.copy(), empty.copy()
    for index, frame in enumerate(video):
        now = range(index * MOMENTS, (index + 1) * MOMENTS)
        frame[:] = staged
        areas = [expose(backed, scratch, [shapes(moment) for moment in now]) for shapes in behind]
        for area in areas:
            frame[area] = front.over(backed, area)
        for area in areas:
            backed[area] = empty[area]
        expose(frame, scratch, [action_at(moment) for moment in now])
        noise.add(frame, rng)
    return video


def _check(
    height: int, width: int, pixels: ArrayLike, scale: ArrayLike, action: str, frame_rate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (frames, 2) and scales (frames,) of the source, if all makes sense."""
    if action not in ACTS:
        raise AcoustillError(f"action {action!r} is unknown, expected one of {', '.join(ACTS)}")
    places = np.asarray(pixels, np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
        raise bad_input("video", "place of the sound", f"of shape {places.shape}", "finite (frames, 2)")
    scales = np.asarray(scale, np.float64)
    if scales.shape not in ((), (len(places),)):
        raise bad_input("video", "scale", f"of shape {scales.shape}", f"one number or {len(places)} of them")
    if not (np.isfinite(scales).all() and (scales > 0).all() and frame_rate > 0 and height > 0 and width > 0):
        found = f"scale {scales.tolist()}, {frame_rate} frames/s, {height} x {width}"
        raise bad_input("video", "geometry", found, "numbers above zero")
    return places, np.broadcast_to(scales, len(places))


class _Path:
    """Where the source is at each moment, between the middles of frames on straight lines."""

    def __init__(self, places: NDArray[np.float64], scales: NDArray[np.float64], times: NDArray[np.float64]) -> None:
        middles, flat = times[:, MOMENTS // 2], times.ravel()
        self._places = np.stack([np.interp(flat, middles, column) for column in places.T], axis=1)
        self._scales = np.interp(flat, middles, scales)
        self.moves = bool((places != places[:1]).any() or (scales != scales[:1]).any())
        across = np.diff(places[:, 0], prepend=places[0, 0]) / scales
        walked = np.interp(flat, middles, np.cumsum(np.abs(across)))
        speed = np.abs(across) / max(times[-1, 0] - times[0, 0], 1e-9) * max(len(times) - 1, 1)
        pace = np.interp(flat, middles, np.clip(speed / 0.5, 0, 1))
        self._strides = _STRIDE_M * pace * np.sin(2 * np.pi * walked / _STEP_PAIR_M)

    def canvas(self, moment: int, backdrop: Backdrop) -> Canvas:
        """A sheet around the source at a moment."""
        return Canvas(self._places[moment], float(self._scales[moment]), backdrop)

    def stride(self, moment: int) -> float:
        """How far the legs are apart, in metres: 0 for who stands."""
        return float(self._strides[moment])

"""The place of the loudest sound over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from acoustill.errors import bad_input
from acoustill.imaging.grid import Grid
from acoustill.imaging.peaks import summit_shift
from acoustill.imaging.video.reference import decibels, reference_levels

SLOWEST_M_S = 1e-3
MOTION_DB = 3.0  # what a frame of motion at the usual speed costs


@dataclass(frozen=True)
class Track:
    """Where the loudest sound is in each video frame.

    Shapes:
        points_m: (frames, 3), in the rig frame.
        pixels: (frames, 2), (row, column) of the acoustic image with fractions; the centre of the first is 0.
        heard: (frames,) bool; elsewhere the place is that of the sound before.
    """

    points_m: np.ndarray
    pixels: np.ndarray
    heard: np.ndarray

    def to_json(self, frame_rate: float) -> list[dict[str, object]]:
        """One JSON object a frame: the time of its middle in seconds, the place in metres, whether it is heard."""
        return [
            {
                "time_s": round((frame + 0.5) / frame_rate, 4),
                **{f"{axis}_m": round(float(value), 4) for axis, value in zip("xyz", point, strict=True)},
                "row": round(float(pixel[0]), 2),
                "column": round(float(pixel[1]), 2),
                "heard": bool(heard),
            }
            for frame, (point, pixel, heard) in enumerate(zip(self.points_m, self.pixels, self.heard, strict=True))
        ]


def track_loudest(
    energy: np.ndarray,
    grid: Grid,
    frame_rate: float,
    *,
    speed_m_s: float = 2.0,
    range_db: float = 12.0,
    between_pixels: bool = True,
) -> Track:
    """The smooth path of the loudest sound, found for all frames at once by dynamic programming (Viterbi 1967).

    A pixel scores, in each frame, by how far its level lies above `range_db` below the frame's reference
    (`reference_levels`, following): what an overlay would show. A motion costs 3 dB (v / speed)^2 for each
    frame that it takes. Frames in which no pixel scores are silent: the place before them is held, and
    the time that they last is time to move. As the cost is a sum over rows and columns, each step is two small
    min-convolutions (Felzenszwalb and Huttenlocher 2012) and not a matrix of all pairs of pixels.

    Args:
        energy: squared pressure of each pixel and frame.
        grid: where the pixels are.
        frame_rate: in hertz.
        speed_m_s: how fast sources usually move, at most.
        range_db: how far below the reference a sound may lie to be followed.
        between_pixels: place the sound by parabolas through the levels of neighbouring pixels.

    Shapes:
        energy: (frames, H, W).

    Raises:
        AcoustillError: if the energies are not the grid's or not finite, no frame holds sound, or the frame rate,
            the speed or the range is not positive.
    """
    if energy.ndim != 3 or energy.shape[1:] != (grid.rows, grid.columns):
        raise bad_input("track", "shape of the energies", energy.shape, f"(frames, {grid.rows}, {grid.columns})")
    if not 0 < frame_rate < math.inf:
        raise bad_input("track", "frame rate", f"{frame_rate} Hz", "a positive number")
    if not speed_m_s >= SLOWEST_M_S:
        raise bad_input("track", "speed", f"{speed_m_s} m/s", f"at least {SLOWEST_M_S:g}")
    peaks = energy.max(axis=(1, 2), initial=0.0)
    if not np.isfinite(peaks).all() or not peaks.any():
        raise bad_input("track", "energy", "zero or not finite", "positive energies")
    floors = reference_levels(decibels(peaks), frame_rate, range_db) - range_db
    heard = decibels(peaks) > floors
    voiced = np.flatnonzero(heard)
    if not len(voiced):  # only where all frames are equally loud to the last bit
        heard[:] = peaks > 0
        voiced = np.flatnonzero(heard)
    steps = [_step_m(grid.points_m, axis) for axis in (0, 1)]
    path = _viterbi(energy, floors, voiced, steps, frame_rate, speed_m_s)
    places = path.astype(np.float64)
    if between_pixels:
        for i, frame in enumerate(voiced):
            places[i] += _between(energy[frame], *path[i])
    latest = np.maximum(np.searchsorted(voiced, np.arange(len(energy)), side="right") - 1, 0)
    pixels = places[latest]
    return Track(grid.between(pixels), pixels, heard)


def _viterbi(
    energy: np.ndarray, floors: np.ndarray, voiced: np.ndarray, steps_m: list[float], frame_rate: float, speed: float
) -> np.ndarray:
    """Row and column in each voiced frame, (voiced, 2) int."""
    rows, columns = energy.shape[1:]
    squares = [
        np.subtract.outer(np.arange(n), np.arange(n)) ** 2 * s**2
        for n, s in ((rows, steps_m[0]), (columns, steps_m[1]))
    ]
    came_from = np.zeros((len(voiced), 2, rows, columns), np.int16)
    total = np.zeros((rows, columns))
    previous = voiced[0]
    for i, frame in enumerate(voiced):
        if i:
            frames = frame - previous
            per_square = MOTION_DB * frame_rate**2 / (speed**2 * frames)  # over n frames at 1/n of the speed
            # First along rows, then along columns: best[r, c] = max over (r', c') of total[r', c'] - cost.
            down = total[None] - per_square * squares[0][:, :, None]  # (to, from, columns)
            from_row = down.argmax(axis=1)
            best = np.take_along_axis(down, from_row[:, None], axis=1)[:, 0]
            across = best[:, None] - per_square * squares[1][None]  # (rows, to, from)
            from_column = across.argmax(axis=2)
            total = np.take_along_axis(across, from_column[..., None], axis=2)[..., 0]
            came_from[i, 0] = np.take_along_axis(from_row, from_column, axis=1)
            came_from[i, 1] = from_column
        total = total + np.maximum(decibels(energy[frame]) - floors[frame], 0.0)
        total -= total.max()
        previous = frame
    path = np.zeros((len(voiced), 2), np.int64)
    path[-1] = np.unravel_index(total.argmax(), total.shape)
    for i in range(len(voiced) - 1, 0, -1):
        path[i - 1] = came_from[i, :, path[i, 0], path[i, 1]]
    return path


def _step_m(points_m: np.ndarray, axis: int) -> float:
    """Usual distance of neighbouring pixels along an axis."""
    if points_m.shape[axis] < 2:
        return 0.0
    return float(np.median(np.linalg.norm(np.diff(points_m, axis=axis), axis=-1)))


def _between(energy: np.ndarray, row: int, column: int) -> tuple[float, float]:
    """Offset of the top of the parabolas through a pixel's level and its neighbours', at most one pixel.

    A path saves motion by lagging a pixel behind, so that its pixel need not be a maximum.
    """
    shifts = []
    for line, i in ((energy[:, column], row), (energy[row], column)):
        shift = 0.0
        if 0 < i < len(line) - 1 and line[i - 1 : i + 2].min() > 0:
            shift = float(np.clip(summit_shift(*decibels(line[i - 1 : i + 2])), -1, 1))
        shifts.append(shift)
    return shifts[0], shifts[1]

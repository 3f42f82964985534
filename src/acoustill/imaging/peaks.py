"""The strongest sources of an energy map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from acoustill.errors import bad_input
from acoustill.imaging.grid import Grid

_Found = tuple[float, tuple[float, float]]  # level in dB, row and column
TRUSTED_DB = 10.0  # a neighbour further down than this is beside a gap of the map, not on the slope of a summit


@dataclass(frozen=True)
class Peak:
    """A local maximum of an energy map.

    Attributes:
        row: of the image, with a fraction; the centre of the top row is 0.
        column: of the image, likewise.
        point_m: the place in the rig frame.
        energy: at the maximum, in the unit of the map.
        level_db: relative to the map's strongest peak.
    """

    row: float
    column: float
    point_m: tuple[float, float, float]
    energy: float
    level_db: float

    def to_json(self) -> dict[str, float]:
        """A JSON object with places in metres."""
        x, y, z = (round(value, 4) for value in self.point_m)
        return {
            "x_m": x,
            "y_m": y,
            "z_m": z,
            "row": round(self.row, 2),
            "column": round(self.column, 2),
            "energy": self.energy,
            "level_db": round(self.level_db, 2),
        }


def find_peaks(energy: np.ndarray, grid: Grid, count: int = 5, range_db: float = 10.0) -> list[Peak]:
    """Local maxima of a map, strongest first, placed between pixels by parabolas through the levels.

    Args:
        energy: squared pressure of each pixel.
        grid: where the pixels are.
        count: how many to give at most.
        range_db: how far below the strongest one a peak may lie.

    Shapes:
        energy: (H, W).

    Raises:
        AcoustillError: if the map is not the grid's, is not finite, or is zero everywhere, or the range is not
            positive.
    """
    if energy.shape != (grid.rows, grid.columns):
        raise bad_input("map", "shape", energy.shape, f"{(grid.rows, grid.columns)}, that of the grid")
    if not np.isfinite(energy).all():
        raise bad_input("map", "energy", "not finite", "finite energies")
    if energy.max() <= 0:
        raise bad_input("map", "energy", "zero everywhere", "a source that can be told from noise")
    if not 0 < range_db < math.inf:
        raise bad_input("map", "range", f"{range_db} dB", "a positive number of decibels")
    levels = 10 * np.log10(np.maximum(energy, energy.max() * 1e-12))
    summits = np.argwhere((levels == maximum_filter(levels, size=3)) & (levels > levels.max() - range_db))
    peaks: list[_Found] = []
    for row, column in summits:
        row_shift, row_gain = _parabola(levels[:, column], row)
        column_shift, column_gain = _parabola(levels[row], column)
        place = row + row_shift, column + column_shift
        level = float(levels[row, column]) + row_gain + column_gain
        peaks.append((level, (float(place[0]), float(place[1]))))
    peaks.sort(key=lambda peak: -peak[0])
    peaks = _distinct(peaks)
    strongest = peaks[0][0]
    return [
        Peak(*place, _point(grid, *place), math.pow(10, level / 10), level - strongest)
        for level, place in peaks[:count]
    ]


def _point(grid: Grid, row: float, column: float) -> tuple[float, float, float]:
    x, y, z = grid.between(np.array([row, column])).tolist()
    return x, y, z


def _distinct(peaks: list[_Found]) -> list[_Found]:
    """Without those within a pixel of a stronger one: a summit half-way between pixels is found several times."""
    distinct: list[_Found] = []
    for peak in peaks:
        if all(max(abs(peak[1][0] - row), abs(peak[1][1] - column)) >= 1 for _, (row, column) in distinct):
            distinct.append(peak)
    return distinct


def _parabola(levels: np.ndarray, i: int) -> tuple[float, float]:
    """Offset and height above `levels[i]` of the parabola through a maximum and its two neighbours."""
    if not 0 < i < len(levels) - 1:
        return 0.0, 0.0
    middle = float(levels[i])
    left, right = (max(float(levels[k]), middle - TRUSTED_DB) for k in (i - 1, i + 1))
    shift = summit_shift(left, middle, right)
    return shift, -0.25 * (left - right) * shift


def summit_shift(left: float, middle: float, right: float) -> float:
    """How far from the middle one the summit of the parabola through three levels is; 0 if it has none."""
    curvature = left - 2 * middle + right
    return 0.5 * (left - right) / curvature if curvature < 0 else 0.0

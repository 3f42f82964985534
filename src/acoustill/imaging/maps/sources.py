"""The sources of a map that is a list of points."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import uniform_filter

from acoustill.errors import bad_input
from acoustill.imaging.grid import Grid
from acoustill.imaging.peaks import Peak


def sources_of_points(
    energy: np.ndarray, grid: Grid, beam_width_rad: float, count: int = 5, range_db: float = 10.0
) -> list[Peak]:
    """The sources of a map whose energy is on single points, as CLEAN-SC gives it; strongest first.

    A source between pixels is on several of them, and in one bin on this and in the next on that. So a source is
    all the energy on pixels beside a summit (diagonals too) and on those within half a beam's width of it, as seen
    from the origin; it lies at the mean of their rows and columns, weighted by energy. The summit is where the
    energy of three by three pixels is greatest; what belongs to a source is taken away before the next is sought.

    Args:
        energy: squared pressure of each pixel.
        grid: where the pixels are.
        beam_width_rad: between the points of half power; of all bins together, that where most of the energy is.
        count: how many to give at most.
        range_db: how far below the strongest one a source may lie.

    Shapes:
        energy: (H, W).

    Raises:
        AcoustillError: if the map is not the grid's, is not finite, or is zero everywhere, or the range is not
            positive.
    """
    if energy.shape != (grid.rows, grid.columns):
        raise bad_input("map", "shape", energy.shape, f"{(grid.rows, grid.columns)}, that of the grid")
    if not np.isfinite(energy).all() or energy.max() <= 0:
        raise bad_input("map", "energy", "zero or not finite", "positive energies")
    if not range_db > 0:
        raise bad_input("map", "range", f"{range_db} dB", "a positive number of decibels")
    directions = grid.points_m / np.linalg.norm(grid.points_m, axis=-1, keepdims=True)
    near = math.cos(min(beam_width_rad / 2, math.pi))
    rows, columns = np.indices(energy.shape)
    left = energy.astype(np.float64)
    found: list[tuple[float, float, float]] = []
    while len(found) < count and left.any():
        beside = uniform_filter(left, size=3, mode="constant") * (left > 0)
        row, column = np.unravel_index(int(beside.argmax()), left.shape)
        mine = directions @ directions[row, column] >= near
        mine |= (abs(rows - row) <= 1) & (abs(columns - column) <= 1)
        share = np.where(mine, left, 0.0)
        total = float(share.sum())
        found.append((total, float((share * rows).sum() / total), float((share * columns).sum() / total)))
        left[mine] = 0.0
    found.sort(reverse=True)
    peaks = [_peak(*one, grid, found[0][0]) for one in found]
    return [peak for peak in peaks if peak.level_db > -range_db]


def _peak(energy: float, row: float, column: float, grid: Grid, strongest: float) -> Peak:
    x, y, z = grid.between(np.array([row, column])).tolist()
    return Peak(row, column, (x, y, z), energy, 10 * math.log10(energy / strongest))

"""The points of space that the pixels of an acoustic image stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from acoustill.errors import bad_input
from acoustill.rig.camera import Camera


@dataclass(frozen=True)
class Grid:
    """One point of the rig frame for each pixel; row 0 is the top row, column 0 the left one.

    Shapes:
        points_m: (H, W, 3) float64, metres.
    """

    points_m: np.ndarray

    def __post_init__(self) -> None:
        points = np.asarray(self.points_m, dtype=np.float64)
        if points.ndim != 3 or points.shape[2] != 3 or not np.isfinite(points).all():
            raise bad_input("grid", "points_m", f"of shape {points.shape}", "finite (H, W, 3)")
        object.__setattr__(self, "points_m", points)

    @property
    def rows(self) -> int:
        """Height of the image in pixels."""
        return self.points_m.shape[0]

    @property
    def columns(self) -> int:
        """Width of the image in pixels."""
        return self.points_m.shape[1]


def camera_grid(camera: Camera, rows: int, columns: int, distance_m: float) -> Grid:
    """The points seen at the centres of `rows` x `columns` pixels, in the plane `distance_m` ahead.

    Raises:
        AcoustillError: if a size or the distance is not positive.
    """
    _check_sizes(rows, columns, distance_m)
    return Grid(camera.unproject(camera.pixels(rows, columns), distance_m))


def extent_grid(extent_m: tuple[float, float, float, float], rows: int, columns: int, distance_m: float) -> Grid:
    """A plane `distance_m` in front of the array, without a camera.

    Args:
        extent_m: (x_min, x_max, y_min, y_max); the outermost points lie on it.
        rows: points along y; row 0 is at y_min, since y points down.
        columns: points along x.
        distance_m: z of the plane.

    Raises:
        AcoustillError: if a size or the distance is not positive or the extent is empty.
    """
    _check_sizes(rows, columns, distance_m)
    x_min, x_max, y_min, y_max = extent_m
    if not (x_min < x_max and y_min < y_max):
        raise bad_input("grid", "extent", extent_m, "x_min < x_max and y_min < y_max")
    x, y = np.meshgrid(np.linspace(x_min, x_max, columns), np.linspace(y_min, y_max, rows))
    return Grid(np.stack([x, y, np.full_like(x, distance_m)], axis=-1))


def _check_sizes(rows: int, columns: int, distance_m: float) -> None:
    if rows < 1 or columns < 1:
        raise bad_input("grid", "size", f"{rows} rows, {columns} columns", "at least one of each")
    if not distance_m > 0:
        raise bad_input("grid", "distance", f"{distance_m} m", "a positive number of metres")

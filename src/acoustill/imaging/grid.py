"""The points of space that the pixels of an acoustic image stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates

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

    def between(self, places: np.ndarray) -> np.ndarray:
        """Points between those of the pixels, linearly interpolated.

        Shapes:
            places: (..., 2), (row, column) with fractions; the centre of the first pixel is (0, 0).
            Output: (..., 3), metres.
        """
        places = np.asarray(places, dtype=np.float64)
        axes, flat = np.moveaxis(self.points_m, -1, 0), places.reshape(-1, 2).T
        points = np.stack([map_coordinates(axis, flat, order=1, mode="nearest") for axis in axes], axis=-1)
        return points.reshape(*places.shape[:-1], 3)


def camera_grid(camera: Camera, rows: int, columns: int, distance_m: float | np.ndarray) -> Grid:
    """The points seen at the centres of `rows` x `columns` pixels.

    Args:
        camera: whose frame the pixels cover.
        rows: height of the image.
        columns: width of the image.
        distance_m: along the camera's axis: one number for a plane, or the depth map of a depth camera. A map
            of any resolution that covers the same frame will do: a pixel gets the median of the readings it
            covers (the lower of two, so that it never lies between near and far). Readings of 0, NaN or
            infinity are missing; a pixel that covers no others gets the distance of the nearest that does.

    Shapes:
        distance_m: a number or (h, w), row 0 at the top of the frame.

    Raises:
        AcoustillError: if a size or the distance is not positive, or a depth map has no reading.
    """
    if np.ndim(distance_m) == 0:
        _check_sizes(rows, columns, float(distance_m))
        return Grid(camera.unproject(camera.pixels(rows, columns), distance_m))
    _check_sizes(rows, columns, 1.0)
    return Grid(camera.unproject(camera.pixels(rows, columns), _sample_depth(np.asarray(distance_m), rows, columns)))


def _sample_depth(depth_m: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A depth map at another resolution, (rows, columns), without gaps."""
    if depth_m.ndim != 2 or not depth_m.size:
        raise bad_input("grid", "depth map", f"of shape {depth_m.shape}", "(rows, columns) of metres")
    depth = depth_m.astype(np.float64)
    if (depth < 0).any():
        row, column = np.argwhere(depth < 0)[0]
        expected = "positive metres, or 0 or NaN where there is no reading"
        raise bad_input("grid", f"depth map at row {row}, column {column}", depth[row, column], expected)
    read = np.isfinite(depth) & (depth > 0)
    if not read.any():
        raise bad_input("grid", "depth map", "without a reading", "positive metres")
    sampled = np.full((rows, columns), np.nan)
    # Whole numbers: the first reading that a pixel touches, and the one after the last.
    tops, lefts = (range(0, count * size, size) for count, size in zip((rows, columns), depth.shape, strict=True))
    for row, top in enumerate(tops):
        across = slice(top // rows, -(-(top + depth.shape[0]) // rows))
        for column, left in enumerate(lefts):
            along = slice(left // columns, -(-(left + depth.shape[1]) // columns))
            covered = depth[across, along][read[across, along]]
            if len(covered):
                middle = (len(covered) - 1) // 2
                sampled[row, column] = np.partition(covered, middle)[middle]
    nearest = distance_transform_edt(np.isnan(sampled), return_distances=False, return_indices=True)
    return sampled[tuple(nearest)]


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

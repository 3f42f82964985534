"""Where the pixels of an acoustic image lie."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.imaging import Grid, camera_grid, extent_grid
from acoustill.rig import Camera


def test_extents_are_reached_by_the_outermost_points() -> None:
    grid = extent_grid((-0.5, 0.3, -0.2, 0.4), 4, 5, 1.5)
    assert (grid.rows, grid.columns) == (4, 5)
    np.testing.assert_allclose(grid.points_m[0, 0], (-0.5, -0.2, 1.5))
    np.testing.assert_allclose(grid.points_m[-1, -1], (0.3, 0.4, 1.5))
    np.testing.assert_allclose(grid.points_m[0, 1] - grid.points_m[0, 0], (0.2, 0, 0))
    np.testing.assert_allclose(grid.points_m[1, 0] - grid.points_m[0, 0], (0, 0.2, 0), atol=1e-12)


def test_camera_grids_stand_at_the_centres_of_pixels() -> None:
    camera = Camera.with_field_of_view(640, 480, math.radians(90))
    grid = camera_grid(camera, 3, 4, 2.0)
    # 90 degrees at 2 m: 4 m wide, 3 m high; the centre of the outermost of 4 x 3 pixels is half of 1 m inside.
    np.testing.assert_allclose(grid.points_m[0, 0], (-1.5, -1.0, 2.0))
    np.testing.assert_allclose(grid.points_m[2, 3], (1.5, 1.0, 2.0))
    seen = camera.project(grid.points_m)
    np.testing.assert_allclose(seen, camera.pixels(3, 4))


@pytest.mark.parametrize(
    ("extent", "rows", "columns", "distance", "complaint"),
    [
        ((0, 0, -1, 1), 3, 3, 1.0, "extent"),
        ((-1, 1, 1, -1), 3, 3, 1.0, "extent"),
        ((math.nan, 1, -1, 1), 3, 3, 1.0, "extent"),
        ((-1, 1, -1, 1), 0, 3, 1.0, "size is 0 rows, 3 columns"),
        ((-1, 1, -1, 1), 3, -1, 1.0, "size"),
        ((-1, 1, -1, 1), 3, 3, 0.0, r"distance is 0.0 m"),
        ((-1, 1, -1, 1), 3, 3, math.nan, "distance"),
        ((-1, 1, -1, 1), 3, 3, math.inf, "points_m"),
    ],
)
def test_impossible_planes_are_refused(
    extent: tuple[float, float, float, float], rows: int, columns: int, distance: float, complaint: str
) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        extent_grid(extent, rows, columns, distance)


def test_points_of_another_shape_are_refused() -> None:
    with pytest.raises(AcoustillError, match=r"of shape \(5, 3\)"):
        Grid(np.zeros((5, 3)))

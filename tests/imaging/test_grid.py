"""Where the pixels of an acoustic image lie."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from acoustill.errors import AcoustillError
from acoustill.imaging import Grid, Imager, ImageSpecification, camera_grid, extent_grid
from acoustill.rig import Camera, preset
from free_field import free_field, periodic_noise


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


@pytest.fixture
def camera() -> Camera:
    plain = Camera.with_field_of_view(640, 480, math.radians(90))
    bent = dataclasses.replace(plain, distortion=(-0.05, 0.01, 0.001, -0.001))
    return bent.with_pose(np.array([0.1, -0.2, 0.05]), np.array([0.05, 0.02, -0.01]))


def depths_of(grid: Grid, camera: Camera) -> np.ndarray:
    return (grid.points_m - camera.position_m) @ np.asarray(camera.rotation)[:, 2]


def test_each_pixel_stands_at_its_own_depth(camera: Camera) -> None:
    depth = np.random.default_rng(0).uniform(1, 4, (3, 4))
    grid = camera_grid(camera, 3, 4, depth)
    np.testing.assert_allclose(camera.project(grid.points_m), camera.pixels(3, 4), atol=1e-9)
    np.testing.assert_allclose(depths_of(grid, camera), depth)
    flat = camera_grid(camera, 3, 4, np.full((7, 5), 2.0))
    np.testing.assert_allclose(flat.points_m, camera_grid(camera, 3, 4, 2.0).points_m)


def test_finer_depth_maps_give_the_median_reading_of_a_pixel(camera: Camera) -> None:
    depth = np.full((6, 8), 2.0)
    depth[0, 0] = 9.0  # one reading of four is wrong
    depth[0:2, 2:4] = [[3.0, 3.0], [5.0, 5.0]]  # an edge: one side of it, never between
    depth[2:4, 0:2] = [[0.0, np.nan], [1.5, np.inf]]  # one reading
    sampled = depths_of(camera_grid(camera, 3, 4, depth), camera)
    expected = np.full((3, 4), 2.0)
    expected[0, 1], expected[1, 0] = 3.0, 1.5
    np.testing.assert_allclose(sampled, expected)


def test_coarser_depth_maps_are_repeated(camera: Camera) -> None:
    depth = np.array([[1.0, 2.0], [3.0, 4.0]])
    sampled = depths_of(camera_grid(camera, 4, 6, depth), camera)
    np.testing.assert_allclose(sampled, np.repeat(np.repeat(depth, 2, axis=0), 3, axis=1))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_depth_maps_of_any_resolution_cover_the_frame(rows: int, columns: int, height: int, width: int) -> None:
    """Of a ramp, every pixel gets a reading that it covers."""
    camera = Camera()
    ramp = 1 + np.add.outer(np.arange(height) * 10.0, np.arange(width))
    sampled = depths_of(camera_grid(camera, rows, columns, ramp), camera) - 1
    down, across = np.divmod(np.rint(sampled), 10)
    assert (np.abs((down + 0.5) / height - (np.arange(rows)[:, None] + 0.5) / rows) < 0.5 / height + 0.5 / rows).all()
    assert (np.abs((across + 0.5) / width - (np.arange(columns) + 0.5) / columns) < 0.5 / width + 0.5 / columns).all()


def test_gaps_of_a_depth_map_are_filled_from_the_nearest_pixel(camera: Camera) -> None:
    depth = np.zeros((4, 6), np.uint16)
    depth[:, 0], depth[:, -1] = 2, 5
    sampled = depths_of(camera_grid(camera, 4, 6, depth), camera)
    np.testing.assert_allclose(sampled, np.tile([2.0, 2, 2, 5, 5, 5], (4, 1)))


@pytest.mark.parametrize(
    ("depth", "complaint"),
    [
        (np.zeros((3, 4)), "depth map is without a reading, expected positive metres"),
        (np.full((3, 4), np.nan), "depth map is without a reading"),
        (np.array([[1.0, 2.0], [-1.0, 2.0]]), "depth map at row 1, column 0 is -1.0, expected positive metres, or 0"),
        (np.ones((3, 4, 1)), r"depth map is of shape \(3, 4, 1\), expected \(rows, columns\) of metres"),
        (np.ones((0, 4)), r"depth map is of shape \(0, 4\)"),
    ],
)
def test_impossible_depth_maps_are_refused(camera: Camera, depth: np.ndarray, complaint: str) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        camera_grid(camera, 3, 4, depth)
    with pytest.raises(AcoustillError, match="size is 0 rows"):
        camera_grid(camera, 0, 4, depth)


CORNERS = [("top left", (2.5, 2.5)), ("top right", (21.5, 2.5)), ("bottom left", (2.5, 15.5)), ("right", (21.5, 15.5))]


@pytest.mark.parametrize(("name", "corner"), CORNERS)
def test_a_source_in_a_corner_is_loudest_in_that_corner(name: str, corner: tuple[float, float]) -> None:
    """With distortion, a camera that stands aside and looks away, and a depth map with a near and a far half."""
    array = preset("dualcam")
    camera = Camera(320, 240, (270.0, 270.0), (165.0, 118.0), distortion=(-0.15, 0.03, 0.002, -0.001)).with_pose(
        Rotation.from_euler("yxz", [7, -5, 3], degrees=True).as_matrix(), np.array([0.12, -0.08, 0.03])
    )
    depth = np.full((240, 320), 2.5)
    depth[:, :160] = 1.2
    depth[::3, ::2] = 0  # gaps, as depth cameras have them
    pixel = np.array(corner) * (320 / 24, 240 / 18)
    source = camera.unproject(pixel, 1.2 if pixel[0] < 160 else 2.5)
    signal = periodic_noise(array.samples_per_frame, 1, np.random.default_rng(0))
    signals = free_field(array.positions_m, tuple(source), signal, array.sample_rate)
    rig = dataclasses.replace(array, camera=camera)
    grid = camera_grid(camera, 18, 24, depth)
    energy = Imager(rig, grid, ImageSpecification(lowest_hz=500)).images(signals).energy[0]
    row, column = np.unravel_index(energy.argmax(), energy.shape)
    assert abs(column + 0.5 - corner[0]) <= 1
    assert abs(row + 0.5 - corner[1]) <= 1
    x, y = (source - camera.position_m) @ np.asarray(camera.rotation)[:, :2]
    assert (x < 0, y < 0) == ("left" in name, "top" in name)
    # The plane at a distance in between shows the source elsewhere: the depth map is heard to matter.
    plane = Imager(rig, camera_grid(camera, 18, 24, 1.8), ImageSpecification(lowest_hz=500)).images(signals).energy[0]
    assert energy.max() > plane.max()


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


def test_points_between_pixels_are_interpolated() -> None:
    grid = extent_grid((-1.0, 1.0, -0.5, 0.5), 3, 5, 2.0)
    np.testing.assert_allclose(grid.between(np.array([1.5, 0.25])), (-0.875, 0.25, 2.0))
    corners = grid.between(np.array([[[0, 0], [2, 4]]]))
    np.testing.assert_array_equal(corners, [[(-1.0, -0.5, 2.0), (1.0, 0.5, 2.0)]])

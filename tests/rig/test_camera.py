"""The pinhole camera."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from acoustill.errors import AcoustillError
from acoustill.rig import Camera


def rows(matrix: np.ndarray) -> tuple[tuple[float, float, float], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)  # type: ignore[misc]


angles = st.floats(-math.pi, math.pi)
cameras = st.builds(
    lambda focal, centre, place, turn: Camera(
        640, 480, focal, centre, place, rows(Rotation.from_euler("xyz", turn).as_matrix())
    ),
    st.tuples(st.floats(100, 2000), st.floats(100, 2000)),
    st.tuples(st.floats(0, 640), st.floats(0, 480)),
    st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2)),
    st.tuples(angles, angles, angles),
)


@given(cameras, st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(0.1, 100))
def test_projecting_undoes_unprojecting(camera: Camera, column: float, row: float, depth: float) -> None:
    point = camera.unproject(np.array([column, row]), depth)
    np.testing.assert_allclose(camera.project(point), (column, row), atol=1e-5)
    ahead = np.asarray(camera.rotation)[:, 2]
    assert (point - camera.position_m) @ ahead == pytest.approx(depth)


@given(cameras, st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.2, 9)))
def test_unprojecting_undoes_projecting(camera: Camera, in_camera: tuple[float, float, float]) -> None:
    point = np.asarray(camera.rotation) @ in_camera + camera.position_m
    pixel = camera.project(point)
    np.testing.assert_allclose(camera.unproject(pixel, in_camera[2]), point, atol=1e-6)


@given(cameras, st.floats(0.01, 50))
def test_what_is_behind_the_camera_is_not_seen(camera: Camera, depth: float) -> None:
    behind = -depth * np.asarray(camera.rotation)[:, 2] + camera.position_m
    assert np.isnan(camera.project(behind)).all()


def test_x_points_right_and_y_down() -> None:
    camera = Camera(640, 480, (500.0, 400.0), (320.0, 240.0))
    np.testing.assert_allclose(camera.project([0.2, 0.0, 1.0]), (420, 240))
    np.testing.assert_allclose(camera.project([0.0, 0.2, 1.0]), (320, 320))
    np.testing.assert_allclose(camera.project([[0.2, 0.2, 2.0], [0, 0, 5]]), [(370, 280), (320, 240)])


def test_a_camera_turned_to_the_right_sees_what_is_right_ahead() -> None:
    quarter = rows(Rotation.from_euler("y", 90, degrees=True).as_matrix())
    camera = Camera(position_m=(0.0, 0.0, 1.0), rotation=quarter)
    np.testing.assert_allclose(camera.project([3.0, 0.0, 1.0]), (320, 240), atol=1e-9)
    # What lies ahead of the array (+z) is on the turned camera's left.
    assert camera.project([3.0, 0.0, 1.5])[0] < 320
    assert camera.project([3.0, 0.5, 1.0])[1] > 240


def test_moving_the_camera_to_the_right_moves_the_picture_to_the_left() -> None:
    centred, beside = Camera(), Camera(position_m=(0.1, 0.0, 0.0))
    assert beside.project([0, 0, 2.0])[0] < centred.project([0, 0, 2.0])[0]


@given(st.floats(0.2, 2.8), st.integers(2, 2000), st.integers(2, 2000))
def test_the_field_of_view_reaches_from_edge_to_edge(angle: float, width: int, height: int) -> None:
    camera = Camera.with_field_of_view(width, height, angle)
    left, right = camera.unproject(np.array([[0, height / 2], [width, height / 2]]), 1.0)
    assert math.atan(right[0]) - math.atan(left[0]) == pytest.approx(angle)
    assert camera.focal_px[0] == camera.focal_px[1]


def test_pixels_of_a_coarser_grid_share_the_frame_evenly() -> None:
    pixels = Camera(width=640, height=480).pixels(36, 48)
    assert pixels.shape == (36, 48, 2)
    np.testing.assert_allclose(pixels[0, 0], (640 / 48 / 2, 480 / 36 / 2))
    np.testing.assert_allclose(pixels[-1, -1], (640 - 640 / 48 / 2, 480 - 480 / 36 / 2))
    np.testing.assert_allclose(Camera().pixels(480, 640)[0, 0], (0.5, 0.5))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"width": 0}, "image size is 0 x 480"),
        ({"focal_px": (500.0, 0.0)}, "focal_px"),
        ({"rotation": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 2.0))}, "rotation"),
        ({"rotation": ((1.0, 0.0), (0.0, 1.0))}, "rotation"),
        ({"rotation": ((math.nan, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))}, "rotation"),
        ({"rotation": ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))}, "rotation"),
        ({"focal_px": (math.nan, 500.0)}, "focal_px"),
        ({"position_m": (math.inf, 0.0, 0.0)}, "position_m"),
    ],
)
def test_impossible_cameras_are_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        Camera(**settings)  # type: ignore[arg-type]

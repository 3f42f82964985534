"""The pinhole camera and its distortion."""

from __future__ import annotations

import dataclasses
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


LENSES = [
    (-0.28, 0.08, 0.001, -0.0005),  # a wide webcam
    (-0.28, 0.08, 0.001, -0.0005, -0.01),
    (0.12, -0.2, 0.0, 0.0, 0.1),
    (0.0, 0.0, 0.01, -0.02, 0.0),
    (0.4, 0.3, 0.0, 0.0, 0.2),
]


@pytest.mark.parametrize("lens", LENSES)
def test_distortion_is_undone_to_a_billionth_of_a_pixel(lens: tuple[float, ...]) -> None:
    turn = Rotation.from_euler("xyz", [0.1, -0.2, 0.3]).as_matrix()
    camera = Camera(distortion=lens).with_pose(turn, np.array([0.1, -0.05, 0.02]))
    edges = np.stack(np.meshgrid(np.linspace(0, 640, 41), np.linspace(0, 480, 31)), axis=-1)
    points = camera.unproject(edges, 1.7)
    np.testing.assert_allclose(camera.project(points), edges, rtol=0, atol=1e-9)
    np.testing.assert_allclose((points - camera.position_m) @ turn[:, 2], 1.7)


def test_distortion_is_that_of_opencv() -> None:
    """The formula of `cv2.projectPoints`, written out for one point."""
    k1, k2, p1, p2, k3 = -0.2, 0.05, 0.002, -0.001, 0.01
    camera = Camera(640, 480, (500.0, 510.0), (330.0, 235.0), distortion=(k1, k2, p1, p2, k3))
    x, y = 0.3, -0.2
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    seen = (
        500 * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)) + 330,
        510 * (y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y) + 235,
    )
    np.testing.assert_allclose(camera.project([2 * x, 2 * y, 2.0]), seen, rtol=1e-14)


def test_barrel_distortion_pulls_the_corners_in() -> None:
    plain, barrel = Camera(), Camera(distortion=(-0.1, 0.0, 0.0, 0.0))
    corner = plain.unproject(np.array([20.0, 20.0]), 1.0)
    assert (barrel.project(corner) > plain.project(corner)).all()


@given(cameras, st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(0.1, 100))
def test_no_distortion_changes_nothing(camera: Camera, column: float, row: float, depth: float) -> None:
    zeros = dataclasses.replace(camera, distortion=(0.0, 0.0, 0.0, 0.0, 0.0))
    pixel = np.array([column, row])
    np.testing.assert_array_equal(zeros.unproject(pixel, depth), camera.unproject(pixel, depth))
    point = camera.unproject(pixel, depth)
    np.testing.assert_array_equal(zeros.project(point), camera.project(point))


def test_what_the_lens_would_fold_back_is_not_seen() -> None:
    camera = Camera(distortion=(-0.2, 0.0, 0.0, 0.0))
    # x (1 - 0.2 x^2) turns back at x = sqrt(1 / 0.6) = 1.29; x = 2 would be seen inside the frame, at 0.4.
    assert 0 < 2 * (1 - 0.2 * 2**2) * 554.3 + 320 < 640
    assert np.isnan(camera.project([2.0, 0.0, 1.0])).all()
    assert np.isfinite(camera.project([1.2, 0.0, 1.0])).all()
    # Nothing is seen at pixels beyond the fold, which lies outside the frame.
    assert np.isnan(camera.unproject(np.array([320 + 554.3, 240.0]), 1.0)).all()


@pytest.mark.parametrize("k3", [1e-320, 1e-200, 1e-18, -1e-18])
def test_vanishing_coefficients_are_no_distortion(k3: float) -> None:
    camera = Camera(distortion=(0.0, 0.0, 0.0, 0.0, k3))
    np.testing.assert_allclose(camera.project([0.5, 0.3, 1.0]), Camera().project([0.5, 0.3, 1.0]))


def test_opencv_arrays_are_taken() -> None:
    pasted = np.array([[-0.1, 0.01, 0.0, 0.0, 0.0]])  # as cv2.calibrateCamera returns them
    assert Camera(distortion=pasted).distortion == (-0.1, 0.01, 0.0, 0.0, 0.0)  # type: ignore[arg-type]


def test_a_depth_for_each_pixel() -> None:
    camera = Camera(distortion=LENSES[0])
    pixels, depths = camera.pixels(3, 4), np.arange(1.0, 13.0).reshape(3, 4)
    points = camera.unproject(pixels, depths)
    for row in range(3):
        for column in range(4):
            expected = camera.unproject(pixels[row, column], depths[row, column])
            np.testing.assert_allclose(points[row, column], expected, rtol=1e-12)
    with pytest.raises(AcoustillError, match=r"depth_m is of shape \(4, 3\), expected a number or \(3, 4\)"):
        camera.unproject(pixels, depths.T)


@given(st.tuples(angles, angles, angles))
def test_rotation_vectors_and_matrices_give_the_same_pose(turn: tuple[float, float, float]) -> None:
    rotation = Rotation.from_euler("xyz", turn)
    by_vector = Camera().with_pose(rotation.as_rotvec(), np.array([1.0, 2.0, 3.0]))
    by_matrix = Camera().with_pose(rotation.as_matrix(), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(by_vector.rotation, by_matrix.rotation, atol=1e-12)
    assert by_vector.position_m == (1.0, 2.0, 3.0)


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
        (
            {"distortion": (0.1, 0.2)},
            r"distortion is \(0.1, 0.2\), expected none, or 4 or 5 numbers: k1, k2, p1, p2, k3",
        ),
        ({"distortion": (0.1,) * 8}, "expected none, or 4 or 5 numbers"),
        ({"distortion": (math.nan, 0.0, 0.0, 0.0)}, "expected none, or 4 or 5 numbers"),
        ({"distortion": (1e300, 0.0, 0.0, 0.0)}, "expected none, or 4 or 5 numbers"),
        ({"distortion": (-0.5, 0.0, 0.0, 0.0)}, "coefficients that do not fold the image"),
        ({"distortion": (0.0, 0.0, 0.9, 0.0)}, "coefficients that do not fold the image"),
        ({"distortion": (-1e5, 0.0, 0.0, 0.0)}, "coefficients that do not fold the image"),
    ],
)
def test_impossible_cameras_are_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        Camera(**settings)  # type: ignore[arg-type]

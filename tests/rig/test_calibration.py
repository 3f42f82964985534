"""The camera's pose from points that were heard and seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from acoustill.errors import AcoustillError
from acoustill.rig import Camera
from acoustill.rig.calibration import calibrate_camera, residuals, settle_distances

LENS = Camera(distortion=(-0.1, 0.02, 0.001, -0.001))


def true_camera(
    turn: tuple[float, ...] = (0.03, -0.02, 0.01), place: tuple[float, ...] = (0.06, -0.04, 0.02)
) -> Camera:
    return LENS.with_pose(np.array(turn), np.array(place))


def points_of(camera: Camera, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points over the whole image, 1 to 3 m away, and the pixels that show them."""
    pixels = rng.uniform([20, 20], [620, 460], (count, 2))
    return camera.unproject(pixels, rng.uniform(1, 3, count)), pixels


def turn_between(one: Camera, other: Camera) -> np.ndarray:
    return Rotation.from_matrix(np.asarray(one.rotation).T @ np.asarray(other.rotation)).as_rotvec()


small = st.floats(-0.2, 0.2)


@given(st.tuples(small, small, small), st.tuples(small, small, small), st.integers(6, 30))
def test_perfect_points_give_the_pose_to_a_millionth(
    turn: tuple[float, ...], place: tuple[float, ...], count: int
) -> None:
    true = true_camera(turn, place)
    points, pixels = points_of(true, count, np.random.default_rng(count))
    found = calibrate_camera(LENS, points, pixels)
    assert np.abs(turn_between(true, found.camera)).max() < 1e-6
    np.testing.assert_allclose(found.camera.position_m, place, atol=1e-6)
    assert found.kept.all()
    assert found.residuals_px.max() < 1e-5
    assert found.residuals_rad.max() < 1e-8
    assert found.position_std_m.max() < 1e-6
    # Nothing but the pose is changed.
    assert (found.camera.focal_px, found.camera.distortion) == (LENS.focal_px, LENS.distortion)


@pytest.mark.parametrize("turn", [(0.0, math.pi, 0.0), (1.5, -1.0, 0.5), (0.0, 0.0, 3.0)])
def test_the_present_rotation_may_be_anything(turn: tuple[float, ...]) -> None:
    true = true_camera(turn)
    points, pixels = points_of(true, 12, np.random.default_rng(0))
    found = calibrate_camera(LENS, points, pixels)
    assert np.abs(turn_between(true, found.camera)).max() < 1e-6


@pytest.mark.parametrize("keep_position", [False, True])
def test_noisy_points_give_the_pose_within_its_stated_error(keep_position: bool) -> None:
    true = true_camera()
    start = LENS.with_pose(np.eye(3), np.array(true.position_m)) if keep_position else LENS
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(40):
        points, pixels = points_of(true, 40, rng)
        found = calibrate_camera(start, points, pixels + rng.normal(0, 2, pixels.shape), keep_position)
        shares.append(turn_between(true, found.camera) / found.rotation_std_rad)
        if keep_position:
            assert found.camera.position_m == true.position_m
            np.testing.assert_array_equal(found.position_std_m, 0)
        else:
            moved = np.subtract(found.camera.position_m, true.position_m)
            shares[-1] = np.concatenate([shares[-1], moved / found.position_std_m])
            assert np.abs(moved).max() < 0.02
        assert np.degrees(np.abs(turn_between(true, found.camera)).max()) < 0.5
        rms = np.sqrt(np.mean(found.residuals_px[found.kept] ** 2))
        assert rms == pytest.approx(2 * math.sqrt(2), rel=0.3)
    spread = np.sqrt(np.mean(np.square(shares), axis=0))
    assert ((spread > 0.7) & (spread < 1.4)).all(), spread


def test_mistakes_are_left_out() -> None:
    true = true_camera()
    rng = np.random.default_rng(1)
    points, pixels = points_of(true, 30, rng)
    seen = pixels + rng.normal(0, 0.5, pixels.shape)
    wrong = [3, 11, 17, 25, 29]
    seen[wrong] = rng.uniform([0, 0], [640, 480], (5, 2))
    found = calibrate_camera(LENS, points, seen)
    np.testing.assert_array_equal(np.flatnonzero(~found.kept), wrong)
    assert np.degrees(np.abs(turn_between(true, found.camera)).max()) < 0.1
    assert np.abs(np.subtract(found.camera.position_m, true.position_m)).max() < 0.01


def test_residuals_are_those_of_the_camera() -> None:
    camera = Camera(focal_px=(500.0, 500.0))
    points = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, -1.0]])
    missed, angles = residuals(camera, points, np.array([[325.0, 240.0], [320.0, 240.0]]))
    assert missed[0] == pytest.approx(5.0)
    assert angles[0] == pytest.approx(math.atan(5 / 500))
    assert np.isnan(missed[1])
    assert angles[1] == pytest.approx(math.pi)


@pytest.mark.parametrize(
    ("change", "keep_position", "complaint"),
    [
        (lambda x, u: (x[:5], u[:5]), False, "number of points is 5, expected at least 6"),
        (lambda x, u: (x[:2], u[:2]), True, "number of points is 2, expected at least 3"),
        (lambda x, u: (x, u[:3]), False, r"of shapes \(12, 3\) and \(3, 2\), expected \(N, 3\) and \(N, 2\)"),
        (lambda x, u: (x * np.nan, u), False, "points and pixels is not finite"),
        (lambda x, u: (x, 320 + (u - 320) / 100), False, "every point is in one spot of the image"),
        (lambda x, u: (x, 320 + (u - 320) / 100), True, "every point is in one spot of the image"),
        (lambda x, u: (x, u * (1, 0) + (0, 240)), False, "every point is in one line of the image"),
        # Two halves of which each says that the other is behind the camera.
        (
            lambda x, u: (x[:8] * np.where(np.arange(8) % 2, 1, -1)[:, None], u[:8]),
            False,
            "points is 4 of 8 in front of the camera, expected at least 6 that agree",
        ),
    ],
)
def test_points_that_do_not_tell_the_pose_are_refused(change, keep_position: bool, complaint: str) -> None:
    points, pixels = change(*points_of(true_camera(), 12, np.random.default_rng(0)))
    with pytest.raises(AcoustillError, match=complaint):
        calibrate_camera(LENS, points, pixels, keep_position)


def test_a_line_tells_the_rotation() -> None:
    true = true_camera()
    pixels = np.column_stack([np.linspace(50, 600, 8), np.full(8, 100.0)])
    start = LENS.with_pose(np.eye(3), np.array(true.position_m))
    found = calibrate_camera(start, true.unproject(pixels, 2.0), pixels, keep_position=True)
    assert np.abs(turn_between(true, found.camera)).max() < 1e-6


# distances ------------------------------------------------------------------------------------------------


def heard(
    depths_m: np.ndarray, std: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Directions, inverse distances with errors, their standard errors, and the true points."""
    points = Camera().unproject(rng.uniform([0, 0], [640, 480], (len(depths_m), 2)), depths_m)
    distances = np.linalg.norm(points, axis=1)
    inverse = 1 / distances + std * rng.standard_normal(len(points))
    return points / distances[:, None], inverse, np.full(len(points), std), points


def test_distances_that_the_array_tells_are_kept() -> None:
    rng = np.random.default_rng(0)
    directions, inverse, stds, points = heard(rng.uniform(1, 3, 20), 1e-4, rng)
    found = settle_distances(Camera(), np.zeros(3), directions, inverse, stds)
    np.testing.assert_allclose(found.points_m, points, atol=0.01)
    assert 0.3 < found.spread_m < 1.0


def test_distances_that_the_array_does_not_tell_are_those_of_a_plane() -> None:
    rng = np.random.default_rng(0)
    directions, inverse, stds, points = heard(np.full(40, 2.0), 0.2, rng)
    found = settle_distances(Camera(), np.zeros(3), directions, inverse, stds)
    alone = directions / inverse[:, None]
    assert np.abs(found.points_m - points).max() < np.median(np.linalg.norm(alone - points, axis=1))
    low, high = found.interval_m
    assert low < 2.0 < high
    assert found.depth_m == pytest.approx(2.0, rel=0.2)


def test_a_plane_is_within_its_interval_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(200):
        directions, inverse, stds, _ = heard(np.full(10, 1.5), 0.1, rng)
        low, high = settle_distances(Camera(), np.zeros(3), directions, inverse, stds).interval_m
        inside += low < 1.5 < high
    assert inside > 180


def test_points_without_a_distance_take_the_plane() -> None:
    rng = np.random.default_rng(0)
    directions, inverse, stds, points = heard(np.full(8, 2.0), 1e-3, rng)
    inverse[3], stds[3] = math.nan, math.inf
    found = settle_distances(Camera(), np.zeros(3), directions, inverse, stds)
    np.testing.assert_allclose(found.points_m[3], points[3], atol=0.01)


def test_far_sources_have_an_open_interval() -> None:
    directions = np.array([[0.0, 0.0, 1.0]] * 4)
    found = settle_distances(Camera(), np.zeros(3), directions, np.array([-0.1, 0.1, 0.0, 0.0]), np.full(4, 0.1))
    assert found.depth_m == pytest.approx(30.0)
    assert found.interval_m[1] == math.inf
    assert np.isfinite(found.points_m).all()


def test_depths_are_those_of_the_camera_not_of_the_array() -> None:
    camera = Camera(position_m=(0.0, 0.0, -0.3))
    found = settle_distances(camera, np.zeros(3), np.array([[0.0, 0.0, 1.0]] * 3), np.full(3, 0.5), np.full(3, 0.01))
    assert found.depth_m == pytest.approx(2.3)


def test_distances_that_cannot_be_settled_are_refused() -> None:
    ahead = np.array([[0.0, 0.0, 1.0]] * 3)
    with pytest.raises(AcoustillError, match="distances is unknown for every point"):
        settle_distances(Camera(), np.zeros(3), ahead, np.full(3, 0.5), np.full(3, math.inf))
    with pytest.raises(AcoustillError, match="points behind the camera is 3, expected directions in front"):
        settle_distances(Camera(), np.zeros(3), -ahead, np.full(3, 0.5), np.full(3, 0.1))

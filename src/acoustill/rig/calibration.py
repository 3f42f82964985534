"""How the camera stands to the array, from places where a source was both heard and seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from acoustill.errors import bad_input
from acoustill.rig.camera import Camera

NEEDED = {True: 3, False: 6}  # points for the rotation alone, and for the position too
LEAST_SPREAD = 0.05  # of the frame's width, root mean square: less is a spot, or a line
OUTLYING = 4.0  # robust deviations from which a point is a mistake: a reflection, a wrong click
FINEST_PX = 0.1  # deviation below which a point is never taken for one
REWEIGHTED = 10


@dataclass(frozen=True)
class Calibration:
    """A camera's pose, estimated.

    Attributes:
        camera: with the new pose.
        kept: which points were used; the others are mistakes.
        residuals_px: from where each point was seen to where the camera projects it.
        residuals_rad: the same as an angle at the camera.
        position_std_m: standard errors of the position; zeros if it was kept.
        rotation_std_rad: standard errors of turns about the camera's own axes x, y, z.

    Shapes:
        kept: (N,) bool.
        residuals_px: (N,), NaN for points that the camera does not see.
        residuals_rad: (N,).
    """

    camera: Camera
    kept: np.ndarray
    residuals_px: np.ndarray
    residuals_rad: np.ndarray
    position_std_m: np.ndarray
    rotation_std_rad: np.ndarray


def calibrate_camera(
    camera: Camera, points_m: np.ndarray, pixels: np.ndarray, keep_position: bool = False
) -> Calibration:
    """Estimates the pose of a camera whose intrinsics are known.

    The rotation is found in closed form from directions (Wahba 1965; Kabsch 1976), reweighted so that a
    few mistakes do not spoil it. From there rotation and position are refined by least squares of the
    pixels with the loss soft-L1 (Triggs et al. 2000, "Bundle adjustment: a modern synthesis"). Points further
    than OUTLYING robust deviations from where they were seen are then left out, and the rest is fitted again.
    Standard errors are Huber's (1967), the points taken as independent.

    Args:
        camera: with its present pose; of it only the position is used, to begin with.
        points_m: the source in the rig frame, as the array heard it.
        pixels: where it was seen.
        keep_position: estimate the rotation only.

    Shapes:
        points_m: (N, 3).
        pixels: (N, 2), (column, row).

    Raises:
        AcoustillError: if there are too few points, they were seen in one spot, or (unless the position is
            kept) in one line, or a value is not finite.
    """
    points, seen = np.asarray(points_m, dtype=np.float64), np.asarray(pixels, dtype=np.float64)
    _check(camera, points, seen, keep_position)
    rotation = _turn_between(camera.unproject(seen, 1.0) - camera.position_m, points - camera.position_m)
    guess = camera.with_pose(rotation @ np.asarray(camera.rotation), np.asarray(camera.position_m))
    kept = np.isfinite(guess.project(points)).all(axis=1)
    if kept.sum() < NEEDED[keep_position]:
        expected = f"at least {NEEDED[keep_position]} that agree on where the camera looks"
        raise bad_input("calibration", "points", f"{kept.sum()} of {len(points)} in front of the camera", expected)
    fitted, _ = _refine(guess, points[kept], seen[kept], keep_position)
    fitted, _ = _refine(fitted, points[kept], seen[kept], keep_position)  # with the scale of the first's residuals
    distances = np.linalg.norm(fitted.project(points) - seen, axis=1)
    scale = max(_deviation(distances[kept]), FINEST_PX)
    kept = distances < OUTLYING * scale
    _check(camera, points[kept], seen[kept], keep_position)
    fitted, scale = _refine(fitted, points[kept], seen[kept], keep_position)
    deviations = _standard_errors(fitted, points[kept], seen[kept], keep_position, scale)
    return Calibration(
        fitted, kept, *residuals(fitted, points, seen), position_std_m=deviations[3:], rotation_std_rad=deviations[:3]
    )


def residuals(camera: Camera, points_m: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far points are seen from where a camera projects them: in pixels, and as an angle at the camera.

    Shapes:
        points_m: (N, 3).
        pixels: (N, 2).
        Output: (N,) pixels, NaN where the camera does not see the point, and (N,) radians.
    """
    missed = np.linalg.norm(camera.project(points_m) - pixels, axis=1)
    rays = _units(camera.unproject(pixels, 1.0) - camera.position_m)
    sights = _units(np.asarray(points_m) - camera.position_m)
    # Exact for small angles too, where the arc cosine is not.
    angles = 2 * np.arctan2(np.linalg.norm(rays - sights, axis=1), np.linalg.norm(rays + sights, axis=1))
    return missed, angles


@dataclass(frozen=True)
class Distances:
    """Distances of a source, settled between what the array tells of each point and of all together.

    Attributes:
        points_m: the points at these distances, in the rig frame.
        depth_m: of the common plane, along the camera's axis from the camera.
        interval_m: 95 % interval of the depth; its end is infinite where the array cannot tell.
        spread_m: standard deviation of the points' depths about the plane, beyond the array's error.

    Shapes:
        points_m: (N, 3).
    """

    points_m: np.ndarray
    depth_m: float
    interval_m: tuple[float, float]
    spread_m: float


def settle_distances(
    camera: Camera,
    centre_m: np.ndarray,
    directions: np.ndarray,
    inverse_distances_per_m: np.ndarray,
    stds_per_m: np.ndarray,
    farthest_m: float = 30.0,
) -> Distances:
    """Distances of points whose directions an array knows well and whose distances it knows poorly.

    A random-effects model (DerSimonian and Laird 1986) of the inverse depths: true ones lie about a common
    plane across the camera's axis, with a variance that is what the observed scatter has beyond the array's own
    errors. Each point is the precision-weighted mean of its own estimate and the plane: its own where the
    array can tell, the plane where it cannot.

    Args:
        camera: with about the right pose.
        centre_m: the array's centre, where directions start.
        directions: of the points.
        inverse_distances_per_m: estimates of 1 / distance from the centre; may be negative for far points.
        stds_per_m: their standard errors.
        farthest_m: depth of a plane that the array finds at infinity.

    Shapes:
        centre_m: (3,).
        directions: (N, 3), unit vectors.
        inverse_distances_per_m, stds_per_m: (N,).

    Raises:
        AcoustillError: if no point has a finite standard error, or a direction points away from what the
            camera sees.
    """
    axis = np.asarray(camera.rotation)[:, 2]
    slants = directions @ axis
    if not (slants > 0).all():
        expected = "directions in front of the camera; check the rotation of the rig file"
        raise bad_input("calibration", "points behind the camera", int((slants <= 0).sum()), expected)
    usable = np.isfinite(stds_per_m)
    if not usable.any():
        raise bad_input("calibration", "distances", "unknown for every point", "a source that the array can place")
    inverse = np.where(usable, inverse_distances_per_m, 0.0) / slants
    # A floor keeps one point without noise from outweighing all others.
    stds = np.maximum(np.where(usable, stds_per_m, np.inf) / slants, 1e-4)
    weights = stds**-2.0
    total = weights.sum()
    mean = (weights * inverse).sum() / total
    excess = (weights * np.square(inverse - mean)).sum() - (usable.sum() - 1)
    room = total - np.square(weights).sum() / total
    variance = max(0.0, excess / room) if room > 0 else 0.0
    weights = 1 / (np.square(stds) + variance)
    mean = (weights * inverse).sum() / weights.sum()
    std = weights.sum() ** -0.5
    plane = max(mean, 1 / farthest_m)
    own = variance / (np.square(stds) + variance)  # 0 without spread, near 1 where the array can tell
    settled = np.maximum(own * inverse + (1 - own) * plane, 1 / farthest_m)
    offset = float((centre_m - np.asarray(camera.position_m)) @ axis)
    ends = [1 / value + offset if value > 0 else math.inf for value in (mean + 1.96 * std, mean - 1.96 * std)]
    points = centre_m + directions / (settled * slants)[:, None]
    spread = math.sqrt(variance) / plane**2
    return Distances(points, 1 / plane + offset, (ends[0], ends[1]), spread)


def _check(camera: Camera, points: np.ndarray, seen: np.ndarray, keep_position: bool) -> None:
    needed = NEEDED[keep_position]
    if points.ndim != 2 or points.shape[1:] != (3,) or seen.shape != (len(points), 2):
        found = f"of shapes {points.shape} and {seen.shape}"
        raise bad_input("calibration", "points and pixels", found, "(N, 3) and (N, 2)")
    if not (np.isfinite(points).all() and np.isfinite(seen).all()):
        raise bad_input("calibration", "points and pixels", "not finite", "finite metres and pixels")
    if len(points) < needed:
        raise bad_input("calibration", "number of points", len(points), f"at least {needed} that agree")
    wide, narrow = np.linalg.svd(seen - seen.mean(axis=0), compute_uv=False) / math.sqrt(len(seen)) / camera.width
    if (wide if keep_position else narrow) < LEAST_SPREAD:
        shape = "spot" if wide < LEAST_SPREAD else "line"
        found = f"in one {shape} of the image"
        raise bad_input("calibration", "every point", found, "points spread over the whole image, up to its corners")


def _turn_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) that best turns some directions (N, 3) into others, reweighted against outliers."""
    first, second = _units(first), _units(second)
    weights = np.ones(len(first))
    for _ in range(REWEIGHTED):
        left, _, right = np.linalg.svd((weights[:, None] * second).T @ first)
        proper = np.diag([1.0, 1.0, np.linalg.det(left) * np.linalg.det(right)])
        rotation = left @ proper @ right
        missed = np.linalg.norm(first @ rotation.T - second, axis=1)
        weights = 1 / np.sqrt(1 + np.square(missed / max(float(np.median(missed)), 1e-9)))
    return rotation


def _refine(guess: Camera, points: np.ndarray, seen: np.ndarray, keep_position: bool) -> tuple[Camera, float]:
    """The pose of least soft-L1 loss near a guess, and the scale of the loss: the guess's own deviation."""
    from scipy.optimize import least_squares  # takes a while to load, and every command loads this room

    scale = max(_deviation(np.linalg.norm(guess.project(points) - seen, axis=1)), FINEST_PX)
    fit = least_squares(
        lambda move: (_seen_after(guess, move, points) - seen).ravel(),
        np.zeros(3 if keep_position else 6),
        jac="3-point",
        loss="soft_l1",
        f_scale=scale,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-12,
    )
    return _moved(guess, fit.x), scale


def _moved(camera: Camera, move: np.ndarray) -> Camera:
    """A camera turned about its own axes by a rotation vector, and moved by metres if the vector goes on."""
    turn = np.asarray(camera.rotation) @ Rotation.from_rotvec(move[:3]).as_matrix()
    return camera.with_pose(turn, np.asarray(camera.position_m) + _shift(move))


def _seen_after(camera: Camera, move: np.ndarray, points: np.ndarray) -> np.ndarray:
    """What `_moved(camera, move).project(points)` is, by moving the points: a camera is checked when made."""
    axes = np.asarray(camera.rotation)
    in_camera = (points - camera.position_m - _shift(move)) @ axes @ Rotation.from_rotvec(move[:3]).as_matrix()
    return camera.project(in_camera @ axes.T + camera.position_m)


def _shift(move: np.ndarray) -> np.ndarray:
    return move[3:] if len(move) > 3 else np.zeros(3)


def _standard_errors(
    camera: Camera, points: np.ndarray, seen: np.ndarray, keep_position: bool, scale: float
) -> np.ndarray:
    """Of the rotation about the camera's axes and of the position, (6,), for the loss soft-L1."""
    count = 3 if keep_position else 6
    step = 1e-6
    slopes = [
        (_seen_after(camera, step * unit, points) - _seen_after(camera, -step * unit, points)) / (2 * step)
        for unit in np.eye(count)
    ]
    jacobian = np.stack(slopes, axis=-1)  # (N, 2, count)
    missed = camera.project(points) - seen
    stretch = 1 + np.square(missed / scale)
    inverse = np.linalg.pinv(np.einsum("nij,ni,nik->jk", jacobian, stretch**-1.5, jacobian))
    scores = np.einsum("nij,ni->nj", jacobian, missed / np.sqrt(stretch))
    freedom = max(1.0, len(points) - count / 2)
    covariance = inverse @ (scores.T @ scores) @ inverse * len(points) / freedom
    return np.concatenate([np.sqrt(np.diag(covariance)), np.zeros(6 - count)])


def _deviation(distances: np.ndarray) -> float:
    """Robust standard deviation along one axis of two-dimensional errors of these lengths."""
    return float(np.median(distances)) / math.sqrt(2 * math.log(2))


def _units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

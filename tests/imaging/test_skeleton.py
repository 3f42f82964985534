"""Skeletons against beams in every pixel, for weights and pixels of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.imaging import DelayAndSum, FilterAndSum, Superdirective, camera_grid, extent_grid
from acoustill.imaging.skeleton import GROUP_BINS, SkeletonGroup, plan_skeleton
from acoustill.rig import Camera

HEIGHT, WIDTH = 30, 40
FREQUENCIES = np.arange(1, 81) * 60.0  # two groups and a half
CAMERA = Camera.with_field_of_view(640, 480, 1.0)
rng_of_geometry = np.random.default_rng(8)
PLANE = np.column_stack([rng_of_geometry.uniform(-0.2, 0.2, (40, 2)), np.zeros(40)])
VOLUME = rng_of_geometry.uniform(-0.15, 0.15, (24, 3))
DEPTHS = 1.5 + 0.5 * np.linspace(0, 1, HEIGHT)[:, None] ** 2 + 0.3 * np.linspace(-1, 1, WIDTH)


def beamformers() -> dict[str, FilterAndSum]:
    far = camera_grid(CAMERA, HEIGHT, WIDTH, 50.0).points_m.reshape(-1, 3)
    near = extent_grid((-0.4, 0.4, -0.3, 0.3), HEIGHT, WIDTH, 0.3).points_m.reshape(-1, 3)
    room = CAMERA.unproject(CAMERA.pixels(HEIGHT, WIDTH), 1.0) * DEPTHS[..., None]
    return {
        "plane, far": DelayAndSum(PLANE, far),
        "plane, near": DelayAndSum(PLANE, near, "true level"),
        "volume, far": DelayAndSum(VOLUME, far, "inverse"),
        "volume, depth map": DelayAndSum(VOLUME, room.reshape(-1, 3), "true location"),
        "superdirective, far": Superdirective(PLANE, far, white_noise_gain_db=0.0),
        "superdirective, near": Superdirective(PLANE, near, white_noise_gain_db=6.0),
    }


def interpolated(group: SkeletonGroup, i: int, spectra: np.ndarray) -> np.ndarray:
    """Energies (H, W, n) of the group's i-th bin, in float64."""
    assert group.weights.shape[1] == group.points
    energies = np.abs(group.weights[i].astype(complex) @ spectra) ** 2
    energies = energies.reshape(len(group.rows), len(group.columns), -1)
    return np.einsum("hr,rcn,wc->hwn", group.from_rows, energies, group.from_columns)


def sounds(beamformer: FilterAndSum, rng: np.random.Generator) -> np.ndarray:
    """Spectra (M, 8): noise, and two sources of chance levels in pixels of chance."""
    microphones = len(beamformer.positions_m)
    noise = rng.standard_normal((2, microphones, 8))
    weights = beamformer.at(1500.0)[rng.integers(HEIGHT * WIDTH, size=4)].conj().T
    pairs = weights / np.abs(weights).max(axis=0) * 3
    return noise[0] + 1j * noise[1] + np.concatenate([pairs[:, :2], pairs[:, 2:], 0 * pairs], axis=1)


@pytest.mark.parametrize("name", beamformers())
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
def test_interpolated_energies_keep_the_tolerance(name: str, tolerance: float, rng: np.random.Generator) -> None:
    beamformer = beamformers()[name]
    groups = plan_skeleton(beamformer, HEIGHT, WIDTH, FREQUENCIES, tolerance)
    assert [(group.start, group.stop) for group in groups] == [(0, 32), (32, 64), (64, 80)]
    errors = []
    for group in groups:
        if not group.weights.size:
            assert tolerance < 1e-4 or "near" in name  # most pixels of so small an image are needed
            continue
        for i in range(0, group.stop - group.start, 5):
            spectra = sounds(beamformer, rng)
            every = np.abs(beamformer.at(FREQUENCIES[group.start + i]) @ spectra).reshape(HEIGHT, WIDTH, -1) ** 2
            differences = interpolated(group, i, spectra) - every
            errors.extend(np.linalg.norm(differences, axis=(0, 1)) / np.linalg.norm(every, axis=(0, 1)))
    assert len(errors) >= 24
    assert np.sqrt(np.mean(np.square(errors))) < 3 * tolerance  # of noisier sounds than it was planned for
    assert max(errors) < 12 * tolerance
    if tolerance == 1e-3 and "delay-and-sum" in str(beamformer.identity()["beamformer"]):
        assert groups[0].points < 0.4 * HEIGHT * WIDTH


def test_a_tighter_tolerance_takes_more_points() -> None:
    beamformer = beamformers()["plane, far"]
    points = [plan_skeleton(beamformer, HEIGHT, WIDTH, FREQUENCIES, tolerance)[1].points for tolerance in (1e-2, 1e-4)]
    assert points[0] < points[1] < HEIGHT * WIDTH


def test_pixels_in_no_order_are_left_to_the_direct_sum(rng: np.random.Generator) -> None:
    """Points of chance leave nothing to interpolate; all their weights would fill the memory."""
    points = rng.uniform(-2, 2, (HEIGHT * WIDTH, 3)) * (1, 1, 0) + (0, 0, 1.0)
    group = plan_skeleton(DelayAndSum(PLANE, points), HEIGHT, WIDTH, np.array([4000.0]), 1e-4)[0]
    assert group.points == HEIGHT * WIDTH
    assert group.weights.shape == (1, 0, 40)


def test_the_same_plan_every_time() -> None:
    one, other = (plan_skeleton(beamformers()["plane, far"], HEIGHT, WIDTH, FREQUENCIES, 1e-4) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        for name in ("rows", "columns", "from_rows", "from_columns", "weights"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_groups_are_as_long_as_they_say() -> None:
    groups = plan_skeleton(beamformers()["plane, far"], HEIGHT, WIDTH, FREQUENCIES, 1e-3)
    assert max(group.stop - group.start for group in groups) == GROUP_BINS
    assert all(len(group.weights) == group.stop - group.start for group in groups)


@pytest.mark.parametrize("tolerance", [0.0, 1e-8, 1.0, -1.0, float("nan")])
def test_tolerances_that_cannot_be_kept_are_refused(tolerance: float) -> None:
    with pytest.raises(AcoustillError, match="tolerance"):
        plan_skeleton(beamformers()["plane, far"], HEIGHT, WIDTH, FREQUENCIES, tolerance)


def test_pixels_must_be_those_of_the_beamformer() -> None:
    with pytest.raises(AcoustillError, match="pixels is 1200, expected 30 x 41"):
        plan_skeleton(beamformers()["plane, far"], HEIGHT, WIDTH + 1, FREQUENCIES, 1e-3)

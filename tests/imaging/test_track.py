"""The path of the loudest sound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.imaging import Grid, extent_grid
from acoustill.imaging.track import MOTION_DB, track_loudest
from acoustill.imaging.video.reference import decibels, reference_levels

RATE = 12.0


@pytest.fixture(scope="module")
def grid() -> Grid:
    return extent_grid((-1.15, 1.15, -0.85, 0.85), 36, 48, 2.0)


def blob(grid: Grid, place: tuple[float, float], width_m: float = 0.15) -> np.ndarray:
    """The main lobe of a sound at x, y."""
    distance = np.linalg.norm(grid.points_m[..., :2] - place, axis=-1)
    return np.exp(-0.5 * (distance / width_m) ** 2)


def noise(grid: Grid, frames: int, level: float = 1e-3) -> np.ndarray:
    return level * np.random.default_rng(0).uniform(0.5, 1.5, (frames, grid.rows, grid.columns))


def test_a_walker_is_followed_between_the_pixels(grid: Grid) -> None:
    x = np.linspace(-0.8, 0.8, 36)  # 0.55 m/s; a pixel is 0.049 m
    energy = noise(grid, 36, 1e-4) + [blob(grid, (place, 0.1 * place)) for place in x]
    track = track_loudest(energy, grid, RATE)
    assert track.heard.all()
    np.testing.assert_allclose(track.points_m, np.stack([x, 0.1 * x, np.full(36, 2.0)], -1), atol=0.005)
    coarse = track_loudest(energy, grid, RATE, between_pixels=False)
    np.testing.assert_array_equal(coarse.pixels, coarse.pixels.round())
    assert np.abs(coarse.points_m[:, 0] - x).max() < 0.05


def test_the_place_is_held_through_silence(grid: Grid) -> None:
    energy = noise(grid, 40)
    energy[5:15] += blob(grid, (-0.5, 0.2))
    energy[25:35] += blob(grid, (0.5, -0.2))
    track = track_loudest(energy, grid, RATE)
    assert np.flatnonzero(track.heard).tolist() == [*range(5, 15), *range(25, 35)]
    np.testing.assert_allclose(track.points_m[:25, :2] - (-0.5, 0.2), 0, atol=0.03)
    np.testing.assert_allclose(track.points_m[25:, :2] - (0.5, -0.2), 0, atol=0.03)


def test_a_flash_elsewhere_does_not_draw_it_away_but_a_second_speaker_does(grid: Grid) -> None:
    energy = noise(grid, 60)
    energy[:30] += blob(grid, (-0.5, 0.0))
    energy[30:] += blob(grid, (0.5, 0.0))
    energy[10] += 2 * blob(grid, (0.8, 0.5))
    track = track_loudest(energy, grid, RATE)
    np.testing.assert_allclose(track.points_m[:27, 0], -0.5, atol=0.05)
    np.testing.assert_allclose(track.points_m[33:, 0], 0.5, atol=0.05)


def test_levels_and_frame_rates_do_not_matter(grid: Grid) -> None:
    x = np.repeat(np.linspace(-0.4, 0.4, 12), 2)
    energy = noise(grid, 24) + [blob(grid, (place, 0.0)) for place in x]
    track = track_loudest(energy, grid, RATE)
    np.testing.assert_allclose(track_loudest(energy * 1e-9, grid, RATE).pixels, track.pixels, atol=1e-9)
    half = track_loudest(energy[::2], grid, RATE / 2)
    np.testing.assert_allclose(half.points_m, track.points_m[::2], atol=0.02)


def test_it_is_the_best_of_all_paths() -> None:
    """Of 6^6 paths over a small grid, by going through them all."""
    grid = extent_grid((0.0, 0.4, 0.0, 0.2), 2, 3, 1.0)
    energy = np.random.default_rng(3).uniform(0.05, 1.0, (6, 2, 3)) ** 2
    energy[3] = 1e-9  # silent: its neighbours are two frames apart
    floors = reference_levels(decibels(energy.max(axis=(1, 2))), RATE) - 12
    gain = np.maximum(decibels(energy) - floors[:, None, None], 0).reshape(6, -1)
    voiced, points = [0, 1, 2, 4, 5], grid.points_m.reshape(-1, 3)

    def score(path: tuple[int, ...]) -> float:
        total = sum(gain[frame, pixel] for frame, pixel in zip(voiced, path, strict=True))
        for (first, a), (second, b) in itertools.pairwise(zip(voiced, path, strict=True)):
            frames = second - first
            speed = np.linalg.norm(points[a] - points[b]) * RATE / frames
            total -= frames * MOTION_DB * (speed / 2.0) ** 2
        return total

    best = max(itertools.product(range(6), repeat=5), key=score)
    track = track_loudest(energy, grid, RATE, between_pixels=False)
    assert track.heard.tolist() == [True, True, True, False, True, True]
    found = (track.pixels @ [3, 1]).astype(int)[voiced]
    assert score(tuple(found)) == pytest.approx(score(best))


def test_what_is_told_of_it(grid: Grid) -> None:
    first, *_ = track_loudest(np.stack([blob(grid, (0.1, 0.2))] * 3), grid, RATE).to_json(RATE)
    assert first["time_s"] == 0.0417
    assert first["heard"] is True
    assert (first["x_m"], first["y_m"], first["z_m"]) == pytest.approx((0.1, 0.2, 2.0), abs=0.005)


def test_what_cannot_be_is_refused(grid: Grid) -> None:
    with pytest.raises(AcoustillError, match=r"shape of the energies is \(2, 3, 4\), expected \(frames, 36, 48\)"):
        track_loudest(np.ones((2, 3, 4)), grid, RATE)
    with pytest.raises(AcoustillError, match="energy is zero or not finite"):
        track_loudest(np.zeros((2, 36, 48)), grid, RATE)
    with pytest.raises(AcoustillError, match="speed is 0 m/s"):
        track_loudest(np.ones((2, 36, 48)), grid, RATE, speed_m_s=0)
    with pytest.raises(AcoustillError, match=r"speed is 1e-300 m/s, expected at least 0.001"):
        track_loudest(np.ones((2, 36, 48)), grid, RATE, speed_m_s=1e-300)
    for rate in (0.0, np.nan, np.inf):
        with pytest.raises(AcoustillError, match=f"frame rate is {rate} Hz, expected a positive number"):
            track_loudest(np.ones((2, 36, 48)), grid, rate)

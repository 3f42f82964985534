"""Sources of maps that are lists of points."""

from __future__ import annotations

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.imaging import Grid, cross_spectra, extent_grid, find_peaks, map_method
from acoustill.imaging.bands import beam_width_rad
from acoustill.imaging.maps import sources_of_points
from acoustill.rig import Rig
from free_field import free_field

GRID = extent_grid((-0.6, 0.6, -0.4, 0.4), rows=17, columns=25, distance_m=1.5)
SPACING_M = 0.05


def points(**energies: float) -> np.ndarray:
    """A map with energies at row and column, as in `r3c4=1.0`."""
    image = np.zeros((GRID.rows, GRID.columns))
    for name, energy in energies.items():
        row, column = name[1:].split("c")
        image[int(row), int(column)] = energy
    return image


def test_neighbours_are_one_source_at_their_centre_of_energy() -> None:
    image = points(r8c5=1.0, r8c6=3.0, r9c7=0.5, r3c20=2.0)
    first, second = sources_of_points(image, GRID, 0.01)
    assert (first.row, first.column) == pytest.approx((8 + 0.5 / 4.5, (5 + 18 + 3.5) / 4.5))
    assert (first.energy, first.level_db) == (4.5, 0.0)
    np.testing.assert_allclose(first.point_m, (-0.6 + 0.05 * first.column, -0.4 + 0.05 * first.row, 1.5), atol=1e-9)
    assert (second.row, second.column, second.energy) == (3.0, 20.0, 2.0)
    assert second.level_db == pytest.approx(10 * np.log10(2 / 4.5))


def test_what_is_within_half_a_beam_is_one_source() -> None:
    image = points(r8c5=1.0, r8c7=1.0)  # 0.1 m apart at 1.5 m and more
    assert len(sources_of_points(image, GRID, 0.08)) == 2
    (one,) = sources_of_points(image, GRID, 0.16)
    assert (one.column, one.energy) == (6.0, 2.0)


def test_so_many_and_so_far_below_the_strongest() -> None:
    image = points(r2c2=1.0, r8c8=0.5, r14c14=0.05, r2c20=0.2)
    assert [peak.energy for peak in sources_of_points(image, GRID, 0.01)] == [1.0, 0.5, 0.2]
    assert [peak.energy for peak in sources_of_points(image, GRID, 0.01, count=2)] == [1.0, 0.5]
    assert len(sources_of_points(image, GRID, 0.01, range_db=20)) == 4


def test_one_pixel_and_one_direction_are_enough() -> None:
    (only,) = sources_of_points(np.array([[2.0]]), Grid(np.array([[[0.0, 0.0, 1.0]]])), 6.0)
    assert (only.row, only.column, only.energy, only.point_m) == (0.0, 0.0, 2.0, (0.0, 0.0, 1.0))


@pytest.mark.parametrize(
    ("image", "range_db", "says"),
    [
        (np.ones((3, 4)), 10.0, r"shape is \(3, 4\), expected \(17, 25\)"),
        (np.zeros((17, 25)), 10.0, "energy is zero or not finite"),
        (np.full((17, 25), np.nan), 10.0, "energy is zero or not finite"),
        (np.ones((17, 25)), 0.0, "range is 0.0 dB"),
    ],
)
def test_what_is_no_map_is_refused(image: np.ndarray, range_db: float, says: str) -> None:
    with pytest.raises(AcoustillError, match=says):
        sources_of_points(image, GRID, 0.1, range_db=range_db)


def test_sources_on_and_between_pixels_are_equally_loud() -> None:
    """Read pixel by pixel, the one between four pixels is too low and told several times."""
    rng = np.random.default_rng(5)
    positions = rng.uniform(-0.25, 0.25, (48, 3)) * (1, 1, 0)
    rate, on, between = 16000, GRID.points_m[5, 6], (GRID.points_m[11, 18] + GRID.points_m[12, 19]) / 2
    signals = 0.02 * rng.standard_normal((48, 32000))
    for place in (on, between):
        signals += free_field(positions, tuple(place), rng.standard_normal(32000), rate)
    spectra = cross_spectra(signals, rate, 256, lowest_hz=1500, highest_hz=5000)
    energies = map_method("clean-sc", positions, GRID.points_m.reshape(-1, 3))(spectra)
    image = energies.sum(axis=0).reshape(GRID.rows, GRID.columns)
    mean_hz = float(energies.sum(axis=1) @ spectra.frequencies_hz / energies.sum())
    width = beam_width_rad(Rig("some", positions, rate, 20.0), mean_hz)
    found = sources_of_points(image, GRID, width)
    assert len(found) == 2
    assert found[1].level_db > -0.5
    for place in (on, between):
        assert min(np.linalg.norm(place - peak.point_m) for peak in found) < SPACING_M / 3
    power = np.square(signals).mean() * len(spectra.frequencies_hz) / 128
    assert abs(10 * np.log10(sum(peak.energy for peak in found) / power)) < 0.5
    by_pixel = find_peaks(image, GRID)
    assert len(by_pixel) > 2 or by_pixel[1].level_db < -1

"""The strongest sources of a map."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.imaging import extent_grid, find_peaks

GRID = extent_grid((-1.0, 1.0, -0.5, 0.5), 21, 41, 2.0)  # 5 cm apart


def bump(x: float, y: float, level: float = 1.0, width: float = 0.15) -> np.ndarray:
    distance = (GRID.points_m[..., 0] - x) ** 2 + (GRID.points_m[..., 1] - y) ** 2
    return level * np.exp(-distance / width**2)


@given(x=st.floats(-0.8, 0.8), y=st.floats(-0.35, 0.35), level=st.floats(1e-12, 1e6))
def test_a_bump_is_found_between_the_pixels(x: float, y: float, level: float) -> None:
    """Levels of a Gaussian are a parabola, so that its place comes out exactly."""
    (peak,) = find_peaks(bump(x, y, level), GRID, range_db=3.0)
    assert math.dist(peak.point_m, (x, y, 2.0)) < 1e-6
    assert peak.energy == pytest.approx(level, rel=1e-6)
    assert peak.level_db == 0
    assert peak.column == pytest.approx((x + 1) / 0.05, abs=1e-5)
    assert peak.row == pytest.approx((y + 0.5) / 0.05, abs=1e-5)


def test_peaks_come_strongest_first_within_the_range() -> None:
    energy = bump(0.5, 0.1, 0.5) + bump(-0.5, -0.2, 1.0) + bump(0.0, 0.3, 0.01)
    peaks = find_peaks(energy, GRID, range_db=10.0)
    assert [round(peak.point_m[0], 1) for peak in peaks] == [-0.5, 0.5]
    assert peaks[1].level_db == pytest.approx(-3.01, abs=0.05)
    assert len(find_peaks(energy, GRID, range_db=30.0)) == 3
    assert len(find_peaks(energy, GRID, count=1)) == 1


def test_a_peak_on_the_border_stays_there() -> None:
    (peak,) = find_peaks(bump(-1.0, -0.5), GRID, range_db=1.0)
    assert (peak.row, peak.column) == (0, 0)


@pytest.mark.parametrize(
    ("energy", "complaint"),
    [
        (np.ones((3, 3)), r"shape is \(3, 3\), expected \(21, 41\)"),
        (np.zeros((21, 41)), "zero everywhere"),
        (np.full((21, 41), np.nan), "not finite"),
    ],
)
def test_maps_without_sources_are_refused(energy: np.ndarray, complaint: str) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        find_peaks(energy, GRID)


@pytest.mark.parametrize("range_db", [0.0, -5.0, math.nan])
def test_ranges_that_hold_no_peak_are_refused(range_db: float) -> None:
    with pytest.raises(AcoustillError, match=r"range is .* dB, expected a positive number"):
        find_peaks(bump(0, 0), GRID, range_db=range_db)


def test_a_summit_half_way_between_pixels_is_one_source() -> None:
    grid = extent_grid((-1, 1, -1, 1), 6, 8, 1.0)
    rows, columns = np.mgrid[0:6, 0:8]
    energy = np.exp(-((rows - 2.5) ** 2 + (columns - 3.5) ** 2) / 4)
    (peak,) = find_peaks(energy, grid)
    assert (peak.row, peak.column) == pytest.approx((2.5, 3.5), abs=1e-6)


def test_a_gap_beside_a_summit_does_not_raise_it() -> None:
    """Maps of point sources hold zeros, through which no parabola may be laid."""
    energy = np.full((5, 7), 0.0)
    energy[2, 2], energy[2, 3], energy[2, 5] = 1.0, 0.8, 0.95
    found = find_peaks(energy, extent_grid((-1, 1, -1, 1), 5, 7, 1.0))
    assert [round(peak.row) for peak in found] == [2, 2]
    assert abs(found[0].level_db - found[1].level_db) < 2

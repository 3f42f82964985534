"""Energy skeletons: the few rows and columns of an image from which all its energies follow.

The map of energies that a finite aperture can make is band-limited in space, so its values on some rows and
columns fix the others: E = R E_s C^T, with E_s the energies where the chosen rows and columns cross, and R, C
matrices that depend on the weights alone. Rows and columns are those that pivoted QR picks from the principal
components of the maps (interpolative decomposition, Cheng, Gimbutas, Martinsson, Rokhlin 2005, "On the
compression of low rank matrices"), here the components of the maps' second moments under white noise, which
are known in closed form.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from acoustill.errors import bad_input
from acoustill.imaging.steering import FilterAndSum

GROUP_BINS = 32  # bins that share rows and columns: larger groups need more points, smaller ones more calls
SAMPLED_BINS = 8  # how far apart bins are looked at
KIND = 8  # examples of each kind of sound: sources in the image, waves from anywhere, noise of the microphones
ALLOWED = (1.0, 10.0, 1.5)  # error of each kind, in tolerances: what is hard and has nothing to show may have more
TIGHTEST_TOLERANCE = 1e-6  # what single precision can hold
LARGEST_SHARE, MOST_POINTS = 0.5, 1500  # of pixels: beyond, the direct sum is as fast, or the weights fill the memory
SPEED_OF_SOUND = 343.0  # of the examples only


@dataclass(frozen=True)
class SkeletonGroup:
    """Bins that share rows and columns.

    Attributes:
        start: the first bin, counted from 0.
        stop: the bin after the last.
        rows: indices of the chosen rows.
        columns: indices of the chosen columns.
        from_rows: (H, chosen rows) float32; values at all rows from those at the chosen ones.
        from_columns: (W, chosen columns) float32.
        weights: (bins, chosen rows x chosen columns, M) complex64; none if all pixels are chosen: the direct sum
            does it then.
    """

    start: int
    stop: int
    rows: np.ndarray
    columns: np.ndarray
    from_rows: np.ndarray
    from_columns: np.ndarray
    weights: np.ndarray

    @property
    def points(self) -> int:
        """How many pixels are beamformed."""
        return len(self.rows) * len(self.columns)


def plan_skeleton(
    beamformer: FilterAndSum, height: int, width: int, frequencies_hz: np.ndarray, tolerance: float
) -> list[SkeletonGroup]:
    """Chooses rows and columns for every group of bins, and checks them.

    Args:
        beamformer: weights of every pixel, row by row.
        height: rows of the image.
        width: columns of the image.
        frequencies_hz: of the bins, ascending.
        tolerance: relative error of energies (Frobenius norm over pixels), root mean square over examples at
            every SAMPLED_BINS-th bin, of sources in the image. Of noise of the microphones one and a half times
            as much, and of images that show nothing but the faint side lobes of sounds outside ten times. A
            group in which it cannot be met by far fewer pixels takes them all.

    Shapes:
        frequencies_hz: (F,).

    Raises:
        AcoustillError: if the tolerance is not between TIGHTEST_TOLERANCE and 1, or the pixels are not the
            beamformer's.
    """
    if not TIGHTEST_TOLERANCE <= tolerance < 1:
        raise bad_input("skeleton", "tolerance", tolerance, f"{TIGHTEST_TOLERANCE:g} to 1")
    if len(beamformer.points_m) != height * width:
        raise bad_input("skeleton", "pixels", len(beamformer.points_m), f"{height} x {width}")
    edges = [*range(0, len(frequencies_hz), GROUP_BINS), len(frequencies_hz)]
    probes = _Probes.draw(height * width, beamformer.positions_m)

    def sample(i: int) -> _Sample:
        frequency = float(frequencies_hz[i])
        return _sample(beamformer.at(frequency).reshape(height, width, -1), frequency, probes)

    groups = []
    for start, stop in itertools.pairwise(edges):
        bins = sorted({*range(start, stop, SAMPLED_BINS), stop - 1})
        rows, columns, from_rows, from_columns = _choose([sample(i) for i in bins], tolerance)
        points = (rows[:, None] * width + columns).ravel()
        if len(points) == height * width:
            weights = np.zeros((stop - start, 0, len(beamformer.positions_m)), np.complex64)
        else:
            weights = beamformer.many(frequencies_hz[start:stop], points)
        groups.append(SkeletonGroup(start, stop, rows, columns, from_rows, from_columns, weights))
    return groups


@dataclass(frozen=True)
class _Probes:
    """Examples of sound, a third of each kind: sources in pixels, waves from anywhere, noise of the microphones.

    Shapes:
        pixels: (KIND,) indices.
        positions_m: (M, 3).
        directions: (KIND, 3), unit vectors.
        noise: (M, KIND) complex128.
    """

    pixels: np.ndarray
    positions_m: np.ndarray
    directions: np.ndarray
    noise: np.ndarray

    @classmethod
    def draw(cls, pixels: int, positions_m: np.ndarray) -> _Probes:
        """The same examples in every run."""
        rng = np.random.default_rng(0)
        directions = rng.standard_normal((KIND, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        noise = rng.standard_normal((2, len(positions_m), KIND))
        return cls(rng.integers(pixels, size=KIND), positions_m, directions, (noise[0] + 1j * noise[1]) / np.sqrt(2))

    def spectra(self, weights: np.ndarray, frequency_hz: float) -> np.ndarray:
        """Spectra (M, 3 KIND) at a frequency, with the weights (H, W, M) there."""
        sources = weights.reshape(-1, weights.shape[-1])[self.pixels].conj().T  # what these weights match
        sources /= np.abs(sources).max(axis=0)
        sources[:, KIND // 2 :] += sources[:, : KIND - KIND // 2]  # pairs of them
        wave_numbers = 2 * np.pi * frequency_hz / SPEED_OF_SOUND * self.directions
        waves = np.exp(1j * self.positions_m @ wave_numbers.T)
        return np.concatenate([sources, waves, self.noise], axis=1)


@dataclass(frozen=True)
class _Sample:
    """What one frequency tells of its maps: second moments between rows, between columns, and examples.

    Shapes:
        between_rows: (H, H), of trace 1.
        between_columns: (W, W), of trace 1.
        maps: (H, W, 3 KIND).
    """

    between_rows: np.ndarray
    between_columns: np.ndarray
    maps: np.ndarray


def _sample(weights: np.ndarray, frequency_hz: float, probes: _Probes) -> _Sample:
    """The second moments of energies |w x|^2 under white noise x: |w w'^H|^2 + |w|^2 |w'|^2 (Isserlis)."""
    power = (np.abs(weights) ** 2).sum(axis=-1)
    by_column = weights.transpose(1, 0, 2)
    between_rows = _squares(by_column @ by_column.conj().transpose(0, 2, 1)) + power @ power.T
    between_columns = _squares(weights @ weights.conj().transpose(0, 2, 1)) + power.T @ power
    maps = np.abs(weights @ probes.spectra(weights, frequency_hz)) ** 2
    return _Sample(between_rows / np.trace(between_rows), between_columns / np.trace(between_columns), maps)


def _squares(products: np.ndarray) -> np.ndarray:
    return (products.real**2 + products.imag**2).sum(axis=0)


def _choose(samples: list[_Sample], tolerance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and their interpolation matrices that meet the tolerance on the examples."""
    row_moments = np.sum([sample.between_rows for sample in samples], axis=0)
    column_moments = np.sum([sample.between_columns for sample in samples], axis=0)
    height, width = len(row_moments), len(column_moments)
    tail = 4 * tolerance
    while True:
        rows, from_rows = _interpolation(row_moments, tail)
        columns, from_columns = _interpolation(column_moments, tail)
        if len(rows) * len(columns) > min(LARGEST_SHARE * height * width, MOST_POINTS):
            every_row, every_column = np.arange(height), np.arange(width)
            return every_row, every_column, np.eye(height, dtype=np.float32), np.eye(width, dtype=np.float32)
        errors = np.square([_errors(sample.maps, rows, columns, from_rows, from_columns) for sample in samples])
        of_kinds = np.sqrt(errors.reshape(len(samples), len(ALLOWED), KIND).mean(axis=(0, 2)))
        if (of_kinds <= np.multiply(ALLOWED, tolerance)).all():
            return rows, columns, from_rows.astype(np.float32), from_columns.astype(np.float32)
        tail /= 1.2


def _interpolation(moments: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices, and the matrix that gives all values from those, leaving out components below `tail`."""
    values, vectors = np.linalg.eigh(moments)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    left_out = np.sqrt(np.cumsum(values[::-1])[::-1] / values.sum())
    basis = vectors[:, : max(1, int((left_out > tail).sum()))]
    indices = np.sort(scipy.linalg.qr(basis.T, mode="r", pivoting=True)[1][: basis.shape[1]])
    return indices, np.linalg.solve(basis[indices].T, basis.T).T


def _errors(
    maps: np.ndarray, rows: np.ndarray, columns: np.ndarray, from_rows: np.ndarray, from_columns: np.ndarray
) -> np.ndarray:
    """The relative error of each example."""
    at_rows = np.einsum("hr,rcn->hcn", from_rows, maps[np.ix_(rows, columns)], optimize=True)
    differences = np.einsum("hcn,wc->hwn", at_rows, from_columns, optimize=True) - maps
    return np.linalg.norm(differences, axis=(0, 1)) / np.linalg.norm(maps, axis=(0, 1))

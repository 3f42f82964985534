"""Maps that adapt to the sound through the eigenvalues of its cross spectra."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import solve_triangular

from acoustill.errors import bad_input
from acoustill.imaging.maps.method import MapMethod
from acoustill.imaging.steering import DelayAndSum


class MvdrMap(MapMethod):
    """Minimum variance: at each point the weights that hear least of everything else (Capon 1969).

    1 / (a^H (C + mu I)^-1 a), with the steering vector a = w^H / |w|^2 to which the delay-and-sum weights w are
    matched, and a loading mu relative to the mean of the diagonal of C (Cox, Zeskind and Owen 1987). Loading makes
    the matrix of a short recording invertible.

    It says where sources are, not how loud: a single source whose true steering vector differs from a by the
    relative power e comes out too low by the factor 1 + M e / mu, in shares of the diagonal, and sources that are
    copies of each other, such as a sound and its echo, cancel. More loading loses less, and separates less.

    Args:
        beamformer: delay-and-sum weights; only with "true level" are levels exact near the array.
        loading: mu as a share of the mean squared pressure of a microphone.

    Shapes:
        Output: (F, P) float64, Pa^2.

    Raises:
        AcoustillError: if the loading is not positive or the weights are not delay-and-sum.
    """

    def __init__(self, beamformer: DelayAndSum, loading: float = 0.1) -> None:
        _check_matched(beamformer, "MVDR")
        if not 0 < loading < math.inf:
            raise bad_input("MVDR", "loading", loading, "a positive number")
        super().__init__(beamformer)
        self._loading = loading

    def _energies(self, weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        mean = float(np.trace(matrix).real) / len(matrix)
        loaded = matrix / mean + self._loading * np.eye(len(matrix))
        whitened = solve_triangular(np.linalg.cholesky(loaded), weights.conj().T, lower=True, check_finite=False)
        return mean * np.square(_squares(weights, axis=1)) / _squares(whitened, axis=0)


class FunctionalMap(MapMethod):
    """Functional beamforming: side lobes and main lobe lowered by a power (Dougherty 2014).

    (u^H C^(1 / nu) u)^nu |w|^2 with u = w^H / |w|. At a source's point the exponents cancel; elsewhere the level
    below it, in decibels, grows with nu. So does the error at the source itself if it lies between the points or
    the array is not calibrated: take points that are close, and a moderate nu. With nu = 1 it is delay-and-sum.

    Args:
        beamformer: delay-and-sum weights; only with "true level" are levels exact near the array.
        exponent: nu.

    Shapes:
        Output: (F, P) float64, Pa^2.

    Raises:
        AcoustillError: if the exponent is below 1 or the weights are not delay-and-sum.
    """

    def __init__(self, beamformer: DelayAndSum, exponent: float = 8.0) -> None:
        _check_matched(beamformer, "functional beamforming")
        if not 1 <= exponent < math.inf:
            raise bad_input("functional beamforming", "exponent", exponent, "at least 1")
        super().__init__(beamformer)
        self._exponent = exponent

    def _energies(self, weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        mean = float(np.trace(matrix).real) / len(matrix)
        eigenvalues, vectors = np.linalg.eigh(matrix / mean)
        # What rounding leaves of an eigenvalue of zero would be raised to a visible floor by the root.
        real = eigenvalues > len(matrix) * np.finfo(float).eps * eigenvalues[-1]
        parts = weights @ vectors[:, real]
        powers = np.square(parts.real) + np.square(parts.imag)
        least = _squares(weights, axis=1)
        roots = powers @ eigenvalues[real] ** (1 / self._exponent) / least
        return mean * roots**self._exponent * least


def _check_matched(beamformer: DelayAndSum, where: str) -> None:
    """Refuses weights that are not matched to their steering vectors."""
    if not isinstance(beamformer, DelayAndSum):
        raise bad_input(where, "beamformer", type(beamformer).__name__, "DelayAndSum")


def _squares(values: np.ndarray, axis: int) -> np.ndarray:
    return (np.square(values.real) + np.square(values.imag)).sum(axis=axis)

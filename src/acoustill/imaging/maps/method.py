"""What all ways from cross spectra to a map have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from acoustill.errors import bad_input
from acoustill.imaging.cross_spectral_matrix import CrossSpectra
from acoustill.imaging.steering import DelayAndSum, FilterAndSum


class MapMethod(ABC):
    """A way from cross spectra to a map of squared pressure.

    Calling it gives, for every bin and point, how loud a source there is: the mean squared pressure that it
    causes at the reference of the beamformer's formulation.

    Args:
        beamformer: weights of the same microphones, in the same order, as the cross spectra.
    """

    def __init__(self, beamformer: FilterAndSum) -> None:
        self.beamformer = beamformer

    def __call__(self, cross_spectra: CrossSpectra) -> np.ndarray:
        """The map of every bin; bins without any sound are 0.

        Shapes:
            Output: (F, P) float64, Pa^2, not negative.

        Raises:
            AcoustillError: if the cross spectra are of another number of microphones.
        """
        microphones = len(self.beamformer.positions_m)
        if cross_spectra.microphones != microphones:
            found = cross_spectra.microphones
            raise bad_input("map", "number of microphones", found, f"{microphones}, those of the beamformer")
        energies = np.zeros((len(cross_spectra.frequencies_hz), len(self.beamformer.points_m)))
        for i, (frequency, matrix) in enumerate(zip(cross_spectra.frequencies_hz, cross_spectra.matrices, strict=True)):
            if matrix.any():
                energies[i] = self._energies(self.beamformer.at(float(frequency)), matrix)
        return energies

    @abstractmethod
    def _energies(self, weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """One bin: weights (P, M) and a matrix (M, M) that is not zero; energies (P,)."""


def heard_energies(weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The energy w C w^H of every point; negative where the matrix is not positive semidefinite.

    Shapes:
        weights: (P, M).
        matrix: (M, M), Hermitian.
        Output: (P,) float64.
    """
    heard = weights @ matrix
    return np.einsum("pm,pm->p", heard.real, weights.real) + np.einsum("pm,pm->p", heard.imag, weights.imag)


def diagonal_gain(beamformer: FilterAndSum) -> float:
    """By how much energies are to be raised where the diagonal of the cross spectra was removed: M / (M - 1).

    Of a source's energy at its own point, delay-and-sum takes the share 1 / M from the diagonal. Superdirective
    weights take an unknown share, up to all of it.

    Raises:
        AcoustillError: if the weights are not delay-and-sum, or there is one microphone only.
    """
    microphones = len(beamformer.positions_m)
    if not isinstance(beamformer, DelayAndSum) or microphones < 2:
        found = f"{type(beamformer).__name__} of {microphones} microphones"
        raise bad_input("map", "beamformer", found, "DelayAndSum of two or more where the diagonal is removed")
    return microphones / (microphones - 1)

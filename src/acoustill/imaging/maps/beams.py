"""Maps by beams whose weights do not depend on the sound."""

from __future__ import annotations

import numpy as np

from acoustill.imaging.maps.method import MapMethod, diagonal_gain, heard_energies
from acoustill.imaging.steering import FilterAndSum


class BeamMap(MapMethod):
    """Conventional beamforming, w C w^H, with the weights of any filter-and-sum beamformer.

    With delay-and-sum weights this is the classic map of an acoustic camera (Johnson and Dudgeon 1993, chapter 4;
    Sarradj 2012 for the formulations). Noise that microphones do not share, such as wind at each of them, is on
    the diagonal of C only. Without the diagonal the map is (C' being C without it)

        w C' w^H M / (M - 1), and 0 where that is negative

    (Mueller 2002, "Aeroacoustic measurements", chapter 2).

    Args:
        beamformer: the weights.
        remove_diagonal: leave out what each microphone has in common only with itself; for delay-and-sum.

    Shapes:
        Output: (F, P) float64, Pa^2.

    Raises:
        AcoustillError: if the diagonal is to be removed and the weights are not delay-and-sum.
    """

    def __init__(self, beamformer: FilterAndSum, remove_diagonal: bool = False) -> None:
        super().__init__(beamformer)
        self._gain = diagonal_gain(beamformer) if remove_diagonal else 1.0
        self._remove_diagonal = remove_diagonal

    def _energies(self, weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        if self._remove_diagonal:
            matrix = matrix - np.diag(np.diag(matrix))
        return np.maximum(heard_energies(weights, matrix), 0) * self._gain

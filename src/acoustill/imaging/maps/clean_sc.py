"""CLEAN-SC: sources peeled off one after the other."""

from __future__ import annotations

import math

import numpy as np

from acoustill.errors import bad_input
from acoustill.imaging.maps.method import MapMethod, diagonal_gain, heard_energies
from acoustill.imaging.steering import FilterAndSum

COMPONENT_ITERATIONS = 20


class CleanScMap(MapMethod):
    """CLEAN based on the coherence of sources (Sijtsma 2007, "CLEAN based on spatial source coherence").

    The loudest point j of the map w C w^H = e, with its energy e_j, is taken for a source. All that is coherent
    with it, wherever it appears, is the component e_j h h^H with h = C w_j^H / e_j; `gain` times it is taken from
    C and from the map, `gain` e_j goes to point j of the result, and the next loudest point follows. This ends

    - after `iterations`,
    - when what is left in C grows instead of shrinking (Sijtsma's criterion), or
    - when the loudest point left is `range_db` below the first.

    Without the diagonal of C, C' and h h^H without its diagonal H stand in their places, so that h follows from
    itself: h = (C' w_j^H / e_j + H w_j^H) / sqrt(1 + w_j H w_j^H), found by iteration.

    Args:
        beamformer: the weights.
        gain: of the loop, above 0 and up to 1.
        iterations: at most so many; None is four for each microphone.
        range_db: see above.
        beam_width_m: each component is spread over a Gaussian beam whose level is 3 dB lower at half this distance
            from its point; None leaves it on its point.
        remainder: add what is left of the map, so that diffuse sound is not lost.
        remove_diagonal: see `BeamMap`.

    Shapes:
        Output: (F, P) float64, Pa^2.

    Raises:
        AcoustillError: if a parameter is out of range, or the diagonal is to be removed and the weights are not
            delay-and-sum.
    """

    def __init__(
        self,
        beamformer: FilterAndSum,
        gain: float = 0.6,
        iterations: int | None = None,
        range_db: float = 40.0,
        beam_width_m: float | None = None,
        remainder: bool = False,
        remove_diagonal: bool = False,
    ) -> None:
        super().__init__(beamformer)
        if not 0 < gain <= 1:
            raise bad_input("CLEAN-SC", "gain", gain, "above 0 and at most 1")
        if iterations is not None and iterations < 1:
            raise bad_input("CLEAN-SC", "iterations", iterations, "at least 1")
        if not 0 < range_db < math.inf:
            raise bad_input("CLEAN-SC", "range", f"{range_db} dB", "a positive number of decibels")
        if beam_width_m is not None and not 0 < beam_width_m < math.inf:
            raise bad_input("CLEAN-SC", "beam width", f"{beam_width_m} m", "a positive number of metres, or none")
        self._gain, self._lowest = gain, 10 ** (-range_db / 10)
        self._iterations = iterations or 4 * len(beamformer.positions_m)
        self._beam_width_m, self._remainder = beam_width_m, remainder
        self._remove_diagonal = remove_diagonal
        self._weight_gain = math.sqrt(diagonal_gain(beamformer)) if remove_diagonal else 1.0

    @property
    def gives_points(self) -> bool:
        """Whether maps are zero but for the points of components: see `sources_of_points`."""
        return self._beam_width_m is None and not self._remainder

    def _energies(self, weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        weights, left = weights * self._weight_gain, matrix.copy()
        if self._remove_diagonal:
            np.fill_diagonal(left, 0)
        dirty, clean = heard_energies(weights, left), np.zeros(len(weights))
        powers = np.square(weights.real) + np.square(weights.imag) if self._remove_diagonal else None
        lowest, norm = dirty.max() * self._lowest, np.abs(left).sum()
        for _ in range(self._iterations):
            loudest = int(dirty.argmax())
            energy = self._gain * float(dirty[loudest])
            if energy <= self._gain * lowest:
                break
            heard = self._coherent(weights[loudest], left, float(dirty[loudest]))
            component = energy * np.outer(heard, heard.conj())
            if self._remove_diagonal:
                np.fill_diagonal(component, 0)
            left -= component
            norm, previous = np.abs(left).sum(), norm
            if norm >= previous:
                break
            clean[loudest] += energy
            shares = weights @ heard
            dirty -= energy * (np.square(shares.real) + np.square(shares.imag))
            if powers is not None:
                dirty += energy * (powers @ (np.square(heard.real) + np.square(heard.imag)))
        if self._beam_width_m is not None:
            clean = self._spread(clean, self._beam_width_m)
        return clean + np.maximum(dirty, 0) if self._remainder else clean

    def _coherent(self, weights: np.ndarray, matrix: np.ndarray, energy: float) -> np.ndarray:
        """h, what the microphones hear coherent with the beam of one point, (M,)."""
        crossed = matrix @ weights.conj() / energy
        if not self._remove_diagonal:
            return crossed
        heard = weights.conj()
        for _ in range(COMPONENT_ITERATIONS):
            diagonal = np.abs(heard) ** 2
            heard = (crossed + diagonal * weights.conj()) / np.sqrt(1 + diagonal @ np.abs(weights) ** 2)
        return heard

    def _spread(self, clean: np.ndarray, width_m: float) -> np.ndarray:
        points = self.beamformer.points_m
        found = np.flatnonzero(clean)
        spread = np.zeros_like(clean)
        for i in found:
            half_widths = np.linalg.norm(points - points[i], axis=1) * (2 / width_m)
            spread += clean[i] * np.exp2(-np.square(half_widths))
        return spread

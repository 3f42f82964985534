"""Superdirective weights: as deaf to diffuse sound as a limit on their own noise allows."""

from __future__ import annotations

import math

import numpy as np
import torch

from acoustill.errors import bad_input
from acoustill.imaging.steering import ALL, DelayAndSum, FilterAndSum, Points, turned

LATTICE_PER_OCTAVE = 6
HALVINGS = 16
ROUNDING_DB = 1e-6
HEADROOM = 10 ** (0.6 / 10)  # 0.6 dB: how far interpolated loadings were seen to fall short of the limit
# Far below what any sensible limit asks for, far above the rounding of the coherence matrix's eigenvalues: the
# loaded matrix can always be factored.
LOWEST_LOADING, HIGHEST_LOADING = 1e-9, 1e5


class Superdirective(FilterAndSum):
    """Filter-and-sum weights against spherically diffuse noise, with a lower limit on the white noise gain.

    With the coherence of diffuse noise between microphones at the distance r, Gamma = sin(k r) / (k r), and the
    steering vector a of a point, the weights are

        w = a^H (Gamma + mu I)^-1 / (a^H (Gamma + mu I)^-1 a)

    (Cox, Zeskind and Owen 1987, "Robust adaptive beamforming"; Bitzer and Simmer 2001, "Superdirective microphone
    arrays"). The response w a is 1. The white noise gain |w a|^2 / |w|^2 says how far the weights lower noise that
    the microphones do not share; its inverse is also the sensitivity to errors of calibration and position. The
    loading mu >= 0, one for all points, is about the smallest that keeps the gain of every point at the limit or above.

    It is solved for at LATTICE_PER_OCTAVE frequencies per octave when first needed, from the eigenvalues of Gamma,
    with 0.6 dB to spare, and interpolated between them. Should that leave a point's gain below the limit, just
    enough delay-and-sum is mixed in: these weights w_0 have the least norm of all with unit response, so that
    w - w_0 is orthogonal to them, the norm of w_0 + s (w - w_0) is known for every s, and the limit holds exactly at
    every frequency and point. To need it seldom is what the headroom is for: weights that are mixed in some pixels
    only do not vary smoothly over the image.

    The steering vector is what delay-and-sum weights w_0 of the same formulation are matched to, a = w_0^H / |w_0|^2.
    In "true level" it is the sound of a point source, a_m = r_0 / r_m exp(-jk (r_m - r_0)): the response to a source
    at the point is its level at the reference, near or far. Delay-and-sum is the limit of large mu in all of them.

    The limit of 6 dB by default makes the noise of a beam a quarter of one microphone's. At 0 dB it is as much, and
    errors of 10 % at each microphone raise a floor 20 dB below the source. Lower limits give sharper images at low
    frequencies for arrays that are calibrated better, higher ones forgive more; the white noise gain of
    delay-and-sum, 10 lg M dB or so, is the highest possible.
    Unit response keeps levels; it does not promise that a map is greatest exactly at the source. At low frequencies
    the flat summit of a main lobe may lie beside it by a part of the lobe's width.

    Args:
        positions_m: microphones.
        points_m: points to steer to.
        formulation: one of FORMULATIONS, see `DelayAndSum`.
        speed_of_sound: in metres per second.
        reference_m: where levels are referred to; the origin of the rig by default.
        white_noise_gain_db: the limit, in decibels.

    Shapes:
        positions_m: (M, 3).
        points_m: (P, 3).
        reference_m: (3,).

    Raises:
        AcoustillError: if the formulation is unknown, a point coincides with a microphone, or the limit is above the
            white noise gain of delay-and-sum.
    """

    def __init__(
        self,
        positions_m: np.ndarray,
        points_m: np.ndarray,
        formulation: str = "true level",
        speed_of_sound: float = 343.0,
        reference_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
        white_noise_gain_db: float = 6.0,
    ) -> None:
        plain = DelayAndSum(positions_m, points_m, formulation, speed_of_sound, reference_m)
        self._least_energies = np.square(plain.amplitudes).sum(axis=1, keepdims=True)
        highest_db = -10 * math.log10(self._least_energies.max())
        if not -math.inf < white_noise_gain_db <= highest_db + ROUNDING_DB:
            found = f"{white_noise_gain_db:g} dB"
            raise bad_input("superdirective", "white noise gain", found, f"at most {highest_db:.2f} dB for this array")
        self.positions_m, self.points_m = positions_m, points_m
        self._steering_amplitudes = plain.amplitudes / self._least_energies
        self._delays_s = plain.delays_s
        apart_s = torch.from_numpy(np.linalg.norm(positions_m[:, None] - positions_m[None], axis=-1) / speed_of_sound)
        self._apart_s, self._at_one_place = apart_s, (apart_s == 0).to(torch.float64)
        self._limit = 10 ** (white_noise_gain_db / 10)
        self._loadings: dict[int, float] = {}
        self._identity: dict[str, object] = {
            "beamformer": "superdirective",
            "steering_amplitudes": self._steering_amplitudes,
            "delays_s": self._delays_s,
            "apart_s": apart_s.numpy(),
            "white_noise_gain_db": float(white_noise_gain_db),
            "lattice": [LATTICE_PER_OCTAVE, HALVINGS, HEADROOM],
        }

    def identity(self) -> dict[str, object]:
        """See `FilterAndSum.identity`."""
        return dict(self._identity)

    @torch.no_grad()
    def at(self, frequency_hz: float, points: Points = ALL) -> np.ndarray:
        """See `FilterAndSum.at`.

        Raises:
            AcoustillError: if the frequency is not above 0.
        """
        loading = self.loading(frequency_hz)
        return self._weights(frequency_hz, loading, self._steering(frequency_hz, points), points).numpy()

    @torch.no_grad()
    def many(self, frequencies_hz: np.ndarray, points: Points = ALL) -> np.ndarray:
        """See `FilterAndSum.many`.

        Raises:
            AcoustillError: if a frequency is not above 0.
        """
        weights = np.empty((len(frequencies_hz), len(self.points_m[points]), len(self.positions_m)), np.complex64)
        if not len(frequencies_hz):
            return weights
        steps = np.diff(frequencies_hz)
        even = bool(np.allclose(steps, steps[:1], rtol=1e-9))
        if even and len(steps):  # from one bin to the next, steering turns by the same angle
            turn = turned(torch.from_numpy(self._delays_s[points]) * (-2 * math.pi * float(steps[0])))
        steering = self._steering(float(frequencies_hz[0]), points)
        for i, frequency in enumerate(map(float, frequencies_hz)):
            if i:
                steering = steering.mul_(turn) if even else self._steering(frequency, points)
            weights[i] = self._weights(frequency, self.loading(frequency), steering, points).numpy()
        return weights

    def _weights(self, frequency_hz: float, loading: float, steering: torch.Tensor, points: Points) -> torch.Tensor:
        """Weights (points, M) from steering vectors (points, M)."""
        loaded = self._coherence(frequency_hz)
        loaded.diagonal().add_(loading)
        parts = torch.view_as_real(steering).movedim(2, 0).contiguous()  # Gamma is real: they stay apart
        solved = parts @ torch.cholesky_inverse(torch.linalg.cholesky(loaded))
        solved /= (parts * solved).sum(dim=(0, 2))[:, None]
        energies = solved.square().sum(dim=(0, 2))[:, None]
        least = torch.from_numpy(self._least_energies[points])
        too_noisy = energies > 1 / self._limit
        if too_noisy.any():
            kept = torch.sqrt((1 / self._limit - least).clamp_min(0) / (energies - least))
            mixed = kept * solved + (1 - kept) * least * parts
            solved = torch.where(too_noisy, mixed, solved)
        return torch.complex(solved[0], -solved[1])

    def loading(self, frequency_hz: float) -> float:
        """The diagonal loading mu at one frequency.

        Raises:
            AcoustillError: if the frequency is not above 0.
        """
        if not 0 < frequency_hz < math.inf:
            raise bad_input("superdirective", "frequency", f"{frequency_hz} Hz", "a number above 0")
        below, share = divmod(LATTICE_PER_OCTAVE * math.log2(frequency_hz), 1)
        return (1 - share) * self._lattice_loading(int(below)) + share * self._lattice_loading(int(below) + 1)

    def _lattice_loading(self, i: int) -> float:
        if i not in self._loadings:
            self._loadings[i] = self._solve_loading(2 ** (i / LATTICE_PER_OCTAVE))
        return self._loadings[i]

    @torch.no_grad()
    def _solve_loading(self, frequency_hz: float) -> float:
        """The smallest loading that keeps the limit, by bisection: the white noise gain grows with it."""
        eigenvalues, vectors = torch.linalg.eigh(self._coherence(frequency_hz))
        eigenvalues.clamp_min_(0)
        parts = torch.view_as_real(self._steering(frequency_hz, ALL)).movedim(2, 0) @ vectors
        powers = parts[0].square_().add_(parts[1].square_())  # of each point's steering along each eigenvector

        def fails(loading: float) -> torch.Tensor:
            inverse = 1 / (eigenvalues + loading)
            response, noise = (powers @ torch.stack([inverse, inverse.square()], dim=1)).unbind(dim=1)
            return response.square() < HEADROOM * self._limit * noise

        if not fails(LOWEST_LOADING).any():
            return LOWEST_LOADING
        low, high = math.log(LOWEST_LOADING), math.log(HIGHEST_LOADING)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            failing = fails(math.exp(middle))
            if failing.any():
                low, powers = middle, powers[failing]  # the others keep the limit with any larger loading
            else:
                high = middle
        return math.exp(high)

    def _coherence(self, frequency_hz: float) -> torch.Tensor:
        """Coherence of spherically diffuse noise between microphones, (M, M)."""
        phases = self._apart_s * (2 * math.pi * frequency_hz)
        return torch.sin(phases).div_(phases + self._at_one_place).add_(self._at_one_place)

    def _steering(self, frequency_hz: float, points: Points) -> torch.Tensor:
        """Steering vectors, (points, M) complex128."""
        phases = torch.from_numpy(self._delays_s[points]) * (-2 * math.pi * frequency_hz)
        return turned(phases).mul_(torch.from_numpy(self._steering_amplitudes[points]))

"""Beamformer weights for every frequency bin, pixel and microphone."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch

from acoustill.errors import bad_input

FORMULATIONS = ("classic", "inverse", "true level", "true location")
RESEED_BINS = 32
Points = slice | np.ndarray  # which of the points: a slice or indices
ALL = slice(None)
CPU = torch.device("cpu")


def turned(radians: torch.Tensor) -> torch.Tensor:
    """exp(j radians), complex; several times faster than `torch.polar`."""
    return torch.complex(radians.cos(), radians.sin())


class FilterAndSum(ABC):
    """A beamformer whose weights do not depend on the sound: y(f, p) = sum over m of w(f, p, m) X(f, m).

    Shapes:
        positions_m: (M, 3), the microphones.
        points_m: (P, 3), the points steered to.
    """

    positions_m: np.ndarray
    points_m: np.ndarray

    @abstractmethod
    def at(self, frequency_hz: float, points: Points = ALL) -> np.ndarray:
        """Weights at one frequency, computed in float64.

        Args:
            frequency_hz: above 0.
            points: which of the points; all by default.

        Shapes:
            Output: (points, M) complex128.
        """

    @abstractmethod
    def identity(self) -> dict[str, object]:
        """Everything the weights follow from: numbers, strings and arrays, for a hash of the content."""

    def many(self, frequencies_hz: np.ndarray, points: Points = ALL) -> np.ndarray:
        """Weights at several frequencies, rounded to single precision.

        Shapes:
            frequencies_hz: (F,).
            Output: (F, points, M) complex64.
        """
        weights = np.empty((len(frequencies_hz), len(self.points_m[points]), len(self.positions_m)), np.complex64)
        for i, frequency in enumerate(frequencies_hz):
            weights[i] = self.at(float(frequency), points)
        return weights

    def sweep(self, first_hz: float, step_hz: float, count: int, device: torch.device = CPU) -> Iterator[torch.Tensor]:
        """Weights of all points at evenly spaced frequencies, one after the other.

        Shapes:
            Yields: (P, M) complex64; valid until the next one is asked for.
        """
        for i in range(count):
            yield torch.from_numpy(self.at(first_hz + i * step_hz).astype(np.complex64)).to(device)


class DelayAndSum(FilterAndSum):
    """Delay-and-sum weights for point sources at known places.

    The weight of microphone m for point p at wave number k is A_m exp(+jk (r_m - r_0)), where r_m is the
    distance from p to m and r_0 that from p to the reference. The amplitude A_m is, for M microphones, one of
    Sarradj's four steering formulations (Sarradj 2012, "Three-dimensional acoustic source mapping with
    different beamforming steering vector formulations"):

    - classic: 1 / M
    - inverse: r_m / (M r_0)
    - true level: 1 / (r_m r_0 sum(1 / r^2))
    - true location: 1 / (r_m sqrt(M sum(1 / r^2)))

    Args:
        positions_m: microphones.
        points_m: points to steer to.
        formulation: one of FORMULATIONS.
        speed_of_sound: in metres per second.
        reference_m: where levels are referred to; the origin of the rig by default.

    Shapes:
        positions_m: (M, 3).
        points_m: (P, 3).
        reference_m: (3,).

    Attributes:
        amplitudes: A, (P, M) float64.
        delays_s: (r_m - r_0) / c, (P, M) float64.

    Raises:
        AcoustillError: if the formulation is unknown or a point coincides with a microphone.
    """

    def __init__(
        self,
        positions_m: np.ndarray,
        points_m: np.ndarray,
        formulation: str = "classic",
        speed_of_sound: float = 343.0,
        reference_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        if formulation not in FORMULATIONS:
            raise bad_input("beamformer", "formulation", repr(formulation), f"one of {FORMULATIONS}")
        to_microphones = np.linalg.norm(points_m[:, None] - positions_m[None], axis=-1)
        to_reference = np.linalg.norm(points_m - np.asarray(reference_m), axis=-1)[:, None]
        if to_microphones.min() < 1e-6 or to_reference.min() < 1e-6:
            raise bad_input("beamformer", "a pixel", "at a microphone", "pixels in front of the array")
        count = positions_m.shape[0]
        inverse_squares = (to_microphones**-2.0).sum(axis=1, keepdims=True)
        self.positions_m, self.points_m = positions_m, points_m
        if formulation == "classic":
            self.amplitudes = np.full_like(to_microphones, 1 / count)
        elif formulation == "inverse":
            self.amplitudes = to_microphones / (count * to_reference)
        elif formulation == "true level":
            self.amplitudes = 1 / (to_microphones * to_reference * inverse_squares)
        else:
            self.amplitudes = 1 / (to_microphones * np.sqrt(count * inverse_squares))
        self._sweeps: dict[tuple[float, float, torch.device], tuple[torch.Tensor, ...]] = {}
        self.delays_s = (to_microphones - to_reference) / speed_of_sound

    def at(self, frequency_hz: float, points: Points = ALL) -> np.ndarray:
        """See `FilterAndSum.at`."""
        delays, amplitudes = (torch.from_numpy(part[points]) for part in (self.delays_s, self.amplitudes))
        return turned((delays * frequency_hz).frac_().mul_(2 * math.pi)).mul_(amplitudes).numpy()

    def identity(self) -> dict[str, object]:
        """See `FilterAndSum.identity`."""
        return {"beamformer": "delay-and-sum", "amplitudes": self.amplitudes, "delays_s": self.delays_s}

    def many(self, frequencies_hz: np.ndarray, points: Points = ALL) -> np.ndarray:
        """See `FilterAndSum.many`; phases are reduced in float64 before their sine is taken in float32."""
        delays = torch.from_numpy(self.delays_s[points])
        amplitudes = torch.from_numpy(self.amplitudes[points]).float()
        weights = torch.empty(len(frequencies_hz), *delays.shape, dtype=torch.complex64, device=CPU)
        for i, frequency in enumerate(frequencies_hz):
            radians = (delays * float(frequency)).frac_().mul_(2 * math.pi).float()
            torch.mul(turned(radians), amplitudes, out=weights[i])
        return weights.numpy()

    def sweep(self, first_hz: float, step_hz: float, count: int, device: torch.device = CPU) -> Iterator[torch.Tensor]:
        """See `FilterAndSum.sweep`.

        Weights of neighbouring bins differ by a constant phasor, so that a table of all of them (906 MB for
        the reference rig) is not needed: each follows from the one before by one product. Every RESEED_BINS
        bins they start anew from double precision, which keeps each within 2e-6 of the largest.
        """
        key = (first_hz, step_hz, device)
        if key not in self._sweeps:  # one is kept: a recording is imaged in many sweeps over the same bins
            start = torch.from_numpy(self.at(first_hz)).to(device)
            steps = self._phasor(step_hz).to(device, torch.complex64), self._phasor(step_hz * RESEED_BINS).to(device)
            self._sweeps = {key: (start, *steps)}
        start, phasor, far_phasor = self._sweeps[key]
        seed, weights = start.clone(), start.to(torch.complex64)
        for i in range(count):
            if i:
                if i % RESEED_BINS == 0:
                    weights.copy_(seed.mul_(far_phasor))
                else:
                    weights.mul_(phasor)
            yield weights

    def _phasor(self, step_hz: float) -> torch.Tensor:
        return turned((torch.from_numpy(self.delays_s) * step_hz).frac_().mul_(2 * math.pi))

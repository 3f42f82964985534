"""Sound along a path whose length changes: delay lines that follow a moving source."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.fft import next_fast_len
from scipy.interpolate import PchipInterpolator

from acoustill.simulation.image_sources import band_limits

_FINE = 16  # points of the finer signal for each sample; between them, straight lines
_HOP = 32  # samples between the times at which the delay is computed; between them it changes evenly
_RING = 128  # silent samples around the signal, for the filters to ring in


class MovingSource:
    """A signal and the way of its source, heard directly or by way of mirrors.

    A microphone hears at each time what the source emitted when it was as far away as sound has travelled since: the
    delay is exact to 1e-3 of a sample, and so is the Doppler shift. Between the points of the trajectory the
    source moves on a monotone cubic; before its signal begins it stands still.

    Args:
        signal: pressure at 1 m.
        trajectory_m: where the source is in the middle of each step.
        samples_per_step: length of a step.
        sample_rate: in hertz.
        speed_of_sound: in metres per second.
        high_pass_hz: as of `image_sources.image_responses`.

    Shapes:
        signal: (samples,).
        trajectory_m: (steps, 3), at least two steps.
    """

    def __init__(
        self,
        signal: np.ndarray,
        trajectory_m: np.ndarray,
        samples_per_step: int,
        sample_rate: int,
        speed_of_sound: float,
        high_pass_hz: float,
    ) -> None:
        self._samples, self._rate, self._speed = len(signal), sample_rate, speed_of_sound
        self._signal = _finer(signal, sample_rate, high_pass_hz)
        middles = (np.arange(len(trajectory_m)) + 0.5) * samples_per_step
        self._way = PchipInterpolator(middles, trajectory_m)

    def hear(
        self, microphones_m: np.ndarray, signs: np.ndarray, offsets_m: np.ndarray, gain: float, heard: torch.Tensor
    ) -> None:
        """Adds the sound of the source, seen in a mirror: at the point signs * (point of the source) + offsets.

        Args:
            microphones_m: in the axes of the trajectory.
            signs: -1 for axes along which the mirror turns the source round, (1, 1, 1) for the source itself.
            offsets_m: where the mirror puts the origin.
            gain: what the mirror leaves of the pressure.
            heard: what is added to.

        Shapes:
            microphones_m: (M, 3).
            signs, offsets_m: (3,).
            heard: (M, samples).
        """
        hops = -(-self._samples // _HOP)
        received = np.arange(hops + 1) * _HOP
        most = self._most_delay(microphones_m, signs, offsets_m)
        emitted = np.arange(-most, received[-1] + 1, _HOP)
        points = signs * self._way(np.clip(emitted, 0, self._samples)) + offsets_m
        signal = torch.cat([self._signal.new_zeros(_FINE * most), self._signal])
        step = torch.arange(_HOP, dtype=torch.float32)
        for microphone, row in zip(microphones_m, heard, strict=True):
            distances = np.linalg.norm(points - microphone, axis=1)
            arrivals = emitted + distances * (self._rate / self._speed)
            delays = received - np.interp(received, arrivals, emitted)
            gains = gain * self._rate / self._speed / delays
            whole = np.floor(_FINE * delays[:-1])
            starts = torch.from_numpy(_FINE * (received[:-1] + most + _RING) - whole).long()
            fractions = torch.from_numpy(_FINE * delays[:-1] - whole).float()
            slopes = torch.from_numpy(_FINE - _FINE * np.diff(delays) / _HOP).float()
            positions = torch.addcmul(-fractions[:, None], slopes[:, None], step)
            before = positions.floor()
            places = before.long().add_(starts[:, None])
            sound = torch.lerp(signal[places], signal[places + 1], positions.sub_(before))
            rises = torch.from_numpy(np.diff(gains) / _HOP).float()
            sound *= torch.addcmul(torch.from_numpy(gains[:-1]).float()[:, None], rises[:, None], step)
            row += sound.flatten()[: self._samples]

    def _most_delay(self, microphones_m: np.ndarray, signs: np.ndarray, offsets_m: np.ndarray) -> int:
        """A number of samples that no sound takes longer than, from where the source is when it starts or at a step."""
        start = signs * self._way(0) + offsets_m
        farthest = float(np.linalg.norm(microphones_m - start, axis=1).max())
        return math.ceil(farthest / self._speed * self._rate / _HOP + 1) * _HOP


def _finer(signal: np.ndarray, sample_rate: int, high_pass_hz: float) -> torch.Tensor:
    """The signal after the filters of impulse responses, 16 points a sample, from `_RING` samples before its start.

    What straight lines between the points take away at high frequencies is given back.
    """
    samples = len(signal)
    length = next_fast_len(samples + 16 * _RING, real=True)
    spectrum = torch.fft.rfft(torch.from_numpy(np.asarray(signal, np.float32)), n=length)
    bins = np.arange(length // 2 + 1)
    lines = np.sinc(bins / (_FINE * length)) ** 2
    early = np.exp(-2j * np.pi * bins * _RING / length)
    transfer = _FINE * band_limits(length, sample_rate, high_pass_hz) / lines * early
    spectrum = spectrum * torch.from_numpy(transfer.astype(np.complex64))
    return torch.fft.irfft(spectrum, n=_FINE * length)[: _FINE * (samples + 2 * _RING)].contiguous()

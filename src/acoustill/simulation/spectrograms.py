"""Many Gaussian noises whose power over time and frequency is given."""

from __future__ import annotations

import numpy as np
import torch
from scipy.fft import rfft

from acoustill.simulation.synthesis import sine_window

_LEAST_POWER = 1e-7  # of the largest; frequencies that never have more are left out
_DECAY = 0.7  # of wind's coherence across the flow (Corcos 1963)
_CONVECTION = 0.7  # speed of the eddies over that of the wind
_LEAST_COHERENCE = 0.02  # of the closest microphones; above the frequency where it is reached, wind is independent


def hop(sample_rate: int) -> int:
    """Samples from one window to the next: a power of two, about 42 ms. Windows last twice as long."""
    return int(2 ** round(np.log2(sample_rate / 24)))


def centres_hz(sample_rate: int) -> np.ndarray:
    """Frequencies of the bins of a spectrogram, (bins,); the lowest is that of a quarter of a bin, not zero."""
    step = hop(sample_rate)
    frequencies = np.arange(step + 1) * sample_rate / (2 * step)
    frequencies[0] = frequencies[1] / 4
    return frequencies


def spectrogram(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """Power of a signal over time and frequency.

    Shapes:
        signal: (samples,).
        Output: (windows, bins) float64; means over windows add up, over all bins, to about the mean square.
    """
    step = hop(sample_rate)
    windows = len(signal) // step + 2
    padded = np.zeros((windows + 1) * step)
    padded[step : step + len(signal)] = signal
    cut = np.lib.stride_tricks.sliding_window_view(padded, 2 * step)[::step] * sine_window(step)
    powers: np.ndarray = np.square(np.abs(rfft(cut))) / (2 * step) * 2 / step
    powers[:, [0, -1]] /= 2
    return powers


def steady(amplitude: np.ndarray, samples: int, sample_rate: int, gain: np.ndarray | None = None) -> np.ndarray:
    """The spectrogram of noise of one spectrum and a mean square of 1, whose level may follow a gain.

    Shapes:
        amplitude: (bins,), up to a factor.
        gain: (samples,), up to a factor.
        Output: (windows, bins) float64.
    """
    windows = samples // hop(sample_rate) + 2
    powers = np.square(amplitude)
    powers[0] = 0.0
    levels = np.ones(windows)
    if gain is not None:
        middles = np.minimum(np.arange(windows) * hop(sample_rate), samples - 1)
        levels = np.square(gain[middles])
    return levels[:, None] / levels.mean() * powers / powers.sum()


def gaussian_rows(
    powers: np.ndarray, rows: int, samples: int, sample_rate: int, rng: np.random.Generator
) -> np.ndarray:
    """Independent Gaussian noises that share one spectrogram.

    What reverberation makes of sound far from its source: everywhere as loud at the same time and frequency, but of
    another phase and strength (Schroeder 1962: transfer functions are complex Gaussian). Talkers keep the rhythm of
    their syllables and, roughly, their formants.

    Args:
        powers: (windows, bins), see `spectrogram`.
        rows: how many.
        samples: length of each.
        sample_rate: in hertz.
        rng: the source of randomness.

    Shapes:
        Output: (rows, samples) float32.
    """
    bins = _kept(powers)
    scale = _scale(powers[:, :bins], sample_rate)
    out = np.empty((rows, samples), np.float32)
    for row in out:
        parts = rng.standard_normal((len(powers), bins, 2), dtype=np.float32)
        _overlap(torch.view_as_complex(torch.from_numpy(parts)) * scale, row, sample_rate)
    return out


def windblown(
    powers: np.ndarray,
    positions_m: np.ndarray,
    speed_m_s: float,
    samples: int,
    sample_rate: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Gaussian noises of one spectrogram with the coherence of turbulence at capsules.

    Eddies hardly reach from one capsule to the next: coherence falls as exp(-0.7 * 2 pi f d / u) with the distance d,
    u being 0.7 of the wind's speed (Corcos 1963, the decay across the flow, here in all directions and without the
    delay of eddies along it). Within 2 cm and 60 Hz something is left; far above that, rows are independent.

    Args:
        powers: (windows, bins), see `spectrogram`.
        positions_m: (M, 3), of the microphones.
        speed_m_s: of the wind.
        samples: length.
        sample_rate: in hertz.
        rng: the source of randomness.

    Shapes:
        Output: (M, samples) float32.
    """
    bins = _kept(powers)
    scale = _scale(powers[:, :bins], sample_rate)
    distances = np.linalg.norm(positions_m[:, None] - positions_m, axis=-1)
    decays = 2 * np.pi * _DECAY / (_CONVECTION * speed_m_s) * distances
    nearest = decays[decays > 0].min(initial=np.inf)
    parts = torch.from_numpy(rng.standard_normal((bins, len(positions_m), 2 * len(powers)), dtype=np.float32))
    for part, frequency in zip(parts, centres_hz(sample_rate), strict=False):
        if frequency * nearest < -np.log(_LEAST_COHERENCE):
            coherence = torch.from_numpy(np.exp(-frequency * decays) + 1e-6 * np.eye(len(decays)))
            part[:] = torch.linalg.cholesky(coherence).float() @ part
    out = np.empty((len(positions_m), samples), np.float32)
    for channel, row in enumerate(out):
        part = parts[:, channel].reshape(bins, len(powers), 2).transpose(0, 1).contiguous()
        _overlap(torch.view_as_complex(part) * scale, row, sample_rate)
    return out


def _kept(powers: np.ndarray) -> int:
    """How many of the lowest bins matter."""
    return int(np.flatnonzero(powers.max(axis=0) > _LEAST_POWER * powers.max())[-1]) + 1


def _scale(powers: np.ndarray, sample_rate: int) -> torch.Tensor:
    """What real and imaginary parts of unit variance are multiplied with, (windows, bins)."""
    return torch.from_numpy((np.sqrt(powers) * hop(sample_rate)).astype(np.float32))


def _overlap(spectra: torch.Tensor, out: np.ndarray, sample_rate: int) -> None:
    """Windows of (windows, bins) spectra are laid over each other into (samples,) `out`."""
    step = hop(sample_rate)
    cut = torch.fft.irfft(spectra, n=2 * step).mul_(torch.from_numpy(sine_window(step).astype(np.float32)))
    signal = cut[1:, :step] + cut[:-1, step:]
    out[:] = signal.flatten()[: len(out)].numpy()

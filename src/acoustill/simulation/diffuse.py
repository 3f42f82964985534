"""Sound that comes from everywhere: noise with the coherence of a diffuse field."""

from __future__ import annotations

import functools
import math
from typing import Literal

import numpy as np
import torch
from scipy.fft import next_fast_len
from scipy.special import j0

from acoustill.rig.rig import SPEED_OF_SOUND

_LOADING = 1e-6  # keeps the factors real where microphones are much closer than a wavelength
_TURN = 0.05  # by how much 2 f d / c may change within a band: coherence is then wrong by 0.035 at most


def diffuse_field(
    signals: np.ndarray,
    positions_m: np.ndarray,
    sample_rate: int,
    speed_of_sound: float = SPEED_OF_SOUND,
    kind: Literal["spherical", "horizontal"] = "spherical",
) -> np.ndarray:
    """Mixes independent signals into what microphones hear in a diffuse field.

    The coherence of two microphones at the distance d becomes sin(x) / x with x = 2 pi f d / c for sound from
    all directions (Cook and others 1955), or the Bessel function J0(x), with d measured in the horizontal plane,
    for sound from all directions of the horizon. In bands of frequency, the signals' spectra are multiplied by a
    Cholesky factor of the matrix of coherences (Habets, Cohen and Gannot 2008). Signals of equal power spectra keep
    them.

    Args:
        signals: independent of each other, one for every microphone.
        positions_m: of the microphones in the axes of the place: X, Y horizontal, Z up.
        sample_rate: in hertz.
        speed_of_sound: in metres per second.
        kind: `spherical` or `horizontal`.

    Shapes:
        signals: (M, samples).
        positions_m: (M, 3).
        Output: (M, samples) float32.
    """
    microphones, samples = signals.shape
    length = next_fast_len(samples, real=True)
    axes = positions_m if kind == "spherical" else positions_m[:, :2]
    distances = np.linalg.norm(axes[:, None] - axes, axis=-1).round(9)  # the same bits in all places
    factors = _factors(distances.tobytes(), microphones, sample_rate, speed_of_sound, kind)
    spectra = torch.fft.rfft(torch.from_numpy(np.asarray(signals, np.float32)), n=length)
    parts = torch.view_as_real(spectra).reshape(microphones, -1)  # a real factor times real and imaginary parts
    edges = 2 * np.linspace(0, spectra.shape[1], len(factors) + 1).round().astype(int)
    for factor, start, end in zip(factors, edges[:-1], edges[1:], strict=True):
        parts[:, start:end] = factor @ parts[:, start:end]
    return torch.fft.irfft(spectra, n=length)[:, :samples].numpy()


@functools.lru_cache(maxsize=3)  # 30 MB each for 128 microphones
def _factors(distances_m: bytes, microphones: int, sample_rate: int, speed_of_sound: float, kind: str) -> torch.Tensor:
    """Cholesky factors of the coherences in equal bands up to half the sample rate, (bands, M, M) float32."""
    turns = 2 * np.frombuffer(distances_m).reshape(microphones, microphones) / speed_of_sound
    bands = max(1, math.ceil(turns.max() * sample_rate / 2 / _TURN))
    centres_hz = (np.arange(bands) + 0.5) * sample_rate / 2 / bands
    phases = centres_hz[:, None, None] * turns
    coherence = np.sinc(phases) if kind == "spherical" else j0(np.pi * phases)
    coherence += _LOADING * np.eye(microphones)
    return torch.linalg.cholesky(torch.from_numpy(coherence)).float()

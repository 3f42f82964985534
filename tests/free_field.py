"""Signals of point sources in the free field, delayed exactly in the frequency domain, for tests."""

from __future__ import annotations

import numpy as np

SPEED_OF_SOUND = 343.0


def free_field(
    positions_m: np.ndarray, source_m: tuple[float, float, float], signal: np.ndarray, sample_rate: float
) -> np.ndarray:
    """What microphones hear of a source whose signal is `signal` at the origin of the rig.

    Delays are circular: exact for each frame if `signal` repeats itself from frame to frame.

    Shapes:
        positions_m: (M, 3).
        signal: (samples,).
        Output: (M, samples) float32.
    """
    to_origin = np.linalg.norm(source_m)
    to_microphones = np.linalg.norm(positions_m - np.asarray(source_m), axis=1)
    spectrum = np.fft.rfft(signal)
    frequencies = np.fft.rfftfreq(len(signal), 1 / sample_rate)
    delays = (to_microphones - to_origin) / SPEED_OF_SOUND
    turned = spectrum * np.exp(-2j * np.pi * frequencies * delays[:, None]) * (to_origin / to_microphones)[:, None]
    return np.fft.irfft(turned, len(signal), axis=1).astype(np.float32)


def periodic_noise(block: int, frames: int, rng: np.random.Generator) -> np.ndarray:
    """White noise without its lowest and highest bin that repeats itself after `block` samples."""
    spectrum = np.fft.rfft(rng.standard_normal(block))
    spectrum[[0, -1]] = 0
    return np.tile(np.fft.irfft(spectrum, block), frames)

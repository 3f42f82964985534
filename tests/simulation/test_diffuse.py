from __future__ import annotations

import numpy as np
import pytest
from scipy.special import j0

from acoustill.simulation.diffuse import diffuse_field

RATE, SPEED, BLOCK = 12288, 343.0, 1024


def positions(rng: np.random.Generator) -> np.ndarray:
    """Pairs from a millimetre to 0.7 m apart, also above each other."""
    near = np.array([[0.0, 0.0, 0.0], [0.001, 0.0, 0.0], [0.0, 0.02, 0.0], [0.0, 0.0, 0.3], [0.3, 0.4, 0.5]])
    return np.concatenate([near, rng.uniform(-0.2, 0.2, (11, 3))])


def coherences(field: np.ndarray) -> np.ndarray:
    """Complex coherence of all pairs by Welch's method, (bins, M, M)."""
    microphones = len(field)
    window = np.hanning(BLOCK)
    blocks = np.lib.stride_tricks.sliding_window_view(field, BLOCK, axis=1)[:, :: BLOCK // 2]
    spectra = np.fft.rfft(blocks * window, axis=2).transpose(2, 0, 1)
    cross = spectra @ spectra.conj().transpose(0, 2, 1)
    powers = np.einsum("fii->fi", cross).real
    assert powers.shape[1] == microphones
    return cross / np.sqrt(powers[:, :, None] * powers[:, None, :])


@pytest.mark.parametrize("kind", ["spherical", "horizontal"])
def test_coherence_is_that_of_the_theory(kind: str, rng: np.random.Generator) -> None:
    """In every bin and for every pair; the measurement itself scatters by 1 / sqrt(blocks) = 0.03."""
    places = positions(rng)
    signals = rng.standard_normal((len(places), 96 * RATE), dtype=np.float32)
    found = coherences(diffuse_field(signals, places, RATE, SPEED, kind))[2:-2]
    offsets = places[:, None] - places
    phases = 2 * np.pi * np.arange(2, BLOCK // 2 - 1)[:, None, None] * RATE / BLOCK / SPEED
    if kind == "spherical":
        theory = np.sinc(phases * np.linalg.norm(offsets, axis=-1) / np.pi)
    else:
        theory = j0(phases * np.linalg.norm(offsets[..., :2], axis=-1))
    differences = np.abs(found - theory)
    assert np.sqrt(np.mean(differences**2)) < 0.03
    smoothed = np.abs(np.apply_along_axis(np.convolve, 0, found - theory, np.ones(5) / 5, "valid"))
    assert smoothed.max() < 0.1


def test_microphones_above_each_other_hear_the_same_from_the_horizon(rng: np.random.Generator) -> None:
    places = np.array([[0.1, 0.2, 0.0], [0.1, 0.2, 0.6], [0.5, 0.2, 0.0]])
    low, high, aside = diffuse_field(rng.standard_normal((3, 20000)), places, RATE, SPEED, "horizontal")
    assert np.abs(low - high).max() < 0.02
    assert abs(np.corrcoef(low, aside)[0, 1]) < 0.2


def test_power_and_spectrum_are_kept(rng: np.random.Generator) -> None:
    signals = np.cumsum(rng.standard_normal((8, 40000)), axis=1)
    signals = np.diff(signals[:, ::2], axis=1) + 0.5  # white, with an offset
    field = diffuse_field(signals, rng.uniform(-0.3, 0.3, (8, 3)), RATE, SPEED)
    assert field.shape == signals.shape
    assert field.dtype == np.float32
    assert np.square(field).mean() == pytest.approx(np.square(signals).mean(), rel=0.2)
    assert np.var(field, axis=1) == pytest.approx(np.var(signals, axis=1).mean(), rel=0.05)


def test_the_field_does_not_depend_on_where_the_array_stands(rng: np.random.Generator) -> None:
    signals, places = rng.standard_normal((4, 5000)), rng.uniform(-0.2, 0.2, (4, 3))
    here, there = (diffuse_field(signals, places + shift, RATE, SPEED) for shift in (0.0, 3.0))
    assert here == pytest.approx(there, abs=1e-3)

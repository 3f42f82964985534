"""Spectra of frames as an operand: what products with weights must give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from acoustill.imaging import spectra as module
from acoustill.imaging.spectra import FrameSpectra, Workspace

CPU = torch.device("cpu")
LENGTH, FRAMES = 32, 5


@pytest.fixture
def signals(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((4, FRAMES * LENGTH)).astype(np.float32)


def transform(channels: list[int], dtype: torch.dtype = torch.float32) -> FrameSpectra:
    return FrameSpectra(np.array(channels), LENGTH, Workspace(CPU), dtype)


def test_products_with_weights_are_real_and_imaginary_parts_of_beams(
    signals: np.ndarray, rng: np.random.Generator
) -> None:
    weights = rng.standard_normal((3, 2)) + 1j * rng.standard_normal((3, 2))
    operand = transform([0, 3])(signals)
    assert operand.shape == (2 * FRAMES, LENGTH // 2, 4)
    spectra = np.fft.rfft(signals.astype(np.float64).reshape(4, FRAMES, LENGTH))[[0, 3], :, 1:]
    beams = np.einsum("pm,mtf->tfp", weights, spectra) * np.sqrt(2) / LENGTH
    products = operand.numpy() @ weights.view(np.float64).astype(np.float32).T
    np.testing.assert_allclose(products, np.concatenate([beams.real, beams.imag]), atol=2e-6)


def test_transforms_by_parts_are_those_of_the_whole(signals: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = transform([1, 2])(signals).clone()
    monkeypatch.setattr(module, "CACHE_BYTES", 1)
    torch.testing.assert_close(transform([1, 2])(signals), whole, rtol=0, atol=0)


def test_one_bad_sample_spoils_every_bin_of_its_frame(signals: np.ndarray) -> None:
    signals[2, 3 * LENGTH + 7] = np.nan
    finite = torch.isfinite(transform([1, 2])(signals)).all(dim=2).numpy()
    assert not finite[[3, 3 + FRAMES]].any()
    assert finite[[0, 1, 2, 4]].all()


def test_rounding_is_that_of_bfloat16(signals: np.ndarray) -> None:
    exact = transform([0, 1])(signals)
    rounded = transform([0, 1], torch.bfloat16)(signals)
    torch.testing.assert_close(rounded, exact.bfloat16(), rtol=0, atol=0)


def test_a_workspace_gives_the_same_memory_again() -> None:
    workspace = Workspace(CPU)
    first = workspace.take("a", 4, 3)
    assert workspace.take("a", 2, 5).data_ptr() == first.data_ptr()
    assert workspace.take("b", 4, 3).data_ptr() != first.data_ptr()
    assert workspace.take("a", 5, 5).shape == (5, 5)
    assert workspace.take("a", 2, dtype=torch.bfloat16).dtype == torch.bfloat16

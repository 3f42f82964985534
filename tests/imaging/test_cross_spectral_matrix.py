"""Cross spectra of a recording."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import csd

from acoustill.errors import AcoustillError
from acoustill.imaging import cross_spectral_matrix as module
from acoustill.imaging.cross_spectral_matrix import CrossSpectra, cross_spectra

RATE, BLOCK = 8000, 64


@pytest.fixture
def signals(rng: np.random.Generator) -> np.ndarray:
    mixed = rng.standard_normal((5, 3)) @ rng.standard_normal((3, 1000))
    return mixed + 0.1 * rng.standard_normal((5, 1000)) + 0.5


@pytest.mark.parametrize("window", ["hann", "rectangular"])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_they_are_scipys(window: str, overlap: float, signals: np.ndarray) -> None:
    found = cross_spectra(signals, RATE, BLOCK, window, overlap)  # type: ignore[arg-type]
    for row in range(5):
        for column in range(5):
            frequencies, density = csd(
                signals[column], signals[row], RATE, window if window == "hann" else "boxcar", BLOCK,
                int(BLOCK * overlap), detrend=False,
            )  # fmt: skip
            np.testing.assert_allclose(found.matrices[:, row, column], density[1:] * RATE / BLOCK, rtol=1e-9)
    np.testing.assert_allclose(found.frequencies_hz, frequencies[1:])
    assert found.blocks == 1 + (1000 - BLOCK) // int(BLOCK * (1 - overlap))


def test_the_diagonals_add_up_to_the_mean_square(rng: np.random.Generator) -> None:
    signals = rng.standard_normal((3, 20 * BLOCK))
    blocks = signals.reshape(3, 20, BLOCK)
    signals = (blocks - blocks.mean(axis=2, keepdims=True)).reshape(3, -1)  # the bin at 0 Hz is left out
    found = cross_spectra(signals, RATE, BLOCK, "rectangular", 0.0)
    diagonals = np.einsum("fmm->m", found.matrices)
    np.testing.assert_allclose(diagonals, np.square(signals).mean(axis=1), rtol=1e-12)


def test_they_are_hermitian_and_have_no_negative_eigenvalues(signals: np.ndarray) -> None:
    matrices = cross_spectra(signals, RATE, BLOCK).matrices
    np.testing.assert_array_equal(matrices, matrices.conj().swapaxes(1, 2))
    assert np.linalg.eigvalsh(matrices).min() > 0


def test_a_band_is_its_bins_of_the_whole(signals: np.ndarray) -> None:
    whole = cross_spectra(signals, RATE, BLOCK)
    assert (whole.frequencies_hz[0], whole.frequencies_hz[-1]) == (125.0, 4000.0)
    band = cross_spectra(signals, RATE, BLOCK, lowest_hz=1000.0, highest_hz=1300.0)
    np.testing.assert_array_equal(band.frequencies_hz, [1000.0, 1125.0, 1250.0])
    np.testing.assert_allclose(band.matrices, whole.matrices[7:10], rtol=1e-12)


def test_it_does_not_matter_how_many_spectra_are_held(signals: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = cross_spectra(signals, RATE, BLOCK)
    monkeypatch.setattr(module, "SPECTRA_BYTES", 16 * 5 * 33 * 3)
    np.testing.assert_allclose(cross_spectra(signals, RATE, BLOCK).matrices, at_once.matrices, rtol=1e-12)


def test_channels_are_kept_in_the_order_given(signals: np.ndarray) -> None:
    kept = cross_spectra(signals, RATE, BLOCK).keep([4, 0, 3])
    np.testing.assert_allclose(kept.matrices, cross_spectra(signals[[4, 0, 3]], RATE, BLOCK).matrices, rtol=1e-12)
    assert (kept.microphones, kept.blocks) == (3, 30)


def test_single_precision_is_not_lost_further(signals: np.ndarray) -> None:
    single = signals.astype(np.float32)
    np.testing.assert_array_equal(
        cross_spectra(single, RATE, BLOCK).matrices, cross_spectra(single.astype(np.float64), RATE, BLOCK).matrices
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signals": np.zeros(100)}, r"shape of the signals is \(100,\)"),
        ({"signals": np.zeros((2, 63))}, "length is 63 samples, expected at least one block of 64"),
        ({"signals": np.full((2, 64), np.nan)}, "a sample is not finite"),
        ({"block": 63}, "block is 63, expected an even number of samples"),
        ({"window": "flat"}, "window is 'flat', expected hann or rectangular"),
        ({"overlap": 1.0}, "overlap is 1.0, expected at least 0 and below 1"),
        ({"lowest_hz": 130.0, "highest_hz": 240.0}, "frequency range is 130 to 240 Hz, expected at least one bin"),
        ({"lowest_hz": -10.0, "highest_hz": 0.0}, "frequency range is -10 to 0 Hz"),
    ],
)
def test_what_cannot_be_averaged_is_refused(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"signals": np.zeros((2, 640)), "sample_rate": RATE, "block": BLOCK}
    with pytest.raises(AcoustillError, match=message):
        cross_spectra(**(arguments | changes))  # type: ignore[arg-type]


def test_matrices_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AcoustillError, match=r"\(2, 3, 4\) and \(2,\), expected \(F, M, M\) and \(F,\)"):
        CrossSpectra(np.ones(2), np.ones((2, 3, 4)), 1)
    with pytest.raises(AcoustillError, match=r"of shapes \(2, 3, 3\) and \(3,\)"):
        CrossSpectra(np.ones(3), np.ones((2, 3, 3)), 1)
    with pytest.raises(AcoustillError, match="not finite"):
        CrossSpectra(np.ones(1), np.full((1, 2, 2), np.inf), 1)


def test_parts_count_by_their_blocks(signals: np.ndarray) -> None:
    first = cross_spectra(signals[:, : 4 * BLOCK], RATE, BLOCK, "rectangular", overlap=0)
    second = cross_spectra(signals[:, 4 * BLOCK : 10 * BLOCK], RATE, BLOCK, "rectangular", overlap=0)
    whole = cross_spectra(signals[:, : 10 * BLOCK], RATE, BLOCK, "rectangular", overlap=0)
    mean = module.average([first, second])
    assert mean.blocks == whole.blocks == 10
    np.testing.assert_allclose(mean.matrices, whole.matrices, rtol=1e-9, atol=1e-12 * np.abs(whole.matrices).max())


def test_parts_of_different_kinds_are_refused(signals: np.ndarray) -> None:
    spectra = cross_spectra(signals, RATE, BLOCK)
    with pytest.raises(AcoustillError, match="of different bins or microphones"):
        module.average([spectra, spectra.keep([0, 1])])
    with pytest.raises(AcoustillError, match="number of parts is 0"):
        module.average([])

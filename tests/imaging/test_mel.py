"""Mel bands and the cepstrum."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.imaging.mel import cepstrum_matrix, hertz_to_mel, mel_filterbank, mel_to_hertz


@given(st.floats(0, 24000))
def test_mel_scale_is_undone_by_its_inverse(frequency: float) -> None:
    assert mel_to_hertz(hertz_to_mel(frequency)) == pytest.approx(frequency, abs=1e-6)


def test_a_thousand_hertz_are_about_a_thousand_mel() -> None:
    assert hertz_to_mel(1000.0) == pytest.approx(1000, abs=0.1)
    assert hertz_to_mel(0.0) == 0


@given(bands=st.integers(1, 60), bins=st.integers(8, 300), high=st.floats(500, 8000))
def test_every_band_hears_something_and_nothing_outside_its_range(bands: int, bins: int, high: float) -> None:
    frequencies = np.arange(1, bins + 1) * 8000 / bins
    filters = mel_filterbank(frequencies, bands, 100.0, high)
    assert filters.shape == (bands, bins)
    assert (filters.max(axis=1) > 0).all()
    assert filters.min() >= 0
    assert filters.max() <= 1
    edges = mel_to_hertz(np.linspace(hertz_to_mel(100.0), hertz_to_mel(high), bands + 2))
    spacing = 8000 / bins
    for band in range(bands):
        heard = frequencies[filters[band] > 0]
        assert heard.min() >= edges[band] - spacing
        assert heard.max() <= max(edges[band + 2], edges[band + 1] + spacing)


def test_neighbouring_bands_add_up_to_one() -> None:
    frequencies = np.linspace(10, 6144, 600)
    filters = mel_filterbank(frequencies, 12, 100.0, 6000.0)
    peaks = mel_to_hertz(np.linspace(hertz_to_mel(100.0), hertz_to_mel(6000.0), 14))[1:-1]
    between = (frequencies > peaks[0]) & (frequencies < peaks[-1])
    triangles = filters[:, between].sum(axis=0)
    assert triangles.min() > 0.5
    assert triangles.max() < 1.5


@given(st.integers(1, 50), st.data())
def test_the_cepstrum_is_the_orthonormal_cosine_transform(bands: int, data: st.DataObject) -> None:
    coefficients = data.draw(st.integers(1, bands))
    matrix = cepstrum_matrix(bands, coefficients)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(coefficients), atol=1e-12)
    values = np.random.default_rng(bands).standard_normal(bands)
    np.testing.assert_allclose(matrix @ values, scipy.fft.dct(values, norm="ortho")[:coefficients], atol=1e-10)


@pytest.mark.parametrize(("bands", "low", "high"), [(0, 100, 1000), (4, 1000, 1000), (4, -1, 100), (4, 200, 100)])
def test_empty_ranges_are_refused(bands: int, low: float, high: float) -> None:
    with pytest.raises(AcoustillError, match="mel filterbank"):
        mel_filterbank(np.arange(1.0, 2000.0), bands, low, high)

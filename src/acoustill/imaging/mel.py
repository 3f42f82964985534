"""Mel bands and cepstral coefficients of energy spectra."""

from __future__ import annotations

import numpy as np

from acoustill.errors import bad_input

LOWEST_HZ = 100.0


def hertz_to_mel(frequency_hz: np.ndarray | float) -> np.ndarray:
    """The mel scale m = 2595 log10(1 + f / 700) (O'Shaughnessy 1987, as in HTK)."""
    return 2595.0 * np.log10(1.0 + np.asarray(frequency_hz, dtype=np.float64) / 700.0)


def mel_to_hertz(mel: np.ndarray | float) -> np.ndarray:
    """The inverse of `hertz_to_mel`."""
    return 700.0 * (10.0 ** (np.asarray(mel, dtype=np.float64) / 2595.0) - 1.0)


def mel_edges(bands: int, lowest_hz: float, highest_hz: float) -> np.ndarray:
    """Where the bands of `mel_filterbank` start, peak and end, (bands + 2,): each peaks where the next one starts."""
    return mel_to_hertz(np.linspace(hertz_to_mel(lowest_hz), hertz_to_mel(highest_hz), bands + 2))


def mel_filterbank(frequencies_hz: np.ndarray, bands: int, lowest_hz: float, highest_hz: float) -> np.ndarray:
    """Triangular filters that overlap by half and whose peak is 1.

    A band that is narrower than the spacing of the bins takes the bin nearest to its centre.

    Args:
        frequencies_hz: of the bins, ascending.
        bands: number of filters.
        lowest_hz: where the first filter starts.
        highest_hz: where the last filter ends.

    Shapes:
        frequencies_hz: (F,).
        Output: (bands, F) float64.

    Raises:
        AcoustillError: if there is no band, or the range is empty.
    """
    if bands < 1 or not 0 <= lowest_hz < highest_hz:
        raise bad_input("mel filterbank", "range", f"{bands} bands, {lowest_hz}-{highest_hz} Hz", "0 <= low < high")
    edges = mel_edges(bands, lowest_hz, highest_hz)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies_hz - lower) / (centre - lower)
    falling = (upper - frequencies_hz) / (upper - centre)
    filters = np.clip(np.minimum(rising, falling), 0.0, None)
    empty = ~filters.any(axis=1)
    nearest = np.abs(frequencies_hz - centre).argmin(axis=1)
    filters[empty, nearest[empty]] = 1.0
    return filters


def cepstrum_matrix(bands: int, coefficients: int) -> np.ndarray:
    """The first rows of the orthonormal DCT-II, from the log energies of mel bands to MFCC.

    Coefficient 0 is the mean log energy times sqrt(bands): it keeps the level of the sound.

    Shapes:
        Output: (coefficients, bands) float64.

    Raises:
        AcoustillError: if more coefficients than bands are asked for.
    """
    if not 1 <= coefficients <= bands:
        raise bad_input("cepstrum", "number of coefficients", coefficients, f"1 to {bands}, the number of bands")
    k = np.arange(coefficients)[:, None]
    n = np.arange(bands)[None]
    matrix = np.cos(np.pi * k * (2 * n + 1) / (2 * bands)) * np.sqrt(2.0 / bands)
    matrix[0] /= np.sqrt(2.0)
    return matrix

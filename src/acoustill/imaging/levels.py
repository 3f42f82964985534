"""From the channels of an acoustic image back to how loud each pixel is."""

from __future__ import annotations

import numpy as np

from acoustill.imaging.mel import cepstrum_matrix
from acoustill.imaging.specification import ImageSpecification


def energy_map(features: np.ndarray, specification: ImageSpecification) -> np.ndarray:
    """Squared pressure of each pixel, summed over the channels.

    From cepstral coefficients the bands' levels come back smoothed over frequency, which is enough for
    pictures; `Imager.images` gives the exact energy.

    Shapes:
        features: (..., C), as the imager made them.
        Output: (...) float32, Pa^2.
    """
    return band_energies(features, specification).sum(axis=-1)


def band_energies(
    features: np.ndarray, specification: ImageSpecification, chosen: slice | np.ndarray = slice(None)
) -> np.ndarray:
    """Squared pressure of each pixel in bins or bands; those of cepstral coefficients are smoothed over frequency.

    Args:
        features: as the imager made them.
        specification: what their channels are.
        chosen: which of the bins or bands.

    Shapes:
        features: (..., C).
        Output: (..., chosen) float32, Pa^2.
    """
    values = np.asarray(features, dtype=np.float32)
    if specification.features != "mfcc":
        return values[..., chosen]
    inverse = cepstrum_matrix(specification.bands, specification.coefficients).astype(np.float32)
    return np.power(10.0, (values @ inverse[:, chosen]) / 10.0)

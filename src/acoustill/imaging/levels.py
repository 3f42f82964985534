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
    values = np.asarray(features, dtype=np.float32)
    if specification.features == "mfcc":
        inverse = cepstrum_matrix(specification.bands, specification.coefficients).astype(np.float32)
        values = np.power(10.0, (values @ inverse) / 10.0)
    return values.sum(axis=-1)

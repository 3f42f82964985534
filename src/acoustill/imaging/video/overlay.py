"""An energy map laid over the video frame that it belongs to."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import zoom

from acoustill.errors import bad_input

# Anchors of a map from dark to bright that stays readable in grey and for the colour-blind.
_ANCHORS = np.array(
    [[0, 0, 4], [60, 9, 101], [120, 28, 109], [187, 55, 84], [237, 105, 37], [252, 181, 25], [252, 255, 164]],
    dtype=np.float64,
)


def heat_colours(values: np.ndarray) -> np.ndarray:
    """Colours of values from 0 (dark) to 1 (bright).

    Shapes:
        values: (...,), clipped to [0, 1].
        Output: (..., 3) uint8 RGB.
    """
    positions = np.linspace(0, 1, len(_ANCHORS))
    clipped = np.clip(values, 0, 1)
    return np.stack([np.interp(clipped, positions, channel) for channel in _ANCHORS.T], axis=-1).astype(np.uint8)


def overlay(
    frame: np.ndarray,
    energy: np.ndarray,
    range_db: float = 12.0,
    peak: float | None = None,
    opacity: float = 0.65,
) -> np.ndarray:
    """The loud parts of an acoustic image drawn over its video frame.

    Args:
        frame: the video frame.
        energy: squared pressure of each pixel of the acoustic image.
        range_db: levels this far below the peak and further are left transparent.
        peak: the energy drawn brightest; None takes the map's own maximum.
        opacity: of the brightest colour.

    Shapes:
        frame: (h, w, 3) uint8 RGB.
        energy: (H, W); the map covers the whole frame, row 0 at its top.
        Output: (h, w, 3) uint8 RGB.

    Raises:
        AcoustillError: if the range is not positive or a shape is wrong.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or energy.ndim != 2:
        raise bad_input("overlay", "shapes", f"{frame.shape} and {energy.shape}", "(h, w, 3) and (H, W)")
    if range_db <= 0:
        raise bad_input("overlay", "dynamic range", f"{range_db} dB", "a positive number of decibels")
    strongest = float(energy.max()) if peak is None else peak
    if strongest <= 0:
        return frame.copy()
    levels = 10 * np.log10(np.maximum(energy, strongest * 1e-12) / strongest)
    scale = (frame.shape[0] / energy.shape[0], frame.shape[1] / energy.shape[1])
    shown = np.clip(1 + zoom(levels, scale, order=1, mode="nearest", grid_mode=True) / range_db, 0, 1)
    alpha = (opacity * np.sqrt(shown))[..., None]
    return (frame * (1 - alpha) + heat_colours(shown) * alpha).round().astype(np.uint8)

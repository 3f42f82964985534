"""Which frequencies show where a sound comes from, and how loud pixels are in them."""

from __future__ import annotations

import math

import numpy as np

from acoustill.errors import bad_input
from acoustill.imaging.grid import Grid
from acoustill.imaging.levels import band_energies
from acoustill.imaging.mel import LOWEST_HZ, mel_edges
from acoustill.imaging.specification import ImageSpecification
from acoustill.rig.rig import Rig

VIEW_SHARE = 0.5
BEAM = 0.886  # half-power width of the beam of a uniform aperture D, in c / (f D) radians


def beam_width_rad(rig: Rig, frequency_hz: float) -> float:
    """The half-power width of the beam of an array at a frequency, about 0.886 c / (f D).

    Van Trees 2002, "Optimum Array Processing", section 2.4, for an aperture D that is uniform.
    """
    return min(BEAM * rig.speed_of_sound / max(frequency_hz * rig.aperture_m, 1e-9), 2 * math.pi)


def lowest_resolved_hz(rig: Rig, grid: Grid) -> float:
    """The frequency from which on the array's beam is narrower than half the image.

    Below it a source colours most of the image, and as most sounds are strongest there, it would hide the
    rest (the width is that of `beam_width_rad`). At most a quarter of the sample rate is given, so that small
    arrays keep an octave of sound.

    Example:
        >>> from acoustill.imaging.grid import camera_grid
        >>> from acoustill.rig import preset
        >>> rig = preset("dualcam")
        >>> round(lowest_resolved_hz(rig, camera_grid(rig.camera, 36, 48, 2.0)), -1)
        1320.0
    """
    directions = grid.points_m / np.linalg.norm(grid.points_m, axis=-1, keepdims=True)
    middle = directions[grid.rows // 2]
    view_rad = math.acos(float(np.clip(middle[0] @ middle[-1], -1, 1)))
    highest = rig.sample_rate / 4
    if view_rad * rig.aperture_m <= 0:
        return LOWEST_HZ
    return max(LOWEST_HZ, min(BEAM * rig.speed_of_sound / (VIEW_SHARE * view_rad * rig.aperture_m), highest))


def band_energy_map(
    features: np.ndarray, specification: ImageSpecification, rig: Rig, lowest_hz: float, highest_hz: float
) -> np.ndarray:
    """Squared pressure of each pixel between two frequencies, from the channels of acoustic images.

    As `energy_map`, for the mel bands or bins whose centre lies in between.

    Args:
        features: as the imager made them.
        specification: what their channels are.
        rig: that heard the sound.
        lowest_hz: from here on.
        highest_hz: up to here.

    Shapes:
        features: (..., C).
        Output: (...) float32, Pa^2.

    Raises:
        AcoustillError: if no band has its centre there.
    """
    values = np.asarray(features, dtype=np.float32)
    if specification.features == "energy":
        centres = np.arange(1, values.shape[-1] + 1) * rig.sample_rate / rig.samples_per_frame
    else:
        top = specification.highest_hz or rig.sample_rate / 2
        centres = mel_edges(specification.bands, specification.lowest_hz, top)[1:-1]
    chosen = (centres >= lowest_hz) & (centres <= highest_hz)
    if not chosen.any():
        found, expected = f"{lowest_hz:g} to {highest_hz:g} Hz", f"within {centres[0]:.0f} to {centres[-1]:.0f} Hz"
        raise bad_input("images", "band", found, expected)
    return band_energies(values, specification, chosen).sum(axis=-1)

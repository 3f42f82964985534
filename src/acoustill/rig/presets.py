"""Rigs that ship with acoustill."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from acoustill.errors import bad_input
from acoustill.rig.camera import Camera
from acoustill.rig.rig import Rig


def _spread_points(count: int, side_m: float, seed: int) -> np.ndarray:
    """Irregular points that fill a square evenly: best-candidate sampling (Mitchell 1991)."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros((count, 2))
    for i in range(count):
        candidates = rng.uniform(-side_m / 2, side_m / 2, (10 * (i + 1), 2))
        if i:
            gaps = np.linalg.norm(candidates[:, None] - chosen[None, :i], axis=-1)
            nearest_m = gaps.min(axis=1)
            chosen[i] = candidates[nearest_m.argmax()]
        else:
            chosen[i] = candidates[0]
    chosen -= chosen.mean(axis=0)
    return np.clip(chosen, -side_m / 2, side_m / 2)


def dualcam() -> Rig:
    """128 microphones in a plane of 0.45 m x 0.45 m, 12,288 Hz, 12 frames/s, broken channels 79 and 105.

    The rates, the size and the broken channels are those of the AVIA data set (Perez et al. 2020). DualCam's
    own coordinates are not public: the irregular layout is ours, rounded to a tenth of a millimetre. The
    camera, also ours, looks along the array's axis with a horizontal field of view of 60 degrees.
    """
    plane = _spread_points(128, 0.45, seed=1904)
    positions = np.column_stack([plane, np.zeros(128)]).round(4)
    camera = Camera.with_field_of_view(640, 480, math.radians(60))
    return Rig("dualcam", positions, 12288, 12.0, broken=(79, 105), camera=camera)


def uma16() -> Rig:
    """4 x 4 microphones 42 mm apart, 48,000 Hz, 12 frames/s: the layout of miniDSP's UMA-16.

    Channels are numbered row by row from the top left as the camera sees it. Check the numbering of your
    device: makers count differently.
    """
    offsets = (np.arange(4) - 1.5) * 0.042
    x, y = np.meshgrid(offsets, offsets)
    positions = np.column_stack([x.ravel(), y.ravel(), np.zeros(16)])
    return Rig("uma16", positions, 48000, 12.0, camera=Camera.with_field_of_view(640, 480, math.radians(60)))


PRESETS: dict[str, Callable[[], Rig]] = {"dualcam": dualcam, "uma16": uma16}


def preset(name: str) -> Rig:
    """The preset rig of that name.

    Raises:
        AcoustillError: if there is none.

    Example:
        >>> preset("dualcam").channels
        128
    """
    if name not in PRESETS:
        raise bad_input("rig", "preset", repr(name), f"one of {', '.join(PRESETS)}")
    return PRESETS[name]()

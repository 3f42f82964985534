"""Acoustic images that DualCam's own software made, one MATLAB file a frame."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from acoustill.archive.importers.mat_files import read_array
from acoustill.errors import bad_input

VARIABLE = "MFCC"
SHAPE = ROWS, COLUMNS, COEFFICIENTS = 36, 48, 12

MENDED = {
    "resample": "resampled to",
    "pad-front": "padded with zeros in front to",
    "pad-end": "padded with zeros at the end to",
}
"""What was done to short maps, for notes."""

ShortMaps = Literal["resample", "pad-front", "pad-end", "set-aside"]
ALIGNMENTS: tuple[ShortMaps, ...] = get_args(ShortMaps)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as `36 x 48 x 12`."""
    return " x ".join(map(str, shape))


def read_map(path: Path) -> np.ndarray:
    """The map of one frame.

    Shapes:
        Output: (rows, columns, coefficients) float32, at most 36 x 48 x 12.

    Raises:
        AcoustillError: if it cannot be read, is larger, or holds values that are not finite in single precision.
    """
    stored = read_array(path, VARIABLE)
    if any(found > most for found, most in zip(stored.shape, SHAPE, strict=True)):
        raise bad_input(path, "shape of the map", shape_text(stored.shape), f"at most {shape_text(SHAPE)}")
    with np.errstate(over="ignore"):
        image = stored.astype(np.float32)
    if not np.isfinite(image).all():
        raise bad_input(path, "map", "not finite", "finite values")
    return image


def align_map(image: np.ndarray, alignment: ShortMaps, where: object) -> np.ndarray:
    """A map of the full shape from one that may lack rows, columns or coefficients.

    Args:
        image: the map.
        alignment: `resample` takes it that the map covers the whole view of the camera in fewer pixels, and that the
            coefficients it lacks are the highest, which become 0; `pad-front` puts zeros before every axis, as the
            paper's converter does, which moves the image down and to the right and every coefficient up; `pad-end`
            puts them behind; `set-aside` refuses it.
        where: the map's file, for the message.

    Shapes:
        image: (rows, columns, coefficients) float32, at most 36 x 48 x 12.
        Output: (36, 48, 12) float32.

    Raises:
        AcoustillError: if the map is short and may not be.
    """
    if image.shape == SHAPE:
        return image
    if alignment == "set-aside":
        raise bad_input(where, "shape of the map", shape_text(image.shape), shape_text(SHAPE))
    if alignment == "resample":
        down, across = _resampling(image.shape[0], ROWS), _resampling(image.shape[1], COLUMNS)
        # One axis after the other; not by matrix products, whose rounding may depend on the number of threads.
        taller = np.einsum("Rr,rcf->Rcf", down, image.astype(np.float64))
        image = np.einsum("Cc,Rcf->RCf", across, taller).astype(np.float32)
    aligned = np.zeros(SHAPE, np.float32)
    if alignment == "pad-front":
        aligned[tuple(slice(most - found, None) for found, most in zip(image.shape, SHAPE, strict=True))] = image
    else:
        aligned[tuple(slice(found) for found in image.shape)] = image
    return aligned


@functools.cache
def _resampling(found: int, wanted: int) -> np.ndarray:
    """What linearly interpolates pixels so that the edges of the view, not their centres, stay where they are.

    Shapes:
        Output: (wanted, found); a place beyond the outermost centre takes the outermost pixel.
    """
    places = np.clip((np.arange(wanted) + 0.5) * found / wanted - 0.5, 0, found - 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(found)))

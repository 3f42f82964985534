"""What `acoustill image` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from acoustill.errors import AcoustillError, bad_input
from acoustill.files import replacing
from acoustill.imaging.grid import camera_grid, extent_grid
from acoustill.imaging.imager import Imager, ImageSpecification
from acoustill.imaging.mel import LOWEST_HZ
from acoustill.imaging.peaks import find_peaks
from acoustill.imaging.signals import check_signals, read_signals
from acoustill.rig.file import load_rig
from acoustill.rig.geometry import read_geometry
from acoustill.rig.rig import Rig


def image_recording(
    recording: Path,
    *,
    rig: str | None,
    geometry: Path | None,
    distance_m: float,
    extent: str | None,
    grid: str,
    frame_samples: int,
    features: str,
    band: str | None,
    peaks: int,
    range_db: float,
    out: Path | None,
) -> dict[str, Any]:
    """Images of a sound file and its strongest sources; see `acoustill image --help` for the arguments.

    Returns:
        A JSON object: `peaks` (see `Peak.to_json`), `frames`, `rows`, `columns`, `channels`, `out`.

    Raises:
        AcoustillError: if an argument or the file cannot be used.
    """
    if (rig is None) == (geometry is None):
        raise AcoustillError("image: give either --rig or --geometry")
    if out is not None and out.suffix != ".npz":
        raise bad_input("image", "--out", str(out), "a file name that ends in .npz")
    signals, rate = read_signals(recording)
    if rig is not None:
        array = load_rig(rig)
    else:
        assert geometry is not None
        positions, channels = read_geometry(geometry)
        if max(channels) >= len(signals):
            found = f"{len(signals)}"
            raise bad_input(recording, "number of channels", found, f"at least {max(channels) + 1}, as {geometry} says")
        array = Rig(geometry.stem, positions, rate, rate / frame_samples)
        signals = signals[channels]
    check_signals(signals, rate, array, recording)
    columns, rows = _numbers(grid, "--grid", "x", 2, int)
    if extent is not None:
        x_min, x_max, y_min, y_max = _numbers(extent, "--extent", ",", 4, float)
        pixels = extent_grid((x_min, x_max, y_min, y_max), int(rows), int(columns), distance_m)
    elif rig is not None:
        pixels = camera_grid(array.camera, int(rows), int(columns), distance_m)
    else:
        raise AcoustillError("image: --geometry has no camera; give --extent x_min,x_max,y_min,y_max")
    lowest, highest = _numbers(band, "--band", ",", 2, float) if band else (LOWEST_HZ, None)
    specification = ImageSpecification(features=features, lowest_hz=lowest, highest_hz=highest)  # type: ignore[arg-type]
    images = Imager(array, pixels, specification).images(signals)
    found_peaks = find_peaks(images.energy.mean(axis=0), pixels, peaks, range_db)
    if out is not None:
        with replacing(out) as beside, beside.open("wb") as file:
            np.savez(file, images=images.features, energy=images.energy, points_m=pixels.points_m)
    return {
        "recording": str(recording),
        "frames": len(images.energy),
        "rows": pixels.rows,
        "columns": pixels.columns,
        "channels": images.features.shape[-1],
        "peaks": [peak.to_json() for peak in found_peaks],
        "out": None if out is None else str(out),
    }


def _numbers(text: str, option: str, separator: str, count: int, kind: type) -> list[Any]:
    parts = text.split(separator)
    try:
        values = [kind(part) for part in parts]
    except ValueError:
        values = []
    if len(values) != count:
        raise bad_input("image", option, repr(text), f"{count} numbers separated by {separator!r}")
    return values

"""Pressure signals in, acoustic images out.

The public names below are imported when they are first used: who only reads an archive need not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "BeamSpecification": "acoustill.imaging.beam_specification",
    "BeamSpectra": "acoustill.imaging.beam_spectra",
    "BeamStream": "acoustill.imaging.beam",
    "CrossSpectra": "acoustill.imaging.cross_spectral_matrix",
    "DelayAndSum": "acoustill.imaging.steering",
    "FORMULATIONS": "acoustill.imaging.steering",
    "FilterAndSum": "acoustill.imaging.steering",
    "ForeignImages": "acoustill.imaging.specification",
    "Grid": "acoustill.imaging.grid",
    "ImageSpecification": "acoustill.imaging.specification",
    "ImageStream": "acoustill.imaging.imager",
    "Imager": "acoustill.imaging.imager",
    "Images": "acoustill.imaging.imager",
    "Localisation": "acoustill.imaging.localisation",
    "Localiser": "acoustill.imaging.localisation",
    "MAP_METHODS": "acoustill.imaging.maps",
    "OverlayStyle": "acoustill.imaging.video",
    "Peak": "acoustill.imaging.peaks",
    "Superdirective": "acoustill.imaging.superdirective",
    "Track": "acoustill.imaging.track",
    "camera_grid": "acoustill.imaging.grid",
    "check_signals": "acoustill.imaging.signals",
    "checked_blocks": "acoustill.imaging.signals",
    "cross_spectra": "acoustill.imaging.cross_spectral_matrix",
    "energy_map": "acoustill.imaging.levels",
    "extent_grid": "acoustill.imaging.grid",
    "find_peaks": "acoustill.imaging.peaks",
    "map_method": "acoustill.imaging.maps",
    "open_signals": "acoustill.imaging.signals",
    "overlay": "acoustill.imaging.video",
    "read_signals": "acoustill.imaging.signals",
    "steer": "acoustill.imaging.beam",
    "track_loudest": "acoustill.imaging.track",
    "write_overlay_video": "acoustill.imaging.video",
}

__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'acoustill.imaging' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

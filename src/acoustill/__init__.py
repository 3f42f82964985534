"""acoustill: from an acoustic camera's recordings to a sound classifier that needs one microphone.

The public names below are imported when they are first used, so that `import acoustill` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

from acoustill.version import __version__

_PUBLIC = {
    "AcoustillError": "acoustill.errors",
    "Archive": "acoustill.archive",
    "Camera": "acoustill.rig",
    "ImageSpecification": "acoustill.imaging",
    "Imager": "acoustill.imaging",
    "Protocol": "acoustill.archive",
    "Rig": "acoustill.rig",
    "camera_grid": "acoustill.imaging",
    "extent_grid": "acoustill.imaging",
    "find_peaks": "acoustill.imaging",
    "load_network": "acoustill.models",
    "load_rig": "acoustill.rig",
    "overlay": "acoustill.imaging",
    "preset": "acoustill.rig",
    "simulate_archive": "acoustill.simulation",
    "split_archive": "acoustill.archive",
    "validate_archive": "acoustill.archive",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'acoustill' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

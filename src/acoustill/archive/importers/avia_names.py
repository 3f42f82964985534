"""What the published data sets AVIA and ACIVW call their classes, places and recordings, and the rig that made them."""

from __future__ import annotations

from dataclasses import replace

from acoustill.rig.presets import preset
from acoustill.rig.rig import Rig

ACTIONS: tuple[str, ...] = (
    "clapping",
    "snapping fingers",
    "speaking",
    "whistling",
    "playing kendama",
    "clicking",
    "typing",
    "knocking",
    "hammering",
    "peanut breaking",
    "paper ripping",
    "plastic crumpling",
    "paper shaking",
    "stick dropping",
)
"""AVIA's classes, in the order of their numbers, which start at 0."""

SCENARIOS: tuple[str, ...] = ("anechoic chamber", "open space office", "outdoor terrace")
"""AVIA's places, in the order of their numbers, which start at 1."""

LAST_SUBJECT = 99
"""The highest number of a subject that ids have room for; AVIA has nine subjects, who count from 1."""

ABOUT = "about.json"
"""Stands beside folders in AVIA's layout that acoustill wrote, and says what AVIA does not say of itself."""

ACIVW_CLASSES: tuple[str, ...] = (
    "train",
    "boat",
    "drone",
    "fountain",
    "drill",
    "razor",
    "hair dryer",
    "hoover",
    "shopping cart",
    "traffic",
)
"""ACIVW's classes, in the order of their numbers, which start at 0."""


def avia_id(location: int, subject: int, action: int) -> str:
    """The id of a recording of AVIA; ids sort as the paper's lists do.

    Args:
        location: from 1.
        subject: from 1.
        action: from 0.

    Example:
        >>> avia_id(1, 9, 0)
        'location-01-subject-09-action-00'
    """
    return f"location-{location:02d}-subject-{subject:02d}-action-{action:02d}"


def acivw_id(class_index: int, data: int) -> str:
    """The id of a recording of ACIVW.

    Args:
        class_index: from 0.
        data: number of the recording within its class, from 0.

    Example:
        >>> acivw_id(3, 12)
        'class-3-data-012'
    """
    return f"class-{class_index}-data-{data:03d}"


def avia_rig() -> Rig:
    """DualCam, the rig of both data sets: 12,288 Hz, 12 frames/s, 128 microphones, of which 79 and 105 are broken.

    The true positions of the microphones and the true camera are not public. Those of the preset `dualcam` stand
    in for them, which has the same size and number of microphones: images formed from the array's audio with
    this rig show no true places.
    """
    return replace(preset("dualcam"), name="avia")

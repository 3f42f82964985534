"""What the beam spectra of an archive are."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from pydantic import TypeAdapter

from acoustill.errors import bad_input
from acoustill.rig.rig import Rig

UNIT_PA = 1e-3  # of stored values: float16 then holds microphones' own noise and shouting


@dataclass(frozen=True)
class BeamSpecification:
    """Spectra of fixed beams into a coarse grid of directions: 20 ms long, every 10 ms, and complex.

    Complex, because recordings are mixed by adding them: what is added here equals what would have been heard had the
    microphones' signals been added, channel by channel, before any beam was formed.

    Attributes:
        rows: directions from top to bottom of the camera's view.
        columns: from left to right.
        distance_m: of the points that the beams are steered to.
        steps: spectra in one video frame; a window is two steps long.
        white_noise_gain_db: of the superdirective weights, see `Superdirective`.

    Raises:
        AcoustillError: if a value is impossible for every rig.
    """

    rows: int = 6
    columns: int = 8
    distance_m: float = 2.0
    steps: int = 8
    white_noise_gain_db: float = 6.0

    def __post_init__(self) -> None:
        for name in ("rows", "columns", "steps"):
            if getattr(self, name) < 1:
                raise bad_input("beam spectra", name, getattr(self, name), "at least 1")
        if not 0 < self.distance_m < math.inf:
            raise bad_input("beam spectra", "distance", f"{self.distance_m} m", "a positive number of metres")
        if not math.isfinite(self.white_noise_gain_db):
            raise bad_input("beam spectra", "white noise gain", f"{self.white_noise_gain_db} dB", "a number")

    def to_json(self) -> dict[str, object]:
        """A JSON object that `beams_from_json` reads back."""
        return asdict(self)

    def hop(self, rig: Rig) -> int:
        """Samples from one spectrum to the next.

        Raises:
            AcoustillError: if a video frame does not hold a whole number of them.
        """
        if rig.samples_per_frame % self.steps:
            expected = f"a divisor of the {rig.samples_per_frame} samples of a video frame"
            raise bad_input("beam spectra", "steps", self.steps, expected)
        return rig.samples_per_frame // self.steps

    def shape(self, rig: Rig) -> tuple[int, int, int, int]:
        """(steps, rows, columns, bins) of one video frame.

        Raises:
            AcoustillError: if a video frame does not hold a whole number of steps.
        """
        return self.steps, self.rows, self.columns, self.hop(rig) + 1


def beams_from_json(content: dict[str, Any]) -> BeamSpecification:
    """What `BeamSpecification.to_json` wrote.

    Raises:
        ValueError: if it is not an object, a key is not known, or a value is of a wrong type.
        AcoustillError: if a value is impossible.
    """
    unknown = sorted(set(content) - {field.name for field in fields(BeamSpecification)})
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not known")
    return TypeAdapter(BeamSpecification).validate_python(content)

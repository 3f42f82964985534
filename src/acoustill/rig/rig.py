"""The rig: a microphone array, a camera and their rates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from acoustill.errors import bad_input
from acoustill.rig.camera import Camera

SPEED_OF_SOUND = 343.0


@dataclass(frozen=True)
class Rig:
    """A microphone array, a camera, and how they stand to each other.

    Attributes:
        name: what the rig is called.
        positions_m: microphones in the rig frame (x right, y down, z forward), one row a channel.
        sample_rate: of the audio, in hertz.
        frame_rate: of the video and of the acoustic images, in frames per second.
        broken: channels left out of weights and of statistics.
        camera: the video camera.
        speed_of_sound: in metres per second.

    Shapes:
        positions_m: (M, 3) float64.

    Raises:
        AcoustillError: if positions are not finite (M, 3), microphones coincide, a broken channel does not
            exist, no channel is left, or a frame does not hold a whole number of samples.
    """

    name: str
    positions_m: np.ndarray
    sample_rate: int
    frame_rate: float
    broken: tuple[int, ...] = ()
    camera: Camera = field(default_factory=Camera)
    speed_of_sound: float = SPEED_OF_SOUND

    def __post_init__(self) -> None:
        positions = np.array(self.positions_m, dtype=np.float64)
        where = f"rig {self.name}"
        if positions.ndim != 2 or positions.shape[1] != 3 or not len(positions):
            raise bad_input(where, "positions_m", f"of shape {positions.shape}", "(microphones, 3)")
        if not np.isfinite(positions).all():
            raise bad_input(where, "positions_m", "not finite", "metres")
        if len(np.unique(positions.round(6), axis=0)) < len(positions):
            raise bad_input(where, "positions_m", "the same for two microphones", "distinct positions")
        positions.setflags(write=False)
        object.__setattr__(self, "positions_m", positions)
        object.__setattr__(self, "broken", tuple(sorted(set(self.broken))))
        unknown = [channel for channel in self.broken if not 0 <= channel < len(positions)]
        if unknown:
            raise bad_input(where, "broken", unknown, f"channels 0 to {len(positions) - 1}")
        if len(self.broken) == len(positions):
            raise bad_input(where, "broken", "every channel", "at least one working microphone")
        if not all(0 < rate < np.inf for rate in (self.sample_rate, self.frame_rate, self.speed_of_sound)):
            raise bad_input(where, "a rate or the speed of sound", "not positive", "positive numbers")
        samples = self.sample_rate / self.frame_rate
        if abs(samples - round(samples)) > 1e-6 or samples < 1:
            raise bad_input(where, "samples per frame", f"{samples:g}", "a whole number; change frame_rate")

    @property
    def channels(self) -> int:
        """Microphones, broken ones included: the channels of a recording."""
        return len(self.positions_m)

    @property
    def working(self) -> np.ndarray:
        """Indices of the microphones that are not broken, (M',) int64."""
        return np.setdiff1d(np.arange(self.channels), self.broken)

    @property
    def samples_per_frame(self) -> int:
        """Audio samples in one video frame."""
        return round(self.sample_rate / self.frame_rate)

    @property
    def aperture_m(self) -> float:
        """Largest distance between two working microphones along one axis."""
        return float(np.ptp(self.positions_m[self.working], axis=0).max())

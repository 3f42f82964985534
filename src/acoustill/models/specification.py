"""What a network is given and what it answers; it travels with the weights."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Specification(BaseModel):
    """The contract between a network and its data.

    Attributes:
        streams: what the network is given of a clip.
        classes: what it tells apart, in the order of its outputs.
        sample_rate: of the audio, in hertz.
        samples_per_frame: audio samples in one video frame.
        clip_frames: length of a clip that is classified as one, in video frames.
        image_shape: (H, W, C) of an acoustic image; None for networks that see none.
        image: the image specification, as `ImageSpecification.to_json` gives it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    streams: tuple[Literal["audio", "image", "video"], ...] = Field(min_length=1)
    classes: tuple[str, ...] = Field(min_length=2)
    sample_rate: int = Field(gt=0)
    samples_per_frame: int = Field(gt=0)
    clip_frames: int = Field(gt=0)
    image_shape: tuple[int, int, int] | None = None
    image: dict | None = None

    @property
    def frame_rate(self) -> float:
        """Video frames per second."""
        return self.sample_rate / self.samples_per_frame

    @property
    def clip_samples(self) -> int:
        """Length of a clip in audio samples."""
        return self.clip_frames * self.samples_per_frame

"""What a network is given and what it answers; it travels with the weights."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

Stream = Literal["audio", "image", "video", "beams", "direction"]
LOUDNESS_PA = 0.02  # of examples: 60 dB SPL, speech nearby


class ReceptiveField(BaseModel):
    """How much of its input one answer depends on, from the end of what it stands for: a video frame, a step, a clip.

    Attributes:
        before_s: seconds before that end, what it stands for included; None for all of the clip.
        after_s: seconds after it; None for all of the clip, 0 for networks that can stream.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    before_s: float | None
    after_s: float | None


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
        beams_shape: (steps, rows, columns, bins) of the beam spectra of one video frame; None for networks that are
            given none.
        beams: the beam specification, as `BeamSpecification.to_json` gives it.
        video_shape: (rows, columns) that video frames are brought to; None for networks that see none.
        features: what the network makes of each of its streams first; set by the network.
        receptive_field: of one answer; set by the network.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    streams: tuple[Stream, ...] = Field(min_length=1)
    classes: tuple[str, ...] = Field(min_length=2)
    sample_rate: int = Field(gt=0)
    samples_per_frame: int = Field(gt=0)
    clip_frames: int = Field(gt=0)
    image_shape: tuple[int, int, int] | None = None
    image: dict | None = None
    beams_shape: tuple[int, int, int, int] | None = None
    beams: dict | None = None
    video_shape: tuple[int, int] | None = None
    features: dict[str, Any] = {}
    receptive_field: ReceptiveField | None = None

    @property
    def frame_rate(self) -> float:
        """Video frames per second."""
        return self.sample_rate / self.samples_per_frame

    @property
    def clip_samples(self) -> int:
        """Length of a clip in audio samples."""
        return self.clip_frames * self.samples_per_frame

    def view_shape(self, stream: Stream, frames: int | None = None) -> tuple[int, ...]:
        """Shape of one clip's view, as `Network.forward` takes it, without the batch.

        Args:
            stream: which.
            frames: length of the clip in video frames; that of a clip that is classified as one by default.

        Raises:
            ValueError: if the specification does not say what the stream looks like.
        """
        frames = self.clip_frames if frames is None else frames
        if stream == "audio":
            return (frames * self.samples_per_frame,)
        if stream == "direction":
            return (frames, 2)
        if stream == "video" and self.video_shape is not None:
            return (frames, *self.video_shape, 3)
        if stream == "image" and self.image_shape is not None:
            return (frames, *self.image_shape)
        if stream == "beams" and self.beams_shape is not None:
            return (frames, *self.beams_shape, 2)
        raise ValueError(f"the specification does not say what {stream} looks like")

    def example(self, batch: int = 1, seed: int = 0, frames: int | None = None) -> dict[str, Tensor]:
        """Random views of every stream, of plausible types and levels, to try networks with.

        Args:
            batch: number of clips.
            seed: of the values.
            frames: length of the clips in video frames; as `view_shape`.

        Shapes:
            Output: (batch, *view_shape(stream)) for each stream.

        Raises:
            ValueError: if the specification does not say what a stream looks like.
        """
        generator = torch.Generator().manual_seed(seed)
        views: dict[str, Tensor] = {}
        for stream in self.streams:
            shape = (batch, *self.view_shape(stream, frames))
            if stream == "video":
                views[stream] = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
            elif stream == "direction":
                views[stream] = torch.rand(shape, generator=generator)
            elif stream == "beams":
                views[stream] = torch.randn(shape, generator=generator).half()
            elif stream == "audio":
                views[stream] = LOUDNESS_PA * torch.randn(shape, generator=generator)
            elif self.image is None or self.image.get("features") == "mfcc":
                views[stream] = 10 * torch.randn(shape, generator=generator)
            else:
                views[stream] = LOUDNESS_PA**2 * torch.randn(shape, generator=generator).exp()
        return views

"""What all networks have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from acoustill.errors import bad_input
from acoustill.models.specification import Specification

Views = Mapping[str, Tensor]


class Network(nn.Module):
    """A classifier of clips.

    Its input is a mapping from streams to batches, so that networks of one stream and of several are trained,
    kept and asked alike.

    Args:
        specification: what it is given and answers.
        settings: keyword arguments that build an equal network; JSON values.

    Attributes:
        name: by which the network is built and loaded.
        streams: what it is given of a clip.
    """

    name: ClassVar[str]
    streams: ClassVar[tuple[str, ...]]

    def __init__(self, specification: Specification, settings: dict[str, Any]) -> None:
        super().__init__()
        if specification.streams != self.streams:
            raise bad_input(self.name, "streams", list(specification.streams), f"{list(self.streams)}")
        self.specification = specification
        self.settings = settings

    def forward(self, views: Views) -> Tensor:
        """Logits of a batch of clips.

        Shapes:
            views: `audio` (B, samples) in pascal, `image` (B, frames, H, W, C), `video` (B, frames, h, w, 3) uint8.
            Output: (B, classes).

        Raises:
            AcoustillError: if the views break the specification, see `check`.
        """
        raise NotImplementedError

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Sets the buffers that bring inputs to mean 0 and deviation 1, from batches of training clips."""
        raise NotImplementedError

    def check(self, views: Views) -> None:
        """Refuses a batch that breaks the specification.

        Raises:
            AcoustillError: naming what was found and what was expected.
        """
        spec = self.specification
        if not isinstance(views, Mapping) or not set(self.streams) <= set(views):
            found = sorted(views) if isinstance(views, Mapping) else type(views).__name__
            raise bad_input(self.name, "input", found, f"a mapping with {list(self.streams)}")
        for stream in self.streams:
            view, shape = views[stream], tuple(views[stream].shape)
            if stream == "audio" and (len(shape) != 2 or shape[1] < spec.clip_samples):
                wanted = f"(batch, {spec.clip_samples} samples or more at {spec.sample_rate} Hz)"
                raise bad_input(self.name, "shape of the audio", shape, wanted)
            if stream == "image" and (len(shape) != 5 or shape[2:] != spec.image_shape):
                wanted = f"(batch, frames, {spec.image_shape})"
                raise bad_input(self.name, "shape of the acoustic images", shape, wanted)
            if view.is_floating_point() and not torch.isfinite(view).all():
                raise bad_input(self.name, stream, "not finite", "finite values")


class FrameNetwork(Network):
    """A network that answers for every video frame, and for a clip by the mean of its frames' logits.

    Only such networks can teach: their answers are kept once a frame and serve every crop.
    """

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame.

        Shapes:
            views: as `Network.forward`.
            Output: (B, frames, classes).
        """
        raise NotImplementedError

    def forward(self, views: Views) -> Tensor:
        """Mean over the frames of their logits."""
        return self.frame_logits(views).mean(dim=1)


class Standardise(nn.Module):
    """(x - mean) / deviation along the last axis, with statistics that are saved with the weights.

    Args:
        size: of the last axis.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    def forward(self, values: Tensor) -> Tensor:
        """Standardised values, of the shape given."""
        return (values - self.mean) / self.deviation

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> None:
        """Mean and deviation of each element of the last axis, over all batches (in float64)."""
        count = 0
        total = torch.zeros_like(self.mean, dtype=torch.float64)
        squares = torch.zeros_like(total)
        for batch in batches:
            values = batch.flatten(0, -2).double()
            count += len(values)
            total += values.sum(dim=0)
            squares += values.square().sum(dim=0)
        if count < 2:
            raise bad_input("normalisation", "number of values", count, "at least 2")
        mean = total / count
        variance = (squares - count * mean.square()) / (count - 1)
        self.mean.copy_(mean)
        self.deviation.copy_(variance.clamp_min(1e-6).sqrt())

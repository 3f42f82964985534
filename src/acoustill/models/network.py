"""What all networks have in common."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from acoustill.errors import bad_input
from acoustill.models.specification import Specification

Views = Mapping[str, Tensor]
VIEW_NAMES = {
    "audio": "the audio",
    "image": "the acoustic images",
    "video": "the video",
    "beams": "the beam spectra",
    "direction": "the direction",
}
# Of settings that go by the same name in all networks: the least value, the highest, and both in words.
RANGES: dict[str, tuple[float, float, str]] = {
    "dropout": (0.0, math.nextafter(1.0, 0.0), "a number from 0 to below 1"),
    "modality_dropout": (0.0, 1.0, "a number from 0 to 1"),
    "frames_per_second": (math.ulp(0.0), math.inf, "a number above 0"),
}
LEAST_SHARE = 1e-6  # of the largest deviation, see `Standardise`


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
        optional: those of them that it can do without.
    """

    name: ClassVar[str]
    streams: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()

    def __init__(self, specification: Specification, settings: dict[str, Any]) -> None:
        super().__init__()
        self.check_streams(specification)
        check_settings(self.name, settings)
        self.specification = specification
        self.settings = settings

    @classmethod
    def check_streams(cls, specification: Specification) -> None:
        """Refuses a specification of other streams, or one that does not say what they look like.

        Raises:
            AcoustillError: naming the stream.
        """
        if specification.streams != cls.streams:
            raise bad_input(cls.name, "streams", list(specification.streams), f"{list(cls.streams)}")
        for stream in specification.streams:
            try:
                specification.view_shape(stream)
            except ValueError:
                raise bad_input(cls.name, f"{stream}_shape of the specification", None, "a shape") from None

    def forward(self, views: Views) -> Tensor:
        """Logits of a batch of clips.

        Shapes:
            views: `audio` (B, samples) in pascal, `image` (B, frames, H, W, C), `video` (B, frames, h, w, 3) uint8 RGB,
                `beams` (B, frames, steps, rows, columns, bins, 2) as stored, `direction` (B, frames, 2), column and row
                in the video frame from 0 to 1.
            Output: (B, classes).

        Raises:
            AcoustillError: if the views break the specification, see `check`.
        """
        raise NotImplementedError

    def logits_of_parts(self, views: Views) -> tuple[Tensor, ...]:
        """Logits of each part that learns for itself; a network without parts is one.

        Shapes:
            views: as `forward`.
            Output: (B, classes) each.
        """
        return (self(views),)

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Sets the buffers that bring inputs to mean 0 and deviation 1, from batches of training clips."""
        raise NotImplementedError

    @property
    def needed(self) -> set[str]:
        """The streams without which it cannot answer."""
        return set(self.streams) - set(self.optional)

    def can_answer(self, streams: Collection[str]) -> bool:
        """Whether these streams are enough for an answer."""
        return self.needed <= set(streams)

    def check(self, views: Views) -> None:
        """Refuses a batch that breaks the specification.

        Raises:
            AcoustillError: naming what was found and what was expected.
        """
        if not isinstance(views, Mapping) or not self.needed <= set(views):
            found = sorted(views) if isinstance(views, Mapping) else type(views).__name__
            raise bad_input(self.name, "input", found, f"a mapping with {sorted(self.needed, key=self.streams.index)}")
        self._check_shapes(views, [stream for stream in self.streams if stream in views])

    def _check_shapes(self, views: Views, streams: Iterable[str]) -> None:
        """Refuses views of some streams that are of another shape or length than stated, or not finite."""
        spec = self.specification
        lengths = {stream: tuple(views[stream].shape[:2]) for stream in streams if stream != "audio"}
        if len(set(lengths.values())) > 1:
            raise bad_input(self.name, "clips and frames", lengths, "as many of every stream")
        for stream in streams:
            view, shape = views[stream], tuple(views[stream].shape)
            wanted = spec.view_shape(stream)  # type: ignore[arg-type]
            if stream == "audio":
                whole, expected = len(shape) == 2 and shape[1] >= wanted[0], f"{wanted[0]} samples or more"
            else:
                whole, expected = len(shape) == len(wanted) + 1 and shape[2:] == wanted[1:], f"frames, {wanted[1:]}"
            if not whole:
                at = f" at {spec.sample_rate} Hz" if stream == "audio" else ""
                raise bad_input(self.name, f"shape of {VIEW_NAMES[stream]}", shape, f"(batch, {expected}{at})")
            if stream == "audio" and not view.is_floating_point():  # integers would be taken for pascals
                raise bad_input(self.name, "type of the audio", str(view.dtype), "floating point, in pascal")
            if stream == "video" and view.dtype != torch.uint8:  # numbers from 0 to 1 would be taken for near black
                raise bad_input(self.name, "type of the video", str(view.dtype), "torch.uint8, from 0 to 255")
            # One value that is not finite makes the sum such: looking at each takes as long as a small network. Beams,
            # the largest, are finite in an archive that was written or validated.
            if stream != "beams" and view.is_floating_point() and not torch.isfinite(view.sum(dtype=torch.float32)):
                raise bad_input(self.name, stream, "not finite", "finite values")


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Refuses values outside the range that a setting has in all networks.

    Args:
        name: of the network.
        settings: of it; others than those of `RANGES` are left to the network.

    Raises:
        AcoustillError: naming the setting.
    """
    for setting, (lowest, highest, expected) in RANGES.items():
        value = settings.get(setting, lowest)
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise bad_input(name, setting, repr(value), expected)


class StepNetwork(Network):
    """A network that answers for steps of a clip, and for the clip by the mean of their logits."""

    def step_logits(self, views: Views) -> Tensor:
        """Logits of every step.

        Shapes:
            views: as `Network.forward`.
            Output: (B, steps, classes).
        """
        raise NotImplementedError

    def step_end_s(self, step: int) -> float:
        """When a step ends, in seconds from the start of the clip; its receptive field is told from there."""
        raise NotImplementedError

    def forward(self, views: Views) -> Tensor:
        """Mean over the steps of their logits."""
        return self.step_logits(views).mean(dim=1)


class FrameNetwork(StepNetwork):
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

    def step_logits(self, views: Views) -> Tensor:
        """Those of the frames."""
        return self.frame_logits(views)

    def step_end_s(self, step: int) -> float:
        """When a frame ends."""
        return (step + 1) / self.specification.frame_rate


class Standardise(nn.Module):
    """(x - mean) / deviation along the last axis, with statistics that are saved with the weights.

    What hardly varies in training is divided by a least deviation, so that it is not blown up where it does vary
    later: a band that is empty in every recording of one place is not in another.

    Args:
        size: of the last axis.
        smallest: least deviation, in the unit of the values: 1 dB for levels. None, for pressures and their squares, is
            a millionth of the largest deviation on the axis, 60 dB below it in energies, however loud recordings are.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, size: int, smallest: float | None = 1.0) -> None:
        super().__init__()
        self.smallest = smallest
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    def forward(self, values: Tensor) -> Tensor:
        """Standardised values, of the shape given."""
        return (values - self.mean) / self.deviation

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> None:
        """Mean and deviation of each element of the last axis, over all batches (in float64).

        Raises:
            AcoustillError: if there are fewer than two values of each.
        """
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
        deviation = ((squares - count * mean.square()) / (count - 1)).clamp_min(0).sqrt()
        smallest = float(LEAST_SHARE * deviation.max()) if self.smallest is None else self.smallest
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp_min(smallest or 1.0))  # silence all over is left as it is

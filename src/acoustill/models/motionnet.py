"""MotionNet: a teacher that sees what moves."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from acoustill.models.network import FrameNetwork, Views
from acoustill.models.specification import ReceptiveField, Specification
from acoustill.models.trunks import OverTime, TemporalBlocks

CHANNELS = (16, 32, 48, 64)
INPUTS = 7  # colours, their differences to the frame before, and how large those are


class MotionMaps(nn.Module):
    """Maps of what is seen and what moves: convolutions over the picture, then over time, as in R(2+1)D.

    The pictures are given with their differences to the frame before (a picture's own for the first), then reduced
    eightfold. After Tran et al. 2018, "A closer look at spatiotemporal convolutions for action recognition".

    Shapes:
        Input: (B, frames, h, w, 3) uint8.
        Output: (B, frames, channels, h / 8, w / 8).
    """

    channels = CHANNELS[-1]

    def __init__(self) -> None:
        super().__init__()
        sizes = (INPUTS, *CHANNELS)
        self.early = nn.Sequential(*(_convolution(sizes[i], sizes[i + 1], 2) for i in range(3)))
        self.late = _convolution(sizes[3], sizes[4], 1)
        self.early_time, self.late_time = OverTime(CHANNELS[2]), OverTime(CHANNELS[3])

    def forward(self, video: Tensor) -> Tensor:
        """See the class."""
        pictures = video.float() / 255 - 0.5
        change = torch.diff(pictures, dim=1, prepend=pictures[:, :1])
        seen = torch.cat([0.5 * pictures, 4 * change, 8 * change.abs().mean(dim=4, keepdim=True)], dim=4)
        frames = video.shape[1]
        maps = self.early_time(self.early(seen.flatten(0, 1).permute(0, 3, 1, 2)), frames)
        return self.late_time(self.late(maps), frames).unflatten(0, (-1, frames))


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class MotionFeatures(nn.Module):
    """Features of every frame: the mean of the maps over the picture, by attention to where something happens.

    Shapes:
        Input: maps of `MotionMaps`, (B, frames, channels, h, w).
        Output: (B, frames, channels).
    """

    def __init__(self) -> None:
        super().__init__()
        self.where = nn.Conv2d(MotionMaps.channels, 1, 1)
        self.over_time = TemporalBlocks(MotionMaps.channels)

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        shares = torch.softmax(self.where(maps.flatten(0, 1)).flatten(1).float(), dim=1)
        features = torch.einsum("nchw,nhw->nc", maps.flatten(0, 1), shares.unflatten(1, maps.shape[-2:]).to(maps.dtype))
        return self.over_time(features.unflatten(0, maps.shape[:2]).transpose(1, 2)).transpose(1, 2)


class MotionNet(FrameNetwork):
    """A classifier of video by movement.

    Args:
        specification: with the stream `video` alone.
        dropout: before the classes.

    Shapes:
        Input: `video` (B, frames, h, w, 3) uint8.
        Output: (B, classes).
    """

    name = "motionnet"
    streams = ("video",)

    def __init__(self, specification: Specification, dropout: float = 0.3) -> None:
        frames = 2 + 7  # two convolutions over three frames, then dilations of 1, 2 and 4
        rate = specification.frame_rate  # before: the frame itself, too, and the one that the first is compared with
        field = ReceptiveField(before_s=(frames + 2) / rate, after_s=frames / rate)
        features = {"video": {"kind": "frame differences"}}
        super().__init__(
            specification.model_copy(update={"features": features, "receptive_field": field}), {"dropout": dropout}
        )
        self.maps = MotionMaps()
        self.features = MotionFeatures()
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(MotionMaps.channels, len(specification.classes)))

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame, (B, frames, classes)."""
        self.check(views)
        return self.classify(self.features(self.maps(views["video"])))

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Pictures need none: their range is known."""

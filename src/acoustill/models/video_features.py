"""From video to features: a ResNet that looks at some of the frames, with what pretrained weights need."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from acoustill.errors import bad_input
from acoustill.models.backbones import Frozen, PartlyFrozen, for_every_frame, frames_to_see
from acoustill.models.resnet import WIDTHS, Insert, ResNet
from acoustill.models.specification import ReceptiveField, Specification

# Of ImageNet's pictures, red, green and blue from 0 to 1: what pretrained weights expect.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VideoFeatures(PartlyFrozen):
    """ResNet features of every frame of RGB video.

    The network looks at one frame of every few, the middle one, and the others get the same features. Frames keep the
    size they come in; ImageNet's mean and deviation are no statistics of ours but part of the weights.

    Args:
        depth: of the ResNet, 18 or 50.
        frozen: what never changes: `none`; `batchnorm`, statistics and weights of batch norms; or `backbone`, all of
            the ResNet; see `PartlyFrozen`. `none` is for networks that learn from fresh weights.
        stride: look at one frame in so many.
        over_time: let frames see their neighbours: a convolution over three of the frames looked at in the second
            unit of each stage, see `NeighbouringFrames`; 1,044,480 more parameters. These are never frozen.

    Attributes:
        features: number of them.

    Shapes:
        Input: (B, frames, h, w, 3) uint8 RGB.
        Output: (B, frames, features).

    Raises:
        AcoustillError: if depth or frozen is none of these.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, depth: int, frozen: Frozen, stride: int, over_time: bool = False) -> None:
        super().__init__()
        self.stride = stride
        self.resnet = ResNet(depth)
        self.features = self.resnet.features
        self.over_time = nn.ModuleList(NeighbouringFrames(width) for width in WIDTHS) if over_time else None
        self.register_buffer("mean", 255 * torch.tensor(MEAN), persistent=False)
        self.register_buffer("deviation", 255 * torch.tensor(DEVIATION), persistent=False)
        self.freeze(self.resnet, frozen)

    def forward(self, video: Tensor) -> Tensor:
        """See the class."""
        batch, frames = video.shape[:2]
        pictures = (frames_to_see(video, self.stride).float() - self.mean) / self.deviation
        inserts = None if self.over_time is None else [_within(one, batch) for one in self.over_time]
        features = self.resnet(pictures.flatten(0, 1).permute(0, 3, 1, 2), inserts).unflatten(0, (batch, -1))
        return for_every_frame(features, self.stride, frames)


class NeighbouringFrames(nn.Module):
    """A convolution of 3 x 1 x 1 over time, added to what came in.

    It starts at zero, so that the whole starts as the identity, and learns. It stands where values have both signs
    (see `ResNet.forward`): the paper's stood behind a rectifier and in front of another, frozen at the identity, and
    so did nothing.

    Args:
        channels: of the maps.

    Shapes:
        Input: (B, frames, C, h, w).
        Output: the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0), bias=False)
        nn.init.zeros_(self.convolution.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        return maps + self.convolution(maps.transpose(1, 2)).transpose(1, 2)


def _within(over_time: nn.Module, batch: int) -> Insert:
    """Takes the frames of clips as one batch, as the ResNet gives them."""
    return lambda maps: over_time(maps.unflatten(0, (batch, -1))).flatten(0, 1)


def looking(
    specification: Specification, frames_per_second: float, over_time: bool = False
) -> tuple[int, Specification]:
    """How many frames lie between two that are looked at, and the specification that says what is made of video.

    Args:
        specification: of the network.
        frames_per_second: to look at, about; the next that is every frame, every second, every third ...
        over_time: whether frames see their neighbours: through four convolutions, four frames looked at on each side.

    Raises:
        AcoustillError: if the number is not positive.
    """
    if not frames_per_second > 0:
        raise bad_input("ResNet", "frames_per_second", frames_per_second, "more than 0")
    stride = max(1, round(specification.frame_rate / frames_per_second))
    made: dict[str, Any] = {"colours": "RGB", "mean": list(MEAN), "deviation": list(DEVIATION), "every_frame": stride}
    reach = stride * len(WIDTHS) if over_time else 0
    field = ReceptiveField(
        before_s=(reach + stride - stride // 2) / specification.frame_rate,
        after_s=(reach + stride // 2) / specification.frame_rate,
    )
    features = {**specification.features, "video": made}
    return stride, specification.model_copy(update={"features": features, "receptive_field": field})

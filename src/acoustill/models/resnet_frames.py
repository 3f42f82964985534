"""ResNet on single frames, the paper's teacher on video."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from acoustill.models.backbones import Frozen
from acoustill.models.network import FrameNetwork, Views
from acoustill.models.specification import Specification
from acoustill.models.video_features import VideoFeatures, looking


class ResNetFrames(FrameNetwork):
    """A ResNet that answers for single frames (He et al. 2016, Perez et al. 2020).

    23,508,032 parameters and 2,049 a class for a depth of 50 (23,536,718 for 14 classes), 11,176,512 and 513 a class
    for 18. A clip's logits are the mean over its frames. Unlike the paper's code: frames are RGB, all of the frame is
    seen, all of the network can learn, and what is frozen does not drift.

    Args:
        specification: with the stream `video` alone and a video shape.
        depth: 18 or 50; the network is called `resnet50`, after the default, at either.
        frozen: `none`, `batchnorm` or `backbone`, see `VideoFeatures`.
        dropout: before the linear layer.
        frames_per_second: to look at; frames between get the answer of the nearest one looked at.

    Shapes:
        Input: `video` (B, frames, h, w, 3) uint8 RGB.
        Output: (B, classes).

    Raises:
        AcoustillError: if a setting is none of these.
    """

    name = "resnet50"
    streams = ("video",)
    over_time = False

    def __init__(
        self,
        specification: Specification,
        depth: int = 50,
        frozen: Frozen = "none",
        dropout: float = 0.5,
        frames_per_second: float = 4.0,
    ) -> None:
        settings = {"depth": depth, "frozen": frozen, "dropout": dropout, "frames_per_second": frames_per_second}
        stride, specification = looking(specification, frames_per_second, self.over_time)
        super().__init__(specification, settings)
        self.video = VideoFeatures(depth, frozen, stride, self.over_time)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.video.features, len(specification.classes)))

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame, (B, frames, classes)."""
        self.check(views)
        return self.head(self.video(views["video"]))

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Nothing: frames are brought to the range that ImageNet's weights expect, whatever the training set."""

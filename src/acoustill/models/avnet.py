"""AVNet, the paper's teacher on video and acoustic images."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from acoustill.models.backbones import Frozen
from acoustill.models.dualcamnet import FEATURES, DualCamNet
from acoustill.models.network import FrameNetwork, Views
from acoustill.models.specification import ReceptiveField, Specification
from acoustill.models.video_features import VideoFeatures, looking


class AVNet(FrameNetwork):
    """1,024 features of the frame and 1,024 of the acoustic image, then linear layers together (Perez et al. 2020).

    A ResNet sees the frame and DualCamNet's layers the acoustic image; both sets of features go to 1,000 and then to
    the classes. Each frame gets logits; a clip's are their mean. 34,810,050 parameters for 14 classes, images of
    36 x 48 x 12 and a depth of 50, 20,905,666 for 18. Unlike the paper's code, in which this network could not be
    trained: all of it learns, from labels, end to end; features of frames are rectified as those of images are; and
    `resnet50`'s and `dualcamnet`'s remarks hold here too.

    Args:
        specification: with the streams `image` and `video`, an image shape and a video shape.
        depth: of the ResNet, 18 or 50.
        frozen: `none`, `batchnorm` or `backbone`, see `VideoFeatures`.
        dropout: before the linear layer of either set of features, and before the first that they have together.
        frames_per_second: of video to look at; acoustic images are all looked at.

    Shapes:
        Input: `image` (B, frames, H, W, C) and `video` (B, frames, h, w, 3) uint8 RGB of the same frames.
        Output: (B, classes).

    Raises:
        AcoustillError: if a setting is none of these.
    """

    name = "avnet"
    streams = ("image", "video")

    def __init__(
        self,
        specification: Specification,
        depth: int = 50,
        frozen: Frozen = "none",
        dropout: float = 0.5,
        frames_per_second: float = 4.0,
    ) -> None:
        settings = {"depth": depth, "frozen": frozen, "dropout": dropout, "frames_per_second": frames_per_second}
        only_image = specification.model_copy(update={"streams": ("image",), "video_shape": None})
        image = DualCamNet(only_image, dropout).only_features()
        stride, specification = looking(specification, frames_per_second)
        super().__init__(_together(specification, image.specification), settings)
        self.image = image
        self.video = VideoFeatures(depth, frozen, stride)
        self.video_head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.video.features, FEATURES), nn.ReLU())
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(2 * FEATURES, 1000),
            nn.ReLU(),
            nn.Linear(1000, len(specification.classes)),
        )

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame, (B, frames, classes)."""
        self.check(views)
        seen = self.video_head(self.video(views["video"]))
        return self.head(torch.cat([self.image.frame_features(views), seen], dim=2))

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Mean and deviation of each channel of the images; frames need none, see `VideoFeatures`."""
        self.image.fit_normalisation(batches)


def _together(video: Specification, image: Specification) -> Specification:
    """What is made of both streams, and how far an answer reaches in either of them."""
    fields = [field for field in (video.receptive_field, image.receptive_field) if field is not None]
    before_s, after_s = max(field.before_s or 0.0 for field in fields), max(field.after_s or 0.0 for field in fields)
    field = ReceptiveField(before_s=before_s, after_s=after_s)
    features = {**image.features, **video.features}
    return video.model_copy(update={"features": features, "receptive_field": field})

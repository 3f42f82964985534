"""DualCamNet, the paper's teacher on acoustic images."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from acoustill.models.network import FrameNetwork, Standardise, Views
from acoustill.models.specification import Specification


class DualCamNet(FrameNetwork):
    """A convolution over time and two over the image, then linear layers (Perez et al. 2020).

    After the paper: 7 x 1 x 1 over the frames, 5 x 5 x 32 and 5 x 5 x 64 with pooling, one layer over the
    whole map (a matrix product here: the same sum, faster) to 1024, then 1000, then the classes; 8.18 M
    parameters for 14 classes and 36 x 48 x 12 images. Each frame gets logits; a clip's are their mean. Unlike
    the paper's code: channels are standardised with statistics of the training set, and dropout acts.

    Args:
        specification: with the stream `image` alone and an image shape.
        dropout: before each linear layer.

    Shapes:
        Input: `image` (B, frames, H, W, C).
        Output: (B, classes).
    """

    name = "dualcamnet"
    streams = ("image",)

    def __init__(self, specification: Specification, dropout: float = 0.5) -> None:
        super().__init__(specification, {"dropout": dropout})
        assert specification.image_shape is not None
        rows, columns, channels = specification.image_shape
        self.standardise = Standardise(channels)
        self.over_time = nn.Conv3d(channels, channels, (7, 1, 1), padding=(3, 0, 0))
        self.first = nn.Conv2d(channels, 32, 5, padding=2)
        self.second = nn.Conv2d(32, 64, 5, padding=2)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(64 * (rows // 4) * (columns // 4), 1024),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(1024, 1000),
            nn.ReLU(),
            nn.Linear(1000, len(specification.classes)),
        )

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame, (B, frames, classes)."""
        self.check(views)
        images = views["image"].float()
        batch, frames = images.shape[:2]
        maps = self.standardise(images).permute(0, 4, 1, 2, 3)
        maps = relu(self.over_time(maps)).transpose(1, 2).flatten(0, 1)
        maps = relu(max_pool2d(self.first(maps), 2))
        maps = relu(max_pool2d(self.second(maps), 2))
        return self.head(maps.flatten(1)).unflatten(0, (batch, frames))

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Mean and deviation of each channel over all pixels and frames."""
        self.standardise.fit(views["image"].float() for views in batches)

"""DualCamNet, the paper's teacher on acoustic images."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, relu

from acoustill.models.dropout import Dropout
from acoustill.models.network import FrameNetwork, Standardise, Views
from acoustill.models.specification import ReceptiveField, Specification

FEATURES = 1024
STEPS = 7  # of the convolution over time
TO_FEATURES = 3  # layers of the head that lead to the features


class DualCamNet(FrameNetwork):
    """A convolution over time and two over the image, then linear layers (Perez et al. 2020).

    After the paper: 7 x 1 x 1 over the frames, 5 x 5 x 32 and 5 x 5 x 64 with pooling, one layer over the
    whole map (a matrix product here: the same sum, faster) to 1024, then 1000, then the classes; 8.18 M
    parameters for 14 classes and 36 x 48 x 12 images. Each frame gets logits; a clip's are their mean. Unlike
    the paper's code: channels are standardised with statistics of the training set, and dropout acts.

    Args:
        specification: with the stream `image` alone and an image shape.
        dropout: before the first two of the three linear layers.

    Shapes:
        Input: `image` (B, frames, H, W, C).
        Output: (B, classes).
    """

    name = "dualcamnet"
    streams = ("image",)

    def __init__(self, specification: Specification, dropout: float = 0.5) -> None:
        reach, rate = STEPS // 2, specification.frame_rate
        field = ReceptiveField(before_s=(reach + 1) / rate, after_s=reach / rate)
        features = {**specification.features, "image": {"standardised": "by channel"}}
        specification = specification.model_copy(update={"features": features, "receptive_field": field})
        super().__init__(specification, {"dropout": dropout})
        assert specification.image_shape is not None
        rows, columns, channels = specification.image_shape
        self.standardise = Standardise(channels, 1.0 if _in_decibel(specification) else None)
        self.over_time = nn.Conv3d(channels, channels, (STEPS, 1, 1), padding=(STEPS // 2, 0, 0))
        self.first = nn.Conv2d(channels, 32, 5, padding=2)
        self.second = nn.Conv2d(32, 64, 5, padding=2)
        self.head = nn.Sequential(
            Dropout(dropout),
            nn.Linear(64 * (rows // 4) * (columns // 4), FEATURES),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(FEATURES, 1000),
            nn.ReLU(),
            nn.Linear(1000, len(specification.classes)),
        )

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame, (B, frames, classes)."""
        return self.head[TO_FEATURES:](self.frame_features(views))

    def frame_features(self, views: Views) -> Tensor:
        """What the first linear layer makes of every frame, rectified: (B, frames, 1024)."""
        self.check(views)
        images = views["image"].float()
        batch, frames = images.shape[:2]
        # As 2-D convolutions, channels last all along: twice as fast, and what is stored is so already.
        pixels = self.standardise(images).flatten(2, 3).permute(0, 3, 1, 2)
        maps = relu(conv2d(pixels, self.over_time.weight.flatten(3), self.over_time.bias, padding=(STEPS // 2, 0)))
        maps = maps.permute(0, 2, 3, 1).reshape(batch * frames, *images.shape[2:]).permute(0, 3, 1, 2)
        maps = relu(max_pool2d(self.first(maps), 2))
        maps = relu(max_pool2d(self.second(maps), 2))
        return self.head[:TO_FEATURES](maps.flatten(1)).unflatten(0, (batch, frames))

    def only_features(self) -> DualCamNet:
        """Drops the layers behind the features, for a network that goes on from these; the others keep their names."""
        self.head = nn.Sequential(*list(self.head)[:TO_FEATURES])
        return self

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Mean and deviation of each channel over all pixels and frames."""
        self.standardise.fit(views["image"].float() for views in batches)


def _in_decibel(specification: Specification) -> bool:
    """Whether images hold levels: cepstral coefficients that were formed here; those from elsewhere have any scale."""
    image = specification.image or {}
    return image.get("features") == "mfcc" and "origin" not in image

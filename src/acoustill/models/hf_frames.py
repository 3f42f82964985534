"""Teacher on video around any image backbone of Hugging Face."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from acoustill.errors import bad_input
from acoustill.models.backbones import Frozen, PartlyFrozen, for_every_frame, frames_to_see
from acoustill.models.network import FrameNetwork, Views
from acoustill.models.pretrained.huggingface import backbone_settings, build_backbone, pooled_features
from acoustill.models.specification import Specification
from acoustill.models.video_features import looking


class HuggingFaceFrames(PartlyFrozen, FrameNetwork):
    """An image backbone of `transformers` (ResNet, ConvNeXt, ViT and others) that answers for single frames.

    Frames are brought to the size and range that the backbone expects, all of the frame, whatever its shape; pooled
    features go through one linear layer; a clip's logits are the mean over its frames. The network keeps the
    configuration of its backbone, so that a run is loaded without the folder that it began from, but not without
    `transformers`.

    Args:
        specification: with the stream `video` alone and a video shape.
        backbone: folder that `save_pretrained` wrote, or its configuration as JSON. Weights are fresh either way;
            `initialise_from` reads those of the folder.
        size: (rows, columns) that frames are brought to; that of the folder by default.
        mean: of red, green and blue from 0 to 1; that of the folder by default.
        deviation: likewise.
        frozen: `none`, `batchnorm` or `backbone`: what never changes, see `PartlyFrozen`.
        dropout: before the linear layer.
        frames_per_second: to look at; frames between get the answer of the nearest one looked at.

    Shapes:
        Input: `video` (B, frames, h, w, 3) uint8 RGB.
        Output: (B, classes).

    Raises:
        AcoustillError: if a setting is none of these, a configuration comes without size, mean or deviation, the
            backbone does not take pictures of that size, or has no batch norms where these are to be frozen.
    """

    name = "hf-image"
    streams = ("video",)
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        specification: Specification,
        backbone: str | dict[str, Any],
        size: list[int] | None = None,
        mean: list[float] | None = None,
        deviation: list[float] | None = None,
        frozen: Frozen = "none",
        dropout: float = 0.0,
        frames_per_second: float = 4.0,
    ) -> None:
        given = {"size": size, "mean": mean, "deviation": deviation}
        found = backbone_settings(backbone) if isinstance(backbone, str) else {"backbone": backbone}
        kept = {**found, **{name: value for name, value in given.items() if value is not None}}
        for name, length in (("size", 2), ("mean", 3), ("deviation", 3)):
            if not isinstance(kept.get(name), list) or len(kept[name]) != length:
                raise bad_input(self.name, name, kept.get(name), f"a list of {length} numbers")
        self.stride, specification = looking(specification, frames_per_second)
        video = {**specification.features["video"], **{name: kept[name] for name in given}}
        specification = specification.model_copy(update={"features": {**specification.features, "video": video}})
        settings = {**kept, "frozen": frozen, "dropout": dropout, "frames_per_second": frames_per_second}
        super().__init__(specification, settings)
        self.size = (int(kept["size"][0]), int(kept["size"][1]))
        self.register_buffer("mean", torch.tensor(kept["mean"]).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(kept["deviation"]).view(3, 1, 1), persistent=False)
        self.backbone = build_backbone(kept["backbone"])
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self._features(), len(specification.classes)))
        self.freeze(self.backbone, frozen)  # behind the trial of its features, which puts modes back

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame, (B, frames, classes)."""
        self.check(views)
        video = views["video"]
        batch, frames = video.shape[:2]
        features = pooled_features(self.backbone, self.pictures(frames_to_see(video, self.stride).flatten(0, 1)))
        return for_every_frame(self.head(features).unflatten(0, (batch, -1)), self.stride, frames)

    def pictures(self, frames: Tensor) -> Tensor:
        """Frames as the backbone expects them.

        Shapes:
            frames: (N, h, w, 3) uint8 RGB.
            Output: (N, 3, rows, columns).
        """
        pictures = frames.permute(0, 3, 1, 2).float() / 255
        if pictures.shape[2:] != self.size:
            pictures = interpolate(pictures, self.size, mode="bilinear", antialias=True)
        return (pictures - self.mean) / self.deviation

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Nothing: mean and deviation belong to the backbone's weights."""

    @torch.no_grad()
    def _features(self) -> int:
        """How many features the backbone gives for a picture, found by giving it one."""
        training = self.backbone.training
        try:
            return pooled_features(self.backbone.eval(), torch.zeros(1, 3, *self.size)).shape[1]
        except (ValueError, RuntimeError, AttributeError) as error:
            why = " ".join(str(error).split())[:200]
            raise bad_input(self.name, "size of its pictures", list(self.size), f"one that it takes ({why})") from error
        finally:
            self.backbone.train(training)

"""AcousticNet: a teacher on log-mel acoustic images, with attention over the image."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from acoustill.models.beam_features import BeamEnergies
from acoustill.models.network import FrameNetwork, Views
from acoustill.models.specification import ReceptiveField, Specification
from acoustill.models.spectrogram import decibels
from acoustill.models.trunks import WIDE_MASKS, Masking, OverTime, TemporalBlocks

IMAGES_A_FRAME = 2  # at most


class AcousticFeatures(nn.Module):
    """Features of every frame from log-mel acoustic images.

    The image of a moment has the levels of all bands in each direction, averaged over half a video frame. They are
    normalised per recording, or per clip of one if that is what is given: what a band has on average over time and
    directions is taken off, so that neither the microphones' colour nor steady noise is learnt, and all is divided by
    the deviation. While training, some moments and bands are hidden in all directions. Convolutions over the image and
    over time alternate; in the end attention picks directions.

    Args:
        rows: of directions.
        columns: of directions.
        steps: spectra in a video frame.
        bands: mel bands.
        width: features of a frame.

    Shapes:
        energies: (B, frames * steps, directions, bands), squared pascal.
        Output: (B, frames, width).
    """

    def __init__(self, rows: int, columns: int, steps: int, bands: int, width: int) -> None:
        super().__init__()
        self.images_a_frame = math.gcd(steps, IMAGES_A_FRAME)
        self.rows, self.columns = rows, columns
        self.masking = Masking(*WIDE_MASKS)
        self.bands = nn.Sequential(nn.Conv2d(bands, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.around = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)) for _ in range(2)
        )
        self.between = nn.ModuleList(OverTime(width, 5) for _ in range(2))
        self.where = nn.Conv2d(width, 1, 1)
        self.over_time = TemporalBlocks(width)

    def forward(self, energies: Tensor, frames: int) -> Tensor:
        """See the class."""
        images = energies.unflatten(1, (frames * self.images_a_frame, -1)).mean(dim=2)
        levels = decibels(images)
        levels = levels - levels.mean((1, 2), keepdim=True)
        levels = levels / levels.std((1, 2, 3), keepdim=True).clamp_min(1.0)
        levels = self.masking(levels.transpose(1, 2)).transpose(1, 2)
        moments = levels.shape[1]
        maps = self.bands(levels.flatten(0, 1).transpose(1, 2).unflatten(2, (self.rows, self.columns)))
        for around, between in zip(self.around, self.between, strict=True):
            maps = between(relu(maps + around(maps)), moments)
        shares = torch.softmax(self.where(maps).flatten(2).float(), dim=2).to(maps.dtype)
        features = (maps.flatten(2) * shares).sum(dim=2).unflatten(0, (-1, frames, moments // frames)).mean(dim=2)
        return self.over_time(features.transpose(1, 2)).transpose(1, 2)


class AcousticNet(FrameNetwork):
    """A classifier of acoustic images of log-mel energies, see `AcousticFeatures`.

    Args:
        specification: with the stream `beams` alone.
        bands: mel bands.
        width: features of a frame.
        dropout: before the classes.

    Shapes:
        Input: `beams` (B, frames, steps, rows, columns, bins, 2).
        Output: (B, classes).
    """

    name = "acousticnet"
    streams = ("beams",)

    def __init__(self, specification: Specification, bands: int = 40, width: int = 48, dropout: float = 0.3) -> None:
        energies = BeamEnergies(specification, bands)
        features = {"beams": energies.to_json() | {"images_a_frame": IMAGES_A_FRAME, "normalised": "recording"}}
        whole = ReceptiveField(before_s=None, after_s=None)
        super().__init__(
            specification.model_copy(update={"features": features, "receptive_field": whole}),
            {"bands": bands, "width": width, "dropout": dropout},
        )
        self.energies = energies
        self.features = AcousticFeatures(energies.rows, energies.columns, energies.steps, bands, width)
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, len(specification.classes)))

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame, (B, frames, classes)."""
        self.check(views)
        return self.classify(self.features(self.energies(views["beams"]), views["beams"].shape[1]))

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """None: images are normalised per recording."""

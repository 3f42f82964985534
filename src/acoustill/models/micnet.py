"""MicNet: what hears one microphone as BeamNet hears its beam; the control of all that is said of beams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from acoustill.errors import bad_input
from acoustill.models.mel_spectrogram import LogMel
from acoustill.models.network import FrameNetwork, Standardise, Views
from acoustill.models.specification import ReceptiveField, Specification
from acoustill.models.trunks import WIDE_MASKS, Masking, SpectrogramTrunk


class MicNet(FrameNetwork):
    """The trunk of BeamNet on the log-mel spectrogram of one microphone, with the same bands and head.

    What a teacher with beams is better than this one, trained by the same recipe, it owes to the array and not to its
    layers. 0.45 M parameters for 14 classes.

    Args:
        specification: with the stream `audio` alone.
        bands: mel bands.
        width: features of a frame.
        dropout: before the classes.
        masks: widest masks of moments and of bands, as shares of all; by default wider than BeamNet's.

    Shapes:
        Input: `audio` (B, samples), pascal.
        Output: (B, classes).

    Raises:
        AcoustillError: if the specification is of other streams or of a sample rate that has no such bands, or masks
            are no two shares.
    """

    name = "micnet"
    streams = ("audio",)

    def __init__(
        self,
        specification: Specification,
        bands: int = 40,
        width: int = 128,
        dropout: float = 0.3,
        masks: Sequence[float] = WIDE_MASKS,
    ) -> None:
        if len(masks) != 2 or not all(0 <= share <= 1 for share in masks):
            raise bad_input(self.name, "masks", masks, "two shares from 0 to 1, of moments and of bands")
        log_mel = LogMel(specification.sample_rate, bands)
        whole = ReceptiveField(before_s=None, after_s=None)
        features = {"audio": log_mel.to_json()}
        super().__init__(
            specification.model_copy(update={"features": features, "receptive_field": whole}),
            {"bands": bands, "width": width, "dropout": dropout, "masks": list(masks)},
        )
        self.log_mel = log_mel
        self.standardise = Standardise(bands)
        self.masking = Masking(masks[0], masks[1])
        self.trunk = SpectrogramTrunk(1, width)
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, len(specification.classes)))

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame, (B, frames, classes)."""
        self.check(views)
        frames = views["audio"].shape[1] // self.specification.samples_per_frame
        spectrograms = self.standardise(self.log_mel(views["audio"]))[:, None]
        return self.classify(self.trunk(self.masking(spectrograms), frames).transpose(1, 2))

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Mean and deviation of each band in decibel."""
        self.standardise.fit(self.log_mel(views["audio"]) for views in batches)

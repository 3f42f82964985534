"""HearNet, the paper's student on spectrograms."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from acoustill.errors import bad_input
from acoustill.models.network import Standardise, StepNetwork, Views
from acoustill.models.over_time import ConvolutionOverTime
from acoustill.models.specification import ReceptiveField, Specification
from acoustill.models.spectrogram import LogSpectrogram

JOINED = 4  # pooled steps that the fourth convolution joins
MARGIN_FRAMES = 40  # of spectra that the convolutions see before and after these steps


class HearNet(StepNetwork):
    """Convolutions over time with the frequencies as channels (Perez et al. 2020).

    After the paper: five convolutions of 11 x 128, 5 x 256, 3 x 256, 4 x 1024 and 1 x 1024, the first three
    followed by pooling, then two linear layers; 3.86 M parameters for 14 classes and 257 bins. Unlike the
    paper's code: spectra are logarithmic, at the native sample rate and standardised per bin with statistics
    of the training set; there is no normalisation by clip; dropout acts. Clips of other lengths than 5 s get
    a third pooling of one step per second, so that four steps always reach the fourth convolution, and
    longer inputs are averaged over time.

    Args:
        specification: with the stream `audio` alone.
        dropout: before each linear layer.

    Shapes:
        Input: `audio` (B, samples), pascal.
        Output: (B, classes).
    """

    name = "hearnet"
    streams = ("audio",)

    def __init__(self, specification: Specification, dropout: float = 0.5) -> None:
        spectrogram = LogSpectrogram(specification.sample_rate, specification.clip_samples)
        pooling = spectrogram.frames // 100
        if pooling < 1:
            raise bad_input(self.name, "length of a clip", f"{spectrogram.frames / 100} s", "at least 1 s")
        margin_s = (MARGIN_FRAMES * spectrogram.hop + len(spectrogram.window) / 2) / specification.sample_rate
        pooled_s = 25 * pooling * spectrogram.hop / specification.sample_rate
        own = {
            "features": {**specification.features, "audio": spectrogram.to_json()},
            "receptive_field": ReceptiveField(before_s=JOINED * pooled_s + margin_s, after_s=margin_s),
        }
        super().__init__(specification.model_copy(update=own), {"dropout": dropout})
        self.spectrogram = spectrogram
        self.pooled_s = pooled_s
        bins = spectrogram.bins
        self.standardise = Standardise(bins)
        self.features = nn.Sequential(
            ConvolutionOverTime(bins, 128, 11, padding=5),
            nn.MaxPool2d((1, 5)),
            nn.ReLU(),  # behind the pooling: the same maximum, of a fifth of the values
            ConvolutionOverTime(128, 256, 5, padding=2),
            nn.MaxPool2d((1, 5)),
            nn.ReLU(),
            ConvolutionOverTime(256, 256, 3, padding=1),
            nn.MaxPool2d((1, pooling)),
            nn.ReLU(),
            ConvolutionOverTime(256, 1024, JOINED),
            nn.ReLU(),
            ConvolutionOverTime(1024, 1024, 1),
            nn.ReLU(),
        )
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(1024, 1000),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(1000, len(specification.classes)),
        )

    def step_logits(self, views: Views) -> Tensor:
        """Logits of every window of a clip's length, a quarter of it apart; one where the input is a clip."""
        self.check(views)
        spectra = self.standardise(self.spectrogram(views["audio"]))
        return self.head(self.features(spectra.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2))

    def step_end_s(self, step: int) -> float:
        """When a window ends."""
        return (step + JOINED) * self.pooled_s

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Mean and deviation of each frequency bin in decibel."""
        self.standardise.fit(self.spectrogram(views["audio"]) for views in batches)

"""HearNet, the paper's student on spectrograms."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from acoustill.errors import bad_input
from acoustill.models.network import Network, Standardise, Views
from acoustill.models.specification import Specification
from acoustill.models.spectrogram import LogSpectrogram


class HearNet(Network):
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
        super().__init__(specification, {"dropout": dropout})
        self.spectrogram = LogSpectrogram(specification.sample_rate, specification.clip_samples)
        pooling = self.spectrogram.frames // 100
        if pooling < 1:
            raise bad_input(self.name, "length of a clip", f"{self.spectrogram.frames / 100} s", "at least 1 s")
        bins = self.spectrogram.bins
        self.standardise = Standardise(bins)
        self.features = nn.Sequential(
            nn.Conv1d(bins, 128, 11, padding=5),
            nn.ReLU(),
            nn.MaxPool1d(5),
            nn.Conv1d(128, 256, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool1d(5),
            nn.Conv1d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool1d(pooling),
            nn.Conv1d(256, 1024, 4),
            nn.ReLU(),
            nn.Conv1d(1024, 1024, 1),
            nn.ReLU(),
        )
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(1024, 1000),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(1000, len(specification.classes)),
        )

    def forward(self, views: Views) -> Tensor:
        """Logits of each clip, averaged over time where the input is longer than a clip."""
        self.check(views)
        spectra = self.standardise(self.spectrogram(views["audio"]))
        steps = self.features(spectra.transpose(1, 2)).transpose(1, 2)
        return self.head(steps).mean(dim=1)

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Mean and deviation of each frequency bin in decibel."""
        self.standardise.fit(self.spectrogram(views["audio"]) for views in batches)

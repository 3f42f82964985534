"""SoundNet with five and with eight layers: students on the waveform."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from acoustill.errors import bad_input
from acoustill.models.network import Network, Standardise, Views
from acoustill.models.over_time import ConvolutionOverTime, NormOverTime
from acoustill.models.resampling import Resample
from acoustill.models.specification import ReceptiveField, Specification

ORIGINAL_DEVIATION = 25.0  # of waveforms that SoundNet learnt from: recordings lie some 20 dB below full scale, 256


class Layer(NamedTuple):
    """A convolution over time, a batch norm, a rectifier and a pooling."""

    kernel: int
    stride: int
    padding: int
    channels: int
    pooling: int = 1

    def steps(self, steps: int) -> int:
        """How many steps so many become; 0 if they are too few."""
        return max(0, (steps + 2 * self.padding - self.kernel) // self.stride + 1) // self.pooling


class SoundNet(Network):
    """Convolutions on the waveform (Aytar et al. 2016); see the two below.

    The waveform is divided by its deviation over the training set, and by nothing of the clip, so level is kept. It
    stays at its own sample rate and at a deviation of 1 unless pretrained weights were learnt at others: then the
    network resamples it, and multiplies it by 25. SoundNet's authors gave it waveforms from -256 to 256, whose
    deviation is about that; at 1, what the first batch norm knows of its input would be wrong by as much. What the last
    convolution needs beyond the ends of a short clip is zero, on both sides. Longer inputs are averaged over
    time. Layers are named `conv1`, `bn1`, `conv2` ... as the original's, weights are (out, in, kernel).

    Args:
        specification: with the stream `audio` alone.
        dropout: before each linear layer; in SoundNet5, before the second and third.
        pretrained_rate: sample rate in hertz that pretrained weights ask for, 22050 for SoundNet's; the waveform is
            then on SoundNet's scale, too. None keeps the rate of the recordings.

    Shapes:
        Input: `audio` (B, samples), pascal.
        Output: (B, classes).

    Raises:
        AcoustillError: if a clip is too short for the layers, or the sample rate is not positive.
    """

    streams = ("audio",)
    layers: ClassVar[tuple[Layer, ...]]

    def __init__(self, specification: Specification, dropout: float = 0.5, pretrained_rate: int | None = None) -> None:
        rate = specification.sample_rate if pretrained_rate is None else pretrained_rate
        if rate < 1:
            raise bad_input(self.name, "pretrained_rate", rate, "a sample rate in hertz")
        made: dict[str, Any] = {"waveform": "divided by the deviation over the training set", "sample_rate": rate}
        if pretrained_rate is not None:
            made["deviation"] = ORIGINAL_DEVIATION
        whole = ReceptiveField(before_s=None, after_s=None)
        features = {**specification.features, "audio": made}
        specification = specification.model_copy(update={"features": features, "receptive_field": whole})
        super().__init__(specification, {"dropout": dropout, "pretrained_rate": pretrained_rate})
        self.scale = 1.0 if pretrained_rate is None else ORIGINAL_DEVIATION
        self.resample = (
            nn.Identity() if rate == specification.sample_rate else Resample(specification.sample_rate, rate)
        )
        self.standardise = Standardise(1, None)
        entering = 1
        self._built = self._padded(specification.clip_samples * rate // specification.sample_rate, rate)
        for number, layer in enumerate(self._built, 1):
            convolution = ConvolutionOverTime(entering, layer.channels, layer.kernel, layer.stride, layer.padding)
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"bn{number}", NormOverTime(layer.channels))
            entering = layer.channels
        self.head = self._head(dropout)

    def forward(self, views: Views) -> Tensor:
        """Logits of each clip, averaged over time where the input is longer than a clip."""
        self.check(views)
        audio = self.resample(views["audio"].float()).unsqueeze(-1)
        maps = self.scale * self.standardise(audio).transpose(1, 2).unsqueeze(2)
        for number, layer in enumerate(self._built, 1):
            maps = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(maps))
            if layer.pooling > 1:
                maps = max_pool2d(maps, (1, layer.pooling))
            maps = relu(maps)  # behind the pooling: the same maximum, of fewer values
        return self.head(maps.squeeze(2).transpose(1, 2)).mean(dim=1)

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Mean and deviation of samples."""
        self.standardise.fit(views["audio"].unsqueeze(-1) for views in batches)

    def _padded(self, samples: int, rate: int) -> tuple[Layer, ...]:
        """The layers, the last with as much padding as a clip of so many samples needs."""
        steps = samples
        for layer in self.layers[:-1]:
            steps = layer.steps(steps) if steps else 0
        if not steps:
            raise bad_input(
                self.name, "length of a clip", f"{samples} samples at {rate} Hz", "more: 1 s at 8 kHz is enough"
            )
        last = self.layers[-1]
        padding = max(last.padding, math.ceil((last.kernel - steps) / 2))
        return (*self.layers[:-1], last._replace(padding=padding))

    def _head(self, dropout: float) -> nn.Module:
        """From each step of the last layer to logits."""
        raise NotImplementedError


class SoundNet5(SoundNet):
    """SoundNet's five layers and two linear ones, the paper's second student (Perez et al. 2020).

    6,748,230 parameters for 14 classes: convolutions of 64, 32, 16, 8 and 16 steps with 32, 64, 128, 256 and 1,024
    channels, one of 1 x 1,024, then 1,000 and the classes. Unlike the paper's code: no normalisation by clip and none
    of the resampling that left 44 % of the spectrum empty; dropout acts. Arguments, shapes and errors are `SoundNet`'s.
    """

    name = "soundnet5"
    layers = (
        Layer(64, 2, 32, 32, pooling=8),
        Layer(32, 2, 16, 64, pooling=8),
        Layer(16, 2, 8, 128, pooling=8),
        Layer(8, 2, 4, 256),
        Layer(16, 12, 4, 1024),
    )

    def _head(self, dropout: float) -> nn.Module:
        return nn.Sequential(
            nn.Linear(1024, 1024),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(1024, 1000),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(1000, len(self.specification.classes)),
        )


class SoundNet8(SoundNet):
    """SoundNet's first seven of eight layers (Aytar et al. 2016, table 1), then the classes.

    2,888,670 parameters for 14 classes: convolutions of 64, 32, 16, 8, 4, 4 and 4 steps with 16 to 1,024 channels, and
    a linear layer in place of the eighth, which named scenes and objects. Arguments, shapes and errors are
    `SoundNet`'s.
    """

    name = "soundnet8"
    layers = (
        Layer(64, 2, 32, 16, pooling=8),
        Layer(32, 2, 16, 32, pooling=8),
        Layer(16, 2, 8, 64),
        Layer(8, 2, 4, 128),
        Layer(4, 2, 2, 256, pooling=4),
        Layer(4, 2, 2, 512),
        Layer(4, 2, 2, 1024),
    )

    def _head(self, dropout: float) -> nn.Module:
        return nn.Sequential(nn.Dropout(dropout), nn.Linear(1024, len(self.specification.classes)))

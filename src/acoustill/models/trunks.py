"""What teachers have in common: residual convolutions over spectrograms, and over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d, relu

from acoustill.errors import bad_input


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a way around them (He et al. 2016).

    Args:
        inputs: channels.
        outputs: channels.
        stride: over time and frequency.

    Shapes:
        Input: (B, inputs, T, F).
        Output: (B, outputs, T / stride, F / stride), rounded up.
    """

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.around = nn.Sequential(
            nn.AvgPool2d(stride, ceil_mode=True), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        return relu(self.convolutions(maps) + self.around(maps))


class OverTime(nn.Module):
    """A convolution over some frames at each place of a map, and a way around it.

    Places stand side by side in one row: a convolution over two axes takes a third of the time of one over three.

    Args:
        channels: of input and output.
        length: of the convolution in frames, odd.

    Shapes:
        Input, output: (B * frames, channels, h, w).
    """

    def __init__(self, channels: int, length: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Sequential(
            nn.Conv2d(channels, channels, (length, 1), padding=(length // 2, 0), bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, maps: Tensor, frames: int) -> Tensor:
        """See the class."""
        sequence = maps.flatten(2).unflatten(0, (-1, frames)).transpose(1, 2)
        changed = relu(sequence + self.convolution(sequence))
        return changed.transpose(1, 2).flatten(0, 1).unflatten(2, maps.shape[2:])


class TemporalBlocks(nn.Module):
    """Convolutions over three moments that lie further and further apart, each with a way around it.

    Args:
        channels: of input and output.
        dilations: distance of the moments in each.

    Shapes:
        Input, output: (B, channels, T).
    """

    def __init__(self, channels: int, dilations: tuple[int, ...] = (1, 2, 4)) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False),
                nn.BatchNorm1d(channels),
                nn.ReLU(),
            )
            for dilation in dilations
        )

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        for block in self.blocks:
            features = features + block(features)
        return features


class SpectrogramTrunk(nn.Module):
    """Features of every video frame from log-mel spectrograms.

    Time is halved three times and frequency four times; what is left of frequency is averaged.

    Args:
        inputs: spectrograms that are seen together.
        features: of each frame, a multiple of 8.

    Shapes:
        Input: (B, inputs, T, bands).
        Output: (B, features, frames).

    Raises:
        AcoustillError: if features cannot be halved three times.
    """

    def __init__(self, inputs: int, features: int = 128) -> None:
        super().__init__()
        if not isinstance(features, int) or features < 8 or features % 8:
            raise bad_input("spectrogram trunk", "width", repr(features), "a multiple of 8 above 0")
        first, second, third = features // 8, features // 4, features // 2
        self.features = features
        self.convolutions = nn.Sequential(
            nn.Conv2d(inputs, first, 5, 2, 2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            ResidualBlock(first, second, (2, 2)),
            ResidualBlock(second, third, (2, 2)),
            ResidualBlock(third, features, (1, 2)),
        )
        self.over_time = TemporalBlocks(features)

    def forward(self, spectrograms: Tensor, frames: int) -> Tensor:
        """See the class."""
        features = self.convolutions(spectrograms).mean(dim=3)
        return self.over_time(adaptive_avg_pool1d(features, frames))


WIDE_MASKS = (0.15, 0.3)  # for networks that otherwise learn by heart how their subjects and places sound


class Masking(nn.Module):
    """Sets some moments and some bands of spectrograms to 0 while training, their mean (Park et al. 2019, SpecAugment).

    Args:
        times: widest mask of moments, as a share of all.
        bands: widest mask of bands, as a share of all.
        count: masks of either kind.

    Shapes:
        Input, output: (B, channels, T, bands).
    """

    def __init__(self, times: float = 0.1, bands: float = 0.15, count: int = 2) -> None:
        super().__init__()
        self.times, self.bands, self.count = times, bands, count

    def forward(self, spectrograms: Tensor) -> Tensor:
        """See the class."""
        if not self.training:
            return spectrograms
        for axis, widest in ((2, self.times), (3, self.bands)):
            spectrograms = spectrograms * self._kept(spectrograms, axis, widest)
        return spectrograms

    def _kept(self, spectrograms: Tensor, axis: int, widest: float) -> Tensor:
        """1 where a spectrogram stays and 0 where it is masked, along one axis."""
        batch, size = len(spectrograms), spectrograms.shape[axis]
        width = torch.rand(batch, self.count, 1, device=spectrograms.device) * widest * size
        start = torch.rand(batch, self.count, 1, device=spectrograms.device) * (size - width)
        place = torch.arange(size, device=spectrograms.device)
        kept = ~((place >= start) & (place < start + width)).any(dim=1)
        shape = [batch, 1, 1, 1]
        shape[axis] = size
        return kept.view(shape)

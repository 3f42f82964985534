"""Convolutions over time in the layout that processors compute fastest."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, pad


class ConvolutionOverTime(nn.Conv1d):
    """`torch.nn.Conv1d`, with its weights, on maps of one row: convolutions over two axes, channels last in memory.

    Time is the last axis: with time along the other, which is as long, processors take two to three times as long.
    Where one step comes out, or one channel goes in, it is a matrix product. Arguments are those of Conv1d; padding is
    a number.

    Shapes:
        Input: (B, in_channels, 1, T).
        Output: (B, out_channels, 1, T').
    """

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        kernel, stride, padding = self.kernel_size[0], self.stride[0], int(self.padding[0])
        weight = self.weight
        if maps.shape[3] + 2 * padding < kernel + stride:
            seen = pad(maps, (padding, padding))[..., :kernel]
            return linear(seen.flatten(1), weight.flatten(1), self.bias)[:, :, None, None]
        if self.in_channels == 1:
            windows = pad(maps, (padding, padding)).flatten(1).unfold(1, kernel, stride)
            return linear(windows, weight.flatten(1), self.bias).transpose(1, 2).unsqueeze(2)
        return conv2d(maps, weight.unsqueeze(2), self.bias, (1, stride), (0, padding))


class NormOverTime(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` on the same maps: channels last, it takes a tenth of the time.

    Shapes:
        Input, output: (B, channels, 1, T).
    """

    def _check_input_dim(self, maps: Tensor) -> None:
        if maps.ndim != 4 or maps.shape[2] != 1:
            raise ValueError(f"expected maps of one row, got {tuple(maps.shape)}")

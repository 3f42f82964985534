"""Convolutions over maps of few places, as the last ones of a ResNet on small pictures are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

MOST = 72  # places that come out, times places that each of them sees


class SmallMapConv2d(nn.Conv2d):
    """`torch.nn.Conv2d`, with its weights; while it trains on a processor, small maps are a product of matrices.

    Where the weights are many and the places few, as in the last stage of a ResNet-50 on pictures of 60 x 80, a product
    takes less time than a convolution (benchmarks/training.py has a whole step, with and without). Kernels are square;
    without bias, groups or dilation.

    Args:
        in_channels: of the maps.
        out_channels: of what comes out.
        kernel: places along each axis.
        stride: along each axis.
        padding: zeros on each side.

    Shapes:
        Input: (N, in_channels, h, w).
        Output: (N, out_channels, h', w').
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, padding, bias=False)
        self.square = kernel, stride, padding

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        kernel, stride, padding = self.square
        height, width = (1 + (size + 2 * padding - kernel) // stride for size in maps.shape[2:])
        if not self.training or maps.device.type != "cpu" or height * width * kernel**2 > MOST:
            return super().forward(maps)
        places = pad(maps.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
        rows, columns = stride * (height - 1) + 1, stride * (width - 1) + 1
        seen = [
            places[:, row : row + rows : stride, column : column + columns : stride]
            for row in range(kernel)
            for column in range(kernel)
        ]
        return linear(torch.cat(seen, dim=3), self.weight.permute(0, 2, 3, 1).flatten(1)).permute(0, 3, 1, 2)

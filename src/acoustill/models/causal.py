"""Convolutions over time and frequency that know the past alone, so that a stream gives what a batch gives.

Tensors are (B, channels, frames, bands). Every block answers for a whole input with `forward(x)`, and for the next
frames of a stream with `step(x, state) -> (y, state)`: the outputs of all steps, one after the other, are those of
`forward` on all frames, whatever the lengths of the pieces. A stream starts with the state None: silence before the
first frame is zeros, in both. States are tensors or tuples of them, so that a stream can be kept, copied and exported.

Normalisation is over batches alone. Squeeze and excitation (as in MobileNetV3) pools over the whole clip and could
not stream, so there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

State = Any  # None, a tensor, or a tuple of states; as deep as the block


def one_band(steps: Tensor) -> Tensor:
    """(B, frames, channels) as (B, channels, frames, 1), in strides that count as channels last."""
    return steps.unsqueeze(2).permute(0, 3, 1, 2)


class Causal(nn.Module):
    """A block that streams.

    Attributes:
        stride: input frames for one output frame.
        reach: input frames that one output frame sees.
    """

    stride: int
    reach: int

    def forward(self, x: Tensor) -> Tensor:
        """All output frames of an input that starts here.

        Shapes:
            x: (B, channels, frames, bands).
            Output: (B, channels', frames // stride, bands').
        """
        return self.step(x, None)[0]

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output frames that these input frames complete, 0 or more, and the state for the next ones.

        Shapes:
            x: (B, channels, frames, bands).
            Output: (B, channels', frames', bands').
        """
        raise NotImplementedError


class CausalConv2d(Causal):
    """A convolution without bias that is causal over time and centred over frequency.

    Output frame i is given as soon as input frame (i + 1) * stride - 1 is there and sees no later one; a last,
    incomplete stride gives nothing. Over frequency there are zeros at both ends, and ceil(bands / stride) bands.

    Args:
        channels: in.
        filters: channels out.
        kernel: frames and bands; bands odd, frames at least as many as are strided over.
        stride: over frames and bands.
        dilation: between the kernel's frames; 1 where the frames are strided.
        groups: as many as channels for a depthwise convolution.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.stride, self.band_stride = stride
        self.reach = (kernel[0] - 1) * dilation + 1
        if self.reach < self.stride or kernel[1] % 2 == 0:
            raise ValueError(f"a kernel of {kernel} with a stride of {stride} would leave frames out or be off centre")
        self.dilation = dilation
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(filters, channels // groups, *kernel))
        nn.init.kaiming_normal_(self.weight, mode="fan_out" if groups == 1 else "fan_in", nonlinearity="relu")

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """See `Causal`; the state is the frames that the next output still sees."""
        # Not by the convolution's own padding, on both sides: cutting would break the layout for what follows.
        x = pad(x, (0, 0, self.reach - self.stride, 0)) if state is None else torch.cat([state, x], dim=2)
        frames = max(0, (x.shape[2] - self.reach) // self.stride + 1)
        rest = x[:, :, frames * self.stride :]
        if not frames:
            return x.new_zeros(len(x), len(self.weight), 0, -(-x.shape[3] // self.band_stride)), rest
        return self._convolve(x), rest

    def _convolve(self, x: Tensor) -> Tensor:
        """The convolution proper, in the way that processors compute fastest."""
        weight: Tensor = self.weight
        stride, dilation, padding = (self.stride, self.band_stride), (self.dilation, 1), (0, weight.shape[3] // 2)
        if x.shape[3] == weight.shape[3] == self.groups == 1:  # time alone: on the last axis it takes half as long
            row, weight = x.squeeze(3).unsqueeze(2), weight.transpose(2, 3)
            return one_band(conv2d(row, weight, None, stride[::-1], padding, dilation[::-1]).squeeze(2).transpose(1, 2))
        if self.groups > 1 and stride != (1, 1) and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # in bf16, gradients of strided depthwise convolutions take twenty times as long as in float32
            with torch.autocast("cpu", enabled=False):
                return conv2d(x.float(), weight, None, stride, padding, dilation, self.groups)
        if self.training and x.shape[1] == 1:
            # Of one channel nobody can tell whether it is last; an empty one beside it says so, to all that follows.
            x, weight = pad(x.permute(0, 2, 3, 1), (0, 1)).permute(0, 3, 1, 2), pad(weight, (0, 0, 0, 0, 0, 1))
        return conv2d(x, weight, None, stride, padding, dilation, self.groups)


class CausalSequence(Causal):
    """Blocks one after the other; those that are not `Causal` must treat each frame alone.

    Args:
        blocks: in order.
    """

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.stride, self.reach = 1, 1
        for block in blocks:
            if isinstance(block, Causal):
                self.reach += (block.reach - 1) * self.stride
                self.stride *= block.stride

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """See `Causal`."""
        states: Sequence[State] = (None,) * len(self.blocks) if state is None else state
        following = []
        for block, before in zip(self.blocks, states, strict=True):
            after = None
            if isinstance(block, Causal):
                x, after = block.step(x, before)
            else:
                x = block(x)
            following.append(after)
        return x, tuple(following)


class Convolution(CausalSequence):
    """`CausalConv2d`, batch normalisation, and a rectifier unless it is left out; arguments as `CausalConv2d`."""

    def __init__(self, channels: int, filters: int, *arguments: Any, rectify: bool = True, **options: Any) -> None:
        super().__init__(
            CausalConv2d(channels, filters, *arguments, **options),
            nn.BatchNorm2d(filters),
            *([nn.ReLU(inplace=True)] if rectify else []),
        )


class Residual(Causal):
    """x + block(x) for a block without strides.

    Args:
        block: as many channels out as in.
    """

    def __init__(self, block: Causal) -> None:
        super().__init__()
        self.block = block
        self.stride, self.reach = 1, block.reach

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """See `Causal`."""
        y, state = self.block.step(x, state)
        return x + y, state


def inverted_residual(
    channels: int,
    filters: int,
    expansion: int = 2,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
) -> Causal:
    """Pointwise expansion, depthwise convolution, pointwise projection (Sandler et al. 2018, MobileNetV2).

    The input is added where it has the output's shape. As in CP-Mobile (Schmid et al. 2023) the projection is linear
    and no block looks at the whole clip.

    Args:
        channels: in.
        filters: channels out.
        expansion: channels of the depthwise convolution for one channel in; with 1 there is no expansion.
        kernel: of the depthwise convolution, frames and bands.
        stride: of the depthwise convolution, over frames and bands.
    """
    wide = channels * expansion
    block = CausalSequence(
        *([Convolution(channels, wide, (1, 1))] if expansion > 1 else []),
        Convolution(wide, wide, kernel, stride, groups=wide),
        Convolution(wide, filters, (1, 1), rectify=False),
    )
    return Residual(block) if stride == (1, 1) and channels == filters else block


def temporal_residual(channels: int, dilation: int) -> Causal:
    """A rectifier, a convolution over three frames a dilation apart and a pointwise one, added to the input.

    Args:
        channels: in and out.
        dilation: frames between those that are seen.
    """
    return Residual(
        CausalSequence(
            nn.ReLU(),
            Convolution(channels, channels, (3, 1), dilation=dilation),
            Convolution(channels, channels, (1, 1), rectify=False),
        )
    )

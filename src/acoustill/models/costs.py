"""What a network costs: its parameters, and the multiply-adds that an answer takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from acoustill.models.network import Network


@dataclass(frozen=True)
class Cost:
    """What a network costs.

    Attributes:
        parameters: numbers that were learnt, or could be.
        multiply_adds: of convolutions and matrix products for one clip, those of mel filters included.
        transform_multiply_adds: of Fourier transforms for one clip, N log2 N for a real one of N samples.
        seconds: length of the clip.
    """

    parameters: int
    multiply_adds: int
    transform_multiply_adds: int
    seconds: float

    @property
    def multiply_adds_per_second(self) -> float:
        """Of both kinds, for one second of input."""
        return (self.multiply_adds + self.transform_multiply_adds) / self.seconds


def cost_of(network: Network, seconds: float | None = None) -> Cost:
    """Counts while a network answers for one example.

    Convolutions and matrix products are counted as they are executed, whoever asks for them: layers, functions and
    attention. Sums, normalisations and rectifiers are not counted.

    Args:
        network: in any mode; it is left as it was.
        seconds: length of the clip, to the nearest video frame; that of the network's specification by default.
    """
    specification = network.specification
    frames = specification.clip_frames if seconds is None else max(1, round(seconds * specification.frame_rate))
    example = specification.example(frames=frames)
    layers, transforms = multiply_adds(network, example)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Cost(parameters, layers, transforms, frames / specification.frame_rate)


def multiply_adds(module: nn.Module, *inputs: Any) -> tuple[int, int]:
    """Multiply-adds of one call in evaluation mode: of convolutions and matrix products, and of Fourier transforms.

    Args:
        module: what is called.
        inputs: its arguments.
    """
    training = module.training
    transform = torch.ops.aten._fft_r2c
    # Gradients are left on: without them, fused layers would hide their products from the counter.
    with (
        torch.enable_grad(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False, custom_mapping={transform: _transform_operations}) as counter,
    ):
        try:
            module.eval()(*inputs)
        finally:
            module.train(training)
    operations = counter.get_flop_counts().get("Global", {})
    transforms = operations.pop(transform, 0)
    return sum(operations.values()) // 2, transforms // 2


def _transform_operations(shape: torch.Size, axes: list[int], *_: object, **__: object) -> int:
    """Operations of a split-radix transform of real samples, two for each multiply-add (Sorensen et al. 1987)."""
    length = math.prod(shape[axis] for axis in axes)
    return round(2 * math.prod(shape) * math.log2(length))

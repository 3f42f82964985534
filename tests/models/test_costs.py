from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from acoustill.imaging import ImageSpecification
from acoustill.models import Specification, build_network, cost_of
from acoustill.models.costs import multiply_adds
from acoustill.models.spectrogram import LogSpectrogram

CLASSES = tuple(f"class{i}" for i in range(14))
AUDIO = Specification(streams=("audio",), classes=CLASSES, sample_rate=12288, samples_per_frame=1024, clip_frames=60)
IMAGE = AUDIO.model_copy(
    update={"streams": ("image",), "image_shape": (36, 48, 12), "image": ImageSpecification().to_json()}
)


class Product(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bij,bkj->bik", x, x)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Linear(10, 7), (3, 5, 10), 3 * 5 * 10 * 7),
        (nn.Conv1d(4, 6, 5, stride=2), (2, 4, 21), 2 * 6 * 9 * 4 * 5),
        (nn.Conv2d(4, 6, 3, padding=1), (1, 4, 8, 9), 8 * 9 * 6 * 4 * 9),
        (nn.Conv2d(4, 4, 3, groups=4), (1, 4, 8, 9), 6 * 7 * 4 * 9),
        (nn.Conv3d(2, 3, (7, 1, 1)), (1, 2, 9, 4, 5), 3 * 4 * 5 * 3 * 2 * 7),
        (Product(), (2, 3, 4), 2 * 3 * 3 * 4),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8), 2 * (5 * 8 * (32 + 32) + 2 * 5 * 5 * 8)),
        (nn.BatchNorm2d(4), (2, 4, 5, 5), 0),
    ],
)
def test_layers_counted_by_hand(layer: nn.Module, shape: tuple[int, ...], expected: int) -> None:
    assert multiply_adds(layer, torch.randn(shape)) == (expected, 0)
    assert layer.training


def test_transforms_counted_by_hand() -> None:
    assert multiply_adds(LogSpectrogram(12288, 12288), torch.randn(2, 12288)) == (0, 2 * 101 * 512 * 9)


def test_hearnet_counted_by_hand() -> None:
    cost = cost_of(build_network("hearnet", AUDIO))
    over_time = 500 * 257 * 128 * 11 + 100 * 128 * 256 * 5 + 20 * 256 * 256 * 3 + 256 * 1024 * 4 + 1024 * 1024
    assert cost.multiply_adds == over_time + 1024 * 1000 + 1000 * 14
    assert cost.seconds == 5.0
    assert round(cost.parameters / 1e6, 2) == 3.86


def test_dualcamnet_counted_by_hand() -> None:
    network = build_network("dualcamnet", IMAGE)
    maps = 36 * 48 * 12 * 12 * 7 + 36 * 48 * 12 * 32 * 25 + 18 * 24 * 32 * 64 * 25
    frame = maps + 64 * 9 * 12 * 1024 + 1024 * 1000 + 1000 * 14
    assert cost_of(network).multiply_adds == 60 * frame
    assert cost_of(network, 1.0).multiply_adds == 12 * frame
    assert cost_of(network).multiply_adds_per_second == 12 * frame


def test_compactnet_costs_at_most_a_tenth_of_hearnet() -> None:
    small, large = (cost_of(build_network(name, AUDIO)) for name in ("compactnet", "hearnet"))
    assert 10 * small.multiply_adds_per_second < large.multiply_adds_per_second
    assert 10 * small.multiply_adds < large.multiply_adds
    assert 10 * small.parameters < large.parameters

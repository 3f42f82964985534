"""The paper's "temporal" network had temporal convolutions frozen at the identity: it averaged frames.

DualCamNet's convolution over time learns, and the order of the frames changes what it answers.
"""

from __future__ import annotations

import torch

from acoustill.models.dualcamnet import DualCamNet
from acoustill.models.specification import Specification


def teacher() -> DualCamNet:
    torch.manual_seed(0)
    specification = Specification(
        streams=("image",), classes=("a", "b"), sample_rate=1200, samples_per_frame=100, clip_frames=9,
        image_shape=(4, 4, 2),
    )  # fmt: skip
    return DualCamNet(specification).eval()


def test_the_order_of_frames_changes_the_answer() -> None:
    network, views = teacher(), torch.randn(1, 9, 4, 4, 2)
    with torch.no_grad():
        assert not torch.allclose(network({"image": views}), network({"image": views.flip(1)}), atol=1e-4)


def test_the_convolution_over_time_learns() -> None:
    network = teacher()
    network({"image": torch.randn(2, 9, 4, 4, 2)}).square().sum().backward()
    weight = network.over_time.weight
    assert weight.requires_grad
    assert weight.grad is not None
    assert (weight.grad.abs().amax(dim=(0, 1, 3, 4)) > 0).all(), "every step of the kernel learns"

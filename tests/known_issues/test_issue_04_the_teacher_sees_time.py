"""The paper's "temporal" network had temporal convolutions frozen at the identity: it averaged frames.

DualCamNet's convolution over time learns, and the order of the frames changes what it answers. The temporal ResNet
starts as the average of frames and learns what no average of frames can tell.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from acoustill.models.dualcamnet import DualCamNet
from acoustill.models.resnet_frames import ResNetFrames
from acoustill.models.specification import Specification
from acoustill.models.temporal_resnet import TemporalResNet

FRAMES, SIZE = 6, 24


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


def video_network(kind: type[ResNetFrames], depth: int = 18) -> ResNetFrames:
    torch.manual_seed(0)
    specification = Specification(
        streams=("video",), classes=("right", "left"), sample_rate=1200, samples_per_frame=100, clip_frames=FRAMES,
        video_shape=(SIZE, SIZE),
    )  # fmt: skip
    return kind(specification, depth=depth, dropout=0.0, frames_per_second=12.0)


def temporal_and_frames(depth: int = 18) -> tuple[TemporalResNet, ResNetFrames]:
    """The two with the same weights, as far as both have them."""
    temporal, frames = video_network(TemporalResNet, depth), video_network(ResNetFrames, depth)
    missing = temporal.load_state_dict(frames.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert all("over_time" in name for name in missing.missing_keys)
    return temporal, frames


def squares(clips: int, seed: int) -> tuple[Tensor, Tensor]:
    """Squares that move to the right, and others to the left: the same frames in reverse."""
    rng = torch.Generator().manual_seed(seed)
    video = torch.full((2 * clips, FRAMES, SIZE, SIZE, 3), 100, dtype=torch.uint8)
    for clip in range(clips):
        row, column = (int(torch.randint(0, 5, (), generator=rng)) for _ in range(2))
        for frame in range(FRAMES):
            first = column + 3 * frame
            video[clip, frame, 2 * row : 2 * row + 8, first : first + 6] = 255
    video[clips:] = video[:clips].flip(1)
    return video, torch.arange(2 * clips) // clips


def test_the_temporal_network_starts_as_the_average_of_frames() -> None:
    for depth in (18, 50):
        temporal, frames = temporal_and_frames(depth)
        for network in (temporal.eval(), frames.eval()):
            network.requires_grad_(False)
        video, _ = squares(2, seed=0)
        assert torch.equal(temporal.frame_logits({"video": video}), frames.frame_logits({"video": video}))


def test_the_temporal_network_learns_the_order_of_frames() -> None:
    temporal, frames = temporal_and_frames()
    optimiser = torch.optim.AdamW(temporal.parameters(), 1e-3)
    for step in range(11):
        video, labels = squares(6, seed=1 + step)
        optimiser.zero_grad()
        cross_entropy(temporal({"video": video}), labels).backward()
        optimiser.step()
    video, labels = squares(20, seed=0)
    with torch.no_grad():
        answers = temporal.eval()({"video": video}).argmax(dim=1)
        averaged = frames.eval()({"video": video})
    assert (answers == labels).float().mean() > 0.9
    torch.testing.assert_close(averaged[:20], averaged[20:], msg="an average of frames tells no direction")


def test_the_convolutions_over_time_learn_while_the_rest_is_frozen() -> None:
    specification = video_network(TemporalResNet).specification
    network = TemporalResNet(specification, depth=18, frozen="backbone", frames_per_second=12.0)
    video, labels = squares(2, seed=0)
    cross_entropy(network({"video": video}), labels).backward()
    for over_time in network.video.over_time:
        gradient = over_time.convolution.weight.grad
        assert (gradient.abs().amax(dim=(0, 1, 3, 4)) > 0).all()
    assert network.video.resnet.conv1.weight.grad is None

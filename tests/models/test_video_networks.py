"""The paper's networks that see video: their size, what they are given, and that each of them learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from acoustill.errors import AcoustillError
from acoustill.models import FrameNetwork, Network, Specification, build_network, load_network, save_network
from acoustill.models.resnet import ResNet

VIDEO_NETWORKS = ("resnet50", "temporal-resnet50", "avnet")
Views = dict[str, Tensor]


def build(
    name: str,
    classes: int = 14,
    video: tuple[int, int] = (32, 48),
    image: tuple[int, int, int] = (8, 12, 3),
    **settings,
) -> FrameNetwork:
    specification = Specification(
        streams=("image", "video") if name == "avnet" else ("video",), classes=tuple(f"c{i}" for i in range(classes)),
        sample_rate=12288, samples_per_frame=1024, clip_frames=8, video_shape=video, image_shape=image,
    )  # fmt: skip
    torch.manual_seed(0)
    network = build_network(name, specification, settings)
    assert isinstance(network, FrameNetwork)
    return network


def views_of(network: Network, batch: int = 2, frames: int = 8) -> Views:
    specification = network.specification
    rng = torch.Generator().manual_seed(1)
    video = torch.randint(0, 256, (batch, *specification.view_shape("video", frames)), generator=rng, dtype=torch.uint8)
    return {
        "video": video,
        "image": torch.randn(batch, *specification.view_shape("image", frames), generator=rng),
    }


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# size and names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "depth", "expected"),
    [
        ("resnet50", 50, 23_536_718),
        ("resnet50", 18, 11_183_694),
        ("temporal-resnet50", 50, 24_581_198),
        ("temporal-resnet50", 18, 12_228_174),
        ("avnet", 50, 34_810_050),
        ("avnet", 18, 20_905_666),
    ],
)
def test_networks_have_the_size_that_they_state(name: str, depth: int, expected: int) -> None:
    assert parameters(build(name, image=(36, 48, 12), depth=depth)) == expected


def torchvision_state(depth: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's resnet18 and resnet50, from its documented rule."""

    def norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
        several = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (channels,))
        return {f"{name}.{one}": shape for one, shape in several.items()} | {f"{name}.num_batches_tracked": ()}

    state = {"conv1.weight": (64, 3, 7, 7), **norm("bn1", 64)}
    entering = 64
    for stage, (units, width) in enumerate(
        zip({18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}[depth], (64, 128, 256, 512), strict=True), 1
    ):
        leaving = width * (4 if depth == 50 else 1)
        for unit in range(units):
            at = f"layer{stage}.{unit}"
            sizes = [(entering, width, 1), (width, width, 3), (width, leaving, 1)]
            if depth == 18:
                sizes = [(entering, width, 3), (width, width, 3)]
            for number, (inner, outer, kernel) in enumerate(sizes, 1):
                state[f"{at}.conv{number}.weight"] = (outer, inner, kernel, kernel)
                state |= norm(f"{at}.bn{number}", outer)
            if unit == 0 and (entering != leaving or stage > 1):
                state[f"{at}.downsample.0.weight"] = (leaving, entering, 1, 1)
                state |= norm(f"{at}.downsample.1", leaving)
            entering = leaving
    return state | {"fc.weight": (1000, entering), "fc.bias": (1000,)}


@pytest.mark.parametrize(("depth", "backbone"), [(18, 11_176_512), (50, 23_508_032)])
def test_a_state_dict_of_torchvision_loads_as_it_is(depth: int, backbone: int) -> None:
    network = ResNet(depth)
    assert parameters(network) == backbone
    state = {name: torch.full(shape, 0.5) for name, shape in torchvision_state(depth).items()}
    network.load_state_dict(state)
    assert all((value == 0.5).all() for name, value in network.state_dict().items() if "num_batches" not in name)
    with pytest.raises(RuntimeError, match=r"layer3\.1\.conv2"):
        network.load_state_dict({name: value for name, value in state.items() if name != "layer3.1.conv2.weight"})


def test_the_stride_of_a_bottleneck_is_in_its_3_by_3_convolution() -> None:
    unit = ResNet(50).layer2[0]
    assert (unit.conv1.stride, unit.conv2.stride) == ((1, 1), (2, 2))


# shapes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VIDEO_NETWORKS)
@pytest.mark.parametrize("frames", [1, 7, 8, 20])
def test_every_frame_gets_logits_and_a_clip_their_mean(name: str, frames: int) -> None:
    network = build(name, depth=18).eval()
    views = views_of(network, frames=frames)
    with torch.no_grad():
        logits = network.frame_logits(views)
        assert logits.shape == (2, frames, 14)
        torch.testing.assert_close(network(views), logits.mean(dim=1))


def test_frames_between_get_the_answer_of_the_middle_one() -> None:
    network = build("resnet50", depth=18, frames_per_second=4.0).eval()
    every = build("resnet50", depth=18, frames_per_second=12.0).eval()
    views = views_of(network)
    with torch.no_grad():
        logits, all_logits = network.frame_logits(views), every.frame_logits(views)
    torch.testing.assert_close(logits, all_logits[:, [1, 1, 1, 4, 4, 4, 7, 7]], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", VIDEO_NETWORKS)
def test_an_answer_depends_on_no_frame_outside_the_receptive_field(name: str) -> None:
    network = build(name, depth=18, frames_per_second=6.0, video=(8, 8)).eval()
    if network.name == "temporal-resnet50":
        for module in network.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.normal_(module.weight, std=0.1)
    field, rate = network.specification.receptive_field, network.specification.frame_rate
    frames, asked = 40, 20
    before, after = round(field.before_s * rate) - 1, round(field.after_s * rate)
    views = views_of(network, batch=1, frames=frames)
    seen = []
    with torch.no_grad():
        logits = network.frame_logits(views)[:, asked]
        for frame in range(frames):
            changed = {stream: view.clone() for stream, view in views.items()}
            for view in changed.values():
                view[:, frame] = 0
            if not torch.allclose(network.frame_logits(changed)[:, asked], logits, atol=1e-7, rtol=1e-6):
                seen.append(frame)
    assert asked - before <= min(seen)
    assert max(seen) <= asked + after


@pytest.mark.parametrize("name", VIDEO_NETWORKS)
def test_saved_network_answers_alike(name: str, tmp_path: Path) -> None:
    network = build(name, depth=18, frozen="batchnorm", frames_per_second=3.0)
    views = views_of(network)
    network.fit_normalisation([views])
    save_network(network, tmp_path)
    loaded = load_network(tmp_path)
    assert loaded.specification == network.specification
    assert set(loaded.specification.features) == set(loaded.streams)
    assert torch.equal(loaded(views), network.eval()(views))


@pytest.mark.parametrize(
    ("settings", "found"),
    [({"depth": 34}, "depth is 34"), ({"frozen": "all"}, "frozen"), ({"frames_per_second": 0.0}, "frames_per_second")],
)
@pytest.mark.parametrize("name", VIDEO_NETWORKS)
def test_settings_that_make_no_sense_are_refused(name: str, settings: dict, found: str) -> None:
    with pytest.raises(AcoustillError, match=found):
        build(name, **settings)


def test_avnet_refuses_video_of_another_length() -> None:
    network = build("avnet", depth=18)
    views = views_of(network)
    with pytest.raises(AcoustillError, match=r"'video': \(2, 7\)"):
        network({**views, "video": views["video"][:, :7]})


# what is frozen ---------------------------------------------------------------------------------------------


def one_step(network: FrameNetwork) -> tuple[set[str], set[str]]:
    """Names of what changed in a step of training, and of what did not."""
    network.eval()
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    cross_entropy(network(views_of(network)), torch.tensor([0, 1])).backward()
    optimiser.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    return changed, set(before) - changed


@pytest.mark.parametrize("name", VIDEO_NETWORKS)
def test_what_is_frozen_does_not_drift(name: str) -> None:
    changed, kept = one_step(build(name, depth=18, frozen="backbone"))
    assert not [one for one in changed if one.startswith("video.resnet.")]
    assert {one for one in kept if not one.startswith("video.resnet.")} <= {
        "image.standardise.mean",
        "image.standardise.deviation",
    }
    changed, kept = one_step(build(name, depth=18, frozen="batchnorm"))
    assert not [one for one in changed if ".bn" in one or ".downsample.1." in one]
    assert "video.resnet.layer1.0.conv1.weight" in changed
    changed, kept = one_step(build(name, depth=18, frozen="none"))
    assert {"video.resnet.bn1.running_mean", "video.resnet.bn1.weight"} <= changed


def test_a_fresh_frozen_network_is_still_without_a_word_to_train() -> None:
    """Lightning leaves the modes of modules as it finds them."""
    network = build("resnet50", depth=18, frozen="batchnorm")
    before = network.video.resnet.bn1.running_mean.clone()
    network(views_of(network))
    assert torch.equal(network.video.resnet.bn1.running_mean, before)


# learning ---------------------------------------------------------------------------------------------------


def learn(network: FrameNetwork, views: Views, labels: Tensor, steps: int) -> list[float]:
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    losses = []
    torch.manual_seed(0)
    network.train()
    for _ in range(steps):
        optimiser.zero_grad()
        loss = cross_entropy(network(views), labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", VIDEO_NETWORKS)
def test_networks_learn(name: str) -> None:
    """Red against blue, with the sound at the left or at the right."""
    network = build(name, classes=2, depth=18, dropout=0.0)
    views, labels = views_of(network, batch=8), torch.arange(8) % 2
    views["video"] = views["video"] // 2
    views["video"][labels == 0, ..., 0] += 40
    views["video"][labels == 1, ..., 2] += 40
    views["image"][labels == 0, :, :, :6] += 1
    losses = learn(network, views, labels, 10)
    assert losses[-1] < 0.3 * losses[0]

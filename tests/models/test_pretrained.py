from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from acoustill.errors import AcoustillError
from acoustill.models import Network, Specification, build_network
from acoustill.models.pretrained import Difference, initialise_from, load_weights, read_tensors
from acoustill.models.resnet import ResNet


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def values(module: nn.Module) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {n: torch.rand_like(t) if t.is_floating_point() else t for n, t in module.state_dict().items()}


def test_weights_are_loaded() -> None:
    module = small()
    tensors = values(module)
    named = {f"net.{n}": t.double() if t.is_floating_point() else t for n, t in tensors.items()}
    assert load_weights(module, named, "a.pth", prefix="net.") == tuple(module.state_dict())
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in module.state_dict().items())
    assert module[0].weight.dtype == torch.float32


def test_what_differs_is_listed_and_nothing_is_loaded() -> None:
    module = small()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    tensors = values(module)
    del tensors["0.bias"]
    tensors["0.weight"] = torch.zeros(3, 5)
    tensors |= {f"more.{number}": torch.zeros(1) for number in range(10)}
    with pytest.raises(AcoustillError) as caught:
        load_weights(module, tensors, "a.pth")
    assert str(caught.value) == (
        "a.pth: not the weights of this network: 1 missing: 0.bias; 10 unexpected: "
        + ", ".join(f"more.{number}" for number in range(8))
        + " and 2 more; 1 of another shape: 0.weight is 3 x 5, expected 3 x 2"
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert not Difference()


@pytest.mark.parametrize(
    ("name", "tensor", "says"),
    [
        ("1.running_var", torch.full((3,), torch.nan), r"1\.running_var is not finite"),
        ("0.weight", torch.zeros(3, 2, dtype=torch.int8), r"type of 0\.weight is torch\.int8"),
    ],
)
def test_tensors_that_are_no_weights_are_refused(name: str, tensor: Tensor, says: str) -> None:
    module = small()
    before = module[0].bias.clone()
    with pytest.raises(AcoustillError, match=says):
        load_weights(module, values(module) | {name: tensor}, "a.pth")
    assert torch.equal(module[0].bias, before)


def test_only_what_may_be_missing_is_left() -> None:
    module = small()
    tensors = {name: tensor for name, tensor in values(module).items() if name.startswith("0.")}
    with pytest.raises(AcoustillError, match="4 missing"):
        load_weights(module, tensors, "a.pth")
    assert load_weights(module, tensors, "a.pth", allow_missing=("1.",)) == ("0.weight", "0.bias")
    with pytest.raises(AcoustillError, match="number of tensors for this network is 0"):
        load_weights(module, {}, "a.pth", allow_missing=("0.", "1."))


def video_network(name: str = "resnet50", **settings: Any) -> Network:
    torch.manual_seed(0)
    streams = ("image", "video") if name == "avnet" else ("video",)
    specification = Specification(
        streams=streams,
        classes=("a", "b"),
        sample_rate=12288,
        samples_per_frame=1024,
        clip_frames=12,
        video_shape=(32, 40),
        image_shape=(12, 16, 3) if name == "avnet" else None,
    )
    return build_network(name, specification, {"depth": 18, **settings})


@pytest.fixture(scope="module")
def imagenet() -> dict[str, Tensor]:
    """A state dictionary as torchvision's ResNet-18 has it."""
    tensors = values(ResNet(18))
    return {**tensors, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


def write(path: Path, tensors: dict[str, Tensor], form: str) -> Path:
    if form == "safetensors":
        save_file(tensors, path.with_suffix(".safetensors"))
        return path.with_suffix(".safetensors")
    content: Any = {f"module.{n}": t for n, t in tensors.items()} if form == "parallel" else tensors
    content = {"state_dict": content, "epoch": 90} if form == "checkpoint" else content
    torch.save(content, path.with_suffix(".pth"), _use_new_zipfile_serialization=form != "old")
    return path.with_suffix(".pth")


@pytest.mark.parametrize("form", ["safetensors", "pth", "old", "parallel", "checkpoint"])
def test_resnet_from_torchvision(tmp_path: Path, imagenet: dict[str, Tensor], form: str) -> None:
    network = video_network()
    said = initialise_from(network, write(tmp_path / "resnet18", imagenet, form))
    assert "120 tensors loaded; left out: fc; new in the network: head" in said
    for name, tensor in network.video.resnet.state_dict().items():
        assert torch.equal(tensor, imagenet[name])


@pytest.mark.parametrize(("name", "new"), [("temporal-resnet50", "video, head"), ("avnet", "image, video_head, head")])
def test_other_networks_with_a_resnet(tmp_path: Path, imagenet: dict[str, Tensor], name: str, new: str) -> None:
    network = video_network(name)
    said = initialise_from(network, write(tmp_path / "resnet18", imagenet, "pth"))
    assert said.endswith(f"new in the network: {new}")
    assert torch.equal(network.video.resnet.conv1.weight, imagenet["conv1.weight"])


def test_resnet_of_another_depth_is_refused(tmp_path: Path, imagenet: dict[str, Tensor]) -> None:
    network = video_network(depth=50)
    before = network.video.resnet.conv1.weight.clone()
    with pytest.raises(AcoustillError, match=r"missing: layer1\.0\.conv3\.weight.*of another shape: layer1\.0\.conv1"):
        initialise_from(network, write(tmp_path / "resnet18", imagenet, "pth"))
    assert torch.equal(network.video.resnet.conv1.weight, before)


class Runs:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_files_of_other_content_are_refused(tmp_path: Path) -> None:
    network = video_network()
    torch.save({"a": Runs(tmp_path / "made")}, tmp_path / "runs.pth")
    torch.save({"a": 1}, tmp_path / "number.pt")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    whole = (tmp_path / "number.pt").read_bytes()
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "half.safetensors").write_bytes(b"\x10\x00")
    (tmp_path / "weights.h5").write_bytes(b"")
    for name, says in (
        ("runs.pth", "holds more than tensors"),
        ("number.pt", "expected tensors by name"),
        ("list.pt", "content is list"),
        ("half.pt", r"half\.pt"),
        ("half.safetensors", "not a safetensors file"),
        ("weights.h5", r"kind of file is '\.h5'"),
        ("none.pth", "no such file"),
        ("", "kind is a folder"),
    ):
        with pytest.raises(AcoustillError, match=says) as caught:
            initialise_from(network, tmp_path / name)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "made").exists()
    with pytest.raises(AcoustillError, match="no such file"):
        read_tensors(tmp_path / "none.pth")


def test_networks_without_pretrained_weights_are_named(tmp_path: Path) -> None:
    specification = Specification(
        streams=("audio",), classes=("a", "b"), sample_rate=12288, samples_per_frame=1024, clip_frames=12
    )
    (tmp_path / "a.pth").write_bytes(b"")
    with pytest.raises(AcoustillError, match=r"hearnet: pretrained is .*a\.pth, expected nothing"):
        initialise_from(build_network("hearnet", specification), tmp_path / "a.pth")


@pytest.mark.parametrize("content", [{0: torch.zeros(1)}, {"state_dict": {1: torch.zeros(2)}}, {"a": 1}])
def test_files_of_anything_but_named_tensors_are_refused(tmp_path: Path, content: dict) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(AcoustillError, match=r"weights\.pth: content is \w+ under .*, expected tensors by name"):
        read_tensors(tmp_path / "weights.pth")

"""What networks say of themselves, against what their answers do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from acoustill.errors import AcoustillError
from acoustill.imaging import ImageSpecification
from acoustill.models import Network, Specification, build_network, load_network, save_network
from acoustill.models.network import StepNetwork
from acoustill.models.video_features import NeighbouringFrames

SMALL = Specification(
    streams=("audio",),
    classes=("clap", "hiss", "talk"),
    sample_rate=12288,
    samples_per_frame=1024,
    clip_frames=12,
    image_shape=(12, 16, 3),
    image=ImageSpecification(coefficients=3).to_json(),
)
FRAMES = 60
NETWORKS = {
    "hearnet": ("audio",),
    "dualcamnet": ("image",),
    "compactnet": ("audio",),
    "motionnet": ("video",),
    "resnet50": ("video",),
    "temporal-resnet50": ("video",),
    "avnet": ("image", "video"),
}
RESNET = {"depth": 18, "frames_per_second": 12.0}  # every frame: each reaches as far as the field does
SETTINGS = {"resnet50": RESNET, "temporal-resnet50": RESNET, "avnet": RESNET}


def small(name: str, **changes: object) -> Network:
    torch.manual_seed(0)
    seen = {"video_shape": (32, 32)} if "video" in NETWORKS[name] else {}
    specification = SMALL.model_copy(update={"streams": NETWORKS[name], **seen, **changes})
    network = build_network(name, specification, SETTINGS.get(name))
    network.fit_normalisation([specification.example(4)])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = 1.0
        if isinstance(module, NeighbouringFrames):  # starts at zero, where it sees nothing
            nn.init.normal_(module.convolution.weight, std=0.1)
    with torch.no_grad():  # so that no layer makes what it is given too small to be seen behind it
        network.train()(specification.example(4, seed=2))
    return network.eval()


def answers_moved(network: StepNetwork, views: dict[str, Tensor], start_s: float, end_s: float) -> Tensor:
    """Which steps answer otherwise when the input from one time to another is another.

    Shapes:
        Output: (steps,) bool.
    """
    changed = {}
    for stream, view in views.items():
        rate = network.specification.sample_rate if stream == "audio" else network.specification.frame_rate
        first, last = (max(0, round(time * rate)) for time in (start_s, end_s))
        other = network.specification.example(len(view), seed=1, frames=FRAMES)[stream]
        changed[stream] = view.clone()
        changed[stream][:, first:last] = other[:, first:last]
    with torch.no_grad():
        return (network.step_logits(views) - network.step_logits(changed)).abs().amax(dim=(0, 2)) > 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_an_answer_depends_on_its_receptive_field_and_on_nothing_else(name: str) -> None:
    network = small(name)
    assert isinstance(network, StepNetwork)
    field = network.specification.receptive_field
    assert field is not None
    assert field.before_s is not None
    assert field.after_s is not None
    views = network.specification.example(2, frames=FRAMES)
    seconds = FRAMES / network.specification.frame_rate
    steps = network.step_logits(views).shape[1]
    frame_s = 1 / network.specification.frame_rate
    for step in (0, steps // 2, steps - 1):
        end = network.step_end_s(step)
        assert 0 < end <= seconds
        first, last = end - field.before_s, end + field.after_s
        assert not answers_moved(network, views, 0, first)[step]
        assert not answers_moved(network, views, last, seconds)[step]
        if first > 0:
            assert answers_moved(network, views, first, first + frame_s)[step]
        if last < seconds:
            assert answers_moved(network, views, last - frame_s, last)[step]
    assert torch.allclose(network(views), network.step_logits(views).mean(dim=1))


@pytest.mark.parametrize("name", NETWORKS)
def test_specification_is_equal_after_loading(name: str, tmp_path: Path) -> None:
    network = small(name)
    save_network(network, tmp_path)
    loaded = load_network(tmp_path)
    assert loaded.specification == network.specification
    assert set(loaded.specification.features) == set(loaded.streams)
    views = network.specification.example()
    assert torch.equal(loaded(views), network(views))


@pytest.mark.parametrize("name", ["hearnet", "dualcamnet"])
def test_descriptions_without_features_are_read(name: str, tmp_path: Path) -> None:
    """Those that earlier versions wrote."""
    network = small(name)
    save_network(network, tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())
    for later in ("features", "receptive_field", "beams_shape", "beams", "video_shape"):
        del description["specification"][later]
    (tmp_path / "model.json").write_text(json.dumps(description))
    assert load_network(tmp_path).specification == network.specification


def test_weights_learnt_with_other_features_are_refused(tmp_path: Path) -> None:
    save_network(small("compactnet"), tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())
    description["specification"]["features"]["audio"]["hop_samples"] = 128
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(AcoustillError, match=r"features is .*'hop_samples': 128.*expected .*'hop_samples': 123"):
        load_network(tmp_path)


def test_examples_have_every_stream() -> None:
    specification = SMALL.model_copy(
        update={
            "streams": ("audio", "image", "video", "beams", "direction"),
            "video_shape": (24, 32),
            "beams_shape": (8, 3, 4, 17),
        }
    )
    views = specification.example(2, seed=3)
    for stream, view in views.items():
        assert view.shape == (2, *specification.view_shape(stream))  # type: ignore[arg-type]
    assert list(views) == list(specification.streams)
    assert views["video"].dtype == torch.uint8
    assert views["beams"].dtype == torch.float16
    again, other = specification.example(2, seed=3), specification.example(2, seed=4)
    assert all(torch.equal(again[stream], views[stream]) for stream in views)
    assert not any(torch.equal(other[stream], views[stream]) for stream in views)
    with pytest.raises(ValueError, match="video"):
        SMALL.model_copy(update={"streams": ("video",)}).example()

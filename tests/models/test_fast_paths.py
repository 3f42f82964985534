"""What is computed fast is what is computed plainly: in value, in gradients, and within bf16's error."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import torch
from benchmarks.plain_networks import Answer, log_mel, log_spectrogram, plain
from torch import Tensor, nn

from acoustill.models import Network, Specification, build_network
from acoustill.models.beam_features import BeamEnergies
from acoustill.models.causal import CausalConv2d
from acoustill.models.dropout import Dropout
from acoustill.models.mel_spectrogram import LogMel
from acoustill.models.over_time import ConvolutionOverTime, NormOverTime
from acoustill.models.small_maps import SmallMapConv2d
from acoustill.models.spectrogram import LogSpectrogram
from acoustill.models.store import network_class

NETWORKS = ("dualcamnet", "hearnet", "compactnet", "soundnet5", "soundnet8", "beamnet", "micnet", "resnet50")


def build(name: str, training: bool) -> Network:
    specification = Specification(
        streams=network_class(name).streams,  # type: ignore[arg-type]
        classes=tuple(f"c{i}" for i in range(5)),
        sample_rate=12288,
        samples_per_frame=1024,
        clip_frames=24,
        image_shape=(12, 16, 6),
        beams_shape=(8, 3, 4, 129),
        video_shape=(24, 32),
    )
    torch.manual_seed(0)
    network = build_network(name, specification, {"depth": 18} if name == "resnet50" else None)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # masks are drawn in another way
    network.fit_normalisation([network.specification.example(4)])
    return network.train(training)


def answered(network: Network, answer: Answer, views: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and the gradients of all parameters."""
    torch.manual_seed(1)  # of masks in spectrograms
    logits = answer(views)
    (logits.float() * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
    return logits.detach(), {n: p.grad for n, p in network.named_parameters() if p.grad is not None}


def difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """The largest of all parameters, of its gradient or of a thousandth of the largest gradient if that is more."""
    assert found.keys() == expected.keys()
    least = max(float(one.norm()) for one in expected.values()) / 1000  # of biases in front of batch norms it is zero
    return max(float((found[n] - one).norm()) / max(float(one.norm()), least) for n, one in expected.items())


# networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("training", [False, True])
def test_networks_answer_and_learn_as_the_plain_ones(name: str, training: bool) -> None:
    network = build(name, training)
    views = network.specification.example(3)
    double = name in ("dualcamnet", "soundnet5", "soundnet8")  # spectra are of float32
    if double:
        network = network.double()
        views = {stream: view.double() for stream, view in views.items()}
    written = copy.deepcopy(network)
    fast, gradients = answered(network, network, views)
    slow, expected = answered(written, plain(written), views)
    assert torch.allclose(fast, slow, rtol=1e-9 if double else 1e-4, atol=1e-9 if double else 1e-4)
    assert difference(gradients, expected) < (1e-9 if double else 5e-3)
    others = dict(written.named_buffers())
    for buffer, value in network.named_buffers():
        assert buffer.endswith("num_batches_tracked") or torch.allclose(value, others[buffer], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["dualcamnet", "hearnet", "compactnet", "soundnet5"])
def test_bf16_is_within_its_error(name: str) -> None:
    """Eight bits of mantissa: a third of a percent a rounding, of some dozen in a row."""
    network = build(name, training=True)
    views = network.specification.example(8)
    exact, _ = answered(copy.deepcopy(network), copy.deepcopy(network), views)
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = answered(network, network, views)
    assert float((found.float() - exact).norm() / exact.norm()) < 0.05


def test_weights_keep_the_names_and_shapes_of_torchs_layers() -> None:
    """So that runs of earlier versions are read."""
    shapes = {name: tuple(value.shape) for name, value in build("hearnet", training=False).state_dict().items()}
    assert {name: shape for name, shape in shapes.items() if name.startswith("features")} == {
        "features.0.weight": (128, 257, 11),
        "features.0.bias": (128,),
        "features.3.weight": (256, 128, 5),
        "features.3.bias": (256,),
        "features.6.weight": (256, 256, 3),
        "features.6.bias": (256,),
        "features.9.weight": (1024, 256, 4),
        "features.9.bias": (1024,),
        "features.11.weight": (1024, 1024, 1),
        "features.11.bias": (1024,),
    }
    assert build("dualcamnet", training=False).state_dict()["over_time.weight"].shape == (6, 6, 7, 1, 1)


# layers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "padding", "steps"),
    [(6, 5, 1, 2, 40), (6, 4, 1, 0, 4), (6, 4, 1, 0, 9), (6, 16, 12, 4, 8), (1, 8, 2, 4, 41), (1, 1, 1, 0, 1)],
)
def test_convolutions_over_time_are_torchs(channels: int, kernel: int, stride: int, padding: int, steps: int) -> None:
    layer = ConvolutionOverTime(channels, 7, kernel, stride, padding).double()
    given = torch.randn(3, channels, steps, dtype=torch.float64)
    found, expected = layer(given.unsqueeze(2)).squeeze(2), nn.Conv1d.forward(layer, given)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-12)
    (found.square().sum() - expected.square().sum()).backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().max() < 1e-9


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2)])
@pytest.mark.parametrize(("height", "width"), [(2, 3), (3, 2), (1, 1)])
def test_convolutions_of_small_maps_are_torchs(
    kernel: int, stride: int, height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = SmallMapConv2d(5, 7, kernel, stride, kernel // 2).double()
    given = torch.randn(4, 5, height, width, dtype=torch.float64).requires_grad_()
    expected = nn.functional.conv2d(given, layer.weight, None, stride, kernel // 2)
    monkeypatch.delattr(nn.Conv2d, "forward")
    found = layer(given)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-12)
    weights = torch.linspace(-1, 1, found.numel(), dtype=torch.float64).view_as(found)
    gradients = [torch.autograd.grad((maps * weights).sum(), (given, layer.weight)) for maps in (found, expected)]
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


def test_answers_about_small_maps_are_given_by_convolutions() -> None:
    """What is exported and streamed is the standard layer."""
    layer = SmallMapConv2d(5, 7, 3, 1, 1).eval()
    given = torch.randn(4, 5, 2, 3)
    assert torch.equal(layer(given), nn.Conv2d.forward(layer, given))


def test_norms_over_time_are_torchs() -> None:
    ours, torchs = NormOverTime(5).double(), nn.BatchNorm1d(5).double()
    maps = torch.randn(4, 9, 5, dtype=torch.float64).transpose(1, 2)
    assert torch.allclose(ours(maps.unsqueeze(2)).squeeze(2), torchs(maps), atol=1e-12)
    assert torch.allclose(ours.running_var, torchs.running_var)
    with pytest.raises(ValueError, match="maps of one row"):
        ours(maps)


@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "groups", "bands"),
    [(1, (3, 3), (2, 2), 1, 12), (8, (3, 3), (2, 2), 8, 12), (8, (2, 1), (2, 1), 1, 1), (8, (3, 1), (1, 1), 1, 1)],
)
def test_causal_convolutions_are_torchs(
    channels: int, kernel: tuple[int, int], stride: tuple[int, int], groups: int, bands: int
) -> None:
    layer = CausalConv2d(channels, 8, kernel, stride, groups=groups).double()
    given = torch.randn(2, channels, 17, bands, dtype=torch.float64, requires_grad=True)
    padded = nn.functional.pad(given, (0, 0, layer.reach - layer.stride, 0))
    expected = nn.functional.conv2d(padded, layer.weight, None, stride, (0, kernel[1] // 2), 1, groups)
    assert torch.allclose(layer(given), expected, atol=1e-12)
    assert torch.allclose(layer.eval()(given), expected, atol=1e-12)
    (layer.train()(given).square().sum() - expected.square().sum()).backward()
    assert given.grad is not None
    assert layer.weight.grad is not None
    assert max(float(given.grad.abs().max()), float(layer.weight.grad.abs().max())) < 1e-9


def test_strided_depthwise_convolutions_stay_in_float32() -> None:
    layer = CausalConv2d(8, 8, (3, 3), (2, 2), groups=8)
    given = torch.randn(2, 8, 16, 12)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(given), layer(given))
        assert layer(given.bfloat16()).dtype == torch.float32


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer, values = Dropout(0.3), torch.full((200, 500), 2.0)
    dropped = layer(values)
    assert abs(float((dropped == 0).float().mean()) - 0.3) < 0.01
    assert torch.allclose(dropped[dropped != 0], torch.tensor(2 / 0.7))
    assert layer(values.bfloat16()).dtype == torch.bfloat16
    assert torch.equal(layer.eval()(values), values)


# features ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 12288, 44100])
def test_spectra_are_the_plain_ones(rate: int) -> None:
    audio = 0.02 * torch.randn(2, rate)
    spectrogram, mel = LogSpectrogram(rate, rate), LogMel(rate)
    assert torch.allclose(spectrogram(audio), log_spectrogram(spectrogram, audio), atol=1e-3)
    assert torch.allclose(mel(audio), log_mel(mel, audio), atol=1e-3)


@pytest.mark.parametrize("stored", [torch.float16, torch.float32])
def test_energies_of_beams_are_the_plain_ones(stored: torch.dtype) -> None:
    specification = build("beamnet", training=False).specification
    energies, beams = BeamEnergies(specification, 20), specification.example(2)["beams"].to(stored)
    plainly = (beams.double().flatten(5) ** 2 @ energies.filters.double()).flatten(3, 4).flatten(1, 2)
    assert torch.allclose(energies(beams).double(), plainly, rtol=1e-5)

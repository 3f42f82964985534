from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from acoustill.errors import AcoustillError
from acoustill.models import Network, Specification, build_network
from acoustill.models.compactnet import CompactNet, CompactTrunk

CLASSES = tuple(f"class{i}" for i in range(14))


def compactnet(rate: int = 12288, seconds: float = 1.0, **settings: float) -> CompactNet:
    """With statistics as after a little training: fresh ones would hide errors of the state's zeros."""
    torch.manual_seed(0)
    specification = Specification(
        streams=("audio",),
        classes=CLASSES,
        sample_rate=rate,
        samples_per_frame=rate // 10,
        clip_frames=round(10 * seconds),
    )
    network = build_network("compactnet", specification, settings)
    assert isinstance(network, CompactNet)
    network.fit_normalisation([specification.example(4)])
    for _ in range(3):
        network(specification.example(4))
    return network.eval()


def parameters(network: Network) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_size() -> None:
    assert 250_000 < parameters(compactnet()) < 350_000
    assert parameters(compactnet(bands=40, width=0.5, features=64, depth=1)) >= 80_000 / 2
    assert parameters(compactnet(bands=64, width=1.5, features=192, depth=4)) < 1_000_000


@pytest.mark.parametrize("rate", [12288, 16000, 44100])
def test_stream_equals_batch(rate: int) -> None:
    network = compactnet(rate)
    audio = network.specification.example(2, frames=37)["audio"]
    stream = network.stream()
    heard = 0
    generator = torch.Generator().manual_seed(rate)
    while heard < audio.shape[1]:
        length = int(torch.randint(0, rate // 3, (1,), generator=generator))
        logits = stream.push(audio[:, heard : heard + length])
        heard = min(heard + length, audio.shape[1])
        if heard >= network.specification.clip_samples:
            assert torch.allclose(logits, network({"audio": audio[:, :heard]}), atol=1e-5)
        elif stream.steps == 0:
            assert torch.equal(logits, torch.zeros(2, 14))
    assert stream.steps == network.step_logits({"audio": audio}).shape[1]


def test_steps_and_whole_answers_of_a_stream_may_be_asked_for_in_turn() -> None:
    network, audio = compactnet(), torch.randn(1, 40000, generator=torch.Generator().manual_seed(3))
    stream = network.stream()
    stream.push_steps(audio[:, :20000])
    assert torch.allclose(stream.push(audio[:, 20000:]), network({"audio": audio}), atol=1e-4)


def test_integers_are_no_pascals() -> None:
    with pytest.raises(AcoustillError, match=r"type of the audio is torch.int16, expected floating point, in pascal"):
        compactnet()({"audio": torch.zeros(1, 70000, dtype=torch.int16)})


def test_stream_refuses_what_it_cannot_hear() -> None:
    network = compactnet()
    with pytest.raises(AcoustillError, match="shape of the audio"):
        network.stream().push(torch.zeros(100))
    with pytest.raises(AcoustillError, match="not finite"):
        network.stream().push(torch.full((1, 100), math.nan))
    with pytest.raises(AcoustillError, match=r"type of the audio is torch.int16, expected floating point, in pascal"):
        network.stream().push(torch.zeros(1, 100, dtype=torch.int16))
    stream = network.stream()
    stream.push(torch.zeros(2, 100))
    with pytest.raises(AcoustillError, match=r"shape of the audio is \(1, 100\), expected \(2, samples\)"):
        stream.push(torch.zeros(1, 100))
    assert stream.push(torch.zeros(2, 100)).shape == (2, 14)  # and goes on
    with pytest.raises(AcoustillError, match="evaluation mode"):
        network.train().stream()


@pytest.mark.parametrize("seconds", [0.2, 1.0, 2.0, 5.0])
def test_clips_of_any_length(seconds: float) -> None:
    network = compactnet(16000, seconds)
    samples = network.specification.clip_samples
    assert network({"audio": torch.randn(2, samples)}).shape == (2, 14)
    assert network({"audio": torch.randn(1, 2 * samples + 77)}).shape == (1, 14)


def test_clips_shorter_than_a_step_are_refused() -> None:
    with pytest.raises(AcoustillError, match="length of a clip"):
        compactnet(16000, 0.1)


def test_level_is_heard() -> None:
    network = compactnet()
    views = network.specification.example()
    assert not torch.allclose(network(views), network({"audio": 4 * views["audio"]}), atol=1e-3)


@pytest.mark.parametrize(("channels", "bands", "frames"), [(1, 48, 98), (3, 40, 160), (8, 21, 33)])
def test_trunk_takes_any_number_of_spectrograms(channels: int, bands: int, frames: int) -> None:
    trunk = CompactTrunk(channels, bands, features=24, width=0.5)
    assert trunk(torch.randn(2, channels, frames, bands)).shape == (2, frames // 16, 24)


def test_it_learns_what_is_where_on_the_frequency_axis() -> None:
    """Tones an octave apart in noise, at random levels: a dozen steps suffice."""
    torch.manual_seed(0)
    network = compactnet(width=0.5, features=32, depth=1, dropout=0.0).train()
    network.masking.eval()  # it would often hide the only tone
    time = torch.arange(network.specification.clip_samples) / 12288
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    for step in range(12):
        labels = torch.randint(0, 3, (16,))
        tones = torch.sin(2 * torch.pi * 500 * 2 ** labels[:, None] * time + torch.rand(16, 1))
        audio = (tones + torch.randn(tones.shape)) * 10 ** (torch.rand(16, 1) - 2)
        loss = cross_entropy(network({"audio": audio}), labels)
        if step == 11:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.4

"""SoundNet with five and with eight layers, and the resampling that pretrained weights may ask for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
from torch.nn.functional import cross_entropy

from acoustill.errors import AcoustillError
from acoustill.models import Network, Specification, build_network, load_network, save_network
from acoustill.models.resampling import Resample

SOUNDNETS = ("soundnet5", "soundnet8")


def build(name: str, seconds: int = 1, rate: int = 12288, classes: int = 14, **settings) -> Network:
    specification = Specification(
        streams=("audio",), classes=tuple(f"c{i}" for i in range(classes)), sample_rate=rate,
        samples_per_frame=rate // 12, clip_frames=12 * seconds,
    )  # fmt: skip
    torch.manual_seed(0)
    return build_network(name, specification, settings)


@pytest.mark.parametrize(("name", "expected"), [("soundnet5", 6_748_230), ("soundnet8", 2_888_670)])
def test_networks_have_the_size_that_they_state(name: str, expected: int) -> None:
    """6.75 million in the paper."""
    for seconds in (1, 5):
        assert sum(parameter.numel() for parameter in build(name, seconds).parameters()) == expected


def test_layers_are_soundnets() -> None:
    """Aytar et al. 2016, table 1; the fifth layer of SoundNet5 as in Perez et al. 2020."""
    shapes = {
        "soundnet5": [(32, 1, 64), (64, 32, 32), (128, 64, 16), (256, 128, 8), (1024, 256, 16)],
        "soundnet8": [
            (16, 1, 64), (32, 16, 32), (64, 32, 16), (128, 64, 8), (256, 128, 4), (512, 256, 4), (1024, 512, 4),
        ],
    }  # fmt: skip
    for name, expected in shapes.items():
        state = build(name).state_dict()
        for number, shape in enumerate(expected, 1):
            assert state[f"conv{number}.weight"].shape == shape
            assert state[f"bn{number}.running_mean"].shape == shape[:1]
        assert f"conv{len(expected) + 1}.weight" not in state


@pytest.mark.parametrize("name", SOUNDNETS)
@pytest.mark.parametrize("rate", [8004, 12288, 48000])
@pytest.mark.parametrize("seconds", [1, 2, 5])
def test_clips_of_a_second_and_longer_are_answered(name: str, rate: int, seconds: int) -> None:
    network = build(name, seconds, rate).eval()
    samples = network.specification.clip_samples
    with torch.no_grad():
        assert network({"audio": torch.randn(2, samples)}).shape == (2, 14)
        assert network({"audio": torch.randn(1, 3 * samples)}).shape == (1, 14)
        with pytest.raises(AcoustillError, match="shape of the audio"):
            network({"audio": torch.randn(2, samples - 1)})


@pytest.mark.parametrize("name", SOUNDNETS)
def test_clips_that_are_too_short_for_the_layers_are_refused(name: str) -> None:
    with pytest.raises(AcoustillError, match="length of a clip is 1200 samples at 1200 Hz"):
        build(name, rate=1200)


def test_a_rate_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(AcoustillError, match="pretrained_rate is 0"):
        build("soundnet8", pretrained_rate=0)


@pytest.mark.parametrize("name", SOUNDNETS)
@pytest.mark.parametrize("pretrained_rate", [None, 22050])
def test_saved_network_answers_alike(name: str, pretrained_rate: int | None, tmp_path: Path) -> None:
    network = build(name, pretrained_rate=pretrained_rate)
    views = {"audio": 0.1 * torch.randn(3, 12288)}
    network.fit_normalisation([views])
    network(views)
    save_network(network, tmp_path)
    loaded = load_network(tmp_path)
    assert loaded.specification == network.specification
    assert loaded.specification.features["audio"]["sample_rate"] == (pretrained_rate or 12288)
    assert torch.equal(loaded(views), network.eval()(views))


def test_only_pretrained_weights_bring_another_rate() -> None:
    heard: list[int] = []
    for rate in (None, 22050):
        network = build("soundnet8", pretrained_rate=rate).eval()
        network.standardise.register_forward_hook(lambda _, given, __: heard.append(given[0].shape[1]))
        network({"audio": torch.randn(1, 12288)})
    assert heard == [12288, 22050]


@pytest.mark.parametrize("name", SOUNDNETS)
def test_networks_learn(name: str) -> None:
    """High tones from low ones, of any level."""
    network = build(name, classes=2, dropout=0.0)
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(8) % 2
    frequency = 300 + 1500 * labels[:, None] + 200 * torch.rand(8, 1, generator=rng)
    level = 10 ** (-2 * torch.rand(8, 1, generator=rng))
    audio = level * torch.sin(2 * torch.pi * frequency * torch.arange(12288) / 12288)
    views = {"audio": audio + 0.001 * torch.randn(audio.shape, generator=rng)}
    network.fit_normalisation([views])
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    losses = []
    for _ in range(6):
        optimiser.zero_grad()
        loss = cross_entropy(network(views), labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


# resampling -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [(12288, 22050), (44100, 22050), (48000, 12288), (16000, 16000)])
def test_resampling_agrees_with_soxr(old: int, new: int) -> None:
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(old))
    spectrum[np.fft.rfftfreq(old, 1 / old) > 0.4 * min(old, new)] = 0
    audio = np.fft.irfft(spectrum).astype(np.float32)
    expected = soxr.resample(audio, old, new, quality="VHQ")
    resampled = Resample(old, new)(torch.from_numpy(audio)[None])[0].numpy()
    assert resampled.shape == (new,)
    inside = slice(200, -200)
    error = np.square(resampled[inside] - expected[inside]).mean() / np.square(expected[inside]).mean()
    assert 10 * np.log10(error) < -80


@pytest.mark.parametrize("samples", [1, 100, 12288, 24653])
def test_resampling_does_not_depend_on_how_samples_are_grouped(samples: int) -> None:
    """One sample is the sum that the definition says."""
    audio = torch.randn(2, samples)
    layer = Resample(12288, 22050)
    made = layer(audio)
    assert made.shape == (2, samples * 22050 // 12288)
    for place in {0, made.shape[1] // 2, made.shape[1] - 1}:
        time = place * 12288 / 22050
        lag = torch.arange(samples, dtype=torch.float64) - time
        near = lag.abs() < layer.reach
        window = torch.special.i0(8 * (1 - (lag[near] / layer.reach).square()).sqrt()) / torch.special.i0(
            torch.tensor(8.0)
        )
        expected = (audio[:, near].double() * 0.92 * torch.sinc(0.92 * lag[near]) * window).sum(dim=1)
        torch.testing.assert_close(made[:, place].double(), expected, rtol=0, atol=1e-5)


def test_resampling_takes_less_time_than_the_network_behind_it() -> None:
    network = build("soundnet8", seconds=5, pretrained_rate=22050).eval()
    audio = torch.randn(16, 61440)

    def seconds(call: Callable[[], object]) -> float:
        times = []
        for _ in range(3):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        return min(times)

    with torch.no_grad():
        assert seconds(lambda: network.resample(audio)) < seconds(lambda: network({"audio": audio})) / 2


def test_resampling_leaves_nothing_above_half_the_new_rate() -> None:
    tone = torch.sin(2 * torch.pi * 6300 * torch.arange(48000).double() / 48000)[None]
    assert Resample(48000, 12288)(tone.float())[0, 500:-500].abs().max() < 1e-4


@pytest.mark.parametrize(("pretrained_rate", "deviation"), [(None, 1.0), (22050, 25.0), (12288, 25.0)])
def test_pretrained_weights_are_given_waveforms_on_their_scale(pretrained_rate: int | None, deviation: float) -> None:
    """SoundNet learnt from waveforms within 256, not from a deviation of 1; one constant, so that level is kept."""
    network = build("soundnet8", pretrained_rate=pretrained_rate).eval()
    audio = torch.nn.functional.avg_pool1d(1e-3 * torch.randn(4, 12288), 5, 1, 2)  # nothing that resampling takes off
    network.fit_normalisation([{"audio": audio}])
    given: list[float] = []
    network.conv1.register_forward_pre_hook(lambda _, inputs: given.append(float(inputs[0].std())))
    network({"audio": audio})
    network({"audio": 0.1 * audio})
    assert given[0] == pytest.approx(deviation, rel=0.05)
    assert given[1] == pytest.approx(0.1 * given[0], rel=1e-3)
    assert network.specification.features["audio"].get("deviation", 1.0) == deviation

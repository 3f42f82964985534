from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from acoustill.errors import AcoustillError
from acoustill.imaging import ImageSpecification
from acoustill.models import Network, Specification, build_network, load_network, save_network
from acoustill.models.network import Standardise
from acoustill.models.spectrogram import LogSpectrogram
from acoustill.models.store import network_class

CLASSES = tuple(f"class{i}" for i in range(14))


def hearnet(seconds: float = 5.0, rate: int = 12288) -> Network:
    frames = round(12 * seconds)
    specification = Specification(
        streams=("audio",), classes=CLASSES, sample_rate=rate, samples_per_frame=rate // 12, clip_frames=frames
    )
    return build_network("hearnet", specification)


def dualcamnet(shape: tuple[int, int, int] = (36, 48, 12)) -> Network:
    specification = Specification(
        streams=("image",),
        classes=CLASSES,
        sample_rate=12288,
        samples_per_frame=1024,
        clip_frames=60,
        image_shape=shape,
        image=ImageSpecification().to_json(),
    )
    return build_network("dualcamnet", specification)


@pytest.mark.parametrize(("build", "millions"), [(hearnet, 3.86), (dualcamnet, 8.18)])
def test_networks_have_the_papers_size(build, millions: float) -> None:
    parameters = sum(parameter.numel() for parameter in build().parameters())
    assert round(parameters / 1e6, 2) == millions


@pytest.mark.parametrize("seconds", [1.0, 2.0, 3.0, 5.0])
def test_hearnet_takes_clips_of_other_lengths_and_longer_audio(seconds: float) -> None:
    network = hearnet(seconds).eval()
    samples = network.specification.clip_samples
    assert network({"audio": torch.randn(2, samples)}).shape == (2, 14)
    assert network({"audio": torch.randn(1, 3 * samples)}).shape == (1, 14)
    with pytest.raises(AcoustillError, match="shape of the audio"):
        network({"audio": torch.randn(2, samples - 1)})


@pytest.mark.parametrize("rate", [12288, 16000, 22050, 48000])
def test_spectrogram_has_100_frames_a_second_at_any_rate(rate: int) -> None:
    spectrogram = LogSpectrogram(rate, 2 * rate)
    assert spectrogram(torch.randn(1, 2 * rate)).shape == (1, 200, spectrogram.bins)


def test_spectrogram_keeps_level_and_finds_a_tone() -> None:
    spectrogram = LogSpectrogram(12288, 12288)
    tone = torch.sin(2 * torch.pi * 1536 * torch.arange(12288) / 12288)[None]
    spectra = spectrogram(tone)[0, 50]
    assert int(spectra.argmax()) == round(1536 * 512 / 12288)
    louder = spectrogram(10 * tone)[0, 50]
    assert torch.allclose((louder - spectra)[spectra > -60], torch.tensor(20.0), atol=1e-2)


def test_dualcamnet_gives_frames_and_their_mean() -> None:
    network = dualcamnet((12, 16, 3)).eval()
    images = {"image": torch.randn(2, 9, 12, 16, 3)}
    frames = network.frame_logits(images)
    assert frames.shape == (2, 9, 14)
    assert torch.allclose(network(images), frames.mean(dim=1))


def test_dualcamnet_learns_time() -> None:
    """Its convolution over time sees the order of frames and has gradients: it is no frozen identity."""
    network = dualcamnet((12, 16, 3)).eval()
    images = torch.randn(1, 9, 12, 16, 3)
    assert not torch.allclose(network({"image": images}), network({"image": images.flip(1)}), atol=1e-5)
    network({"image": images}).sum().backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(2, 9, 12, 16, 4), (2, 9, 16, 12, 3), (9, 12, 16, 3)])
def test_dualcamnet_refuses_other_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(AcoustillError, match="shape of the acoustic images"):
        dualcamnet((12, 16, 3))({"image": torch.zeros(shape)})


def test_standardise_uses_statistics_of_all_batches() -> None:
    values = torch.randn(1000, 3) * torch.tensor([1.0, 5.0, 0.1]) + torch.tensor([0.0, -3.0, 100.0])
    layer = Standardise(3, smallest=None)
    layer.fit([values[:300], values[300:]])
    assert torch.allclose(layer.mean, values.mean(dim=0), rtol=1e-4, atol=1e-4)
    assert torch.allclose(layer.deviation, values.std(dim=0), rtol=1e-3)
    assert layer(values).mean().abs() < 1e-3


@pytest.mark.parametrize("build", [hearnet, dualcamnet])
def test_saved_network_answers_alike(build, tmp_path: Path) -> None:
    network = build()
    views = {"audio": torch.randn(1, 61440), "image": torch.randn(1, 12, 36, 48, 12)}
    network.fit_normalisation([views])
    save_network(network, tmp_path)
    loaded = load_network(tmp_path)
    assert loaded.specification == network.specification
    assert torch.equal(loaded(views), network.eval()(views))


def test_broken_runs_are_refused_in_one_sentence(tmp_path: Path) -> None:
    save_network(hearnet(1.0), tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())

    def complaint() -> str:
        with pytest.raises(AcoustillError) as caught:
            load_network(tmp_path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    for change, found in (
        ({"network": "hearnot"}, "hearnot"),
        ({"settings": {"dropuot": 1}}, "dropuot"),
        ({"specification": description["specification"] | {"sample_rate": -1}}, "sample_rate"),
        ({"specification": description["specification"] | {"classes": ["a", "b"]}}, "not the weights"),
    ):
        (tmp_path / "model.json").write_text(json.dumps(description | change))
        assert found in complaint()
    (tmp_path / "model.json").write_text(json.dumps(description))
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes()[:1000])
    assert "model.safetensors" in complaint()
    (tmp_path / "model.safetensors").unlink()
    assert "model.safetensors" in complaint()
    (tmp_path / "model.json").write_text("{")
    assert "model.json" in complaint()


def test_network_without_its_stream_is_refused() -> None:
    for wrong in ({"image": torch.zeros(1, 12, 36, 48, 12)}, torch.zeros(1, 61440)):
        with pytest.raises(AcoustillError, match="a mapping with"):
            hearnet()(wrong)


@pytest.mark.parametrize(
    ("name", "streams", "shape"),
    [
        ("dualcamnet", ("image",), "image_shape"),
        ("motionnet", ("video",), "video_shape"),
        ("beamnet-heard", ("beams",), "beams_shape"),
        ("avnet", ("image", "video"), "image_shape"),
    ],
)
def test_streams_without_a_shape_are_refused(name: str, streams: tuple, shape: str) -> None:
    specification = Specification(
        streams=streams, classes=CLASSES, sample_rate=12288, samples_per_frame=1024, clip_frames=60
    )
    with pytest.raises(AcoustillError, match=f"{name}: {shape} of the specification is None"):
        build_network(name, specification)


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("hearnet", {"dropout": 1.0}, r"dropout is 1\.0, expected a number from 0 to below 1"),
        ("hearnet", {"dropout": -0.1}, "dropout is"),
        ("hearnet", {"dropout": "high"}, "dropout is 'high'"),
        ("hearnet", {"dropout": float("nan")}, "dropout is nan"),
        ("hearnet", {"drop": 0.1}, "a setting is not known .*'drop'"),
        ("beamnet", {"modality_dropout": 5.0}, r"modality_dropout is 5\.0, expected a number from 0 to 1"),
        ("beamnet-true", {"modality_dropout": 0.1}, "a setting is not known .*'modality_dropout'"),
        ("beamnet-heard", {"width": 12}, "width is 12, expected a multiple of 8 above 0"),
        ("beamnet-heard", {"width": 0}, "width is 0"),
        ("acousticnet", {"width": -1}, "acousticnet: a network with the settings .* is not possible"),
        ("compactnet", {"features": "many"}, "compactnet: a network with the settings .* is not possible"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(name: str, settings: dict, says: str) -> None:
    specification = Specification(
        streams=network_class(name).streams,  # type: ignore[arg-type]
        classes=CLASSES,
        sample_rate=12288,
        samples_per_frame=1024,
        clip_frames=60,
        beams_shape=(8, 3, 4, 129),
        video_shape=(24, 32),
    )
    with pytest.raises(AcoustillError, match=says):
        build_network(name, specification, settings)


def test_video_of_other_numbers_is_refused() -> None:
    specification = Specification(
        streams=("video",),
        classes=CLASSES,
        sample_rate=12288,
        samples_per_frame=1024,
        clip_frames=4,
        video_shape=(24, 32),
    )
    network = build_network("motionnet", specification).eval()
    with pytest.raises(AcoustillError, match=r"type of the video is torch\.float32, expected torch\.uint8"):
        network({"video": torch.rand(1, 4, 24, 32, 3)})

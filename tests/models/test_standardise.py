"""What inputs are divided by: their deviation, but nothing that blows up what hardly varied in training."""

from __future__ import annotations

import pytest
import torch

from acoustill.imaging import ImageSpecification
from acoustill.models import Network, Specification, build_network, load_network, save_network
from acoustill.models.network import Standardise
from acoustill.models.specification import Stream

RATE = 12288


def network(name: str, stream: Stream, features: str = "mel") -> Network:
    specification = Specification(
        streams=(stream,),
        classes=("a", "b"),
        sample_rate=RATE,
        samples_per_frame=1024,
        clip_frames=12,
        image_shape=(8, 8, 5),
        image=ImageSpecification(features=features, bands=5, coefficients=5).to_json(),  # type: ignore[arg-type]
    )
    return build_network(name, specification)


@pytest.mark.parametrize("level_db", [0.0, 40.0, 94.0])
def test_images_of_energies_have_deviation_1_at_any_level(level_db: float) -> None:
    teacher = network("dualcamnet", "image")
    energies = (2e-5 * 10 ** (level_db / 20)) ** 2 * torch.randn(8, 12, 8, 8, 5).exp()
    teacher.fit_normalisation([{"image": energies}])
    deviations = teacher.standardise(energies).std((0, 1, 2, 3))
    torch.testing.assert_close(deviations, torch.ones(5), rtol=1e-3, atol=0)


@pytest.mark.parametrize("level_db", [0.0, 14.0, 94.0])
def test_waveforms_have_deviation_1_at_any_level(level_db: float) -> None:
    student = network("soundnet8", "audio")
    audio = 2e-5 * 10 ** (level_db / 20) * torch.randn(4, RATE)
    student.fit_normalisation([{"audio": audio}])
    assert float(student.standardise(audio.unsqueeze(-1)).std()) == pytest.approx(1, rel=1e-3)


def test_bands_60_db_below_the_loudest_are_standardised_and_those_further_below_are_not_blown_up() -> None:
    layer = Standardise(3, smallest=None)
    layer.fit([torch.tensor([1e-4, 1e-9, 1e-14]) * torch.randn(1000, 3)])
    assert float(layer.deviation[1]) == pytest.approx(1e-9, rel=0.1)
    assert float(layer.deviation[2]) == pytest.approx(1e-10, rel=0.1)


def test_silence_all_over_stays_finite() -> None:
    layer = Standardise(2, smallest=None)
    layer.fit([torch.zeros(10, 2)])
    assert layer(torch.zeros(10, 2)).abs().max() == 0


def test_bands_that_were_empty_in_training_are_divided_by_1_db() -> None:
    student = network("compactnet", "audio")
    spectrum = torch.fft.rfft(0.02 * torch.randn(8, RATE))
    spectrum[:, 4000:] = 0
    student.fit_normalisation([{"audio": torch.fft.irfft(spectrum, n=RATE)}])
    assert float(student.standardise.deviation.min()) == 1


@pytest.mark.parametrize("name", ["hearnet", "compactnet"])
def test_levels_that_never_varied_in_training_are_divided_by_1_db(name: str) -> None:
    student = network(name, "audio")
    student.fit_normalisation([{"audio": torch.zeros(2, RATE)}])
    assert torch.equal(student.standardise.deviation, torch.ones_like(student.standardise.deviation))


@pytest.mark.parametrize(("features", "least"), [("mfcc", 1.0), ("mel", 1e-6)])
def test_coefficients_are_levels_and_mel_energies_are_not(features: str, least: float) -> None:
    teacher = network("dualcamnet", "image", features)
    images = torch.zeros(2, 12, 8, 8, 5)
    images[..., 0] = torch.randn(2, 12, 8, 8)
    teacher.fit_normalisation([{"image": images}])
    assert float(teacher.standardise.deviation[4]) == pytest.approx(least, rel=0.1)


def test_weights_that_were_saved_keep_their_statistics(tmp_path) -> None:
    student = network("hearnet", "audio")
    student.standardise.deviation.fill_(1e-3)
    save_network(student, tmp_path)
    assert torch.equal(load_network(tmp_path).standardise.deviation, student.standardise.deviation)

from __future__ import annotations

import pytest
import torch

from acoustill.imaging import ImageSpecification
from acoustill.learning.augmentation import degrade_audio, vary_images
from acoustill.learning.configuration import AudioAugmentation, ImageAugmentation

MFCC = ImageSpecification(bands=25, coefficients=3)
NOTHING = {"gain_db": 0.0, "noise_chance": 0.0, "reverberation_chance": 0.0, "equalisation_db": 0.0}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clips() -> torch.Tensor:
    return torch.randn(4, 9600, generator=generator(1))


def test_nothing_is_done_where_nothing_is_asked_for() -> None:
    assert torch.equal(degrade_audio(clips(), 4800, AudioAugmentation(**NOTHING), generator()), clips())


def test_noise_has_the_ratio_asked_for() -> None:
    how = AudioAugmentation(**NOTHING | {"noise_chance": 1.0, "noise_snr_db": (6.0, 6.0)})
    noise = degrade_audio(clips(), 4800, how, generator()) - clips()
    ratio_db = 10 * torch.log10(clips().square().mean(dim=1) / noise.square().mean(dim=1))
    assert torch.allclose(ratio_db, torch.full((4,), 6.0), atol=1e-3)


@pytest.mark.parametrize("samples", [4801, 9000, 9973])
def test_noise_is_gaussian_and_falls_with_frequency_for_any_length(samples: int) -> None:
    """By 4.5 dB an octave on average; at odd and prime lengths, too."""
    audio = torch.ones(400, samples)
    how = AudioAugmentation(**NOTHING | {"noise_chance": 1.0, "noise_snr_db": (0.0, 0.0)})
    noise = degrade_audio(audio, 4800, how, generator()) - audio
    assert abs(float(noise.square().mean()) - 1) < 0.05
    level_db = 10 * torch.log10(torch.fft.rfft(noise[:, :4096]).abs().square())
    octaves = torch.stack([level_db[:, 2**k : 2 ** (k + 1)].mean(dim=1) for k in range(5, 11)], dim=1)
    falls_db = octaves[:, 0] - octaves[:, -1]
    assert abs(float(falls_db.mean()) / 5 - 4.5) < 0.5
    assert falls_db.min() > -4
    assert falls_db.max() < 49


def test_coloured_noise_is_measured_against_the_clip_alone() -> None:
    """Not against recorded noise that was added to it."""
    how = AudioAugmentation(**NOTHING | {"noise_chance": 1.0, "noise_snr_db": (6.0, 6.0)})
    field, snr_db = torch.randn(4, 9600, generator=generator(2)), torch.full((4,), -20.0)
    noisy = degrade_audio(clips(), 4800, how, generator(), field=field, snr_db=snr_db)
    gain = (clips().square().mean(dim=1) / field.square().mean(dim=1) * 100).sqrt()
    noise = noisy - clips() - gain[:, None] * field
    ratio_db = 10 * torch.log10(clips().square().mean(dim=1) / noise.square().mean(dim=1))
    assert torch.allclose(ratio_db, torch.full((4,), 6.0), atol=1e-2)


def test_recorded_noise_is_measured_against_the_clip_with_its_tail() -> None:
    how = AudioAugmentation(**NOTHING | {"reverberation_chance": 1.0, "direct_to_reverberant_db": (-3.0, -3.0)})
    field, snr_db = torch.randn(4, 9600, generator=generator(2)), torch.full((4,), 10.0)
    wet = degrade_audio(clips(), 4800, how, generator())
    noise = degrade_audio(clips(), 4800, how, generator(), field=field, snr_db=snr_db) - wet
    ratio_db = 10 * torch.log10(wet.square().mean(dim=1) / noise.square().mean(dim=1))
    assert torch.allclose(ratio_db, snr_db, atol=1e-2)
    assert (wet.square().mean(dim=1) > 1.5 * clips().square().mean(dim=1)).all()


def test_frequencies_are_raised_smoothly_and_without_delay() -> None:
    impulse = torch.zeros(64, 4800)
    impulse[:, 2400] = 1.0
    heard = degrade_audio(impulse, 4800, AudioAugmentation(**NOTHING | {"equalisation_db": 6.0}), generator())
    gain_db = 20 * torch.log10(torch.fft.rfft(heard).abs())
    assert gain_db.abs().max() < 6.01
    assert gain_db.diff(dim=1).abs().max() < 0.1
    assert gain_db.std(dim=1).min() > 0.3
    assert (heard.abs().argmax(dim=1) == 2400).all()
    assert len(gain_db[:, 0].unique()) == 64


def test_gain_stays_in_its_range_and_differs_between_clips() -> None:
    degraded = degrade_audio(clips(), 4800, AudioAugmentation(**NOTHING | {"gain_db": 6.0}), generator())
    gain_db = 20 * torch.log10(degraded[:, 0] / clips()[:, 0])
    assert (gain_db.abs() <= 6.0).all()
    assert len(gain_db.unique()) == 4
    assert torch.allclose(degraded / clips(), (degraded / clips())[:, :1].expand(-1, 9600), rtol=1e-4)


def test_reverberation_decays_as_asked_for() -> None:
    impulse = torch.zeros(64, 9600)
    impulse[:, 0] = 1.0
    how = AudioAugmentation(**NOTHING | {"reverberation_chance": 1.0, "reverberation_s": (0.4, 0.4)})
    tails = degrade_audio(impulse, 4800, how, generator())
    assert torch.allclose(tails[:, 0], torch.ones(64), atol=0.5)
    decay = tails[:, 1:].square().sum(dim=0).flip(0).cumsum(0).flip(0)
    level_db = 10 * torch.log10(decay / decay[0])
    reached = [int((level_db < level).nonzero()[0]) / 4800 for level in (-5.0, -25.0)]
    assert abs(3 * (reached[1] - reached[0]) - 0.4) < 0.06


def test_same_generator_same_degradation() -> None:
    how = AudioAugmentation()
    assert torch.equal(degrade_audio(clips(), 4800, how, generator(5)), degrade_audio(clips(), 4800, how, generator(5)))


def test_images_move_as_one_over_frames_and_channels() -> None:
    images = torch.zeros(8, 3, 12, 16, 2)
    images[:, :, 5, 4, 1] = 1.0
    how = ImageAugmentation(flip=True, shift_pixels=2, level_db=0.0)
    varied = vary_images(images, MFCC, how, generator())
    places = [tuple(clip[0, ..., 1].nonzero()[0].tolist()) for clip in varied]
    assert all(3 <= row <= 7 and (2 <= column <= 6 or 9 <= column <= 13) for row, column in places)
    assert len(set(places)) > 2
    assert any(column >= 9 for _, column in places)
    for clip in varied:
        assert torch.equal(clip[0], clip[1])
        assert torch.equal(clip[0], clip[2])
        assert clip.sum() == 3.0


def test_level_changes_the_first_coefficient_only() -> None:
    images = torch.zeros(4, 2, 6, 8, 3)
    varied = vary_images(images, MFCC, ImageAugmentation(flip=False, shift_pixels=0, level_db=3.0), generator())
    assert (varied[..., 1:] == 0).all()
    assert (varied[..., 0].abs() <= 15.0).all()
    assert len(varied[:, 0, 0, 0, 0].unique()) == 4


def test_level_multiplies_energies() -> None:
    energies = torch.rand(3, 2, 6, 8, 5, generator=generator()) + 0.1
    how = ImageAugmentation(flip=False, shift_pixels=0, level_db=3.0)
    ratios = vary_images(energies, ImageSpecification(features="mel", bands=5), how, generator()) / energies
    assert torch.allclose(ratios, ratios[:, :1, :1, :1, :1].expand_as(ratios))
    assert (ratios.log10().abs() <= 0.3).all()

"""Degraded views of the student, and images as other recordings would have shown them to the teacher."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from acoustill.imaging.specification import ForeignImages, ImageSpecification
from acoustill.learning.configuration import AudioAugmentation, ImageAugmentation


def degrade_audio(audio: Tensor, sample_rate: int, how: AudioAugmentation, generator: torch.Generator) -> Tensor:
    """A batch of clips as worse places would have sounded: reverberation, noise, another level.

    Args:
        audio: clean clips.
        sample_rate: in hertz.
        how: what is done, and how often.
        generator: the source of randomness.

    Shapes:
        audio: (B, samples).
        Output: (B, samples).
    """
    degraded = _reverberate(audio, sample_rate, how, generator)
    degraded = _add_noise(degraded, how, generator)
    gain_db = _uniform(len(audio), -how.gain_db, how.gain_db, generator)
    return degraded * 10 ** (gain_db / 20)


def vary_images(
    images: Tensor,
    specification: ImageSpecification | ForeignImages,
    how: ImageAugmentation,
    generator: torch.Generator,
) -> Tensor:
    """A batch of image clips, mirrored, shifted and of another level; one draw a clip.

    Args:
        images: acoustic images.
        specification: what their channels are: the level is in the first cepstral coefficient, or a factor. How
            coefficients that other software made follow the level is not known: theirs is left as it is.
        how: what is done.
        generator: the source of randomness.

    Shapes:
        images: (B, frames, H, W, C).
        Output: (B, frames, H, W, C).
    """
    batch, _, rows, columns, _ = images.shape
    shifts = torch.randint(-how.shift_pixels, how.shift_pixels + 1, (2, batch), generator=generator)
    row_index = (torch.arange(rows) + shifts[0][:, None]).clamp(0, rows - 1)
    column_index = (torch.arange(columns) + shifts[1][:, None]).clamp(0, columns - 1)
    if how.flip:
        mirrored = torch.rand(batch, generator=generator) < 0.5
        column_index[mirrored] = column_index[mirrored].flip(1)
    clip = torch.arange(batch)[:, None, None]
    varied = images.transpose(1, 2).transpose(2, 3)[clip, row_index[:, :, None], column_index[:, None, :]]
    varied = varied.permute(0, 3, 1, 2, 4).float()
    level_db = _uniform(batch, -how.level_db, how.level_db, generator)
    if specification.features == "mfcc":
        if isinstance(specification, ForeignImages):
            return varied
        varied[..., 0] += (level_db * math.sqrt(specification.bands))[:, :, None, None]
        return varied
    return varied * (10 ** (level_db / 10))[:, :, None, None, None]


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, 1, generator=generator)


def _reverberate(audio: Tensor, sample_rate: int, how: AudioAugmentation, generator: torch.Generator) -> Tensor:
    """Convolves some clips with noise that decays exponentially behind a direct path (Polack 1988)."""
    chosen = torch.rand(len(audio), generator=generator) < how.reverberation_chance
    count, samples = int(chosen.sum()), audio.shape[1]
    if not count:
        return audio
    rt60_s = _uniform(count, *how.reverberation_s, generator)
    taps = int(how.reverberation_s[1] * sample_rate)
    time_s = torch.arange(taps) / sample_rate
    tail = torch.randn(count, taps, generator=generator) * 10 ** (-3 * time_s / rt60_s)
    direct_to_reverberant_db = _uniform(count, -3.0, 12.0, generator)
    tail *= (10 ** (-direct_to_reverberant_db / 10) / tail.square().sum(dim=1, keepdim=True)).sqrt()
    tail[:, 0] += 1.0
    length = samples + taps
    wet = torch.fft.irfft(torch.fft.rfft(audio[chosen], n=length) * torch.fft.rfft(tail, n=length), n=length)
    reverberant = audio.clone()
    reverberant[chosen] = wet[:, :samples]
    return reverberant


def _add_noise(audio: Tensor, how: AudioAugmentation, generator: torch.Generator) -> Tensor:
    """Adds Gaussian noise to some clips; its spectrum falls by 0 to 9 dB an octave."""
    batch, samples = audio.shape
    frequency = torch.arange(1, samples // 2 + 2, dtype=torch.float32)
    slope = _uniform(batch, 0.0, 1.5, generator)
    spectrum = torch.fft.rfft(torch.randn(batch, samples, generator=generator)) * frequency ** (-slope)
    noise = torch.fft.irfft(spectrum, n=samples)
    snr_db = _uniform(batch, *how.noise_snr_db, generator)
    power = audio.square().mean(dim=1, keepdim=True) / noise.square().mean(dim=1, keepdim=True)
    chosen = torch.rand(batch, 1, generator=generator) < how.noise_chance
    return audio + chosen * noise * (power * 10 ** (-snr_db / 10)).sqrt()

"""Audio as it would have sounded in other places, and images as other recordings would have shown them."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from acoustill.imaging.specification import ForeignImages, ImageSpecification
from acoustill.learning.configuration import AudioAugmentation, BeamsAugmentation, ImageAugmentation

EQUALISER_POINTS = 6


class Mirrored(NamedTuple):
    """Which clips of a batch are mirrored; one draw for all of their streams.

    Attributes:
        left_right: (B,) bool, left and right.
        up_down: (B,) bool, top and bottom.
    """

    left_right: Tensor
    up_down: Tensor


def draw_mirrored(batch: int, flip: bool, up_down: bool, generator: torch.Generator) -> Mirrored:
    """Half of the clips, drawn for each of the two ways that is allowed."""
    drawn = torch.rand(2, batch, generator=generator) < 0.5
    return Mirrored(drawn[0] & flip, drawn[1] & up_down)


class Room(NamedTuple):
    """Where clips are heard, and through what; one draw for all of their streams.

    Attributes:
        reverberant: (B,) bool, which clips have a tail.
        rt60_s: (B,), its reverberation time.
        direct_to_reverberant_db: (B,), the ratio of the clip to it.
        points_db: (B, EQUALISER_POINTS), a smooth curve over frequency, see `curves`.
        level_db: (B,).
    """

    reverberant: Tensor
    rt60_s: Tensor
    direct_to_reverberant_db: Tensor
    points_db: Tensor
    level_db: Tensor


def draw_room(batch: int, how: AudioAugmentation | BeamsAugmentation, generator: torch.Generator) -> Room:
    """What tails, curves and levels clips get."""
    level_db = how.level_db if isinstance(how, BeamsAugmentation) else how.gain_db
    reverberant = torch.rand(batch, generator=generator) < how.reverberation_chance
    points_db = uniform(batch * EQUALISER_POINTS, -how.equalisation_db, how.equalisation_db, generator)
    return Room(
        reverberant,
        uniform(batch, *how.reverberation_s, generator)[:, 0],
        uniform(batch, *how.direct_to_reverberant_db, generator)[:, 0],
        points_db.view(batch, EQUALISER_POINTS),
        uniform(batch, -level_db, level_db, generator)[:, 0],
    )


def curves(points_db: Tensor, bins: int, sample_rate: int) -> Tensor:
    """Factors over frequency: straight lines in dB between points that lie evenly on a mel scale.

    Shapes:
        points_db: (B, EQUALISER_POINTS).
        Output: (B, bins), from 0 Hz to half of the sample rate.
    """
    mel = torch.log1p(torch.linspace(0, sample_rate / 2, bins) / 700)
    at = mel / mel[-1] * (EQUALISER_POINTS - 1)
    weights = (1 - (at - torch.arange(EQUALISER_POINTS)[:, None]).abs()).clamp_min(0)
    return _factors(points_db @ weights)


def degrade_audio(
    audio: Tensor,
    sample_rate: int,
    how: AudioAugmentation,
    generator: torch.Generator,
    *,
    room: Room | None = None,
    field: Tensor | None = None,
    snr_db: Tensor | None = None,
    gain: Tensor | None = None,
) -> Tensor:
    """A batch of clips as worse places would have sounded, through other microphones.

    In this order: a tail, recorded and coloured noise, whose ratios are both to the clip with its tail, and a smooth
    curve over frequency with another level.

    Args:
        audio: clean clips.
        sample_rate: in hertz.
        how: what is done, and how often.
        generator: the source of randomness.
        room: tails, curves and levels; None draws them.
        field: recorded noise; None adds none.
        snr_db: ratio of the clip to it; infinite for clips that shall have none.
        gain: what it is multiplied by, in place of a ratio.

    Shapes:
        audio: (B, samples).
        field: (B, samples).
        snr_db, gain: (B,).
        Output: (B, samples).
    """
    room = room or draw_room(len(audio), how, generator)
    wet = _reverberate(audio, sample_rate, room, generator)
    power = wet.square().mean(dim=1)
    heard = wet
    if field is not None:
        if gain is None:
            assert snr_db is not None
            gain = gain_for(power, field.square().mean(dim=1), snr_db)
        heard = wet + gain[:, None] * field
    samples = wet.shape[1]
    length = 2 * next_fast_len((samples + 1) // 2, real=True)
    chosen, noise = _coloured_noise(power, length, how, generator)
    if not room.points_db.any() and not chosen.any():
        return heard * _factors(room.level_db[:, None])
    spectra = torch.fft.rfft(heard, n=length)  # noise and curve in one go there and back
    spectra[chosen] += noise
    spectra *= curves(room.points_db, length // 2 + 1, sample_rate) * _factors(room.level_db[:, None])
    return torch.fft.irfft(spectra, n=length)[:, :samples]


def gain_for(signal: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """What noise of some power is multiplied by for a ratio of a signal's power to its own; 0 for silent noise."""
    return torch.where(noise > 0, (signal / noise * 10 ** (-snr_db / 10)).sqrt(), 0.0).float()


def draw_shifts(batch: int, reach: tuple[float, float], generator: torch.Generator) -> Tensor:
    """How far clips are moved, as parts of the view's height and width.

    Args:
        batch: number of clips.
        reach: the largest parts.
        generator: the source of randomness.

    Shapes:
        Output: (B, 2), up and to the left.
    """
    return (2 * torch.rand(batch, 2, generator=generator) - 1) * torch.tensor(reach)


def vary_images(
    images: Tensor,
    specification: ImageSpecification | ForeignImages,
    how: ImageAugmentation,
    generator: torch.Generator,
    mirrored: Mirrored | None = None,
    shifts: Tensor | None = None,
) -> Tensor:
    """A batch of image clips, mirrored, shifted and of another level; one draw a clip.

    Args:
        images: acoustic images.
        specification: what their channels are: the level is in the first cepstral coefficient, or a factor. How
            coefficients that other software made follow the level is not known: theirs is left as it is.
        how: what is done.
        generator: the source of randomness.
        mirrored: which clips are mirrored; None draws it.
        shifts: see `draw_shifts`; None draws them.

    Shapes:
        images: (B, frames, H, W, C).
        shifts: (B, 2).
        Output: (B, frames, H, W, C).
    """
    batch, _, rows, columns, _ = images.shape
    if shifts is None:
        shifts = draw_shifts(batch, (how.shift_pixels / rows, how.shift_pixels / columns), generator)
    row_index, column_index = shifted_indices(shifts, rows, columns)
    left_right, up_down = mirrored or draw_mirrored(batch, how.flip, False, generator)
    column_index[left_right] = column_index[left_right].flip(1)
    row_index[up_down] = row_index[up_down].flip(1)
    clip = torch.arange(batch)[:, None, None]
    varied = images.transpose(1, 2).transpose(2, 3)[clip, row_index[:, :, None], column_index[:, None, :]]
    varied = varied.permute(0, 3, 1, 2, 4).float()
    level_db = uniform(batch, -how.level_db, how.level_db, generator)
    if specification.features == "mfcc":
        if isinstance(specification, ForeignImages):
            return varied
        varied[..., 0] += (level_db * math.sqrt(specification.bands))[:, :, None, None]
        return varied
    return varied * (10 ** (level_db / 10))[:, :, None, None, None]


def shifted_indices(shifts: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Which rows and columns of a picture come where, in whole pixels; the border is repeated.

    Shapes:
        shifts: (B, 2).
        Output: (B, rows) and (B, columns).
    """
    down, right = (shifts * torch.tensor([rows, columns])).round().long().unbind(dim=1)
    return (
        (torch.arange(rows) + down[:, None]).clamp(0, rows - 1),
        (torch.arange(columns) + right[:, None]).clamp(0, columns - 1),
    )


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """(count, 1) values, all between the two with equal chance."""
    return low + (high - low) * torch.rand(count, 1, generator=generator)


def _reverberate(audio: Tensor, sample_rate: int, room: Room, generator: torch.Generator) -> Tensor:
    """Convolves some clips with noise that decays exponentially behind a direct path (Polack 1988)."""
    chosen = room.reverberant
    count, samples = int(chosen.sum()), audio.shape[1]
    if not count:
        return audio
    rt60_s = room.rt60_s[chosen, None]
    taps = math.ceil(float(rt60_s.max()) * sample_rate)
    time_s = torch.arange(taps) / sample_rate
    tail = torch.randn(count, taps, generator=generator) * 10 ** (-3 * time_s / rt60_s)
    ratio_db = room.direct_to_reverberant_db[chosen, None]
    tail *= (10 ** (-ratio_db / 10) / tail.square().sum(dim=1, keepdim=True)).sqrt()
    tail[:, 0] += 1.0
    length = next_fast_len(samples + taps, real=True)  # a length with a large prime factor takes six times as long
    wet = torch.fft.irfft(torch.fft.rfft(audio[chosen], n=length) * torch.fft.rfft(tail, n=length), n=length)
    reverberant = audio.clone()
    reverberant[chosen] = wet[:, :samples]
    return reverberant


def _coloured_noise(
    power: Tensor, length: int, how: AudioAugmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Which clips get Gaussian noise, and its spectra for these; they fall by 0 to 9 dB an octave.

    The spectrum of white noise is white noise, so it is drawn where it is coloured.

    Args:
        power: mean power of the clips.
        length: of the noise in samples, even.
        how: how often, and in what ratio.
        generator: the source of randomness.

    Shapes:
        power: (B,).
        Output: (B,) bool, and (chosen, length / 2 + 1) complex.
    """
    batch = len(power)
    chosen = torch.rand(batch, generator=generator) < how.noise_chance
    slope, snr_db = uniform(batch, 0.0, 1.5, generator)[chosen], uniform(batch, *how.noise_snr_db, generator)[chosen, 0]
    spectra = torch.randn(len(slope), length // 2 + 1, 2, generator=generator)
    spectra[:, (0, -1), 1] = 0.0  # real where there is no other half
    spectra *= (-slope * torch.arange(1, length // 2 + 2).log()).exp()[:, :, None]
    energy = 2 * spectra.flatten(1).square().sum(dim=1)  # Parseval: both halves
    spectra[:, (0, -1)] *= math.sqrt(2)
    spectra *= length * gain_for(power[chosen], energy, snr_db)[:, None, None]
    return chosen, torch.view_as_complex(spectra)


def _factors(level_db: Tensor) -> Tensor:
    """Decibels as factors; a power of 10, which torch takes three times as long for."""
    return (level_db * (math.log(10) / 20)).exp()

"""Scenes as other places would have shown them: one draw a clip for all of its streams, and noise at the array.

Beams are linear: noise that the same array recorded elsewhere is added to complex beam spectra as if it had been added
to the signal of every microphone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import torch
from scipy.signal import lfilter
from torch import Tensor

from acoustill.imaging.specification import specification_from_json
from acoustill.learning.augmentation import (
    Mirrored,
    Room,
    curves,
    degrade_audio,
    draw_mirrored,
    draw_room,
    draw_shifts,
    gain_for,
    shifted_indices,
    uniform,
    vary_images,
)
from acoustill.learning.configuration import AudioAugmentation, TeacherAugmentation, VideoAugmentation
from acoustill.models.specification import Specification

MIXED = ("beams", "audio")  # the streams that noise is added to; the first that is there says how loud it is
LOWEST_HZ = 100.0  # below, beams hold little but the microphones' own noise, raised by their weights
GAUSSIAN_ROW = 4_194_301  # a prime: what is filled with it repeats itself at no multiple of a spectrum
DECAY = 13.8  # nepers of power in a reverberation time: 60 dB
IN_CACHE = 16  # steps of beam spectra that are squared and added up while they are in the processor's cache
ERASED = 1 / 3  # the largest side of the rectangle that hides a part of the video, against the picture's

Augmentation = AudioAugmentation | TeacherAugmentation


def vary_views(
    views: Mapping[str, Tensor],
    noise: Mapping[str, Tensor] | None,
    how: Augmentation,
    specification: Specification,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """A batch of clips as other places would have shown them.

    Args:
        views: by stream; on the CPU.
        noise: recorded noise for each clip, of the streams of MIXED among those of the views; None has none.
        how: what is done. With that of a student, streams beside the audio stay as they are.
        specification: of the network.
        generator: the source of randomness.

    Shapes:
        views: as `Network.forward`; so is the output, in float32 except for video, which stays uint8.
    """
    if not isinstance(how, TeacherAugmentation):
        return dict(views) | _vary_sound(views, noise, how, specification, generator, None)
    varied = dict(views)
    batch = len(next(iter(views.values())))
    mirrored = draw_mirrored(batch, how.flip, how.up_down, generator)
    varied |= _vary_sound(views, noise, how, specification, generator, mirrored)
    shifts = draw_shifts(batch, _reach(views, how), generator)
    if "image" in views:
        image = specification_from_json(specification.image or {})
        varied["image"] = vary_images(views["image"].float(), image, how, generator, mirrored, shifts)
    if "video" in views:
        varied["video"] = vary_video(views["video"], how.video, generator, mirrored, shifts)
    if "direction" in views:
        varied["direction"] = mirror_direction(views["direction"].float() - shifts.flip(1)[:, None], mirrored)
    return varied


def noise_gain(views: Mapping[str, Tensor], noise: Mapping[str, Tensor], snr_db: Tensor, sample_rate: int) -> Tensor:
    """What noise is multiplied by for a given ratio of the clip's mean power to its own.

    Power is that of the beams above LOWEST_HZ if there are any, else that of the audio. Silent noise gets 0.

    Args:
        views: of the clips.
        noise: of the same streams.
        snr_db: the ratios.
        sample_rate: in hertz.

    Shapes:
        snr_db: (B,).
        Output: (B,) float32.
    """
    stream = next(name for name in MIXED if name in views and name in noise)
    signal, field = (_power(one[stream], stream, sample_rate) for one in (views, noise))
    return gain_for(signal, field, snr_db)


def add_noise(
    views: Mapping[str, Tensor], noise: Mapping[str, Tensor], snr_db: Tensor, sample_rate: int
) -> dict[str, Tensor]:
    """Clips with noise at the given ratios and nothing else; see `noise_gain`.

    Shapes:
        snr_db: (B,).
        Output: by stream, of the shapes of the views; float32 where noise was added.
    """
    gain = noise_gain(views, noise, snr_db, sample_rate)
    mixed = dict(views)
    for stream, field in noise.items():
        mixed[stream] = views[stream].to(torch.float32, copy=True)
        for clip, of_clip, factor in zip(mixed[stream], field, gain.tolist(), strict=True):
            clip.add_(of_clip.float(), alpha=factor)
    return mixed


def vary_beams(
    beams: Tensor,
    specification: Specification,
    room: Room,
    generator: torch.Generator,
    field: Tensor | None = None,
    snr_db: Tensor | None = None,
    mirrored: Mirrored | None = None,
) -> tuple[Tensor, Tensor]:
    """Beam spectra in another room, in noise, through other microphones, from another distance.

    In this order: a diffuse tail, noise, a smooth curve over frequency with another level. The tail is complex
    Gaussian noise whose power is the clip's mean over the beams, decaying by 60 dB in the reverberation time (a
    diffuse field comes from everywhere: Polack 1988). It is independent in every beam, step and bin. That is an
    approximation: at low frequencies, where beams are wider than their distance, a diffuse field sounds alike in
    neighbouring ones, and its level is not that of every beam alike. Networks do not know the positions of the
    microphones that these follow from.

    Args:
        beams: of the clips.
        specification: of the network, for the rates.
        room: tails, curves and levels.
        generator: the source of randomness of tails.
        field: recorded noise; None adds none.
        snr_db: ratio of the clip, with its tail, to the noise, see `noise_gain`; infinite adds none.
        mirrored: which clips are mirrored, with their noise; None mirrors none.

    Returns:
        The beams, and what noise was multiplied by.

    Shapes:
        beams, field: (B, frames, steps, rows, columns, bins, 2).
        snr_db: (B,).
        Output: as beams, float32; (B,).
    """
    bins, rate = beams.shape[-2], specification.sample_rate
    steps_per_second = beams.shape[2] * specification.frame_rate
    curve = curves(room.points_db, bins, rate) * 10 ** (room.level_db[:, None] / 20)
    gain = torch.zeros(len(beams))
    varied = torch.empty(beams.shape, dtype=torch.float32)
    heard = torch.empty(beams.shape[1:])
    for i, clip in enumerate(varied):  # clip by clip: what is written last is still in the cache
        clip.copy_(_mirror_beams(beams[i], mirrored, i))
        if room.reverberant[i]:
            rt60_steps, ratio_db = float(room.rt60_s[i]) * steps_per_second, float(room.direct_to_reverberant_db[i])
            _add_tail(clip, rt60_steps, ratio_db, _gaussian(heard, generator))
        if field is not None and snr_db is not None and snr_db[i] < math.inf:
            heard.copy_(_mirror_beams(field[i], mirrored, i))
            one = slice(i, i + 1)
            gain[one] = noise_gain({"beams": clip[None]}, {"beams": heard[None]}, snr_db[one], rate)
            clip.add_(heard, alpha=float(gain[i]))
        _by_bin(clip).mul_(_in_pairs(curve[i]))
    return varied, gain


def vary_video(
    video: Tensor,
    how: VideoAugmentation,
    generator: torch.Generator,
    mirrored: Mirrored | None = None,
    shifts: Tensor | None = None,
) -> Tensor:
    """Video by other light and of another camera, from a little beside, partly hidden; one draw a clip.

    Args:
        video: of the clips.
        how: what is done.
        generator: the source of randomness.
        mirrored: which clips are mirrored; None mirrors none.
        shifts: see `draw_shifts`; None draws them.

    Shapes:
        shifts: (B, 2).
        video: (B, frames, h, w, 3) uint8.
        Output: the same.
    """
    batch, _, rows, columns, _ = video.shape
    if shifts is None:
        shifts = draw_shifts(batch, (how.shift_pixels / rows, how.shift_pixels / columns), generator)
    all_rows, all_columns = shifted_indices(shifts, rows, columns)
    brightness = uniform(batch, -how.brightness, how.brightness, generator)
    contrast = 1 + uniform(batch, -how.contrast, how.contrast, generator)
    colour = 1 + uniform(3 * batch, -how.colour, how.colour, generator).view(batch, 3)
    factor, offset = contrast * colour, 255 * (brightness + (1 - contrast) / 2) * colour
    hidden = torch.rand(batch, generator=generator) < how.erase_chance
    corners = torch.rand(batch, 4, generator=generator).tolist()
    varied = torch.empty_like(video)
    for i, clip in enumerate(video):
        row_index, column_index = all_rows[i], all_columns[i]
        if mirrored is not None:
            row_index = row_index.flip(0) if mirrored.up_down[i] else row_index
            column_index = column_index.flip(0) if mirrored.left_right[i] else column_index
        moved = clip.index_select(1, row_index).index_select(2, column_index).float()
        moved.mul_(factor[i]).add_(offset[i])
        if hidden[i]:
            top, height = _stretch(rows, corners[i][:2])
            left, width = _stretch(columns, corners[i][2:])
            moved[:, top : top + height, left : left + width] = moved.mean(dim=(0, 1, 2))
        varied[i].copy_(moved.clamp_(0, 255).round_())
    return varied


def mirror_direction(direction: Tensor, mirrored: Mirrored) -> Tensor:
    """Directions in mirrored pictures: column and row from 0 to 1 are counted from the other side.

    Shapes:
        direction: (B, frames, 2), column and row.
        Output: the same.
    """
    turned = torch.stack(mirrored, dim=1)[:, None]
    return torch.where(turned, 1 - direction.float(), direction.float())


def _vary_sound(
    views: Mapping[str, Tensor],
    noise: Mapping[str, Tensor] | None,
    how: Augmentation,
    specification: Specification,
    generator: torch.Generator,
    mirrored: Mirrored | None,
) -> dict[str, Tensor]:
    """Beams and audio in one room, with one gain of the noise: that of the beams if there are any."""
    scene = how if isinstance(how, TeacherAugmentation) else None
    heard = how.audio if isinstance(how, TeacherAugmentation) else how
    at_array = scene is not None and "beams" in views
    leading = scene.beams if scene is not None and at_array else heard
    batch = len(next(iter(views.values())))
    room = draw_room(batch, leading, generator)
    chosen = torch.rand(batch, generator=generator) < leading.field_chance
    snr_db = torch.where(chosen, uniform(batch, *leading.noise_snr_db, generator)[:, 0], math.inf)
    varied, gain = {}, None
    if at_array:
        field = noise["beams"] if noise else None
        varied["beams"], gain = vary_beams(views["beams"], specification, room, generator, field, snr_db, mirrored)
    if "audio" in views:
        field = noise["audio"].float() if noise else None
        varied["audio"] = degrade_audio(
            views["audio"].float(),
            specification.sample_rate,
            heard,
            generator,
            room=room,
            field=field,
            snr_db=snr_db,
            gain=gain,
        )
    return varied


def _reach(views: Mapping[str, Tensor], how: TeacherAugmentation) -> tuple[float, float]:
    """The largest parts of height and width that image and video may both be moved by.

    Beams cannot be moved: beside them, the others are by at most half the distance of two directions.
    """
    pixels = {"image": how.shift_pixels, "video": how.video.shift_pixels}
    moved = [(number, views[stream].shape[2:4]) for stream, number in pixels.items() if stream in views]
    if not moved:
        return 0.0, 0.0
    reaches = [(number / rows, number / columns) for number, (rows, columns) in moved]
    if "beams" in views:
        rows, columns = views["beams"].shape[3:5]
        reaches.append((0.5 / rows, 0.5 / columns))
    return min(reach[0] for reach in reaches), min(reach[1] for reach in reaches)


def _power(view: Tensor, stream: str, sample_rate: int) -> Tensor:
    """Mean power of each clip."""
    if stream == "audio":
        return view.float().square().mean(dim=1)
    bins = view.shape[-2]
    first = min(bins - 1, math.floor(LOWEST_HZ / (sample_rate / 2 / (bins - 1))) + 1)
    powers = []
    for clip in view:  # one after the other: they are large; and whole, for parts of rows take ten times as long
        spectra = _by_bin(clip).float()
        whole, low = spectra.flatten(), spectra[:, : 2 * first].flatten()
        with torch.autocast(view.device.type, enabled=False):  # bf16 would lose what is left of strong low frequencies
            powers.append((whole @ whole - low @ low) / (len(spectra) * (bins - first)))
    return torch.stack(powers).clamp_min(0)


def _mirror_beams(clip: Tensor, mirrored: Mirrored | None, i: int) -> Tensor:
    if mirrored is None:
        return clip
    axes = [axis for axis, chosen in ((2, mirrored.up_down[i]), (3, mirrored.left_right[i])) if chosen]
    return clip.flip(axes) if axes else clip


def _add_tail(clip: Tensor, rt60_steps: float, ratio_db: float, random: Tensor) -> None:
    """Adds a diffuse tail in place; `random` holds independent Gaussian numbers and is spent."""
    frames, steps, rows, columns, bins, _ = clip.shape
    spectra = _by_bin(clip).view(frames * steps, rows * columns, 2 * bins)
    squares = [(part * part).sum(dim=1) for part in spectra.split(IN_CACHE)]
    power = torch.cat(squares).view(-1, bins, 2).sum(dim=2) / (rows * columns)
    step = math.exp(-DECAY / rt60_steps)
    # from the next step on, and 1 in sum
    decayed = torch.from_numpy(lfilter([0.0, 1 - step], [1.0, -step], power.numpy(), axis=0)).float()
    tail = (decayed * (10 ** (-ratio_db / 10) / 2)).sqrt_()  # of the real part and of the imaginary one
    spectra.addcmul_(random.view(spectra.shape), _in_pairs(tail)[:, None])


def _gaussian(out: Tensor, generator: torch.Generator) -> Tensor:
    """Fills a tensor with Gaussian numbers out of a long row of them, from a place that is drawn.

    To draw millions for every clip takes longer than all else that is done to it. The row is longer than any
    reverberation time and has no order, so nobody hears that two clips share a part of it.
    """
    row, flat = _gaussian_row(), out.view(-1)
    start = int(torch.randint(len(row), (1,), generator=generator))
    for first in range(0, len(flat), len(row)):
        part = flat[first : first + len(row)]
        head = min(len(part), len(row) - start)
        part[:head] = row[start : start + head]
        part[head:] = row[: len(part) - head]
    return out


@functools.cache
def _gaussian_row() -> Tensor:
    return torch.randn(GAUSSIAN_ROW, generator=torch.Generator().manual_seed(0))


def _by_bin(clip: Tensor) -> Tensor:
    """Spectra with real and imaginary parts in one row: along an axis of two, torch takes ten times as long."""
    return clip.view(-1, 2 * clip.shape[-2])


def _in_pairs(values: Tensor) -> Tensor:
    """Values of bins, for rows of `_by_bin`."""
    return values.repeat_interleave(2, dim=-1)


def _stretch(size: int, drawn: list[float]) -> tuple[int, int]:
    """Where a stretch of up to a part ERASED of a side begins, and its length."""
    length = max(1, round(drawn[0] * ERASED * size))
    return int(drawn[1] * (size - length + 1)), length

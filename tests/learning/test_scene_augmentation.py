"""Scenes are mixed exactly, mirrored as one, and varied as asked for."""

from __future__ import annotations

import pytest
import torch

from acoustill.imaging import ImageSpecification
from acoustill.learning.augmentation import Mirrored, draw_mirrored, draw_room
from acoustill.learning.configuration import (
    AudioAugmentation,
    BeamsAugmentation,
    TeacherAugmentation,
    VideoAugmentation,
)
from acoustill.learning.scene_augmentation import (
    _add_tail,
    add_noise,
    noise_gain,
    vary_beams,
    vary_video,
    vary_views,
)
from acoustill.models import Specification

RATE, SAMPLES, FRAMES, BATCH = 12288, 1024, 6, 16
SILENT = {"gain_db": 0.0, "noise_chance": 0.0, "reverberation_chance": 0.0, "equalisation_db": 0.0}
NO_CHANGE = BeamsAugmentation(reverberation_chance=0.0, equalisation_db=0.0, level_db=0.0)
STILL = VideoAugmentation(brightness=0, contrast=0, colour=0, shift_pixels=0, erase_chance=0)
AUDIBLE = slice(3, None)  # bins above 100 Hz, 48 Hz apart


def specification(*streams: str) -> Specification:
    return Specification(
        streams=streams,  # type: ignore[arg-type]
        classes=("a", "b"),
        sample_rate=RATE,
        samples_per_frame=SAMPLES,
        clip_frames=FRAMES,
        image_shape=(12, 16, 2),
        image=ImageSpecification(features="mel", bands=2).to_json(),
        beams_shape=(8, 3, 4, 129),
        video_shape=(12, 16),
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clips(*streams: str, seed: int = 1) -> dict[str, torch.Tensor]:
    return specification(*streams).example(BATCH, seed)


def unchanged(**given: object) -> TeacherAugmentation:
    usual = {
        "flip": False,
        "shift_pixels": 0,
        "level_db": 0.0,
        "beams": {"reverberation_chance": 0.0, "equalisation_db": 0.0, "level_db": 0.0, "field_chance": 1.0},
        "video": STILL,
        "audio": SILENT,
    }
    return TeacherAugmentation.model_validate(usual | given)


def ratio_db(clean: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
    powers = [one.float().flatten(1).square().mean(dim=1) for one in (clean, mixed - clean.float())]
    return 10 * torch.log10(powers[0] / powers[1])


def test_recorded_noise_has_the_ratio_asked_for() -> None:
    snr_db = torch.linspace(-5, 20, BATCH)
    audio, noise = clips("audio"), clips("audio", seed=2)
    mixed = add_noise(audio, noise, snr_db, RATE)
    assert torch.allclose(ratio_db(audio["audio"], mixed["audio"]), snr_db, atol=1e-3)
    beams, noise = clips("beams"), clips("beams", seed=2)
    noise["beams"][..., :3, :] *= 50  # below 100 Hz, which does not count
    mixed = add_noise(beams, noise, snr_db, RATE)
    heard = [one[..., AUDIBLE, :] for one in (beams["beams"], mixed["beams"])]
    assert mixed["beams"].dtype == torch.float32
    assert torch.allclose(ratio_db(*heard), snr_db, atol=1e-2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(add_noise(beams, noise, snr_db, RATE)["beams"], mixed["beams"])


def test_audio_and_beams_get_the_same_noise_and_gain() -> None:
    views, noise = clips("audio", "beams"), clips("audio", "beams", seed=2)
    how = unchanged()
    varied = vary_views(views, noise, how, specification("audio", "beams"), generator())
    gains = []
    for stream in ("audio", "beams"):
        added, heard = (varied[stream] - views[stream].float()).flatten(1), noise[stream].float().flatten(1)
        gain = (added * heard).sum(dim=1) / heard.square().sum(dim=1)
        assert torch.allclose(added, gain[:, None] * heard, atol=1e-5)
        gains.append(gain)
    assert torch.allclose(gains[0], gains[1], rtol=1e-4)
    low, high = how.beams.noise_snr_db
    of_beams = ratio_db(views["beams"][..., AUDIBLE, :], varied["beams"][..., AUDIBLE, :])
    assert ((of_beams > low - 0.01) & (of_beams < high + 0.01)).all()
    assert len(of_beams.unique()) == BATCH


def test_a_chance_of_noise_leaves_the_other_clips_alone() -> None:
    views, noise = clips("beams"), clips("beams", seed=2)
    how = unchanged(beams=NO_CHANGE.model_copy(update={"field_chance": 0.5}))
    varied = vary_views(views, noise, how, specification("beams"), generator())["beams"]
    equal = (varied == views["beams"].float()).flatten(1).all(dim=1)
    assert 0 < equal.sum() < BATCH


def test_silent_noise_is_added_as_silence() -> None:
    views, noise = clips("audio"), {"audio": torch.zeros(BATCH, FRAMES * SAMPLES)}
    assert torch.equal(noise_gain(views, noise, torch.zeros(BATCH), RATE), torch.zeros(BATCH))
    assert torch.equal(add_noise(views, noise, torch.zeros(BATCH), RATE)["audio"], views["audio"])


def test_a_student_hears_recorded_noise() -> None:
    views, noise = clips("audio"), clips("audio", seed=2)
    how = AudioAugmentation(**SILENT, field_chance=1.0, noise_snr_db=(3.0, 3.0))
    varied = vary_views(views, noise, how, specification("audio"), generator())
    assert torch.allclose(ratio_db(views["audio"], varied["audio"]), torch.full((BATCH,), 3.0), atol=1e-3)
    assert torch.equal(vary_views(views, None, how, specification("audio"), generator())["audio"], views["audio"])


@pytest.mark.parametrize(("flip", "up_down"), [(True, False), (False, True), (True, True)])
def test_all_streams_of_a_clip_are_mirrored_alike(flip: bool, up_down: bool) -> None:
    """A source at the upper left, in every stream: it stays one source, wherever it ends."""
    streams = ("image", "video", "beams", "direction")
    views = {stream: torch.zeros_like(view) for stream, view in clips(*streams).items()}
    views["image"][:, :, 2, 2] = 1
    views["video"][:, :, 2, 2] = 255
    views["beams"][:, :, :, 0, 0] = 1
    views["direction"][:] = torch.tensor([2.5 / 16, 2.5 / 12])
    varied = vary_views(views, None, unchanged(flip=flip, up_down=up_down), specification(*streams), generator(1))
    ends = set()
    for i in range(BATCH):
        for frame in (0, FRAMES - 1):
            row, column = (int(axis) for axis in varied["image"][i, frame].sum(-1).nonzero()[0])
            assert varied["video"][i, frame].float().sum(-1).nonzero().tolist() == [[row, column]]
            beam = varied["beams"][i, frame, 0].sum((-1, -2)).nonzero().tolist()
            assert beam == [[0 if row == 2 else 2, 0 if column == 2 else 3]]
            direction = varied["direction"][i, frame] * torch.tensor([16, 12])
            assert direction.tolist() == pytest.approx([column + 0.5, row + 0.5], abs=1e-4)
        ends.add((row, column))
    assert ends == {(r, c) for r in ({2, 9} if up_down else {2}) for c in ({2, 13} if flip else {2})}


def test_noise_is_mirrored_with_its_clip() -> None:
    beams, noise = torch.zeros(1, FRAMES, 8, 3, 4, 129, 2), torch.zeros(1, FRAMES, 8, 3, 4, 129, 2)
    noise[:, :, :, 0, 1] = 1
    yes, no = torch.tensor([True]), torch.tensor([False])
    beams[:, :, :, 2, 3] = 2
    room, snr_db = draw_room(1, NO_CHANGE, generator()), torch.zeros(1)
    varied, gain = vary_beams(beams, specification("beams"), room, generator(), noise, snr_db, Mirrored(yes, no))
    assert gain.tolist() == [2.0]
    assert (varied[:, :, :, 0, 2] == 2).all()
    assert (varied[:, :, :, 2, 0] == 2).all()
    assert varied.sum() == 4 * noise.sum()


def test_image_video_and_direction_are_shifted_as_one() -> None:
    """Pictures of 12 x 16 and 36 x 48 of the same source."""
    views = {stream: torch.zeros_like(view) for stream, view in clips("image", "direction").items()}
    views["image"][:, :, 6, 8] = 1
    views["video"] = torch.zeros(BATCH, FRAMES, 36, 48, 3, dtype=torch.uint8)
    views["video"][:, :, 18:21, 24:27] = 255
    views["direction"][:] = torch.tensor([8.5 / 16, 6.5 / 12])
    how = unchanged(flip=True, up_down=True, shift_pixels=4, video=STILL.model_copy(update={"shift_pixels": 12}))
    varied = vary_views(views, None, how, specification("image", "video", "direction"), generator())
    ends = set()
    for i in range(BATCH):
        row, column = (int(axis) for axis in varied["image"][i, 0].sum(-1).nonzero()[0])
        seen = varied["video"][i, 0].float().sum(-1).nonzero().float().mean(dim=0)
        assert abs(seen / 3 - torch.tensor([row, column]) - 1 / 3).max() < 0.9
        direction = varied["direction"][i, 0] * torch.tensor([16, 12]) - torch.tensor([column, row]) - 0.5
        assert direction.abs().max() < 0.51
        ends.add((row, column))
    assert len(ends) > BATCH / 2


def test_beside_beams_pictures_move_by_half_a_direction_at_most() -> None:
    """12 x 16 pixels, 3 x 4 directions of 4 pixels: a source two pixels off is still nearest to its own."""
    views = {stream: torch.zeros_like(view) for stream, view in clips("video", "beams").items()}
    views["video"][:, :, 6, 8] = 255
    how = unchanged(video=STILL.model_copy(update={"shift_pixels": 5}))
    varied = vary_views(views, None, how, specification("video", "beams"), generator())["video"]
    places = torch.stack([clip[0].sum(-1).nonzero()[0] for clip in varied])
    assert (places - torch.tensor([6, 8])).abs().max() == 2
    alone = vary_views({"video": views["video"]}, None, how, specification("video"), generator())["video"]
    assert (torch.stack([clip[0].sum(-1).nonzero()[0] for clip in alone]) - torch.tensor([6, 8])).abs().max() > 2


def test_beams_and_audio_are_in_one_room_and_of_one_level() -> None:
    views = {stream: torch.ones_like(view) for stream, view in clips("audio", "beams").items()}
    given = {"reverberation_chance": 0.0, "equalisation_db": 0.0, "level_db": 8.0}
    level = vary_views(views, None, unchanged(beams=given), specification("audio", "beams"), generator())
    assert torch.allclose(level["audio"][:, 0], level["beams"][:, 0, 0, 0, 0, 5, 0])
    assert len(level["audio"][:, 0].unique()) == BATCH
    given = {"reverberation_chance": 0.5, "equalisation_db": 0.0, "level_db": 0.0}
    varied = vary_views(views, None, unchanged(beams=given), specification("audio", "beams"), generator())
    changed = [(varied[stream] != views[stream]).flatten(1).any(dim=1) for stream in ("audio", "beams")]
    assert torch.equal(*changed)
    assert 0 < changed[0].sum() < BATCH


def test_noise_of_beams_is_measured_against_the_clip_with_its_tail() -> None:
    beams, noise = clips("beams")["beams"], clips("beams", seed=2)["beams"]
    how = NO_CHANGE.model_copy(update={"reverberation_chance": 1.0, "direct_to_reverberant_db": (-3.0, -3.0)})
    room, snr_db = draw_room(BATCH, how, generator()), torch.full((BATCH,), 5.0)
    wet = vary_beams(beams, specification("beams"), room, generator())[0]
    noisy = vary_beams(beams, specification("beams"), room, generator(), noise, snr_db)[0]
    assert torch.allclose(ratio_db(wet[..., AUDIBLE, :], noisy[..., AUDIBLE, :]), snr_db, atol=0.02)


def test_memory_of_a_tail_does_not_grow_with_the_square_of_the_time() -> None:
    """A square of its 200000 steps would take 160 GB."""
    clip = torch.randn(25000, 8, 1, 1, 5, 2)
    before = clip.clone()
    _add_tail(clip, 40.0, 0.0, torch.randn(clip.shape))
    assert float((clip - before).square().mean() / before.square().mean()) == pytest.approx(1.0, rel=0.05)


def test_a_tail_decays_as_asked_for_and_comes_from_everywhere() -> None:
    frames, rate = 48, 96.0
    beams = torch.zeros(2, frames, 8, 3, 4, 129, 2)
    beams[:, 1, 0, 1, 2] = 1.0  # one beam, at one step
    how = BeamsAugmentation(
        reverberation_chance=1.0,
        reverberation_s=(0.6, 0.6),
        direct_to_reverberant_db=(0.0, 0.0),
        equalisation_db=0.0,
        level_db=0.0,
    )
    room = draw_room(2, how, generator())
    tail = (vary_beams(beams, specification("beams"), room, generator())[0] - beams).flatten(1, 2)
    power = tail.square().sum((-1, -2)).flatten(2)  # clips, steps, beams
    assert (power[:, :9] == 0).all()
    assert (power[:, 9:] > 0).all()
    by_beam = power.sum(dim=(0, 1))
    assert (by_beam.max() / by_beam.min()) < 1.5
    left = power.sum(dim=(0, 2)).flip(0).cumsum(0).flip(0)
    level_db = 10 * torch.log10(left[9:] / left[9])
    reached = [int((level_db < level).nonzero()[0]) / rate for level in (-5.0, -25.0)]
    assert 3 * (reached[1] - reached[0]) == pytest.approx(0.6, abs=0.08)
    assert float(power.sum() / beams.square().sum()) == pytest.approx(1.0, rel=0.1)


def test_curves_are_smooth_and_levels_within_range() -> None:
    ones = torch.ones(BATCH, FRAMES, 8, 3, 4, 129, 2)
    how = BeamsAugmentation(reverberation_chance=0.0, equalisation_db=6.0, level_db=0.0)
    room = draw_room(BATCH, how, generator())
    gain_db = 20 * torch.log10(vary_beams(ones, specification("beams"), room, generator())[0][:, 0, 0, 0, 0, :, 0])
    assert (gain_db.abs() <= 6.001).all()
    assert gain_db.diff(dim=1).abs().max() < 4.0
    assert gain_db.std(dim=1).min() > 0.5
    how = BeamsAugmentation(reverberation_chance=0.0, equalisation_db=0.0, level_db=8.0)
    varied, _ = vary_beams(ones, specification("beams"), draw_room(BATCH, how, generator()), generator())
    assert (varied == varied[:, :1, :1, :1, :1, :1, :1]).all()
    assert (20 * torch.log10(varied)).abs().max() <= 8.001
    assert len(varied[:, 0, 0, 0, 0, 0, 0].unique()) == BATCH


def test_nothing_is_done_where_nothing_is_asked_for() -> None:
    streams = ("audio", "image", "video", "beams", "direction")
    views = clips(*streams)
    varied = vary_views(views, None, unchanged(), specification(*streams), generator())
    for stream in streams:
        assert torch.equal(varied[stream].float(), views[stream].float()), stream
    assert varied["video"].dtype == torch.uint8


def test_video_varies_by_clip_and_not_by_frame() -> None:
    video = clips("video")["video"][:, :1].expand(-1, FRAMES, -1, -1, -1)
    mirrored = draw_mirrored(BATCH, True, True, generator(1))
    varied = vary_video(video, VideoAugmentation(erase_chance=1.0, shift_pixels=2), generator(), mirrored)
    assert varied.shape == video.shape
    assert varied.dtype == torch.uint8
    assert (varied == varied[:, :1]).all()
    assert not torch.equal(varied[0], varied[1])


def test_light_moves_grey_as_stated() -> None:
    grey = torch.full((BATCH, 1, 4, 4, 3), 100, dtype=torch.uint8)
    brighter = vary_video(grey, STILL.model_copy(update={"brightness": 0.1}), generator())
    assert (brighter.float() - 100).abs().max() <= 26
    assert len(brighter[:, 0, 0, 0, 0].unique()) > 4
    assert (brighter == brighter[..., :1]).all()
    coloured = vary_video(grey, STILL.model_copy(update={"colour": 0.2}), generator())
    assert not (coloured == coloured[..., :1]).all()
    assert ((coloured >= 80) & (coloured <= 120)).all()


def test_same_generator_same_scene() -> None:
    streams = ("audio", "image", "video", "beams", "direction")
    given = clips(*streams), clips("audio", "beams", seed=2), TeacherAugmentation(shift_pixels=2)
    one, other = (vary_views(*given, specification(*streams), generator(5)) for _ in range(2))
    third = vary_views(*given, specification(*streams), generator(6))
    assert all(torch.equal(one[stream], other[stream]) for stream in streams)
    assert not torch.equal(one["beams"], third["beams"])

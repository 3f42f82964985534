"""Clips: every stream is cut at the same instant, nothing is looped or padded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.archive import (
    Archive,
    Clip,
    Entry,
    create_archive,
    finish_archive,
    read_clip,
    regular_clips,
    write_recording,
    writing_recording,
)
from acoustill.archive.clips import all_clips, audible, frames_of, parts_of, random_clip
from acoustill.errors import AcoustillError
from acoustill.rig import Rig
from small_archives import SAMPLES_PER_FRAME, little_rig, small_archive

FRAMES = 40


@pytest.fixture(scope="module")
def ramps(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Every stream tells the time: audio in samples, images and video in frames."""
    audio = np.arange(FRAMES * SAMPLES_PER_FRAME, dtype=np.float32)
    frames = np.arange(FRAMES)
    recording = {
        "frames": FRAMES,
        "audio": np.stack([audio, -audio]),
        "image": np.broadcast_to(frames[:, None, None, None], (FRAMES, 3, 4, 2)).astype(np.float16),
        "video": np.broadcast_to((5 * frames)[:, None, None, None], (FRAMES, 16, 24, 3)).astype(np.uint8),
    }
    return small_archive(tmp_path_factory.mktemp("ramps") / "archive", [recording])


def entry_of(frames: int) -> Entry:
    return Entry(id="r", frames=frames, streams=("audio",), content="0" * 64)


@given(start=st.integers(0, FRAMES - 1), data=st.data(), microphone=st.integers(0, 1))
def test_streams_are_cut_at_the_same_instant(ramps: Archive, start: int, data: st.DataObject, microphone: int) -> None:
    frames = data.draw(st.integers(1, FRAMES - start))
    clip = Clip("r000", start, frames)
    views = read_clip(ramps["r000"], clip, ["audio", "image", "video"], SAMPLES_PER_FRAME, microphone)
    seen = np.arange(start, start + frames)
    assert views["audio"].shape == (frames * SAMPLES_PER_FRAME,)
    heard = np.abs(views["audio"].reshape(frames, SAMPLES_PER_FRAME)) // SAMPLES_PER_FRAME
    np.testing.assert_array_equal(heard, np.repeat(seen[:, None], SAMPLES_PER_FRAME, axis=1))
    np.testing.assert_array_equal(views["image"][:, 1, 2, 0], seen)
    np.testing.assert_allclose(views["video"].mean((1, 2, 3)) / 5, seen, atol=0.45)
    assert (views["audio"][1:] * (1 - 2 * microphone) > 0).all()


def test_only_the_streams_asked_for_are_read(ramps: Archive) -> None:
    clip = Clip("r000", 3, 2)
    assert set(read_clip(ramps["r000"], clip, ["image"], SAMPLES_PER_FRAME)) == {"image"}


def test_a_clip_is_a_copy_that_may_be_changed(ramps: Archive) -> None:
    views = read_clip(ramps["r000"], Clip("r000", 3, 2), ["audio", "image"], SAMPLES_PER_FRAME)
    for view in views.values():
        view[:] = -1
    assert ramps["r000"].audio[0, 300] == 300


@given(frames=st.integers(1, 300), clip=st.integers(1, 300))
def test_regular_clips_stand_side_by_side_inside_the_recording(frames: int, clip: int) -> None:
    if frames < clip:
        with pytest.raises(AcoustillError, match=rf"recording r: length is {frames} frames, expected a clip's {clip}"):
            regular_clips(entry_of(frames), clip)
        return
    clips = regular_clips(entry_of(frames), clip)
    assert len(clips) == frames // clip
    assert [one.start for one in clips] == list(range(0, len(clips) * clip, clip))
    assert all(one.start + one.frames <= frames for one in clips)


@given(frames=st.integers(1, 100), clip=st.integers(1, 100), seed=st.integers(0, 10))
def test_random_clips_lie_inside_the_recording(frames: int, clip: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    if frames < clip:
        with pytest.raises(AcoustillError, match="expected a clip's"):
            random_clip(entry_of(frames), clip, rng)
        return
    drawn = random_clip(entry_of(frames), clip, rng)
    assert 0 <= drawn.start <= frames - clip
    assert drawn.frames == clip


def test_every_start_can_be_drawn() -> None:
    rng = np.random.default_rng(0)
    starts = {random_clip(entry_of(10), 6, rng).start for _ in range(200)}
    assert starts == set(range(5))


@pytest.mark.parametrize(("start", "frames"), [(-1, 5), (36, 5), (40, 1), (0, 41), (3, 0), (3, -1)])
def test_clips_that_reach_out_of_the_recording_are_refused(start: int, frames: int, ramps: Archive) -> None:
    with pytest.raises(AcoustillError, match=r"clip is frames .*, expected within 0 to 40"):
        read_clip(ramps["r000"], Clip("r000", start, frames), ["audio"], SAMPLES_PER_FRAME)


def test_one_short_recording_is_named(tmp_path: Path) -> None:
    archive = small_archive(
        tmp_path / "a",
        [{}, {"id": "short", "frames": 5, "image": None, "video": None, "audio": np.ones((2, 500), np.float32)}],
    )
    assert len(all_clips(archive, ["r000"], 6)) == 2
    with pytest.raises(AcoustillError, match="recording short: length is 5 frames, expected a clip's 6 or more"):
        all_clips(archive, ["r000", "short"], 6)
    with pytest.raises(
        AcoustillError, match=r"6 or more \(0\.5 s\); 1 of 2 are shorter than that, the shortest 0\.417 s$"
    ):
        all_clips(archive, ["r000", "short"], 6)


def test_all_short_recordings_are_counted(ramps: Archive) -> None:
    parts = [Clip("r000", 0, 20), Clip("r000", 3, 6), "r000", Clip("r000", 7, 3)]
    says = (
        r"r000: length is 6 frames from frame 3, expected a clip's 12 or more \(1 s\); "
        r"2 of 4 are shorter than that, the shortest 0\.25 s"
    )
    with pytest.raises(AcoustillError, match=says):
        all_clips(ramps, parts, 12)


@pytest.mark.parametrize(
    ("seconds", "rate", "frames"), [(5.0, 12.0, 60), (1.0, 12.0, 12), (0.01, 12.0, 1), (2.0, 12.5, 25)]
)
def test_seconds_become_whole_frames(seconds: float, rate: float, frames: int) -> None:
    assert frames_of(seconds, rate) == frames


def test_broken_microphones_are_not_heard(tmp_path: Path) -> None:
    positions = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0]])
    rig = Rig("three", positions, 120, 12.0, broken=(0, 2))
    create_archive(tmp_path / "archive", rig)
    kept = {"r1": [0, 1, 2], "r2": [2]}
    for name, microphones in kept.items():
        audio = np.ones((len(microphones), 120), np.float32)
        write_recording(tmp_path / "archive", name, frames=12, audio=audio, microphones=microphones)
    finish_archive(tmp_path / "archive")
    archive = Archive(tmp_path / "archive")
    assert audible(archive["r1"], rig) == [1]
    with pytest.raises(AcoustillError, match="not broken"):
        audible(archive["r2"], rig)


def test_clips_of_audio_alone_may_start_between_frames(ramps: Archive) -> None:
    views = read_clip(ramps["r000"], Clip("r000", 3, 2, offset=17), ["audio"], SAMPLES_PER_FRAME)
    np.testing.assert_array_equal(views["audio"], np.arange(317, 517))
    last = Clip("r000", FRAMES - 3, 2, offset=99)
    assert read_clip(ramps["r000"], last, ["audio"], SAMPLES_PER_FRAME)["audio"][-1] == FRAMES * SAMPLES_PER_FRAME - 2


@pytest.mark.parametrize(
    ("clip", "wanted", "complaint"),
    [
        (Clip("r000", 3, 2, offset=17), ["audio", "image"], "start of the clip is 17 samples behind a frame"),
        (Clip("r000", 3, 2, offset=100), ["audio"], "start of the clip is 100 samples behind a frame"),
        (Clip("r000", 3, 2, offset=-1), ["audio"], "start of the clip is -1 samples behind a frame"),
        (Clip("r000", FRAMES - 2, 2, offset=1), ["audio"], "clip is frames 38 to 41, expected within 0 to 40"),
    ],
)
def test_other_clips_between_frames_are_refused(clip: Clip, wanted: list[str], complaint: str, ramps: Archive) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        read_clip(ramps["r000"], clip, wanted, SAMPLES_PER_FRAME)


@given(frames=st.integers(1, 40), clip=st.integers(1, 40), samples=st.integers(1, 7), seed=st.integers(0, 10))
def test_random_clips_that_start_at_any_sample_lie_inside(frames: int, clip: int, samples: int, seed: int) -> None:
    if frames < clip:
        return
    drawn = random_clip(entry_of(frames), clip, np.random.default_rng(seed), samples)
    assert 0 <= drawn.start * samples + drawn.offset <= (frames - clip) * samples
    assert 0 <= drawn.offset < samples
    assert drawn.stop <= frames


@pytest.mark.parametrize(("samples", "places"), [(None, 9), (3, 25)])
def test_all_starts_have_equal_chances(samples: int | None, places: int) -> None:
    """The first and the last included: chi-square over all starts, and each end alone within 5 deviations."""
    rng, draws = np.random.default_rng(1), 20_000
    counts = np.zeros(places)
    for _ in range(draws):
        clip = random_clip(Clip("r", 5, 20), 12, rng, samples)
        counts[(clip.start - 5) * (samples or 1) + clip.offset] += 1
    expected = draws / places
    assert ((counts - expected) ** 2 / expected).sum() < places - 1 + 5 * np.sqrt(2 * (places - 1))
    for end in (0, -1):
        assert abs(counts[end] - expected) < 5 * np.sqrt(expected)


def test_every_sample_can_be_the_start() -> None:
    rng = np.random.default_rng(0)
    drawn = [random_clip(entry_of(6), 4, rng, 3) for _ in range(300)]
    assert {(clip.start, clip.offset) for clip in drawn} == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)}


def test_integers_are_heard_in_their_unit(tmp_path: Path) -> None:
    create_archive(tmp_path / "archive", little_rig())
    stored = np.array([[2**31 - 1, -(2**31), 0, 1] * 300], np.int32)
    with writing_recording(tmp_path / "archive", "r", SAMPLES_PER_FRAME) as writer:
        writer.audio([0], stored.shape[1], np.int32, 2.0**-31).append_columns(stored)
    finish_archive(tmp_path / "archive")
    recording = Archive(tmp_path / "archive")["r"]
    heard = read_clip(recording, Clip("r", 2, 1), ["audio"], SAMPLES_PER_FRAME)["audio"]
    assert heard.dtype == np.float32
    np.testing.assert_array_equal(heard, np.tile(np.float32([1, -1, 0, 2.0**-31]), 25))


def test_a_microphone_that_is_not_stored_is_refused(ramps: Archive) -> None:
    with pytest.raises(AcoustillError, match="audio is 0 x 200 samples of microphone 2, expected 1 x 200"):
        read_clip(ramps["r000"], Clip("r000", 0, 2), ["audio"], SAMPLES_PER_FRAME, 2)


def test_who_has_no_audio_has_no_microphone_that_works(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "a", [{"audio": None, "microphones": ()}])
    with pytest.raises(AcoustillError, match=r"recording r000: microphones is \[\], expected one that is not broken"):
        audible(archive["r000"], archive.rig)


def test_extents_are_recordings_or_parts_of_them(ramps: Archive) -> None:
    assert parts_of(ramps, ["r000", Clip("r000", 3, 5)]) == (Clip("r000", 0, FRAMES), Clip("r000", 3, 5))
    assert all_clips(ramps, [Clip("r000", 3, 11)], 5) == [Clip("r000", 3, 5), Clip("r000", 8, 5)]
    for wrong, complaint in (
        ("other", "there is no recording 'other'"),
        (Clip("r000", 36, 5), "recording r000: clip is frames 36 to 41, expected within 0 to 40"),
        (Clip("r000", 0, 0), "recording r000: clip is frames 0 to 0"),
        (Clip("r000", 3, 5, offset=2), "offset of a part is 2, expected 0, a frame"),
    ):
        with pytest.raises(AcoustillError, match=complaint):
            parts_of(ramps, [wrong])

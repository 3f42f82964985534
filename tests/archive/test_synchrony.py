"""The clock of a video against that of the array: found as well as promised, or not at all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_clocks import clap_film, clap_sound, knock, scene, two_recordings

from acoustill.archive.importers.claps import Moments, sharp_onsets, sudden_changes, synchrony_from_claps
from acoustill.archive.importers.synchrony import (
    Clocks,
    Heard,
    Points,
    Synchrony,
    fitted,
    synchrony_from_sound,
)
from acoustill.errors import AcoustillError

KINDS = ["noise", "speech", "knocks"]


def largest_error_s(found: Clocks, true: Clocks, seconds: float) -> float:
    return max(abs(found.video_s(time) - true.video_s(time)) for time in (0.0, seconds))


def test_clocks_are_a_line_and_its_inverse() -> None:
    clocks = Clocks(1.5, 100.0)
    assert clocks.video_s(1.5) == 0.0  # the video began later
    assert clocks.audio_s(0.0) == 1.5
    assert clocks.video_s(10_001.5) == pytest.approx(10_001.0)  # and counts a second more in 10,000
    assert clocks.audio_s(clocks.video_s(123.4)) == pytest.approx(123.4)
    assert Clocks(-1.5).video_s(0.0) == 1.5  # the video began first


@pytest.mark.parametrize("true", [Clocks(-9.123456, 400.0), Clocks(0.7, 0.0), Clocks(250.25, -400.0)])
def test_a_line_through_leads_is_these_clocks(true: Clocks) -> None:
    """And of the offset, the error is that at the mean time of the points, in whatever distance that is from 0."""
    times = 500.0 + np.linspace(0.0, 300.0, 25)
    leads = np.array([true.video_s(time) - time for time in times])
    found = fitted(Points(times, leads, np.ones(25)), "sound", 30, 1e-3, 50e-6)
    assert found.clocks.offset_s == pytest.approx(true.offset_s, abs=1e-6)
    assert found.clocks.drift_ppm == pytest.approx(true.drift_ppm, abs=1e-3)
    assert found.offset_error_s == pytest.approx(1e-3 / 5)
    assert found.drift_error_ppm == pytest.approx(1e6 * 1e-3 / (5 * times.std()))
    assert (found.used, found.found) == (25, 30)


@pytest.mark.parametrize(
    ("kind", "offset_s", "drift_ppm"), [("noise", -3.3217, 200), ("speech", 7.77, -200), ("knocks", -0.013, 35)]
)
def test_three_minutes_of_sound_at_10_db(kind: str, offset_s: float, drift_ppm: float) -> None:
    true = Clocks(offset_s, drift_ppm)
    audio, track = two_recordings(kind, 180.0, true, np.random.default_rng(1))
    found = synchrony_from_sound(audio, track, "take")
    assert largest_error_s(found.clocks, true, 180.0) < 2e-3
    assert abs(found.clocks.drift_ppm - drift_ppm) < 5
    assert found.drift_error_ppm is not None
    assert found.drift_error_ppm < 5
    assert (found.residual_s or 1) < 1e-3
    assert 30 < (found.used or 0) <= (found.found or 0)
    assert found.how == "sound"


@settings(max_examples=12)
@given(
    kind=st.sampled_from(KINDS),
    seconds=st.floats(15, 40),
    offset_s=st.floats(-5, 5),
    drift_ppm=st.floats(-200, 200),
    snr_db=st.floats(5, 30),
    rates=st.sampled_from([(12288, 48000), (48000, 44100), (8000, 16000), (16000, 8000)]),
    seed=st.integers(0, 1000),
)
def test_any_offset_and_drift_is_found(
    kind: str, seconds: float, offset_s: float, drift_ppm: float, snr_db: float, rates: tuple[int, int], seed: int
) -> None:
    true = Clocks(offset_s, drift_ppm)
    audio, track = two_recordings(kind, seconds, true, np.random.default_rng(seed), snr_db=snr_db, rates=rates)
    found = synchrony_from_sound(audio, track, "take")
    assert largest_error_s(found.clocks, true, seconds) < 2e-3


@settings(max_examples=15)
@given(
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)), seconds=st.floats(2, 30), seed=st.integers(0, 999)
)
def test_unrelated_sounds_are_refused(kinds: tuple[str, str], seconds: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    audio, _ = two_recordings(kinds[0], seconds, Clocks(), rng)
    _, track = two_recordings(kinds[1], seconds, Clocks(), rng)
    with pytest.raises(AcoustillError, match=r"^take: .* do not clearly belong together; give offset_s$"):
        synchrony_from_sound(audio, track, "take")


def test_a_short_video_is_found_in_a_long_recording_and_the_other_way_round(rng: np.random.Generator) -> None:
    audio, track = two_recordings("speech", 90.0, Clocks(8.0, 50.0), rng, track_seconds=20.0)
    found = synchrony_from_sound(audio, track, "take")
    assert abs(found.clocks.video_s(15.0) - Clocks(8.0, 50.0).video_s(15.0)) < 2e-3
    audio, track = two_recordings("speech", 20.0, Clocks(-9.0, 50.0), rng, track_seconds=90.0)
    found = synchrony_from_sound(audio, track, "take")
    assert abs(found.clocks.video_s(10.0) - Clocks(-9.0, 50.0).video_s(10.0)) < 2e-3


def test_windows_without_a_counterpart_do_no_harm(rng: np.random.Generator) -> None:
    """Only a third of each recording is of the same time."""
    audio, track = two_recordings("speech", 30.0, Clocks(10.0, 0.0), rng, track_seconds=30.0)
    other = scene("speech", 40.0, rng)[::4].astype(np.float32)
    audio = Heard(np.concatenate([other[: 12288 * 30], audio.samples]), 12288)
    found = synchrony_from_sound(audio, track, "take")
    assert abs(found.clocks.offset_s - 40.0) < 2e-3


def test_a_sound_track_that_starts_late_or_is_upside_down(rng: np.random.Generator) -> None:
    audio, track = two_recordings("speech", 20.0, Clocks(-0.5, 0.0), rng)
    turned = Heard(-track.samples, track.rate, start_s=0.25)
    assert abs(synchrony_from_sound(audio, turned, "take").clocks.offset_s + 0.75) < 2e-3


def test_a_drift_that_cannot_be_told_is_taken_for_none(rng: np.random.Generator) -> None:
    """Of a single knock only the offset follows."""
    sound = np.zeros(3 * 8000)
    knock(sound, 1.0, 8000, rng)
    heard = [Heard((sound + 0.003 * rng.standard_normal(len(sound))).astype(np.float32), 8000, at) for at in (0.0, 0.5)]
    found = synchrony_from_sound(*heard, "take")
    assert found.clocks.drift_ppm == 0
    assert found.drift_error_ppm is None
    assert abs(found.clocks.offset_s + 0.5) < 1e-3
    assert "drift_error_ppm" not in found.to_json()
    assert json.loads(json.dumps(found.to_json()))["how"] == "sound"


@pytest.mark.parametrize("seconds", [5.0, 20.0])
def test_a_sound_that_repeats_itself_is_refused(seconds: float) -> None:
    rng = np.random.default_rng(2)
    beat = np.zeros(4000)
    knock(beat, 0.1, 8000, rng)
    row = np.tile(beat, round(2 * seconds) + 1)
    heard = [
        (row[start : start + round(8000 * seconds)] + 0.005 * rng.standard_normal(round(8000 * seconds)))
        for start in (0, 2000)
    ]
    with pytest.raises(AcoustillError, match="do not clearly belong together"):
        synchrony_from_sound(*(Heard(one.astype(np.float32), 8000) for one in heard), "take")


def test_the_same_mains_hum_is_no_common_scene(rng: np.random.Generator) -> None:
    time = np.arange(20 * 8000) / 8000
    hum = sum(np.sin(2 * np.pi * 50 * k * time) / k for k in range(1, 20))
    heard = [Heard((hum + 0.1 * rng.standard_normal(len(time))).astype(np.float32), 8000) for _ in range(2)]
    with pytest.raises(AcoustillError, match="do not clearly belong together"):
        synchrony_from_sound(*heard, "take")


def test_silence_and_too_little_are_refused(rng: np.random.Generator) -> None:
    noise = Heard(rng.standard_normal(40000).astype(np.float32), 8000)
    silence = Heard(np.zeros(40000, np.float32), 8000)
    with pytest.raises(AcoustillError, match="take: the video's own sound is silent"):
        synchrony_from_sound(noise, silence, "take")
    with pytest.raises(AcoustillError, match="take: the array's sound is silent"):
        synchrony_from_sound(silence, noise, "take")
    with pytest.raises(AcoustillError, match=r"length of the video's own sound is 0\.50 s"):
        synchrony_from_sound(noise, Heard(noise.samples[:4000], 8000), "take")


@pytest.mark.parametrize("value", [1.0, np.nan, np.inf, 1e30])
def test_of_what_is_no_sound_nothing_follows(value: float, rng: np.random.Generator) -> None:
    broken = np.full(24000, value, np.float32)
    for other in (broken, rng.standard_normal(24000).astype(np.float32)):
        with pytest.raises(AcoustillError, match="do not clearly belong together"):
            synchrony_from_sound(Heard(broken, 8000), Heard(other, 8000), "take")
    sharp_onsets(Heard(broken, 8000))
    with pytest.raises(AcoustillError, match="sample rate of the array's sound is 100 Hz, expected at least 1000 Hz"):
        synchrony_from_sound(Heard(broken, 100), Heard(broken, 8000), "take")


def test_onsets_are_heard_to_two_milliseconds(rng: np.random.Generator) -> None:
    claps = [1.2345, 3.0, 7.501]
    onsets = sharp_onsets(clap_sound(claps, 9.0, rng))
    np.testing.assert_allclose(onsets.times_s, claps, atol=2e-3)
    assert onsets.strengths.min() > 15


def test_the_first_clap_of_a_row_does_not_stand_out(rng: np.random.Generator) -> None:
    onsets = sharp_onsets(clap_sound([2.0 + 0.3 * i for i in range(20)], 9.0, rng))
    assert len(onsets.times_s) == 20
    assert onsets.strengths[0] < np.median(onsets.strengths) + 3


@settings(max_examples=15)
@given(
    kind=st.sampled_from(["flash", "hands"]),
    frame_rate=st.sampled_from([25.0, 30.0, 50.0]),
    offset_s=st.floats(-3, 1),
    drift_ppm=st.floats(-200, 200),
    at=st.tuples(st.floats(1.5, 3.0), st.floats(17.0, 18.0)),
    seed=st.integers(0, 1000),
)
def test_claps_tell_the_clocks_to_half_a_frame(
    kind: str, frame_rate: float, offset_s: float, drift_ppm: float, at: tuple[float, float], seed: int
) -> None:
    rng, true = np.random.default_rng(seed), Clocks(offset_s, drift_ppm)
    film = clap_film(kind, [true.video_s(one) for one in at], 20.0 - offset_s, frame_rate, rng)
    seen, frame_s = sudden_changes(film)
    assert frame_s == pytest.approx(1 / frame_rate)
    found = synchrony_from_claps(sharp_onsets(clap_sound(list(at), 20.0, rng)), seen, frame_s, "take")
    assert found.how == "clap"
    slack = 5e-3 if kind == "flash" else 0.3 * frame_s  # hands are not rigid discs, not even these
    assert all(abs(found.clocks.video_s(one) - true.video_s(one)) <= frame_s / 2 + slack for one in at)
    assert found.drift_error_ppm is None  # 15 s are too short for it


@pytest.mark.parametrize("frame_rate", [12.0, 30.0])
def test_one_flash_is_enough(frame_rate: float, rng: np.random.Generator) -> None:
    seen, frame_s = sudden_changes(clap_film("flash", [4.321], 12.0, frame_rate, rng))
    found = synchrony_from_claps(sharp_onsets(clap_sound([2.0], 10.0, rng)), seen, frame_s, "take")
    assert abs(found.clocks.offset_s + 2.321) <= frame_s / 2 + 2e-3
    assert found.offset_error_s == pytest.approx(frame_s / np.sqrt(12))
    assert found.used == 1


def test_claps_at_both_ends_of_ten_minutes_tell_the_drift() -> None:
    """Moments as they would be seen at 30 frames/s and heard."""
    true, frame_s = Clocks(-0.7, 150.0), 1 / 30
    heard = np.array([3.0, 4.1, 595.0])
    seen = np.round(true.video_s(heard) / frame_s) * frame_s  # type: ignore[arg-type]
    found = synchrony_from_claps(Moments(heard, np.full(3, 40.0)), Moments(seen, np.full(3, 20.0)), frame_s, "take")
    assert abs(found.clocks.drift_ppm - 150) < frame_s / 590 * 1e6
    assert found.drift_error_ppm is not None
    assert largest_error_s(found.clocks, true, 600.0) < frame_s / 2


def test_claps_that_cannot_be_told_apart_are_refused(rng: np.random.Generator) -> None:
    rows = Moments(np.arange(6) * 0.5 + 1, np.full(6, 40.0)), Moments(np.arange(6) * 0.5 + 2, np.full(6, 20.0))
    with pytest.raises(AcoustillError, match="take: it is not clear which clap seen is which one heard"):
        synchrony_from_claps(*rows, 1 / 30, "take")
    one, none = Moments(np.ones(1), np.full(1, 40.0)), Moments(np.zeros(0), np.zeros(0))
    with pytest.raises(AcoustillError, match="no clap is seen"):
        synchrony_from_claps(one, none, 1 / 30, "take")
    with pytest.raises(AcoustillError, match="no clap is heard"):
        synchrony_from_claps(none, one, 1 / 30, "take")
    uneven = np.array([1.0, 1.6, 3.1, 4.0, 6.7])  # but of a rhythm that does not repeat itself, each is known
    found = synchrony_from_claps(
        Moments(uneven, np.full(5, 40.0)), Moments(uneven + 2, np.full(5, 20.0)), 1 / 30, "take"
    )
    assert (found.clocks.offset_s, found.used) == (-2.0, 5)


def test_nothing_sudden_is_found_in_a_still_room_or_a_steady_sound(rng: np.random.Generator) -> None:
    assert not len(sudden_changes(clap_film("flash", [], 6.0, 12.0, rng))[0].times_s)
    assert not len(sharp_onsets(Heard(rng.standard_normal(40000).astype(np.float32), 8000)).times_s)
    assert not len(sharp_onsets(Heard(np.zeros(100, np.float32), 8000)).times_s)
    assert not len(sudden_changes(iter([]))[0].times_s)


def test_what_is_given_says_no_more_than_that() -> None:
    assert Synchrony(Clocks(0.5, 2.0), "given").to_json() == {"how": "given", "offset_s": 0.5, "drift_ppm": 2.0}

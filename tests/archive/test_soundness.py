"""Checks of signals: each fault is found where it was put, and sound signals have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.archive import soundness
from acoustill.archive.equal_runs import equal_runs
from acoustill.archive.soundness import HeardChannels, check_channels
from acoustill.archive.synchrony_check import image_loudness, lag_of_images, power_level
from acoustill.imaging import ForeignImages, ImageSpecification
from acoustill.rig import Rig

RATE, SPF, SAMPLES = 8000, 400, 16000


def rig(channels: int, broken: tuple[int, ...] = ()) -> Rig:
    positions = np.arange(3.0 * channels).reshape(-1, 3)
    return Rig("line", positions, RATE, RATE / SPF, broken)


def check(*rows: np.ndarray, broken: tuple[int, ...] = (), microphones: tuple[int, ...] | None = None) -> HeardChannels:
    named = microphones or tuple(range(len(rows)))
    return check_channels(np.stack(rows), named, rig(max(named) + 1, broken))


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SAMPLES).astype(np.float32)


def tone(amplitude: float, hertz: float = 440.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(SAMPLES) / RATE)


@pytest.mark.parametrize("block", [1, 7, 1 << 18])
def test_sound_signals_have_no_fault_and_their_power_is_that_of_each_frame(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "BLOCK", block * SPF)
    rows = noise(0), 3 * noise(1) + 5
    heard = check(*rows)
    assert heard.findings == ()
    assert heard.telling
    slow = [
        np.mean([np.var(row[t * SPF : (t + 1) * SPF].astype(float)) for row in rows]) for t in range(SAMPLES // SPF)
    ]
    np.testing.assert_allclose(heard.power, slow)


def test_a_rest_of_less_than_a_frame_is_not_a_frame() -> None:
    assert len(check(noise()[: 5 * SPF + 17]).power) == 5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted(value: float) -> None:
    bad = noise(1)
    bad[[800, 900]] = value
    heard = check(noise(), bad)
    assert heard.findings == (("finite", "2 samples of the audio are not finite: microphone 1, the first at 0.100 s"),)
    assert np.isfinite(heard.power).all()


def test_silence_of_some_channels_and_of_all() -> None:
    zero = np.zeros(SAMPLES, np.float32)
    assert check(noise(), zero, zero).findings == (("silence", "microphones 1 and 2 are silent"),)
    nothing = check(zero, zero)
    assert nothing.findings == (("silence", "the whole recording is silent"),)
    assert not nothing.telling
    assert check(noise(), zero, microphones=(4, 9)).findings == (("silence", "microphone 9 is silent"),)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.int32])
def test_broken_microphones_may_be_anything(dtype: type) -> None:
    good = tone(1000).astype(dtype)
    clipped = np.clip(2.0 * np.iinfo(np.int16).max * tone(1), -32768, 32767).astype(dtype)
    rows = good, np.zeros_like(good), np.full_like(good, 7), good, clipped
    assert check(*rows, broken=(1, 2, 3, 4)).findings == ()
    assert {kind for kind, _ in check(*rows).findings} == {"silence", "stuck", "clipping"}


def test_channels_that_hold_one_value_or_another_channel() -> None:
    held = np.full(SAMPLES, 0.25, np.float32)
    assert check(noise(), held).findings == (("stuck", "microphone 1 holds nothing but 0.25"),)
    assert check(noise(), noise(1), noise()).findings == (("stuck", "microphones 0 and 2 hold the same samples"),)
    almost = noise()
    almost[-1] += 1
    assert check(noise(), almost).findings == ()


@pytest.mark.parametrize(("seconds", "found"), [(0.49, False), (0.51, True)])
def test_a_channel_that_does_not_move_for_half_a_second(seconds: float, found: bool) -> None:
    row = noise()
    row[4000 : 4000 + round(seconds * RATE)] = 0.125
    what = "does not move: microphone 0 at 0.125 for 0.51 s from 0.500 s on"
    assert check(row).findings == ((("stuck", what),) if found else ())


@pytest.mark.parametrize("channels", [1, 3])
def test_padding_with_zeros_is_no_fault(channels: int) -> None:
    rows = [noise(seed) for seed in range(channels)]
    for row in rows:
        row[4000:12000] = 0
    assert check(*rows).findings == ()


@pytest.mark.parametrize("value", [-1, 3])
@pytest.mark.parametrize("scale", [1, 256, 65536, 2.0**-15, 0.7 * 2.0**-15])
def test_silence_of_converters_that_are_off_by_a_few_steps_is_no_fault(value: int, scale: float) -> None:
    quiet = np.random.default_rng(0).integers(-40, 41, SAMPLES)
    quiet[2000:12000] = value
    dtype = np.float32 if scale < 1 else np.int16 if scale == 1 else np.int32
    assert check((quiet * scale).astype(dtype)).findings == ()
    quiet[2000:12000] = 20
    assert [kind for kind, _ in check((quiet * scale).astype(dtype)).findings] == ["stuck"]


def test_a_channel_that_holds_one_of_the_last_bits_is_silent() -> None:
    off = np.full(SAMPLES, -1, np.int16)
    assert check(off).findings == (("silence", "the whole recording is silent"),)
    assert not check(off).telling


@pytest.mark.parametrize("value", [0, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_a_microphone_that_dies_is_found_and_one_that_hears_the_same_pause_is_not(dtype: type, value: int) -> None:
    rows = [(3000 * noise(seed)).astype(np.int16) for seed in range(3)]
    rows[1][5000:] = value
    scale = 2.0**-15 if dtype is np.float32 else 1
    what = "silent while others are not: microphone 1 for 1.38 s from 0.625 s on"
    assert check(*(row * scale for row in rows)).findings == (("silence", what),)
    assert check(*(row * scale for row in rows), broken=(1,)).findings == ()
    for row in rows:
        row[6000:12000] = value
    rows[1][12000:] = rows[0][12000:] // 2
    assert check(*(row * scale for row in rows)).findings == ()


def test_the_end_of_a_sound_that_fades_in_other_channels_is_no_death() -> None:
    fading = 30000 * noise() / 5 * np.exp(-np.arange(SAMPLES) / 800)
    assert check(fading.astype(np.int16), (0.1 * fading).astype(np.int16)).findings == ()


def test_many_channels_are_said_in_one_sentence() -> None:
    zero = np.zeros(SAMPLES, np.float32)
    ((kind, what),) = check(noise(), *[zero] * 9).findings
    assert (kind, what) == ("silence", "microphones 1, 2, 3, 4, 5, 6 and 3 more are silent")


# clipping -------------------------------------------------------------------------------------------------


def spoilt(flat: int, tops: int, dtype: type, top: float) -> np.ndarray:
    """Noise that lies flat at `top` for so many samples, so many times."""
    row = (0.1 * top * np.clip(noise(), -5, 5)).astype(dtype)
    for i in range(tops):
        row[1000 * (i + 1) : 1000 * (i + 1) + flat] = top
    return row


@pytest.mark.parametrize(
    ("dtype", "top", "shortest"),
    [
        (np.int16, 32767, 3),
        (np.int16, -32768, 3),
        (np.int32, 2**31 - 1, 3),
        (np.int32, -(2**31), 3),
        (np.int32, (2**23 - 1) * 256, 3),
        (np.int32, 2**23 - 1, 3),
        (np.int16, 20000, 4),
        (np.float32, 1.0, 4),
        (np.float32, -0.37, 4),
    ],
)
def test_flat_tops_are_clipping(dtype: type, top: float, shortest: int) -> None:
    many = 12 // shortest + 1
    what = f"clips: microphone 0 {many * shortest} samples, the first at 0.125 s"
    assert check(spoilt(shortest, many, dtype, top)).findings == (("clipping", what),)
    assert check(spoilt(shortest - 1, 2 * many, dtype, top)).findings == ()  # peaks can be as round as that
    assert check(spoilt(shortest, 2, dtype, top)).findings == ()  # two hits are no fault of a recording


def test_a_clipped_tone_is_found_and_a_whole_one_is_not() -> None:
    assert check(np.clip(tone(1.3), -1, 1).astype(np.float32)).findings[0][0] == "clipping"
    assert check(np.clip(tone(40000), -32768, 32767).astype(np.int16)).findings[0][0] == "clipping"
    assert check(tone(1.0).astype(np.float32)).findings == ()
    assert check(tone(32767).astype(np.int16)).findings == ()


@pytest.mark.parametrize("hertz", [20.0, 50.0])
@pytest.mark.parametrize("scale", [1, 2.0**-15])
def test_slow_waves_in_coarse_steps_are_not_clipped(hertz: float, scale: float) -> None:
    wave = tone(1000, hertz).round()
    assert check(wave.astype(np.int16) if scale == 1 else (wave * scale).astype(np.float32)).findings == ()


@pytest.mark.parametrize("hertz", [10, 20, 27.3, 40])
def test_slow_waves_at_full_scale_are_not_clipped(hertz: float) -> None:
    time_s = np.arange(3 * 48000) / 48000
    wave = np.sin(2 * np.pi * hertz * time_s)
    rows = [(32767 * wave).astype(np.int16), ((2**31 - 1) * wave).astype(np.int32)]
    coarse = [(np.round(32767 * wave) * 65536).astype(np.int32), (np.round(1000 * wave) * 32.76).astype(np.int16)]
    for row in rows + coarse:
        assert check_channels(row[None], [0], Rig("one", np.zeros((1, 3)), 48000, 12.0)).findings == ()


@pytest.mark.parametrize("hertz", [0.1, 1.0, 2.0, 7.7])
@pytest.mark.parametrize("amplitude", [1.0, 0.3, 20.0])
def test_slow_waves_of_floats_are_not_clipped(hertz: float, amplitude: float) -> None:
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(3 * 48000) / 48000)
    rows = wave.astype(np.float32), (0.777 * np.round(327 * wave) / 32768).astype(np.float32)
    for row in rows:
        assert check_channels(row[None], [0], Rig("one", np.zeros((1, 3)), 48000, 12.0)).findings == ()


@pytest.mark.parametrize("hertz", [10, 100, 1000])
def test_clipped_tones_that_repeat_exactly_are_found(hertz: float) -> None:
    wave = np.clip(30000 * np.sin(2 * np.pi * hertz * np.arange(48000) / 48000), -20000, 20000)
    rows = wave.astype(np.int16), (wave.astype(np.int32) * 256), (wave / 32768).astype(np.float32)
    for row in (*rows, (wave.round() * 1.37e-5).astype(np.float32)):
        heard = check_channels(row[None], [0], Rig("one", np.zeros((1, 3)), 48000, 12.0))
        assert [kind for kind, _ in heard.findings] == ["clipping"]


def test_the_last_bits_of_a_quiet_recording_are_not_clipped() -> None:
    quiet = np.random.default_rng(0).integers(-2, 3, SAMPLES)
    assert check(quiet.astype(np.int16)).findings == ()
    assert check((quiet / 32768).astype(np.float32)).findings == ()


@given(
    values=st.lists(st.integers(0, 2), min_size=1, max_size=40),
    cuts=st.lists(st.integers(1, 39), max_size=5),
    shortest=st.integers(1, 4),
)
def test_runs_do_not_depend_on_blocks(values: list[int], cuts: list[int], shortest: int) -> None:
    signal = np.array(values, float)
    blocks = [block for block in np.split(signal, sorted({cut for cut in cuts if cut < len(signal)})) if len(block)]
    found = [
        (int(start), int(length), float(value), float(jump))
        for runs in equal_runs(blocks, shortest)
        for start, length, value, jump in zip(*runs, strict=True)
    ]
    expected, start = [], 0
    for stop in range(1, len(values) + 1):
        if stop == len(values) or values[stop] != values[start]:
            sides = ([values[start - 1]] if start else []) + values[stop : stop + 1]
            if stop - start >= shortest:
                jump = max((abs(side - values[start]) for side in sides), default=0)
                expected.append((start, stop - start, float(values[start]), float(jump)))
            start = stop
    assert found == expected


# synchrony ------------------------------------------------------------------------------------------------


def scene(frames: int, seed: int) -> np.ndarray:
    """Levels in decibel of something that happens now and then, over a steady noise."""
    rng = np.random.default_rng(seed)
    events = np.convolve((rng.random(frames) < 0.12) * rng.uniform(10, 30, frames), 0.6 ** np.arange(8))[:frames]
    return np.maximum(events, 3) + rng.normal(0, 0.3, frames)


@pytest.mark.parametrize("lag", [-12, -5, -1, 0, 1, 4, 12])
@pytest.mark.parametrize("seed", range(5))
def test_shifted_images_are_found(lag: int, seed: int) -> None:
    level = scene(144, seed)
    images = 0.3 * level + np.random.default_rng(100 + seed).normal(0, 0.3, 144)  # in a unit of their own
    audio, shifted = level[max(0, lag) : 120 + max(0, lag)], images[max(0, -lag) : 120 + max(0, -lag)]
    assert lag_of_images(audio, shifted) == lag


def test_what_says_nothing_about_time_is_not_shifted() -> None:
    rng = np.random.default_rng(0)
    for frames in (1, 2, 20, 48, 120, 400):
        for _ in range(20):
            steady = rng.normal(0, 0.2, frames)
            assert lag_of_images(steady, np.roll(steady, 3)) == 0
            assert lag_of_images(scene(frames, 1), rng.normal(0, 5, frames)) == 0
            assert lag_of_images(np.zeros(frames), np.zeros(frames)) == 0
    assert lag_of_images(scene(30, 0), np.roll(scene(30, 0), 3)) == 0  # too short to be believed


def test_of_even_repetitions_nobody_can_tell_the_shift() -> None:
    beats = np.where(np.arange(120) % 4 == 0, 20.0, 0.0)
    assert lag_of_images(beats, np.roll(beats, 2)) == 0


def test_unrelated_scenes_are_not_called_shifted() -> None:
    fired = [lag_of_images(scene(120, 2 * seed), scene(120, 2 * seed + 1)) for seed in range(300)]
    assert np.count_nonzero(fired) <= 3


def test_loudness_of_images() -> None:
    rng = np.random.default_rng(0)
    energies = rng.random((5, 3, 4, 2))
    expected = 10 * np.log10(energies.reshape(5, -1).sum(1))
    np.testing.assert_allclose(image_loudness(energies, ImageSpecification(features="mel", bands=2)), expected)
    np.testing.assert_allclose(image_loudness(energies, ForeignImages("AVIA")), energies[..., 0].mean((1, 2)))
    levels = energies - 0.5  # no energies, whatever they are called
    np.testing.assert_allclose(image_loudness(levels, ForeignImages("else", "mel")), levels.mean((1, 2, 3)))


def test_levels_of_silence_are_finite() -> None:
    np.testing.assert_array_equal(power_level(np.zeros(3)), 0)
    np.testing.assert_allclose(power_level(np.array([0.0, 1.0, 100.0])), [-40, 0, 20])

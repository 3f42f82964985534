"""Real clips in place of synthetic actions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from acoustill.errors import AcoustillError
from acoustill.simulation.clips import find_clips, play_clips
from acoustill.simulation.sources import ACTIONS, Performance, draw_style, perform
from acoustill.simulation.synthesis import active_level

RATE = 12288
FILE_RATE = 22050


def write(path: Path, sound: np.ndarray, rate: int = FILE_RATE) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, subtype="FLOAT")
    return str(path)


def tone(frequency: float, seconds: float = 0.5, before: float = 0.0, after: float = 0.0) -> np.ndarray:
    sine = 0.3 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * FILE_RATE)) / FILE_RATE)
    return np.concatenate([np.zeros(round(before * FILE_RATE)), sine, np.zeros(round(after * FILE_RATE))])


def hits(times: list[float], seconds: float, decay: float, rng: np.random.Generator) -> np.ndarray:
    clock = np.arange(round(seconds * FILE_RATE)) / FILE_RATE
    sound = np.zeros(len(clock))
    for time in times:
        after = np.maximum(clock - time, 0)
        sound += (clock >= time) * np.exp(-after / decay) * rng.standard_normal(len(clock)) * rng.uniform(0.3, 1.0)
    return 0.2 * sound


def play(paths: list[str], seconds: float, seed: int = 0) -> Performance:
    return play_clips(paths, seconds, RATE, np.random.default_rng(seed))


def loudest_hz(signal: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(signal)).argmax() * RATE / len(signal))


@pytest.mark.parametrize("name", ["paper shaking", "paper-shaking", "paper_shaking", "Paper Shaking"])
def test_folders_are_named_after_actions_in_four_ways(tmp_path: Path, name: str) -> None:
    write(tmp_path / name / "b.wav", tone(300))
    write(tmp_path / name / "deeper" / "a.wav", tone(300))
    write(tmp_path / "clapping" / "c.wav", tone(300))
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "licence.txt").write_text("free")
    (tmp_path / name / "notes.txt").write_text("x")
    found = find_clips(tmp_path)
    assert list(found) == ["clapping", "paper shaking"]
    assert [path.name for path in found["paper shaking"]] == ["b.wav", "a.wav"]


def test_two_spellings_of_an_action_are_one(tmp_path: Path) -> None:
    write(tmp_path / "stick-dropping" / "a.wav", tone(300))
    write(tmp_path / "stick_dropping" / "b.wav", tone(300))
    assert len(find_clips(tmp_path)["stick dropping"]) == 2


def test_a_table_as_of_esc50_gives_the_rows_of_actions(tmp_path: Path) -> None:
    rows = ["filename,fold,target,category"]
    for number, category in enumerate(["dog", "clapping", "mouse_click", "keyboard_typing", "clapping"]):
        write(tmp_path / "audio" / f"{number}.wav", tone(300))
        rows.append(f"{number}.wav,1,{number},{category}")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/esc50.csv").write_text("\n".join(rows) + "\n")
    found = {action: [path.name for path in paths] for action, paths in find_clips(tmp_path).items()}
    assert found == {"clapping": ["1.wav", "4.wav"], "clicking": ["2.wav"], "typing": ["3.wav"]}
    (tmp_path / "audio/4.wav").unlink()
    with pytest.raises(AcoustillError, match=r"4\.wav, which is not there"):
        find_clips(tmp_path)


@pytest.mark.parametrize(
    ("name", "closest"),
    [("claping", "clapping"), ("paper rip", "paper ripping"), ("mouse clicks", "clicking"), ("hammer", "hammering")],
)
def test_a_folder_of_another_name_is_refused_and_the_closest_action_named(
    tmp_path: Path, name: str, closest: str
) -> None:
    write(tmp_path / "knocking" / "a.wav", tone(300))
    write(tmp_path / name / "a.wav", tone(300))
    with pytest.raises(AcoustillError, match=f"'{name}', expected an action; the closest is '{closest}'"):
        find_clips(tmp_path)


def test_folders_without_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match="no such folder of clips"):
        find_clips(tmp_path / "missing")
    with pytest.raises(AcoustillError, match=r"clips of no action, expected some of clapping.*stick dropping"):
        find_clips(tmp_path)
    (tmp_path / "clapping").mkdir()
    with pytest.raises(AcoustillError, match="clapping: holds no sounds"):
        find_clips(tmp_path)
    (tmp_path / "clapping/a.m4a").write_bytes(b"x")
    with pytest.raises(AcoustillError, match=r"a\.m4a: format is \.m4a.*convert the file"):
        find_clips(tmp_path)


@pytest.mark.parametrize("decay", [0.01, 0.04])
def test_onsets_are_found_within_thirty_milliseconds(tmp_path: Path, decay: float) -> None:
    rng = np.random.default_rng(3)
    times = np.sort(np.arange(8) * 0.4 + 0.25 + rng.uniform(0, 0.15, 8)).tolist()
    sound = hits(times, 4.0, decay, rng)
    sound += 0.002 * rng.standard_normal(len(sound))  # 40 dB below: the clip is not cut
    take = play([write(tmp_path / "a.wav", sound)], 4.0)
    onsets = np.array([event.time for event in take.events])
    assert len(onsets) == len(times)
    assert np.abs(onsets - times).max() < 0.03
    assert all(0 < event.strength <= 1 for event in take.events)
    ends = onsets + np.array([event.duration for event in take.events])
    assert np.all(ends[:-1] <= onsets[1:] + 1e-9)


@pytest.mark.parametrize("action", ["clapping", "hammering", "speaking", "whistling", "paper shaking"])
def test_onsets_of_every_kind_of_action_lie_where_it_sounds(tmp_path: Path, action: str) -> None:
    played = perform(action, draw_style(np.random.default_rng(1)), 5.0, RATE, np.random.default_rng(2))
    sound = np.concatenate([np.zeros(RATE), played.signal])
    take = play([write(tmp_path / "a.wav", sound, RATE)], 5.0)
    found = np.array([event.time for event in take.events])
    moved = played.events[0].time - found[0]  # silence at the start is cut, a pause put in its place
    starts = np.array([event.time for event in played.events])
    ends = starts + [event.duration for event in played.events]
    inside = (found[:, None] + moved > starts - 0.04) & (found[:, None] + moved < ends + 0.04)
    assert inside.any(axis=1).mean() > 0.9
    assert inside.any(axis=0)[:-2].mean() > 0.7


def test_silence_at_the_ends_is_cut_off(tmp_path: Path) -> None:
    take = play([write(tmp_path / "a.wav", tone(400, 0.5, before=3.0, after=2.0))], 2.0)
    assert take.events[0].time < 0.45
    heard = np.flatnonzero(np.abs(take.signal) > 0.01 * np.abs(take.signal).max()) / RATE
    assert np.ptp(heard) == pytest.approx(0.5, abs=0.04)
    assert not take.signal[: round((take.events[0].time - 0.04) * RATE)].any()


def test_one_clip_is_played_once_and_never_looped(tmp_path: Path) -> None:
    take = play([write(tmp_path / "a.wav", tone(400))], 5.0)
    assert take.signal.shape == (5 * RATE,)
    assert take.signal.dtype == np.float32
    assert not take.signal[RATE:].any()
    assert len(take.events) == 1


def test_several_clips_come_in_turn_with_pauses_each_once_and_about_equally_loud(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{f}.wav", 10.0**-n * tone(f)) for n, f in enumerate((300, 500, 700))]
    orders = set()
    for seed in range(6):
        take = play(paths, 6.0, seed)
        assert len(take.events) == 3
        starts = np.array([event.time for event in take.events])
        gaps = np.diff(starts) - 0.5
        assert np.all((gaps > 0.2) & (gaps < 1.1))
        parts = [take.signal[round(s * RATE) : round((s + 0.45) * RATE)] for s in starts]
        heard = [round(loudest_hz(part), -2) for part in parts]
        assert sorted(heard) == [300, 500, 700]
        orders.add(tuple(heard))
        assert np.ptp([active_level(part, RATE) for part in parts]) < 10
    assert len(orders) > 1


def test_a_long_clip_is_cut_at_the_end_of_the_take_and_begins_at_once(tmp_path: Path) -> None:
    take = play([write(tmp_path / "a.wav", tone(400, 3.0)), write(tmp_path / "b.wav", tone(900, 3.0))], 2.0)
    assert take.signal.shape == (2 * RATE,)
    assert take.events[0].time < 0.02
    assert len(take.events) == 1
    assert loudest_hz(take.signal) in (400, 900)


def test_levels_are_spread_as_those_of_synthetic_actions(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(400))
    levels = [active_level(play([path], 1.0, seed).signal, RATE) for seed in range(200)]
    synthetic = [
        active_level(perform(action, draw_style(rng), 1.0, RATE, rng).signal, RATE)
        for action in ACTIONS
        for rng in map(np.random.default_rng, range(8))
    ]
    assert min(levels) >= 52 - 0.1
    assert max(levels) <= 83 + 0.1
    assert np.mean(levels) == pytest.approx(np.mean(synthetic), abs=2.0)
    assert np.std(levels) == pytest.approx(np.std(synthetic), rel=0.25)


def test_channels_are_averaged_and_the_offset_taken_out(tmp_path: Path) -> None:
    stereo = np.stack([tone(400) + 0.5, np.zeros(len(tone(400))) + 0.5], axis=1)
    take = play([write(tmp_path / "a.wav", stereo)], 1.0)
    assert loudest_hz(take.signal) == pytest.approx(400, abs=2)
    assert abs(take.signal.mean()) < 1e-3 * np.abs(take.signal).max()


def test_the_same_generator_gives_the_same_take(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{f}.wav", tone(f)) for f in (300, 500)]
    np.testing.assert_array_equal(play(paths, 3.0, 4).signal, play(paths, 3.0, 4).signal)
    assert not np.array_equal(play(paths, 3.0, 4).signal, play(paths, 3.0, 5).signal)


@pytest.mark.parametrize(
    ("sound", "complaint"),
    [
        (np.zeros(2000), "is silent or not finite"),
        (np.full(2000, 0.3), "is silent or not finite"),
        (np.r_[np.ones(50), np.nan], "is silent or not finite"),
        (np.stack([tone(300), -tone(300)], axis=1), "is silent or not finite"),
    ],
)
def test_sounds_in_which_nothing_is_heard_are_refused(tmp_path: Path, sound: np.ndarray, complaint: str) -> None:
    path = write(tmp_path / "bad.wav", sound)
    with pytest.raises(AcoustillError, match=rf"bad\.wav: .*{complaint}"):
        play([path], 1.0)


def test_broken_missing_and_no_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(AcoustillError, match=r"broken\.wav: not a readable sound file"):
        play([str(tmp_path / "broken.wav")], 1.0)
    with pytest.raises(AcoustillError, match=r"gone\.wav: no such sound file"):
        play([str(tmp_path / "gone.wav")], 1.0)
    with pytest.raises(AcoustillError, match="no clips to play"):
        play([], 1.0)

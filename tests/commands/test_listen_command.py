"""`acoustill listen`: beams as files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from takes_for_tests import FRAME, RATE, noise_at, rig_file, take_rig, write_take

from acoustill.archive import create_archive, finish_archive, write_recording
from acoustill.imaging.beam import steer
from refusals import refuses

PLACE = (70.0, 20.0)


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    return rig_file(tmp_path)


@pytest.fixture
def signals() -> np.ndarray:
    return noise_at(PLACE, 1.0)


def beam_at(signals: np.ndarray, distance_m: float = 2.0) -> np.ndarray:
    return steer(signals, take_rig(), take_rig().camera.unproject(np.array(PLACE), distance_m))


def test_a_pixel_and_its_point_give_the_same_beam(signals: np.ndarray, rig: Path, tmp_path: Path, command) -> None:
    take, out = write_take(tmp_path / "take.wav", signals), tmp_path / "beam.wav"
    ended = command("listen", take, "--rig", rig, "--pixel", "70,20", "--out", out)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == f"{out}: 1 s at 8000 Hz"
    beam, rate = soundfile.read(out, dtype="float32")
    assert rate == RATE
    np.testing.assert_array_equal(beam, beam_at(signals))
    point = take_rig().camera.unproject(np.array(PLACE), 2.0)
    place = "--point=" + ",".join(map(str, point))
    told = json.loads(command("listen", take, "--rig", rig, place, "--out", out, "--json").out)
    np.testing.assert_array_equal(soundfile.read(out, dtype="float32")[0], beam)
    assert told["point_m"] == pytest.approx(point, abs=1e-4)
    assert told["path"] is None


def test_the_loudest_place_is_followed(signals: np.ndarray, rig: Path, tmp_path: Path, command) -> None:
    signals[:, RATE // 2 :] = noise_at((20.0, 50.0), 0.5)
    take, out = write_take(tmp_path / "take.wav", signals), tmp_path / "beam.wav"
    ended = command("listen", take, "--rig", rig, "--loudest", "--out", out, "--json")
    path = json.loads(ended.out)["path"]
    assert [round(place["time_s"] * 20 - 0.5) for place in path] == list(range(20))
    for frame, pixel in ((5, PLACE), (16, (20.0, 50.0))):
        point = take_rig().camera.unproject(np.array(pixel), 2.0)
        assert np.linalg.norm(point - [path[frame][f"{axis}_m"] for axis in "xyz"]) < 0.1
    beam = soundfile.read(out, dtype="float32")[0]
    inside, expected = slice(800, 2800), beam_at(signals)
    assert np.linalg.norm((beam - expected)[inside]) < 0.1 * np.linalg.norm(expected[inside])
    words = command("listen", take, "--rig", rig, "--loudest", "--out", out)
    assert "heard in 20 of 20 frames" in words.out


def test_a_recording_that_an_archive_kept_whole(signals: np.ndarray, tmp_path: Path, command) -> None:
    create_archive(tmp_path / "archive", take_rig())
    for name, kept in (("whole", list(range(16))), ("some", [0, 5])):
        write_recording(tmp_path / "archive", name, frames=20, audio=signals[kept, : 20 * FRAME], microphones=kept)
    finish_archive(tmp_path / "archive")
    out = tmp_path / "beam.wav"
    assert command("listen", tmp_path / "archive", "whole", "--pixel", "70,20", "--out", out).status == 0
    np.testing.assert_array_equal(soundfile.read(out, dtype="float32")[0], beam_at(signals))
    refused = command("listen", tmp_path / "archive", "some", "--pixel", "70,20", "--out", tmp_path / "x.wav")
    assert refused.status == 2
    assert "recording some: number of microphones kept is 2, expected all 16" in refused.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "listen: give one of --pixel column,row, --point x,y,z and --loudest"),
        (["--pixel", "1,2", "--loudest"], "give one of"),
        (["--pixel", "1"], "--pixel is '1', expected 2 numbers separated by ','"),
        (["--pixel", "97,2"], "--pixel is '97,2', expected within 0,0 to 96,72"),
        (["--point", "1,2"], "--point is '1,2', expected 3 numbers"),
        (["--point", "1,2,nan"], "--point is '1,2,nan', expected 3 numbers"),
        (["--point=-0.15,-0.15,0"], "beam: the point is 0 mm from microphone 0, expected 1 mm or more"),
        (["--pixel", "1,2", "--distance", "0"], "--distance is 0.0 m"),
        (["--pixel", "1,2", "--distance", "1e300"], "--distance is 1e+300 m"),
        (["--pixel", "1,2", "--distance", "nan"], "--distance is nan m"),
        (["--point", "0,0,1e300"], "--point is '0,0,1e300', expected coordinates of 10000 m at most"),
        (["--pixel", "1,2", "--beamformer", "mvdr"], "--beamformer is 'mvdr', expected one of delay-and-sum"),
        (["--pixel", "1,2", "--out", "x.mp3"], "--out is x.mp3, expected a file name that ends in .wav"),
        (["--loudest", "--grid", "9"], "--grid is '9'"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: list[str], says: str, signals: np.ndarray, rig: Path, tmp_path: Path, command, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_take(tmp_path / "take.wav", signals)
    refuses(command, tmp_path, "listen", "take.wav", "--rig", rig, *arguments, says=re.escape(says))


def test_broken_samples_leave_no_file(signals: np.ndarray, rig: Path, tmp_path: Path, command) -> None:
    signals[3, 7000] = np.inf
    take, out = write_take(tmp_path / "take.wav", signals), tmp_path / "beam.wav"
    ended = command("listen", take, "--rig", rig, "--pixel", "70,20", "--out", out)
    assert ended.status == 2
    assert "take.wav: sample 7000 of channel 3 is inf" in ended.err
    assert not list(tmp_path.glob("*beam*"))

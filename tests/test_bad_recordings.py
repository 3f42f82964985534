"""Recordings, arguments and surroundings with which `image` and its kin cannot work: one sentence, nothing written."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from acoustill.files import replacing
from acoustill.rig import preset, save_rig
from refusals import Command, refuses, sound

try:
    import resource
except ImportError:  # pragma: no cover
    resource = None  # type: ignore[assignment]


def test_wrong_channel_count(command: Command, place: Path) -> None:
    path = sound(place / "take.wav", channels=15)
    says = rf"{path}: number of channels is 15, expected 16, those of rig uma16"
    refuses(command, place, "image", path, "--rig", "uma16", "--out", place / "maps.npz", says=says)


def test_nan_samples(command: Command, place: Path) -> None:
    path = sound(place / "take.wav")
    samples, rate = soundfile.read(path, dtype="float32")
    samples[123, 7] = np.nan
    soundfile.write(path, samples, rate, "FLOAT")
    says = rf"{path}: sample 123 of channel 7 is nan, expected a finite number"
    refuses(command, place, "image", path, "--rig", "uma16", "--out", place / "maps.npz", says=says)


def test_silence(command: Command, place: Path) -> None:
    path = sound(place / "take.wav", level=0.0)
    says = rf"{path}: every sample is zero, expected sound in at least one working channel"
    refuses(command, place, "image", path, "--rig", "uma16", "--out", place / "maps.npz", says=says)


def test_sample_rate_of_another_rig(command: Command, place: Path) -> None:
    path = sound(place / "take.wav", rate=44100)
    says = rf"{path}: sample rate is 44100 Hz, expected 48000 Hz, that of rig uma16"
    refuses(command, place, "image", path, "--rig", "uma16", "--out", place / "maps.npz", says=says)


def test_less_than_a_frame(command: Command, place: Path) -> None:
    path = sound(place / "take.wav", samples=3999)
    says = rf"{path}: length is 3999 samples, expected at least one frame of 4000 samples"
    refuses(command, place, "image", path, "--rig", "uma16", says=says)


def test_no_sound_file(command: Command, place: Path) -> None:
    path = place / "take.wav"
    path.write_text("hello")
    refuses(command, place, "image", path, "--rig", "uma16", says=rf"{path}: not a readable sound file")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rig", "dualcam9"], r"dualcam9: no such rig file, and no preset of that name \(dualcam, uma16\)"),
        ([], "image: give either --rig or --geometry"),
        (["--rig", "uma16", "--features", "cepstra"], "features is 'cepstra', expected energy, mel or mfcc"),
        (["--rig", "uma16", "--grid", "48"], "--grid is '48', expected 2 numbers separated by 'x'"),
        (["--rig", "uma16", "--grid", "0x5"], "--grid is '0x5', expected columns x rows of 1 to 1,000,000 pixels"),
        (["--rig", "uma16", "--extent", "0,1,0"], "--extent is '0,1,0', expected 4 numbers separated by ','"),
        (["--rig", "uma16", "--grid", "40000x40000"], "--grid is '40000x40000', expected columns x rows of 1 to"),
        (["--rig", "uma16", "--grid", f"{10**400}x1"], "--grid is '1000.*, expected 2 numbers"),
        (["--rig", "uma16", "--extent", "1,0,0,1"], "--extent is '1,0,0,1', expected x_min < x_max"),
        (["--rig", "uma16", "--extent=-1e300,1e300,0,1"], "--extent is .*, of 10000 m at most"),
        (["--rig", "uma16", "--distance", "0"], "--distance is 0.0 m, expected a positive number"),
        (["--rig", "uma16", "--distance", "nan"], "--distance is nan m, expected a positive number"),
        (["--rig", "uma16", "--distance", "inf"], "--distance is inf m, expected a positive number"),
        (["--rig", "uma16", "--distance", "1e300"], r"--distance is 1e\+300 m, expected .*, at most 10000"),
        (["--rig", "uma16", "--threads", "100000"], "--threads is 100000, expected 1 to [0-9]+, four for each core"),
        (["--rig", "uma16", "--threads", "9999999999"], "--threads is 9999999999"),
        (["--rig", "uma16", "--white-noise-gain", "nan"], "--white-noise-gain is nan dB, expected a finite number"),
        (["--rig", "uma16", "--range", "inf"], "range is inf dB, expected a positive number"),
        (["--rig", "uma16", "--range", "nan"], "range is nan dB, expected a positive number"),
        (
            ["--rig", "uma16", "--sample-rate", str(10**400)],
            "sample rate given is 1000.* Hz, expected a positive number",
        ),
        (["--rig", "uma16", "--band", "100,90000"], "frequency range is 100 to 90000 Hz, expected within 0 to 24000"),
        (["--rig", "uma16", "--band", "a,b"], "--band is 'a,b', expected 2 numbers"),
        (["--rig", "uma16", "--range", "0"], "range is 0.0 dB, expected a positive number"),
        (["--rig", "uma16", "--range", "-3"], "range is -3.0 dB, expected a positive number"),
        (["--rig", "uma16", "--out", "maps.mat"], "--out is maps.mat, expected a file name that ends in .npz"),
    ],
)
def test_arguments_of_image(arguments: list[str], says: str, command: Command, place: Path) -> None:
    refuses(command, place, "image", sound(place / "take.wav"), *arguments, says=says)


def test_a_folder_in_place_of_the_file_to_write(command: Command, place: Path) -> None:
    out = place / "maps.npz"
    out.mkdir()
    says = rf"{out}: is a folder, expected the name of a file to write"
    refuses(command, place, "image", sound(place / "take.wav"), "--rig", "uma16", "--out", out, says=says)


def test_geometry_without_a_camera_needs_an_extent(command: Command, place: Path) -> None:
    geometry = place / "array.csv"
    geometry.write_text("x_m,y_m,z_m\n0,0,0\n0.1,0,0\n")
    path = sound(place / "take.wav", channels=2)
    says = "image: --geometry has no camera; give --extent"
    refuses(command, place, "image", path, "--geometry", geometry, says=says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "header is empty, expected x_m,y_m,z_m"),
        ("x,y,z\n0,0,0\n", "header is x,y,z, expected x_m,y_m,z_m"),
        ("x_m,y_m,z_m\n0,0,zero\n", r"a row does not hold numbers \(.*zero"),
        ("x_m,y_m,z_m\n0,0\n", "a row does not hold numbers"),
        ("x_m,y_m,z_m\n0,0,0\n0,nan,0\n", r"position of microphone 1 is \[0.0, nan, 0.0\], expected finite metres"),
        ("channel,x_m,y_m,z_m\n0,0,0,0\n0,1,0,0\n", r"channel column is \[0, 0\], expected distinct channels"),
        ("x_m,y_m,z_m\n0,0,0\n0,0,0\n", "positions_m is the same for two microphones, expected distinct"),
    ],
)
def test_geometry_files(content: str, says: str, command: Command, place: Path) -> None:
    geometry = place / "array.csv"
    geometry.write_text(content)
    path = sound(place / "take.wav", channels=2)
    refuses(command, place, "image", path, "--geometry", geometry, "--extent=-1,1,-1,1", says=rf"array.*{says}")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("name: uma16", "name: [uma16"), "not a YAML file"),
        (("name: uma16", "colour: red\nname: uma16"), "colour is not a known field"),
        (("sample_rate: 48000", "sample_rate: fast"), "sample_rate is 'fast': Input should be a valid integer"),
        (("sample_rate: 48000\n", ""), "sample_rate is missing"),
        (("frame_rate: 12.0", "frame_rate: .nan"), "not positive, expected positive numbers"),
        (("frame_rate: 12.0", "frame_rate: 11.0"), "samples per frame is 4363.64, expected a whole number"),
        (("broken: []", "broken: [16]"), r"broken is \[16\], expected channels 0 to 15"),
        (("name: uma16", "name: 2020-99-99"), "not a YAML file"),
    ],
)
def test_rig_files(change: tuple[str, str], says: str, command: Command, place: Path) -> None:
    path = place / "rig.yaml"
    save_rig(preset("uma16"), path)
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    refuses(command, place, "image", sound(place / "take.wav"), "--rig", path, says=f"rig.*{says}")


def test_names_that_no_file_can_have(command: Command, process: Command, place: Path) -> None:
    long = place / ("x" * 300 + ".wav")
    refuses(command, place, "image", long, "--rig", "uma16", says=r"x.wav: cannot be read \(File name too long\)")
    odd = os.fsdecode(os.fsencode(place) + b"/by\xff.wav")
    sound(place / "take.wav").rename(odd)
    says = r"by.*.wav: cannot be read \(its name is not UTF-8\)"
    refuses(process, place, "image", odd, "--rig", "uma16", says=says)


@pytest.mark.parametrize("verb", ["image", "map", "listen"])
@pytest.mark.parametrize("link", [False, True])
def test_inputs_are_not_written_over(link: bool, verb: str, command: Command, place: Path) -> None:
    path = sound(place / "take.wav")
    name = {"image": "take.npy", "map": "take.png", "listen": "beam.wav"}[verb] if link else path.name
    if link:
        os.link(path, place / name)
    elif verb != "listen":
        name = {"image": "take.npy", "map": "take.npz"}[verb]
        path = path.rename(place / name)
    more = ["--point", "0,0,1"] if verb == "listen" else []
    arguments = [verb, path, "--rig", "uma16", *more, "--out", place / name]
    says = f"{verb}: --out is {place / name}, expected a file that is not read by the command, as {path} is"
    refuses(command, place, *arguments, says=says)


def test_a_rig_is_not_written_over(command: Command, place: Path) -> None:
    save_rig(preset("uma16"), place / "rig.npz")
    arguments = ["image", sound(place / "take.wav"), "--rig", place / "rig.npz", "--out", place / "rig.npz"]
    refuses(command, place, *arguments, says="--out is .*rig.npz, expected a file that is not read")


@pytest.mark.skipif(resource is None, reason="limits of POSIX")
@pytest.mark.parametrize(("verb", "out"), [("image", "x.npy"), ("image", "x.npz"), ("listen", "x.wav"), ("image", "x")])
def test_a_full_disk(verb: str, out: str, command: Command, place: Path) -> None:
    """A limit on the size of files is met as a full disk is: in the middle of writing."""
    path = sound(place / "take.wav", samples=48000)
    more = ["--point", "0,0,1"] if verb == "listen" else []
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        ended = command(verb, path, "--rig", "uma16", *more, "--out", place / out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (ended.status, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert line.startswith(f"acoustill: {place / out}")
    assert re.search("File too large|cannot be written", line)
    assert not list(place.rglob("*.part"))
    assert not (place / out).exists()


def test_too_little_memory(command: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError("Unable to allocate 7 TiB")

    monkeypatch.setattr("acoustill.commands.image.image_recordings", no_memory)
    says = "there is not enough memory for this; Unable to allocate 7 TiB"
    refuses(command, place, "image", sound(place / "take.wav"), "--rig", "uma16", says=says)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("verb", ["image", "simulate"])
def test_signals_end_a_command_and_leave_nothing(
    verb: str, number: int, status: int, command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(out: object, *_: object, **__: object) -> None:
        with replacing(place / "half") as beside:
            beside.write_text("half")
            os.kill(os.getpid(), number)
            time.sleep(30)

    monkeypatch.setattr("acoustill.commands.image.image_recordings", work)
    monkeypatch.setattr("acoustill.simulation.simulate_archive", work)
    before = signal.getsignal(number)
    arguments = [place / "take.wav"] if verb == "image" else ["avia-sim", place / "archive"]
    ended = command(verb, *arguments, "--rig", "uma16")
    says = {"image": "interrupted", "simulate": "interrupted; the same command goes on where it stopped"}[verb]
    assert (ended.status, ended.err.strip()) == (status, f"acoustill: {says}")
    assert not list(place.iterdir())
    assert signal.getsignal(number) == before

"""`acoustill overlay`: videos of takes and of recordings of archives, decoded again."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from takes_for_tests import FRAME, RATE, noise_at, rig_file, take_rig, write_take

from acoustill.archive import Archive, create_archive, finish_archive, write_recording
from acoustill.imaging import Imager, ImageSpecification, camera_grid
from acoustill.imaging.video.mp4 import SOUND_RATE, Mp4Writer

CORNERS = {"top left": (12.0, 9.0), "top right": (84.0, 9.0), "bottom left": (12.0, 63.0), "bottom right": (84.0, 63.0)}
SIZE, BAND = ("--grid", "16x12"), ("--band", "1000,3900")


def frames_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def sound_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def brightest(frame: np.ndarray, shape: tuple[int, int] = (72, 96)) -> np.ndarray:
    """(column, row) of the lightest place in pixels of the camera's frame, which fills the left part of the video."""
    height = frame.shape[0]
    picture = frame[:, : height * shape[1] // shape[0]].astype(int).sum(axis=-1)
    rows, columns = np.nonzero(picture > picture.max() - 20)
    return np.array([columns.mean(), rows.mean()]) * shape[0] / height


def grey_video(path: Path, size: tuple[int, int] = (96, 72), rate: int = 30, frames: int = 30) -> Path:
    with Mp4Writer(path, *size, Fraction(rate), with_sound=False) as writer:
        for i in range(frames):
            writer.picture(np.full((size[1], size[0], 3), 60 + 2 * i, np.uint8))
    return path


def archive_of(path: Path, signals: np.ndarray, microphones: list[int], video: bool = True) -> Path:
    """One recording, `take`, with MFCC images."""
    rig, grid = take_rig(), camera_grid(take_rig().camera, 12, 16, 2.0)
    frames = signals.shape[1] // FRAME
    create_archive(path, rig, (ImageSpecification(), grid))
    grey = np.stack([np.full((72, 96, 3), 40 + 4 * i, np.uint8) for i in range(frames)])
    write_recording(
        path,
        "take",
        frames=frames,
        audio=signals[microphones, : frames * FRAME],
        microphones=microphones,
        image=Imager(rig, grid)(signals),
        video=grey if video else None,
    )
    finish_archive(path)
    return path


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    return rig_file(tmp_path)


@pytest.mark.parametrize("corner", CORNERS.values(), ids=CORNERS.keys())
def test_a_source_in_a_corner_is_bright_in_that_corner(
    corner: tuple[float, float], rig: Path, tmp_path: Path, command
) -> None:
    take, out = write_take(tmp_path / "take.wav", noise_at(corner, 0.5)), tmp_path / "x.mp4"
    ended = command("overlay", take, "--rig", rig, "--out", out, *SIZE, *BAND)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"{out}: 524 x 360, 20 frames/s, 0.5 s; microphone ")
    for frame in frames_of(out)[2:]:
        np.testing.assert_allclose(brightest(frame), corner, atol=4)


@pytest.mark.parametrize("microphones", [[0, 5, 10], list(range(16))], ids=["from images", "from signals"])
def test_a_recording_of_an_archive_with_its_video(microphones: list[int], tmp_path: Path, command) -> None:
    archive = archive_of(tmp_path / "archive", noise_at((84.0, 9.0), 0.5), microphones)
    out = tmp_path / "x.mp4"
    assert command("overlay", archive, "take", "--out", out, *SIZE, *BAND).status == 0
    frames = frames_of(out)
    assert len(frames) == 10
    for i, frame in enumerate(frames):
        np.testing.assert_allclose(frame[340, 20].astype(int), 40 + 4 * i, atol=4)  # the video's own frame
    np.testing.assert_allclose(brightest(frames[6]), (84, 9), atol=6)
    assert np.abs(sound_of(out)).max() > 0.5


def test_a_click_is_heard_within_a_frame_of_its_flash(rig: Path, tmp_path: Path, command) -> None:
    """A click of 2 ms at 0.63 s, which is in the middle of the 13th frame."""
    signals = noise_at((48.0, 36.0), 1.0)
    envelope = np.zeros(RATE)
    envelope[round(0.63 * RATE) : round(0.632 * RATE)] = 1
    take, out = write_take(tmp_path / "take.wav", signals * envelope.astype(np.float32)), tmp_path / "x.mp4"
    for rate in ("rig", "video"):
        video = ["--video", grey_video(tmp_path / "v.mp4"), "--frame-rate", rate]
        assert command("overlay", take, "--rig", rig, "--out", out, *SIZE, *BAND, *video).status == 0
        shown = 20 if rate == "rig" else 30
        frames, heard_s = frames_of(out), np.abs(sound_of(out)).argmax() / SOUND_RATE
        red_over_blue = frames[:, 170:190, 230:250, 0].astype(int) - frames[:, 170:190, 230:250, 2]
        flash = int((red_over_blue.mean(axis=(1, 2)) > 30).argmax())
        assert heard_s == pytest.approx(0.631, abs=0.004)
        assert abs((flash + 0.5) / shown - heard_s) <= 1 / shown
        with av.open(str(out)) as container:
            video_s, audio_s = (float(stream.duration * stream.time_base) for stream in container.streams)
        assert abs(video_s - audio_s) < 1 / shown


@pytest.mark.parametrize("offset", [0.0, 0.2, -0.3])
def test_the_video_may_start_earlier_or_later(offset: float, rig: Path, tmp_path: Path, command) -> None:
    take = write_take(tmp_path / "take.wav", noise_at((84.0, 9.0), 0.5))
    video, out = grey_video(tmp_path / "v.mp4"), tmp_path / "x.mp4"
    arguments = ["--rig", rig, "--video", video, "--out", out, *SIZE, *BAND, f"--offset={offset}"]
    assert command("overlay", take, *arguments, "--frame-rate", "rig").status == 0
    levels = frames_of(out)[:, 340, 20, 0].astype(int)
    expected = np.clip(((np.arange(10) + 0.5) / 20 - offset) * 30 - 0.5, 0, 29)
    np.testing.assert_allclose(levels, 60 + 2 * expected, atol=4.5)


def test_what_is_heard_can_be_chosen(rig: Path, tmp_path: Path, command) -> None:
    signals = noise_at((84.0, 36.0), 1.0)
    signals[0] = np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)  # microphone 0 alone hears a tone
    take, out = write_take(tmp_path / "take.wav", signals), tmp_path / "x.mp4"
    said, tonal = {}, {}
    for hear in ("0", "84,36", "loudest"):
        ended = command("overlay", take, "--rig", rig, "--out", out, *SIZE, *BAND, "--hear", hear, "--json")
        assert ended.status == 0
        said[hear] = json.loads(ended.out)
        power = np.abs(np.fft.rfft(sound_of(out)[: SOUND_RATE // 2])) ** 2
        tonal[hear] = power[245:256].sum() / power.sum()
    assert tonal["0"] > 0.9 > tonal["84,36"]
    assert [said[hear]["heard"] for hear in said] == [
        "microphone 0", "the beam of pixel 84,36", "the beam of the loudest place",
    ]  # fmt: skip
    assert said["0"]["frames"] == 20


def test_silence_is_left_transparent(rig: Path, tmp_path: Path, command) -> None:
    signals = noise_at((48.0, 36.0), 2.0)
    signals[:, : RATE // 2] *= 1e-3
    signals[:, RATE:] *= 1e-3
    take, out = write_take(tmp_path / "take.wav", signals), tmp_path / "x.mp4"
    video = ["--video", grey_video(tmp_path / "v.mp4", frames=60), "--frame-rate", "rig"]
    assert command("overlay", take, "--rig", rig, "--out", out, *SIZE, *BAND, *video).status == 0
    colour = np.ptp(frames_of(out)[:, :, :480].astype(int), axis=-1).max(axis=(1, 2))
    assert (colour[1:10] < 20).all()
    assert (colour[11:20] > 60).all()
    assert (colour[32:] < 20).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["take.wav", "--out", "x.mp4"], "overlay: give --rig, the array that recorded take.wav"),
        (
            ["take.wav", "one", "--rig", "RIG", "--out", "x.mp4"],
            "take.wav: not an archive, so it has no",
        ),
        (["archive", "--out", "x.mp4"], "recording is not given, expected the id of one of its 1, such as take"),
        (["archive", "none", "--out", "x.mp4"], "there is no recording 'none'"),
        (["archive", "take", "--rig", "RIG", "--out", "x.mp4"], "is an archive, whose rig and rate are known"),
        (["archive", "take", "--hear", "1", "--out", "x.mp4"], "channel to hear is 1, expected a working one"),
        (
            ["archive", "take", "--hear", "loudest", "--out", "x.mp4"],
            "number of microphones kept is 3, expected all",
        ),
        (["take.wav", "--rig", "RIG", "--out", "x.avi"], "--out is x.avi, expected a file name that ends in .mp4"),
        (["take.wav", "--rig", "RIG", "--hear", "6", "--out", "x.mp4"], "channel to hear is 6, expected a working one"),
        (["take.wav", "--rig", "RIG", "--hear", "left", "--out", "x.mp4"], "--hear is 'left', expected a channel's"),
        (["take.wav", "--rig", "RIG", "--range", "0", "--out", "x.mp4"], "dynamic range is 0.0 dB"),
        (["take.wav", "--rig", "RIG", "--reference", "max", "--out", "x.mp4"], "reference is 'max'"),
        (["take.wav", "--rig", "RIG", "--smoothing=-1", "--out", "x.mp4"], "smoothing is -1.0 s"),
        (["take.wav", "--rig", "RIG", "--frame-rate", "9", "--out", "x.mp4"], "--frame-rate is '9', expected rig or"),
        (["take.wav", "--rig", "RIG", "--band", "9", "--out", "x.mp4"], "--band is '9', expected 2 numbers"),
        (["take.wav", "--rig", "RIG", "--band", "900,9", "--out", "x.mp4"], "--band is '900,9', expected the lower"),
        (["take.wav", "--rig", "RIG", "--video", "none.mp4", "--out", "x.mp4"], "none.mp4: no such video file"),
        (["take.wav", "--rig", "RIG", "--video", "take.wav", "--out", "x.mp4"], "take.wav: holds no video"),
        (
            ["take.wav", "--rig", "RIG", "--video", "wide.mp4", "--out", "x.mp4"],
            "wide.mp4: size is 128 x 72, expected",
        ),
        (["take.wav", "--rig", "RIG", "--video", "v.mp4", "--offset", "9", "--out", "x.mp4"], "v.mp4: offset is 9 s"),
        (["silent.wav", "--rig", "RIG", "--out", "x.mp4"], "silent.wav: every sample is zero"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: list[str], says: str, rig: Path, tmp_path: Path, command, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    signals = noise_at((12.0, 9.0), 0.2)
    write_take(tmp_path / "take.wav", signals)
    write_take(tmp_path / "silent.wav", 0 * signals)
    archive_of(tmp_path / "archive", signals, [0, 5, 10])
    grey_video(tmp_path / "v.mp4")
    grey_video(tmp_path / "wide.mp4", (128, 72))
    before = sorted(tmp_path.rglob("*"))
    ended = command("overlay", *[str(rig) if word == "RIG" else word for word in arguments])
    assert ended.status == 2
    assert says in ended.err
    assert len(ended.err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_without_video_and_images(tmp_path: Path, command) -> None:
    signals = noise_at((84.0, 9.0), 0.5)
    create_archive(tmp_path / "archive", take_rig())
    write_recording(
        tmp_path / "archive", "take", frames=10, audio=signals[:, : 10 * FRAME], microphones=list(range(16))
    )
    finish_archive(tmp_path / "archive")
    assert Archive(tmp_path / "archive").image_specification is None
    out = tmp_path / "x.mp4"
    assert command("overlay", tmp_path / "archive", "take", "--out", out, *SIZE, *BAND).status == 0
    np.testing.assert_allclose(brightest(frames_of(out)[5]), (84, 9), atol=4)

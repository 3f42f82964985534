"""`acoustill overlay`: videos of takes and of recordings of archives, decoded again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from takes_for_tests import FRAME, RATE, noise_at, rig_file, take_rig, write_take

from acoustill.archive import Archive, ImageHeader, create_archive, finish_archive, write_recording
from acoustill.commands.takes import point_of_pixel
from acoustill.imaging import Imager, ImageSpecification, camera_grid
from acoustill.imaging.video.mp4 import SOUND_RATE, Mp4Writer
from refusals import refuses
from small_videos import frames_of, sound_of, turn_video, write_video

CORNERS = {"top left": (12.0, 9.0), "top right": (84.0, 9.0), "bottom left": (12.0, 63.0), "bottom right": (84.0, 63.0)}
SIZE, BAND = ("--grid", "16x12"), ("--band", "1000,3900")


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


def archive_of(path: Path, signals: np.ndarray, microphones: list[int] | None, video: bool = True) -> Path:
    """One recording, `take`, with MFCC images; without audio if `microphones` is None."""
    rig, grid = take_rig(), camera_grid(take_rig().camera, 12, 16, 2.0)
    frames = signals.shape[1] // FRAME
    create_archive(path, rig, ImageHeader(ImageSpecification(), grid))
    grey = np.stack([np.full((72, 96, 3), 40 + 4 * i, np.uint8) for i in range(frames)])
    write_recording(
        path,
        "take",
        frames=frames,
        audio=None if microphones is None else signals[microphones, : frames * FRAME],
        microphones=microphones or (),
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
    out, size = tmp_path / "x.mp4", () if len(microphones) == 3 else SIZE
    assert command("overlay", archive, "take", "--out", out, *size, *BAND).status == 0
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


def test_what_is_heard_is_at_a_pixel_of_the_video(rig: Path, tmp_path: Path, command) -> None:
    """The video has twice the pixels of the rig's camera to both sides."""
    take, out = write_take(tmp_path / "take.wav", noise_at((84.0, 36.0), 1.0)), tmp_path / "x.mp4"
    beams = {}
    for hear, video in (("84,36", None), ("168,72", (192, 144)), ("84,36 ", (192, 144))):
        arguments = [] if video is None else ["--video", grey_video(tmp_path / "v.mp4", video)]
        ended = command("overlay", take, "--rig", rig, "--out", out, *SIZE, *BAND, "--hear", hear, "--json", *arguments)
        assert ended.status == 0, ended.err
        assert json.loads(ended.out)["heard"] == f"the beam of pixel {hear}"
        beams[hear] = json.loads(ended.out)["gain_db"]
    assert beams["168,72"] == pytest.approx(beams["84,36"], abs=0.01)
    assert beams["84,36 "] > beams["84,36"] + 1  # beside the source, where less is heard


def test_a_beam_goes_as_far_as_the_depth_map_says(rig: Path, tmp_path: Path) -> None:
    camera = take_rig().camera
    depth = np.full((72, 96), 3.0)
    depth[:, 48:] = 1.0
    grid = camera_grid(camera, 12, 16, depth)
    for pixel, distance_m in (((84.0, 36.0), 1.0), ((12.0, 9.0), 3.0), ((96.0, 72.0), 1.0), ((0.0, 0.0), 3.0)):
        point = point_of_pixel(camera, np.array(pixel), grid)
        np.testing.assert_allclose(point, camera.unproject(np.array(pixel), distance_m), atol=1e-9)
        np.testing.assert_allclose(point_of_pixel(camera, np.array(pixel), distance_m), point, atol=1e-9)


def test_a_turned_video_is_shown_upright(rig: Path, tmp_path: Path, command) -> None:
    picture = np.full((72, 96, 3), 30, np.uint8)
    picture[:24, :24] = (20, 20, 230)
    video = turn_video(write_video(tmp_path / "v.mp4", [picture] * 10), 180)
    take, out = write_take(tmp_path / "take.wav", noise_at((12.0, 9.0), 1.0)), tmp_path / "x.mp4"
    assert command("overlay", take, "--rig", rig, "--video", video, "--out", out, *SIZE, *BAND).status == 0
    blue = frames_of(out)[5].astype(int)
    assert blue[300, 420, 2] > 180 > 60 > blue[300, 60, 2]


def test_a_full_disk_is_told_in_a_sentence(rig: Path, tmp_path: Path) -> None:
    """Files of the process may not be longer than so many bytes, which is what a full disk looks like."""
    take = write_take(tmp_path / "take.wav", noise_at((12.0, 9.0), 1.0))
    before = sorted(tmp_path.iterdir())
    arguments = ["overlay", take, "--rig", rig, "--out", tmp_path / "x.mp4", *SIZE, *BAND]
    for most in (10_000, 2_000):  # of the video, and of the images before it
        program = (
            "import resource, signal, sys\n"
            "from acoustill.__main__ import main\n"
            f"sys.argv = {['acoustill', *map(str, arguments)]!r}\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, resource.RLIM_INFINITY))\n"
            "main()\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
        )
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == f"acoustill: {tmp_path / 'x.mp4'}: File too large\n"
        assert sorted(tmp_path.iterdir()) == before


def test_inputs_are_not_overwritten(rig: Path, tmp_path: Path, command) -> None:
    take, video = write_take(tmp_path / "take.wav", noise_at((12.0, 9.0), 0.2)), grey_video(tmp_path / "v.mp4")
    (tmp_path / "link.mp4").symlink_to(video)
    sound = tmp_path / "sound.mp4"
    sound.write_bytes(take.read_bytes())
    for source, out in ((take, video), (take, tmp_path / "link.mp4"), (sound, sound)):
        before = out.read_bytes()
        ended = command("overlay", source, "--rig", rig, "--video", video, "--out", out)
        assert ended.status == 2
        assert f"overlay: --out is {out}, expected a file that is not read by the command" in ended.err
        assert out.read_bytes() == before


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
        (
            ["take.wav", "--rig", "RIG", "--video", "v.mp4", "--offset", "nan", "--out", "x.mp4"],
            "overlay: --offset is nan s, expected seconds, at most 86400",
        ),
        (["take.wav", "--rig", "RIG", "--video", "v.mp4", "--offset", "1e300", "--out", "x.mp4"], "--offset is 1e+300"),
        (["take.wav", "--rig", "RIG", "--offset", "0.1", "--out", "x.mp4"], "overlay: --offset is of a video, which"),
        (["archive", "take", "--offset", "0.1", "--out", "x.mp4"], "overlay: --offset is of a video, which --video"),
        (["archive", "take", "--frame-rate", "rig", "--out", "x.mp4"], "overlay: --frame-rate is of a video, which"),
        (
            ["archive", "take", "--grid", "16x12", "--distance", "3", "--out", "x.mp4"],
            "overlay: archive: recording take: --grid and --distance is given, expected nothing: the archive did not",
        ),
        (["archive", "take", "--beamformer", "superdirective", "--out", "x.mp4"], "--beamformer is given, expected"),
        (["archive", "take", "--depth", "none.npy", "--out", "x.mp4"], "number of microphones kept is 3, expected all"),
        (["take.wav", "--rig", "RIG", "--distance", "nan", "--out", "x.mp4"], "overlay: --distance is nan m, expected"),
        (["take.wav", "--rig", "RIG", "--distance", "1e300", "--out", "x.mp4"], "overlay: --distance is 1e+300 m"),
        (
            ["take.wav", "--rig", "RIG", "--distance", "1", "--depth", "none.npy", "--out", "x.mp4"],
            "overlay: give either --distance or --depth",
        ),
        (["take.wav", "--rig", "RIG", "--grid", "0x4", "--out", "x.mp4"], "overlay: --grid is '0x4', expected columns"),
        (["take.wav", "--rig", "RIG", "--floor", "nan", "--out", "x.mp4"], "overlay: floor is nan dB, expected a"),
        (["take.wav", "--rig", "RIG", "--range", "inf", "--out", "x.mp4"], "overlay: dynamic range is inf dB"),
        (
            ["take.wav", "--rig", "RIG", "--hear", "97,3", "--out", "x.mp4"],
            "overlay: --hear is '97,3', expected within 0,0 to 96,72, the frame",
        ),
        (["take.wav", "--rig", "RIG", "--hear", "3,nan", "--out", "x.mp4"], "--hear is '3,nan', expected 2 numbers"),
        (["take.wav", "--rig", "RIG", "--hear", "9" * 5000, "--out", "x.mp4"], "expected a channel's number"),
        (
            ["archive", "take", "--hear", "3,4", "--out", "x.mp4"],
            "number of microphones kept is 3, expected all",
        ),
        (["silent.wav", "--rig", "RIG", "--out", "x.mp4"], "silent.wav: every sample is zero"),
        (["loud.wav", "--rig", "RIG", "--out", "x.mp4"], "loud.wav: signals: level is too high"),
        (
            ["constant.wav", "--rig", "RIG", "--hear", "loudest", "--out", "x.mp4"],
            "constant.wav: track: energy is zero or not finite, expected positive energies",
        ),
        (
            ["take.wav", "--rig", "RIG", "--depth", "depth.npy", "--out", "x.mp4"],
            "depth.npy: grid: depth map is without a reading",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: list[str], says: str, rig: Path, tmp_path: Path, command, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    signals = noise_at((12.0, 9.0), 0.2)
    write_take(tmp_path / "take.wav", signals)
    write_take(tmp_path / "silent.wav", 0 * signals)
    write_take(tmp_path / "loud.wav", 1e25 * signals)
    write_take(tmp_path / "constant.wav", 0 * signals + 0.5)
    np.save(tmp_path / "depth.npy", np.zeros((3, 4)))
    archive_of(tmp_path / "archive", signals, [0, 5, 10])
    grey_video(tmp_path / "v.mp4")
    grey_video(tmp_path / "wide.mp4", (128, 72))
    words = [str(rig) if word == "RIG" else word for word in arguments]
    refuses(command, tmp_path, "overlay", *words, says=re.escape(says))


def test_images_of_a_recording_without_sound_are_shown_in_silence(tmp_path: Path, command) -> None:
    archive = archive_of(tmp_path / "archive", noise_at((84.0, 9.0), 0.5), None)
    out = tmp_path / "x.mp4"
    ended = command("overlay", archive, "take", "--out", out, *BAND)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.endswith("; no sound\n")
    np.testing.assert_allclose(brightest(frames_of(out)[6]), (84, 9), atol=6)
    says = "recording take: audio is missing, expected that of a microphone, to hear it"
    refuses(command, tmp_path, "overlay", archive, "take", "--out", out, "--hear", "3", says=says)


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

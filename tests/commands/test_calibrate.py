"""`acoustill calibrate`: the pose of a camera from simulated beeps, end to end."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.spatial.transform import Rotation

from acoustill.rig import Camera, Rig, load_rig, preset, save_rig
from free_field import free_field
from small_videos import turn_video, write_video

Command = Callable[..., Any]
BEEP_HZ = 3000.0
WIDTH, HEIGHT = 320, 240
# (column, row, distance along the axis): the corners, the middle and what lies between, near and far.
PLACES = [
    (30, 25, 1.0), (290, 30, 2.5), (295, 210, 1.0), (25, 215, 2.5),
    (160, 120, 1.0), (90, 180, 2.0), (230, 60, 1.5), (100, 60, 3.0), (220, 190, 1.2), (160, 30, 2.0),
]  # fmt: skip


@pytest.fixture(scope="module")
def rig() -> Rig:
    """What the rig is in truth: the camera stands 3 cm beside where the file says, and looks 2 degrees away."""
    array = preset("dualcam")
    focal = WIDTH / 2 / math.tan(math.radians(30))
    camera = Camera(
        WIDTH, HEIGHT, (focal, focal), (WIDTH / 2, HEIGHT / 2), distortion=(-0.12, 0.03, 0.001, -0.0005, 0.0)
    )
    turn = Rotation.from_euler("yxz", [1.5, -1.2, 0.6], degrees=True).as_matrix()
    return dataclasses.replace(array, name="true", camera=camera.with_pose(turn, np.array([0.07, -0.045, 0.012])))


@pytest.fixture
def stated(rig: Rig, tmp_path: Path) -> Path:
    """The rig file as somebody measured it with a ruler."""
    path = tmp_path / "rig.yaml"
    save_rig(dataclasses.replace(rig, camera=rig.camera.with_pose(np.eye(3), np.array([0.05, -0.06, -0.01]))), path)
    return path


def beep(rig: Rig, place: np.ndarray, seconds: float, rng: np.random.Generator, snr_db: float = 20.0) -> np.ndarray:
    """What the array hears of a beep at a place, with noise of its own at every microphone, (channels, samples)."""
    samples = round(seconds * rig.sample_rate)
    tone = np.sin(2 * np.pi * BEEP_HZ * np.arange(samples) / rig.sample_rate)
    signals = free_field(rig.positions_m, tuple(place), tone, rig.sample_rate)
    signals += (10 ** (-snr_db / 20) * signals.std() * rng.standard_normal(signals.shape)).astype(np.float32)
    signals[list(rig.broken)] = 0
    return 0.1 * signals / np.abs(signals).max()


def write_clicks(folder: Path, rig: Rig, places: list[tuple[int, int, float]] | None = None) -> tuple[Path, Path]:
    """A recording of half a second a place, with silence between, and a CSV of when and where."""
    rng = np.random.default_rng(1)
    parts, lines = [], ["start_s,end_s,column_px,row_px"]
    for i, (column, row, depth) in enumerate(places or PLACES):
        place = rig.camera.unproject(np.array([column, row]), depth)
        parts += [beep(rig, place, 0.5, rng), np.zeros((rig.channels, rig.sample_rate // 2), np.float32)]
        lines.append(f"{i + 0.05},{i + 0.45},{column},{row}")
    soundfile.write(folder / "take.wav", np.concatenate(parts, axis=1).T, rig.sample_rate, "FLOAT")
    (folder / "clicks.csv").write_text("\n".join(lines) + "\n")
    return folder / "clicks.csv", folder / "take.wav"


def errors(found: Camera, true: Camera) -> tuple[float, float]:
    """Of the position in centimetres and of the rotation in degrees."""
    turn = Rotation.from_matrix(np.asarray(true.rotation).T @ np.asarray(found.rotation)).magnitude()
    return 100 * float(np.linalg.norm(np.subtract(found.position_m, true.position_m))), math.degrees(turn)


def write_walk(folder: Path, rig: Rig, upside_down: bool = False) -> tuple[Path, Path]:
    """A video in which a bright dot walks through the image, and what the array hears of the beep beside it.

    A steady bright light stands in the picture. The dot is hidden in some frames, and the beep is silent
    for a while.
    """
    rng = np.random.default_rng(2)
    frames, rate = 120, rig.frame_rate
    block = rig.samples_per_frame

    def place(seconds: float) -> tuple[np.ndarray, np.ndarray]:
        turn = 2 * math.pi * seconds / (frames / rate)
        pixel = np.array([WIDTH / 2 + 130 * math.sin(2 * turn), HEIGHT / 2 + 90 * math.sin(3 * turn + 0.5)])
        return pixel, rig.camera.unproject(pixel, 1.8 + 0.9 * math.sin(5 * turn))

    sounds = []
    for frame in range(frames):
        _, point = place((frame + 0.5) / rate)
        heard = beep(rig, point, block / rig.sample_rate, rng)
        sounds.append(0.01 * rng.standard_normal(heard.shape).astype(np.float32) if 40 <= frame < 52 else heard)
    soundfile.write(folder / "walk.wav", np.concatenate(sounds, axis=1).T, rig.sample_rate, "FLOAT")

    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    pictures = []
    for frame in range(frames):
        picture = rng.normal(60, 4, (HEIGHT, WIDTH))
        picture[100:115, 200:215] = 255
        if not 80 <= frame < 88:
            (column, row), _ = place(frame / rate)
            picture += 300 * np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / (2 * 2.0**2))
        pictures.append(picture[::-1, ::-1] if upside_down else picture)
    write_video(folder / "walk.mp4", pictures, [round(1000 * frame / rate) for frame in range(frames)])
    return folder / "walk.mp4", folder / "walk.wav"


def calibrated(command: Command, folder: Path, *arguments: object) -> tuple[dict[str, Any], Camera]:
    out = folder / "rig.calibrated.yaml"
    ended = command("calibrate", *arguments, "--out", out, "--json")
    assert ended.status == 0, ended.err
    return json.loads(ended.out), load_rig(out).camera


def test_clicks_give_the_pose_back(command: Command, rig: Rig, stated: Path, tmp_path: Path) -> None:
    clicks, take = write_clicks(tmp_path, rig)
    before = stated.read_bytes()
    summary, found = calibrated(command, tmp_path, clicks, "--rig", stated, "--recording", take)
    centimetres, degrees = errors(found, rig.camera)
    assert centimetres < 0.05
    assert degrees < 0.01
    assert summary["points"] == {"used": len(PLACES), "left_out": {}}
    assert summary["residual_before"]["px"] > 10
    assert summary["residual_after"]["px"] < 0.1
    # What the file said against what is true.
    np.testing.assert_allclose(summary["translation_cm"], [2.0, 1.5, 2.2], atol=0.05)
    assert summary["rotation_degrees"] == pytest.approx(errors(load_rig(stated).camera, rig.camera)[1], abs=0.01)
    low, high = summary["source_distance_interval_m"]
    assert low < 1 / np.mean([1 / depth for *_, depth in PLACES]) < high
    assert summary["warnings"] == []
    assert stated.read_bytes() == before
    # Nothing but the pose has changed.
    changed = load_rig(tmp_path / "rig.calibrated.yaml")
    np.testing.assert_array_equal(changed.positions_m, load_rig(stated).positions_m)
    assert (changed.broken, found.distortion) == (rig.broken, rig.camera.distortion)


def test_a_file_for_each_point_and_the_table(command: Command, rig: Rig, stated: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    (tmp_path / "sounds").mkdir()
    lines = ["file, column_px, row_px, note"]
    for i, (column, row, depth) in enumerate(PLACES):
        sound = beep(rig, rig.camera.unproject(np.array([column, row]), depth), 0.3, rng)
        soundfile.write(tmp_path / "sounds" / f"{i}.wav", sound.T, rig.sample_rate, "FLOAT")
        lines.append(f"sounds/{i}.wav, {column}, {row}, by hand")
    (tmp_path / "clicks.csv").write_text("\n".join(lines) + "\n")
    ended = command("calibrate", tmp_path / "clicks.csv", "--rig", stated, "--out", stated, "--beep", BEEP_HZ)
    assert (ended.status, ended.err) == (0, "")
    centimetres, degrees = errors(load_rig(stated).camera, rig.camera)
    assert centimetres < 0.05
    assert degrees < 0.01
    table = ended.out.splitlines()
    assert table[0] == "points    10 used, 0 left out"
    assert re.fullmatch(r"residual  before \d+\.\d px, \d\.\d\d degrees \(root mean square\)", table[1])
    assert re.match(r"          after  0\.0 px, 0\.00 degrees", table[2])
    assert re.match(r"camera    moved by 3\.3\d cm \(x \+2\.0\d ± 0\.\d\d, y ", table[3])
    assert re.match(r"          turned by 2\.0\d ± 0\.00 degrees", table[4])
    assert re.fullmatch(r"          image with --distance 1\.5\d", table[6])
    assert table[-1] == f"written to {stated}"


def test_a_walk_with_a_lamp_gives_the_pose_back(command: Command, rig: Rig, stated: Path, tmp_path: Path) -> None:
    video, take = write_walk(tmp_path, rig)
    arguments = ["--video", video, "--recording", take, "--beep", BEEP_HZ, "--rig", stated]
    summary, found = calibrated(command, tmp_path, *arguments)
    centimetres, degrees = errors(found, rig.camera)
    assert centimetres < 0.5
    assert degrees < 0.1
    assert summary["points"]["used"] > 25
    assert summary["points"]["left_out"]["no clear lamp"] >= 8
    assert summary["points"]["left_out"]["no clear sound"] >= 2
    assert summary["residual_after"]["px"] < 4  # in one window the dot moves by 33 pixels
    assert summary["warnings"] == []


def test_a_walk_filmed_upside_down(command: Command, rig: Rig, stated: Path, tmp_path: Path) -> None:
    """The frames are stored as a telephone on its head sees them, with a note to turn them back."""
    video, take = write_walk(tmp_path, rig, upside_down=True)
    arguments = ["--video", turn_video(video, 180), "--recording", take, "--beep", BEEP_HZ, "--rig", stated]
    _, found = calibrated(command, tmp_path, *arguments)
    centimetres, degrees = errors(found, rig.camera)
    assert centimetres < 0.5
    assert degrees < 0.1


def test_pixels_over_time_are_interpolated(command: Command, rig: Rig, stated: Path, tmp_path: Path) -> None:
    """The CSV's clock starts a second and a half after the recording."""
    rng = np.random.default_rng(4)
    corners = [(40, 40), (280, 50), (260, 200), (60, 190), (150, 60)]
    times, block = np.arange(len(corners)) * 2.0, rig.samples_per_frame
    sounds = [0.01 * rng.standard_normal((rig.channels, 18 * block)).astype(np.float32)]
    for frame in range(round(times[-1] * rig.frame_rate)):
        now = (frame + 0.5) / rig.frame_rate
        pixel = np.array([np.interp(now, times, axis) for axis in np.transpose(corners)])
        point = rig.camera.unproject(pixel, 1.5 + 0.5 * math.sin(now))
        sounds.append(beep(rig, point, block / rig.sample_rate, rng))
    soundfile.write(tmp_path / "walk.wav", np.concatenate(sounds, axis=1).T, rig.sample_rate, "FLOAT")
    lines = [f"{time},{column},{row}" for time, (column, row) in zip(times, corners, strict=True)]
    (tmp_path / "walk.csv").write_text("time_s,column_px,row_px\n" + "\n".join(lines))
    arguments = [tmp_path / "walk.csv", "--rig", stated, "--recording", tmp_path / "walk.wav", "--beep", BEEP_HZ]
    summary, found = calibrated(command, tmp_path, *arguments, "--offset", 1.5)
    centimetres, degrees = errors(found, rig.camera)
    assert centimetres < 2.0
    assert degrees < 0.3
    assert summary["points"]["used"] > 30
    assert summary["points"]["left_out"].keys() <= {"outside the recording", "disagreeing"}
    # A second late, sound and picture do not agree.
    summary, _ = calibrated(command, tmp_path, *arguments, "--offset", 0.5)
    assert any("start together" in warning for warning in summary["warnings"])


def test_the_position_can_be_kept(command: Command, rig: Rig, tmp_path: Path) -> None:
    clicks, take = write_clicks(tmp_path, rig, PLACES[:4])
    path = tmp_path / "measured.yaml"
    save_rig(dataclasses.replace(rig, camera=rig.camera.with_pose(np.eye(3), np.array(rig.camera.position_m))), path)
    arguments = [clicks, "--rig", path, "--recording", take]
    summary, found = calibrated(command, tmp_path, *arguments, "--keep-position")
    assert found.position_m == rig.camera.position_m
    assert errors(found, rig.camera)[1] < 0.02
    assert summary["translation_cm"] == summary["translation_std_cm"] == [0.0, 0.0, 0.0]
    ended = command("calibrate", *arguments, "--out", tmp_path / "out.yaml")
    assert ended.status == 2
    assert f"{clicks}: calibration: number of points is 4, expected at least 6" in ended.err


def test_a_measured_distance_is_taken_as_it_is(command: Command, rig: Rig, stated: Path, tmp_path: Path) -> None:
    clicks, take = write_clicks(tmp_path, rig, [(column, row, 2.0) for column, row, _ in PLACES])
    arguments = [clicks, "--rig", stated, "--recording", take]
    told, found = calibrated(command, tmp_path, *arguments, "--distance", 2.0)
    assert told["source_distance_m"] == 2.0
    centimetres, degrees = errors(found, rig.camera)
    assert centimetres < 1.0
    assert degrees < 0.1
    estimated, _ = calibrated(command, tmp_path, *arguments)
    assert estimated["source_distance_m"] == pytest.approx(2.0, abs=0.05)
    assert estimated["source_distance_spread_m"] < 0.05


def test_a_wrong_click_is_left_out(command: Command, rig: Rig, stated: Path, tmp_path: Path) -> None:
    clicks, take = write_clicks(tmp_path, rig)
    lines = clicks.read_text().splitlines()
    lines[3] = lines[3].replace(",295,210", ",205,110")
    clicks.write_text("\n".join(lines))
    summary, found = calibrated(command, tmp_path, clicks, "--rig", stated, "--recording", take)
    assert summary["points"] == {"used": 9, "left_out": {"disagreeing": 1}}
    assert errors(found, rig.camera)[0] < 0.1


# what cannot be used --------------------------------------------------------------------------------------


def refuses(command: Command, folder: Path, *arguments: object, says: str) -> None:
    """One sentence, status 2, and nothing written."""
    out = folder / "written.yaml"
    ended = command("calibrate", *arguments, "--out", out)
    assert (ended.status, ended.out) == (2, ""), ended
    (line,) = ended.err.splitlines()
    assert re.search(says, line), line
    assert line.startswith("acoustill: ")
    assert not out.exists()
    assert not list(folder.rglob("*.part"))


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Five seconds of noise in 16 channels."""
    path = tmp_path / "take.wav"
    noise = 0.1 * np.random.default_rng(0).standard_normal((5 * 48000, 16))
    soundfile.write(path, noise.astype(np.float32), 48000, "FLOAT")
    return path


CLICKS = "start_s,end_s,column_px,row_px\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "points.csv: header is empty, expected file,column_px,row_px or start_s,end_s,column_px,row_px or time_s"),
        ("x,y\n1,2\n", "points.csv: header is x,y, expected file,column_px,row_px or"),
        (CLICKS, "points.csv: number of points is 0, expected one a line"),
        (CLICKS + "0,1,5,here\n", "points.csv: line 2: row_px is 'here', expected 0 to 480 pixels"),
        (CLICKS + "0,1,5,5\n0,1,5\n", "points.csv: line 3: row_px is '', expected 0 to 480 pixels"),
        (CLICKS + "0,1,641,5\n", "points.csv: line 2: column_px is '641', expected 0 to 640 pixels"),
        (CLICKS + "0,nan,5,5\n", "points.csv: line 2: end_s is 'nan', expected seconds, at most 86400"),
        (CLICKS + "1e300,2e300,5,5\n", "points.csv: line 2: start_s is '1e300', expected seconds, at most 86400"),
        (CLICKS + "2,1,5,5\n", "points.csv: line 2: end_s is 1, expected later than start_s, 2"),
        (CLICKS + "-1,1,5,5\n", "points.csv: line 2: start_s is -1, expected 0 or more seconds"),
        (CLICKS + "1,9,5,5\n", "points.csv: line 2: end_s is 9, expected at most 5, the length of .*take.wav"),
        (CLICKS + "1,1.01,5,5\n", r"points.csv: line 2: window is 0.01 s long, expected at least one frame, 0.0833 s"),
        (CLICKS + "1,2,5,5\n2,3,50,400\n", r"points.csv: usable points is 0 of 2 \(2 no clear sound\), expected a"),
        ("time_s,column_px,row_px\n1,5,5\n1,6,6\n", "points.csv: line 3: time_s is 1, expected later than 1"),
        ("time_s,column_px,row_px\n8,5,5\n9,6,6\n", r"usable points is 0 of 6 \(6 outside the recording\)"),
        ("file,column_px,row_px\na.wav,5,5\n", "points.csv: the sound of its points is said twice, expected either"),
        ("\udcff", "points.csv: not a CSV file"),
    ],
)
def test_files_of_points(content: str, says: str, command: Command, take: Path, tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_bytes(content.encode(errors="surrogateescape"))
    refuses(command, tmp_path, points, "--rig", "uma16", "--recording", take, says=says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "calibrate: give either a CSV file of points or --video"),
        (["points.csv"], "points.csv: no such file of points"),
        (["points.csv", "--video", "walk.mp4"], "calibrate: give either a CSV file of points or --video"),
        (["--video", "walk.mp4"], "calibrate: --video needs --recording"),
        (["points.csv", "--beep", "30000"], "--beep is 30000 Hz, expected within 0 to 24000 Hz"),
        (["points.csv", "--beep", "-3"], "--beep is -3 Hz"),
        *(
            (["points.csv", "--distance", far], "calibrate: --distance is")
            for far in ("0", "-1", "inf", "nan", "1e300")
        ),
        (["points.csv", "--offset", "nan"], "--offset is nan s, expected seconds, at most 86400"),
        (["--video", "walk.mp4", "--recording", "take.wav"], "walk.mp4: no such video file"),
    ],
)
def test_arguments(
    arguments: list[str], says: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refuses(command, tmp_path, *arguments, "--rig", "uma16", says=says)


def test_offsets_without_a_use(command: Command, take: Path, tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    for header, line in ((CLICKS, "0,1,5,5\n"), ("file,column_px,row_px\n", "take.wav,5,5\n")):
        points.write_text(header + line)
        recording = [] if "file" in header else ["--recording", take]
        says = f"{points}: columns is {header.strip()}, expected time_s, which --offset shifts"
        refuses(command, tmp_path, points, "--rig", "uma16", *recording, "--offset", "0", says=says)


def test_inputs_are_not_overwritten(command: Command, rig: Rig, stated: Path, tmp_path: Path) -> None:
    clicks, take = write_clicks(tmp_path, rig)
    link = tmp_path / "link.yaml"
    for name in (clicks, take):
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        before = name.read_bytes()
        for out, says in (
            (name, "expected a file name that ends in .yaml or .yml"),
            (link, "expected a file that is not"),
        ):
            ended = command("calibrate", clicks, "--recording", take, "--rig", stated, "--out", out)
            assert (ended.status, ended.out) == (2, "")
            assert f"calibrate: --out is {out}, {says}" in ended.err
        assert name.read_bytes() == before


def test_sound_files_of_points(command: Command, take: Path, tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("file,column_px,row_px\nnowhere.wav,5,5\n")
    refuses(command, tmp_path, points, "--rig", "uma16", says=f"{tmp_path / 'nowhere.wav'}: no such sound file")
    points.write_text("file,column_px,row_px\n,5,5\n")
    refuses(command, tmp_path, points, "--rig", "uma16", says="line 2: file is '', expected the name of a sound file")
    points.write_text("file,column_px,row_px\ntake.wav,5,5\n")
    says = "take.wav: sample rate is 48000 Hz, expected 12288 Hz, that of rig dualcam"
    refuses(command, tmp_path, points, "--rig", "dualcam", says=says)
    points.write_text(CLICKS + "0,1,5,5\n")
    refuses(command, tmp_path, points, "--rig", "uma16", says="the sound of its points is not said, expected either")


@pytest.mark.parametrize(
    ("places", "says"),
    [
        ([(160 + i, 120 + i % 2, 1.5) for i in range(7)], "every point is in one spot of the image, expected points"),
        ([(40 + 35 * i, 30 + 25 * i, 1.5) for i in range(7)], "every point is in one line of the image"),
    ],
)
def test_points_that_do_not_tell_the_pose(
    places: list[tuple[int, int, float]], says: str, command: Command, rig: Rig, stated: Path, tmp_path: Path
) -> None:
    clicks, take = write_clicks(tmp_path, rig, places)
    refuses(command, tmp_path, clicks, "--rig", stated, "--recording", take, says=f"{clicks}: calibration: {says}")


def dark_video(path: Path, width: int, height: int) -> Path:
    return write_video(path, [np.full((height, width), 40, np.uint8)] * 3)


def test_videos(command: Command, take: Path, tmp_path: Path) -> None:
    video = tmp_path / "walk.mp4"
    arguments = ["--video", video, "--recording", take, "--rig", "uma16"]
    video.write_bytes(b"no video")
    refuses(command, tmp_path, *arguments, says="walk.mp4: not a readable video file")
    dark_video(video, 64, 64)
    refuses(command, tmp_path, *arguments, says="walk.mp4: size is 64 x 64, expected 640 x 480 or of that shape")
    for width, height in ((640, 480), (64, 48)):
        dark_video(video, width, height)
        refuses(command, tmp_path, *arguments, says="walk.mp4: frames that show one clear lamp is 0 of 3, expected a")

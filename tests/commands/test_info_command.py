"""`acoustill info`: what it prints, and the sheet of pictures it draws."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from acoustill.archive import Archive, ImageHeader, create_archive, finish_archive, write_recording
from acoustill.commands.contact_sheet import GAP, Tile, write_contact_sheet
from acoustill.commands.printing import WIDEST
from acoustill.commands.tiles import HEIGHT, WIDTH, picture_of
from acoustill.errors import AcoustillError
from acoustill.imaging import ForeignImages
from acoustill.jobs import SetAside
from refusals import refuses
from small_archives import FRAMES, SAMPLES_PER_FRAME, little_rig, small_archive, streams

Command = Callable[..., Any]
LOUD_FRAME, LOUD_ROW, LOUD_COLUMN = 7, 0, 3
GREY = 90


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def scene(seed: int = 0, frames: int = FRAMES) -> dict[str, Any]:
    """Loud in one frame, and there in the upper right corner; the video is grey, lighter in the loud frame."""
    given = streams(seed, frames)
    given["audio"][:, LOUD_FRAME * SAMPLES_PER_FRAME : (LOUD_FRAME + 1) * SAMPLES_PER_FRAME] *= 30
    given["image"] = np.full((frames, 3, 4, 2), 1e-3, np.float32)
    given["image"][LOUD_FRAME, LOUD_ROW, LOUD_COLUMN] = 1.0
    given["video"] = np.full((frames, 16, 24, 3), GREY, np.uint8)
    given["video"][LOUD_FRAME] += 100
    return given


def tile_of(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = GAP + row * (HEIGHT + GAP), GAP + column * (WIDTH + GAP)
    return sheet[top : top + HEIGHT, left : left + WIDTH]


# what is printed ------------------------------------------------------------------------------------------


def test_a_person_reads_what_is_there(command: Command, tmp_path: Path) -> None:
    takes = [
        {},
        {"label": "knock", "subject": "s2", "columns": {"fold": 3}},
        {"scenario": "garden"},
        {"label": None, "scenario": "attic", "image": None},
    ]
    archive = small_archive(tmp_path / "archive", takes)
    ended = command("info", archive.path)
    assert (ended.status, ended.err) == (0, "")
    lines = lines_of(ended.out)
    for expected in (
        str(archive.path),
        "recordings 4 (3 labelled, 1 not; 2 classes)",
        "length 4 s (1 s each)",
        "rig little: 4 microphones; 1200 Hz, 12 frames/s",
        "images energy in 2 mel bands, delay-and-sum; 3 x 4 pixels that point to known places",
        "microphones kept 0, 3 in 4 recordings",
        f"id {archive.id}",
        "audio 4 38.4 kB float32 2 microphones",
        "image 3 1.7 kB float16 3 x 4 x 2",
        "class garden office all",
        "knock - 1 1 " + 10 * "\u2588",
        "clap 1 1 2 " + 20 * "\u2588",
        "no label - - 1",
        "all 1 2 4",
        "attic 1 " + 10 * "\u2588",
        "s1 3 " + 20 * "\u2588",
        "fold 1 3 (1)",
    ):
        assert expected in lines
    assert "\x1b" not in ended.out


def test_lines_are_not_cut_where_nobody_looks(command: Command, tmp_path: Path) -> None:
    label = "a label of " + 30 * "very many words "
    archive = small_archive(tmp_path / "archive", [{"label": label}])
    assert f"{label.strip()} 1 1" in " ".join(command("info", archive.path).out.split())
    assert len(label) < WIDEST


def test_machines_read_json(command: Command, tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive", [{}, {"label": None}, {"label": "knock", "subject": None}])
    ended = command("info", archive.path, "--json")
    contents = json.loads(ended.out)
    assert contents["archive"] == str(archive.path)
    assert (contents["recordings"], contents["seconds"], contents["unlabelled"]) == (3, 3.0, 1)
    assert contents["labels"] == {"clap": 1, "knock": 1}
    assert contents["subjects"] == {"s1": 2}
    assert contents["scenarios"] == {"office": 3}
    assert contents["streams"]["video"]["recordings"] == 3
    assert "pictures" not in contents


def test_many_subjects_and_scenarios_do_not_fill_the_screen(command: Command, tmp_path: Path) -> None:
    takes = [{"scenario": f"place-{i:02d}", "subject": f"p{i // 2:02d}"} for i in range(60)]
    archive = small_archive(tmp_path / "archive", takes)
    lines = lines_of(command("info", archive.path).out)
    assert "and 48 more 48" in lines  # scenarios of one recording each
    assert "and 18 more 36" in lines  # subjects of two


def test_what_is_wrong_is_said_and_the_rest_shown(command: Command, tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    write_recording(archive.path, "r003", **streams(0))
    finish_archive(archive.path, [SetAside("Data_3.mat", "cut [short]")])
    (archive.path / "recordings" / "r002" / "recording.json").unlink()
    ended = command("info", archive.path)
    assert ended.status == 0
    lines = lines_of(ended.out)
    assert "set aside (1) why" in lines
    assert "Data_3.mat cut [short]" in lines
    assert "duplicates 1 recording has the content of an earlier one" in lines
    assert any(re.search(r"^unreadable 1 file, the first: .*recording.json: no such file$", line) for line in lines)


@pytest.mark.parametrize("content", ["{", '{"name": "a", "why": "b"}\n[]\n', '{"name": 1, "why": "b"}\n', b"\xff"])
def test_a_broken_list_of_what_was_set_aside_is_said_and_the_rest_shown(
    content: str | bytes, command: Command, tmp_path: Path
) -> None:
    archive = small_archive(tmp_path / "archive")
    raw = content if isinstance(content, bytes) else content.encode()
    (archive.path / "set-aside.jsonl").write_bytes(raw)
    ended = command("info", archive.path)
    assert (ended.status, ended.err) == (0, "")
    lines = lines_of(ended.out)
    assert any(re.search(r"^unreadable 1 file, the first: .*set-aside.jsonl: ", line) for line in lines)
    assert "recordings 3 (3 labelled; 1 class)" in lines


def test_no_archive_is_refused(command: Command, place: Path) -> None:
    refuses(command, place, "info", place / "nothing", says="nothing: no such folder")
    small_archive(place / "archive")
    refuses(command, place, "info", place / "archive", "--pictures", place / "sheet.png", says="ends in .jpg")


# pictures -------------------------------------------------------------------------------------------------


def test_the_loudest_moment_is_drawn_with_the_sound_where_it_was(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive", [scene()])
    picture = picture_of(archive, "r000")
    assert (picture.shows, picture.second) == ("video frame with acoustic image", round(LOUD_FRAME / 12, 3))
    assert picture.pixels.shape == (HEIGHT, WIDTH, 3)
    plain = picture.pixels[120:165, :60].astype(int)  # the lower left of the frame, where it is silent
    assert np.abs(plain - (GREY + 100)).max() < 8
    painted = np.ptp(picture.pixels.astype(int), axis=2) > 60
    rows, columns = np.nonzero(painted)
    assert rows.size
    assert rows.mean() < HEIGHT / 3
    assert columns.mean() > 2 * WIDTH / 3


def test_without_video_the_acoustic_image_is_drawn(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive", [scene() | {"video": None}])
    picture = picture_of(archive, "r000")
    assert (picture.shows, picture.second) == ("acoustic image", round(LOUD_FRAME / 12, 3))
    brightness = picture.pixels.sum(axis=2)
    row, column = np.unravel_index(brightness.argmax(), brightness.shape)
    assert row < HEIGHT / 2
    assert column > 2 * WIDTH / 3


def test_without_audio_the_images_say_which_moment_is_loud(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive", [scene() | {"audio": None, "microphones": ()}])
    assert picture_of(archive, "r000").second == round(LOUD_FRAME / 12, 3)
    silent = small_archive(tmp_path / "video", [scene() | {"audio": None, "microphones": (), "image": None}])
    assert picture_of(silent, "r000")[1:] == ("video frame", 0.5)


def test_without_both_a_spectrogram_is_drawn(tmp_path: Path) -> None:
    time_s = np.arange(FRAMES * SAMPLES_PER_FRAME) / 1200
    tone = np.sin(2 * np.pi * 150 * time_s).astype(np.float32)
    audio = np.stack([np.zeros_like(tone), tone])
    take = {"audio": audio, "microphones": (1, 2), "image": None, "video": None}
    archive = small_archive(tmp_path / "archive", [take])
    rig = archive.path / "rig.yaml"
    rig.write_text(rig.read_text().replace("broken: []", "broken: [1]"))  # so the second row is listened to
    picture = picture_of(Archive(archive.path), "r000")
    assert (picture.shows, picture.second) == ("spectrogram", None)
    brightness = picture.pixels.sum(axis=(1, 2))
    assert abs(int(brightness.argmax()) / HEIGHT - 0.75) < 0.05  # a quarter of the way up to 600 Hz


def test_images_of_other_software_are_drawn_as_levels(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    create_archive(path, little_rig(), ImageHeader(ForeignImages("AVIA"), None))
    given = scene()
    mfcc = np.full((FRAMES, 3, 4, 12), -500.0)
    mfcc[LOUD_FRAME, LOUD_ROW, LOUD_COLUMN, 0] = -490.0
    write_recording(path, "r", **(given | {"image": mfcc}), label="clap")
    finish_archive(path)
    picture = picture_of(Archive(path), "r")
    assert np.ptp(picture.pixels[: HEIGHT // 3, -WIDTH // 4 :].astype(int), axis=2).max() > 60
    ended = command("info", path, "--pictures", tmp_path / "sheet.jpg")
    assert "the colours show the first coefficient of AVIA's images as a level" in ended.out


def test_the_sheet_has_a_tile_for_each_class_in_each_scenario(command: Command, tmp_path: Path) -> None:
    takes = [
        scene(0) | {"id": "a", "label": "knock", "scenario": "office"},
        scene(1) | {"id": "b", "label": "clap", "scenario": "garden"},
        scene(2) | {"id": "c", "label": "clap", "scenario": "office", "image": None, "video": None},
        scene(3) | {"id": "d", "label": "clap", "scenario": "office"},
        scene(4) | {"id": "e", "label": None, "scenario": "attic"},
    ]
    archive = small_archive(tmp_path / "archive", takes)
    out = tmp_path / "sheet.jpg"
    ended = command("info", archive.path, "--json", "--pictures", out)
    drawn = json.loads(ended.out)["pictures"]
    shows, second = "video frame with acoustic image", round(LOUD_FRAME / 12, 3)
    assert [Tile(**tile) for tile in drawn["tiles"]] == [
        Tile(1, "clap", "garden", "b", second, shows),
        Tile(2, "clap", "office", "d", second, shows),  # the one with more to show
        Tile(3, "knock", "office", "a", second, shows),
        Tile(4, None, "attic", "e", second, shows),
    ]
    assert drawn["file"] == str(out)
    sheet = simplejpeg.decode_jpeg(out.read_bytes(), colorspace="RGB")
    assert sheet.shape == (3 * (HEIGHT + GAP) + GAP, 2 * (WIDTH + GAP) + GAP, 3)
    filled = [[tile_of(sheet, row, column).mean() > 100 for column in (0, 1)] for row in (0, 1, 2)]
    assert filled == [[True, True], [False, True], [True, False]]


def test_the_sheet_is_listed(command: Command, tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive", [scene()])
    out = tmp_path / "sheet.jpg"
    lines = lines_of(command("info", archive.path, "--pictures", out).out)
    assert "1 clap office r000 0.58 s video frame with acoustic image" in lines
    assert lines[-1] == f"pictures: {out}"


def test_where_scenarios_are_many_each_class_has_one_tile(tmp_path: Path) -> None:
    takes = [scene(i) | {"label": f"class-{i % 10}", "scenario": f"place-{i}"} for i in range(30)]
    archive = small_archive(tmp_path / "archive", takes)
    sheet = write_contact_sheet(archive, tmp_path / "sheet.jpg")
    assert [tile.label for tile in sheet.tiles] == [f"class-{i}" for i in range(10)]


def test_a_broken_recording_is_passed_over_or_said(tmp_path: Path) -> None:
    takes = [scene(0), scene(1), scene(2) | {"label": "knock"}]
    archive = small_archive(tmp_path / "archive", takes)
    for recording in ("r000", "r002"):
        (archive.path / "recordings" / recording / "audio.npy").unlink()
    with pytest.raises(AcoustillError):
        picture_of(archive, "r000")
    clap, knock = write_contact_sheet(archive, tmp_path / "sheet.jpg").tiles
    assert (clap.recording, clap.shows) == ("r001", "video frame with acoustic image")
    assert knock.recording == "r002"
    assert knock.shows.startswith("nothing, for ")
    assert "audio.npy: missing" in knock.shows


@pytest.mark.filterwarnings("error")
def test_values_that_are_not_finite_are_not_drawn(tmp_path: Path) -> None:
    both, heard = scene(), scene(1) | {"image": None, "video": None}
    archive = small_archive(tmp_path / "archive", [both, heard])
    for recording, stream in (("r000", "audio"), ("r000", "image"), ("r001", "audio")):
        path = archive.path / "recordings" / recording / f"{stream}.npy"
        array = np.load(path)
        array.flat[::7] = np.inf
        np.save(path, array)
    assert [picture_of(archive, recording).shows for recording in archive.entries] == [
        "video frame with acoustic image",
        "spectrogram",
    ]


def test_equal_archives_give_equal_sheets(tmp_path: Path) -> None:
    sheets = []
    for name in ("one", "two"):
        archive = small_archive(tmp_path / name, [scene(), streams(4)])
        write_contact_sheet(archive, tmp_path / f"{name}.jpg")
        sheets.append((tmp_path / f"{name}.jpg").read_bytes())
    assert sheets[0] == sheets[1]

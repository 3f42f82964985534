from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import simplejpeg

from acoustill.archive import validate_archive
from acoustill.archive.importers.acivw import AcivwOptions, plan_acivw
from acoustill.archive.importers.acivw_lists import TEST, VALIDATION, published_list, read_lists
from acoustill.archive.importers.importing import ImportResult, run_import
from acoustill.errors import AcoustillError
from acoustill.imaging import ForeignImages
from avia_folders import Take, bitmap, ending_soon, noise_take, put_pipe, write_acivw, write_mat, write_pictures
from small_archives import little_rig


def import_acivw(root: Path, **options: Any) -> ImportResult:
    """Imports into a folder beside, with the little rig."""
    return run_import(plan_acivw(root, AcivwOptions(rig=little_rig(), **options)), root.with_name("archive"))


def pixels(seed: int, height: int = 5, width: int = 6) -> np.ndarray:
    """A picture whose rows fill no whole number of four bytes in a bitmap."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One video of each published list: training, validation and test."""
    root = tmp_path / "acivw"
    write_acivw(root / "class_0/data_002", noise_take(1))
    write_acivw(root / "class_0/data_015", noise_take(2), audio=".npy")
    write_acivw(root / "class_9/data_042", noise_take(3))
    (root / "lists").mkdir()
    return root


def test_what_is_there_comes_back_exactly(root: Path) -> None:
    result = import_acivw(root)
    assert (result.written, result.aside, result.notes) == (3, (), {})
    archive = result.archive
    for seed, recording in enumerate(["class-0-data-002", "class-0-data-015", "class-9-data-042"], start=1):
        take, opened = noise_take(seed), archive[recording]
        assert opened.audio.dtype == np.int32
        np.testing.assert_array_equal(opened.audio, take.audio)
        np.testing.assert_array_equal(opened.image, np.asarray(take.maps)[:, ::-1, ::-1])  # as its own loaders do
        assert [opened.encoded_frame(index) for index in range(3)] == list(take.pictures)
    entries = list(archive.entries.values())
    assert [entry.label for entry in entries] == ["train", "train", "traffic"]
    assert {(entry.scenario, entry.subject) for entry in entries} == {(None, None)}
    assert [entry.columns for entry in entries] == [
        {"class": 0, "data": 2, "list": "train"},
        {"class": 0, "data": 15, "list": "validation"},
        {"class": 9, "data": 42, "list": "test"},
    ]
    assert archive.image_specification == ForeignImages("ACIVW", "mfcc")
    assert archive[entries[0].id].sidecar.provenance["imported"] == {
        "importer": "acivw",
        "folder": "class_0/data_002",
        "frames": 3,
        "short_maps": "resample",
        "flipped": True,
    }
    assert validate_archive(archive.path) == []


def test_maps_are_left_as_they_are_on_request(root: Path) -> None:
    image = import_acivw(root, flip=False).archive["class-0-data-002"].image
    np.testing.assert_array_equal(image, noise_take(1).maps)


@pytest.mark.parametrize("bottom_up", [True, False])
def test_bitmaps_are_kept_bit_for_bit(tmp_path: Path, bottom_up: bool) -> None:
    pictures = [pixels(seed) for seed in range(3)]
    files = [bitmap(picture, bottom_up) for picture in pictures]
    (decoded,) = av.CodecContext.create("bmp", "r").decode(av.Packet(files[0]))  # what others see in our bitmaps
    np.testing.assert_array_equal(decoded.to_ndarray(format="rgb24"), pictures[0])
    root = tmp_path / "acivw"
    take = noise_take(1)
    write_acivw(root / "class_1/data_000", Take(take.maps, take.audio, files), pictures=".bmp")
    np.testing.assert_array_equal(import_acivw(root).archive["class-1-data-000"].video(), pictures)


def test_bitmaps_become_jpeg_on_request(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 16 * 24 * 3).reshape(16, 24, 3).astype(np.uint8)
    root = tmp_path / "acivw"
    take = noise_take(1)
    write_acivw(root / "class_1/data_000", Take(take.maps, take.audio, [bitmap(smooth)] * 3), pictures=".bmp")
    recording = import_acivw(root, jpeg_quality=95).archive["class-1-data-000"]
    assert simplejpeg.is_jpeg(recording.encoded_frame(0))
    assert np.abs(recording.frame(0).astype(float) - smooth).max() < 12
    with pytest.raises(AcoustillError, match="jpeg_quality is 0, expected 1 to 100"):
        plan_acivw(root, AcivwOptions(jpeg_quality=0))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: (f / "audio/A_000002.dc").write_bytes(bytes(1596)), r"A_000002\.dc: number of bytes is 1596, expec"),
        (
            lambda f: (f / "audio/A_000002.dc").write_bytes(bytes(400)),
            r"A_000002\.dc: number of bytes is 400, expected",
        ),
        (lambda f: write_mat(f / "MFCC_Image/Data_3.mat", "words"), r"Data_3\.mat: variable MFCC is text, expected re"),
        (lambda f: (f / "video/I_000002.jpeg").rename(f / "video/I_2.bmp"), r"I_2\.bmp: not a BMP picture"),
        (lambda f: (f / "video/I_000002.bmp").write_bytes(bitmap(pixels(0))), "have the same number"),
        (lambda f: shutil.rmtree(f / "audio"), "it has no audio, which other recordings have"),
    ],
)
def test_a_bad_recording_is_set_aside(root: Path, change: Any, says: str) -> None:
    change(root / "class_0/data_002")
    result = import_acivw(root)
    (aside,) = result.aside
    assert aside.name == "class-0-data-002"
    assert re.search(says, aside.why), aside.why
    assert list(result.archive.entries) == ["class-0-data-015", "class-9-data-042"]


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (bitmap(pixels(0))[:-9], "BMP picture is cut short, expected 6 x 5 pixels"),
        (
            bitmap(pixels(0)).replace(b"\x18\x00", b"\x08\x00", 1),
            "BMP picture is 6 x 5 pixels of 8 bits, compression 0",
        ),
    ],
)
def test_bad_bitmaps_are_set_aside(root: Path, picture: bytes, says: str) -> None:
    shutil.rmtree(root / "class_0/data_002/video")
    write_pictures(root / "class_0/data_002/video", [picture] * 3, ".bmp")
    (aside,) = import_acivw(root).aside
    assert aside.name == "class-0-data-002"
    assert f"I_000001.bmp: {says}" in aside.why


def test_names_in_other_case_and_folders_that_are_no_recordings(tmp_path: Path) -> None:
    root = tmp_path / "acivw"
    take = noise_take(1)
    write_acivw(root / "Class_03/DATA_7", take)
    (root / "Class_03/DATA_7/MFCC_Image").rename(root / "Class_03/DATA_7/mfcc_image")
    (root / "Class_03/notes").mkdir()
    (root / "class_10/data_000").mkdir(parents=True)
    result = import_acivw(root)
    np.testing.assert_array_equal(result.archive["class-3-data-007"].audio, take.audio)
    assert {aside.name: aside.why for aside in result.aside} == {
        "Class_03/notes": "its name is not of the form class_0/data_000",
        "class-10-data-000": "class is 10, expected 0 to 9",
    }
    with pytest.raises(AcoustillError, match=r"not ACIVW \(no recording is there, expected folders as class_0/data_00"):
        plan_acivw(root / "Class_03")
    shutil.rmtree(root / "Class_03")
    with pytest.raises(AcoustillError, match=r"not ACIVW \(no recording is there, .*class is 10, expected 0 to 9\)"):
        plan_acivw(root)


def test_an_incomplete_video_is_taken_on_request(root: Path) -> None:
    shutil.rmtree(root / "class_0/data_002/audio")
    result = import_acivw(root, incomplete=True)
    assert result.aside == ()
    recording = result.archive["class-0-data-002"]
    assert recording.entry.streams == ("image", "video")
    assert result.notes == {"no audio, which other recordings have": 1}


def test_pipes_are_no_frames_and_no_lists(root: Path) -> None:
    put_pipe(root / "class_0/data_002/audio/A_000002.dc")
    lists = write_lists(root / "lists", "", "", "")
    put_pipe(lists / "testing.txt")
    with ending_soon():
        (aside,) = import_acivw(root).aside
        with pytest.raises(AcoustillError, match=r"testing\.txt: a pipe or a device, expected a file"):
            read_lists(lists)
    assert "A_000002.dc: a pipe or a device" in aside.why


def test_a_folder_whose_name_is_not_utf_8_is_listed(root: Path) -> None:
    try:
        os.mkdir(os.fsencode(root / "class_0") + b"/data_\xff")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    (aside,) = import_acivw(root).aside
    assert aside.name == r"class_0/data_\udcff"


def test_the_embedded_lists_are_those_published() -> None:
    validation = {(index, number) for index, numbers in VALIDATION.items() for number in numbers}
    test = {(index, number) for index, numbers in TEST.items() for number in numbers}
    assert (len(validation), len(test)) == (46, 98)
    assert sum(map(len, VALIDATION.values())) == 46  # none is written twice
    assert sum(map(len, TEST.values())) == 98
    assert not validation & test
    assert set(VALIDATION) == set(TEST) == set(range(10))
    assert {published_list(video) for video in validation} == {"validation"}
    assert {published_list(video) for video in test} == {"test"}
    assert published_list((0, 2)) == "train"


def write_lists(folder: Path, training: str, validation: str, testing: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, lines in (("training", training), ("validation", validation), ("testing", testing)):
        (folder / f"{name}.txt").write_text(lines)
    return folder


def test_lists_of_the_users_own(root: Path) -> None:
    training = "/Dataset/class_0/data_015/Data_001.tfrecord\n/Dataset/class_0/data_015/Data_002.tfrecord\n\n"
    lists = write_lists(root / "lists", training, "", "D:\\acivw\\CLASS_9\\data_42\r\n")
    assert read_lists(lists) == {(0, 15): "train", (9, 42): "test"}
    result = import_acivw(root, lists=lists)
    columns = {entry.id: entry.columns.get("list") for entry in result.archive.entries.values()}
    assert columns == {"class-0-data-002": None, "class-0-data-015": "train", "class-9-data-042": "test"}
    assert result.notes == {"in none of the lists": 1}
    with pytest.raises(AcoustillError, match="made with other settings"):
        import_acivw(root)


def test_lists_that_overlap_or_cannot_be_read_are_refused(tmp_path: Path) -> None:
    lists = write_lists(tmp_path / "lists", "class_0/data_001", "\nclass_0/data_001/Data_002.tfrecord", "")
    with pytest.raises(AcoustillError, match=r"validation\.txt: line 2: class_0/data_001 is in the list of train as"):
        read_lists(lists)
    write_lists(lists, "class_0/data_001", "class_0", "")
    with pytest.raises(AcoustillError, match=r"validation\.txt: line 1 names no video"):
        read_lists(lists)
    write_lists(lists, "", "", "")
    (lists / "testing.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(AcoustillError, match=r"testing\.txt: line 1 names no video"):
        read_lists(lists)
    (lists / "testing.txt").unlink()
    with pytest.raises(AcoustillError, match=r"testing\.txt: cannot be read"):
        read_lists(lists)

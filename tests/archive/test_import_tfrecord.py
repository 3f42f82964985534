"""TFRecord files of AVIA and ACIVW: recordings come back exactly, once and whole, or are set aside with a reason."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.archive import Archive
from acoustill.archive.importers import tfrecord as importer
from acoustill.archive.importers.avia_names import ACIVW_CLASSES, ACTIONS, avia_rig
from acoustill.archive.importers.importing import ImportResult, run_import
from acoustill.archive.importers.loops import source_length
from acoustill.archive.importers.stored_maps import SHAPE, align_map
from acoustill.archive.importers.tfrecord import TfrecordOptions, plan_tfrecord
from acoustill.errors import AcoustillError
from acoustill.imaging.specification import ForeignImages
from avia_folders import ending_soon, put_pipe
from tfrecord_folders import (
    Take,
    take,
    write_acivw,
    write_avia,
    write_second,
    write_seconds,
    write_sequence_examples,
)

AVIA_CONTEXT = {"action": 0, "location": 0, "subject": 0}


def imported(root: Path, options: TfrecordOptions | None = None) -> ImportResult:
    return run_import(plan_tfrecord(root, options), root.with_name(root.name + "-archive"))


def only(result: ImportResult) -> tuple[Archive, str]:
    assert not result.aside
    (recording,) = result.archive.entries
    return result.archive, recording


def why_set_aside(root: Path) -> str:
    """Imports a folder that holds one recording that is good and one that is not; gives what is said of the latter."""
    write_avia(root, 3, 9, 13, take(99, 12))
    result = imported(root)
    assert list(result.archive.entries) == ["location-03-subject-09-action-13"]
    (aside,) = result.aside
    return aside.why


def check_equal(archive: Archive, recording: str, recorded: Take) -> None:
    read = archive[recording]
    assert read.entry.streams == tuple(recorded.streams)
    if recorded.audio is not None:
        stored = np.load(read.folder / "audio.npy")
        assert stored.dtype == np.int32
        np.testing.assert_array_equal(stored, recorded.heard)
    if recorded.image is not None:
        assert read.image.dtype == np.float32
        np.testing.assert_array_equal(read.image, recorded.image)
    if recorded.video is not None:
        np.testing.assert_array_equal(read.video(), recorded.video[..., ::-1])


def test_a_recording_of_avia_comes_back_exactly(tmp_path: Path) -> None:
    recorded = take(1, 36)
    write_avia(tmp_path / "data", 2, 3, 9, recorded)
    archive, recording = only(imported(tmp_path / "data"))
    check_equal(archive, recording, recorded)
    entry = archive.entries[recording]
    assert (entry.id, entry.frames) == ("location-02-subject-03-action-09", 36)
    assert entry.columns == {"location": 2, "subject": 3, "action": 9}
    assert (entry.label, entry.scenario, entry.subject) == ("peanut breaking", "open space office", "subject-03")
    assert archive.image_header == (ForeignImages("AVIA", "mfcc"), None)
    sidecar = archive[recording].sidecar
    assert sidecar.files["audio"].microphones == (0,)
    assert sidecar.files["audio"].scale == 2**-31
    assert sidecar.provenance == {
        "imported": {
            "importer": "tfrecord",
            "folder": "Location_02/Subject_03/Action_010",
            "files": 3,
            "frames_dropped": 0,
        }
    }


def test_a_recording_of_acivw_comes_back_exactly_with_its_images_turned(tmp_path: Path) -> None:
    recorded = take(2, 24)
    write_acivw(tmp_path / "data", 3, 11, recorded)
    archive, recording = only(imported(tmp_path / "data"))
    assert recorded.image is not None
    check_equal(archive, recording, replace(recorded, image=recorded.image[:, ::-1, ::-1]))
    entry = archive.entries[recording]
    assert (entry.id, entry.label, entry.scenario, entry.subject) == ("class-3-data-011", ACIVW_CLASSES[3], None, None)
    assert entry.columns == {"class": 3, "data": 11, "list": "test"}
    assert archive.image_header == (ForeignImages("ACIVW", "mfcc"), None)
    assert (archive.rig.camera.width, archive.rig.camera.height) == (298, 224)


def test_images_are_turned_as_the_option_says(tmp_path: Path) -> None:
    recorded = take(3, 12)
    assert recorded.image is not None
    write_acivw(tmp_path / "acivw", 0, 0, recorded)
    check_equal(*only(imported(tmp_path / "acivw", TfrecordOptions(flip=False))), recorded)
    write_avia(tmp_path / "avia", 1, 1, 0, recorded)
    turned = replace(recorded, image=recorded.image[:, ::-1, ::-1])
    check_equal(*only(imported(tmp_path / "avia", TfrecordOptions(flip=True))), turned)


@pytest.mark.parametrize("streams", [("audio",), ("image",), ("video",), ("audio", "video"), ("image", "video")])
def test_any_of_the_streams_may_be_missing(tmp_path: Path, streams: Sequence[str]) -> None:
    recorded = take(4, 24, streams)
    write_avia(tmp_path / "data", 1, 1, 0, recorded)
    check_equal(*only(imported(tmp_path / "data")), recorded)


def test_all_microphones_or_some_are_kept(tmp_path: Path) -> None:
    recorded = take(5, 12, ("audio",), microphones=128)
    assert recorded.audio is not None
    write_avia(tmp_path / "data", 1, 1, 0, recorded)
    archive, recording = only(imported(tmp_path / "data"))
    check_equal(archive, recording, recorded)
    assert archive[recording].sidecar.files["audio"].microphones == tuple(range(128))
    plan = plan_tfrecord(tmp_path / "data", TfrecordOptions(microphones=(64, 3)))
    archive, recording = only(run_import(plan, tmp_path / "two"))
    check_equal(archive, recording, Take(recorded.audio[:, [64, 3]]))
    assert archive[recording].sidecar.files["audio"].microphones == (64, 3)


def test_a_microphone_that_was_not_recorded_sets_the_recording_aside(tmp_path: Path) -> None:
    write_avia(tmp_path / "data", 1, 1, 0, take(6, 12))
    with pytest.raises(AcoustillError, match="number of microphones is 1, expected also channel 5"):
        imported(tmp_path / "data", TfrecordOptions(microphones=(0, 5)))


def test_video_can_be_kept_as_jpeg(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 32 * 48 * 3).reshape(32, 48, 3).astype(np.uint8)
    video = np.stack([np.roll(smooth, frame, axis=1) for frame in range(12)])
    write_avia(tmp_path / "data", 1, 1, 0, Take(video=video))
    archive, recording = only(imported(tmp_path / "data", TfrecordOptions(jpeg_quality=95)))
    assert (archive[recording].folder / "video.jpegs").read_bytes().startswith(b"\xff\xd8")
    assert np.abs(archive[recording].video() - video[..., ::-1].astype(float)).mean() < 12


# loops


@pytest.mark.parametrize("frames", [60, 66, 179, 180, 181, 301, 349, 359])
def test_a_short_recording_keeps_its_own_length(tmp_path: Path, frames: int) -> None:
    recorded = take(frames, frames, ("image", "video"))
    write_avia(tmp_path / "data", 1, 1, 0, recorded.looped(30))
    archive, recording = only(result := imported(tmp_path / "data"))
    check_equal(archive, recording, recorded)
    assert archive[recording].sidecar.provenance["imported"]["frames_dropped"] == 360 - frames
    assert result.notes == {importer.LOOPED: 1}


def test_a_looped_recording_with_audio_keeps_its_own_length(tmp_path: Path) -> None:
    recorded = take(7, 31)
    write_avia(tmp_path / "data", 1, 1, 0, recorded.looped(30))
    archive, recording = only(imported(tmp_path / "data"))
    check_equal(archive, recording, recorded)


def test_a_recording_of_30_s_is_whole_and_without_note(tmp_path: Path) -> None:
    recorded = take(8, 360, ("image",))
    write_avia(tmp_path / "data", 1, 1, 0, recorded)
    archive, recording = only(result := imported(tmp_path / "data"))
    check_equal(archive, recording, recorded)
    assert result.notes == {}


def test_only_what_comes_again_in_every_stream_is_a_loop(tmp_path: Path) -> None:
    recorded = take(9, 360, ("image", "video"))
    assert recorded.image is not None
    write_avia(tmp_path / "data", 1, 1, 0, replace(recorded, image=recorded.image[np.arange(360) % 30]))
    archive, recording = only(imported(tmp_path / "data"))
    assert archive.entries[recording].frames == 360


def test_a_still_recording_is_kept_whole_and_noted(tmp_path: Path) -> None:
    still = take(10, 1, ("image", "video")).looped(30)
    write_avia(tmp_path / "data", 1, 1, 0, still)
    archive, recording = only(result := imported(tmp_path / "data"))
    check_equal(archive, recording, still)
    assert result.notes == {importer.STILL: 1}


def test_silence_at_both_ends_is_no_loop(tmp_path: Path) -> None:
    recorded = take(11, 360, ("image",))
    assert recorded.image is not None
    image = recorded.image.copy()
    image[:5] = image[-7:] = 1.0
    write_avia(tmp_path / "data", 1, 1, 0, Take(image=image))
    archive, recording = only(result := imported(tmp_path / "data"))
    check_equal(archive, recording, Take(image=image))
    assert result.notes == {}


def test_acivw_is_never_cut(tmp_path: Path) -> None:
    recorded = take(12, 12, ("audio",)).looped(3)
    write_acivw(tmp_path / "data", 0, 0, recorded)
    archive, recording = only(result := imported(tmp_path / "data"))
    check_equal(archive, recording, recorded)
    assert result.notes == {}


@given(length=st.integers(2, 40), total=st.integers(2, 120))
def test_the_length_before_looping_is_found(length: int, total: int) -> None:
    assert source_length([frame % length for frame in range(total)]) == min(length, total)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_what_is_cut_can_be_made_again(frames: list[int]) -> None:
    length = source_length(frames)
    assert [frames[i % length] for i in range(len(frames))] == frames


# contradictions


def short_take(folder: Path, **changed_context: Any) -> None:
    """Two seconds of which the second says something else of itself."""
    write_seconds(folder, AVIA_CONTEXT, take(20, 12))
    write_second(folder / "Data_002.tfrecord", AVIA_CONTEXT, take(21, 12), **changed_context)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"action": 1}, "context action is 1, expected 0, for that is what its folder says"),
        ({"location": 2}, "context location is 2, expected 0"),
        ({"subject": None}, "context subject is missing"),
        ({"subject": [0, 0]}, "context subject is not one number"),
        ({"audio_data__mics": 2}, "audio_data is 2 microphones of 1024 samples, expected 1 or 128"),
        ({"audio_data__samples": 512}, "audio_data is 1 microphones of 512 samples"),
        ({"audio_data__mics": 128}, "bytes of frame 0 in audio/data is 4096, expected 524288"),
        ({"audio_image__height": 4}, "bytes of frame 0 in audio/image is 96, expected 128"),
        ({"audio_image__height": 2**62}, "bytes of frame 0 in audio/image is 96"),
        ({"audio_image__depth": -2}, "shape of audio/image is 3 x 4 x -2"),
        ({"video__depth": 4}, "shape of video/image is 6 x 8 x 4, expected 1 or more of each, and a depth of 3"),
        ({"video__width": None}, "context video/width is missing"),
    ],
)
def test_a_file_that_contradicts_itself_or_its_folder_is_set_aside(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    short_take(tmp_path / "data/Location_01/Subject_01/Action_001", **changed)
    why = why_set_aside(tmp_path / "data")
    assert words in why
    assert "Data_002.tfrecord" in why


def replaced_by(second: Take) -> Callable[[Path], object]:
    return lambda path: write_second(path, AVIA_CONTEXT, second)


def uneven(path: Path) -> None:
    second = take(22, 12)
    assert second.video is not None
    write_second(path, AVIA_CONTEXT, replace(second, video=second.video[:11]))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def not_compressed(path: Path) -> None:
    path.write_bytes(gzip.decompress(path.read_bytes()))


def other_content(path: Path) -> None:
    path.write_bytes(gzip.compress(b"neither length nor checksum"))


def without_records(path: Path) -> None:
    write_sequence_examples(path, [])


def two_records(path: Path) -> None:
    context = {name: (value, "int") for name, value in AVIA_CONTEXT.items()}
    write_sequence_examples(path, [(context, {}), (context, {})])


def without_lists(path: Path) -> None:
    write_sequence_examples(path, [({name: (value, "int") for name, value in AVIA_CONTEXT.items()}, {})])


def not_finite(path: Path) -> None:
    second = take(23, 12)
    assert second.image is not None
    image = second.image.copy()
    image[3, 0, 0, 0] = np.nan
    write_second(path, AVIA_CONTEXT, replace(second, image=image))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (replaced_by(take(24, 12, microphones=128)), "what it holds is audio 128 x 1024, image 3 x 4 x 2"),
        (replaced_by(take(25, 12, ("audio", "image"))), "what it holds is audio 1 x 1024, image 3 x 4 x 2, expected"),
        (replaced_by(take(26, 11)), "number of frames in audio/data is 11, expected 12"),
        (uneven, "number of frames in video/image is 11, expected 12"),
        (truncated, "not a whole GZIP file"),
        (not_compressed, "not a whole GZIP file"),
        (without_records, "number of records is 0"),
        (two_records, "number of records is 2 or more"),
        (without_lists, "lists is none, expected audio/data or audio/image or video/image"),
        (other_content, "not a TFRecord file"),
        (Path.unlink, "Action_001: Data_002.tfrecord is missing, while Data_003.tfrecord is there"),
        (not_finite, "Data_002.tfrecord: frame 3 in audio/image is not finite, expected finite values"),
        (put_pipe, "Data_002.tfrecord: a pipe or a device, expected a file"),
    ],
)
def test_a_second_that_is_broken_or_differs_is_set_aside(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    folder = tmp_path / "data/Location_01/Subject_01/Action_001"
    write_seconds(folder, AVIA_CONTEXT, take(27, 36))
    spoil(folder / "Data_002.tfrecord")
    with ending_soon():
        assert words in why_set_aside(tmp_path / "data")


def test_a_file_that_is_broken_in_the_repeated_part_is_found(tmp_path: Path) -> None:
    folder = write_avia(tmp_path / "data", 1, 1, 0, take(29, 18, ("image",)).looped(30))
    truncated(folder / "Data_030.tfrecord")
    assert "Data_030.tfrecord: not a whole GZIP file" in why_set_aside(tmp_path / "data")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "holds no file such as Data_1.tfrecord"),
        (["Data_002.tfrecord"], "Data_001.tfrecord is missing, while Data_002.tfrecord is there"),
        (["Data_001.tfrecord", "Data_003.tfrecord"], "Data_002.tfrecord is missing, while Data_003.tfrecord is there"),
        (["data_1.TFRecord", "data_11.TFRecord"], "data_2.TFRecord is missing, while data_11.TFRecord is there"),
        (["Data_001.tfrecord", "data_1.TFRECORD"], "Data_001.tfrecord and data_1.TFRECORD have the same number"),
    ],
)
def test_folders_without_files_or_with_gaps_are_set_aside(tmp_path: Path, names: list[str], words: str) -> None:
    folder = tmp_path / "data/Location_01/Subject_01/Action_001"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    (folder / "notes.txt").touch()
    assert words in why_set_aside(tmp_path / "data")


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("Location_01", "nothing in it, expected folders as Location_01/Subject_01/Action_001"),
        ("Location_01/Subject_02", "nothing in it"),
        ("Location_01/lists", "not of the form Location_01/Subject_01/Action_001"),
        ("Location_01/Subject_02/Act_001", "not of the form Location_01/Subject_01/Action_001"),
        ("Location_00/Subject_01/Action_001", "location is 0, expected 1 to 3"),
        ("Location_04/Subject_01/Action_001", "location is 4, expected 1 to 3"),
        ("Location_01/Subject_00/Action_001", "subject is 0, expected 1 to 99"),
        ("Location_01/Subject_01/Action_000", "action is 0, expected 1 to 14"),
        ("Location_01/Subject_01/Action_015", "action is 15, expected 1 to 14"),
        ("location_3/Subject_09/Action_014", "the same recording as Location_03/Subject_09/Action_014"),
    ],
)
def test_folders_that_are_no_recordings_are_set_aside(tmp_path: Path, folder: str, words: str) -> None:
    (tmp_path / "data" / folder).mkdir(parents=True)
    if folder.count("/") == 2:
        write_second(tmp_path / "data" / folder / "Data_001.tfrecord", AVIA_CONTEXT, take(30, 12))
    assert words in why_set_aside(tmp_path / "data")


def test_a_folder_whose_name_is_not_utf_8_is_listed(tmp_path: Path) -> None:
    (tmp_path / "data/Location_01").mkdir(parents=True)
    try:
        os.mkdir(os.fsencode(tmp_path / "data/Location_01") + b"/Subject_\xff")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    write_avia(tmp_path / "data", 3, 9, 13, take(99, 12))
    (aside,) = imported(tmp_path / "data").aside
    assert aside.name == r"Location_01/Subject_\udcff"


def test_a_folder_without_any_recording_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "data/Location_01").mkdir(parents=True)
    with pytest.raises(AcoustillError, match=r"nothing to import; .* expected folders as Location_01/Subject_01"):
        imported(tmp_path / "data")


def test_lists_beside_the_locations_are_passed_over(tmp_path: Path) -> None:
    write_avia(tmp_path / "data", 1, 1, 0, take(31, 12))
    for name in ("lists", "stats", ".cache"):
        (tmp_path / "data" / name).mkdir()
    assert imported(tmp_path / "data").aside == ()


def test_names_in_other_case_are_taken(tmp_path: Path) -> None:
    recorded = take(32, 24, ("image",))
    folder = write_seconds(tmp_path / "data/LOCATION_1/subject_1/action_1", AVIA_CONTEXT, recorded)
    (folder / "Data_002.tfrecord").rename(folder / "data_002.TFRecord")
    check_equal(*only(imported(tmp_path / "data")), recorded)


def test_seconds_are_joined_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    recorded = take(33, 1002 * 12, ("image",))
    assert recorded.image is not None
    little = Take(image=recorded.image[:, :1, :1, :1])
    write_acivw(tmp_path / "data", 1, 4, little)
    assert (tmp_path / "data/class_1/data_004/Data_1002.tfrecord").is_file()
    archive, recording = only(imported(tmp_path / "data", TfrecordOptions(flip=False)))
    check_equal(archive, recording, little)


def test_fewer_files_than_the_converter_wrote_are_noted(tmp_path: Path) -> None:
    write_avia(tmp_path / "data", 1, 1, 0, take(34, 24, ("image",)))
    assert imported(tmp_path / "data").notes == {importer.SHORT: 1}


def short_maps(shape: tuple[int, int, int]) -> tuple[np.ndarray, Take]:
    """Maps of which one in the middle is short, and what the converter made of them."""
    maps = list(np.random.default_rng(35).standard_normal((12, *SHAPE)).astype(np.float32))
    rows, columns, coefficients = shape
    maps[7] = maps[7][:rows, :columns, :coefficients]
    padded = [np.pad(one, [(most - here, 0) for here, most in zip(one.shape, SHAPE, strict=True)]) for one in maps]
    return maps[7], Take(image=np.stack(padded))


@pytest.mark.parametrize("shape", [(35, 48, 12), (36, 45, 12), (36, 48, 11), (30, 40, 10)])
def test_zeros_in_front_of_short_maps_are_kept_on_request(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    _, recorded = short_maps(shape)
    write_avia(tmp_path / "data", 1, 1, 0, recorded)
    archive, recording = only(result := imported(tmp_path / "data", TfrecordOptions(short_maps="pad-front")))
    assert f"maps of {' x '.join(map(str, shape))} padded with zeros in front to 36 x 48 x 12" in result.notes
    check_equal(archive, recording, recorded)


def test_short_maps_are_set_aside_on_request_and_their_file_is_named(tmp_path: Path) -> None:
    _, recorded = short_maps((35, 48, 12))
    write_avia(tmp_path / "data", 1, 1, 0, recorded)
    good = np.random.default_rng(0).standard_normal((12, *SHAPE)).astype(np.float32)
    write_avia(tmp_path / "data", 3, 9, 13, Take(image=good))
    (aside,) = imported(tmp_path / "data", TfrecordOptions(short_maps="set-aside")).aside
    assert aside.name == "location-01-subject-01-action-00"
    assert "Data_001.tfrecord: shape of the map is 35 x 48 x 12, expected 36 x 48 x 12" in aside.why


def test_short_maps_are_stretched_as_if_they_came_from_the_data_set(tmp_path: Path) -> None:
    short, recorded = short_maps((35, 45, 12))
    assert recorded.image is not None
    write_avia(tmp_path / "data", 1, 1, 0, recorded)
    archive, recording = only(result := imported(tmp_path / "data"))
    assert "maps of 35 x 45 x 12 resampled to 36 x 48 x 12" in result.notes
    image = recorded.image.copy()
    image[7] = align_map(short, "resample", "a map")
    check_equal(archive, recording, Take(image=image))


def test_the_command_resamples_short_maps_or_keeps_their_padding(tmp_path: Path, command) -> None:
    short, recorded = short_maps((35, 45, 12))
    assert recorded.image is not None
    write_avia(tmp_path / "data", 1, 1, 0, recorded)
    for name, options, expected in (
        ("default", [], align_map(short, "resample", "a map")),
        ("padded", ["--short-maps", "pad-front"], recorded.image[7]),
    ):
        assert command("import", "tfrecord", tmp_path / "data", tmp_path / name, *options).status == 0
        image = Archive(tmp_path / name)["location-01-subject-01-action-00"].image
        np.testing.assert_array_equal(image[7], expected)


def test_maps_of_acivw_were_never_padded(tmp_path: Path) -> None:
    _, recorded = short_maps((35, 48, 12))
    write_acivw(tmp_path / "data", 0, 0, recorded)
    archive, recording = only(result := imported(tmp_path / "data", TfrecordOptions(flip=False)))
    assert result.notes == {}
    check_equal(archive, recording, recorded)


# the plan


def test_neither_data_set_and_both_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match="no such folder"):
        plan_tfrecord(tmp_path / "missing")
    with pytest.raises(AcoustillError, match="layout is neither, expected folders as Location_01/Subject_01"):
        plan_tfrecord(tmp_path)
    (tmp_path / "Location_01").mkdir()
    (tmp_path / "class_0").mkdir()
    with pytest.raises(AcoustillError, match="layout is folders of both"):
        plan_tfrecord(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"microphones": ()},
        {"microphones": (0, 0)},
        {"microphones": (128,)},
        {"microphones": (-1,)},
        {"jpeg_quality": 0},
        {"jpeg_quality": 101},
        {"short_maps": "stretch"},
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(AcoustillError, match=f"tfrecord: {next(iter(options))} is"):
        plan_tfrecord(tmp_path, TfrecordOptions(**options))


def test_the_plan_only_lists_and_is_quick(tmp_path: Path) -> None:
    for number in range(3 * 9 * 14):
        location, subject, action = number // 126, number // 14 % 9, number % 14
        folder = tmp_path / f"Location_{location + 1:02d}/Subject_{subject + 1:02d}/Action_{action + 1:03d}"
        folder.mkdir(parents=True)
        for second in range(30):
            (folder / f"Data_{second + 1:03d}.tfrecord").touch()
    start = time.perf_counter()
    plan = plan_tfrecord(tmp_path)
    assert time.perf_counter() - start < 3
    assert [source.id for source in plan.sources] == sorted(source.id for source in plan.sources)
    assert len(plan.sources) == 378
    assert plan.aside == ()
    assert pickle.loads(pickle.dumps(plan.sources)) == plan.sources
    assert plan.maker == {
        "importer": "tfrecord",
        "dataset": "AVIA",
        "microphones": None,
        "jpeg_quality": None,
        "short_maps": "resample",
        "flip": False,
    }


def test_the_numbers_of_the_files_are_those_of_the_rig() -> None:
    rig = avia_rig()
    assert (rig.channels, rig.broken) == (importer.MICROPHONES, (79, 105))
    assert (rig.samples_per_frame, rig.frame_rate) == (importer.SAMPLES_PER_FRAME, importer.FRAMES_PER_SECOND)
    assert len(ACTIONS) == 14


def test_the_same_files_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    write_avia(tmp_path / "here", 1, 1, 0, take(36, 18).looped(30))
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    archives = [imported(tmp_path / name).archive.path for name in ("here", "there")]
    contents = [{p.relative_to(a): p.read_bytes() for p in sorted(a.rglob("*")) if p.is_file()} for a in archives]
    assert contents[0] == contents[1]
    assert b"here" not in contents[0][Path("recordings/location-01-subject-01-action-00/recording.json")]

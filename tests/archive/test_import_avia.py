from __future__ import annotations

import os
import pickle
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acoustill.archive import Archive, validate_archive
from acoustill.archive.importers.avia import plan_avia
from acoustill.archive.importers.frame_files import read_audio, read_bitmap
from acoustill.archive.importers.frame_folders import FrameOptions
from acoustill.archive.importers.importing import ImportResult, run_import
from acoustill.archive.importers.stored_maps import align_map
from acoustill.errors import AcoustillError
from acoustill.imaging import ForeignImages, Imager, ImageSpecification, camera_grid
from acoustill.jobs import SetAside
from acoustill.rig import Camera, Rig
from avia_folders import (
    Take,
    bitmap,
    ending_soon,
    jpeg,
    noise_take,
    put_pipe,
    write_audio,
    write_avia,
    write_maps,
    write_mat,
    write_pictures,
)
from refusals import state
from small_archives import little_rig

FIRST, SECOND = "Location_01/Subject_01/Action_00", "Location_02/Subject_09/Action_13"
FIRST_ID, SECOND_ID = "location-01-subject-01-action-00", "location-02-subject-09-action-13"


def import_avia(root: Path, **options: Any) -> ImportResult:
    """Imports into a folder beside, with the little rig if no other is given."""
    options = {"rig": little_rig()} | options
    return run_import(plan_avia(root, FrameOptions(**options)), root.with_name("archive"))


def assert_holds(archive: Archive, recording: str, take: Take) -> None:
    """All three streams are those of the take, bit for bit."""
    opened = archive[recording]
    assert opened.audio.dtype == np.int32
    np.testing.assert_array_equal(opened.audio, take.audio)
    assert opened.image.dtype == np.float32
    np.testing.assert_array_equal(opened.image, take.maps)
    assert [opened.encoded_frame(index) for index in range(opened.entry.frames)] == list(take.pictures)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two good recordings."""
    write_avia(tmp_path / "avia", noise_take(1))
    write_avia(tmp_path / "avia", noise_take(2), SECOND)
    return tmp_path / "avia"


def test_what_is_there_comes_back_exactly(root: Path) -> None:
    write_avia(root, noise_take(3, frames=11), "Location_03/Subject_04/Action_05", kind="v7.3")  # Data_10 after Data_2
    result = import_avia(root)
    assert (result.written, result.aside, result.notes) == (3, (), {})
    archive = result.archive
    assert_holds(archive, FIRST_ID, noise_take(1))
    assert_holds(archive, SECOND_ID, noise_take(2))
    assert_holds(archive, "location-03-subject-04-action-05", noise_take(3, frames=11))
    first, second = archive.entries[FIRST_ID], archive.entries[SECOND_ID]
    assert (first.label, first.scenario, first.subject) == ("clapping", "anechoic chamber", "subject-01")
    assert (second.label, second.scenario, second.subject) == ("stick dropping", "open space office", "subject-09")
    assert second.columns == {"location": 2, "subject": 9, "action": 13}
    assert archive.image_specification == ForeignImages("AVIA", "mfcc")
    assert archive[FIRST_ID].sidecar.files["audio"].scale == 2**-31
    assert archive[FIRST_ID].sidecar.provenance == {
        "imported": {
            "importer": "avia",
            "folder": f"matfiles/{FIRST}",
            "frames": 3,
            "short_maps": "resample",
            "flipped": False,
        }
    }
    assert validate_archive(archive.path) == []


def test_the_same_folders_give_the_same_bytes(root: Path) -> None:
    import_avia(root)
    first = state(root.with_name("archive"))
    shutil.rmtree(root.with_name("archive"))
    moved = root.rename(root.with_name("elsewhere"))
    import_avia(moved)
    assert state(root.with_name("archive")) == first


def test_planning_lists_folders_and_no_frames(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.append(Path(path).name), scandir(path))[1])
    plan = plan_avia(root, FrameOptions(rig=little_rig()))
    assert [source.id for source in plan.sources] == [FIRST_ID, SECOND_ID]
    assert "Action_00" in listed
    assert not {"audio", "video", "MFCC_Image"} & set(listed)
    assert pickle.loads(pickle.dumps(plan.sources[0])).id == FIRST_ID  # other processes are handed the sources


def test_names_in_other_case_and_with_other_padding(tmp_path: Path) -> None:
    take = noise_take(1)
    root = tmp_path / "avia"
    write_maps(root / "MatFiles/LOCATION_1/subject_001/ACTION_0/mfcc_image", take.maps)
    write_audio(root / "Sync/location_0001/Subject_1/action_000/Audio", take.audio)
    video = write_pictures(root / "Sync/location_0001/Subject_1/action_000/VIDEO", take.pictures, ".JPG")
    (video / "I_000002.JPG").rename(video / "i_2.Jpeg")
    (video / "Thumbs.db").write_bytes(b"")
    (root / "Sync/.git").mkdir()
    result = import_avia(root)
    assert result.aside == ()
    assert_holds(result.archive, FIRST_ID, take)


def test_the_older_release_and_absent_subjects(tmp_path: Path) -> None:
    take = noise_take(1)
    root = tmp_path / "avia"
    for place in ("Location_1/03_Name/data_000", "Location_3/09_Other Name/data_013"):
        write_maps(root / "matfiles" / place / "MFCC_Image", take.maps)
        write_audio(root / "sync" / place / "audio", take.audio)
        write_pictures(root / "sync" / place / "video", take.pictures)
    archive = import_avia(root).archive
    assert list(archive.entries) == ["location-01-subject-03-action-00", "location-03-subject-09-action-13"]
    assert [entry.label for entry in archive.entries.values()] == ["clapping", "stick dropping"]


@pytest.mark.parametrize(("kept", "streams"), [("matfiles", ("image",)), ("sync", ("audio", "video"))])
def test_a_stream_may_be_missing_everywhere(root: Path, kept: str, streams: tuple[str, ...]) -> None:
    shutil.rmtree(root / ({"matfiles", "sync"} - {kept}).pop())
    result = import_avia(root)
    assert result.aside == ()
    assert {entry.streams for entry in result.archive.entries.values()} == {streams}
    assert (result.archive.image_specification is None) == (kept == "sync")


def sabotage(change: Callable[[Path], object], where: str) -> Any:
    return pytest.param(change, where, id=where)


MAPS, AUDIO, VIDEO = f"matfiles/{FIRST}/MFCC_Image", f"sync/{FIRST}/audio", f"sync/{FIRST}/video"


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        sabotage(lambda r: shutil.rmtree(r / MAPS), r"it has no acoustic images \(MFCC_Image\), which other record"),
        sabotage(lambda r: shutil.rmtree(r / AUDIO), r"no audio, which other recordings have \(--incomplete takes it"),
        sabotage(lambda r: shutil.rmtree(r / VIDEO), "it has no video, which other recordings have"),
        sabotage(
            lambda r: [f.unlink() for f in (r / VIDEO).iterdir()],
            r"video: holds no file such as I_1\.jpeg or I",
        ),
        sabotage(lambda r: (r / MAPS / "Data_2.mat").unlink(), r"MFCC_Image: Data_2\.mat is missing, while Data_3"),
        sabotage(lambda r: (r / AUDIO / "A_000001.npy").unlink(), r"audio: A_000001\.npy is missing, while A_000003"),
        sabotage(lambda r: (r / VIDEO / "I_000003.jpeg").unlink(), "number of frames is maps 3, audio 3, video 2, exp"),
        sabotage(lambda r: shutil.copy(r / MAPS / "Data_1.mat", r / MAPS / "Data_01.mat"), "have the same number"),
        sabotage(lambda r: shutil.copy(r / AUDIO / "A_000001.npy", r / AUDIO / "A_0.npy"), "expected numbers from 1"),
        sabotage(lambda r: shutil.copytree(r / AUDIO, r / f"matfiles/{FIRST}/AUDIO"), "audio lies in two folders"),
        sabotage(
            lambda r: rewrite(r / MAPS / "Data_2.mat", lambda b: b[:999]), r"Data_2\.mat: .*the file is cut short"
        ),
        sabotage(
            lambda r: write_mat(r / MAPS / "Data_2.mat", np.array([1, "a"], dtype=object)),
            r"Data_2\.mat: variable MFCC is a cell array, expected real numbers",
        ),
        sabotage(
            lambda r: write_mat(r / MAPS / "Data_3.mat", np.full((36, 48, 12), np.nan)),
            r"Data_3\.mat: map is not finite",
        ),
        sabotage(
            lambda r: write_mat(r / MAPS / "Data_3.mat", np.full((36, 48, 12), 1e39)),
            r"Data_3\.mat: map is not finite",
        ),
        sabotage(
            lambda r: write_mat(r / MAPS / "Data_1.mat", np.zeros((37, 48, 12))),
            r"Data_1\.mat: shape of the map is 37 x 48 x 12, expected at most 36 x 48 x 12",
        ),
        sabotage(lambda r: rewrite(r / VIDEO / "I_000002.jpeg", lambda b: b[:-200]), r"I_000002\.jpeg: .*is broken"),
        sabotage(lambda r: rewrite(r / VIDEO / "I_000002.jpeg", lambda b: b""), r"I_000002\.jpeg: .*is broken"),
        sabotage(
            lambda r: (r / VIDEO / "I_000002.jpeg").write_bytes(jpeg(np.random.default_rng(0), 8, 8)),
            r"I_000002\.jpeg: .*shape of .* \(8, 8, 3\), expected \(16, 24, 3\)",
        ),
        sabotage(lambda r: rewrite(r / AUDIO / "A_000002.npy", lambda b: b[:-1]), r"A_000002\.npy: array is cut short"),
        sabotage(lambda r: rewrite(r / AUDIO / "A_000002.npy", lambda b: b[:70]), r"A_000002\.npy: not a NumPy array"),
        sabotage(
            lambda r: np.save(r / AUDIO / "A_000002.npy", np.zeros((4, 100))),
            r"A_000002\.npy: type of the samples is float64, expected int32",
        ),
        sabotage(
            lambda r: np.save(r / AUDIO / "A_000002.npy", np.zeros((4, 100), object), allow_pickle=True),
            r"A_000002\.npy: type of the samples is object, expected int32",
        ),
        sabotage(
            lambda r: np.save(r / AUDIO / "A_000002.npy", np.zeros((100, 4), np.int32)),
            r"A_000002\.npy: shape is \(100, 4\), expected \(4, 100\)",
        ),
        sabotage(
            lambda r: np.save(r / AUDIO / "A_000002.npy", np.zeros((1, 100), np.int32)),
            r"A_000002\.npy: shape is \(1, 100\), expected \(4, 100\)",
        ),
    ],
)
def test_a_bad_recording_is_set_aside(root: Path, change: Callable[[Path], object], says: str) -> None:
    change(root)
    result = import_avia(root)
    (aside,) = result.aside
    assert aside.name == FIRST_ID
    assert_matches(says, aside.why)
    assert list(result.archive.entries) == [SECOND_ID]
    assert_holds(result.archive, SECOND_ID, noise_take(2))


def assert_matches(pattern: str, text: str) -> None:
    assert re.search(pattern, text), text


def test_folders_that_are_no_recordings_are_listed(root: Path) -> None:
    for place in ("Location_04/Subject_01/Action_00", "Location_01/Subject_01/Action_14", "Notes"):
        (root / "sync" / place).mkdir(parents=True)
    (root / "sync/Location_01/Subject_100/Action_00").mkdir(parents=True)
    result = import_avia(root)
    assert len(result.archive) == 2
    assert {aside.name: aside.why for aside in result.aside} == {
        "sync/Notes": "its name is not of the form Location_01/Subject_01/Action_00",
        "location-04-subject-01-action-00": "location is 4, expected 1 to 3",
        "location-01-subject-01-action-14": "action is 14, expected 0 to 13",
        "location-01-subject-100-action-00": "subject is 100, expected 1 to 99",
    }


def test_streams_are_trimmed_to_the_shortest_on_request(root: Path) -> None:
    (root / VIDEO / "I_000003.jpeg").unlink()
    (root / MAPS / "Data_3.mat").unlink()
    result = import_avia(root, trim=True)
    assert result.aside == ()
    take = noise_take(1)
    assert_holds(result.archive, FIRST_ID, Take(take.maps[:2], take.audio[:, :200], take.pictures[:2]))
    assert result.notes == {"streams of unequal length cut to the shortest": 1}
    provenance = result.archive[FIRST_ID].sidecar.provenance["imported"]
    assert provenance["trimmed_from"] == {"maps": 2, "audio": 3, "video": 2}


def short_maps(root: Path) -> list[np.ndarray]:
    """Makes the maps of the first recording short, each in another way."""
    maps = [noise_take(1).maps[0][:35, :, :], noise_take(1).maps[1][:, :47, :10], noise_take(1).maps[2]]
    write_maps(root / MAPS, maps)
    return maps


@pytest.mark.parametrize("in_front", [True, False])
def test_short_maps_are_padded_on_request(root: Path, in_front: bool) -> None:
    maps = short_maps(root)
    result = import_avia(root, short_maps="pad-front" if in_front else "pad-end")
    found = result.archive[FIRST_ID].image
    lacks = [[(0, most - there) for there, most in zip(one.shape, (36, 48, 12), strict=True)] for one in maps]
    expected = [
        np.pad(one, [pair[::-1] if in_front else pair for pair in pairs])
        for one, pairs in zip(maps, lacks, strict=True)
    ]
    np.testing.assert_array_equal(found, expected)
    where = "in front" if in_front else "at the end"
    assert result.notes == {
        f"maps of 35 x 48 x 12 padded with zeros {where} to 36 x 48 x 12": 1,
        f"maps of 36 x 47 x 10 padded with zeros {where} to 36 x 48 x 12": 1,
    }


def test_short_maps_are_set_aside_on_request(root: Path) -> None:
    short_maps(root)
    (aside,) = import_avia(root, short_maps="set-aside").aside
    assert_matches(r"Data_1\.mat: shape of the map is 35 x 48 x 12, expected 36 x 48 x 12", aside.why)


def test_short_maps_are_stretched_to_the_view(root: Path) -> None:
    rows, columns = 30, 40
    down, right = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns  # places within the view
    plane = np.stack([*np.broadcast_arrays(down[:, None], right, 1.0)], axis=-1)
    write_maps(root / MAPS, [plane] * 3)
    result = import_avia(root)
    image = result.archive[FIRST_ID].image[1]
    full_down, full_right = (np.arange(36) + 0.5) / 36, (np.arange(48) + 0.5) / 48
    inside_down, inside_right = np.clip(full_down, down[0], down[-1]), np.clip(full_right, right[0], right[-1])
    np.testing.assert_allclose(image[..., 0], np.broadcast_to(inside_down[:, None], (36, 48)), atol=1e-6)
    np.testing.assert_allclose(image[..., 1], np.broadcast_to(inside_right, (36, 48)), atol=1e-6)
    np.testing.assert_allclose(image[..., 2], 1, atol=1e-6)
    assert not image[..., 3:].any()
    assert result.notes == {"maps of 30 x 40 x 3 resampled to 36 x 48 x 12": 1}
    assert_holds(result.archive, SECOND_ID, noise_take(2))


def test_stored_maps_are_turned_over_on_request(root: Path) -> None:
    image = import_avia(root, flip=True).archive[FIRST_ID].image
    np.testing.assert_array_equal(image, np.asarray(noise_take(1).maps)[:, ::-1, ::-1])


def test_some_microphones_are_kept(root: Path) -> None:
    archive = import_avia(root, microphones=(2, 0)).archive
    assert archive[FIRST_ID].sidecar.files["audio"].microphones == (2, 0)
    np.testing.assert_array_equal(archive[FIRST_ID].audio, noise_take(1).audio[[2, 0]])


def test_files_of_one_channel_hold_microphone_0(tmp_path: Path) -> None:
    root = tmp_path / "avia"
    take = noise_take(1, channels=1)
    write_avia(root, take)
    write_avia(root, noise_take(2), SECOND)
    result = import_avia(root, microphones=(1,))
    (aside,) = result.aside
    assert_matches(r"A_000001\.npy: number of channels is 1, expected more, for microphone 1 is asked for", aside.why)
    shutil.rmtree(root.with_name("archive"))
    archive = import_avia(root).archive
    assert_holds(archive, FIRST_ID, take)
    assert archive[FIRST_ID].sidecar.files["audio"].microphones == (0,)
    assert archive[SECOND_ID].sidecar.files["audio"].microphones == (0, 1, 2, 3)


def six_microphones() -> Rig:
    """A rig of as many samples in a frame as the filters of formed images take."""
    positions = np.random.default_rng(0).uniform(-0.2, 0.2, (6, 3)) * [1, 1, 0]
    return Rig("six", positions, 12288, 12.0, broken=(4,), camera=Camera.with_field_of_view(24, 16, 1.0))


def test_images_are_formed_anew_on_request(tmp_path: Path) -> None:
    rig = six_microphones()
    root = tmp_path / "avia"
    take = noise_take(1, frames=2, channels=6, samples=1024)
    write_avia(root, take)
    write_avia(root, noise_take(2, frames=2, channels=1, samples=1024), SECOND)
    result = import_avia(root, rig=rig, images="formed", microphones=(5,), distance_m=1.5)
    (aside,) = result.aside
    assert aside.name == SECOND_ID
    assert_matches("number of channels is 1, expected the 6 of the rig, which forming images takes", aside.why)
    grid = camera_grid(rig.camera, 36, 48, 1.5)
    expected = Imager(rig, grid, ImageSpecification(), threads=1)((take.audio * 2.0**-31).astype(np.float32))
    recording = result.archive[FIRST_ID]
    assert recording.image.dtype == np.float16
    np.testing.assert_allclose(recording.image, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(recording.audio, take.audio[[5]])
    header = result.archive.image_header
    assert header is not None
    assert header.specification == ImageSpecification()
    assert header.grid is not None
    np.testing.assert_allclose(header.grid.points_m, grid.points_m, atol=1e-6)


def test_formed_images_are_the_same_over_any_number_of_processes(tmp_path: Path) -> None:
    root = tmp_path / "avia"
    for seed, place in enumerate((FIRST, SECOND, "Location_03/Subject_01/Action_02")):
        write_avia(root, noise_take(seed, frames=2, channels=6, samples=1024), place)
    plan = plan_avia(root, FrameOptions(rig=six_microphones(), images="formed"))
    for jobs in (1, 2):
        assert run_import(plan, tmp_path / f"{jobs}", jobs).written == 3
    assert state(tmp_path / "1") == state(tmp_path / "2")


def test_incomplete_recordings_are_taken_on_request_with_a_note(root: Path) -> None:
    take = noise_take(1)
    shutil.rmtree(root / AUDIO)
    shutil.rmtree(root / f"matfiles/{SECOND}")
    (root / "sync/Location_01/Subject_02/Action_00").mkdir(parents=True)
    result = import_avia(root, incomplete=True)
    assert {aside.name: aside.why for aside in result.aside} == {
        "location-01-subject-02-action-00": "it has none of the streams of other recordings: acoustic images "
        "(MFCC_Image), audio, video"
    }
    first, second = result.archive[FIRST_ID], result.archive[SECOND_ID]
    assert (first.entry.streams, second.entry.streams) == (("image", "video"), ("audio", "video"))
    assert first.sidecar.notes == ("no audio, which other recordings have",)
    assert second.sidecar.notes == ("no acoustic images (MFCC_Image), which other recordings have",)
    np.testing.assert_array_equal(first.image, take.maps)
    assert [first.encoded_frame(index) for index in range(3)] == list(take.pictures)
    np.testing.assert_array_equal(second.audio, noise_take(2).audio)
    assert validate_archive(result.archive.path) == []


def test_an_incomplete_recording_without_audio_has_no_formed_images(tmp_path: Path) -> None:
    root = tmp_path / "avia"
    write_avia(root, noise_take(1, frames=2, channels=6, samples=1024))
    write_avia(root, noise_take(2, frames=2, channels=6, samples=1024), SECOND)
    shutil.rmtree(root / AUDIO)
    archive = import_avia(root, rig=six_microphones(), images="formed", incomplete=True).archive
    assert archive[FIRST_ID].entry.streams == ("video",)
    assert archive[FIRST_ID].sidecar.notes == (
        "no audio, which other recordings have",
        "no acoustic images, which are formed from audio",
    )
    assert archive[SECOND_ID].entry.streams == ("audio", "image", "video")


@pytest.mark.parametrize("frame", [f"{MAPS}/Data_2.mat", f"{AUDIO}/A_000002.npy", f"{VIDEO}/I_000002.jpeg"])
def test_a_pipe_in_place_of_a_frame_sets_the_recording_aside(root: Path, frame: str) -> None:
    put_pipe(root / frame)
    with ending_soon():
        (aside,) = import_avia(root).aside
    assert aside == SetAside(FIRST_ID, f"{root / frame}: a pipe or a device, expected a file")


def test_names_that_are_not_utf_8_are_made_printable(root: Path) -> None:
    odd = os.fsencode(root / "sync") + b"/Location_\xff"
    try:
        os.mkdir(odd)
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    for tree in ("matfiles", "sync"):  # a subject of the older release
        folder = root / tree / "Location_03"
        shutil.copytree(root / tree / FIRST, folder / "x/data_001")
        os.rename(folder / "x", os.fsencode(folder) + b"/05_Ren\xe9")
    result = import_avia(root)
    assert result.aside == (
        SetAside(r"sync/Location_\udcff", "its name is not of the form Location_01/Subject_01/Action_00"),
    )
    recording = result.archive["location-03-subject-05-action-01"]
    assert recording.sidecar.provenance["imported"]["folder"] == r"matfiles/Location_03/05_Ren\udce9/data_001"


def test_resampling_a_map_is_quick() -> None:
    short = noise_take(1).maps[0][:35, :47]
    align_map(short, "resample", "a map")
    start = time.perf_counter()
    for _ in range(20):
        align_map(short, "resample", "a map")
    assert time.perf_counter() - start < 0.2  # 13 ms here, and 0.7 s as one sum over both axes


def test_images_are_left_out_on_request(root: Path) -> None:
    shutil.rmtree(root / MAPS)
    result = import_avia(root, images="none")
    assert result.aside == ()
    assert {entry.streams for entry in result.archive.entries.values()} == {("audio", "video")}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"images": "some"}, "images is 'some', expected stored, formed or none"),
        ({"short_maps": "stretch"}, "short_maps is 'stretch', expected one of resample, pad-front, pad-end, set-aside"),
        ({"microphones": (4,)}, r"microphones is \(4,\), expected some of 0 to 3, each once"),
        ({"microphones": ()}, r"microphones is \(\)"),
        ({"microphones": (1, 1)}, r"microphones is \(1, 1\)"),
        ({"distance_m": 0.0}, r"distance is 0.0 m"),
    ],
)
def test_options_that_make_no_sense_are_refused(root: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(AcoustillError, match=says):
        plan_avia(root, FrameOptions(**({"rig": little_rig()} | options)))


def test_folders_that_are_not_avia_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match="no such folder"):
        plan_avia(tmp_path / "missing")
    (tmp_path / "empty" / "sync" / "Location_01").mkdir(parents=True)
    with pytest.raises(AcoustillError, match="no recording is there, expected folders as sync/Location_01/Subject_"):
        plan_avia(tmp_path / "empty")
    (tmp_path / "empty" / "sync" / "Location_01" / "Subject_00" / "Action_00").mkdir(parents=True)
    with pytest.raises(AcoustillError, match=r"no recording is there, .*subject is 0, expected 1 to 99"):
        plan_avia(tmp_path / "empty")
    with pytest.raises(AcoustillError, match="neither a folder matfiles nor a folder sync"):
        plan_avia(root / "sync")
    shutil.rmtree(root / "sync")
    with pytest.raises(AcoustillError, match="no recording has audio, from which images could be formed"):
        plan_avia(root, FrameOptions(images="formed"))


def test_going_on_with_other_options_is_refused(root: Path) -> None:
    import_avia(root)
    assert import_avia(root).written == 0
    with pytest.raises(AcoustillError, match="made with other settings"):
        import_avia(root, flip=True)
    shutil.rmtree(root / "matfiles")
    with pytest.raises(AcoustillError, match="made with other settings"):
        import_avia(root)


@pytest.mark.parametrize("ending", [".npy", ".dc", ".bmp"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_frames_are_errors_or_arrays(tmp_path: Path, ending: str, data: st.DataObject) -> None:
    path = tmp_path / f"A_000001{ending}"
    if ending == ".bmp":
        path.write_bytes(bitmap(np.arange(90, dtype=np.uint8).reshape(5, 6, 3)))
    else:
        write_audio(tmp_path, np.arange(12, dtype=np.int32).reshape(2, 6), 6, ending)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, min(len(raw), 130) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.one_of(st.none(), st.integers(0, len(raw))))])
    try:
        array = read_bitmap(path) if ending == ".bmp" else read_audio(path, 6, {1, 2})
    except AcoustillError as error:
        said = str(error)
    else:
        said = f"{path}: is an array"
        assert array.dtype == (np.uint8 if ending == ".bmp" else np.int32)
        assert array.shape[-1] == (3 if ending == ".bmp" else 6)
    assert said.startswith(f"{path}: ")


def test_the_command_takes_incomplete_recordings_if_told_to(tmp_path: Path, command) -> None:
    root = tmp_path / "avia"
    for place in (FIRST, SECOND):
        write_maps(root / "matfiles" / place / "MFCC_Image", noise_take(1).maps)
    write_pictures(root / "sync" / SECOND / "video", noise_take(1).pictures)
    ended = command("import", "avia", root, tmp_path / "complete")
    assert ended.status == 1
    assert "--incomplete takes it without" in ended.out + ended.err
    assert command("import", "avia", root, tmp_path / "all", "--incomplete").status == 0
    assert list(Archive(tmp_path / "all").entries) == [FIRST_ID, SECOND_ID]

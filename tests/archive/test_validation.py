"""Validation finds what is wrong, says of which kind it is, and finds only that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.archive import (
    Archive,
    ImageHeader,
    Problem,
    create_archive,
    finish_archive,
    recording_check,
    validate_archive,
    write_recording,
    writing_recording,
)
from acoustill.archive.contents import describe_archive
from acoustill.archive.pictures import encode_picture
from acoustill.archive.problem import KINDS
from acoustill.archive.recording import Recording
from acoustill.errors import AcoustillError
from acoustill.files import file_hash
from acoustill.imaging import ForeignImages
from small_archives import FRAMES, SAMPLES_PER_FRAME, little_rig, small_archive, streams


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return small_archive(tmp_path / "archive").path


def rewrite(archive: Path, recording: str, change: Callable[[dict], object], with_manifest: bool = True) -> None:
    """Changes a sidecar, and the manifest to match."""
    sidecar = archive / "recordings" / recording / "recording.json"
    content = json.loads(sidecar.read_text())
    change(content)
    sidecar.write_text(json.dumps(content))
    if with_manifest:
        finish_archive(archive)


def store(archive: Path, recording: str, stream: str, array: np.ndarray) -> None:
    """Puts another array in place of a stream, with a sidecar that says so."""
    path = archive / "recordings" / recording / f"{stream}.npy"
    np.save(path, array)

    def change(content: dict) -> None:
        stated = content["files"][stream]
        stated |= {"shape": array.shape, "dtype": str(array.dtype), "sha256": file_hash(path)}
        if stream == "audio":
            content["entry"]["content"] = stated["sha256"]

    rewrite(archive, recording, change)


def the_problem(archive: Path | str) -> Problem:
    (problem,) = validate_archive(archive)
    return problem


def found(archive: Path | str, **options: Any) -> list[tuple[str, str, str]]:
    return [(problem.recording, problem.kind, problem.what) for problem in validate_archive(archive, **options)]


# sound archives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_sound_archive_has_no_problem_and_progress_is_told(jobs: int, archive: Path) -> None:
    steps: list[int] = []
    assert validate_archive(archive, jobs, lambda: steps.append(1)) == []
    assert len(steps) == 3


@pytest.mark.parametrize("kept", [("audio",), ("image",), ("video",), ("audio", "video"), ("image", "video")])
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.int32])
def test_any_streams_of_any_type_can_be_sound(kept: tuple[str, ...], dtype: type, tmp_path: Path) -> None:
    path = small_archive(tmp_path / "archive", [{}]).path
    rng = np.random.default_rng(9)
    with writing_recording(path, "odd", SAMPLES_PER_FRAME) as writer:
        if "audio" in kept:
            samples = 5 * SAMPLES_PER_FRAME + 99  # a rest of less than a frame
            audio = writer.audio([2], samples, dtype, scale=0.5)
            audio.append_columns((1000 * rng.standard_normal((1, samples))).astype(dtype))
        if "image" in kept:
            writer.image(5, (3, 4, 2)).append(rng.random((5, 3, 4, 2)))
        if "video" in kept:
            video = writer.video()
            for frame in rng.integers(0, 256, (5, 16, 24, 3), dtype=np.uint8):
                video.append_encoded(encode_picture(frame, None))
    finish_archive(path)
    assert found(path) == []


# files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["audio.npy", "image.npy", "video.jpegs"])
@pytest.mark.parametrize("place", [-1, 200])
def test_a_changed_byte_is_found(name: str, place: int, archive: Path) -> None:
    path = archive / "recordings" / "r001" / name
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    what = f"{name} was changed: its hash is not the one of the sidecar"
    assert the_problem(archive) == Problem("r001", "hash", what)


@pytest.mark.parametrize("name", ["audio.npy", "image.npy", "video.jpegs"])
def test_a_missing_file_is_found(name: str, archive: Path) -> None:
    (archive / "recordings" / "r001" / name).unlink()
    assert the_problem(archive) == Problem("r001", "missing", f"{name} is missing")


def test_every_stream_is_checked_whatever_is_wrong_with_another(archive: Path) -> None:
    folder = archive / "recordings" / "r001"
    (folder / "audio.npy").unlink()
    image = streams(1)["image"]
    image[0] = np.nan
    store(archive, "r001", "image", image)
    assert [(kind, what) for _, kind, what in found(archive)] == [
        ("missing", "audio.npy is missing"),
        ("finite", "an acoustic image is not finite, the first is frame 0"),
    ]


def test_a_missing_sidecar_or_folder_is_found(archive: Path) -> None:
    (archive / "recordings" / "r001" / "recording.json").unlink()
    problem = the_problem(archive)
    assert (problem.recording, problem.kind) == ("r001", "missing")
    assert problem.what.endswith("recording.json: no such file")
    far = the_problem(f"file://{archive}")
    assert (far.recording, far.kind) == ("r001", "missing")
    shutil.rmtree(archive / "recordings" / "r001")
    assert the_problem(archive) == Problem("r001", "missing", "its folder is not there")
    shutil.rmtree(archive / "recordings")
    gone = "its folder is not there"
    assert found(archive) == [(recording, "missing", gone) for recording in ("r000", "r001", "r002")]


def test_a_broken_sidecar_is_found(archive: Path) -> None:
    (archive / "recordings" / "r001" / "recording.json").write_text("{}")
    problem = the_problem(archive)
    assert (problem.recording, problem.kind) == ("r001", "manifest")
    assert "recording.json: entry is missing" in problem.what


# shapes and lengths ---------------------------------------------------------------------------------------


def test_wrong_lengths_are_found(archive: Path) -> None:
    store(archive, "r000", "audio", streams(0)["audio"][:, :-100])
    store(archive, "r001", "image", streams(1)["image"][:-1])
    longer = np.concatenate([streams(2)["audio"], streams(3)["audio"][:, :SAMPLES_PER_FRAME]], axis=1)
    store(archive, "r002", "audio", longer)
    assert found(archive) == [
        ("r000", "frames", "audio.npy has 1100 samples, expected 1200 for 12 frames"),
        ("r001", "frames", "image.npy has 11 frames, expected 12, as the manifest states"),
        ("r002", "frames", "audio.npy has 1300 samples, expected 1200 for 12 frames"),
    ]


def test_arrays_of_other_shapes_and_types_are_found(archive: Path) -> None:
    store(archive, "r000", "audio", streams(0)["audio"][0])
    store(archive, "r001", "image", streams(1)["image"].astype(np.int16))
    store(archive, "r002", "image", streams(2)["image"][:, :2, :, :])
    assert found(archive) == [
        ("r000", "shape", "audio.npy is float32 (1200,), expected float32 or int16 or int32 (microphones, samples)"),
        ("r001", "shape", "image.npy is int16 (12, 3, 4, 2), expected float16 or float32 (frames, H, W, C)"),
        ("r002", "shape", "image.npy holds images of 2 x 4 x 2, but archive.json has a grid of 3 x 4"),
    ]


def test_channels_that_the_header_does_not_state_are_found(archive: Path) -> None:
    store(archive, "r001", "image", np.repeat(streams(1)["image"], 2, axis=3))
    what = "image.npy holds images of 3 x 4 x 4, but archive.json states 2 channels"
    assert the_problem(archive) == Problem("r001", "shape", what)


def test_an_array_that_is_not_the_stated_one_is_found(archive: Path) -> None:
    rewrite(archive, "r001", lambda content: content["files"]["image"].update(shape=[12, 3, 4, 1]))
    problem = the_problem(archive)
    assert problem.kind == "shape"
    assert "(12, 3, 4, 2)" in problem.what
    assert "expected float16 (12, 3, 4, 1), as its sidecar states" in problem.what


def test_images_unlike_the_others_are_found_where_no_grid_says_it(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    create_archive(path, little_rig(), ImageHeader(ForeignImages("AVIA"), None))
    rng = np.random.default_rng(0)
    for number, rows in enumerate((3, 3, 2, 3)):
        write_recording(path, f"r{number}", frames=4, image=rng.standard_normal((4, rows, 4, 2)))
    finish_archive(path)
    what = "its acoustic images are 2 x 4 x 2, those of most recordings 3 x 4 x 2"
    assert found(path) == [("r2", "shape", what)]


def test_images_of_which_nobody_knows_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    create_archive(path, little_rig())
    write_recording(path, "r", **streams(0))
    finish_archive(path)
    assert found(path) == [("r", "manifest", "archive.json does not say what the values of image.npy are")]


@pytest.mark.parametrize(
    ("microphones", "says"),
    [
        ([0], "audio.npy holds 2 channels, but its sidecar names 1"),
        ([3, 3], "audio.npy holds a microphone twice, as its sidecar says"),
        ([0, 4], "audio.npy holds microphone 4, but the rig has 0 to 3"),
        (None, "its sidecar does not say which microphones audio.npy holds"),
    ],
)
def test_microphones_that_cannot_be_are_found(microphones: list[int] | None, says: str, archive: Path) -> None:
    rewrite(archive, "r001", lambda content: content["files"]["audio"].update(microphones=microphones))
    assert the_problem(archive) == Problem("r001", "rig", says)


# signals --------------------------------------------------------------------------------------------------


def test_values_that_are_not_finite_are_found(archive: Path) -> None:
    audio, image = streams(1)["audio"], streams(2)["image"]
    audio[1, 60] = np.nan
    image[3, 1, 1, 0] = np.inf
    image[5, 0, 0, 0] = np.nan
    store(archive, "r001", "audio", audio)
    store(archive, "r002", "image", image)
    assert found(archive) == [
        ("r001", "finite", "1 sample of the audio is not finite: microphone 3, the first at 0.050 s"),
        ("r002", "finite", "2 acoustic images are not finite, the first is frame 3"),
    ]


def test_silence_is_found(archive: Path) -> None:
    audio = streams(1)["audio"]
    audio[1] = 0
    store(archive, "r001", "audio", audio)
    store(archive, "r002", "audio", np.zeros((2, 1200), np.float32))
    store(archive, "r002", "image", np.zeros((12, 3, 4, 2), np.float32))
    assert found(archive) == [
        ("r001", "silence", "microphone 3 is silent"),
        ("r002", "silence", "the whole recording is silent"),
        ("r002", "silence", "its acoustic images hold nothing but 0"),
    ]


@pytest.mark.parametrize(("scale", "lost"), [(1e300, "infinite"), (1e39, "infinite"), (1e-50, "zero"), (1e30, "")])
def test_a_scale_that_no_sample_survives_is_found(scale: float, lost: str, archive: Path) -> None:
    rewrite(archive, "r001", lambda content: content["files"]["audio"].update(scale=scale))
    problems = found(archive)
    assert [kind for _, kind, _ in problems] == (["finite"] if lost else [])
    assert all(f"audio.npy is {lost} as it is read: its scale is {scale:g}, its peak " in what for *_, what in problems)


def test_a_microphone_that_dies_half_way_is_found(tmp_path: Path) -> None:
    dying = streams(1, 36)
    dying["audio"][1, 1200:] = 0
    path = small_archive(tmp_path / "archive", [dying]).path
    what = "silent while others are not: microphone 3 for 2.00 s from 1.000 s on"
    assert the_problem(path) == Problem("r000", "silence", what)


@pytest.mark.parametrize("value", ["zero", "last"])
@pytest.mark.parametrize(("frames", "is_found"), [(12, True), (11, False)])
@pytest.mark.parametrize("block", [1, 1 << 23])
def test_images_that_freeze_while_the_sound_goes_on_are_found(
    value: str, frames: int, is_found: bool, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_check, "BLOCK_BYTES", block)
    frozen, padded, steady = streams(1, 36), streams(2, 36), streams(3, 36)
    for taken in (frozen, padded, steady):
        taken["image"][20 : 20 + frames] = 0 if value == "zero" else taken["image"][20]
    padded["audio"][:, 2000 : 2000 + 100 * frames] = 0
    steady["audio"] = np.sin(2 * np.pi * np.arange(3600) / 50 + [[0], [1]]).astype(np.float32)
    path = small_archive(tmp_path / "archive", [frozen, padded, steady, {"audio": None, "microphones": ()}]).path
    what = f"its acoustic images stand still for {frames} frames from frame 20 on"
    assert found(path) == ([("r000", "stuck", what)] if is_found else [])


def test_stuck_and_clipped_channels_are_found(archive: Path) -> None:
    equal, clipped = streams(1)["audio"], streams(2)["audio"]
    equal[1] = equal[0]
    clipped[0, 300:312] = 7.5
    store(archive, "r001", "audio", equal)
    store(archive, "r002", "audio", clipped)
    assert found(archive) == [
        ("r001", "stuck", "microphones 0 and 3 hold the same samples"),
        ("r002", "clipping", "clips: microphone 0 12 samples, the first at 0.250 s"),
    ]


def test_a_broken_microphone_may_be_silent_stuck_and_clipped(archive: Path) -> None:
    audio = streams(1)["audio"]
    for recording, values in (("r000", 0.0), ("r001", 0.5), ("r002", np.where(np.arange(1200) < 12, 9.0, audio[1]))):
        spoilt = streams(int(recording[1:]))["audio"]
        spoilt[1] = values  # microphone 3 of the rig
        store(archive, recording, "audio", spoilt)
    assert [kind for _, kind, _ in found(archive)] == ["silence", "stuck", "clipping"]
    rig = archive / "rig.yaml"
    rig.write_text(rig.read_text().replace("broken: []", "broken: [3]"))
    assert found(archive) == []


@pytest.mark.parametrize(
    ("lag", "says"), [(5, "run 5 frames behind the audio"), (-1, "run 1 frame ahead of the audio"), (0, "")]
)
def test_images_that_run_ahead_or_behind_are_found(lag: int, says: str, tmp_path: Path) -> None:
    frames, rng = 96, np.random.default_rng(1)
    loudness = 10 ** np.repeat(rng.uniform(-2, 2, frames), 1)
    audio = rng.standard_normal((2, frames * SAMPLES_PER_FRAME)) * np.sqrt(np.repeat(loudness, SAMPLES_PER_FRAME))
    image = np.roll(loudness, lag)[:, None, None, None] * rng.uniform(0.5, 1.5, (frames, 3, 4, 2))
    path = tmp_path / "archive"
    shifted = streams(0, frames) | {"audio": audio.astype(np.float32), "image": image.astype(np.float32)}
    small_archive(path, [shifted])
    expected = [("r000", "synchrony", f"its acoustic images {says}")] if lag else []
    assert found(path) == expected


# pictures -------------------------------------------------------------------------------------------------


def test_broken_frames_are_found(archive: Path) -> None:
    folder = archive / "recordings" / "r001"
    path = folder / "video.jpegs"
    offsets = Recording(folder).sidecar.files["video"].offsets
    assert offsets is not None
    content = bytearray(path.read_bytes())
    for frame in (4, 9):
        content[offsets[frame] : offsets[frame] + 40] = bytes(40)
    path.write_bytes(content)
    rewrite(archive, "r001", lambda content: content["files"]["video"].update(sha256=file_hash(path)))
    what = "frame 4 of the video is broken (neither JPEG nor PNG), and 1 more are"
    assert the_problem(archive) == Problem("r001", "picture", what)


@pytest.mark.parametrize(
    ("offsets", "kind"),
    [
        (None, "frames"), ([], "frames"), ([0], "frames"), ("shorter", "frames"), ("longer", "frames"),
        ("backwards", "picture"), ("empty", "picture"), ("late", "picture"), ("beyond", "picture"),
    ],
)  # fmt: skip
def test_offsets_that_cannot_be_are_found(offsets: object, kind: str, archive: Path) -> None:
    def change(content: dict) -> None:
        stated = content["files"]["video"]
        right = stated["offsets"]
        stated["offsets"] = {
            "shorter": [*right[:5], right[-1]],
            "longer": [*right, right[-1]],
            "backwards": [0, *right[-2:0:-1], right[-1]],
            "empty": [0, 0, *right[2:]],
            "late": [1, *right[1:]],
            "beyond": [*right[:-1], 2**70],
        }.get(offsets, offsets) if isinstance(offsets, str) else offsets  # fmt: skip

    rewrite(archive, "r001", change)
    problem = the_problem(archive)
    assert (problem.recording, problem.kind) == ("r001", kind)


def test_frames_of_another_size_are_found(archive: Path) -> None:
    rewrite(archive, "r001", lambda content: content["files"]["video"].update(shape=[12, 16, 23, 3]))
    what = "frame 0 of the video is 16 x 24, expected 16 x 23, and 11 more are of other sizes"
    assert the_problem(archive) == Problem("r001", "picture", what)


def test_an_empty_video_is_found(archive: Path) -> None:
    path = archive / "recordings" / "r001" / "video.jpegs"
    path.write_bytes(b"")
    rewrite(archive, "r001", lambda c: c["files"]["video"].update(sha256=file_hash(path), offsets=[0] * 13))
    assert the_problem(archive).kind == "picture"


# recordings beside each other -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shared", "says"),
    [
        (("audio",), "its audio is that of r001"),
        (("image",), "its acoustic images are those of r001"),
        (("video",), "its video is that of r001"),
        (("audio", "image", "video"), "its audio, acoustic images and video are those of r001"),
    ],
)
def test_equal_content_is_found_in_any_stream(shared: tuple[str, ...], says: str, archive: Path) -> None:
    twin = streams(1)
    write_recording(archive, "r003", **(streams(3) | {name: twin[name] for name in shared}), label="clap")
    finish_archive(archive)
    assert the_problem(archive) == Problem("r003", "duplicate", says)


def test_equal_content_under_other_labels_is_said(archive: Path) -> None:
    write_recording(archive, "r003", **streams(1), label="door")
    write_recording(archive, "r004", **(streams(1) | {"audio": streams(2)["audio"]}))
    finish_archive(archive)
    assert found(archive) == [
        ("r003", "duplicate", "its audio, acoustic images and video are those of r001 ('door' here, 'clap' there)"),
        ("r004", "duplicate", "its audio is that of r002 (no label here, 'clap' there)"),
        ("r004", "duplicate", "its acoustic images and video are those of r001 (no label here, 'clap' there)"),
    ]


def test_streams_that_tell_nothing_are_no_duplicates(tmp_path: Path) -> None:
    still = np.repeat(streams(7)["video"][:1], FRAMES, axis=0)
    nothing = {"audio": np.zeros((2, 1200), np.float32), "video": still}
    path = small_archive(tmp_path / "archive", [nothing, nothing]).path
    assert [(recording, kind) for recording, kind, _ in found(path)] == [("r000", "silence"), ("r001", "silence")]


def test_what_lies_beside_is_found(archive: Path) -> None:
    write_recording(archive, "r003", **streams(3))
    folder = archive / "recordings"
    (folder / "notes.txt").write_text("x")
    (folder / ".r009.123.part").mkdir()
    (archive / ".manifest.jsonl.123.part").write_text("x")
    (folder / "r001" / "extra.wav").write_text("x")
    (folder / "r001" / ".recording.json.123.part").write_text("x")
    (folder / "r001" / ".DS_Store").write_text("x")
    (folder / ".thumbs").mkdir()
    (archive / "notes.md").write_text("x")
    (archive / "teachers").mkdir()
    (archive / "set-aside.jsonl").write_text("")
    assert found(archive) == [
        ("r001", "manifest", ".DS_Store does not belong into its folder"),
        (
            "r001",
            "manifest",
            ".recording.json.123.part was left behind when something was interrupted; remove it",
        ),
        ("r001", "manifest", "extra.wav does not belong into its folder"),
        (".manifest.jsonl.123.part", "manifest", "was left behind when something was interrupted; remove it"),
        ("notes.md", "manifest", "does not belong into an archive"),
        (".r009.123.part", "manifest", "was left behind when a writer was interrupted; remove it"),
        (".thumbs", "manifest", "its folder is not in the manifest"),
        ("notes.txt", "manifest", "its file is not in the manifest"),
        ("r003", "manifest", "its folder is not in the manifest"),
    ]


def test_a_sidecar_that_differs_from_the_manifest_is_found(archive: Path) -> None:
    rewrite(archive, "r001", lambda content: content["entry"].update(label="door"), with_manifest=False)
    assert the_problem(archive) == Problem("r001", "manifest", "its sidecar and the manifest differ")


def test_a_sidecar_that_is_not_the_one_of_the_manifest_is_found_and_the_rest_checked(archive: Path) -> None:
    path = archive / "recordings" / "r001" / "audio.npy"
    np.save(path, np.zeros((2, 1200), np.float32))
    changes = {"sha256": file_hash(path)}
    rewrite(archive, "r001", lambda content: content["files"]["audio"].update(changes), with_manifest=False)
    changed = ("r001", "manifest", "recording.json was changed since the manifest was written")
    assert found(f"file://{archive}") == [changed]
    assert found(archive)[0] == changed
    assert ("r001", "silence", "the whole recording is silent") in found(archive)


def test_a_sidecar_whose_bytes_alone_were_changed_is_found(archive: Path) -> None:
    path = archive / "recordings" / "r001" / "recording.json"
    path.write_text(path.read_text() + "\n")
    what = "recording.json was changed since the manifest was written"
    assert the_problem(archive) == Problem("r001", "manifest", what)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "line 1 is not JSON"),
        ('{"name": "a", "why": "b"}\n[1]\n', "line 2 is '[1]', expected a name and why, both text"),
        ('{"name": "a"}\n', "line 1 is"),
        ('{"name": "a", "why": 3}\n', "line 1 is"),
        ('{"name": "a", "why": "b"}\n', ""),
    ],
)
def test_a_broken_list_of_what_was_set_aside_is_found(content: str, says: str, archive: Path) -> None:
    (archive / "set-aside.jsonl").write_text(content)
    problems = validate_archive(archive)
    expected = [("set-aside.jsonl", "manifest")] if says else []
    assert [(problem.recording, problem.kind) for problem in problems] == expected
    assert all(says in problem.what for problem in problems)


def test_streams_that_are_stated_but_not_there_are_found(archive: Path) -> None:
    rewrite(archive, "r000", lambda content: content["files"].pop("image"))
    rewrite(archive, "r001", lambda content: content["entry"].update(content="0" * 64))
    what = "its streams are not those that the manifest states"
    stray = ("r000", "manifest", "image.npy does not belong into its folder")
    assert found(archive) == [("r000", "manifest", what), stray, ("r001", "manifest", what)]


# many processes, far away, the command --------------------------------------------------------------------


def test_the_number_of_processes_changes_nothing(archive: Path) -> None:
    store(archive, "r000", "audio", np.zeros((2, 1200), np.float32))
    write_recording(archive, "r003", **streams(1), label="door")
    finish_archive(archive)
    (archive / "recordings" / "r002" / "image.npy").unlink()
    alone = found(archive)
    assert [(recording, kind) for recording, kind, _ in alone] == [
        ("r000", "silence"), ("r002", "missing"), ("r003", "duplicate"),
    ]  # fmt: skip
    assert found(archive, jobs=2) == alone


def test_an_archive_far_away_is_checked(archive: Path) -> None:
    address = f"file://{archive}"
    assert found(address) == []
    changed = archive / "recordings" / "r001" / "audio.npy"
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    (archive / "recordings" / "r002" / "video.jpegs").unlink()
    finish_archive(archive, [])
    manifest = archive / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("office", "garden"))  # another archive: nothing is cached of it
    kinds = [(recording, kind) for recording, kind, _ in found(address)]
    assert kinds == [
        ("r000", "manifest"), ("r001", "manifest"), ("r001", "hash"), ("r002", "manifest"), ("r002", "missing"),
    ]  # fmt: skip


def test_a_changed_copy_in_the_cache_is_named(archive: Path) -> None:
    address = f"file://{archive}"
    copy = Archive(address)["r001"].file("audio")
    copy.write_bytes(copy.read_bytes()[:-1] + b"x")
    problem = the_problem(address)
    assert (problem.recording, problem.kind) == ("r001", "hash")
    assert str(copy) in problem.what
    copy.unlink()
    assert found(address) == []


def test_the_command_prints_a_table_and_counts(archive: Path, command: Callable) -> None:
    ended = command("validate", archive)
    assert (ended.status, ended.out) == (0, f"{archive}: 0 problems in 3 recordings\n")
    store(archive, "r001", "audio", np.zeros((2, 1200), np.float32))
    (archive / "recordings" / "r002" / "image.npy").unlink()
    ended = command("validate", archive, "--jobs", 2)
    assert ended.status == 1
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert lines == [
        "recording kind what",
        "r001 silence the whole recording is silent",
        "r002 missing image.npy is missing",
        f"{archive}: 2 problems in 3 recordings: missing 1, silence 1",
    ]
    assert "Traceback" not in ended.err


def test_kinds_that_are_normal_are_allowed(archive: Path, command: Callable) -> None:
    store(archive, "r001", "audio", np.zeros((2, 1200), np.float32))
    ended = command("validate", archive, "--allow", "clipping, silence")
    assert ended.status == 0
    assert ended.out == f"{archive}: 1 problem in 3 recordings: silence 1 (allowed)\n"
    assert command("validate", archive, "--allow", "stuck").status == 1
    ended = command("validate", archive, "--allow", "silence,noise")
    assert ended.status == 2
    assert ended.err == f"acoustill: validate: --allow is 'noise', expected some of {', '.join(KINDS)}\n"


def test_the_command_speaks_json(archive: Path, command: Callable) -> None:
    store(archive, "r001", "audio", np.zeros((2, 1200), np.float32))
    ended = command("validate", f"file://{archive}", "--json")
    assert ended.status == 1
    assert json.loads(ended.out) == {
        "archive": f"file://{archive}",
        "recordings": 3,
        "sound": False,
        "refused": 1,
        "allowed": [],
        "problems": [{"recording": "r001", "kind": "silence", "what": "the whole recording is silent"}],
    }
    (archive / "recordings" / "r002" / "image.npy").unlink()
    told = json.loads(command("validate", archive, "--json", "--allow", "silence,clipping").out)
    assert (told["allowed"], told["refused"], told["sound"], len(told["problems"])) == (
        ["clipping", "silence"], 1, False, 2,
    )  # fmt: skip
    ended = command("validate", archive, "--json", "--allow", "silence,missing")
    assert (ended.status, json.loads(ended.out)["sound"]) == (0, True)


def test_names_are_printed_as_they_are(archive: Path, command: Callable) -> None:
    (archive / "recordings" / "[red]x\x1b[31m").mkdir()
    ended = command("validate", archive)
    assert "[red]x\N{REPLACEMENT CHARACTER}[31m" in ended.out
    assert "\x1b" not in ended.out


# anything in the files ------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from([2**70, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def mutated(content: object, data: st.DataObject) -> object:
    """A JSON value with one part, anywhere inside, replaced, taken out or added."""
    if isinstance(content, dict) and content and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(content)))
        return content | {key: mutated(content[key], data)}
    if isinstance(content, list) and content and data.draw(st.integers(0, 4)):
        i = data.draw(st.integers(0, len(content) - 1))
        return [*content[:i], mutated(content[i], data), *content[i + 1 :]]
    if isinstance(content, dict) and content and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(content)))
        return {name: value for name, value in content.items() if name != key}
    return data.draw(json_values)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_archive(tmp_path_factory.mktemp("fuzz") / "archive").path


@pytest.mark.parametrize("name", ["manifest.jsonl", "archive.json", "recordings/r001/recording.json"])
@given(data=st.data())
def test_changed_descriptions_give_one_error_or_problems(name: str, fuzzed: Path, data: st.DataObject) -> None:
    path = fuzzed / name
    kept = path.read_bytes()
    if name == "manifest.jsonl":
        lines = kept.decode().splitlines()
        lines[1] = json.dumps(mutated(json.loads(lines[1]), data))
        changed = "\n".join(lines).encode()
    else:
        changed = json.dumps(mutated(json.loads(kept), data)).encode()
    try:
        path.write_bytes(changed)
        look_through(fuzzed)
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize("name", ["manifest.jsonl", "archive.json", "rig.yaml", "recordings/r001/recording.json"])
@given(data=st.data())
def test_any_bytes_give_one_error_or_problems(name: str, fuzzed: Path, data: st.DataObject) -> None:
    path = fuzzed / name
    kept = path.read_bytes()
    start, stop = sorted(data.draw(st.integers(0, len(kept))) for _ in range(2))
    try:
        path.write_bytes(kept[:start] + data.draw(st.binary(max_size=30)) + kept[stop:])
        look_through(fuzzed)
    finally:
        path.write_bytes(kept)


def look_through(path: Path) -> None:
    complaint = "none"
    try:
        assert all(problem.kind in KINDS for problem in validate_archive(path))
        assert json.dumps(describe_archive(Archive(path)).to_json())
    except AcoustillError as error:
        complaint = str(error)
    assert complaint
    assert "\n" not in complaint

"""Validation finds what is wrong, and only that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.archive import Archive, Problem, finish_archive, validate_archive, write_recording
from acoustill.archive.archive import Recording
from acoustill.errors import AcoustillError
from acoustill.files import file_hash
from small_archives import small_archive, streams


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


def the_problem(archive: Path) -> Problem:
    (problem,) = validate_archive(archive)
    return problem


def test_a_sound_archive_has_no_problem_and_progress_is_told(archive: Path) -> None:
    steps: list[int] = []
    assert validate_archive(archive, lambda: steps.append(1)) == []
    assert len(steps) == 3


@pytest.mark.parametrize("name", ["audio.npy", "image.npy", "video.jpegs"])
@pytest.mark.parametrize("place", [-1, 200])
def test_a_changed_byte_is_found(name: str, place: int, archive: Path) -> None:
    path = archive / "recordings" / "r001" / name
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert the_problem(archive) == Problem("r001", f"{name} was changed: its hash is not the one of the sidecar")


@pytest.mark.parametrize("name", ["audio.npy", "image.npy", "video.jpegs"])
def test_a_missing_file_is_found(name: str, archive: Path) -> None:
    (archive / "recordings" / "r001" / name).unlink()
    assert the_problem(archive) == Problem("r001", f"{name} is missing")


def test_a_missing_folder_is_found(archive: Path) -> None:
    shutil.rmtree(archive / "recordings" / "r001")
    problem = the_problem(archive)
    assert problem.recording == "r001"
    assert problem.what.endswith("recording.json: no such file")
    shutil.rmtree(archive / "recordings")
    assert [problem.recording for problem in validate_archive(archive)] == ["r000", "r001", "r002"]


def test_samples_and_values_that_are_not_finite_are_found(archive: Path) -> None:
    audio, image = streams(1)["audio"], streams(2)["image"]
    audio[1, 70] = np.nan
    image[3, 1, 1, 0] = np.inf
    store(archive, "r001", "audio", audio)
    store(archive, "r002", "image", image)
    assert validate_archive(archive) == [
        Problem("r001", "audio holds samples that are not finite"),
        Problem("r002", "an acoustic image is not finite"),
    ]


def test_a_silent_channel_is_found(archive: Path) -> None:
    audio = streams(1)["audio"]
    audio[1] = 0
    store(archive, "r001", "audio", audio)
    assert the_problem(archive) == Problem("r001", "microphone 3 is silent")


def test_a_broken_microphone_may_be_silent(archive: Path) -> None:
    audio = streams(1)["audio"]
    audio[1] = 0  # microphone 3 of the rig
    store(archive, "r001", "audio", audio)
    rig = archive / "rig.yaml"
    rig.write_text(rig.read_text().replace("broken: []", "broken: [3]"))
    assert not validate_archive(archive)


def test_wrong_lengths_are_found(archive: Path) -> None:
    store(archive, "r000", "audio", streams(0)["audio"][:, :-100])
    store(archive, "r001", "image", streams(1)["image"][:-1])
    store(archive, "r002", "audio", streams(2)["audio"][0])
    assert validate_archive(archive) == [
        Problem("r000", "audio is of shape (2, 1100), expected 1200 samples of each microphone"),
        Problem("r001", "image.npy is of shape (11, 3, 4, 2), expected 12 frames"),
        Problem("r002", "audio is of shape (1200,), expected 1200 samples of each microphone"),
    ]


def test_a_broken_jpeg_is_found(archive: Path) -> None:
    folder = archive / "recordings" / "r001"
    path = folder / "video.jpegs"
    offsets = Recording(folder).sidecar.files["video"].offsets
    assert offsets is not None
    content = bytearray(path.read_bytes())
    content[offsets[4] : offsets[4] + 40] = bytes(40)
    path.write_bytes(content)
    rewrite(archive, "r001", lambda content: content["files"]["video"].update(sha256=file_hash(path)))
    assert "frame 4 of the video is broken" in the_problem(archive).what


@pytest.mark.parametrize("offsets", [None, [], [0], [0, 5], "shorter", "longer", "backwards"])
def test_offsets_that_cannot_be_are_found(offsets: object, archive: Path) -> None:
    def change(content: dict) -> None:
        stated = content["files"]["video"]
        right = stated["offsets"]
        stated["offsets"] = {
            "shorter": [*right[:5], right[-1]],
            "longer": [*right, right[-1]],
            "backwards": [0, *right[-2:0:-1], right[-1]],
        }.get(offsets, offsets) if isinstance(offsets, str) else offsets  # fmt: skip

    rewrite(archive, "r001", change)
    assert {problem.recording for problem in validate_archive(archive)} == {"r001"}


def test_frames_of_another_size_are_found(archive: Path) -> None:
    rewrite(archive, "r001", lambda content: content["files"]["video"].update(shape=[12, 16, 23, 3]))
    what = "video frames are of shape [(16, 24, 3)], expected (16, 23, 3)"
    assert the_problem(archive) == Problem("r001", what)


def test_an_empty_video_is_found(archive: Path) -> None:
    path = archive / "recordings" / "r001" / "video.jpegs"
    path.write_bytes(b"")
    rewrite(archive, "r001", lambda c: c["files"]["video"].update(sha256=file_hash(path), offsets=[0] * 13))
    assert "missing, or not as long as its sidecar states" in the_problem(archive).what


def test_equal_audio_is_found(archive: Path) -> None:
    write_recording(archive, "r003", **(streams(3) | {"audio": streams(1)["audio"]}))
    finish_archive(archive)
    assert the_problem(archive) == Problem("r003", "its audio is that of r001")


def test_a_stray_folder_is_found(archive: Path) -> None:
    write_recording(archive, "r003", **streams(3))
    (archive / "recordings" / "notes.txt").write_text("x")
    assert validate_archive(archive) == [
        Problem("notes.txt", "its folder is not in the manifest"),
        Problem("r003", "its folder is not in the manifest"),
    ]


def test_a_sidecar_that_differs_from_the_manifest_is_found(archive: Path) -> None:
    rewrite(archive, "r001", lambda content: content["entry"].update(label="door"), with_manifest=False)
    assert the_problem(archive) == Problem("r001", "its sidecar and the manifest differ")


def test_streams_that_are_stated_but_not_there_are_found(archive: Path) -> None:
    rewrite(archive, "r000", lambda content: content["files"].pop("image"))
    rewrite(archive, "r001", lambda content: content["entry"].update(content="0" * 64))
    what = "its streams are not those that the manifest states"
    assert validate_archive(archive) == [Problem("r000", what), Problem("r001", what)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
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
def test_changed_descriptions_give_one_error_or_an_archive(name: str, fuzzed: Path, data: st.DataObject) -> None:
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
        open_everything(fuzzed)
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize("name", ["manifest.jsonl", "archive.json", "rig.yaml", "recordings/r001/recording.json"])
@given(data=st.data())
def test_any_bytes_give_one_error_or_an_archive(name: str, fuzzed: Path, data: st.DataObject) -> None:
    path = fuzzed / name
    kept = path.read_bytes()
    start, stop = sorted(data.draw(st.integers(0, len(kept))) for _ in range(2))
    try:
        path.write_bytes(kept[:start] + data.draw(st.binary(max_size=30)) + kept[stop:])
        open_everything(fuzzed)
    finally:
        path.write_bytes(kept)


def open_everything(path: Path) -> None:
    complaint = "none"
    try:
        archive = Archive(path)
        assert len(archive.id) == 64
        assert archive.classes is not None
        assert archive.image_specification is None or archive.image_specification.bands is not None
        assert all(isinstance(problem, Problem) for problem in validate_archive(path))
    except AcoustillError as error:
        complaint = str(error)
    assert complaint
    assert "\n" not in complaint

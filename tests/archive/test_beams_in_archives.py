"""Beam spectra in archives: written, read, cut, checked; and the direction of a source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from acoustill.archive import (
    Archive,
    Clip,
    create_archive,
    finish_archive,
    read_clip,
    validate_archive,
    write_recording,
)
from acoustill.archive.contents import describe_archive
from acoustill.archive.writer import writing_recording
from acoustill.errors import AcoustillError
from acoustill.files import file_hash
from acoustill.imaging import BeamSpecification
from small_archives import FRAMES, SAMPLES_PER_FRAME, little_rig, small_archive, streams

SPECIFICATION = BeamSpecification(2, 3, steps=4, white_noise_gain_db=3.0)
SHAPE = (4, 2, 3, 26)
CAMERA = little_rig().camera  # 24 x 16 pixels


def beams_of(audio: np.ndarray, seed: int = 0) -> np.ndarray:
    """Noise that is as loud as the audio is in each frame."""
    frames = audio.shape[1] // SAMPLES_PER_FRAME
    level = audio.reshape(len(audio), frames, -1).std(axis=(0, 2))
    values = np.random.default_rng(seed).standard_normal((frames, *SHAPE, 2))
    return (100 * level[:, None, None, None, None, None] * values).astype(np.float16)


def simulated(**known: Any) -> dict[str, Any]:
    return {"provenance": {"simulated": known}}


def beam_archive(path: Path, *given: dict[str, Any], frames: int = FRAMES) -> Archive:
    create_archive(path, little_rig(), beams=SPECIFICATION)
    for number, one in enumerate(given or ({}, {})):
        audio = streams(number, frames)["audio"]
        arguments = {"audio": audio, "beams": beams_of(audio, number), "microphones": (0, 3), "frames": frames} | one
        write_recording(path, f"r{number:03d}", **arguments)
    finish_archive(path)
    return Archive(path)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return beam_archive(tmp_path / "archive")


def the_finding(archive: Path) -> tuple[str, str, str]:
    (problem,) = validate_archive(archive)
    return problem.recording, problem.kind, problem.what


def store(archive: Path, beams: np.ndarray) -> None:
    """Puts other beams in place of those of the first recording, with a sidecar that says so."""
    path = archive / "recordings" / "r000" / "beams.npy"
    np.save(path, beams)
    sidecar = path.parent / "recording.json"
    content = json.loads(sidecar.read_text())
    content["files"]["beams"] |= {"shape": beams.shape, "dtype": str(beams.dtype), "sha256": file_hash(path)}
    sidecar.write_text(json.dumps(content))
    finish_archive(archive)


# writing and reading --------------------------------------------------------------------------------------


def test_what_goes_in_comes_out(archive: Archive) -> None:
    assert archive.beams_specification == SPECIFICATION
    entry = archive.entries["r001"]
    assert entry.streams == ("audio", "beams")
    beams = archive["r001"].beams
    assert (beams.dtype, beams.shape) == (np.float16, (FRAMES, *SHAPE, 2))
    np.testing.assert_array_equal(beams, beams_of(streams(1)["audio"], 1))
    assert validate_archive(archive.path, jobs=2) == []
    assert json.loads((archive.path / "archive.json").read_text())["version"] == 3


def test_archives_without_beams_are_written_as_before(tmp_path: Path) -> None:
    bare = small_archive(tmp_path / "bare")
    header = json.loads((bare.path / "archive.json").read_text())
    assert header["version"] == 2
    assert "beams" not in header
    assert bare.beams_specification is None
    with pytest.raises(AcoustillError, match="r000: the recording has no beams"):
        _ = bare["r000"].beams


def test_beams_alone_and_block_by_block(tmp_path: Path) -> None:
    create_archive(tmp_path / "archive", little_rig(), beams=SPECIFICATION)
    beams = beams_of(streams(0)["audio"])
    with writing_recording(tmp_path / "archive", "alone", SAMPLES_PER_FRAME) as writer:
        stream = writer.beams(FRAMES, SHAPE)
        for block in np.split(beams, 3):
            stream.append(block)
    finish_archive(tmp_path / "archive")
    archive = Archive(tmp_path / "archive")
    entry = archive.entries["alone"]
    assert (entry.frames, entry.streams, entry.content) == (
        FRAMES,
        ("beams",),
        file_hash(archive["alone"].file("beams")),
    )
    np.testing.assert_array_equal(archive["alone"].beams, beams)
    assert validate_archive(archive.path) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"beams": np.zeros((5, *SHAPE, 2))}, "number of beams frames is 5, expected 12"),
        ({"beams": np.zeros((FRAMES, *SHAPE))}, r"shape of the beams is \(12, 4, 2, 3, 26\), expected \(frames, steps"),
        (
            {"beams": np.full((FRAMES, *SHAPE, 2), 7e4)},
            "beams is not finite, expected .*float16 holds them up to 65504",
        ),
    ],
)
def test_beams_that_cannot_be_kept(given: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match=says):
        beam_archive(tmp_path / "archive", given)
    assert not list((tmp_path / "archive" / "recordings").iterdir())


def test_an_archive_is_gone_on_with_only_with_equal_beams(archive: Archive, tmp_path: Path) -> None:
    create_archive(archive.path, little_rig(), beams=SPECIFICATION)
    for other in (None, BeamSpecification(3, 3, steps=4)):
        with pytest.raises(AcoustillError, match="other settings is there: its beam spectra are others; give another"):
            create_archive(archive.path, little_rig(), beams=other)
    bare = small_archive(tmp_path / "bare")
    with pytest.raises(AcoustillError, match="its beam spectra are others"):
        create_archive(bare.path, little_rig(), bare.image_header, beams=SPECIFICATION)


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"rows": "six"}, "archive.json: beams: rows"),
        ({"tilt": 1}, r"archive.json: beams is not a specification \('tilt' is not known\)"),
        ({"rows": 0}, r"beams is not a specification \(beam spectra: rows is 0, expected at least 1\)"),
        (7, "archive.json: beams is not a specification"),
    ],
)
def test_a_header_that_cannot_be_read(stated: object, says: str, archive: Archive) -> None:
    header = archive.path / "archive.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"beams": stated}))
    with pytest.raises(AcoustillError, match=says):
        _ = Archive(archive.path).beams_specification
    with pytest.raises(AcoustillError, match=says):
        validate_archive(archive.path)


def test_contents_know_the_stream(archive: Archive) -> None:
    contents = describe_archive(archive)
    assert contents.beams == SPECIFICATION.to_json()
    stream = contents.streams["beams"]
    assert (stream.recordings, stream.bytes) == (2, 2 * 2 * FRAMES * 4 * 2 * 3 * 26 * 2)
    assert (stream.types, stream.shapes) == ({"float16": 2}, {"4 x 2 x 3 x 26 x 2": 2})
    json.dumps(contents.to_json())


def test_beams_are_fetched_from_elsewhere(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACOUSTILL_CACHE", str(tmp_path / "cache"))
    fsspec.filesystem("memory").put(str(archive.path), "/bucket/beams", recursive=True)
    far = Archive("memory:///bucket/beams")
    assert far.id == archive.id
    np.testing.assert_array_equal(far["r000"].beams, archive["r000"].beams)
    assert not validate_archive("memory:///bucket/beams")


# clips ----------------------------------------------------------------------------------------------------


def test_clips_cut_beams_and_directions_at_the_same_instant(tmp_path: Path) -> None:
    pixels = [[frame + 0.5, 8.0] for frame in range(FRAMES)]
    archive = beam_archive(
        tmp_path / "archive", simulated(pixels=pixels, pixel=[6.0, 8.0]), simulated(pixel=[6.0, 4.0])
    )
    wanted = ["audio", "beams", "direction"]
    views = read_clip(archive["r000"], Clip("r000", 3, 5), wanted, SAMPLES_PER_FRAME, camera=CAMERA)
    assert list(views) == wanted
    assert (views["beams"].dtype, views["direction"].dtype) == (np.float16, np.float32)
    np.testing.assert_array_equal(views["beams"], archive["r000"].beams[3:8])
    views["beams"][:] = 0  # a copy
    assert archive["r000"].beams[3].any()
    np.testing.assert_allclose(views["direction"], [[(frame + 0.5) / 24, 0.5] for frame in range(3, 8)], rtol=1e-6)
    still = read_clip(archive["r001"], Clip("r001", 0, 2), ["direction"], SAMPLES_PER_FRAME, camera=CAMERA)
    np.testing.assert_array_equal(still["direction"], [[0.25, 0.25]] * 2)
    np.testing.assert_array_equal(archive["r000"].direction(CAMERA)[3:8], views["direction"])


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({}, "r000: nobody knows in which direction its source is"),
        (simulated(seed=[1]), "r000: nobody knows in which direction its source is"),
        ({"provenance": {"simulated": "yes"}}, "r000: nobody knows in which direction its source is"),
        (
            simulated(pixel=[1.0]),
            r"direction of its source is \[1.0\], expected one pixel \(column, row\), or one for each",
        ),
        (simulated(pixels=[[1.0, 2.0]] * 5), "direction of its source is .*one for each of 12 frames"),
        (simulated(pixel=["left", "up"]), r"direction of its source is \['left', 'up'\], expected"),
    ],
)
def test_directions_that_nobody_knows(known: dict[str, Any], says: str, tmp_path: Path) -> None:
    archive = beam_archive(tmp_path / "archive", known)
    with pytest.raises(AcoustillError, match=says):
        read_clip(archive["r000"], Clip("r000", 0, 2), ["direction"], SAMPLES_PER_FRAME, camera=CAMERA)


def test_directions_need_a_camera(tmp_path: Path) -> None:
    archive = beam_archive(tmp_path / "archive", simulated(pixel=[1.0, 2.0]))
    with pytest.raises(ValueError, match="directions are read with the rig's camera"):
        read_clip(archive["r000"], Clip("r000", 0, 2), ["direction"], SAMPLES_PER_FRAME)


def test_recordings_without_beams_are_named(archive: Archive) -> None:
    with pytest.raises(
        AcoustillError, match=r"recording r000: streams is \['audio', 'beams'\], expected also \['image'\]"
    ):
        archive.with_streams(["r000"], ["image", "beams", "direction"])
    assert len(archive.with_streams(["r000"], ["audio", "beams", "direction"])) == 1


# validation -----------------------------------------------------------------------------------------------


def test_beams_of_another_grid(archive: Archive) -> None:
    store(archive.path, np.ones((FRAMES, 4, 3, 2, 26, 2), np.float16))
    found = "beams.npy holds 4 spectra a frame of 3 x 2 beams and 26 bins"
    what = f"{found}, but archive.json states 4 spectra a frame of 2 x 3 beams and 26 bins"
    assert the_finding(archive.path) == ("r000", "shape", what)


def test_beams_of_another_type(archive: Archive) -> None:
    store(archive.path, np.ones((FRAMES, *SHAPE, 2), np.float32))
    recording, kind, what = the_finding(archive.path)
    assert (recording, kind) == ("r000", "shape")
    assert what.endswith("expected float16 (frames, steps, rows, columns, bins, 2)")


def test_beams_of_another_length(archive: Archive) -> None:
    store(archive.path, np.ones((FRAMES - 1, *SHAPE, 2), np.float16))
    assert the_finding(archive.path)[1:] == ("frames", "beams.npy has 11 frames, expected 12, as the manifest states")


def test_beams_that_are_not_finite(archive: Archive) -> None:
    beams = np.array(archive["r000"].beams)
    beams[4, 1, 0, 2, 7, 1] = np.nan
    store(archive.path, beams)
    what = "the beams of a frame are not finite, the first is frame 4"
    assert the_finding(archive.path) == ("r000", "finite", what)
    beams[9] = np.inf
    store(archive.path, beams)
    assert the_finding(archive.path)[2] == "the beams of 2 frames are not finite, the first is frame 4"


def test_beams_that_hold_nothing(archive: Archive) -> None:
    store(archive.path, np.zeros((FRAMES, *SHAPE, 2), np.float16))
    assert the_finding(archive.path) == ("r000", "silence", "its beams hold nothing but 0")


def test_beams_that_were_changed(archive: Archive) -> None:
    path = archive.path / "recordings" / "r000" / "beams.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    what = "beams.npy was changed: its hash is not the one of the sidecar"
    assert the_finding(archive.path) == ("r000", "hash", what)


def test_beams_that_the_header_says_nothing_of(archive: Archive) -> None:
    header = archive.path / "archive.json"
    content = json.loads(header.read_text())
    del content["beams"]
    header.write_text(json.dumps(content))
    assert [(one.kind, one.what) for one in validate_archive(archive.path)] == [
        ("manifest", "archive.json does not say what the values of beams.npy are")
    ] * 2


def test_beams_that_run_behind_the_audio(tmp_path: Path) -> None:
    frames = 60
    rng = np.random.default_rng(7)
    loud = rng.uniform(0.01, 1, frames).repeat(SAMPLES_PER_FRAME)
    audio = (loud * rng.standard_normal((2, frames * SAMPLES_PER_FRAME))).astype(np.float32)
    beams = beams_of(audio)
    archive = beam_archive(tmp_path / "archive", {"audio": audio, "beams": np.roll(beams, 3, axis=0)}, frames=frames)
    assert the_finding(archive.path) == ("r000", "synchrony", "its beams run 3 frames behind the audio")
    store(archive.path, beams)
    assert validate_archive(archive.path) == []


def test_equal_beams_in_two_recordings(tmp_path: Path) -> None:
    same = beams_of(streams(5)["audio"])
    archive = beam_archive(tmp_path / "archive", {"beams": same}, {"beams": same})
    assert the_finding(archive.path) == ("r001", "duplicate", "its beams are those of r000")

"""What is written to an archive is read from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.archive import Archive, ImageHeader, create_archive, finish_archive, write_recording
from acoustill.errors import AcoustillError
from acoustill.files import file_hash
from acoustill.imaging import ForeignImages
from acoustill.rig import preset
from small_archives import FRAMES, IMAGE_SPECIFICATION, little_rig, small_archive, start_archive, streams


def test_every_stream_comes_back(tmp_path: Path) -> None:
    given_streams = streams(5)
    # JPEG keeps smooth pictures, not noise.
    row, column = np.mgrid[:16, :24]
    given_streams["video"] = np.stack(
        [np.stack([row * 15, column * 10, np.full_like(row, 20 * t)], -1) for t in range(FRAMES)]
    ).astype(np.uint8)
    archive = start_archive(tmp_path / "archive")
    entry = write_recording(
        archive, "take-1.a_b", **given_streams, label="clap", scenario="office", subject="s1",
        columns={"fold": 3, "note": "windy", "level": -3.5, "empty": None}, provenance={"seed": 4, "of": ["a", None]},
    )  # fmt: skip
    assert finish_archive(archive) == 1
    opened = Archive(archive)
    assert opened.entries == {"take-1.a_b": entry}
    assert entry.streams == ("audio", "image", "video")
    assert entry.columns == {"fold": 3, "note": "windy", "level": -3.5, "empty": None}
    recording = opened["take-1.a_b"]
    np.testing.assert_array_equal(recording.audio, given_streams["audio"])
    np.testing.assert_array_equal(recording.image, given_streams["image"])
    assert recording.audio.dtype == np.float32
    assert recording.image.dtype == np.float16
    video = recording.video()
    assert video.shape == given_streams["video"].shape
    assert np.abs(video.astype(int) - given_streams["video"]).mean() < 6
    np.testing.assert_array_equal(recording.video(2, 9, 3), video[[2, 5, 8]])
    assert recording.sidecar.provenance == {"seed": 4, "of": ["a", None]}
    assert recording.sidecar.files["audio"].microphones == (0, 3)
    assert recording.entry == entry


@given(
    label=st.none() | st.text(min_size=1, max_size=12),
    columns=st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=8) | st.integers() | st.floats(allow_nan=False, allow_infinity=False), max_size=3),  # noqa: E501
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)),
)  # fmt: skip
def test_any_label_column_and_length_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    label: str | None,
    columns: dict[str, str | int | float | None],
    shape: tuple[int, int, int],
) -> None:
    microphones, frames, samples = shape
    archive = start_archive(tmp_path_factory.mktemp("archive") / "a")
    audio = np.random.default_rng(0).standard_normal((microphones, frames * samples)).astype(np.float32)
    entry = write_recording(
        archive, "r", frames=frames, audio=audio, microphones=range(microphones), label=label, columns=columns
    )
    finish_archive(archive)
    opened = Archive(archive)
    assert opened.entries["r"] == entry
    assert (entry.label, entry.columns, entry.streams) == (label, columns, ("audio",))
    np.testing.assert_array_equal(opened["r"].audio, audio)
    with pytest.raises(AcoustillError, match="the recording has no image"):
        _ = opened["r"].image


def test_rig_and_images_are_described(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    np.testing.assert_array_equal(archive.rig.positions_m, little_rig().positions_m)
    assert archive.image_specification == IMAGE_SPECIFICATION
    assert archive.image_header is not None
    assert archive.image_header.grid is not None
    np.testing.assert_allclose(archive.image_header.grid.points_m[0, 0], (-1, -1, 2))
    bare = tmp_path / "bare"
    create_archive(bare, little_rig())
    write_recording(bare, "r", frames=1, audio=np.ones((1, 100)), microphones=[0])
    finish_archive(bare)
    assert Archive(bare).image_header is None
    create_archive(tmp_path / "foreign", little_rig(), ImageHeader(ForeignImages("AVIA"), None))
    write_recording(tmp_path / "foreign", "r", frames=1, audio=np.ones((1, 100)), microphones=[0])
    finish_archive(tmp_path / "foreign")
    assert Archive(tmp_path / "foreign").image_header == ImageHeader(ForeignImages("AVIA", "mfcc"), None)


def test_equal_recordings_give_equal_bytes_and_ids(tmp_path: Path) -> None:
    first, second = small_archive(tmp_path / "a"), small_archive(tmp_path / "b")
    other = small_archive(tmp_path / "c", [{}, {}, {"label": "door"}])

    def bytes_of(folder: Path) -> dict[str, str]:
        return {str(p.relative_to(folder)): file_hash(p) for p in sorted(folder.rglob("*")) if p.is_file()}

    assert bytes_of(first.path) == bytes_of(second.path)
    assert first.id == second.id != other.id


def test_classes_are_sorted_and_leave_out_the_unlabelled(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "a", [{"label": "door"}, {"label": None}, {"label": "clap"}])
    assert archive.classes == ("clap", "door")
    assert len(archive) == 3


def test_the_manifest_is_sorted_by_id(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "a", [{"id": "b"}, {"id": "c"}, {"id": "a"}])
    assert list(archive.entries) == ["a", "b", "c"]


def test_streams_asked_for_must_be_there(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "a", [{}, {"video": None}])
    assert [entry.id for entry in archive.with_streams(["r000", "r001"], ["audio", "image"])] == ["r000", "r001"]
    with pytest.raises(
        AcoustillError, match=r"recording r001: streams is \['audio', 'image'\], expected also \['video'\]"
    ):
        archive.with_streams(["r000", "r001"], ["video"])
    with pytest.raises(AcoustillError, match="there is no recording 'r9'"):
        archive["r9"]
    with pytest.raises(AcoustillError, match="frame is 12, expected 0 to 11"):
        archive["r000"].frame(12)


def test_arrays_cannot_be_changed_through_the_archive(tmp_path: Path) -> None:
    recording = small_archive(tmp_path / "a")["r000"]
    with pytest.raises(ValueError, match="read-only"):
        recording.audio[0, 0] = 1


@pytest.mark.parametrize(
    "name", ["../evil", "a/b", "/tmp/evil", "..", ".", ".hidden", "", "a\\b", "a b", "a\n", "a\0", "x" * 201, "é"]
)
def test_ids_that_are_no_plain_names_are_refused(name: str, tmp_path: Path) -> None:
    archive = start_archive(tmp_path / "archive")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(AcoustillError, match=r"recording .*: id is "):
        write_recording(archive, name, **streams(0))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"audio": np.full((2, 1200), np.nan, np.float32)}, "audio is not finite"),
        ({"audio": np.zeros((3, 1200), np.float32)}, r"audio is of shape \(3, 1200\), expected 2 channels"),
        ({"audio": np.zeros(1200, np.float32)}, r"audio is of shape \(1200,\)"),
        ({"audio": np.zeros((2, 1201), np.float32)}, "12 whole frames"),
        ({"image": np.zeros((11, 3, 4, 2))}, "number of image frames is 11, expected 12"),
        ({"image": np.full((12, 3, 4, 2), np.inf)}, "image is not finite"),
        ({"video": np.zeros((13, 16, 24, 3), np.uint8)}, "number of video frames is 13, expected 12"),
        ({"frames": 0}, "frames is 0"),
        ({"label": 5}, "label is 5"),
        ({"columns": {"fold": np.nan}}, "columns.fold"),
        ({"columns": {"fold": [1]}}, "columns.fold"),
    ],
)
def test_recordings_that_cannot_be_right_are_refused(change: dict[str, object], complaint: str, tmp_path: Path) -> None:
    archive = start_archive(tmp_path / "archive")
    with pytest.raises(AcoustillError, match=complaint):
        write_recording(archive, "r", **(streams(0) | change))
    assert not list((archive / "recordings").iterdir())


def test_an_archive_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    start_archive(archive.path)
    for rig, image, maker in (
        (preset("uma16"), None, None),
        (little_rig(), None, None),
        (little_rig(), None, {"seed": 3}),
    ):
        with pytest.raises(AcoustillError, match="an archive made with other settings is there"):
            create_archive(archive.path, rig, image, maker)
    assert len(Archive(archive.path)) == 3


def test_an_object_array_is_not_unpickled(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    folder = archive.path / "recordings" / "r000"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "exploded"),)

    np.save(folder / "image.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(AcoustillError, match=r"array is .*'\|O'.*expected float16"):
        _ = archive["r000"].image
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"PK\5\6" + bytes(18), b"\x93NUMPY", b"hello", bytes(300)])
def test_what_is_no_array_is_refused(content: bytes, tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    (archive.path / "recordings" / "r000" / "audio.npy").write_bytes(content)
    with pytest.raises(AcoustillError, match=r"audio.npy: missing or not an array"):
        _ = archive["r000"].audio


def test_an_array_of_another_shape_or_type_is_refused(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    path = archive.path / "recordings" / "r000" / "audio.npy"
    for other in (np.zeros((2, 1199), np.float32), np.zeros((2, 1200))):
        np.save(path, other)
        with pytest.raises(AcoustillError, match=r"array is .*expected float32 \(2, 1200\)"):
            _ = archive["r000"].audio


def test_files_outside_the_recording_cannot_be_named(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    sidecar = archive.path / "recordings" / "r000" / "recording.json"
    for name in ("../r001/audio.npy", "/etc/passwd", "..", ""):
        content = json.loads(sidecar.read_text())
        content["files"]["audio"]["file"] = name
        sidecar.write_text(json.dumps(content))
        with pytest.raises(AcoustillError, match=r"files.audio.file is "):
            archive["r000"]

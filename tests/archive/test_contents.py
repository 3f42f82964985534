"""What is in an archive is counted right, from manifest and sidecars."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from acoustill.archive import Archive, ImageHeader, create_archive, finish_archive, write_recording, writing_recording
from acoustill.archive.contents import (
    AsideContents,
    ColumnContents,
    KeptMicrophones,
    Lengths,
    RigContents,
    StreamContents,
    describe_archive,
)
from acoustill.files import file_hash
from acoustill.imaging import ForeignImages
from acoustill.jobs import SetAside
from small_archives import SAMPLES_PER_FRAME, little_rig, small_archive, streams


def take(number: int, frames: int = 12, **more: object) -> dict:
    return {**streams(number, frames), "id": f"r{number:03d}", **more}


@pytest.fixture
def varied(tmp_path: Path) -> Archive:
    """Six recordings that differ in all that is counted."""
    return small_archive(
        tmp_path / "archive",
        [
            take(0, columns={"fold": 1, "weather": "dry"}),
            take(1, label="knock", columns={"fold": 2, "weather": None}),
            take(2, frames=24, scenario="garden", subject=None),
            take(3, label=None, scenario=None, subject="s2", columns={"fold": 10}),
            take(4, label=None, scenario="attic", image=None, video=None),
            take(5, audio=streams(0)["audio"], label="knock", scenario="garden", video=None, image=None),
        ],
    )


def test_everything_is_counted(varied: Archive) -> None:
    contents = describe_archive(varied)
    assert (contents.recordings, contents.labelled, contents.unlabelled) == (6, 4, 2)
    assert contents.seconds == 7.0
    assert contents.lengths == Lengths(1.0, 1.0, 2.0)
    assert contents.labels == {"clap": 2, "knock": 2}
    assert contents.subjects == {"s1": 4, "s2": 1}
    assert contents.scenarios == {"attic": 1, "garden": 2, "office": 2}
    assert contents.labels_by_scenario == {"clap": {"garden": 1, "office": 1}, "knock": {"garden": 1, "office": 1}}
    assert contents.unlabelled_by_scenario == {"attic": 1}
    assert contents.columns == {
        "fold": ColumnContents(3, 3, {"1": 1, "2": 1, "10": 1}),
        "weather": ColumnContents(1, 1, {"dry": 1}),
    }
    assert list(contents.columns["fold"].values or {}) == ["1", "2", "10"]  # by size
    assert contents.duplicates == 1
    assert contents.microphones == (KeptMicrophones((0, 3), 6),)
    assert contents.rig == RigContents("little", 4, (), 1200, 12.0)
    assert contents.image is not None
    assert (contents.image["features"], contents.image["bands"], contents.image["grid"]) == ("mel", 2, [3, 4])
    assert (contents.id, contents.created_by, contents.maker) == (varied.id, varied.created_by, {})
    assert contents.notes == {}
    assert contents.set_aside == contents.unreadable == AsideContents(0, ())


def test_sizes_are_those_of_the_files(varied: Archive) -> None:
    contents = describe_archive(varied)
    recordings = varied.path / "recordings"
    header = 128  # of a .npy file
    sizes = {
        "audio": sum(path.stat().st_size - header for path in recordings.glob("*/audio.npy")),
        "image": sum(path.stat().st_size - header for path in recordings.glob("*/image.npy")),
        "video": sum(path.stat().st_size for path in recordings.glob("*/video.jpegs")),
    }
    assert contents.streams == {
        "audio": StreamContents(6, sizes["audio"], {"float32": 6}, {"2 microphones": 6}),
        "image": StreamContents(4, sizes["image"], {"float16": 4}, {"3 x 4 x 2": 4}),
        "video": StreamContents(4, sizes["video"], {"uint8": 4}, {"16 x 24": 4}),
    }


def test_an_import_says_what_it_mended_and_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    create_archive(path, little_rig(), ImageHeader(ForeignImages("AVIA"), None), {"importer": "avia", "align": True})
    rng = np.random.default_rng(0)
    for number in range(3):
        with writing_recording(path, f"r{number}", SAMPLES_PER_FRAME) as writer:
            audio = writer.audio(range(number + 1), 300, np.int32, scale=2.0**-31)
            audio.append_columns(rng.integers(-9, 9, (number + 1, 300), dtype=np.int32))
            writer.note("clipped at the end")
            if number:
                writer.note("aligned")
    aside = [SetAside(f"Data_{i}.mat", "cut short") for i in range(7)]
    finish_archive(path, aside)
    contents = describe_archive(Archive(path))
    assert contents.notes == {"clipped at the end": 3, "aligned": 2}
    assert contents.set_aside == AsideContents(7, tuple(aside[:5]))
    assert contents.maker == {"importer": "avia", "align": True}
    assert contents.image == {"origin": "AVIA", "features": "mfcc", "grid": None}
    assert contents.streams["audio"].types == {"int32": 3}
    assert contents.streams["audio"].shapes == {"1 microphone": 1, "2 microphones": 1, "3 microphones": 1}
    assert contents.streams["audio"].bytes == 6 * 300 * 4
    assert [one.channels for one in contents.microphones] == [(0,), (0, 1), (0, 1, 2)]


def test_many_values_of_a_column_are_only_counted(tmp_path: Path) -> None:
    takes = [take(i, columns={"few": i % 8, "many": i}) for i in range(9)]
    columns = describe_archive(small_archive(tmp_path / "archive", takes)).columns
    assert columns["few"].values == {str(i): 2 if i == 0 else 1 for i in range(8)}
    assert columns["many"] == ColumnContents(9, 9, None)


def test_values_of_a_column_are_counted_by_their_text_as_protocols_read_them(tmp_path: Path) -> None:
    values: list[object] = [1, "1", 1.0, " 1 ", 1.5, "two", "", None]
    takes = [take(i, columns={"fold": value}) for i, value in enumerate(values)]
    columns = describe_archive(small_archive(tmp_path / "archive", takes)).columns
    assert columns["fold"] == ColumnContents(6, 3, {"1": 4, "1.5": 1, "two": 1})
    assert list(columns["fold"].values or {}) == ["1", "1.5", "two"]


def test_lines_of_the_list_of_what_was_set_aside_that_are_broken_do_not_hide_the_others(tmp_path: Path) -> None:
    path = small_archive(tmp_path / "archive").path
    (path / "set-aside.jsonl").write_text('{"name": "a", "why": "b"}\n{"name": "c"}\n7\n{"name": "d", "why": "e"}\n')
    contents = describe_archive(Archive(path))
    assert contents.set_aside == AsideContents(2, (SetAside("a", "b"), SetAside("d", "e")))
    assert contents.unreadable.count == 2
    assert contents.unreadable.first[0].why.endswith("line 2 is \"{'name': 'c'}\", expected a name and why, both text")


def test_sidecars_that_cannot_be_read_do_not_hide_the_rest(varied: Archive) -> None:
    (varied.path / "recordings" / "r001" / "recording.json").write_text("{")
    shutil.rmtree(varied.path / "recordings" / "r002")
    contents = describe_archive(Archive(varied.path))
    assert contents.recordings == 6
    assert contents.streams["audio"].recordings == 6
    assert contents.streams["audio"].types == {"float32": 4}
    assert contents.unreadable.count == 2
    assert [one.name for one in contents.unreadable.first] == ["r001", "r002"]


def test_an_archive_far_away_is_described_without_its_streams(varied: Archive) -> None:
    far = Archive(f"file://{varied.path}")
    assert describe_archive(far) == describe_archive(varied)
    assert far.path != varied.path
    assert not [path for path in far.path.rglob("*") if path.suffix in (".npy", ".jpegs")]


def test_the_description_is_json(varied: Archive) -> None:
    contents = describe_archive(varied)
    read_back = json.loads(json.dumps(contents.to_json()))
    assert set(read_back) >= {"recordings", "seconds", "streams", "labels", "subjects", "scenarios", "unlabelled"}
    assert read_back["labels"] == {"clap": 2, "knock": 2}
    assert read_back["streams"]["image"]["recordings"] == 4


def test_nothing_is_written(varied: Archive) -> None:
    before = {path: file_hash(path) for path in varied.path.rglob("*") if path.is_file()}
    describe_archive(varied)
    assert {path: file_hash(path) for path in varied.path.rglob("*") if path.is_file()} == before


def test_neither_validation_nor_description_needs_torch(tmp_path: Path) -> None:
    path = small_archive(tmp_path / "archive").path
    code = (
        "import sys\n"
        "from acoustill.__main__ import main\n"
        "archive, sheet = sys.argv[1:]\n"
        "for words in (['validate', archive], ['info', archive, '--pictures', sheet]):\n"
        "    sys.argv = ['acoustill', *words]\n"
        "    try:\n        main()\n    except SystemExit as end:\n        assert not end.code\n"
        "heavy = {'torch', 'matplotlib', 'lightning'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / "sheet.jpg")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_recordings_without_content_of_their_own_are_duplicates_of_the_first(tmp_path: Path) -> None:
    path = small_archive(tmp_path / "archive", [take(0), take(1)]).path
    for number in (2, 3):
        write_recording(path, f"r{number:03d}", **streams(0))
    finish_archive(path)
    assert describe_archive(Archive(path)).duplicates == 2

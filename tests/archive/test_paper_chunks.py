"""The paper's split, exactly: which chunks lie where, that it leaks, and that it is said to."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acoustill.archive import Archive, Clip, Entry, Protocol, Split, create_archive, refuse_overlap, split_archive
from acoustill.archive.clips import all_clips, random_clip, regular_clips
from acoustill.archive.importers.avia_names import avia_id
from acoustill.errors import AcoustillError
from acoustill.files import write_json_lines
from small_archives import little_rig

LOCATIONS, SUBJECTS, ACTIONS = 3, 9, 14
SECOND = 12  # frames
PAPER = Protocol(name="paper-chunks")
LABELLED = ("train", "validation", "test")


def take(location: int, subject: int, action: int, /, **given: Any) -> dict[str, Any]:
    """A line of the manifest; actions count from 0, the others from 1, as in AVIA."""
    number = (location * 100 + subject) * 100 + action
    usual = {
        "id": avia_id(location, subject, action),
        "label": f"action {action:02d}",
        "scenario": f"location {location}",
        "subject": f"subject {subject}",
        "frames": 30 * SECOND,
        "streams": ("audio",),
        "content": f"{number:064x}",
    }
    return Entry.model_validate(usual | given).model_dump(mode="json")


def avia(locations: int = LOCATIONS, **given: Any) -> list[dict[str, Any]]:
    return [
        take(location, subject, action, **given)
        for location in range(1, locations + 1)
        for subject in range(1, SUBJECTS + 1)
        for action in range(ACTIONS)
    ]


def archive_of(path: Path, lines: list[dict[str, Any]], importer: str | None = "avia") -> Archive:
    """An archive of which there is only what protocols look at: header, rig and manifest."""
    create_archive(path, little_rig(), maker={"importer": importer} if importer else None)
    write_json_lines(path / "manifest.jsonl", lines)
    return Archive(path)


def drawn_as_in_the_paper(recordings: list[str]) -> dict[str, set[tuple[str, int]]]:
    """What the paper's lists hold: files of one second, by recording and second, ten in a row."""
    files = [(recording, second) for recording in recordings for second in range(30)]
    starts = list(range(0, len(files), 10))
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(42)  # noqa: NPY002
    np.random.shuffle(starts)  # noqa: NPY002
    np.random.set_state(state)  # noqa: NPY002
    trained, validated = int(len(files) * 0.8 / 10), int(len(files) * 0.1 / 10)
    sides = (starts[:trained], starts[trained : trained + validated], starts[trained + validated :])
    return {
        side: {files[second] for start in part for second in range(start, start + 10)}
        for side, part in zip(LABELLED, sides, strict=True)
    }


def seconds_of(split: Split) -> dict[str, set[tuple[str, int]]]:
    """The seconds that each side may use."""
    assert split.chunks is not None
    return {
        side: {
            (chunk.recording, frame // SECOND)
            for chunk in split.chunks[side]
            for frame in range(chunk.start, chunk.start + chunk.frames, SECOND)
        }
        for side in LABELLED
    }


def shared_with_training(split: Split) -> tuple[int, int]:
    """Test chunks whose recording is trained on, and those both of whose siblings are."""
    assert split.chunks is not None
    trained = [chunk.recording for chunk in split.chunks["train"]]
    siblings = [trained.count(chunk.recording) for chunk in split.chunks["test"]]
    return sum(count > 0 for count in siblings), sum(count == 2 for count in siblings)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return archive_of(tmp_path_factory.mktemp("avia") / "archive", avia())


def test_of_one_location_it_is_the_papers(archive: Archive) -> None:
    split = split_archive(archive, Protocol(name="paper-chunks", scenario="location 2"))
    assert [len(split.chunks[side]) for side in LABELLED] == [302, 37, 39]  # type: ignore[index]
    assert shared_with_training(split) == (35, 23)
    assert split.leaks == pytest.approx(35 / 39)
    missing = set(archive.classes) - {archive.entries[recording].label for recording in split.test}
    assert missing == {"action 03", "action 10"}  # whistling and paper ripping
    ids = [recording for recording in archive.entries if recording.startswith("location-02")]
    assert seconds_of(split) == drawn_as_in_the_paper(ids)


def test_of_all_locations_it_is_the_papers(archive: Archive) -> None:
    split = split_archive(archive, PAPER)
    assert [len(split.chunks[side]) for side in LABELLED] == [907, 113, 114]  # type: ignore[index]
    assert shared_with_training(split) == (107, 70)
    assert split.leaks == pytest.approx(107 / 114)
    assert {archive.entries[recording].label for recording in split.test} == set(archive.classes)
    assert seconds_of(split) == drawn_as_in_the_paper(list(archive.entries))


def test_recordings_count_in_the_order_of_their_ids(tmp_path: Path, archive: Archive) -> None:
    mixed = archive_of(tmp_path / "archive", list(reversed(avia())))
    assert split_archive(mixed, PAPER).chunks == split_archive(archive, PAPER).chunks


def test_no_frame_is_on_two_sides(archive: Archive) -> None:
    seconds = seconds_of(split_archive(archive, PAPER))
    for one, other in combinations(seconds.values(), 2):
        assert not one & other


def test_there_is_one_fold(archive: Archive) -> None:
    with pytest.raises(AcoustillError, match=r"protocol\.fold is 1, expected 0, for there is one split only"):
        split_archive(archive, Protocol(name="paper-chunks", fold=1))


def test_what_short_recordings_lack_is_left_out_and_nothing_else_moves(tmp_path: Path, archive: Archive) -> None:
    """Of 25 s there are two chunks, of 12 s one, of 5 s none; those of others lie where they lay."""
    lines = avia()
    for i, seconds in ((4, 25), (100, 12), (200, 5), (300, 40)):
        lines[i]["frames"] = seconds * SECOND
    short = archive_of(tmp_path / "archive", lines)
    split, whole = split_archive(short, PAPER), split_archive(archive, PAPER)
    assert split.left_out == 1 + 2 + 3
    assert split.chunks is not None
    assert whole.chunks is not None
    gone = {chunk for side in LABELLED for chunk in set(whole.chunks[side]) - set(split.chunks[side])}
    ids = [line["id"] for line in lines]
    assert gone == {
        *(Clip(ids[4], 240, 120), Clip(ids[100], 120, 120), Clip(ids[100], 240, 120)),
        *(Clip(ids[200], start, 120) for start in (0, 120, 240)),
    }
    for side in LABELLED:
        assert set(split.chunks[side]) <= set(whole.chunks[side])
    assert any("6 of the paper's chunks are left out" in sentence for sentence in split.warnings(short))


def test_recordings_that_are_missing_move_no_other(tmp_path: Path, archive: Archive) -> None:
    lines = avia()
    missing = {lines[i]["id"] for i in (0, 77, 301)}
    fewer = archive_of(tmp_path / "archive", [line for line in lines if line["id"] not in missing])
    for protocol in (PAPER, Protocol(name="paper-chunks", scenario="location 1")):
        split, whole = split_archive(fewer, protocol), split_archive(archive, protocol)
        assert split.chunks is not None
        assert whole.chunks is not None
        for side in LABELLED:
            kept = tuple(chunk for chunk in whole.chunks[side] if chunk.recording not in missing)
            assert split.chunks[side] == kept
        assert split.left_out == (9 if protocol is PAPER else 6)


def test_recordings_that_are_not_avias_are_as_long_as_they_are(tmp_path: Path) -> None:
    lines = avia(1)
    for line in lines[:20]:
        line["frames"] = 9 * SECOND + 11
    for line in lines[20:40]:
        line["frames"] = 40 * SECOND + 5
    archive = archive_of(tmp_path / "archive", lines, importer=None)
    split = split_archive(archive, PAPER)
    assert split.left_out == 0
    count = 20 * 4 + (len(lines) - 40) * 3
    parts = [len(split.chunks[side]) for side in LABELLED]  # type: ignore[index]
    assert parts == [int(count * 0.8), int(count * 0.1), count - int(count * 0.8) - int(count * 0.1)]
    assert not {line["id"] for line in lines[:20]} & {*split.train, *split.validation, *split.test}


def test_it_says_that_it_leaks_how_much_and_which_classes_are_missing(archive: Archive) -> None:
    split = split_archive(archive, Protocol(name="paper-chunks", scenario="location 1"))
    leak, *missing = split.warnings(archive)
    assert "this split leaks" in leak
    assert "35 of 39 test chunks (90 %)" in leak
    assert "no chunk in test is of 'action 03', 'action 10'" in missing
    assert len(split_archive(archive, PAPER).warnings(archive)) == 1
    assert split_archive(archive, Protocol(name="subjects")).warnings(archive) == ()
    assert split_archive(archive, Protocol(name="subjects")).leaks == 0.0


def test_nobody_looped_recordings_that_are_not_avias(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "archive", avia(1), importer=None)
    split = replace(split_archive(archive, PAPER), left_out=3)
    assert "3 of the chunks are left out: their recordings end before them" in split.warnings(archive)
    assert not any("paper's code" in sentence for sentence in split.warnings(archive))


def test_unlabelled_recordings_are_not_dealt(tmp_path: Path, archive: Archive) -> None:
    """Those of subjects that are tested, and those of equal sound, are left out as by every protocol."""
    lines = avia()
    tested = split_archive(archive, PAPER).test[0]
    extra = [
        take(4, 1, 0, label=None),
        take(4, 99, 0, label=None),
        take(4, 99, 1, label=None, subject=None, content=archive.entries[tested].content),
        take(4, 99, 2, label=None, subject=None),
    ]
    split = split_archive(archive_of(tmp_path / "archive", lines + extra), PAPER)
    assert split.chunks == split_archive(archive, PAPER).chunks
    assert split.unlabelled == (extra[1]["id"], extra[3]["id"])


def test_chunks_of_one_original_may_be_on_several_sides_as_those_of_one_recording(tmp_path: Path) -> None:
    lines = [line | {"origin": f"day {number // 2}"} for number, line in enumerate(avia(1))]
    archive = archive_of(tmp_path / "archive", lines, importer=None)
    split = split_archive(archive, PAPER)
    assert split.chunks == split_archive(archive_of(tmp_path / "apart", avia(1), importer=None), PAPER).chunks
    refuse_overlap(archive, training=split.parts(archive, "train"), evaluation=split.parts(archive, "test"))
    spare = [take(4, 99, 0, label=None, subject=None, origin="day 0")]
    assert not split_archive(archive_of(tmp_path / "spare", lines + spare, importer=None), PAPER).unlabelled


def test_clips_stay_inside_the_chunks(archive: Archive) -> None:
    split = split_archive(archive, PAPER)
    rng = np.random.default_rng(0)
    for side in LABELLED:
        parts = split.parts(archive, side)
        regular = all_clips(archive, parts, 5 * SECOND)
        assert len(regular) == 2 * len(parts)
        for clip, part in zip(regular, [part for part in parts for _ in range(2)], strict=True):
            assert clip.recording == part.recording
            assert part.start <= clip.start < clip.stop <= part.stop
        starts = {(drawn := random_clip(parts[0], 110, rng)).start - parts[0].start for _ in range(300)}
        assert drawn.recording == parts[0].recording
        assert starts == set(range(11))
    with pytest.raises(AcoustillError, match=r"length is 120 frames.*, expected a clip's 121 or more"):
        regular_clips(parts[0], 121)


@pytest.mark.parametrize(
    ("protocol", "complaint"),
    [
        ({"scenario": "location 9"}, r"protocol.scenario is 'location 9', expected one of \['location 1'"),
        ({"scenario": "location 1"}, "number of chunks for protocol paper-chunks is 9, of 10 s each, expected at leas"),
    ],
)
def test_what_cannot_be_split_is_refused(protocol: dict[str, str], complaint: str, tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "archive", [take(1, 1, action) for action in range(3)], importer=None)
    with pytest.raises(AcoustillError, match=complaint):
        split_archive(archive, Protocol(name="paper-chunks", **protocol))  # type: ignore[arg-type]


def test_a_side_that_is_empty_is_refused(tmp_path: Path) -> None:
    """All of its chunks lie beyond the ends of recordings."""
    lines = [take(1, 1, action, frames=SECOND) for action in range(4)]
    with pytest.raises(AcoustillError, match="nothing is in train"):
        split_archive(archive_of(tmp_path / "archive", lines), PAPER)


# splits of parts --------------------------------------------------------------------------------------------


def parts(**sides: list[Clip]) -> Split:
    apart = {"train": [Clip("a", 0, 10)], "validation": [Clip("a", 10, 10)], "test": [Clip("a", 20, 10)]}
    return Split.of_chunks(apart | sides)


@pytest.fixture
def pair(tmp_path: Path) -> Archive:
    """`copy` holds the sound of `a`."""
    same = "0" * 64
    return archive_of(
        tmp_path / "pair",
        [take(1, 1, 0, id="a", frames=40, content=same), take(1, 1, 1, id="copy", frames=40, content=same)],
    )


def test_parts_that_touch_are_apart(pair: Archive) -> None:
    parts().check(pair)
    assert parts().leaks == 1.0


@pytest.mark.parametrize(
    ("sides", "complaint"),
    [
        ({"test": [Clip("a", 19, 5)]}, "frames 19 to 20 of recording a are in both validation and test"),
        ({"test": [Clip("a", 0, 40)]}, "frames 0 to 10 of recording a are in both train and test"),
        ({"test": [Clip("copy", 5, 3)]}, "a of train and copy of test hold the same audio"),
        ({"test": [Clip("a", 31, 10)]}, "recording a: clip is frames 31 to 41, expected within 0 to 40"),
        ({"test": [Clip("b", 0, 10)]}, "there is no recording 'b'"),
        ({"test": []}, "nothing is in test"),
    ],
)
def test_parts_that_overlap_in_recording_or_sound_are_refused(
    sides: dict[str, list[Clip]], complaint: str, pair: Archive
) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        parts(**sides).check(pair)


def test_equal_sound_at_other_times_is_no_overlap(pair: Archive) -> None:
    parts(test=[Clip("copy", 30, 10)]).check(pair)


def test_unlabelled_recordings_that_hold_a_chunk_are_refused(pair: Archive) -> None:
    chunks = parts(test=[Clip("copy", 30, 10)]).chunks
    assert chunks is not None
    with pytest.raises(AcoustillError, match="frames 0 to 10 of recording a are in both train and unlabelled"):
        Split.of_chunks(chunks, ["a"]).check(pair)

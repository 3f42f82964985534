"""Protocols split recordings without leaks."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from acoustill.archive import Archive, Entry, Protocol, Split, split_archive
from acoustill.errors import AcoustillError
from acoustill.files import write_json, write_json_lines

SUBJECTS = [f"s{i}" for i in range(6)]
SCENARIOS = ["anechoic", "office", "outdoor"]
CLASSES = ["clap", "door", "steps"]


def entry(number: int, **given_: Any) -> dict[str, Any]:
    usual = {"id": f"r{number:04d}", "frames": 60, "streams": ("audio",), "content": f"{number:064x}"}
    return Entry(**(usual | given_)).model_dump(mode="json")  # type: ignore[arg-type]


def of(path: Path, lines: list[dict[str, Any]]) -> Archive:
    """An archive of which there is only the manifest: all that protocols look at."""
    write_json(path / "archive.json", {"format": "acoustill-archive", "version": 1})
    write_json_lines(path / "manifest.jsonl", lines)
    return Archive(path)


def avia_like(path: Path, unlabelled: bool = True) -> Archive:
    """Every subject does everything everywhere; unlabelled takes of all subjects and of nobody, anywhere."""
    takes = [
        {"label": label, "scenario": scenario, "subject": subject, "columns": {"fold": 1 + i % 5}}
        for i, (scenario, subject, label) in enumerate(product(SCENARIOS, SUBJECTS, CLASSES))
    ]
    if unlabelled:
        takes += [
            {"scenario": scenario, "subject": subject}
            for scenario in (*SCENARIOS, "forest", None)
            for subject in (*SUBJECTS, "guest", None)
        ]
    return of(path, [entry(number, **take) for number, take in enumerate(takes)])


PROTOCOLS = [
    *(Protocol(name="recordings", fold=fold, folds=5, seed=seed) for fold in range(5) for seed in (0, 1)),
    *(Protocol(name="subjects", fold=fold, folds=folds) for folds in (3, 6) for fold in range(folds)),
    *(Protocol(name="scenarios", held_out=held, fold=fold) for held in SCENARIOS for fold in range(3)),
    *(Protocol(name="scenarios-and-subjects", held_out=held, fold=fold) for held in SCENARIOS for fold in range(3)),
    *(Protocol(name="fixed", fold=fold) for fold in range(5)),
]


KEEPS_SUBJECTS_APART = ("subjects", "scenarios", "scenarios-and-subjects")


def name_of(protocol: Protocol) -> str:
    return f"{protocol.name}-{protocol.held_out}-{protocol.fold}of{protocol.folds}-{protocol.seed}"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return avia_like(tmp_path_factory.mktemp("protocols"))


def values(archive: Archive, recordings: tuple[str, ...], name: str) -> set[Any]:
    return {getattr(archive.entries[recording], name) for recording in recordings}


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=name_of)
def test_what_every_protocol_promises(protocol: Protocol, archive: Archive) -> None:
    split = split_archive(archive, protocol)
    sides = [split.train, split.validation, split.test, split.unlabelled]
    for one, other in combinations(sides, 2):
        assert not set(one) & set(other)
    for side in sides:
        assert len(side) == len(set(side))
    for side in sides[:3]:
        assert values(archive, side, "label") == set(CLASSES)
    assert values(archive, split.unlabelled, "label") == {None}
    assert split == split_archive(Archive(archive.path), protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=name_of)
def test_unlabelled_recordings_are_of_nobody_and_nowhere_that_is_held(protocol: Protocol, archive: Archive) -> None:
    split = split_archive(archive, protocol)
    held = values(archive, split.validation + split.test, "subject")
    assert not values(archive, split.unlabelled, "subject") & held
    assert {None, "guest"} <= values(archive, split.unlabelled, "subject")
    assert protocol.held_out is None or protocol.held_out not in values(archive, split.unlabelled, "scenario")
    assert {None, "forest"} <= values(archive, split.unlabelled, "scenario")


@pytest.mark.parametrize("protocol", [p for p in PROTOCOLS if p.name not in ("recordings", "fixed")], ids=name_of)
def test_subjects_stay_on_one_side(protocol: Protocol, archive: Archive) -> None:
    split = split_archive(archive, protocol)
    sides = [values(archive, side, "subject") for side in (split.train, split.validation, split.test)]
    for one, other in combinations(sides, 2):
        assert not one & other


@pytest.mark.parametrize("protocol", [p for p in PROTOCOLS if p.held_out], ids=name_of)
def test_the_scenario_held_out_is_only_tested(protocol: Protocol, archive: Archive) -> None:
    split = split_archive(archive, protocol)
    others = set(SCENARIOS) - {protocol.held_out}
    assert values(archive, split.train, "scenario") == others
    assert values(archive, split.validation, "scenario") == others
    tested = {protocol.held_out} if protocol.name == "scenarios" else set(SCENARIOS)
    assert values(archive, split.test, "scenario") == tested


@pytest.mark.parametrize(
    "folds",
    [
        [Protocol(name="recordings", fold=fold, folds=4) for fold in range(4)],
        [Protocol(name="subjects", fold=fold, folds=3) for fold in range(3)],
        [Protocol(name="fixed", fold=fold) for fold in range(5)],
    ],
    ids=["recordings", "subjects", "fixed"],
)
def test_over_all_folds_everything_is_tested_once(folds: list[Protocol], archive: Archive) -> None:
    tested = [recording for protocol in folds for recording in split_archive(archive, protocol).test]
    labelled = [entry.id for entry in archive.entries.values() if entry.label]
    assert sorted(tested) == sorted(labelled)


@pytest.mark.parametrize("held_out", SCENARIOS)
def test_over_all_folds_everything_held_out_is_tested_once(held_out: str, archive: Archive) -> None:
    protocols = [Protocol(name="scenarios", held_out=held_out, fold=fold) for fold in range(3)]
    tested = [recording for protocol in protocols for recording in split_archive(archive, protocol).test]
    there = [entry.id for entry in archive.entries.values() if entry.label and entry.scenario == held_out]
    assert sorted(tested) == sorted(there)


def test_classes_and_scenarios_are_alike_in_every_fold_of_recordings(archive: Archive) -> None:
    for fold in range(3):
        split = split_archive(archive, Protocol(name="recordings", fold=fold))
        counts: dict[tuple[Any, Any], int] = {}
        for recording in split.test:
            there = archive.entries[recording]
            counts[there.label, there.scenario] = counts.get((there.label, there.scenario), 0) + 1
        assert set(counts.values()) == {2}
        assert len(counts) == 9


def test_the_seed_deals_anew(archive: Archive) -> None:
    for name in ("recordings", "subjects"):
        tests = {split_archive(archive, Protocol(name=name, seed=seed)).test for seed in range(5)}
        assert len(tests) > 1


def test_fixed_folds_are_those_of_the_column(archive: Archive) -> None:
    split = split_archive(archive, Protocol(name="fixed", fold=2))
    assert {archive.entries[recording].columns["fold"] for recording in split.test} == {3}
    assert {archive.entries[recording].columns["fold"] for recording in split.validation} == {4}
    assert {archive.entries[recording].columns["fold"] for recording in split.train} == {1, 2, 5}


def test_fixed_folds_count_in_numbers(tmp_path: Path) -> None:
    """Fold 10 comes after fold 9, not after fold 1."""
    lines = [entry(i, label=f"c{i % 2}", columns={"fold": 1 + i // 2}) for i in range(20)]
    split = split_archive(of(tmp_path, lines), Protocol(name="fixed", fold=1))
    assert split.test == ("r0002", "r0003")
    assert split.validation == ("r0004", "r0005")


def test_fixed_folds_may_be_whole_floats_as_tables_hold_them(tmp_path: Path) -> None:
    lines = [entry(i, label=f"c{i % 2}", columns={"fold": float(1 + i // 2)}) for i in range(20)]
    split = split_archive(of(tmp_path, lines), Protocol(name="fixed", fold=9))
    assert split.test == ("r0018", "r0019")
    assert split.validation == ("r0000", "r0001")


NAMED = [("train", "validation", "test"), ("Training", "VALID", "Testing"), ("train", "Val", "test")]


@pytest.mark.parametrize("names", NAMED, ids="-".join)
def test_fixed_sides_are_those_of_the_column(names: tuple[str, str, str], tmp_path: Path) -> None:
    """As in ACIVW, where some recordings are in no list."""
    sides = [names[0], names[0], names[1], names[2], None, "", names[2]]
    lines = [entry(i, label=f"c{i % 2}", columns={"list": sides[i // 2]}) for i in range(14)]
    split = split_archive(of(tmp_path, lines), Protocol(name="fixed", column="list"))
    assert split.train == ("r0000", "r0001", "r0002", "r0003")
    assert split.validation == ("r0004", "r0005")
    assert split.test == ("r0006", "r0007", "r0012", "r0013")


def test_recordings_without_the_column_are_not_used_beside_sides(tmp_path: Path) -> None:
    lines = [entry(i, label="clap", columns={"fold": side}) for i, side in enumerate(("train", "val", "test"))]
    split = split_archive(of(tmp_path, [*lines, entry(3, label="clap")]), Protocol(name="fixed"))
    assert "r0003" not in {*split.train, *split.validation, *split.test, *split.unlabelled}


def test_unlabelled_recordings_of_a_fixed_test_side_are_left_out(tmp_path: Path) -> None:
    for values in (("train", "val", "test"), (1, 2, 3)):
        lines = [entry(i, label="clap", columns={"fold": value}) for i, value in enumerate(values)]
        lines += [entry(3 + i, columns={"fold": value}) for i, value in enumerate((*values, None))]
        fold = 0 if "test" in values else 2  # then the validated fold is 1
        split = split_archive(of(tmp_path, lines), Protocol(name="fixed", fold=fold))
        free = ("r0003", "r0006") if fold == 0 else ("r0004", "r0006")
        assert split.unlabelled == free


@pytest.mark.parametrize(
    ("values", "protocol", "complaint"),
    [
        (("train", "val", "test"), {"fold": 1}, "protocol.fold is 1, expected 0, for there is one split only"),
        (("train", "val", "dev"), {}, "column 'fold' is 'dev' beside names of sides, expected folds alone, or sides"),
        (("train", "test", 3), {}, "column 'fold' is '3' beside names of sides"),
        (
            ("train", "test", "test"),
            {},
            "no recording of class 'clap' in validation by protocol fixed; give some .* co",
        ),
        (("one", "two", "three"), {"fold": 3}, "protocol.fold is 3, expected 0 to 2"),
    ],
)
def test_columns_that_are_neither_folds_nor_sides_are_refused(
    values: tuple[Any, ...], protocol: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    lines = [entry(i, label="clap", columns={"fold": value}) for i, value in enumerate(values)]
    with pytest.raises(AcoustillError, match=complaint):
        split_archive(of(tmp_path, lines), Protocol(name="fixed", **protocol))


def without(lines: list[dict[str, Any]], **given_: Any) -> list[dict[str, Any]]:
    """All but the recordings of which everything given is so."""
    return [line for line in lines if any(line[name] != value for name, value in given_.items())]


@pytest.mark.parametrize(
    ("protocol", "gone", "fold"),
    [
        ({"name": "subjects", "folds": 6}, {"label": "door", "subject": "s2"}, None),
        (
            {"name": "scenarios-and-subjects", "held_out": "office", "folds": 6},
            {"label": "door", "subject": "s4"},
            None,
        ),
        ({"name": "scenarios", "held_out": "office", "folds": 6}, {"label": "door", "subject": "s1"}, None),
        ({"name": "fixed"}, {"label": "door", "columns": {"fold": 4}}, 3),
    ],
)
def test_a_class_that_one_fold_lacks_is_refused_whichever_fold_is_asked_for(
    protocol: dict[str, Any], gone: dict[str, Any], fold: int | None, tmp_path: Path
) -> None:
    """So that nobody trains on some folds and finds out at the last that it cannot be tested."""
    whole = avia_like(tmp_path, unlabelled=False)
    lines = without([one.model_dump(mode="json") for one in whole.entries.values()], **gone)
    archive = of(tmp_path, lines)
    named = set()
    for tested in range(5 if protocol["name"] == "fixed" else 6):
        with pytest.raises(
            AcoustillError, match=r"no recording of class 'door' in (test|validation) of fold \d"
        ) as says:
            split_archive(archive, Protocol(**protocol, fold=tested))
        assert f"by protocol {protocol['name']}; " in str(says.value)
        assert str(says.value).endswith(("or add recordings of it",))
        if "in test of fold" in str(says.value):
            named.add(int(str(says.value).split("in test of fold ")[1].split()[0]))
    assert len(named) == 1
    assert fold is None or named == {fold}


def test_a_class_that_is_not_held_out_is_refused(tmp_path: Path) -> None:
    lines = [one.model_dump(mode="json") for one in avia_like(tmp_path, unlabelled=False).entries.values()]
    archive = of(tmp_path, without(lines, label="door", scenario="office"))
    with pytest.raises(AcoustillError, match="no recording of class 'door' in test of fold 1 by protocol scenarios;"):
        split_archive(archive, Protocol(name="scenarios", held_out="office", fold=1))


@given(counts=st.lists(st.integers(0, 4), min_size=4, max_size=4), folds=st.integers(3, 6), seed=st.integers(0, 5))
def test_a_class_of_as_many_recordings_as_folds_is_in_every_fold(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], folds: int, seed: int
) -> None:
    """However its recordings are spread over scenarios."""
    places = [f"place {i}" for i, count in enumerate(counts) for _ in range(count)]
    lines = [entry(i, label="clap", scenario=place) for i, place in enumerate(places)]
    lines += [entry(100 + i, label="door", scenario="place 0") for i in range(folds)]
    archive = of(tmp_path_factory.mktemp("spread"), lines)
    protocols = [Protocol(name="recordings", folds=folds, fold=fold, seed=seed) for fold in range(folds)]
    if 0 < len(places) < folds:
        for protocol in protocols:
            with pytest.raises(AcoustillError, match=r"'clap' in \w+ of fold \d"):
                split_archive(archive, protocol)
        return
    tested = [split_archive(archive, protocol).test for protocol in protocols]
    sizes = [sum(archive.entries[recording].label == "clap" for recording in side) for side in tested]
    assert sum(sizes) == len(places)
    assert max(sizes) - min(sizes) <= 1


def test_scenarios_without_subjects_are_split_by_recording(tmp_path: Path) -> None:
    lines = [
        entry(i, label=label, scenario=scenario)
        for i, (scenario, label, _) in enumerate(product(SCENARIOS, CLASSES, range(3)))
    ]
    archive = of(tmp_path, lines)
    split = split_archive(archive, Protocol(name="scenarios", held_out="office"))
    assert values(archive, split.test, "scenario") == {"office"}
    assert "office" not in values(archive, split.train + split.validation, "scenario")


@pytest.mark.parametrize(
    ("protocol", "complaint"),
    [
        ({"name": "recordings", "fold": 3}, "protocol.fold is 3, expected 0 to 2"),
        ({"name": "fixed", "fold": 5}, "protocol.fold is 5, expected 0 to 4"),
        ({"name": "fixed", "column": "place"}, "r0000: place is missing, expected a value for every recording"),
        ({"name": "subjects", "folds": 7}, "number of subjects is 6, expected at least 7"),
        ({"name": "scenarios"}, "protocol.held_out is None, expected one of"),
        ({"name": "scenarios", "held_out": "moon"}, "protocol.held_out is 'moon'"),
    ],
)
def test_protocols_that_the_archive_cannot_meet_are_refused(
    protocol: dict[str, Any], complaint: str, archive: Archive
) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        split_archive(archive, Protocol(**protocol))


@pytest.mark.parametrize(
    ("lines", "protocol", "complaint"),
    [
        ([{}, {}], {"name": "recordings"}, "no recording is labelled"),
        ([{"label": "clap"}] * 3, {"name": "subjects"}, "subject is missing"),
        ([{"label": "clap", "scenario": "office"}] * 3, {"name": "scenarios", "held_out": "office"}, "scenarios is 1"),
        (
            [{"label": "clap", "columns": {"fold": i % 2}} for i in range(4)],
            {"name": "fixed"},
            "number of folds in column 'fold' is 2, expected at least 3",
        ),
        ([{"label": "clap"}] * 2, {"name": "recordings"}, "no recording of class 'clap' in"),
        ([{"label": "clap"}] * 3 + [{"label": "door"}], {"name": "recordings"}, "no recording of class 'door' in"),
    ],
)
def test_archives_that_are_too_small_are_refused(
    lines: list[dict[str, Any]], protocol: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        split_archive(of(tmp_path, [entry(i, **line) for i, line in enumerate(lines)]), Protocol(**protocol))


@pytest.mark.parametrize(
    "wrong", [{"name": "random"}, {"name": "subjects", "folds": 2}, {"name": "subjects", "fold": -1}]
)
def test_unknown_rules_and_impossible_folds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Protocol(**wrong)


def test_equal_audio_on_two_sides_is_refused(tmp_path: Path) -> None:
    lines = [entry(i, label="clap", subject=f"s{i}") for i in range(3)]
    lines[2]["content"] = lines[0]["content"]
    with pytest.raises(AcoustillError, match=r"r000[02] of .* and r000[02] of .* hold the same audio"):
        split_archive(of(tmp_path, lines), Protocol(name="subjects"))


def test_an_unlabelled_copy_of_a_test_recording_is_left_out(tmp_path: Path) -> None:
    lines = [entry(i, label="clap") for i in range(3)] + [entry(i) for i in range(3, 9)]
    archive = of(tmp_path, lines)
    tested = split_archive(archive, Protocol(name="recordings")).test[0]
    lines[5]["content"] = archive.entries[tested].content
    split = split_archive(of(tmp_path, lines), Protocol(name="recordings"))
    assert split.unlabelled == ("r0003", "r0004", "r0006", "r0007", "r0008")


def test_a_split_of_another_archive_is_refused(archive: Archive) -> None:
    split = split_archive(archive, Protocol(name="recordings"))
    with pytest.raises(AcoustillError, match="there is no recording 'other'"):
        Split(("other",), split.validation, split.test).check(archive)


# subjects and equal content ---------------------------------------------------------------------------------


def changed(path: Path, changes: dict[int, dict[str, Any]]) -> Archive:
    lines = [entry.model_dump(mode="json") for entry in avia_like(path, unlabelled=False).entries.values()]
    for number, change in changes.items():
        lines[number] |= change
    return of(path, lines)


@pytest.mark.parametrize("name", KEEPS_SUBJECTS_APART)
def test_one_recording_without_a_subject_is_refused_where_subjects_are_kept_apart(name: str, tmp_path: Path) -> None:
    """It once made `scenarios` deal the whole archive by recording."""
    archive = changed(tmp_path, {17: {"subject": None}})
    protocol = Protocol(name=name, held_out=None if name == "subjects" else "office")  # type: ignore[arg-type]
    with pytest.raises(AcoustillError, match="recording r0017: subject is missing, expected a value for every record"):
        split_archive(archive, protocol)


def test_a_split_that_breaks_its_promise_of_subjects_is_refused(archive: Archive) -> None:
    for protocol in (p for p in PROTOCOLS if p.name in KEEPS_SUBJECTS_APART):
        split = split_archive(archive, protocol)
        assert split.subjects_apart
        moved, *rest = split.train
        subject = archive.entries[moved].subject
        for side in ("validation", "test"):
            wrong = replace(split, train=tuple(rest), **{side: (*getattr(split, side), moved)})  # type: ignore[arg-type]
            with pytest.raises(AcoustillError, match=f"subject '{subject}' is in both train and {side}"):
                wrong.check(archive)
    by_recording = split_archive(archive, Protocol(name="recordings"))
    assert not by_recording.subjects_apart
    by_recording.check(archive)


def test_subjects_that_are_tested_and_trained_on_are_counted(archive: Archive, tmp_path: Path) -> None:
    split = split_archive(archive, Protocol(name="recordings"))
    (sentence,) = split.warnings(archive)
    assert "18 of 18 test recordings (100 %) are of subjects, or cut from originals, that are also trained" in sentence
    of_their_own = {
        number: {"subject": f"only in {recording}"}
        for number, recording in enumerate(archive.entries)
        if recording in split.test[:9]
    }
    half = changed(tmp_path, of_their_own)
    (sentence,) = split_archive(half, Protocol(name="recordings")).warnings(half)
    assert "9 of 18 test recordings (50 %)" in sentence
    nobody = changed(tmp_path, {number: {"subject": None} for number in range(54)})
    for protocol in (Protocol(name="recordings"), Protocol(name="scenarios", held_out="office")):
        assert split_archive(nobody, protocol).warnings(nobody) == ()


@pytest.mark.parametrize("name", ["subjects", "scenarios-and-subjects"])
def test_unlabelled_recordings_of_nobody_known_are_counted(name: str, archive: Archive) -> None:
    held_out = "office" if name == "scenarios-and-subjects" else None
    split = split_archive(archive, Protocol(name=name, held_out=held_out))  # type: ignore[arg-type]
    unknown = sum(archive.entries[recording].subject is None for recording in split.unlabelled)
    (sentence,) = (sentence for sentence in split.warnings(archive) if "the subject is not known" in sentence)
    assert unknown == (5 if held_out is None else 4)
    assert f"of {unknown} of the {len(split.unlabelled)} unlabelled recordings the subject is not known" in sentence
    assert replace(split, unlabelled=()).warnings(archive) == ()


def test_unlabelled_recordings_of_nowhere_known_are_counted_where_a_scenario_is_held_out(archive: Archive) -> None:
    split = split_archive(archive, Protocol(name="scenarios", held_out="office"))
    unknown = sum(archive.entries[recording].scenario is None for recording in split.unlabelled)
    assert unknown
    (sentence,) = (sentence for sentence in split.warnings(archive) if "the scenario is not known" in sentence)
    assert sentence.startswith(f"of {unknown} of the {len(split.unlabelled)} unlabelled recordings the scenario is not")
    assert "they may be of 'office'" in sentence
    everywhere = split_archive(archive, Protocol(name="subjects"))
    assert not any("the scenario is not known" in sentence for sentence in everywhere.warnings(archive))


def test_recordings_of_equal_content_are_dealt_as_one(tmp_path: Path) -> None:
    """Of one class and of two, of one scenario and of two: never on two sides, and everything is tested once."""
    same = {number: {"content": "a" * 64} for number in (0, 1, 20, 40)} | {7: {"content": f"{30:064x}"}}
    archive = changed(tmp_path, same)
    twins = [{"r0000", "r0001", "r0020", "r0040"}, {"r0007", "r0030"}]
    for seed in range(5):
        tested: list[str] = []
        for fold in range(3):
            split = split_archive(archive, Protocol(name="recordings", fold=fold, seed=seed))
            for group in twins:
                assert sum(bool(group & set(side)) for side in (split.train, split.validation, split.test)) == 1
            tested += split.test
        assert sorted(tested) == sorted(archive.entries)


@pytest.mark.parametrize(
    ("name", "given_", "complaint"),
    [
        ("recordings", {"held_out": "office"}, "held_out 'office' is of no use to recordings; it is for scenarios and"),
        ("recordings", {"column": "list"}, "column 'list' is of no use to recordings; it is for fixed"),
        ("subjects", {"column": "list"}, "column 'list' is of no use to subjects"),
        ("subjects", {"held_out": "office"}, "held_out 'office' is of no use to subjects"),
        ("fixed", {"folds": 5}, "folds 5 is of no use to fixed; it is for recordings and subjects"),
        ("fixed", {"seed": 1}, "seed 1 is of no use to fixed"),
        ("fixed", {"held_out": "office"}, "held_out 'office' is of no use to fixed"),
        ("paper-chunks", {"seed": 42}, "seed 42 is of no use to paper-chunks"),
        ("paper-chunks", {"folds": 10}, "folds 10 is of no use to paper-chunks"),
        ("subjects", {"scenario": "office"}, "scenario 'office' is of no use to subjects; it is for paper-chunks"),
    ],
)
def test_settings_that_a_protocol_does_not_go_by_are_refused(name: Any, given_: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Protocol(name=name, **given_)


def test_a_protocol_that_states_every_setting_is_read_again() -> None:
    """As the configuration of a run does."""
    for protocol in PROTOCOLS:
        assert Protocol.model_validate(protocol.model_dump(mode="json")) == protocol


@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 53),
            st.fixed_dictionaries(
                {},
                optional={
                    "label": st.sampled_from([None, *CLASSES]),
                    "scenario": st.sampled_from([None, *SCENARIOS]),
                    "subject": st.sampled_from([None, *SUBJECTS]),
                    "content": st.integers(0, 53).map(lambda number: f"{number:064x}"),
                },
            ),
        ),
        max_size=5,
    ),
    protocol=st.sampled_from(PROTOCOLS),
)
def test_any_archive_is_split_without_leaks_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, dict[str, Any]]], protocol: Protocol
) -> None:
    folder = tmp_path_factory.mktemp("any")
    lines = [entry.model_dump(mode="json") for entry in avia_like(folder, unlabelled=False).entries.values()]
    for number, change in changes:
        lines[number] |= change
    archive = of(folder, lines)
    try:
        split = split_archive(archive, protocol)
    except AcoustillError:
        return
    for one, other in combinations([split.train, split.validation, split.test, split.unlabelled], 2):
        assert not values(archive, one, "content") & values(archive, other, "content")
    if protocol.name in KEEPS_SUBJECTS_APART:
        for one, other in combinations([split.train, split.validation, split.test], 2):
            assert not (values(archive, one, "subject") & values(archive, other, "subject")) - {None}


def test_random_archives_large_enough_are_split(tmp_path: Path) -> None:
    """So that the property above is not met by refusing everything."""
    rng = np.random.default_rng(0)
    lines = [
        entry(i, label=str(rng.choice(CLASSES)), scenario=str(rng.choice(SCENARIOS)), subject=str(rng.choice(SUBJECTS)))
        for i in range(300)
    ]
    for line in lines:
        line["columns"] = {"fold": int(rng.integers(5))}
    archive = of(tmp_path, lines)
    for protocol in PROTOCOLS:
        split_archive(archive, protocol)

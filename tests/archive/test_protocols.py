"""Protocols split recordings without leaks."""

from __future__ import annotations

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
        split_archive(of(tmp_path, lines), Protocol(name="recordings"))


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

"""Protocols: rules that split recordings into training, validation and test without leaks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from acoustill.archive.archive import Archive
from acoustill.archive.entry import Entry
from acoustill.errors import AcoustillError, bad_input


class Protocol(BaseModel):
    """How recordings are split. Every rule keeps a recording whole.

    Attributes:
        name: `recordings` (random, each class alike in every fold), `subjects` (no subject on two sides),
            `scenarios` (one scenario is only tested, and no subject of it is trained on where subjects are
            known), `scenarios-and-subjects` (test subjects are never trained on and are tested in every
            scenario, one of which is never trained on), `fixed` (folds of a column, as published).
        fold: which fold is tested; the next one is validated.
        folds: in how many parts recordings or subjects are dealt.
        held_out: the scenario that is never trained on.
        column: the column that `fixed` splits by.
        seed: of the shuffle before dealing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["recordings", "subjects", "scenarios", "scenarios-and-subjects", "fixed"]
    fold: int = Field(default=0, ge=0)
    folds: int = Field(default=3, ge=3)
    held_out: str | None = None
    column: str = "fold"
    seed: int = 0


@dataclass(frozen=True)
class Split:
    """Recordings by what they are used for.

    Attributes:
        train: labelled, to learn from.
        validation: labelled, to choose by.
        test: labelled, to report on.
        unlabelled: recordings without a label, for the teacher to label.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()

    def check(self, archive: Archive) -> None:
        """Refuses a split that leaks or in which a class is missing.

        Raises:
            AcoustillError: if a recording is not in the archive; if one, or two of equal audio, stand on two
                sides; if a side is empty; or if a class of the archive's labels is not on each labelled side.
        """
        sides = {name: getattr(self, name) for name in ("train", "validation", "test", "unlabelled")}
        for recording in {recording for side in sides.values() for recording in side} - set(archive.entries):
            raise AcoustillError(f"{archive.path}: there is no recording {recording!r}")
        for (one, first), (other, second) in combinations(sides.items(), 2):
            shared = sorted(set(first) & set(second))
            if shared:
                raise AcoustillError(f"{archive.path}: recording {shared[0]} is in both {one} and {other}")
            contents = {archive.entries[recording].content: recording for recording in first}
            for recording in second:
                twin = contents.get(archive.entries[recording].content)
                if twin is not None:
                    raise AcoustillError(
                        f"{archive.path}: {twin} of {one} and {recording} of {other} hold the same audio"
                    )
        for name in ("train", "validation", "test"):
            labels = {archive.entries[recording].label for recording in sides[name]}
            missing = sorted(set(archive.classes) - labels)
            if missing:
                raise AcoustillError(
                    f"{archive.path}: no recording of class {missing[0]!r} in {name}; "
                    "use fewer folds or add recordings of it"
                )


def split_archive(archive: Archive, protocol: Protocol) -> Split:
    """Splits an archive and checks the result.

    Unlabelled recordings of a subject that is validated or tested are left out: with real sounds, they may be
    the very sound of a test clip, played elsewhere. So are those of a scenario that is held out.

    Raises:
        AcoustillError: if the archive lacks what the protocol goes by, or the split fails `Split.check`.
    """
    labelled = [entry for entry in archive.entries.values() if entry.label is not None]
    if not labelled:
        raise AcoustillError(f"{archive.path}: no recording is labelled")
    side_of = _RULES[protocol.name](archive, labelled, protocol)
    sides: dict[str, list[str]] = defaultdict(list)
    for entry in labelled:
        sides[side_of(entry)].append(entry.id)
    held = [archive.entries[recording] for side in ("validation", "test") for recording in sides[side]]
    contents = {entry.content for entry in held}
    subjects = {entry.subject for entry in held} - {None}
    scenarios = {protocol.held_out} - {None}
    unlabelled = [
        entry.id
        for entry in archive.entries.values()
        if entry.label is None
        and entry.content not in contents
        and entry.subject not in subjects
        and entry.scenario not in scenarios
    ]
    split = Split(tuple(sides["train"]), tuple(sides["validation"]), tuple(sides["test"]), tuple(unlabelled))
    split.check(archive)
    return split


_SideOf = Callable[[Entry], str]


def _side_of_fold(fold: int, protocol: Protocol, folds: int) -> str:
    if fold == protocol.fold % folds:
        return "test"
    return "validation" if fold == (protocol.fold + 1) % folds else "train"


def _by_recording(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _SideOf:
    _check_fold(archive, protocol, protocol.folds)
    rng = np.random.default_rng(protocol.seed)
    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in labelled:
        strata[str(entry.label), str(entry.scenario)].append(entry.id)
    folds: dict[str, int] = {}
    for _, members in sorted(strata.items()):
        start = int(rng.integers(protocol.folds))
        for position, i in enumerate(rng.permutation(len(members))):
            folds[members[i]] = (start + position) % protocol.folds
    return lambda entry: _side_of_fold(folds[entry.id], protocol, protocol.folds)


def _subject_folds(archive: Archive, labelled: list[Entry], protocol: Protocol) -> dict[str, int]:
    _check_fold(archive, protocol, protocol.folds)
    subjects = _values(archive, labelled, "subject", lambda entry: entry.subject)
    if len(subjects) < protocol.folds:
        raise bad_input(archive.path, "number of subjects", len(subjects), f"at least {protocol.folds}, the folds")
    order = np.random.default_rng(protocol.seed).permutation(len(subjects))
    return {subjects[i]: position % protocol.folds for position, i in enumerate(order)}


def _by_subject(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _SideOf:
    folds = _subject_folds(archive, labelled, protocol)
    return lambda entry: _side_of_fold(folds[str(entry.subject)], protocol, protocol.folds)


def _by_scenario(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _SideOf:
    held_out = _held_out(archive, labelled, protocol)
    if all(entry.subject is not None for entry in labelled):
        inside = _by_subject(archive, labelled, protocol)
    else:
        inside = _by_recording(archive, labelled, protocol)

    def side_of(entry: Entry) -> str:
        side = inside(entry)
        if entry.scenario == held_out:
            return "test" if side == "test" else "unused"
        return "unused" if side == "test" else side

    return side_of


def _by_scenario_and_subject(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _SideOf:
    held_out = _held_out(archive, labelled, protocol)
    inside = _by_subject(archive, labelled, protocol)

    def side_of(entry: Entry) -> str:
        side = inside(entry)
        return "unused" if entry.scenario == held_out and side != "test" else side

    return side_of


def _by_column(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _SideOf:
    values = _values(archive, labelled, protocol.column, lambda entry: entry.columns.get(protocol.column))
    folds = sorted(values, key=lambda value: (int(value) if value.isdecimal() else math.inf, value))
    if len(folds) < 3:
        raise bad_input(archive.path, f"number of folds in column {protocol.column!r}", len(folds), "at least 3")
    _check_fold(archive, protocol, len(folds))
    numbers = {value: number for number, value in enumerate(folds)}
    return lambda entry: _side_of_fold(numbers[str(entry.columns[protocol.column])], protocol, len(folds))


_RULES: dict[str, Callable[[Archive, list[Entry], Protocol], _SideOf]] = {
    "recordings": _by_recording,
    "subjects": _by_subject,
    "scenarios": _by_scenario,
    "scenarios-and-subjects": _by_scenario_and_subject,
    "fixed": _by_column,
}


def _values(archive: Archive, labelled: Iterable[Entry], name: str, value_of: Callable[[Entry], object]) -> list[str]:
    values = set()
    for entry in labelled:
        value = value_of(entry)
        if value is None:
            raise bad_input(f"{archive.path}: recording {entry.id}", name, "missing", "a value for every recording")
        values.add(str(value))
    return sorted(values)


def _held_out(archive: Archive, labelled: list[Entry], protocol: Protocol) -> str:
    scenarios = _values(archive, labelled, "scenario", lambda entry: entry.scenario)
    if protocol.held_out not in scenarios:
        raise bad_input(archive.path, "protocol.held_out", repr(protocol.held_out), f"one of {scenarios}")
    if len(scenarios) < 2:
        raise bad_input(archive.path, "number of scenarios", 1, "at least 2")
    return protocol.held_out


def _check_fold(archive: Archive, protocol: Protocol, folds: int) -> None:
    if protocol.fold >= folds:
        raise bad_input(archive.path, "protocol.fold", protocol.fold, f"0 to {folds - 1}")

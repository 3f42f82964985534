"""Protocols: rules that split recordings into training, validation and test without leaks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from acoustill.archive.archive import Archive
from acoustill.archive.entry import Entry
from acoustill.archive.groups import groups_of
from acoustill.archive.paper_chunks import split_paper_chunks
from acoustill.archive.splits import LABELLED_SIDES, Split
from acoustill.errors import AcoustillError, bad_input

SIDE_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}


_DEALT = ("recordings", "subjects", "scenarios", "scenarios-and-subjects")
_USED_BY = {
    "folds": _DEALT,
    "seed": _DEALT,
    "held_out": ("scenarios", "scenarios-and-subjects"),
    "validated_scenario": ("scenarios", "scenarios-and-subjects"),
    "column": ("fixed",),
    "scenario": ("paper-chunks",),
}


class Protocol(BaseModel):
    """How recordings are split. Every rule but `paper-chunks` keeps a recording whole.

    Attributes:
        name: `recordings` (random, each class alike in every fold), `subjects` (no subject on two sides),
            `scenarios` (one scenario is only tested, and no subject of it is trained on where subjects are
            known), `scenarios-and-subjects` (test subjects are never trained on and are tested in every
            scenario, one of which is never trained on), `fixed` (folds or sides of a column, as published),
            `paper-chunks` (the paper's 80/10/10 split of 10-s chunks, which leaks: for comparison only).
        fold: which fold is tested; the next one is validated.
        folds: into how many folds recordings or subjects are dealt.
        held_out: the scenario that is never trained on.
        validated_scenario: another one that is never trained on either, for the best round is chosen in it; None
            validates in the scenarios that are trained on.
        column: the column that `fixed` splits by; it holds the number or name of a fold, or train, validation and
            test.
        seed: of the shuffle before dealing; `fixed` shuffles nothing, and the shuffle of `paper-chunks` is the paper's.
        scenario: the one that `paper-chunks` takes its recordings from; None takes all.

    Settings that a protocol does not go by must keep their defaults.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["recordings", "subjects", "scenarios", "scenarios-and-subjects", "fixed", "paper-chunks"]
    fold: int = Field(default=0, ge=0)
    folds: int = Field(default=3, ge=3)
    held_out: str | None = None
    validated_scenario: str | None = None
    column: str = "fold"
    seed: int = 0
    scenario: str | None = None

    @model_validator(mode="after")
    def _no_setting_without_use(self) -> Protocol:
        """Compares with defaults: the configuration that a run keeps states every setting."""
        for setting, names in _USED_BY.items():
            value = getattr(self, setting)
            if self.name not in names and value != type(self).model_fields[setting].default:
                raise ValueError(f"{setting} {value!r} is of no use to {self.name}; it is for {' and '.join(names)}")
        return self


def split_archive(archive: Archive, protocol: Protocol) -> Split:
    """Splits an archive and checks the result.

    Unlabelled recordings of a subject that is validated or tested are left out: with real sounds, they may be
    the very sound of a test clip, played elsewhere. So are those of a scenario that is held out, and those that
    the column of `fixed` puts on a side that is validated or tested. Those whose subject is not known stay;
    `Split.warnings` counts them.

    Raises:
        AcoustillError: if the archive lacks what the protocol goes by, some labelled recordings have a subject and
            others have none where the protocol keeps subjects apart, a class is missing in a fold, or the split
            fails `Split.check`.
    """
    labelled = [entry for entry in archive.entries.values() if entry.label is not None]
    if not labelled:
        raise AcoustillError(f"{archive.path}: no recording is labelled")
    if protocol.name == "paper-chunks":
        _check_fold(archive, protocol, 1)
        dealing = None
        split = split_paper_chunks(archive, labelled, protocol.scenario)
    else:
        dealing = _RULES[protocol.name](archive, labelled, protocol)
        _refuse_folds_without_a_class(archive, labelled, dealing, protocol)
        split = _sides(labelled, dealing, protocol.fold)
        split = replace(split, subjects_apart=dealing.subjects_apart)
    split = replace(split, unlabelled=_unlabelled(archive, protocol, split, dealing))
    split.check(archive)
    return split


class _Dealing(NamedTuple):
    """How a protocol deals recordings.

    Attributes:
        folds: how many there are.
        side_of: the side of a recording when a fold is tested; `unused` if on none.
        remedy: what to do if a fold lacks a class.
        subjects_apart: whether it promises that no subject is on two sides.
    """

    folds: int
    side_of: Callable[[Entry, int], str]
    remedy: str
    subjects_apart: bool = False


def _sides(labelled: Sequence[Entry], dealing: _Dealing, fold: int) -> Split:
    sides: dict[str, list[str]] = defaultdict(list)
    for entry in labelled:
        sides[dealing.side_of(entry, fold)].append(entry.id)
    train, validation, test = (tuple(sides[side]) for side in LABELLED_SIDES)
    return Split(train, validation, test)


def _refuse_folds_without_a_class(
    archive: Archive, labelled: Sequence[Entry], dealing: _Dealing, protocol: Protocol
) -> None:
    """Refuses a dealing in which a class is missing anywhere: its folds could not all be tested.

    The fold that was asked for comes first, so that a fault of it is the one that is named.
    """
    for turn in range(dealing.folds):
        fold = (protocol.fold + turn) % dealing.folds
        labels: dict[str, set[str | None]] = defaultdict(set)
        for entry in labelled:
            labels[dealing.side_of(entry, fold)].add(entry.label)
        for side in LABELLED_SIDES:
            if missing := sorted(set(archive.classes) - labels[side]):
                where = f"{side} of fold {fold}" if dealing.folds > 1 else side
                raise AcoustillError(
                    f"{archive.path}: no recording of class {missing[0]!r} in {where} by protocol {protocol.name}; "
                    f"{dealing.remedy}"
                )


def _unlabelled(archive: Archive, protocol: Protocol, split: Split, dealing: _Dealing | None) -> tuple[str, ...]:
    held = [archive.entries[recording] for recording in (*split.validation, *split.test)]
    groups = groups_of(archive.entries.values())
    held_groups = {groups[entry.id] for entry in held}
    subjects = {entry.subject for entry in held} - {None}
    scenarios = {protocol.held_out, protocol.validated_scenario} - {None}
    by_column = dealing.side_of if dealing is not None and protocol.name == "fixed" else None
    return tuple(
        entry.id
        for entry in archive.entries.values()
        if entry.label is None
        and groups[entry.id] not in held_groups
        and entry.subject not in subjects
        and entry.scenario not in scenarios
        and (by_column is None or by_column(entry, protocol.fold) not in ("validation", "test"))
    )


def _side_of_fold(dealt: int, tested: int, folds: int) -> str:
    if dealt == tested % folds:
        return "test"
    return "validation" if dealt == (tested + 1) % folds else "train"


_FEWER_FOLDS = "use fewer folds or another seed, or add recordings of it"


def _by_recording(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _Dealing:
    """Deals on from scenario to scenario of a class, so that a class of as many recordings as folds is in each.

    Recordings of equal content or of one origin are dealt as one, as the first of them, also where it is an unlabelled
    one that says so.
    """
    _check_fold(archive, protocol, protocol.folds)
    rng = np.random.default_rng(protocol.seed)
    strata: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    groups = groups_of(archive.entries.values())
    dealt: set[str] = set()
    for entry in labelled:
        if groups[entry.id] not in dealt:
            dealt.add(groups[entry.id])
            strata[str(entry.label)][str(entry.scenario)].append(groups[entry.id])
    folds: dict[str, int] = {}
    for _, scenarios in sorted(strata.items()):
        position = int(rng.integers(protocol.folds))
        for _, first in sorted(scenarios.items()):
            for i in rng.permutation(len(first)):
                folds[first[i]] = position % protocol.folds
                position += 1

    def side_of(entry: Entry, fold: int) -> str:
        return _side_of_fold(folds[groups[entry.id]], fold, protocol.folds)

    return _Dealing(protocol.folds, side_of, _FEWER_FOLDS)


def _by_subject(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _Dealing:
    _check_fold(archive, protocol, protocol.folds)
    subjects = _values(archive, labelled, "subject", lambda entry: entry.subject)
    if len(subjects) < protocol.folds:
        raise bad_input(archive.path, "number of subjects", len(subjects), f"at least {protocol.folds}, the folds")
    order = np.random.default_rng(protocol.seed).permutation(len(subjects))
    folds = {subjects[i]: position % protocol.folds for position, i in enumerate(order)}
    return _Dealing(
        protocol.folds,
        lambda entry, fold: _side_of_fold(folds[str(entry.subject)], fold, protocol.folds),
        _FEWER_FOLDS,
        subjects_apart=True,
    )


def _by_scenario(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _Dealing:
    held_out = _held_out(archive, labelled, protocol)
    known = any(entry.subject is not None for entry in labelled)  # if of some only, the rest is refused
    inside = (_by_subject if known else _by_recording)(archive, labelled, protocol)

    def side_of(entry: Entry, fold: int) -> str:
        side = inside.side_of(entry, fold)
        if entry.scenario == held_out:
            return "test" if side == "test" else "unused"
        return "unused" if side == "test" else _side_in_scenario(entry, side, protocol)

    return inside._replace(side_of=side_of)


def _by_scenario_and_subject(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _Dealing:
    held_out = _held_out(archive, labelled, protocol)
    inside = _by_subject(archive, labelled, protocol)

    def side_of(entry: Entry, fold: int) -> str:
        side = inside.side_of(entry, fold)
        if entry.scenario == held_out:
            return "test" if side == "test" else "unused"
        return _side_in_scenario(entry, side, protocol)

    return inside._replace(side_of=side_of)


def _side_in_scenario(entry: Entry, side: str, protocol: Protocol) -> str:
    """Where one scenario is validated, all that is validated is of it, and nothing else of it is learnt from."""
    if protocol.validated_scenario is None:
        return side
    elsewhere = "train" if entry.scenario != protocol.validated_scenario else "validation"
    return side if side in ("test", elsewhere) else "unused"


def _by_column(archive: Archive, labelled: list[Entry], protocol: Protocol) -> _Dealing:
    column = protocol.column
    remedy = f"give some recordings of it another value in column {column!r}, or add recordings of it"
    values = {text for entry in labelled if (text := column_text(entry, column)) is not None}
    if any(value.lower() in SIDE_NAMES for value in values):
        if foreign := sorted(value for value in values if value.lower() not in SIDE_NAMES):
            expected = f"folds alone, or sides alone ({', '.join(SIDE_NAMES)})"
            raise bad_input(archive.path, f"column {column!r}", f"{foreign[0]!r} beside names of sides", expected)
        _check_fold(archive, protocol, 1)

        def named_side(entry: Entry, _: int) -> str:
            return SIDE_NAMES.get((column_text(entry, column) or "").lower(), "unused")

        return _Dealing(1, named_side, remedy)
    names = _values(archive, labelled, column, lambda entry: column_text(entry, column))
    folds = sorted(names, key=lambda value: (int(value) if value.isdecimal() else math.inf, value))
    if len(folds) < 3:
        raise bad_input(archive.path, f"number of folds in column {column!r}", len(folds), "at least 3")
    _check_fold(archive, protocol, len(folds))
    numbers = {value: number for number, value in enumerate(folds)}

    def side_of(entry: Entry, fold: int) -> str:
        number = numbers.get(column_text(entry, column) or "")
        return "unused" if number is None else _side_of_fold(number, fold, len(folds))

    return _Dealing(len(folds), side_of, remedy)


def column_text(entry: Entry, column: str) -> str | None:
    """The value of a column as text, whole numbers in one way only; None if there is none."""
    value = entry.columns.get(column)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None if value is not None else None


_RULES: dict[str, Callable[[Archive, list[Entry], Protocol], _Dealing]] = {
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
    if protocol.validated_scenario is not None:
        others = [scenario for scenario in scenarios if scenario != protocol.held_out]
        if protocol.validated_scenario not in others:
            found = repr(protocol.validated_scenario)
            raise bad_input(archive.path, "protocol.validated_scenario", found, f"one of {others}")
        if len(others) < 2:
            raise bad_input(archive.path, "number of scenarios", 2, "at least 3, to train, validate and test in")
    return protocol.held_out


def _check_fold(archive: Archive, protocol: Protocol, folds: int) -> None:
    if protocol.fold >= folds:
        expected = f"0 to {folds - 1}" if folds > 1 else "0, for there is one split only"
        raise bad_input(archive.path, "protocol.fold", protocol.fold, expected)

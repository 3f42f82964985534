"""Several runs side by side: estimates for each network and recipe, and which differences are more than noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.errors import AcoustillError, bad_input
from acoustill.evaluation.calibration import expected_calibration_error
from acoustill.evaluation.ensembles import mean_predictions, recording_predictions
from acoustill.evaluation.predictions import Prediction, read_predictions
from acoustill.evaluation.statistics import Unit, accuracy_interval, holm, paired_difference
from acoustill.files import json_hash, read_json_lines
from acoustill.learning.runs import Run, is_finished

Key = tuple[object, ...]

PARTS: dict[str, Callable[[Prediction], bool]] = {
    "all": lambda _: True,
    "within": lambda row: row.seen,
    "unseen": lambda row: not row.seen,
}


@dataclass
class Evaluated:
    """A run and its predictions.

    Attributes:
        run: finished.
        predictions: of the test clips.
        without: streams that the network was not given.
        called: what it is called where that is not told by its run alone.
    """

    run: Run
    predictions: list[Prediction]
    without: tuple[str, ...] = ()
    called: str = ""

    @property
    def network(self) -> str:
        """Name of the network."""
        options = self.run.experiment.teacher if self.run.role == "teacher" else self.run.experiment.student
        return options.network

    @property
    def name(self) -> str:
        """What the run is called in a report."""
        lacking = f", without {' and '.join(self.without)}" if self.without else ""
        return self.called or f"{self.run.role} {self.network}, {self.run.recipe}{lacking}"

    @property
    def repetition(self) -> Key:
        """What repetitions of one experiment differ in: seed, fold, and scenario held out, validated or used alone."""
        protocol = self.run.experiment.protocol
        return (
            self.run.experiment.seed,
            protocol.fold,
            protocol.held_out,
            protocol.validated_scenario,
            protocol.scenario,
        )

    @cached_property
    def settings(self) -> str:
        """A hash of all that its repetitions share and that shaped this network, other runs among it."""
        content = self.run.experiment.model_dump(mode="json")
        for name in ("fold", "held_out"):
            del content["protocol"][name]
        for name in ("scenario", "validated_scenario"):
            content["protocol"][name] = content["protocol"][name] is not None
        del content["seed"], content["archive"]
        if self.run.role == "teacher":
            del content["student"], content["distillation"]
        elif self.run.recipe == "labels":
            del content["teacher"], content["distillation"]
        else:
            content["teachers"] = sorted(f"{one['network']} {_settings_of(one['folder'])}" for one in self.run.teachers)
        if isinstance(parts := content.get("teacher", {}).get("pretrained"), list):
            content["teacher"]["pretrained"] = sorted(map(_settings_of, parts))
        return json_hash(content)


def _settings_of(folder: str) -> str:
    """Those of a run that another one was made from, where it is still there: its folder differs by seed and fold."""
    return Evaluated(Run(folder), []).settings if is_finished(Path(folder)) else ""


def group_runs(evaluated: Sequence[Evaluated]) -> dict[str, list[Evaluated]]:
    """Repetitions of one experiment together; equal names of different settings get a number."""
    by_settings: dict[tuple[str, str], list[Evaluated]] = defaultdict(list)
    for one in evaluated:
        by_settings[one.name, one.settings].append(one)
    variants: dict[str, int] = defaultdict(int)
    groups = {}
    for (name, _), members in by_settings.items():
        variants[name] += 1
        groups[name if variants[name] == 1 else f"{name} (variant {variants[name]})"] = members
    return groups


def read_evaluated(folders: Sequence[str | Path], without: Sequence[str] = ()) -> list[Evaluated]:
    """Runs that were evaluated, which must share one archive.

    Args:
        folders: of the runs.
        without: see `evaluate_run`.

    Raises:
        AcoustillError: if there is none, one is not finished or not evaluated, one is given twice, or archives or
            lengths of clips differ.
    """
    places = [Path(folder).resolve() for folder in folders]
    if twice := [folder for folder, place in zip(folders, places, strict=True) if places.count(place) > 1]:
        raise AcoustillError(f"{twice[0]}: is given twice; every run counts once")
    evaluated = [Evaluated(Run(folder), read_predictions(folder, without), tuple(without)) for folder in folders]
    if not evaluated:
        raise AcoustillError("report: give at least one run folder")
    first = evaluated[0].run
    for other in evaluated[1:]:
        if other.run.archive_id != first.archive_id:
            raise bad_input(other.run.folder, "archive", "not that of " + str(first.folder), "runs of one archive")
        one, same = (run.experiment.clip_seconds for run in (other.run, first))
        if one != same:
            raise bad_input(other.run.folder, "length of its clips", f"{one:g} s", f"{same:g} s, as of {first.folder}")
    return evaluated


def evaluated_together(evaluated: Sequence[Evaluated]) -> Evaluated:
    """Several runs as one that answers with the mean of their calibrated probabilities.

    Args:
        evaluated: runs that answered the same clips, of the same classes.

    Raises:
        AcoustillError: if they did not.
    """
    first = evaluated[0]
    rows = mean_predictions([one.predictions for one in evaluated], first.run.classes)
    names = " and ".join(dict.fromkeys(one.name for one in evaluated))
    return Evaluated(first.run, rows, first.without, f"{names}, {len(evaluated)} runs together")


def summarise(evaluated: Sequence[Evaluated]) -> dict[str, Any]:
    """Everything that the report says, as JSON.

    The unit is the clip for every network; accuracy per recording (the mean of its clips' probabilities
    decides) stands beside it. `leaks` of a run is the share of its test side whose recordings it was also trained
    on. Groups are compared in pairs on equal repetitions (seed, fold, held-out
    scenario) and clips; a clip's value is its mean over them. Holm's correction runs over all comparisons.

    Args:
        evaluated: runs of one archive.
    """
    groups = group_runs(evaluated)
    classes = sorted({label for one in evaluated for label in one.run.classes})
    comparisons = _comparisons(groups)
    for comparison, p in zip(comparisons, holm([c["p"] for c in comparisons]), strict=True):
        comparison["p_holm"] = round(p, 4)
        comparison["clear"] = p < 0.05
    return {
        "classes": classes,
        "clip_seconds": evaluated[0].run.experiment.clip_seconds,
        "archive": {"name": Path(evaluated[0].run.experiment.archive).name, "id": evaluated[0].run.archive_id},
        "groups": [_group(name, members, classes) for name, members in groups.items()],
        "comparisons": comparisons,
    }


def _group(name: str, members: list[Evaluated], classes: list[str]) -> dict[str, Any]:
    rows = [row for one in members for row in one.predictions]
    scenarios = sorted({str(row.scenario) for row in rows})
    summary: dict[str, Any] = {
        "name": name,
        "variant": name.removeprefix(members[0].name).strip(),
        "role": members[0].run.role,
        "network": members[0].network,
        "recipe": members[0].run.recipe,
        "runs": [_run(one) for one in members],
    }
    for part, belongs in PARTS.items():
        units = [unit for unit, _ in _rated(members, belongs)]
        summary[part] = accuracy_interval(units).to_json() if units else None
    summary["calibration_error"] = round(float(np.mean([run["calibration_error"] for run in summary["runs"]])), 4)
    summary["recording"] = accuracy_interval(_recording_units(members)).to_json()
    rated = _rated(members)
    summary["by_scenario"] = {
        scenario: accuracy_interval([unit for unit, row in rated if str(row.scenario) == scenario]).to_json()
        for scenario in scenarios
    }
    summary["confusion"] = [
        [sum(row.label == truth and row.predicted == answer for row in rows) for answer in classes] for truth in classes
    ]
    return summary


def _run(one: Evaluated) -> dict[str, Any]:
    rows = one.predictions
    experiment = one.run.experiment
    return {
        "folder": str(one.run.folder),
        "seed": experiment.seed,
        "protocol": experiment.protocol.name,
        "fold": experiment.protocol.fold,
        "leaks": round(one.run.split.leaks, 4),
        "accuracy": round(sum(row.right for row in rows) / len(rows), 4),
        "calibration_error": round(_calibration_error(one), 4),
        "n": len(rows),
        "seconds": one.run.seconds,
        "metrics": read_json_lines(one.run.folder / "metrics.jsonl"),
    }


def _calibration_error(one: Evaluated) -> float:
    """See `expected_calibration_error`; of the clips of the test side."""
    probabilities = np.array([row.probabilities for row in one.predictions])
    labels = np.array([one.run.classes.index(row.label) for row in one.predictions])
    return expected_calibration_error(probabilities, labels)


def _values(members: list[Evaluated], belongs: Callable[[Prediction], bool]) -> dict[Key, tuple[float, Prediction]]:
    """The mean of right and wrong over the runs that answered a clip."""
    answers: dict[Key, list[Prediction]] = defaultdict(list)
    for one in members:
        for row in one.predictions:
            if belongs(row):
                answers[row.recording, row.start].append(row)
    return {key: (sum(row.right for row in rows) / len(rows), rows[0]) for key, rows in answers.items()}


def _rated(
    members: list[Evaluated], belongs: Callable[[Prediction], bool] = PARTS["all"]
) -> list[tuple[Unit, Prediction]]:
    """Every clip of a part as statistics see it, with one of its predictions."""
    values = _values(members, belongs).values()
    return [(Unit(value, row.recording, row.subject), row) for value, row in values]


def _recording_units(members: list[Evaluated]) -> list[Unit]:
    """A recording is right if the mean of its clips' probabilities is highest for its label."""
    values: dict[str, list[float]] = defaultdict(list)
    subjects: dict[str, str | None] = {}
    for one in members:
        for row in recording_predictions(one.predictions, one.run.classes):
            values[row.recording].append(float(row.right))
            subjects[row.recording] = row.subject
    return [Unit(sum(v) / len(v), recording, subjects[recording]) for recording, v in values.items()]


def _comparisons(groups: dict[str, list[Evaluated]]) -> list[dict[str, Any]]:
    """Every later group against every earlier one; parts of the test side only where there are two."""
    names = list(groups)
    found = []
    for i, against in enumerate(names):
        for of in names[i + 1 :]:
            units_of = {part: _differences(groups[of], groups[against], belongs) for part, belongs in PARTS.items()}
            both = units_of["within"] and units_of["unseen"]
            for part, units in units_of.items():
                if not units or (part != "all" and not both):
                    continue
                difference = paired_difference(units)
                found.append(
                    {
                        "of": of,
                        "against": against,
                        "part": part,
                        "difference": difference.estimate.to_json(),
                        "p": round(difference.p, 4),
                    }
                )
    return found


def _differences(
    of: list[Evaluated], against: list[Evaluated], belongs: Callable[[Prediction], bool] = PARTS["all"]
) -> list[Unit]:
    """Differences on the repetitions and clips that both groups have."""
    shared = {one.repetition for one in of} & {one.repetition for one in against}
    left, right = (_values([one for one in group if one.repetition in shared], belongs) for group in (of, against))
    return [
        Unit(value - right[key][0], row.recording, row.subject) for key, (value, row) in left.items() if key in right
    ]

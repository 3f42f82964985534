"""Predictions averaged: over runs that answered the same clips, and over the clips of a recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from acoustill.errors import AcoustillError, bad_input
from acoustill.evaluation.predictions import Prediction


def mean_predictions(runs: Sequence[Sequence[Prediction]], classes: Sequence[str]) -> list[Prediction]:
    """What several runs say together: for each clip, the mean of their calibrated probabilities.

    Args:
        runs: the predictions of each run; they must have answered the same clips, in any order.
        classes: what the probabilities belong to, in their order, the same for all runs.

    Raises:
        AcoustillError: if there is no run, or two answered other clips, with other labels, or of other classes.
    """
    if not runs:
        raise AcoustillError("ensemble: give at least one run")
    answers = [{(row.recording, row.start): row for row in rows} for rows in runs]
    for number, (rows, known) in enumerate(zip(runs, answers, strict=True)):
        if len(known) != len(rows) or known.keys() != answers[0].keys():
            found = f"{len(rows)} rows for {len(known)} clips"
            raise bad_input(f"ensemble: run {number}", "predictions", found, f"the {len(answers[0])} clips of run 0")
        for key, row in known.items():
            if row.label != answers[0][key].label:
                found = f"{row.label!r} for {row.recording} from frame {row.start}"
                raise bad_input(f"ensemble: run {number}", "label", found, f"{answers[0][key].label!r}, as in run 0")
    return [_mean([known[key] for known in answers], classes) for key in answers[0]]


def recording_predictions(predictions: Sequence[Prediction], classes: Sequence[str]) -> list[Prediction]:
    """One prediction a recording: the mean of the probabilities of its clips, with the start of the first of them.

    Args:
        predictions: of clips, by one run.
        classes: what the probabilities belong to, in their order.

    Raises:
        AcoustillError: if a prediction is not of these classes.
    """
    clips: dict[str, list[Prediction]] = defaultdict(list)
    for row in predictions:
        clips[row.recording].append(row)
    return [_mean(rows, classes) for rows in clips.values()]


def _mean(rows: Sequence[Prediction], classes: Sequence[str]) -> Prediction:
    """The first of some predictions, with the mean of the probabilities of all; seen is what one of them knew."""
    for row in rows:
        named = row.predicted in classes and len(row.probabilities) == len(classes)
        if not named or row.probabilities[classes.index(row.predicted)] < max(row.probabilities):
            found = f"{len(row.probabilities)} probabilities, with {row.predicted!r} as the most probable"
            raise bad_input(f"recording {row.recording}", "prediction", found, f"one of the classes {list(classes)}")
    means = [sum(p) / len(rows) for p in zip(*(row.probabilities for row in rows), strict=True)]
    seen = any(row.seen for row in rows)
    change = {"probabilities": tuple(means), "predicted": classes[means.index(max(means))], "seen": seen}
    return rows[0].model_copy(update=change)

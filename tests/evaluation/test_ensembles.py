"""Means of predictions, over runs and over the clips of a recording."""

from __future__ import annotations

import pytest

from acoustill.errors import AcoustillError
from acoustill.evaluation import Prediction, mean_predictions, recording_predictions

CLASSES = ("clap", "door", "steps")


def row(recording: str, start: int, *probabilities: float, label: str = "clap") -> Prediction:
    best = CLASSES[probabilities.index(max(probabilities))]
    return Prediction(
        recording=recording,
        start=start,
        label=label,
        predicted=best,
        probabilities=probabilities,
        scenario="office",
        subject="s1",
        seen=True,
    )


def test_runs_are_averaged_clip_by_clip_in_any_order() -> None:
    one = [row("a", 0, 0.6, 0.4, 0.0), row("b", 0, 0.1, 0.9, 0.0)]
    other = [row("b", 0, 0.3, 0.3, 0.4), row("a", 0, 0.0, 0.8, 0.2)]
    mean = mean_predictions([one, other], CLASSES)
    assert [(m.recording, m.predicted) for m in mean] == [("a", "door"), ("b", "door")]
    assert mean[0].probabilities == pytest.approx((0.3, 0.6, 0.1))
    assert mean_predictions([one], CLASSES) == one


def test_a_mean_may_choose_what_no_run_chose() -> None:
    runs = [[row("a", 0, 0.55, 0.0, 0.45)], [row("a", 0, 0.0, 0.55, 0.45)]]
    assert mean_predictions(runs, CLASSES)[0].predicted == "steps"


def test_what_one_run_knew_is_not_unseen_by_all() -> None:
    unknown = row("a", 0, 1.0, 0.0, 0.0).model_copy(update={"seen": False})
    known = unknown.model_copy(update={"seen": True})
    for runs, seen in (([unknown, unknown], False), ([unknown, known], True), ([known, unknown], True)):
        assert mean_predictions([[one] for one in runs], CLASSES)[0].seen == seen


def test_clips_of_a_recording_are_averaged() -> None:
    rows = [
        row("a", 0, 0.9, 0.1, 0.0),
        row("a", 12, 0.4, 0.6, 0.0),
        row("b", 0, 0.0, 0.5, 0.5),
        row("a", 24, 0.4, 0.6, 0),
    ]
    one, other = recording_predictions(rows, CLASSES)
    assert (one.recording, one.start, one.predicted, one.right) == ("a", 0, "clap", True)
    assert one.probabilities == pytest.approx((1.7 / 3, 1.3 / 3, 0.0))
    assert (other.recording, other.right) == ("b", False)


@pytest.mark.parametrize(
    ("runs", "classes", "complaint"),
    [
        ([], CLASSES, "at least one run"),
        ([[row("a", 0, 1, 0, 0)], [row("a", 12, 1, 0, 0)]], CLASSES, "run 1: predictions is 1 rows for 1 clips"),
        ([[row("a", 0, 1, 0, 0)], []], CLASSES, "expected the 1 clips of run 0"),
        ([[row("a", 0, 1, 0, 0)] * 2], CLASSES, "2 rows for 1 clips"),
        ([[row("a", 0, 1, 0, 0)], [row("a", 0, 1, 0, 0, label="door")]], CLASSES, "label is 'door' for a from frame 0"),
        ([[row("a", 0, 1, 0, 0)]], ("clap", "door"), "one of the classes"),
        ([[row("a", 0, 1, 0, 0)]], ("door", "clap", "steps"), "'clap' as the most probable"),
    ],
)
def test_what_does_not_belong_together_is_refused(runs: list, classes: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        mean_predictions(runs, classes)

"""What a table of cues tells about the class: two classifiers, subjects held out, against shuffled labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from acoustill.evaluation.statistics import Unit, accuracy_interval

CLASSIFIERS = ("logistic", "forest")
WIDE = 40  # cues: of more, the main components are taken
COMPONENTS = 30
SHUFFLES = 2000


@dataclass(frozen=True)
class Recordings:
    """What is known of the recordings that are probed, one item each.

    Attributes:
        ids: of the recordings.
        labels: their classes.
        subjects: who acts; each is held out in turn.
        scenarios: where.
    """

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    subjects: tuple[str, ...]
    scenarios: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted(set(self.labels)))

    @property
    def numbers(self) -> np.ndarray:
        """The class of each recording as its place among the classes."""
        return np.searchsorted(self.classes, self.labels)


def answers(cues: np.ndarray, recordings: Recordings, classifier: str) -> np.ndarray:
    """What a classifier says of every sample when it was trained on the other subjects.

    Args:
        cues: one or several samples of each recording.
        recordings: whose they are.
        classifier: `logistic` or `forest`.

    Shapes:
        cues: (recordings, cues) or (recordings, samples, cues).
        Output: (recordings, samples), places among the classes.
    """
    table = cues.reshape(len(cues), -1, cues.shape[-1]).astype(np.float32)
    samples = table.shape[1]
    predicted = cross_val_predict(
        _classifier(classifier, table.shape[-1]),
        table.reshape(-1, table.shape[-1]),
        np.repeat(recordings.numbers, samples),
        groups=np.repeat(recordings.subjects, samples),
        cv=LeaveOneGroupOut(),
    )
    return predicted.reshape(-1, samples)


def _classifier(name: str, width: int) -> ClassifierMixin:
    narrowed = [PCA(COMPONENTS, random_state=0)] if width > WIDE else []
    if name == "logistic":
        return make_pipeline(StandardScaler(), *narrowed, LogisticRegression(C=1.0, max_iter=2000))
    return make_pipeline(*narrowed, RandomForestClassifier(200, min_samples_leaf=2, random_state=0))


def judged(predicted: np.ndarray, recordings: Recordings) -> dict[str, Any]:
    """How often the answers are right, with its interval, and how often they are with shuffled labels.

    Labels are shuffled among the recordings of one subject in one scenario, which leaves the answers as they are:
    the classifier has not seen this subject. That is an exact test of what the cues tell (Good 2005, chapter 3).

    Shapes:
        predicted: (recordings, samples), see `answers`.

    Returns:
        A JSON object: estimate, `p` (of as many right answers by chance), `shuffled` (share right on average) and
        `shuffled_highest` (exceeded by 5 % of the shuffles).
    """
    right = predicted == recordings.numbers[:, None]
    units = [
        Unit(float(value), recording, subject)
        for row, recording, subject in zip(right, recordings.ids, recordings.subjects, strict=True)
        for value in row
    ]
    by_chance = _shuffled(predicted, recordings)
    return accuracy_interval(units).to_json() | {
        "p": round(float((1 + (by_chance >= right.mean() - 1e-12).sum()) / (1 + SHUFFLES)), 4),
        "shuffled": round(float(by_chance.mean()), 4),
        "shuffled_highest": round(float(np.quantile(by_chance, 0.95)), 4),
    }


def _shuffled(predicted: np.ndarray, recordings: Recordings) -> np.ndarray:
    """Shares of right answers with shuffled labels, (SHUFFLES,)."""
    rng = np.random.default_rng(0)
    together: dict[tuple[str, str], list[int]] = {}
    for i, block in enumerate(zip(recordings.subjects, recordings.scenarios, strict=True)):
        together.setdefault(block, []).append(i)
    labels = np.tile(recordings.numbers, (SHUFFLES, 1))
    for members in together.values():
        labels[:, members] = rng.permuted(labels[:, members], axis=1)
    return (labels[:, :, None] == predicted).mean(axis=(1, 2))

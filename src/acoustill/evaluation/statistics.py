"""Intervals and tests that respect what belongs together: clips of a recording, recordings of a subject."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acoustill.errors import AcoustillError

RESAMPLES = 4000
LEVEL = 0.95
EXACT_SUBJECTS = 12


@dataclass(frozen=True)
class Unit:
    """A clip as statistics see it.

    Attributes:
        value: 1 for right and 0 for wrong, a mean of such over runs, or a difference of two.
        recording: the clip's.
        subject: the recording's; recordings without one are their own subject.
    """

    value: float
    recording: str
    subject: str | None


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval.

    Attributes:
        value: the mean over clips.
        low: lower end of the 95 % interval.
        high: upper end.
        n: number of clips.
        recordings: number of recordings, the units that are resampled.
        subjects: number of subjects, resampled first.
    """

    value: float
    low: float
    high: float
    n: int
    recordings: int
    subjects: int

    def to_json(self) -> dict[str, float | int | list[float]]:
        """A JSON object with the interval as a pair."""
        return {
            "value": round(self.value, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "n": self.n,
            "recordings": self.recordings,
            "subjects": self.subjects,
        }


@dataclass(frozen=True)
class PairedDifference:
    """How much one network is better than another on the same clips.

    Attributes:
        estimate: mean difference and interval.
        p: two-sided, of the sign-flip permutation test over subjects.
    """

    estimate: Estimate
    p: float


def accuracy_interval(units: Sequence[Unit], seed: int = 0) -> Estimate:
    """A mean and its 95 % interval by the two-level cluster bootstrap: subjects, then their recordings.

    Subjects are drawn with replacement and, within each drawn one, recordings (Davison and Hinkley 1997,
    section 3.8); clips of a recording stay together. Where every recording has the same mean, which no resample
    can vary, the interval is as wide as Wilson's for that many recordings. With fewer than about ten subjects
    such intervals are too narrow: the number stands beside them.

    Args:
        units: the clips; values from 0 to 1.
        seed: of the resampling.

    Raises:
        AcoustillError: if there is no unit.
    """
    return _interval(units, seed, lowest=0.0)


def paired_difference(differences: Sequence[Unit], seed: int = 0) -> PairedDifference:
    """The mean of paired differences, its interval, and the chance of one as large without any effect.

    The interval is that of `accuracy_interval`. The test flips the sign of all differences of a subject
    together (Good 2005, "Permutation, parametric and bootstrap tests of hypotheses", section 3.2): with five
    subjects or fewer, no difference can be called clear at 5 %.

    Args:
        differences: one a clip; value is that of the first network minus that of the second.
        seed: of resampling and flips.

    Raises:
        AcoustillError: if there is no unit.
    """
    sums = np.array([sum(total for total, _ in branch) for branch in _tree(differences)])
    observed = abs(sums.sum())
    if len(sums) <= EXACT_SUBJECTS:
        flips = np.array(list(itertools.product([-1.0, 1.0], repeat=len(sums))))
        p = float((np.abs(flips @ sums) >= observed - 1e-9).mean())
    else:
        flips = np.random.default_rng(seed).choice([-1.0, 1.0], size=(10_000, len(sums)))
        p = float(((np.abs(flips @ sums) >= observed - 1e-9).sum() + 1) / (len(flips) + 1))
    return PairedDifference(_interval(differences, seed, lowest=-1.0), p)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for a family of tests (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def _interval(units: Sequence[Unit], seed: int, lowest: float) -> Estimate:
    tree = _tree(units)
    recordings = sum(len(branch) for branch in tree)
    value = float(np.mean([unit.value for unit in units]))
    if np.ptp([total / clips for branch in tree for total, clips in branch]) < 1e-12:
        reach = _wilson_reach(recordings)
        low, high = max(lowest, value - reach), min(1.0, value + reach)
    else:
        low, high = np.quantile(_resampled_means(tree, seed), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high), len(units), recordings, len(tree))


def _tree(units: Sequence[Unit]) -> list[list[tuple[float, int]]]:
    """By subject and recording, the sum and the number of the values."""
    if not units:
        raise AcoustillError("statistics: there is no clip to average")
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for unit in units:
        subject = f"recording {unit.recording}" if unit.subject is None else f"subject {unit.subject}"
        values[subject][unit.recording].append(unit.value)
    return [[(sum(clips), len(clips)) for clips in branch.values()] for branch in values.values()]


def _resampled_means(tree: list[list[tuple[float, int]]], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sizes = np.array([len(branch) for branch in tree])
    table = np.zeros((len(tree), sizes.max(), 2))
    for subject, branch in enumerate(tree):
        table[subject, : len(branch)] = branch
    means = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        subjects = rng.integers(len(tree), size=len(tree))
        drawn = sizes[subjects]
        picks = (rng.random((len(tree), sizes.max())) * drawn[:, None]).astype(int)
        counted = np.arange(sizes.max()) < drawn[:, None]
        sums = (table[subjects[:, None], picks] * counted[..., None]).sum(axis=(0, 1))
        means[i] = sums[0] / sums[1]
    return means


def _wilson_reach(n: int) -> float:
    """Upper end of Wilson's interval (1927) for a share of which none of n was seen."""
    z = 1.959964
    return z * z / (n + z * z)

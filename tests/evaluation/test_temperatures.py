"""One temperature makes probabilities mean what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.evaluation import expected_calibration_error, fit_temperature
from acoustill.learning.calibration import LOWEST, fit_weights


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("margin", "right", "clips"), [(3.0, 3, 4), (1.0, 9, 10), (3.0, 11, 20)])
def test_two_classes_of_one_margin_have_the_temperature_that_makes_them_as_sure_as_right(
    margin: float, right: int, clips: int
) -> None:
    logits = np.array([[margin, 0.0]] * clips)
    labels = np.array([0] * right + [1] * (clips - right))
    golden = margin / math.log(right / (clips - right))
    assert fit_temperature(logits, labels) == pytest.approx(golden, rel=1e-5)
    share = (right * (clips + 1) + (clips - right)) / clips / (clips + 2)
    smoothed = fit_temperature(logits, labels, smoothing=True)
    assert smoothed == pytest.approx(margin / math.log(share / (1 - share)), rel=1e-4)
    assert smoothed > golden


def test_logits_that_were_multiplied_are_divided_again() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    labels = np.array([rng.choice(5, p=p) for p in softmax(logits)])
    for factor in (0.3, 1.0, 4.0):
        assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.05)


def test_temperature_stays_in_its_range_and_smoothing_keeps_it_moderate() -> None:
    logits, labels = 5 * np.eye(3), np.arange(3)
    assert fit_temperature(logits, labels) == pytest.approx(0.05)
    assert fit_temperature(-logits, labels) == pytest.approx(20.0)
    # (n + 1) / (n + classes) = 4 / 6 for the label: 5 / T = log(4 / 1)
    assert fit_temperature(logits, labels, smoothing=True) == pytest.approx(5 / math.log(4), rel=1e-5)


def test_weights_of_experts_are_those_that_their_evidence_has() -> None:
    """Two classes, Gaussian evidence: the log odds of both add up, so an expert who doubles his is weighed by half."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=40_000)
    sides = 2 * labels - 1
    odds = np.stack([2 * (sides + rng.standard_normal(len(labels))) for _ in range(2)], axis=1)
    noise = rng.standard_normal((len(labels), 1))
    logits = np.stack(
        [np.zeros((len(labels), 3)), np.concatenate([odds[:, :1], 2 * odds[:, 1:], noise], axis=1)], axis=2
    )
    assert fit_weights(logits, labels) == pytest.approx([1, 0.5, LOWEST], abs=0.04)


def test_error_of_calibration_golden_values() -> None:
    probabilities = np.array([[0.9, 0.1]] * 5 + [[0.4, 0.6]] * 5)
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 0])
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.5 * 0.1 + 0.5 * 0.0)
    assert expected_calibration_error(probabilities, labels, bins=1) == pytest.approx(0.05)
    assert expected_calibration_error(np.eye(2), np.array([0, 1])) == 0
    assert expected_calibration_error(np.eye(2), np.array([1, 0])) == 1


def test_calibrated_probabilities_have_a_small_error() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (20_000, 4))
    labels = np.array([rng.choice(4, p=p) for p in softmax(logits)])
    assert expected_calibration_error(softmax(logits), labels) < 0.02
    assert expected_calibration_error(softmax(4 * logits), labels) > 0.1


@pytest.mark.parametrize(
    ("logits", "labels", "complaint"),
    [
        (np.zeros((0, 2)), [], "at least one clip"),
        ([[0.0, math.nan]], [0], "finite"),
        ([[0.0, 1.0]], [2], "from 0 to 1"),
        ([[0.0, 1.0]], [0, 1], "1 numbers"),
    ],
)
def test_what_cannot_be_fitted_is_refused(logits: object, labels: object, complaint: str) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        fit_temperature(np.array(logits), np.array(labels, dtype=int))
    with pytest.raises(AcoustillError, match=complaint):
        fit_weights(np.array(logits)[:, None], np.array(labels, dtype=int))


@pytest.mark.parametrize(
    ("probabilities", "labels", "bins", "complaint"),
    [
        ([[0.5, 0.6]], [0], 15, "sum to 1"),
        ([[0.5, 0.5]], [2], 15, "0 to 1"),
        ([[0.5, 0.5]], [0], 0, "at least 1"),
        ([[0.5, 0.5]], [0, 1], 15, "shapes"),
    ],
)
def test_what_are_no_probabilities_is_refused(probabilities: object, labels: object, bins: int, complaint: str) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        expected_calibration_error(np.array(probabilities), np.array(labels), bins)

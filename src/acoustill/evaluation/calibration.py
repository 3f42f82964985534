"""How far probabilities are from what they say."""

from __future__ import annotations

import numpy as np

from acoustill.errors import bad_input
from acoustill.learning.calibration import fit_temperature

__all__ = ["expected_calibration_error", "fit_temperature"]


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """The mean distance of accuracy from confidence, over clips sorted into bins by confidence.

    Confidence is the largest probability; bins are of equal width, each with its upper end (Guo et al. 2017, equation
    3). 0 is perfect; with few clips a bin, even perfect probabilities give more.

    Args:
        probabilities: of the classes.
        labels: class numbers.
        bins: how many.

    Shapes:
        probabilities: (n, classes).
        labels: (n,).

    Raises:
        AcoustillError: if there is no clip or no bin, rows are no distributions, or labels do not fit.

    Example:
        >>> round(expected_calibration_error(np.array([[0.9, 0.1]] * 4), np.array([0, 0, 0, 1])), 3)
        0.15
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    labels = np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        found = f"{probabilities.shape} and {labels.shape}"
        raise bad_input("calibration", "shapes of probabilities and labels", found, "(n, classes) and (n,)")
    if not ((probabilities >= 0).all() and (abs(probabilities.sum(axis=1) - 1) <= 1e-3).all()):  # NaN fails either way
        raise bad_input("calibration", "probabilities", "rows that are no distributions", "rows that sum to 1")
    if bins < 1 or labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        found = f"{bins} and {labels.min()} to {labels.max()}"
        raise bad_input("calibration", "bins and labels", found, f"at least 1 and 0 to {probabilities.shape[1] - 1}")
    confidence = probabilities.max(axis=1)
    surplus = confidence - (probabilities.argmax(axis=1) == labels)
    at = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return float(abs(np.bincount(at, weights=surplus, minlength=bins)).sum() / len(labels))

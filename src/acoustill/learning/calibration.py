"""One temperature that makes a network's probabilities mean what they say."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize

from acoustill.errors import bad_input

LOWEST, HIGHEST = 0.05, 20.0
GOLDEN_SECTION = (math.sqrt(5) - 1) / 2
PRECISION = 1e-6  # of log T


def fit_temperature(logits: np.ndarray, labels: np.ndarray, smoothing: bool = False) -> float:
    """The T of softmax(logits / T) with the smallest mean negative log likelihood (Guo et al. 2017).

    Found by golden section in log T, in float64: with 1 / T the likelihood has one minimum. Logits that separate all
    clips would be made infinitely sure; T ends at LOWEST there, and at HIGHEST where logits are worse than guessing.

    Args:
        logits: of clips that the network was not fitted to.
        labels: class numbers.
        smoothing: aim at (n + 1) / (n + classes) for the label and at 1 / (n + classes) for the other classes, where n
            is the number of clips, so that T stays moderate where few clips are all right (for two classes Platt's
            targets of 1999, "Probabilistic outputs for support vector machines", section 2.2).

    Shapes:
        logits: (n, classes).
        labels: (n,).

    Raises:
        AcoustillError: if there is no clip, a logit is not finite, or labels do not fit.

    Example:
        >>> round(fit_temperature(np.array([[3.0, 0.0]] * 4), np.array([0, 0, 0, 1])), 3)
        2.731
    """
    logits = np.asarray(logits, dtype=np.float64)
    targets = _targets(logits, labels, smoothing)

    def loss(log_t: float) -> float:
        return _mean_loss(logits / math.exp(log_t), targets)

    low, high = math.log(LOWEST), math.log(HIGHEST)
    inner = [high - GOLDEN_SECTION * (high - low), low + GOLDEN_SECTION * (high - low)]
    losses = [loss(log_t) for log_t in inner]
    while high - low > PRECISION:
        if losses[0] <= losses[1]:
            high = inner[1]
            inner = [high - GOLDEN_SECTION * (high - low), inner[0]]
            losses = [loss(inner[0]), losses[0]]
        else:
            low = inner[0]
            inner = [inner[1], low + GOLDEN_SECTION * (high - low)]
            losses = [losses[1], loss(inner[1])]
    return min(math.exp((low + high) / 2), LOWEST, HIGHEST, key=lambda temperature: loss(math.log(temperature)))


def fit_weights(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weights of the logits of several classifiers whose sum has the smallest mean negative log likelihood.

    A product of experts, each raised to a power of its own (Hinton 2002; Genest and Zidek 1986, "logarithmic opinion
    pool"). Targets are smoothed as those of `fit_temperature`; every weight is from LOWEST to HIGHEST.

    Args:
        logits: of clips that the classifiers were not fitted to.
        labels: class numbers.

    Shapes:
        logits: (n, classifiers, classes).
        labels: (n,).
        Output: (classifiers,) float64.

    Raises:
        AcoustillError: if there is no clip, a logit is not finite, or labels do not fit.

    Example:
        >>> sure_and_wrong, right = [0.0, 8.0], [1.0, 0.0]
        >>> weights = fit_weights(np.array([[sure_and_wrong, right]] * 9), np.array([0] * 9))
        >>> bool(weights[0] < 0.1 < 1 < weights[1])
        True
    """
    logits = np.asarray(logits, dtype=np.float64)
    targets = _targets(logits.sum(axis=1), labels, smoothing=True)
    bounds = [(math.log(LOWEST), math.log(HIGHEST))] * logits.shape[1]
    found = minimize(
        lambda log_weights: _mean_loss(np.einsum("npc,p->nc", logits, np.exp(log_weights)), targets),
        np.zeros(logits.shape[1]),
        method="L-BFGS-B",
        bounds=bounds,
    )
    return np.exp(found.x)


def _targets(logits: np.ndarray, labels: np.ndarray, smoothing: bool) -> np.ndarray:
    """What probabilities should be, (n, classes).

    Raises:
        AcoustillError: if there is no clip, a logit is not finite, or labels do not fit.
    """
    labels = np.asarray(labels)
    if logits.ndim != 2 or not len(logits) or not np.isfinite(logits).all():
        raise bad_input("calibration", "logits", f"of shape {logits.shape}", "finite ones of at least one clip")
    clips, classes = logits.shape
    if labels.shape != (clips,) or labels.min() < 0 or labels.max() >= classes:
        raise bad_input("calibration", "labels", f"of shape {labels.shape}", f"{clips} numbers from 0 to {classes - 1}")
    rest = 1 / (clips + classes) if smoothing else 0.0
    targets = np.full(logits.shape, rest)
    targets[np.arange(clips), labels] = 1 - rest * (classes - 1)
    return targets


def _mean_loss(logits: np.ndarray, targets: np.ndarray) -> float:
    scaled = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(scaled).sum(axis=1)) - (targets * scaled).sum(axis=1)).mean())

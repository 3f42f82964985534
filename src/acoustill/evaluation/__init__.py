"""How good a network is, how sure that is, and the report that says so."""

from acoustill.evaluation.calibration import expected_calibration_error, fit_temperature
from acoustill.evaluation.ensembles import mean_predictions, recording_predictions
from acoustill.evaluation.predictions import Prediction, evaluate_run, read_predictions
from acoustill.evaluation.statistics import Estimate, accuracy_interval, holm, paired_difference
from acoustill.evaluation.summary import summarise

__all__ = [
    "Estimate",
    "Prediction",
    "accuracy_interval",
    "evaluate_run",
    "expected_calibration_error",
    "fit_temperature",
    "holm",
    "mean_predictions",
    "paired_difference",
    "read_predictions",
    "recording_predictions",
    "summarise",
]

"""Training teachers and students, and passing knowledge from one to the other."""

from acoustill.learning.configuration import Experiment, load_experiment
from acoustill.learning.loading import random_clip_loader, regular_clip_loader, specified_clip_loader
from acoustill.learning.objectives import (
    generalised_distillation,
    hinton_distillation,
    mix_teachers,
    smoothed_labels,
)

__all__ = [
    "Experiment",
    "generalised_distillation",
    "hinton_distillation",
    "load_experiment",
    "mix_teachers",
    "random_clip_loader",
    "regular_clip_loader",
    "smoothed_labels",
    "specified_clip_loader",
]

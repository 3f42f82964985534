"""AVIA-Sim at its smallest, with every stream that a network may be given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.learning.configuration import Experiment
from acoustill.rig import Camera, Rig
from acoustill.simulation import Plan, plan_avia_sim, simulate_archive

ACTIONS = ("clapping", "typing", "whistling")
BEAMS = BeamSpecification(rows=3, columns=4)
STILL: dict[str, Any] = {
    "gain_db": 0,
    "noise_chance": 0,
    "field_chance": 0,
    "reverberation_chance": 0,
    "equalisation_db": 0,
    "other_microphones": False,
}


def sixteen_microphones() -> Rig:
    """Four rows of four, and a camera of 160 x 120 pixels."""
    x, y = np.meshgrid(np.linspace(-0.2, 0.2, 4), np.linspace(-0.2, 0.2, 4))
    positions = np.column_stack([x.ravel(), y.ravel(), np.zeros(16)])
    return Rig("sixteen", positions, 12288, 12.0, camera=Camera(160, 120, (140.0, 140.0), (80.0, 60.0)))


def simulate_small(path: Path) -> Path:
    """Three people perform three actions for two seconds each, in two scenarios."""
    plan = Plan(ACTIONS, subjects=3, takes=1, seconds=2.0, scenarios=("anechoic", "outdoor"))
    aside = simulate_archive(path, sixteen_microphones(), plan_avia_sim(plan, seed=0), beams=BEAMS)
    assert not aside
    return path


def small_experiment(archive: Path, role: str, network: str, steps: int, **options: Any) -> Experiment:
    """Clips of a second, as they were recorded; two thirds of the recordings are trained on.

    Args:
        archive: see `simulate_small`.
        role: of the network.
        network: its name.
        steps: of training, in two rounds.
        options: `training` and whatever else the network's part of the experiment is to have.
    """
    training = {"steps": steps, "validate_every": max(1, steps // 2), "batch_size": 12, "precision": "float32"}
    training |= options.pop("training", {})
    still: dict[str, Any] = STILL
    if role == "teacher":
        field = {"field_chance": 0, "reverberation_chance": 0, "equalisation_db": 0, "level_db": 0}
        seen = {"brightness": 0, "contrast": 0, "colour": 0, "shift_pixels": 0, "erase_chance": 0}
        still = {"flip": False, "shift_pixels": 0, "level_db": 0, "beams": field, "video": seen, "audio": STILL}
        options = {"crop_seconds": 1.0, "video_shape": (24, 32), **options}
    return Experiment.model_validate(
        {
            "archive": str(archive),
            "clip_seconds": 1.0,
            "protocol": {"name": "recordings", "folds": 6},
            role: {"network": network, "training": training, "augmentation": still, **options},
        }
    )


def tiny_backbone(folder: Path) -> Path:
    """A Hugging Face folder of a small ResNet with random weights, for `hf-image`."""
    transformers = pytest.importorskip("transformers", reason="not installed: pip install 'acoustill[hf]'")
    torch.manual_seed(0)
    sizes = {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [1, 1], "layer_type": "basic"}
    transformers.AutoModel.from_config(transformers.ResNetConfig(**sizes)).save_pretrained(folder)
    pictures = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.2, 0.2, 0.2], "size": {"height": 24, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
    return folder

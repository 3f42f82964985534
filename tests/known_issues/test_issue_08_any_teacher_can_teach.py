"""In the paper's code the audio-visual teacher could not be trained, and only DualCamNet could teach.

Here a network of several streams is trained, kept, asked and distilled from like any other.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from tests.learning.conftest import write_small_archive
from torch import nn

from acoustill.evaluation import evaluate_run
from acoustill.learning import load_experiment
from acoustill.learning.training import train
from acoustill.models import NETWORKS, Specification
from acoustill.models.network import FrameNetwork


class Fused(FrameNetwork):
    """Loudness of a frame and its mean image, side by side."""

    name = "fused-for-test"
    streams = ("audio", "image")

    def __init__(self, specification: Specification) -> None:
        super().__init__(specification, {})
        self.head = nn.Linear(5, len(specification.classes))

    def frame_logits(self, views):
        images = views["image"].float().mean(dim=(2, 3)) / 40
        frames = images.shape[1]
        loudness = views["audio"].reshape(len(images), frames, -1).square().mean(dim=2, keepdim=True).log()
        return self.head(torch.cat([images, loudness], dim=2))

    def check(self, views) -> None:
        assert set(self.streams) <= set(views)

    def fit_normalisation(self, batches) -> None:
        for views in batches:
            assert set(views) == {"audio", "image"}


def test_a_network_of_two_streams_learns_and_teaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, Fused.name, Fused)
    archive = write_small_archive(tmp_path / "archive")
    steps = {"steps": 20, "validate_every": 10, "batch_size": 8, "precision": "float32"}
    content = {
        "archive": str(archive),
        "clip_seconds": 1.0,
        "protocol": {"name": "subjects"},
        "teacher": {"network": Fused.name, "training": {**steps, "steps": 100, "learning_rate": 0.03}},
        "student": {"training": steps},
    }
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(content))
    experiment = load_experiment(tmp_path / "experiment.yaml")
    train(experiment, "teacher", tmp_path / "teacher", quiet=True)
    rows = evaluate_run(tmp_path / "teacher")
    assert sum(row.right for row in rows) / len(rows) > 0.8
    train(experiment, "student", tmp_path / "student", [tmp_path / "teacher"], quiet=True)
    assert len(list((archive / "teachers").rglob("*.npy"))) > 0

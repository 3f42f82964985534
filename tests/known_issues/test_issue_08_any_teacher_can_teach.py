"""In the paper's code the audio-visual teacher could not be trained, and only DualCamNet could teach.

Here a network of several streams is trained, kept, asked and distilled from like any other; AVNet itself learns in all
of its parts, and answers for every frame, which is all that a teacher must do. Every teacher here teaches a student.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.learning.conftest import write_small_archive
from tests.small_simulations import small_experiment, tiny_backbone
from torch import nn
from torch.nn.functional import cross_entropy

from acoustill.evaluation import evaluate_run
from acoustill.learning import load_experiment
from acoustill.learning.training import train
from acoustill.models import NETWORKS, Specification, build_network
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


def test_avnet_learns_in_all_of_its_parts() -> None:
    """Classes that only both streams together tell apart: red or blue, loud at the left or at the right."""
    torch.manual_seed(0)
    specification = Specification(
        streams=("image", "video"), classes=("a", "b", "c", "d"), sample_rate=1200, samples_per_frame=100,
        clip_frames=4, video_shape=(24, 32), image_shape=(8, 12, 2),
    )  # fmt: skip
    network = build_network("avnet", specification, {"depth": 18, "dropout": 0.0})
    assert isinstance(network, FrameNetwork)
    labels = torch.arange(8) % 4
    views = {"video": torch.randint(0, 200, (8, 4, 24, 32, 3), dtype=torch.uint8), "image": torch.randn(8, 4, 8, 12, 2)}
    views["video"][labels < 2, ..., 0] += 50
    views["video"][labels >= 2, ..., 2] += 50
    views["image"][labels % 2 == 0, :, :, :6] += 2
    network.fit_normalisation([views])
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(15):
        optimiser.zero_grad()
        loss = cross_entropy(network(views), labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert not [name for name, parameter in network.named_parameters() if torch.equal(parameter, before[name])]


@pytest.mark.parametrize("name", [name for name, network in NETWORKS.items() if issubclass(network, FrameNetwork)])
def test_every_teacher_teaches_a_student(name: str, small_simulation: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {}
    if name.endswith("net50") or name == "avnet":
        options["settings"] = {"depth": 18}
    if name == "hf-image":
        options["pretrained"] = str(tiny_backbone(tmp_path / "backbone"))
    train(
        small_experiment(small_simulation, "teacher", name, 2, **options), "teacher", tmp_path / "teacher", quiet=True
    )
    student = small_experiment(small_simulation, "student", "compactnet", 2)
    train(student, "student", tmp_path / "alone", quiet=True)
    train(student, "student", tmp_path / "taught", [tmp_path / "teacher"], quiet=True)
    (teacher,) = json.loads((tmp_path / "taught/teachers.json").read_text())
    assert teacher["network"] == name
    kept = list((small_simulation / "teachers" / teacher["sha256"][:16]).glob("*.npy"))
    assert len(kept) == 12  # as many as recordings that are trained on
    losses = {
        run: [json.loads(line)["train_loss"] for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("alone", "taught")
    }
    assert losses["taught"] != losses["alone"]
    assert len(evaluate_run(tmp_path / "taught")) == len(evaluate_run(tmp_path / "teacher")) == 6

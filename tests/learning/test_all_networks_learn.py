"""Every network there is learns from AVIA-Sim, in the training that users run, and is judged and loaded afterwards."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tests.small_simulations import ACTIONS, small_experiment, tiny_backbone
from torch.nn.modules.batchnorm import _BatchNorm

from acoustill.evaluation import evaluate_run, read_predictions
from acoustill.learning import beginning as beginning_module
from acoustill.learning.loading import regular_clip_loader
from acoustill.learning.runs import Run
from acoustill.learning.training import train
from acoustill.models import Network, load_network
from acoustill.models.fusednet import FusedNet
from acoustill.models.store import NETWORKS


class Lesson(NamedTuple):
    """How a network is taught here: as briefly as it bears."""

    steps: int
    learning_rate: float
    options: dict[str, Any]


SMALL: dict[str, Any] = {"settings": {"depth": 18, "dropout": 0.0}}
SHORT = {"crop_seconds": 0.5}  # images of 36 x 48 are large
USUAL = Lesson(24, 3e-3, {})
LESSONS = {
    "dualcamnet": Lesson(20, 2e-3, {**SHORT, "settings": {"dropout": 0.0}}),
    "resnet50": Lesson(8, 1e-3, SMALL),
    "temporal-resnet50": Lesson(8, 1e-3, SMALL),
    "avnet": Lesson(6, 1e-3, {**SHORT, **SMALL}),
    "hearnet": Lesson(32, 2e-3, {}),
    "soundnet5": Lesson(16, 1e-3, {}),
    "soundnet8": Lesson(20, 1e-3, {}),
}


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics of batch norms forget what they began with after some steps, not after a hundred."""
    build = beginning_module.build_network

    def forgetful(*given: Any) -> Network:
        network = build(*given)
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.momentum = 0.5
        return network

    monkeypatch.setattr(beginning_module, "build_network", forgetful)


def accuracy(run: Run, network: Network) -> float:
    """On the clips that were trained on."""
    archive = run.open_archive()
    shape = network.specification.video_shape
    parts = run.split.parts(archive, "train")
    right = []
    with torch.no_grad():
        for batch in regular_clip_loader(archive, parts, network.streams, 1.0, 24, video_shape=shape):
            right += (network(batch["views"]).argmax(dim=1) == batch["label"]).tolist()
    assert len(right) == 24
    return sum(right) / len(right)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_is_judged_and_loads(
    name: str, small_simulation: Path, tmp_path: Path, short_memory: None
) -> None:
    lesson, folder = LESSONS.get(name, USUAL), tmp_path / "run"
    role: Any = "student" if NETWORKS[name].streams == ("audio",) else "teacher"
    options = {**lesson.options, "training": {"learning_rate": lesson.learning_rate}}
    if name == "hf-image":
        options["pretrained"] = str(tiny_backbone(tmp_path / "backbone"))
    train(small_experiment(small_simulation, role, name, lesson.steps, **options), role, folder, quiet=True)

    first, last = [json.loads(line)["train_loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    chance = math.log(len(ACTIONS))
    assert last < 0.8 * first
    assert last < 0.8 * chance
    run, network = Run(folder), load_network(folder)
    assert network.name == name
    assert network.specification.classes == ACTIONS
    assert accuracy(run, network) > 0.55  # 14 of 24 clips by chance: once in a hundred trainings

    if isinstance(network, FusedNet):
        assert not torch.equal(network.weights, torch.ones(len(network.parts)))  # fitted to validation clips, and kept

    rows = evaluate_run(folder)
    assert {(row.recording, row.start) for row in rows} == {(r, s) for r in run.split.test for s in (0, 12)}
    assert read_predictions(folder) == rows
    again = load_network(folder)
    assert again.specification == network.specification
    views = network.specification.example(2)
    with torch.no_grad():
        assert torch.equal(again(views), network(views))

"""Trained networks as parts of one."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.small_simulations import small_experiment

from acoustill.archive import Archive
from acoustill.errors import AcoustillError
from acoustill.evaluation.predictions import evaluate_run
from acoustill.learning.fusing import load_part
from acoustill.learning.runs import Run
from acoustill.learning.training import train
from acoustill.models import load_network
from acoustill.models.fusednet import FusedNet
from acoustill.models.store import read_temperature


def trained(archive: Path, network: str, folder: Path, seed: int = 0, **options: Any) -> Path:
    experiment = small_experiment(archive, "teacher", network, 2, **options).model_copy(update={"seed": seed})
    train(experiment, "teacher", folder, quiet=True)
    return folder


def fused(archive: Path, parts: list[Path], folder: Path, **options: Any) -> Path:
    given = tuple(str(part) for part in parts)
    train(
        small_experiment(archive, "teacher", "fusednet", 0, pretrained=given, **options), "teacher", folder, quiet=True
    )
    return folder


def test_trained_networks_are_weighed_and_nothing_else(small_simulation: Path, tmp_path: Path) -> None:
    parts = [trained(small_simulation, name, tmp_path / name) for name in ("beamnet-heard", "acousticnet", "motionnet")]
    folder = fused(small_simulation, parts, tmp_path / "fused")
    network = load_network(folder)
    assert isinstance(network, FusedNet)
    views = network.specification.example(3)
    with torch.no_grad():
        answers = [load_network(part)({name: views[name] for name in load_network(part).streams}) for part in parts]
        summed = torch.einsum("pnc,p->nc", torch.stack(answers), network.weights)
        assert torch.allclose(network(views), summed, atol=1e-4)
    assert not torch.equal(network.weights, torch.ones(3))
    assert read_temperature(folder) != 1.0
    assert len(evaluate_run(folder)) == 2 * len(Run(folder).split.test)
    (metrics,) = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert metrics["step"] == 0
    assert 0 <= metrics["validation_accuracy"] <= 1


def test_a_fused_run_knows_what_it_was_made_of(small_simulation: Path, tmp_path: Path) -> None:
    parts = [trained(small_simulation, "motionnet", tmp_path / f"seed{seed}", seed) for seed in (0, 1)]
    folder = fused(small_simulation, parts, tmp_path / "fused")
    network = load_network(folder)
    assert isinstance(network, FusedNet)
    assert list(network.parts) == ["motionnet-1", "motionnet-2"]  # one kind from two seeds: an ensemble
    kept = json.loads((folder / "data.json").read_text())["pretrained"]
    assert [one["path"] for one in kept] == [str(part) for part in parts]
    fused(small_simulation, parts, folder)  # is finished already
    evaluate_run(parts[0])  # what is judged later does not make it another network
    fused(small_simulation, parts, folder)
    with pytest.raises(AcoustillError, match="another"):
        fused(small_simulation, parts[::-1], folder)
    for part in parts:
        shutil.rmtree(part)
    fused(small_simulation, parts, folder)
    with pytest.raises(AcoustillError, match=r"seed0/model\.safetensors: no such"):
        fused(small_simulation, parts, tmp_path / "again")


def test_what_does_not_fit_together_is_refused(small_simulation: Path, tmp_path: Path) -> None:
    seen = trained(small_simulation, "motionnet", tmp_path / "seen")
    with pytest.raises(AcoustillError, match="number of pretrained runs is 1, expected 2"):
        fused(small_simulation, [seen], tmp_path / "x", settings={"parts": ["motionnet", "acousticnet"]})
    with pytest.raises(AcoustillError, match=r"name of the network is motionnet, expected acousticnet"):
        fused(small_simulation, [seen], tmp_path / "x", settings={"parts": ["acousticnet"]})
    with pytest.raises(AcoustillError, match="specification of the network"):
        fused(small_simulation, [seen], tmp_path / "x", video_shape=(30, 40))
    image = trained(small_simulation, "dualcamnet", tmp_path / "image")
    with pytest.raises(AcoustillError, match=r"part is .*dualcamnet.*, expected the network, one of beamnet, "):
        fused(small_simulation, [image], tmp_path / "x")
    alone = small_experiment(small_simulation, "teacher", "motionnet", 2, pretrained=(str(seen),))
    with pytest.raises(AcoustillError, match=r"pretrained is .*, expected one file or folder"):
        train(alone, "teacher", tmp_path / "x", quiet=True)
    assert not (tmp_path / "x").exists()


def test_parts_may_not_know_what_they_are_weighed_on(small_simulation: Path, tmp_path: Path) -> None:
    """They would know it by heart: the weights of those that overfit most would be largest."""
    seen = trained(small_simulation, "motionnet", tmp_path / "seen")
    split, archive = Run(seen).split, Archive(small_simulation)
    assert load_part(seen, archive, split).network.name == "motionnet"
    known = dataclasses.replace(split, train=split.validation, validation=split.train)
    with pytest.raises(AcoustillError, match="which its weight beside other networks is fitted to"):
        load_part(seen, archive, known)
    tested = dataclasses.replace(split, train=split.test, test=split.train)
    with pytest.raises(AcoustillError, match="which its student is tested on"):
        load_part(seen, archive, tested)


def test_no_steps_without_trained_parts_are_refused(small_simulation: Path) -> None:
    with pytest.raises(ValueError, match="steps 0 trains nothing: give pretrained, a list of trained runs"):
        small_experiment(small_simulation, "teacher", "motionnet", 0)

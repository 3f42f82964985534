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
from acoustill.learning.calibration import fit_temperature
from acoustill.learning.fusing import load_parts
from acoustill.learning.loading import regular_clip_loader
from acoustill.learning.module import Learner
from acoustill.learning.runs import Run
from acoustill.learning.teachers import load_teacher
from acoustill.learning.training import train
from acoustill.models import load_network
from acoustill.models.fusednet import FusedNet
from acoustill.models.store import read_temperature


def trained(archive: Path, network: str, folder: Path, seed: int = 0, **options: Any) -> Path:
    experiment = small_experiment(archive, "teacher", network, 2, **options).model_copy(update={"seed": seed})
    train(experiment, "teacher", folder, quiet=True)
    return folder


def fused(archive: Path, parts: list[Path], folder: Path, steps: int = 0, **options: Any) -> Path:
    given = [str(part) for part in parts]
    experiment = small_experiment(archive, "teacher", "fusednet", steps, pretrained=given, **options)
    train(experiment, "teacher", folder, quiet=True)
    return folder


def test_trained_networks_are_weighed_and_nothing_else(small_simulation: Path, tmp_path: Path) -> None:
    names = ("beamnet-heard", "acousticnet", "motionnet")
    parts = [trained(small_simulation, name, tmp_path / name) for name in names]
    folder = fused(small_simulation, parts, tmp_path / "fused")
    network = load_network(folder)
    assert isinstance(network, FusedNet)
    assert not torch.equal(network.weights, torch.ones(3))
    views = network.specification.example(3)
    with torch.no_grad():
        answers = [load_network(part)({name: views[name] for name in load_network(part).streams}) for part in parts]
        summed = torch.einsum("pnc,p->nc", torch.stack(answers), network.weights)
        assert torch.allclose(network(views), summed, atol=1e-4)
    assert len(evaluate_run(folder)) == 2 * len(Run(folder).split.test)


def test_the_only_round_is_that_of_the_network_that_is_kept(small_simulation: Path, tmp_path: Path) -> None:
    parts = [trained(small_simulation, name, tmp_path / name) for name in ("acousticnet", "motionnet")]
    folder = fused(small_simulation, parts, tmp_path / "fused")
    (metrics,) = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    network, archive, run = load_network(folder), Archive(small_simulation), Run(folder)
    clips = regular_clip_loader(
        archive, run.split.validation, network.streams, 1.0, 12, video_shape=(24, 32), rank=0, world_size=1
    )
    with torch.no_grad():
        answers = [(network(batch["views"]), batch["label"]) for batch in clips]
    logits, labels = (torch.cat(part) for part in zip(*answers, strict=True))
    loss = torch.nn.functional.cross_entropy(logits, labels)
    temperature = fit_temperature(logits.numpy(), labels.numpy(), smoothing=True)
    assert read_temperature(folder) == pytest.approx(temperature, rel=1e-3)
    assert metrics["step"] == 0
    assert metrics["validation_loss"] == pytest.approx(float(loss), abs=1e-4)


def test_a_fused_run_knows_what_it_was_made_of(small_simulation: Path, tmp_path: Path) -> None:
    parts = [trained(small_simulation, "motionnet", tmp_path / f"seed{seed}", seed) for seed in (0, 1)]
    folder = fused(small_simulation, parts, tmp_path / "fused")
    network = load_network(folder)
    assert isinstance(network, FusedNet)
    assert list(network.parts) == ["motionnet-1", "motionnet-2"]  # one kind from two seeds: an ensemble
    assert not network.steers
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
    with pytest.raises(AcoustillError, match="seed0: no such run folder"):
        fused(small_simulation, parts, tmp_path / "again")


def test_a_fused_teacher_teaches_and_trained_parts_go_on_learning(small_simulation: Path, tmp_path: Path) -> None:
    parts = [trained(small_simulation, name, tmp_path / name) for name in ("acousticnet", "motionnet")]
    folder = fused(small_simulation, parts, tmp_path / "fused")
    experiment = small_experiment(small_simulation, "student", "hearnet", 2)
    train(experiment, "student", tmp_path / "student", [folder], quiet=True)
    assert Run(tmp_path / "student").recipe == "distilled"
    on = load_network(fused(small_simulation, parts, tmp_path / "on", steps=2))
    assert isinstance(on, FusedNet)
    before, after = load_network(parts[0]).state_dict(), on.networks[0].state_dict()
    assert not torch.equal(before["classify.1.weight"], after["classify.1.weight"])


def test_what_does_not_fit_together_is_refused(small_simulation: Path, tmp_path: Path) -> None:
    seen = trained(small_simulation, "motionnet", tmp_path / "seen")
    with pytest.raises(AcoustillError, match="none beside pretrained, which says what the parts are"):
        fused(small_simulation, [seen], tmp_path / "x", settings={"parts": ["motionnet"]})
    with pytest.raises(AcoustillError, match=r"seen: video_shape of the network is \(24, 32\), expected \(30, 40\)"):
        fused(small_simulation, [seen], tmp_path / "x", video_shape=(30, 40))
    image = trained(small_simulation, "dualcamnet", tmp_path / "image")
    with pytest.raises(AcoustillError, match=r"part is .*dualcamnet.*, expected the network, one of beamnet, "):
        fused(small_simulation, [image], tmp_path / "x")
    with pytest.raises(AcoustillError, match=r"motionnet: pretrained is \[.*\], expected one file or folder"):
        trained(small_simulation, "motionnet", tmp_path / "x", pretrained=[str(seen)])
    with pytest.raises(AcoustillError, match=r"fusednet: pretrained is .*seen, expected a list of runs"):
        trained(small_simulation, "fusednet", tmp_path / "x", pretrained=str(seen))
    (seen / "run.json").unlink()
    with pytest.raises(AcoustillError, match="seen: no finished run"):
        fused(small_simulation, [seen], tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_parts_know_what_the_whole_knows_and_nothing_else(small_simulation: Path, tmp_path: Path) -> None:
    """Else what overfits most would weigh most, and whoever learns from the whole would not be told what it knows."""
    seen = trained(small_simulation, "motionnet", tmp_path / "seen")
    split, archive = Run(seen).split, Archive(small_simulation)
    assert [part.name for part in load_parts([seen], archive, split, None)] == ["motionnet"]
    for other in (
        dataclasses.replace(split, train=split.validation, validation=split.train),
        dataclasses.replace(split, train=split.test, test=split.train),
        dataclasses.replace(split, train=split.train[1:]),
    ):
        with pytest.raises(AcoustillError, match="it learnt from another split; train it with the same protocol"):
            load_parts([seen], archive, other, None)
    shutil.copytree(small_simulation, tmp_path / "copy")
    content = json.loads((tmp_path / "copy/archive.json").read_text())
    (tmp_path / "copy/archive.json").write_text(json.dumps(content | {"id": "0" * 64}))
    there = Archive(tmp_path / "copy")
    assert there.id != archive.id
    with pytest.raises(AcoustillError, match=r"id of the archive is \w{12}, expected \w{12}, that of .*copy: train"):
        load_parts([seen], there, split, None)


def test_parts_heard_the_noise_of_the_whole(small_simulation: Path, tmp_path: Path) -> None:
    heard = trained(small_simulation, "beamnet-heard", tmp_path / "heard")
    data = json.loads((heard / "data.json").read_text())
    (heard / "data.json").write_text(json.dumps(data | {"noise": {"archive_id": "other"}}))
    with pytest.raises(AcoustillError, match="noise that it was trained with"):
        load_parts([heard], Archive(small_simulation), Run(heard).split, None)


def test_no_steps_without_trained_parts_are_refused(small_simulation: Path) -> None:
    with pytest.raises(ValueError, match="steps 0 trains nothing: give pretrained, a list of trained runs"):
        small_experiment(small_simulation, "teacher", "motionnet", 0)
    with pytest.raises(ValueError, match="steps 0 trains nothing: at least 1 is expected"):
        small_experiment(small_simulation, "student", "hearnet", 0)
    for given in (5, [], [1, 2], {"a": "b"}):
        with pytest.raises(ValueError, match="expected a file or folder of weights, or a list of runs"):
            small_experiment(small_simulation, "teacher", "fusednet", 0, pretrained=given)


def test_an_interruption_of_the_only_round_is_one(
    small_simulation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = trained(small_simulation, "motionnet", tmp_path / "seen")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(Learner, "validation_step", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fused(small_simulation, [seen], tmp_path / "fused")
    fused(small_simulation, [seen], tmp_path / "fused")
    assert load_teacher(tmp_path / "fused", Archive(small_simulation), Run(seen).split).network.name == "fusednet"

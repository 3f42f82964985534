"""Trained networks as parts of one."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.small_archives import rewrite_entries
from tests.small_simulations import small_experiment, tiny_backbone

from acoustill.archive import Archive
from acoustill.errors import AcoustillError
from acoustill.evaluation.calibration import expected_calibration_error
from acoustill.evaluation.ensembles import mean_predictions
from acoustill.evaluation.predictions import evaluate_run, read_predictions
from acoustill.learning.calibration import fit_temperature
from acoustill.learning.fusing import load_parts
from acoustill.learning.loading import regular_clip_loader
from acoustill.learning.module import Learner
from acoustill.learning.runs import Run
from acoustill.learning.teachers import load_teacher, teacher_logits
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


def test_networks_that_hear_are_fused_where_there_is_no_camera(small_simulation: Path, tmp_path: Path) -> None:
    blind = without_video(small_simulation, tmp_path / "blind")
    parts = [str(trained(blind, name, tmp_path / name)) for name in ("beamnet-heard", "acousticnet")]
    experiment = small_experiment(blind, "teacher", "fusednet-heard", 0, pretrained=parts)
    train(experiment, "teacher", tmp_path / "fused", quiet=True)
    network = load_network(tmp_path / "fused")
    assert isinstance(network, FusedNet)
    assert network.streams == ("beams",)
    assert len(evaluate_run(tmp_path / "fused")) == 2 * len(Run(tmp_path / "fused").split.test)
    seeing = small_experiment(small_simulation, "teacher", "fusednet", 0, pretrained=parts)
    with pytest.raises(AcoustillError, match="id of the archive"):
        train(seeing, "teacher", tmp_path / "elsewhere", quiet=True)


def test_a_pretrained_backbone_is_a_part_as_any_other(small_simulation: Path, tmp_path: Path) -> None:
    seen = trained(small_simulation, "hf-image", tmp_path / "seen", pretrained=str(tiny_backbone(tmp_path / "hub")))
    heard = trained(small_simulation, "acousticnet", tmp_path / "heard")
    folder = fused(small_simulation, [heard, seen], tmp_path / "fused")
    shutil.rmtree(tmp_path / "hub")
    network = load_network(folder)
    assert isinstance(network, FusedNet)
    assert list(network.parts) == ["acousticnet", "hf-image"]
    alone = load_network(seen)
    views = {"video": network.specification.example(2)["video"]}
    with torch.no_grad():
        assert torch.allclose(network(views), network.weights[1] * alone(views), atol=1e-5)


def without_video(archive: Path, folder: Path) -> Path:
    """The same recordings, as a rig without a camera makes them."""
    shutil.copytree(archive, folder, ignore=shutil.ignore_patterns("video.jpegs", "teachers"))
    rewrite_entries(folder, lambda entry: entry["streams"].remove("video"))
    return folder


def test_a_fused_teacher_teaches_where_there_is_no_camera(small_simulation: Path, tmp_path: Path) -> None:
    """By the answers of the parts that need none, as if the others were not there."""
    parts = [trained(small_simulation, name, tmp_path / name) for name in ("acousticnet", "motionnet")]
    folder = fused(small_simulation, parts, tmp_path / "fused")
    blind = Archive(without_video(small_simulation, tmp_path / "blind"))
    split = Run(folder).split
    teachers = {name: load_teacher(run, blind, split) for name, run in (("fused", folder), ("heard", parts[0]))}
    recording = split.train[0]
    answers = {name: teacher_logits(blind, [one], [recording])[recording] for name, one in teachers.items()}
    network = teachers["fused"].network
    assert isinstance(network, FusedNet)
    alone = answers["heard"] * teachers["heard"].temperature
    expected = float(network.weights[0]) * alone / teachers["fused"].temperature
    assert np.allclose(answers["fused"], expected, rtol=1e-4, atol=1e-5)
    seeing = load_teacher(parts[1], blind, split)
    with pytest.raises(AcoustillError, match=r"streams is .*, expected also \['video'\]"):
        teacher_logits(blind, [seeing], [recording])
    experiment = small_experiment(blind.path, "student", "hearnet", 2)
    train(experiment, "student", tmp_path / "student", [folder], quiet=True)
    assert Run(tmp_path / "student").recipe == "distilled"


def test_a_fused_teacher_is_judged_without_a_stream(
    small_simulation: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    parts = [trained(small_simulation, name, tmp_path / name) for name in ("beamnet", "motionnet")]
    folder = fused(small_simulation, parts, tmp_path / "fused")
    whole, deaf = evaluate_run(folder), evaluate_run(folder, without=["beams"])
    seen = evaluate_run(parts[1])
    # the part that only sees, sharpened or softened by its weight: the same class is the most probable
    assert [row.predicted for row in deaf] == [row.predicted for row in seen]
    assert [row.probabilities for row in deaf] != [row.probabilities for row in whole]
    assert read_predictions(folder) == whole
    assert read_predictions(folder, ["beams"]) == deaf
    ended = command("evaluate", folder, "--without", "beams", "--json")
    assert ended.status == 0
    assert json.loads(ended.out)["groups"][0]["name"] == "teacher fusednet, labels, without beams"
    for run, streams in ((parts[1], ["video"]), (folder, ["video", "beams"]), (folder, ["audio"])):
        with pytest.raises(AcoustillError, match="expected such as it can answer to"):
            evaluate_run(run, without=streams)
    with pytest.raises(AcoustillError, match=r"acoustill evaluate .* --without video"):
        read_predictions(parts[0], ["video"])


def test_runs_are_judged_together(small_simulation: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    runs = [trained(small_simulation, "beamnet", tmp_path / f"seed{seed}", seed) for seed in (0, 1)]
    ended = command("evaluate", *runs, "--together", "--localise", "--json")
    assert ended.status == 0
    summary = json.loads(ended.out)
    assert [group["name"] for group in summary["groups"]] == [
        "teacher beamnet, labels",
        "teacher beamnet, labels, 2 runs together",
    ]
    rows = mean_predictions([read_predictions(run) for run in runs], Run(runs[0]).classes)
    assert summary["groups"][1]["all"]["value"] == pytest.approx(np.mean([row.right for row in rows]), abs=1e-4)
    errors = [
        expected_calibration_error(
            np.array([row.probabilities for row in read_predictions(run)]),
            np.array([Run(run).classes.index(row.label) for row in read_predictions(run)]),
        )
        for run in runs
    ]
    assert summary["groups"][0]["calibration_error"] == pytest.approx(np.mean(errors), abs=2e-4)
    assert set(summary["localised"]) == {str(run) for run in runs}
    heard = trained(small_simulation, "beamnet-heard", tmp_path / "heard")
    together = json.loads(command("evaluate", runs[0], heard, "--together", "--json").out)["groups"][-1]["name"]
    assert together == "teacher beamnet, labels and teacher beamnet-heard, labels, 2 runs together"
    told = command("evaluate", *runs, "--localise").out.splitlines()
    assert told[-1].startswith(f"{runs[1]}: listens ")


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

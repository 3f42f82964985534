"""Averaged weights, calibrated answers, pretrained weights, and networks in either role."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from tests.learning.conftest import write_small_archive
from tests.small_archives import rewrite_entries
from tests.small_simulations import small_experiment

from acoustill.archive import Archive
from acoustill.archive.protocols import split_archive
from acoustill.errors import AcoustillError
from acoustill.evaluation import evaluate_run
from acoustill.files import file_hash
from acoustill.learning import beginning as beginning_module
from acoustill.learning import load_experiment
from acoustill.learning import training as training_module
from acoustill.learning.loading import regular_clip_loader
from acoustill.learning.module import Learner
from acoustill.learning.runs import Run
from acoustill.learning.teachers import load_teacher, teacher_logits
from acoustill.learning.training import train
from acoustill.models.resnet import ResNet
from acoustill.models.store import load_network, read_temperature


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.fixture
def trained(experiment_file: Path, tmp_path: Path) -> Path:
    train(load_experiment(experiment_file), "teacher", tmp_path / "teacher", quiet=True)
    return tmp_path / "teacher"


# averaged weights -------------------------------------------------------------------------------------------------


def test_averaged_weights_are_those_of_the_formula_and_are_kept(
    experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The average by hand, from the weights after every step; early ones are over few steps."""
    seen: list[torch.Tensor] = []
    end = Learner.on_train_batch_end

    def watch(self: Learner, *given: Any) -> None:
        if not seen:
            assert self.averaged is not None
            seen.append(dict(self.averaged.named_parameters())["features.0.weight"].clone())
        seen.append(dict(self.network.named_parameters())["features.0.weight"].detach().clone())
        end(self, *given)

    monkeypatch.setattr(Learner, "on_train_batch_end", watch)
    overrides = ["student.training.ema=0.5", "student.training.validate_every=20"]
    train(load_experiment(experiment_file, overrides), "student", tmp_path / "run", quiet=True)
    average = seen[0]
    for step, now in enumerate(seen[1:], start=1):
        decay = min(0.5, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * now
    kept = weights(tmp_path / "run")["features.0.weight"]
    assert torch.allclose(kept, average, atol=1e-6)
    assert not torch.allclose(kept, seen[-1], atol=1e-6)


def test_averaging_changes_what_is_kept_and_not_what_is_learnt(experiment_file: Path, tmp_path: Path) -> None:
    for name, ema in (("plain", 0), ("averaged", 0.9)):
        given = load_experiment(experiment_file, [f"student.training.ema={ema}"])
        train(given, "student", tmp_path / name, quiet=True)
    plain, averaged = weights(tmp_path / "plain"), weights(tmp_path / "averaged")
    assert plain.keys() == averaged.keys()
    assert not torch.equal(plain["features.0.weight"], averaged["features.0.weight"])
    assert torch.equal(plain["standardise.mean"], averaged["standardise.mean"])
    losses = [
        [json.loads(line)["train_loss"] for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("plain", "averaged")
    ]
    assert losses[0] == losses[1]


# calibration ------------------------------------------------------------------------------------------------------


def test_temperature_divides_the_answers_of_runs_and_teachers(trained: Path) -> None:
    temperature = read_temperature(trained)
    assert 0.05 <= temperature <= 20
    assert json.loads((trained / "model.json").read_text())["temperature"] == temperature
    run = Run(trained)
    archive = Archive(run.experiment.archive)
    calibrated = teacher_logits(archive, [load_teacher(trained, archive, run.split)], run.split.test)
    before = evaluate_run(trained)
    description = json.loads((trained / "model.json").read_text()) | {"temperature": 2 * temperature}
    (trained / "model.json").write_text(json.dumps(description))
    softer = teacher_logits(archive, [load_teacher(trained, archive, run.split)], run.split.test)
    for recording in run.split.test:
        assert np.allclose(calibrated[recording], 2 * softer[recording], rtol=1e-5)
        assert softer[recording].dtype == np.float32
    for hard, soft in zip(before, evaluate_run(trained), strict=True):
        assert hard.predicted == soft.predicted
        odds = [math.log(row.probabilities[0] / row.probabilities[1]) for row in (hard, soft)]
        assert odds[0] == pytest.approx(2 * odds[1], abs=0.02)


def test_runs_without_a_temperature_are_read(trained: Path) -> None:
    description = json.loads((trained / "model.json").read_text())
    del description["temperature"]
    (trained / "model.json").write_text(json.dumps(description))
    assert read_temperature(trained) == 1.0
    (trained / "model.json").write_text(json.dumps(description | {"temperature": 0}))
    with pytest.raises(AcoustillError, match="temperature is 0, expected a number above 0"):
        read_temperature(trained)


# pretrained weights -----------------------------------------------------------------------------------------------


def test_pretrained_weights_are_the_start_and_their_hash_is_kept(
    experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bias.safetensors"
    save_file({"head.1.bias": torch.full((1000,), 7.0)}, file)

    def initialise_from(network: torch.nn.Module, path: str) -> str:
        network.load_state_dict(load_file(path), strict=False)
        return "1 of the layers was loaded"

    monkeypatch.setattr(beginning_module, "initialise_from", initialise_from)
    given = load_experiment(experiment_file, [f"student.pretrained={file}", "student.training.learning_rate=1.0e-9"])
    train(given, "student", tmp_path / "run", quiet=True)
    assert torch.allclose(weights(tmp_path / "run")["head.1.bias"], torch.full((1000,), 7.0), atol=1e-3)
    kept = json.loads((tmp_path / "run/data.json").read_text())["pretrained"]
    assert kept == {"path": str(file), "sha256": file_hash(file)}
    assert "run: 1 of the layers was loaded" in capsys.readouterr().err
    file.rename(tmp_path / "elsewhere")
    train(given, "student", tmp_path / "run", quiet=True)
    assert "is finished" in capsys.readouterr().err
    save_file({"head.1.bias": torch.zeros(1000)}, file)
    (tmp_path / "run/run.json").unlink()
    with pytest.raises(AcoustillError, match="another configuration"):
        train(given, "student", tmp_path / "run", quiet=True)


@pytest.mark.parametrize(("video_shape", "told"), [((24, 32), True), ((111, 148), True), ((112, 150), False)])
def test_frames_far_smaller_than_the_pictures_of_the_weights_are_told(
    small_simulation: Path, tmp_path: Path, video_shape: tuple[int, int], told: bool
) -> None:
    torch.save(ResNet(18).state_dict(), tmp_path / "resnet18.pth")
    options = {"pretrained": str(tmp_path / "resnet18.pth"), "settings": {"depth": 18}, "video_shape": video_shape}
    experiment = small_experiment(small_simulation, "teacher", "resnet50", 2, **options)
    archive = Archive(small_simulation)
    _, sentences = beginning_module.fresh_network(
        experiment, "teacher", archive, split_archive(archive, experiment.protocol)
    )
    assert "120 tensors loaded" in sentences[0]
    assert len(sentences) == 1 + told
    if told:
        assert "pictures of 224 x 224 pixels" in sentences[1]
        assert "teacher.video_shape=[168, 224]" in sentences[1]  # of a camera of 160 x 120


def test_missing_pretrained_weights_are_refused_before_the_folder_is_made(
    experiment_file: Path, tmp_path: Path
) -> None:
    given = load_experiment(experiment_file, ["student.pretrained=/nowhere/at-all"])
    with pytest.raises(AcoustillError, match="/nowhere/at-all: no such file or folder of pretrained weights"):
        train(given, "student", tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


# the round that is kept, precision --------------------------------------------------------------------------------


def in_three_scenarios(folder: Path) -> Path:
    """Three people, each of whom is heard in a lab, in a garden and in a street."""
    write_small_archive(folder, subjects=9, unlabelled=0)

    def move(entry: dict[str, Any]) -> None:
        number = int(entry["subject"].removeprefix("s"))
        entry |= {"scenario": ("lab", "garden", "street")[number % 3], "subject": f"p{number // 3}"}

    rewrite_entries(folder, move)
    return folder


def test_the_round_that_is_kept_is_the_best_in_the_validated_scenario(experiment_file: Path, tmp_path: Path) -> None:
    """A training stops early by how it does in a scenario that it neither learns from nor is tested in."""
    archive = Archive(in_three_scenarios(tmp_path / "archive"))
    protocol = "{name: scenarios, held_out: street, validated_scenario: garden, folds: 3}"
    given = [f"archive={archive.path}", f"protocol={protocol}", "student.training.validate_every=4"]
    given.append("distillation.unlabelled_batch=0")
    train(load_experiment(experiment_file, given), "student", tmp_path / "run", quiet=True)
    split = Run(tmp_path / "run").split
    sides = [{archive.entries[one].scenario for one in side} for side in (split.train, split.validation, split.test)]
    assert sides == [{"lab"}, {"garden"}, {"street"}]
    rounds = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert len(rounds) == 5
    network = load_network(tmp_path / "run")
    batches = regular_clip_loader(archive, split.parts(archive, "validation"), ("audio",), 1.0, 16)
    right = [network(batch["views"]).argmax(dim=1) == batch["label"] for batch in batches]
    best = max(one["validation_accuracy"] for one in rounds)
    assert float(torch.cat(right).float().mean()) == pytest.approx(best, abs=1e-4)


def test_bf16_is_taken_where_it_is_multiplied_in_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    for capabilities, expected in (({}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert training_module._in_bf16("auto") == expected
    assert training_module._in_bf16("bf16")
    assert not training_module._in_bf16("float32")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert not training_module._in_bf16("auto")  # a device that emulates it, whatever the processor does


# roles ------------------------------------------------------------------------------------------------------------


def test_a_student_hears_alone_and_a_teacher_answers_for_frames(
    experiment_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hears = load_experiment(experiment_file, ["teacher.network=hearnet"])
    train(hears, "teacher", tmp_path / "hears", quiet=True)
    assert "hearnet does not answer for every frame: it can be evaluated, but cannot teach" in capsys.readouterr().err
    assert load_network(tmp_path / "hears").streams == ("audio",)
    with pytest.raises(AcoustillError, match="expected a teacher that answers for every frame"):
        train(hears, "student", tmp_path / "run", [tmp_path / "hears"], quiet=True)
    shutil.rmtree(tmp_path / "hears")
    sees = load_experiment(experiment_file, ["student.network=dualcamnet"])
    with pytest.raises(AcoustillError, match=r"dualcamnet: streams is \['image'\], expected audio alone: a student"):
        train(sees, "student", tmp_path / "sees", quiet=True)
    assert not (tmp_path / "sees").exists()


def test_shifts_of_more_than_half_of_the_view_are_refused(experiment_file: Path, tmp_path: Path) -> None:
    far = load_experiment(experiment_file, ["teacher.augmentation.shift_pixels=7"])
    with pytest.raises(AcoustillError, match="shift_pixels is 7 of 12 pixels of image, expected at most half of them"):
        train(far, "teacher", tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_finished_runs_of_the_version_before_are_known(
    experiment_file: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without keys that came later, and without a temperature of their teachers."""
    given = load_experiment(experiment_file)
    description = json.loads((trained / "model.json").read_text()) | {"temperature": 1.0}
    (trained / "model.json").write_text(json.dumps(description))
    train(given, "student", tmp_path / "run", [trained], quiet=True)
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    del config["noise"], config["student"]["training"]["ema"], config["student"]["augmentation"]["equalisation_db"]
    (tmp_path / "run/config.yaml").write_text(yaml.safe_dump(config))
    (stated,) = json.loads((tmp_path / "run/teachers.json").read_text())
    del stated["temperature"]
    (tmp_path / "run/teachers.json").write_text(json.dumps([stated]))
    capsys.readouterr()
    train(given, "student", tmp_path / "run", [trained], quiet=True)
    assert "is finished" in capsys.readouterr().err
    config["student"]["training"]["learning_rate"] = 0.5
    (tmp_path / "run/config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(AcoustillError, match="holds a run of another configuration"):
        train(given, "student", tmp_path / "run", [trained], quiet=True)


def test_rounds_before_the_best_leave_no_trace_of_answers(experiment_file: Path, tmp_path: Path) -> None:
    """The temperature is that of one round: as many answers as there are validation clips."""
    counts = []
    fit = training_module.fit_temperature

    def watch(logits: np.ndarray, labels: np.ndarray, smoothing: bool) -> float:
        counts.append(len(labels))
        return fit(logits, labels, smoothing)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_module, "fit_temperature", watch)
        train(load_experiment(experiment_file), "student", tmp_path / "run", quiet=True)
    assert set(counts) == {3 * len(Run(tmp_path / "run").split.validation)}


def test_one_clip_in_each_process_is_too_few_for_batch_norms(
    experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    given = load_experiment(experiment_file, ["student.network=soundnet8", "student.training.batch_size=2"])
    with pytest.raises(AcoustillError, match="soundnet8: clips a step in each process is 1, expected at least 2"):
        train(given, "student", tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_what_a_training_has_no_use_for_may_change(
    experiment_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A student that nobody teaches stays the same whatever is planned for the teacher; its own settings count."""
    train(load_experiment(experiment_file), "student", tmp_path / "run", quiet=True)
    train(load_experiment(experiment_file, ["teacher.crop_seconds=0.25"]), "student", tmp_path / "run", quiet=True)
    assert "is finished" in capsys.readouterr().err
    with pytest.raises(AcoustillError, match="another configuration"):
        train(load_experiment(experiment_file, ["student.training.ema=0.5"]), "student", tmp_path / "run", quiet=True)

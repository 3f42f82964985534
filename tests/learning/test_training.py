from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from acoustill.archive import Archive, Split, create_archive, finish_archive, write_recording
from acoustill.archive.splits import SIDES
from acoustill.errors import AcoustillError
from acoustill.evaluation import evaluate_run
from acoustill.files import file_hash
from acoustill.learning import load_experiment
from acoustill.learning import training as training_module
from acoustill.learning.runs import Run
from acoustill.learning.teachers import load_teacher
from acoustill.learning.training import train
from acoustill.models import load_network


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def accuracy(folder: Path) -> float:
    rows = evaluate_run(folder)
    return sum(row.right for row in rows) / len(rows)


@pytest.fixture(scope="module")
def teacher(small_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    config = folder / "teacher.yaml"
    config.write_text(
        f"archive: {small_archive}\nclip_seconds: 1.0\nprotocol: {{name: subjects, folds: 3}}\n"
        "teacher:\n  crop_seconds: 0.5\n  augmentation: {shift_pixels: 2}\n"
        "  training: {steps: 40, validate_every: 20, batch_size: 8, learning_rate: 1.0e-3, precision: float32}\n"
    )
    train(load_experiment(config), "teacher", folder / "run", quiet=True)
    return folder / "run"


def test_teacher_learns_and_run_folder_is_complete(teacher: Path) -> None:
    assert accuracy(teacher) == 1.0
    names = {path.name for path in teacher.iterdir()}
    wanted = {"config.yaml", "run.json", "data.json", "teachers.json", "model.json", "model.safetensors"}
    assert wanted | {"metrics.jsonl", "predictions.jsonl"} == names
    assert [json.loads(line)["step"] for line in (teacher / "metrics.jsonl").read_text().splitlines()] == [20, 40]


def test_student_learns_from_labels(experiment_file: Path, tmp_path: Path) -> None:
    train(load_experiment(experiment_file, ["student.training.steps=60"]), "student", tmp_path / "run", quiet=True)
    assert accuracy(tmp_path / "run") >= 0.9
    assert json.loads((tmp_path / "run/teachers.json").read_text()) == []


def test_student_learns_from_teacher_alone(experiment_file: Path, teacher: Path, tmp_path: Path) -> None:
    overrides = ["distillation.imitation=1.0", "student.training.steps=60"]
    train(load_experiment(experiment_file, overrides), "student", tmp_path / "run", [teacher], quiet=True)
    assert accuracy(tmp_path / "run") >= 0.9
    assert Run(tmp_path / "run").recipe == "distilled"
    (stated,) = json.loads((tmp_path / "run/teachers.json").read_text())
    assert len(stated["sha256"]) == 64


def test_two_teachers_teach_together_in_bf16(experiment_file: Path, teacher: Path, tmp_path: Path) -> None:
    train(load_experiment(experiment_file, ["seed=5"]), "teacher", tmp_path / "other", quiet=True)
    overrides = ["distillation.imitation=1.0", "student.training.steps=60", "student.training.precision=bf16"]
    train(load_experiment(experiment_file, overrides), "student", tmp_path / "run", [teacher, tmp_path / "other"], True)
    assert accuracy(tmp_path / "run") >= 0.9
    assert len(Run(tmp_path / "run").teachers) == 2


def test_shuffled_teacher_teaches_nothing(experiment_file: Path, teacher: Path, tmp_path: Path) -> None:
    overrides = ["distillation.imitation=1.0", "distillation.control=shuffled-teacher"]
    train(load_experiment(experiment_file, overrides), "student", tmp_path / "run", [teacher], quiet=True)
    rounds = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert all(0.6 < one["validation_loss"] < 0.8 for one in rounds)  # that of guessing is 0.69
    assert Run(tmp_path / "run").recipe == "shuffled-teacher"


def test_same_seed_same_weights_and_other_seed_others(experiment_file: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(load_experiment(experiment_file, [f"seed={seed}"]), "student", tmp_path / name, quiet=True)
    first, again, other = (weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["features.0.weight"], other["features.0.weight"])


def test_interrupted_training_goes_on_exactly(
    experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = load_experiment(experiment_file, ["student.training.steps=30"])
    train(experiment, "student", tmp_path / "whole", quiet=True)
    keep, load = training_module._Keeper.on_train_epoch_end, training_module._Keeper.load_state_dict

    def die_after_second_round(self, trainer, module) -> None:
        keep(self, trainer, module)
        if trainer.current_epoch == 1:
            raise RuntimeError("power cut")

    def went_on_after_an_hour(self, state: dict[str, Any]) -> None:
        load(self, state | {"seconds": state["seconds"] + 3600})

    monkeypatch.setattr(training_module._Keeper, "on_train_epoch_end", die_after_second_round)
    with pytest.raises(RuntimeError, match="power cut"):
        train(experiment, "student", tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    with pytest.raises(AcoustillError, match="no finished run"):
        Run(tmp_path / "cut")
    monkeypatch.setattr(training_module._Keeper, "load_state_dict", went_on_after_an_hour)
    train(experiment, "student", tmp_path / "cut", quiet=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[key], cut[key]) for key in whole)
    assert (tmp_path / "whole/metrics.jsonl").read_text() == (tmp_path / "cut/metrics.jsonl").read_text()
    assert Run(tmp_path / "whole").seconds < 3600 < Run(tmp_path / "cut").seconds


def test_finished_run_is_not_trained_again_and_others_are_refused(experiment_file: Path, tmp_path: Path) -> None:
    experiment = load_experiment(experiment_file)
    train(experiment, "student", tmp_path / "run", quiet=True)
    before = (tmp_path / "run/model.safetensors").stat().st_mtime_ns
    train(experiment, "student", tmp_path / "run", quiet=True)
    assert (tmp_path / "run/model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(AcoustillError, match="another configuration"):
        train(load_experiment(experiment_file, ["seed=9"]), "student", tmp_path / "run", quiet=True)
    assert (tmp_path / "run/model.safetensors").stat().st_mtime_ns == before


def test_teacher_answers_are_computed_once(
    experiment_file: Path, teacher: Path, tmp_path: Path, small_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(small_archive, archive, ignore=shutil.ignore_patterns("teachers"))
    train(load_experiment(experiment_file, [f"archive={archive}"]), "student", tmp_path / "a", [teacher], quiet=True)
    kept = sorted((archive / "teachers").rglob("*.npy"))
    split = Run(tmp_path / "a").split
    assert len(kept) == len(split.train) + len(split.unlabelled)

    def never(*_: object) -> None:
        raise AssertionError("the teacher was asked again")

    monkeypatch.setattr("acoustill.models.dualcamnet.DualCamNet.frame_logits", never)
    train(load_experiment(experiment_file, [f"archive={archive}"]), "student", tmp_path / "b", [teacher], quiet=True)
    assert all(torch.equal(value, weights(tmp_path / "b")[key]) for key, value in weights(tmp_path / "a").items())


def test_teacher_of_other_images_is_refused(experiment_file: Path, teacher: Path, tmp_path: Path) -> None:
    other = tmp_path / "teacher"
    shutil.copytree(teacher, other)
    description = json.loads((other / "model.json").read_text())
    description["specification"]["image"]["bands"] = 20
    (other / "model.json").write_text(json.dumps(description))
    with pytest.raises(AcoustillError, match="image specification"):
        train(load_experiment(experiment_file), "student", tmp_path / "run", [other], quiet=True)


def test_unlabelled_batch_needs_unlabelled_recordings(experiment_file: Path, teacher: Path, tmp_path: Path) -> None:
    from tests.learning.conftest import write_small_archive

    archive = write_small_archive(tmp_path / "archive", unlabelled=0)
    experiment = load_experiment(experiment_file, [f"archive={archive}"])
    with pytest.raises(AcoustillError, match="unlabelled"):
        train(experiment, "student", tmp_path / "run", [teacher], quiet=True)


def test_loaded_student_refuses_what_breaks_its_specification(experiment_file: Path, tmp_path: Path) -> None:
    train(load_experiment(experiment_file), "student", tmp_path / "run", quiet=True)
    student = load_network(tmp_path / "run")
    assert student({"audio": torch.zeros(2, 4800)}).shape == (2, 2)
    for wrong in (torch.zeros(2, 4000), torch.zeros(4800), torch.full((1, 4800), float("nan"))):
        with pytest.raises(AcoustillError, match="hearnet"):
            student({"audio": wrong})


def test_changed_archive_is_noticed(experiment_file: Path, small_archive: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(small_archive, archive)
    train(load_experiment(experiment_file, [f"archive={archive}"]), "student", tmp_path / "run", quiet=True)
    lines = (archive / "manifest.jsonl").read_text().splitlines()
    (archive / "manifest.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(AcoustillError, match="archive id"):
        evaluate_run(tmp_path / "run")


def test_clips_of_evaluation_are_those_of_the_test_side(teacher: Path) -> None:
    rows = evaluate_run(teacher)
    split = Run(teacher).split
    assert {row.recording for row in rows} == set(split.test)
    assert sorted({row.start for row in rows}) == [0, 12, 24]
    assert np.allclose([sum(row.probabilities) for row in rows], 1, atol=1e-4)


def test_ctrl_c_ends_with_one_sentence_and_the_run_goes_on(experiment_file: Path, tmp_path: Path) -> None:
    """A real process gets a real SIGINT after its first round."""
    arguments = ["train", experiment_file, "student.training.steps=4000", "--role", "student", "--out", tmp_path / "r"]
    process = subprocess.Popen(
        [sys.executable, "-m", "acoustill", *map(str, arguments)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 90
    while not (tmp_path / "r/checkpoint/state.json").is_file():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "the same command goes on" in errors.splitlines()[-1]
    assert (tmp_path / "r/checkpoint/state.json").is_file()
    with pytest.raises(AcoustillError, match="no finished run"):
        Run(tmp_path / "r")


@pytest.mark.parametrize(
    ("override", "complaint"),
    [("protocol.fold=1", "which its student is tested on"), ("protocol.seed=7", "learnt from")],
)
def test_teacher_that_saw_the_test_side_is_refused(
    experiment_file: Path, teacher: Path, tmp_path: Path, override: str, complaint: str
) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        train(load_experiment(experiment_file, [override]), "student", tmp_path / "run", [teacher], quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("environment", "wrong", "complaint"),
    [
        ({}, ["clip_seconds=5"], "length is 36 frames, expected a clip's 60 or more"),
        ({"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "2"}, [], "processes on this machine is 2"),
    ],
)
def test_a_refused_training_leaves_the_folder_to_the_corrected_one(
    environment: dict[str, str],
    wrong: list[str],
    complaint: str,
    experiment_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AcoustillError, match=complaint):
        train(load_experiment(experiment_file, wrong), "student", tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
    for name in environment:
        monkeypatch.delenv(name)
    train(load_experiment(experiment_file), "student", tmp_path / "run", quiet=True)
    assert Run(tmp_path / "run").role == "student"


def copied(archive: Path, path: Path, how: Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]) -> Archive:
    """The recordings of an archive written anew, each as `how` gives it: its id and arguments of `write_recording`."""
    old = Archive(archive)
    create_archive(path, old.rig, old.image_header)
    for recording, entry in old.entries.items():
        usual = {
            "frames": entry.frames,
            "audio": np.array(old[recording].audio),
            "microphones": [0, 3],
            "image": np.array(old[recording].image),
            "label": entry.label,
            "scenario": entry.scenario,
            "subject": entry.subject,
        }
        renamed, given = how(recording, usual)
        write_recording(path, renamed, **given)
    finish_archive(path)
    return Archive(path)


def test_a_teacher_that_learnt_from_an_equal_stream_elsewhere_is_refused(
    teacher: Path, small_archive: Path, tmp_path: Path
) -> None:
    """All but the images is another: names, audio, subjects."""
    archive = copied(
        small_archive,
        tmp_path / "archive",
        lambda name, given: (f"x-{name}", given | {"audio": 0.5 * given["audio"], "subject": f"x-{given['subject']}"}),
    )
    taught = Run(teacher).split
    same = Split(*(tuple(f"x-{name}" for name in side) for side in (taught.train, taught.validation, taught.test)))
    assert load_teacher(teacher, archive, same).warnings == ()
    turned = replace(same, train=same.test, test=same.train)
    with pytest.raises(AcoustillError, match=f"the teacher learnt from {taught.train[0]}, which its student is tested"):
        load_teacher(teacher, archive, turned)


def test_equal_names_elsewhere_are_told(teacher: Path, small_archive: Path, tmp_path: Path) -> None:
    taught = Run(teacher).split

    def others(name: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return name, given | {"audio": 0.5 * given["audio"], "image": given["image"] + 1}

    archive = copied(small_archive, tmp_path / "same-subjects", others)
    turned = replace(taught, train=taught.test, test=taught.train)
    with pytest.raises(AcoustillError, match=r"learnt from subject 's\d', .*under this name: rename it if it is some"):
        load_teacher(teacher, archive, turned)
    archive = copied(
        small_archive,
        tmp_path / "other-subjects",
        lambda name, given: others(name, given | {"subject": f"x-{given['subject']}"}),
    )
    (sentence,) = load_teacher(teacher, archive, turned).warnings
    count = len(taught.train)
    assert sentence.startswith(f"{count} of the recordings of {small_archive} that the teacher {teacher} learnt from ")


def test_what_a_distilled_teacher_was_taught_counts_too(teacher: Path, small_archive: Path, tmp_path: Path) -> None:
    """By labels, by its own teacher, and from unlabelled recordings."""
    archive, split = Archive(small_archive), Run(teacher).split

    def run(name: str, recipe: str, teachers: list[dict[str, Any]], **sides: tuple[str, ...]) -> Path:
        folder = tmp_path / name
        shutil.copytree(teacher, folder)
        for file, change in (
            ("run.json", {"recipe": recipe}),
            ("data.json", {"split": {side: getattr(split, side) for side in SIDES} | sides}),
        ):
            (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | change))
        (folder / "teachers.json").write_text(json.dumps(teachers))
        config = (folder / "config.yaml").read_text()
        (folder / "config.yaml").write_text(config.replace("unlabelled_batch: 0", "unlabelled_batch: 2"))
        return folder

    other = run("other", "labels", [], train=split.test, test=split.train)
    by_other = {"folder": str(other), "network": "dualcamnet", "sha256": file_hash(other / "model.safetensors")}
    assert load_teacher(run("labels", "labels", []), archive, split).warnings == ()
    says = f"{other}: the teacher learnt from {split.test[0]}, which its student is tested on"
    with pytest.raises(AcoustillError, match=says):
        load_teacher(run("distilled", "distilled", [by_other]), archive, split)
    for name, change in (("trained-anew", {"sha256": "0"}), ("gone", {"folder": str(tmp_path / "nowhere")})):
        (sentence,) = load_teacher(run(name, "distilled", [by_other | change]), archive, split).warnings
        assert "learnt from is not known any more" in sentence
    heard = {"unlabelled": split.test[:1]}
    assert load_teacher(run("not-heard", "labels", [], **heard), archive, split).warnings == ()
    with pytest.raises(AcoustillError, match=f"learnt from {split.test[0]}, which its student is tested on"):
        load_teacher(run("heard", "distilled", [], **heard), archive, split)


def test_a_teacher_that_learnt_from_another_excerpt_of_what_is_tested_is_refused(
    teacher: Path, small_archive: Path, tmp_path: Path
) -> None:
    split = Run(teacher).split
    cut = tmp_path / "archive"
    shutil.copytree(small_archive, cut, ignore=shutil.ignore_patterns("teachers"))
    for recording in (split.train[0], split.test[0]):
        path = cut / "recordings" / recording / "recording.json"
        content = json.loads(path.read_text())
        content["entry"]["origin"] = "day 1"
        path.write_text(json.dumps(content))
    finish_archive(cut)
    shutil.copytree(teacher, tmp_path / "run")
    data = json.loads((tmp_path / "run/data.json").read_text())
    (tmp_path / "run/data.json").write_text(json.dumps(data | {"archive_id": Archive(cut).id}))
    learnt = replace(split, train=split.train[1:])
    with pytest.raises(AcoustillError, match="the teacher learnt from origin 'day 1', which is held from its student"):
        load_teacher(tmp_path / "run", Archive(cut), learnt)


def test_a_run_whose_split_leaks_is_not_evaluated(teacher: Path, tmp_path: Path) -> None:
    shutil.copytree(teacher, tmp_path / "run")
    data = json.loads((tmp_path / "run/data.json").read_text())
    assert data["subjects_apart"]
    shared = data["split"]["test"].pop(0)
    data["split"]["train"].append(shared)
    (tmp_path / "run/data.json").write_text(json.dumps(data))
    with pytest.raises(AcoustillError, match=r"subject 's\d' is in both train and test"):
        evaluate_run(tmp_path / "run")
    data["split"]["test"].append(shared)
    (tmp_path / "run/data.json").write_text(json.dumps(data))
    with pytest.raises(AcoustillError, match=f"recording {shared} is in both train and test"):
        evaluate_run(tmp_path / "run")


def test_unfinished_teacher_is_refused(experiment_file: Path, teacher: Path, tmp_path: Path) -> None:
    shutil.copytree(teacher, tmp_path / "teacher")
    (tmp_path / "teacher/run.json").unlink()
    with pytest.raises(AcoustillError, match="no finished run"):
        train(load_experiment(experiment_file), "student", tmp_path / "run", [tmp_path / "teacher"], quiet=True)


def test_label_smoothing_control_trains(experiment_file: Path, teacher: Path, tmp_path: Path) -> None:
    overrides = ["distillation.control=label-smoothing", "distillation.unlabelled_batch=0"]
    train(load_experiment(experiment_file, overrides), "student", tmp_path / "run", [teacher], quiet=True)
    assert Run(tmp_path / "run").recipe == "label-smoothing"

"""The paper's leaking split, all the way: teacher, student, evaluation, report; and it is said everywhere to leak."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from acoustill.archive import Archive, Clip, create_archive, finish_archive, write_recording
from acoustill.archive.archive import ImageHeader
from acoustill.errors import AcoustillError
from acoustill.evaluation.predictions import read_predictions
from acoustill.evaluation.summary import Evaluated, group_runs
from acoustill.files import read_json
from acoustill.imaging import ImageSpecification, camera_grid
from acoustill.learning import load_experiment
from acoustill.learning.runs import Run
from acoustill.learning.training import train
from acoustill.rig import Camera, Rig

RATE, FRAMES, CHUNK = 1200, 360, 120


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings of 30 s, one of them a second shorter: 35 chunks of 10 s."""
    path = tmp_path_factory.mktemp("chunks") / "archive"
    positions = np.array([[x, y, 0.0] for x in (-0.1, 0.1) for y in (-0.1, 0.1)])
    rig = Rig("small", positions, RATE, 12.0, camera=Camera(160, 120, (140.0, 140.0), (80.0, 60.0)))
    specification = ImageSpecification(bands=16, coefficients=4)
    header = ImageHeader(specification, camera_grid(rig.camera, 12, 16, 1.0))
    create_archive(path, rig, header)
    rng = np.random.default_rng(0)
    for number in range(12):
        label = ("high", "low")[number % 2]
        frames = FRAMES - 12 * (number == 4)
        time_s = np.arange(frames * rig.samples_per_frame) / RATE
        tone = np.sin(2 * np.pi * (400 if label == "high" else 100) * time_s)
        image = rng.normal(-40, 4, (frames, 12, 16, 4)).astype(np.float16)
        image[:, 4:8, 4:9, 1] += 40 if label == "high" else -40
        write_recording(
            path,
            f"r{number:02d}",
            frames=frames,
            audio=(0.1 * tone + 0.03 * rng.standard_normal((1, len(time_s)))).astype(np.float32),
            microphones=[0],
            image=image,
            label=label,
            scenario=("lab", "yard")[number // 8],
            subject=f"s{number // 2}",
        )
    finish_archive(path)
    return path


@pytest.fixture(scope="module")
def experiment(archive: Path) -> Path:
    steps = {"steps": 30, "validate_every": 15, "batch_size": 8, "learning_rate": 1e-3, "precision": "float32"}
    content = {
        "archive": str(archive),
        "clip_seconds": 5.0,
        "protocol": {"name": "paper-chunks"},
        "teacher": {"crop_seconds": 1.0, "training": steps, "augmentation": {"shift_pixels": 2}},
        "student": {"training": steps, "augmentation": {"noise_chance": 0.3}},
    }
    path = archive.parent / "experiment.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def teacher(experiment: Path) -> Path:
    folder = experiment.parent / "teacher"
    train(load_experiment(experiment), "teacher", folder, quiet=True)
    return folder


def test_the_run_keeps_the_chunks(teacher: Path, archive: Path) -> None:
    data = read_json(teacher / "data.json")
    assert data["left_out"] == 0
    counts = [len(data["chunks"][side]) for side in ("train", "validation", "test")]
    assert sum(counts) == 35
    assert counts[1] in (2, 3)
    split = Run(teacher).split
    assert split.chunks is not None
    assert split.chunks["test"][0] == Clip(*data["chunks"]["test"][0])
    assert set(split.test) & set(split.train)
    split.check(Archive(archive))


def test_a_student_learns_from_a_teacher_of_the_same_split(
    experiment: Path, teacher: Path, tmp_path: Path, command: Any
) -> None:
    """By the command line: training and evaluation say that the split leaks, the report says it first."""
    ended = command("distill", experiment, "--teacher", teacher, "--out", tmp_path / "student")
    assert ended.status == 0
    leaks = Run(tmp_path / "student").split.leaks
    assert leaks > 0.5
    told = f"warning: {tmp_path / 'student'}: this split leaks"
    assert told in ended.err
    assert f"({100 * leaks:.0f} %) are of recordings that are also trained on" in ended.err
    ended = command("evaluate", tmp_path / "student", teacher, "--json")
    assert told in ended.err
    summary = json.loads(ended.out)
    assert {run["leaks"] for group in summary["groups"] for run in group["runs"]} == {round(leaks, 4)}
    chunks = Run(tmp_path / "student").split.chunks
    assert chunks is not None
    tested = {(row.recording, row.start) for row in read_predictions(tmp_path / "student")}
    assert tested == {(chunk.recording, chunk.start + half) for chunk in chunks["test"] for half in (0, 60)}
    ended = command("report", tmp_path / "student", teacher, "--out", tmp_path / "report.html")
    assert ended.status == 0
    page = (tmp_path / "report.html").read_text()
    assert ", on a split that leaks" in page.split("</title>")[0]
    assert f"The split leaks: {100 * leaks:.1f}\u00a0% of the test chunks" in page
    assert "Protocol paper-chunks: this split leaks" in page


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["protocol={name: subjects, folds: 3}"], "the teacher learnt from r.., which its student is tested on"),
        (["protocol={name: paper-chunks, scenario: lab}"], "the teacher learnt from r.., which its student is tested"),
    ],
)
def test_a_teacher_that_learnt_from_test_chunks_is_refused(
    overrides: list[str], complaint: str, experiment: Path, teacher: Path, tmp_path: Path
) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        train(load_experiment(experiment, overrides), "student", tmp_path / "run", [teacher], quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_teacher_that_learnt_from_one_frame_of_the_test_side_is_refused(
    experiment: Path, teacher: Path, tmp_path: Path
) -> None:
    other = tmp_path / "teacher"
    shutil.copytree(teacher, other)
    data = read_json(other / "data.json")
    recording, start, frames = data["chunks"]["test"][0]
    data["chunks"]["train"].append([recording, start + frames - 1, 1])
    (other / "data.json").write_text(json.dumps(data))
    with pytest.raises(AcoustillError, match=f"the teacher learnt from {recording}, which its student is tested on"):
        train(load_experiment(experiment), "student", tmp_path / "run", [other], quiet=True)


def test_an_interrupted_training_on_chunks_goes_on_with_its_own_split_alone(
    experiment: Path, teacher: Path, tmp_path: Path
) -> None:
    shutil.copytree(teacher, tmp_path / "run")
    train(load_experiment(experiment), "teacher", tmp_path / "run", quiet=True)
    data = read_json(tmp_path / "run" / "data.json")
    data["chunks"]["train"].pop()
    (tmp_path / "run" / "data.json").write_text(json.dumps(data))
    with pytest.raises(AcoustillError, match="another configuration"):
        train(load_experiment(experiment), "teacher", tmp_path / "run", quiet=True)


def test_scenarios_used_alone_are_repetitions_and_all_together_are_not(teacher: Path, tmp_path: Path) -> None:
    evaluated = []
    for name, scenario in (("lab", "lab"), ("yard", "yard"), ("all", None)):
        shutil.copytree(teacher, tmp_path / name)
        content = yaml.safe_load((teacher / "config.yaml").read_text())
        content["protocol"]["scenario"] = scenario
        (tmp_path / name / "config.yaml").write_text(yaml.safe_dump(content))
        evaluated.append(Evaluated(Run(tmp_path / name), []))
    sizes = sorted(len(members) for members in group_runs(evaluated).values())
    assert sizes == [1, 2]
    assert len({one.repetition for one in evaluated}) == 3


@pytest.mark.parametrize("broken", [{"train": [["r00"]]}, {"train": [["r00", 0, 120]]}, [], None])
def test_a_run_whose_chunks_are_broken_is_refused(broken: Any, teacher: Path, tmp_path: Path) -> None:
    shutil.copytree(teacher, tmp_path / "run")
    data = read_json(tmp_path / "run" / "data.json") | {"chunks": broken}
    (tmp_path / "run" / "data.json").write_text(json.dumps(data))
    with pytest.raises(AcoustillError, match="not a run folder"):
        Run(tmp_path / "run")


@pytest.mark.parametrize("override", ["clip_seconds=10.5", "teacher.crop_seconds=11"])
def test_clips_longer_than_the_chunks_are_refused(override: str, experiment: Path) -> None:
    with pytest.raises(AcoustillError, match="clips of protocol paper-chunks are cut from chunks of 10 s"):
        load_experiment(experiment, [override])

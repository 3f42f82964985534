"""No figure in the documentation is typed in by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from benchmarks import (
    archive,
    avia_sim,
    difficulty,
    imaging,
    interruption,
    probes,
    simulation,
    teachers_students,
    training,
)
from benchmarks.esc10 import lines
from benchmarks.pages import block

ROOT = Path(__file__).parents[1]


def test_figures_of_esc10_are_those_of_the_results() -> None:
    summary = json.loads((ROOT / "benchmarks/results/esc10.json").read_text())
    page = (ROOT / "docs/figures.md").read_text()
    for line in lines(summary):
        assert line in page


def test_accuracies_follow_from_the_kept_rows() -> None:
    summary = json.loads((ROOT / "benchmarks/results/esc10.json").read_text())
    for group in summary["groups"]:
        rows = [row for run in group["runs"] for row in run["rows"]]
        right = sum(label == predicted for _, _, label, predicted in rows)
        assert round(right / len(rows), 4) == group["all"]["value"]
        assert len(rows) == group["all"]["n"] == 400


def test_figures_of_imaging_are_those_of_the_results() -> None:
    figures = json.loads((ROOT / "benchmarks/results/imaging.json").read_text())
    page = (ROOT / "docs/figures.md").read_text()
    for line in imaging.lines(figures):
        assert line in page


def test_ratios_of_imaging_follow_from_the_times() -> None:
    figures = json.loads((ROOT / "benchmarks/results/imaging.json").read_text())
    rows = figures["rows"]
    again = imaging.summarised({name: dict(row) for name, row in rows.items()}, figures["sgemm_gflops"] * 1e9)
    for name, row in rows.items():
        assert again[name] == pytest.approx(row)


@pytest.mark.parametrize(("name", "benchmark"), [("archive", archive), ("interruption", interruption)])
def test_figures_of_archives_are_those_of_the_results(name: str, benchmark: ModuleType) -> None:
    figures = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())
    page = (ROOT / "docs/figures.md").read_text()
    for line in benchmark.lines(figures):
        assert line in page


def test_ratios_of_archives_follow_from_the_times() -> None:
    rows = json.loads((ROOT / "benchmarks/results/archive.json").read_text())["rows"]
    again = archive.with_ratios({name: {"ms_per_crop": row["ms_per_crop"]} for name, row in rows.items()})
    for name, row in rows.items():
        assert again[name] == pytest.approx(row)


@pytest.mark.parametrize(
    ("name", "printed", "benchmark"),
    [("avia-sim", "facts", avia_sim), ("difficulty", "difficulty", difficulty), ("simulation", "speed", simulation)],
)
def test_figures_of_avia_sim_are_those_of_the_results(name: str, printed: str, benchmark: ModuleType) -> None:
    figures = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())
    assert block((ROOT / "docs/avia-sim.md").read_text(), printed) == benchmark.lines(figures)


def test_figures_of_training_are_those_of_the_results() -> None:
    figures = json.loads((ROOT / "benchmarks/results/training.json").read_text())
    assert block((ROOT / "docs/figures.md").read_text(), "training") == training.lines(figures)


def test_ratios_of_training_follow_from_the_times() -> None:
    figures = json.loads((ROOT / "benchmarks/results/training.json").read_text())
    derived = ("clips_per_second", "over_plain", "of_limit", "augmenting_share", *training.SHARES)
    rows = {
        name: {key: value for key, value in row.items() if key not in derived} for name, row in figures["rows"].items()
    }
    again = training.with_ratios({**figures, "rows": rows})
    for name, row in figures["rows"].items():
        for key in derived:
            assert again["rows"][name].get(key) == pytest.approx(row.get(key))
    assert set(figures["rows"]) == set(training.ROWS)


def test_difficulty_follows_from_the_kept_rows() -> None:
    figures = json.loads((ROOT / "benchmarks/results/difficulty.json").read_text())
    hearnet = figures["hearnet"]
    assert difficulty.judged_runs(hearnet["runs"]) == {name: hearnet[name] for name in hearnet if name != "runs"}
    ids, labels, subjects = zip(*figures["probes"]["recordings"], strict=True)
    recordings = probes.Recordings(ids, labels, subjects, tuple(figures["probes"]["scenarios"]))
    for row in figures["probes"]["rows"]:
        right = np.array(row["predicted"]) == recordings.numbers[:, None]
        assert round(float(right.mean()), 4) == row["value"]


def test_every_picture_and_sound_of_avia_sim_is_there_and_shown() -> None:
    page = (ROOT / "docs/avia-sim.md").read_text()
    media = ROOT / "docs/media/avia-sim"
    linked = set(re.findall(r"media/avia-sim/([a-z0-9-]+\.(?:jpg|ogg))", page))
    assert linked == {file.name for file in media.iterdir()}
    assert sum(file.stat().st_size for file in media.iterdir()) < 3_000_000


def test_figures_of_teachers_and_students_are_those_of_the_results() -> None:
    figures = json.loads((ROOT / "benchmarks/results/teachers-students.json").read_text())
    page = (ROOT / "docs/teachers-students.md").read_text()
    assert block(page, "teachers-students") == [line.rstrip() for line in teachers_students.lines(figures)]
    assert figures["rows"] == teachers_students.flat_rows(figures["runs"])


def test_accuracies_of_teachers_and_students_follow_from_the_answers() -> None:
    figures = json.loads((ROOT / "benchmarks/results/teachers-students.json").read_text())
    for run in figures["runs"]:
        for scenario in run["scenarios"]:
            answers = [answer for answer in run["answers"] if answer[3] == scenario["scenario"]]
            assert len(answers) == scenario["n"]
            assert np.mean([answer[1] == answer[2] for answer in answers]) == pytest.approx(
                scenario["accuracy_recording"], abs=1e-4
            )
            assert np.mean([answer[-1] for answer in answers]) == pytest.approx(scenario["accuracy_clip"], abs=1e-4)

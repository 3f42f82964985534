from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from acoustill.demo import run_demo
from acoustill.errors import AcoustillError
from acoustill.rig import Camera, Rig
from acoustill.simulation import Plan

STEPS = "{steps: 4, validate_every: 2, batch_size: 4, precision: float32}"
OVERRIDES = [f"teacher.training={STEPS}", f"student.training={STEPS}", "distillation.unlabelled_batch=2"]


def small_demo(out: Path, seed: int = 0) -> dict:
    x, y = np.meshgrid(np.linspace(-0.2, 0.2, 4), np.linspace(-0.2, 0.2, 4))
    positions = np.column_stack([x.ravel(), y.ravel(), np.zeros(16)])
    rig = Rig("four-by-four", positions, 12288, 12.0, camera=Camera(160, 120, (140.0, 140.0), (80.0, 60.0)))
    plan = Plan(("clapping", "whistling"), 6, 1, 2.0)
    return run_demo(out, seed, 1, rig=rig, plan=plan, unlabelled=2, folds=(0,), overrides=OVERRIDES)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "demo"
    small_demo(out)
    return out


def test_summary_has_accuracies_with_intervals(demo: Path) -> None:
    summary = json.loads((demo / "summary.json").read_text())
    for group in ("teacher", "student_labels_only", "student_distilled"):
        low, high = summary[group]["interval"]
        assert 0 <= low <= summary[group]["test_accuracy"] <= high <= 1
        assert summary[group]["n"] == 6
        assert summary[group]["unseen"]["n"] == 2
    assert summary["seconds_total"] > 0
    assert len(summary["comparisons"]) == 9


def test_report_is_one_page_with_all_runs(demo: Path) -> None:
    page = (demo / "report.html").read_text()
    for run in (demo / "runs").iterdir():
        assert run.name in page


def test_second_call_changes_no_run(demo: Path) -> None:
    before = {path: path.read_bytes() for path in (demo / "runs").rglob("model.*")}
    accuracy = json.loads((demo / "summary.json").read_text())["teacher"]["test_accuracy"]
    assert small_demo(demo)["teacher"]["test_accuracy"] == accuracy
    assert {path: path.read_bytes() for path in (demo / "runs").rglob("model.*")} == before


def test_foreign_folder_and_other_seed_are_refused(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("precious")
    with pytest.raises(AcoustillError, match="no demo"):
        small_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]
    with pytest.raises(AcoustillError, match="another version or seed"):
        small_demo(demo, seed=1)

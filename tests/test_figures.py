"""No figure in the documentation is typed in by hand."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from benchmarks import archive, imaging, interruption
from benchmarks.esc10 import lines

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

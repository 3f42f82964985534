"""The main job on real sounds: ESC-10 in front of a simulated rig, official folds.

    acoustill simulate sounds DIR archives/esc10 --seconds 5 --unlabelled 160 --jobs 2
    python benchmarks/esc10.py archives/esc10 --out runs/esc10

trains, for each fold, the teacher, the student on labels alone, the distilled student and its controls, and
prints accuracies with intervals and every difference. It goes on where it was interrupted. The report is
written to the folder of the runs; the summary and the answer to every clip go to --results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from acoustill.evaluation.predictions import evaluate_run, read_predictions
from acoustill.evaluation.report import write_report
from acoustill.learning import load_experiment
from acoustill.learning.training import train

CONFIGS = Path(__file__).parent.parent / "configs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive")
    parser.add_argument("--out", type=Path, default=Path("runs/esc10"))
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--results", type=Path, help="where the summary goes, as JSON")
    parser.add_argument("--without-controls", action="store_true")
    arguments = parser.parse_args()
    recipes = {"teacher": "esc10", "labels": "esc10", "distilled": "esc10"}
    if not arguments.without_controls:
        recipes |= {"smoothing": "esc10-label-smoothing", "shuffled": "esc10-shuffled-teacher"}
    folders = []
    for fold in arguments.folds:
        for recipe, config in recipes.items():
            overrides = [f"archive={arguments.archive}", f"protocol.fold={fold}"]
            experiment = load_experiment(CONFIGS / f"{config}.yaml", overrides)
            folder = arguments.out / f"{recipe}-fold{fold}"
            teachers = [] if recipe in ("teacher", "labels") else [arguments.out / f"teacher-fold{fold}"]
            train(experiment, "teacher" if recipe == "teacher" else "student", folder, teachers)
            evaluate_run(folder)
            folders.append(folder)
    summary = write_report(folders, arguments.out / "report.html")
    print("\n".join(lines(summary)))
    if arguments.results:
        summary["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__.split('+')[0]}"
        for group in summary["groups"]:
            for run in group["runs"]:
                run["rows"] = [
                    [row.recording, row.start, row.label, row.predicted] for row in read_predictions(run["folder"])
                ]
        arguments.results.write_text(json.dumps(summary) + "\n")


def lines(summary: dict[str, Any]) -> list[str]:
    """The figures of a summary, one a line."""
    found = []
    for group in summary["groups"]:
        low, high = group["all"]["interval"]
        found.append(f"{group['name']:34s} {group['all']['value']:.3f} [{low:.3f}, {high:.3f}] n = {group['all']['n']}")
        for scenario, estimate in group["by_scenario"].items():
            low, high = estimate["interval"]
            found.append(f"  {scenario:32s} {estimate['value']:.3f} [{low:.3f}, {high:.3f}] n = {estimate['n']}")
    for comparison in summary["comparisons"]:
        low, high = comparison["difference"]["interval"]
        pair = f"{comparison['of']} - {comparison['against']}"
        value = comparison["difference"]["value"]
        found.append(f"{pair:66s} {value:+.3f} [{low:+.3f}, {high:+.3f}] p = {comparison['p_holm']:.4f}")
    return found


if __name__ == "__main__":
    main()

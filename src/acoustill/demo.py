"""The whole way on a small simulated rig: simulate, teach, distil, evaluate, report."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acoustill.errors import AcoustillError, bad_input
from acoustill.evaluation.predictions import evaluate_run
from acoustill.evaluation.report import write_report
from acoustill.files import read_json, write_json
from acoustill.jobs import console
from acoustill.learning.configuration import load_experiment
from acoustill.learning.training import train
from acoustill.rig.presets import preset
from acoustill.rig.rig import Rig
from acoustill.simulation.plan import PRESETS, Plan, plan_avia_sim
from acoustill.simulation.recorder import simulate_archive
from acoustill.version import __version__

EXPERIMENT = Path(__file__).with_name("demo.yaml")
UNLABELLED = 36
FOLDS = (0, 2, 4)
GROUPS = {"teacher": "teacher", "labels": "student_labels_only", "distilled": "student_distilled"}


def run_demo(
    out: Path,
    seed: int = 0,
    jobs: int = 2,
    *,
    rig: Rig | None = None,
    plan: Plan | None = None,
    unlabelled: int = UNLABELLED,
    folds: Sequence[int] = FOLDS,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Runs the demo and writes `report.html` and `summary.json`; goes on where an earlier call stopped.

    Six people perform six actions in three scenarios in front of a simulated `dualcam`; unlabelled takes come
    from other places. Three times, one person is tested, one is validated and four are trained on, never in
    the office: a teacher on acoustic images, a student on labels alone, and a student distilled from the
    teacher on the same labels and on the unlabelled takes, in as many steps with the same augmentation.

    Args:
        out: folder of archive, runs, report and summary.
        seed: of all that is random.
        jobs: processes of the simulation.
        rig: another one than `dualcam`.
        plan: another one than the preset `tiny`.
        unlabelled: number of unlabelled takes.
        folds: which folds of the subjects are tested.
        overrides: of the experiment, `demo.yaml` of this package; see `load_experiment`.

    Returns:
        The summary, as written.

    Raises:
        AcoustillError: if the folder holds something else.
    """
    if out.exists() and any(out.iterdir()) and not (out / "demo.json").is_file():
        raise bad_input(out, "folder", "not empty and no demo", "a new folder")
    marker = {"version": __version__, "seed": seed}
    if (out / "demo.json").is_file() and read_json(out / "demo.json") != marker:
        raise bad_input(out, "folder", "a demo of another version or seed", "a new folder, or delete it")
    write_json(out / "demo.json", marker)

    started = time.perf_counter()
    archive = out / "archive"
    takes = plan_avia_sim(plan or PRESETS["tiny"], seed, unlabelled)
    rig = rig or preset("dualcam")
    console.print(
        f"[bold]1 of 4[/] simulating {len(takes)} takes of {takes[0].seconds:g} s, {rig.channels} microphones"
    )
    aside = simulate_archive(archive, rig, takes, jobs=jobs)
    if aside:
        raise AcoustillError(f"demo: {aside[0].name}: {aside[0].why}")

    folders: dict[str, list[Path]] = {name: [] for name in GROUPS}
    for number, fold in enumerate(folds, start=1):
        console.print(f"[bold]2 of 4[/] training, fold {number} of {len(folds)}")
        settings = [f"archive={json.dumps(str(archive))}", f"seed={seed}", f"protocol.fold={fold}", *overrides]
        experiment = load_experiment(EXPERIMENT, settings)
        runs = {name: out / "runs" / f"{name}-fold{fold}" for name in GROUPS}
        train(experiment, "teacher", runs["teacher"])
        train(experiment, "student", runs["labels"])
        train(experiment, "student", runs["distilled"], [runs["teacher"]])
        for name, folder in runs.items():
            folders[name].append(folder)

    console.print("[bold]3 of 4[/] evaluating")
    everything = [folder for group in folders.values() for folder in group]
    for folder in everything:
        evaluate_run(folder)
    console.print("[bold]4 of 4[/] writing the report")
    report = write_report(everything, out / "report.html")
    written = out / "summary.json"
    seconds = time.perf_counter() - started
    if written.is_file():  # all was there: what it took is known from the first time
        seconds = read_json(written)["seconds_total"]
    summary = _summary(report, seconds)
    write_json(written, summary)
    for line in _lines(summary):
        console.print(line)
    console.print(f"report: {(out / 'report.html').resolve().as_uri()}", soft_wrap=True)
    return summary


def _summary(report: dict[str, Any], seconds: float) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for group in report["groups"]:
        key = GROUPS["teacher" if group["role"] == "teacher" else group["recipe"]]
        summary[key] = {"test_accuracy": group["all"]["value"], **_without_value(group["all"])}
        for part in ("within", "unseen", "recording"):
            summary[key][part] = group[part]
    summary["comparisons"] = report["comparisons"]
    summary["seconds_total"] = round(seconds, 1)
    return summary


def _without_value(estimate: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in estimate.items() if name != "value"}


def _lines(summary: dict[str, Any]) -> list[str]:
    lines = []
    for key in GROUPS.values():
        parts = []
        for part in ("within", "unseen"):
            low, high = summary[key][part]["interval"]
            value = summary[key][part]["value"]
            parts.append(f"{part} {100 * value:5.1f} % ({100 * low:.0f} to {100 * high:.0f})")
        lines.append(f"{key:22s} " + "   ".join(parts) + f"   n = {summary[key]['n']} clips")
    return lines

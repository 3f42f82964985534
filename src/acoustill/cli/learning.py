"""Commands that teach, distil and judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from acoustill.cli.app import Config, Jobs, Overrides, RunOut, app


@app.command()
def train(
    config: Config,
    overrides: Overrides = None,
    role: Annotated[
        str, typer.Option(help="teacher (has images, beams or video) or student (hears one microphone).")
    ] = "student",
    out: RunOut = Path("runs/run"),
) -> None:
    """Train a teacher, or a student on labels alone: the control of every distillation.

    The experiment says which network it is, or an override such as `teacher.network=beamnet`; docs/teachers.md has all.
    An interrupted training goes on when the same command is given again.
    """
    from acoustill.errors import bad_input
    from acoustill.learning import load_experiment
    from acoustill.learning.training import train as train_run

    if role not in ("teacher", "student"):
        raise bad_input("train", "--role", repr(role), "teacher or student")
    train_run(load_experiment(config, overrides or ()), role, out)  # type: ignore[arg-type]
    typer.echo(f"{out}: trained")


@app.command()
def distill(
    config: Config,
    overrides: Overrides = None,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="Run folder of a teacher; may be given several times.")
    ] = None,
    out: RunOut = Path("runs/distilled"),
) -> None:
    """Train a student on labels and on a teacher's answers, also for recordings that nobody labelled.

    The teacher's answers are computed once and kept with the archive.
    """
    from acoustill.errors import AcoustillError
    from acoustill.learning import load_experiment
    from acoustill.learning.training import train as train_run

    if not teacher:
        raise AcoustillError("distill: give at least one --teacher RUN, made by `acoustill train --role teacher`")
    train_run(load_experiment(config, overrides or ()), "student", out, teacher)
    typer.echo(f"{out}: trained")


@app.command()
def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", show_default=False)],
    without: Annotated[
        list[str] | None,
        typer.Option(help="Keep a stream from the networks, as if takes lacked it; may be given several times."),
    ] = None,
    together: Annotated[bool, typer.Option(help="Also judge the mean of all runs' answers: an ensemble.")] = False,
    localise: Annotated[
        bool, typer.Option(help="Also say how far beside the action they listen; of simulated recordings.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Answer every test clip of each run, and print accuracies with 95 % intervals, and calibration.

    `--without video` tells what a teacher that needs no video is worth where there is no camera; the answers are kept
    beside those with all streams. Runs of several seeds, or of several networks, are an ensemble with `--together`.
    """
    from acoustill.evaluation.localisation import localise_run, localised_summary
    from acoustill.evaluation.predictions import evaluate_run
    from acoustill.evaluation.summary import evaluated_together, read_evaluated, summarise
    from acoustill.jobs import progress_bar

    lacking = tuple(without or ())
    with progress_bar("evaluating", len(runs)) as advance:
        for run in runs:
            evaluate_run(run, without=lacking)
            advance()
    evaluated = read_evaluated(runs, lacking)
    summary = summarise(evaluated)
    if together:
        summary["groups"] += summarise([evaluated_together(evaluated)])["groups"]
    if localise:
        summary["localised"] = {str(run): localised_summary(localise_run(run, lacking)) for run in runs}
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    for group in summary["groups"]:
        for part in ("all", "within", "unseen"):
            if group[part] is not None:
                typer.echo(f"{group['name']:44s} {part:7s} {_estimate(group[part])}")
        typer.echo(f"{group['name']:44s} expected calibration error {group['calibration_error']:.3f}")
    for run, place in summary.get("localised", {}).items():
        typer.echo(
            f"{run}: listens {place['error_deg']:.1f} degrees beside the action (median); "
            f"within one direction of it in {100 * place['within']:.1f} % of the frames"
        )


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders that were evaluated.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML page: accuracies, differences, confusions, pictures."""
    from acoustill.evaluation.report import write_report

    write_report(runs, out)
    typer.echo(f"report: {out.resolve().as_uri()}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where everything is written.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Of all that is random.", min=0)] = 0,
    jobs: Jobs = 2,
) -> None:
    """Do the whole way in minutes: simulate a small rig, teach, distil, evaluate, write the report."""
    from acoustill.demo import run_demo

    run_demo(out, seed, jobs)


def _estimate(estimate: dict[str, Any]) -> str:
    low, high = estimate["interval"]
    value = f"{100 * estimate['value']:5.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{value}  n = {estimate['n']} clips, {estimate['recordings']} recordings, {estimate['subjects']} subjects"

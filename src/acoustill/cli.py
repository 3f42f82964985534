"""The command line. Each command imports what it needs when it runs: `--version` and `--help` answer at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from acoustill.version import __version__

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
    help="""From an acoustic camera's recordings to a sound classifier that needs one microphone.

**The workflow**, one command a step:

1. `simulate` recordings of a rig (or bring your own archive), check them with `validate`;
2. `image` shows what a recording of any array sees: acoustic images and the strongest sources;
3. `train` a teacher on acoustic images, and a student on labels alone: the control;
4. `distill` the teacher's knowledge into a student that hears one microphone;
5. `evaluate` every run on its test side, and write a `report` with intervals.

`demo` does all of it in minutes. An experiment is one YAML file (see `configs/`); any key can be overridden:
`acoustill distill configs/demo.yaml student.training.steps=900 seed=3 --teacher runs/teacher --out runs/student`.
""",
)

Jobs = Annotated[int, typer.Option(min=1, help="Processes. They change nothing in the result.")]
Config = Annotated[Path, typer.Argument(help="The experiment, a YAML file.", show_default=False)]
Overrides = Annotated[list[str] | None, typer.Argument(help="Keys of the experiment to override: `dotted.key=value`.")]
RunOut = Annotated[Path, typer.Option("--out", help="The run folder to write.", show_default=False)]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"acoustill {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="The archive to write; an interrupted one goes on.", show_default=False)],
    preset: Annotated[str, typer.Option(help="tiny (6 actions, 6 subjects, 4 s) or small (8, 9, 10 s).")] = "tiny",
    sounds: Annotated[
        Path | None, typer.Option(help="Play the sounds of this folder (ESC-50's layout) in place of actions.")
    ] = None,
    scenarios: Annotated[str, typer.Option(help="Where, comma-separated.")] = "anechoic,office,outdoor",
    seconds: Annotated[float | None, typer.Option(min=0.5, help="Length of a take; by default the preset's.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many sounds a class.", min=1)] = None,
    unlabelled: Annotated[int, typer.Option(help="Unlabelled takes in other places.", min=0)] = 0,
    rig: Annotated[str, typer.Option(help="A rig file, or a preset: dualcam, uma16.")] = "dualcam",
    microphones: Annotated[int, typer.Option(help="How many microphones' audio to keep.", min=1)] = 4,
    all_microphones: Annotated[bool, typer.Option(help="Keep the audio of all microphones.")] = False,
    seed: Annotated[int, typer.Option(help="Of all that is random.", min=0)] = 0,
    jobs: Jobs = 1,
) -> None:
    """Simulate recordings of a rig: room acoustics, noise, video, acoustic images.

    Three scenarios (an anechoic chamber, a reverberant office with noise, an outdoor terrace) and, for
    unlabelled takes, an endless family of other places. Example:

    `acoustill simulate archives/tiny --unlabelled 48 --jobs 2`
    """
    import dataclasses

    from acoustill.errors import bad_input
    from acoustill.rig import load_rig
    from acoustill.simulation import PRESETS, plan_actions, plan_sounds, simulate_archive

    if preset not in PRESETS:
        raise bad_input("simulate", "--preset", repr(preset), f"one of {', '.join(PRESETS)}")
    plan = dataclasses.replace(PRESETS[preset], scenarios=tuple(scenarios.split(",")))
    plan = dataclasses.replace(plan, seconds=seconds or plan.seconds)
    if sounds is not None:
        takes = plan_sounds(sounds, plan.scenarios, plan.seconds, seed, limit, unlabelled)
    else:
        takes = plan_actions(plan, seed, unlabelled)
    aside = simulate_archive(
        out, load_rig(rig), takes, microphones=microphones, all_microphones=all_microphones, jobs=jobs
    )
    typer.echo(f"{out}: {len(takes) - len(aside)} recordings of {plan.seconds:g} s")
    _close_with_set_aside(aside)


@app.command()
def image(
    recording: Annotated[Path, typer.Argument(help="A sound file of all channels of the array.", show_default=False)],
    rig: Annotated[str | None, typer.Option(help="A rig file, or a preset: dualcam, uma16.")] = None,
    geometry: Annotated[
        Path | None, typer.Option(help="In place of a rig: microphone positions, CSV (x_m,y_m,z_m) or Acoular XML.")
    ] = None,
    distance: Annotated[float, typer.Option(help="Of the image plane, in metres.")] = 2.0,
    extent: Annotated[
        str | None, typer.Option(help="x_min,x_max,y_min,y_max of the image in metres; by default the camera's view.")
    ] = None,
    grid: Annotated[str, typer.Option(help="Columns x rows of the image.")] = "48x36",
    frame_samples: Annotated[int, typer.Option(help="With --geometry: samples in one frame.", min=16)] = 1024,
    features: Annotated[str, typer.Option(help="mfcc, mel or energy: the channels of the images.")] = "mfcc",
    band: Annotated[str | None, typer.Option(help="Sources, mel bands and MFCC only from low,high in hertz.")] = None,
    peaks: Annotated[int, typer.Option(help="How many sources to print at most.", min=1)] = 5,
    range_db: Annotated[float, typer.Option("--range", help="How far below the strongest, in dB.")] = 10.0,
    out: Annotated[Path | None, typer.Option(help="Write images and energy maps to this .npz file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the sources as JSON.")] = False,
) -> None:
    """Form the acoustic images of a recording, and print the strongest sources.

    The file must hold every channel of the rig. Positions are in the rig's axes: x right, y down, z forward,
    as the camera sees it (with `--geometry`, those of the file). Example:

    `acoustill image take.wav --rig dualcam --out images.npz`
    """
    from acoustill.commands.image import image_recording

    summary = image_recording(
        recording,
        rig=rig,
        geometry=geometry,
        distance_m=distance,
        extent=extent,
        grid=grid,
        frame_samples=frame_samples,
        features=features,
        band=band,
        peaks=peaks,
        range_db=range_db,
        out=out,
    )
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    typer.echo(f"{recording}: {summary['frames']} frames of {summary['rows']} x {summary['columns']} pixels")
    for peak in summary["peaks"]:
        place = "  ".join(f"{axis} {peak[axis + '_m']:+.3f} m" for axis in "xyz")
        typer.echo(f"  {place}  {peak['level_db']:+.1f} dB")
    if out is not None:
        typer.echo(f"written to {out}")


@app.command()
def validate(archive: Annotated[Path, typer.Argument(help="The archive's folder.", show_default=False)]) -> None:
    """Read every file of an archive and list what is wrong; the exit status is 1 if anything is."""
    from acoustill.archive import Archive, validate_archive
    from acoustill.jobs import progress_bar

    recordings = len(Archive(archive))
    with progress_bar("validating", recordings) as advance:
        problems = validate_archive(archive, advance)
    for problem in problems:
        typer.echo(f"{problem.recording}: {problem.what}")
    typer.echo(f"{archive}: {len(problems)} problems in {recordings} recordings")
    if problems:
        raise typer.Exit(1)


@app.command()
def train(
    config: Config,
    overrides: Overrides = None,
    role: Annotated[
        str, typer.Option(help="teacher (sees acoustic images) or student (hears one microphone).")
    ] = "student",
    out: RunOut = Path("runs/run"),
) -> None:
    """Train a teacher, or a student on labels alone: the control of every distillation.

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
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Answer every test clip of each run, and print accuracies with 95 % intervals."""
    from acoustill.evaluation.predictions import evaluate_run
    from acoustill.evaluation.summary import read_evaluated, summarise
    from acoustill.jobs import progress_bar

    with progress_bar("evaluating", len(runs)) as advance:
        for run in runs:
            evaluate_run(run)
            advance()
    summary = summarise(read_evaluated(runs))
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    for group in summary["groups"]:
        for part in ("all", "within", "unseen"):
            if group[part] is not None:
                typer.echo(f"{group['name']:44s} {part:7s} {_estimate(group[part])}")


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


def _close_with_set_aside(aside: list[Any]) -> None:
    if not aside:
        return
    typer.echo(f"{len(aside)} set aside:", err=True)
    for one in aside:
        typer.echo(f"  {one.name}: {one.why}", err=True)
    raise typer.Exit(1)

"""Commands that make and check archives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from acoustill.cli.app import Jobs, app, close_with_set_aside


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
    close_with_set_aside(aside)


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

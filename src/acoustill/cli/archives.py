"""Commands that make and check archives."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from acoustill.cli.app import Jobs, app, close_with_set_aside

Address = Annotated[
    str, typer.Argument(help="The archive's folder, or an address as `s3://bucket/archive`.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="The archive to write; an interrupted one goes on.", show_default=False)],
    preset: Annotated[str, typer.Option(help="tiny (6 actions, 6 subjects, 4 s) or small (8, 9, 10 s).")] = "tiny",
    sounds: Annotated[
        Path | None, typer.Option(help="Play the sounds of this folder (ESC-50's layout) in place of actions.")
    ] = None,
    scenarios: Annotated[str, typer.Option(help="Where, comma-separated.")] = "anechoic,office,outdoor",
    seconds: Annotated[
        float | None, typer.Option(min=0.5, help="Length of a recording; by default the preset's.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many sounds a class.", min=1)] = None,
    unlabelled: Annotated[int, typer.Option(help="Unlabelled recordings in other places.", min=0)] = 0,
    rig: Annotated[str, typer.Option(help="A rig file, or a preset: dualcam, uma16.")] = "dualcam",
    microphones: Annotated[int, typer.Option(help="How many microphones' audio to keep.", min=1)] = 4,
    all_microphones: Annotated[bool, typer.Option(help="Keep the audio of all microphones.")] = False,
    seed: Annotated[int, typer.Option(help="Of all that is random.", min=0)] = 0,
    jobs: Jobs = 1,
) -> None:
    """Simulate recordings of a rig: room acoustics, noise, video, acoustic images.

    Three scenarios (an anechoic chamber, a reverberant office with noise, an outdoor terrace) and, for
    unlabelled recordings, an endless family of other places. Example:

    `acoustill simulate archives/tiny --unlabelled 48 --jobs 2`
    """
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
def validate(
    archive: Address,
    jobs: Jobs = 1,
    allow: Annotated[str, typer.Option(help="Kinds of problems that are normal here, comma-separated.")] = "",
    as_json: AsJson = False,
) -> None:
    """Read every file of an archive and list what is wrong; the exit status is 1 if anything is.

    The kinds: **hash** (a file is not the one that was written), **missing** (not there, or not readable), **shape**
    and **frames** (arrays, lengths), **finite** (NaN or infinite values), **clipping** (at least 10 samples flat at a
    channel's extreme), **silence** (of a channel or a stream, or of a channel for long while others go on), **stuck**
    (a channel that holds one value or equals another, acoustic images that stand still), **duplicate** (equal content
    in two recordings), **synchrony** (acoustic images ahead of the audio or behind; of audio and video nobody can
    tell), **picture** (broken video frames), **manifest** (folders, sidecars and manifest disagree, or there are other
    files) and **rig** (microphones it does not have). Broken microphones of the rig may be silent, stuck or clipped.

    Files of an archive elsewhere that are in the cache already are checked there and not fetched again; with an empty
    folder as `$ACOUSTILL_CACHE`, the address itself is checked.

    `acoustill validate archives/esc50 --jobs 4 --allow clipping,silence`
    """
    from acoustill.commands.validate import judge, kinds_of, print_verdict

    verdict = judge(archive, jobs, kinds_of(allow))
    if as_json:
        typer.echo(json.dumps(verdict.to_json(), indent=2))
    else:
        print_verdict(verdict)
    if verdict.refused:
        raise typer.Exit(1)


@app.command()
def info(
    archive: Address,
    as_json: AsJson = False,
    pictures: Annotated[
        Path | None, typer.Option(help="Write a sheet of pictures, one of each class: a .jpg file.")
    ] = None,
) -> None:
    """Show what is in an archive: classes, subjects, scenarios, lengths, streams, what was mended and set aside.

    `--pictures` draws the loudest moment of a recording of each class, and of each scenario where these are few: the
    acoustic image over the video frame, or what there is of them, or else a spectrogram.

    `acoustill info archives/tiny --pictures tiny.jpg`
    """
    from acoustill.commands.info import describe, print_contents

    contents, sheet = describe(archive, pictures)
    if as_json:
        drawn = {} if sheet is None else {"pictures": dataclasses.asdict(sheet)}
        typer.echo(json.dumps({"archive": archive, **contents.to_json(), **drawn}, indent=2))
    else:
        print_contents(archive, contents, sheet)

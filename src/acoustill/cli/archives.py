"""Commands that check archives and show what is in them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from acoustill.cli.app import Jobs, app

Address = Annotated[
    str, typer.Argument(help="The archive's folder, or an address as `s3://bucket/archive`.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


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

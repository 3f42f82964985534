"""Commands that write archives in foreign layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from acoustill.cli.app import Jobs, app, close_with_set_aside

export_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Write the recordings of an archive in another layout, for anyone's other code.",
)
app.add_typer(export_app, name="export")


@export_app.callback()
def _export() -> None:
    """A callback keeps a group of one command a group."""


@export_app.command("avia")
def export_avia(
    archive: Annotated[str, typer.Argument(help="The archive's folder or address.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="The folder to write; an interrupted one goes on.", show_default=False)],
    jobs: Jobs = 1,
) -> None:
    """AVIA's own folders: `matfiles/` and `sync/`, as its authors give them out.

    Recordings need one of AVIA's 14 actions as label, one of its three scenarios (anechoic, office, outdoor) and a
    subject with a number; others are set aside. Acoustic images go to MFCC_Image/Data_N.mat, audio to
    audio/A_NNNNNN.npy (int32: 2^31 is 100 Pa, `about.json` says it; of all microphones if the archive has them, else
    of the first), video to video/I_NNNNNN.jpeg. JPEG files and integer samples are kept bit for bit. Example:

    `acoustill export avia archives/small folders/small --jobs 2`
    """
    from acoustill.archive import Archive
    from acoustill.archive.exporters.avia_archive import export_avia as export

    opened = Archive(archive)
    aside = export(opened, out, jobs)
    typer.echo(f"{out}: {len(opened) - len(aside)} recordings in AVIA's layout")
    close_with_set_aside(aside)

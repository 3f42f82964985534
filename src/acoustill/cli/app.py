"""The program, and what its commands share."""

from __future__ import annotations

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

1. `simulate` recordings of a rig, or `import` your own; check the archive with `validate`, look at it with `info`;
2. `image` shows what a recording of any array sees: acoustic images and the strongest sources; `map` finds the
   sources of a whole recording more sharply, `overlay` shows the images over the camera's video, `listen` gives the
   sound of one place, and `calibrate` finds how the camera stands to the array;
3. `train` a teacher on acoustic images, beams or video, and a student on labels alone: the control;
4. `distill` the teacher's knowledge into a student that hears one microphone;
5. `evaluate` every run on its test side, and write a `report` with intervals.

`demo` does all of it in minutes. An experiment is one YAML file (see `configs/`); any key can be overridden:
`acoustill distill configs/demo.yaml student.training.steps=900 seed=3 --teacher runs/teacher --out runs/student`.
""",
)

RigOption = Annotated[str | None, typer.Option(help="A rig file, or a preset: dualcam, uma16.")]
BeamformerOption = Annotated[str, typer.Option(help="delay-and-sum, or superdirective: sharper at low frequencies.")]
ImageGrid = Annotated[str, typer.Option(help="Columns x rows of the image.")]
Beams = Annotated[
    bool,
    typer.Option("--beams", help="Also keep complex spectra of fixed beams: noise is added to them in training."),
]
BeamGrid = Annotated[
    str | None,
    typer.Option(help="Columns x rows of the beams over the camera's view; implies --beams. By default 8x6."),
]
SampleRate = Annotated[int | None, typer.Option(help="In hertz, of recordings that do not say it; else the rig's.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes. They change nothing in the result.")]
Config = Annotated[Path, typer.Argument(help="The experiment, a YAML file.", show_default=False)]
Overrides = Annotated[list[str] | None, typer.Argument(help="Keys of the experiment to override: `dotted.key=value`.")]
RunOut = Annotated[Path, typer.Option("--out", help="The run folder to write.", show_default=False)]
Geometry = Annotated[
    Path | None, typer.Option(help="In place of a rig: microphone positions, CSV (x_m,y_m,z_m) or Acoular XML.")
]
Distance = Annotated[float, typer.Option(help="Of the image plane, in metres.")]
Depth = Annotated[
    Path | None, typer.Option(help="In place of the distance: a depth map of the camera's frame, .npy in metres.")
]
Extent = Annotated[
    str | None, typer.Option(help="x_min,x_max,y_min,y_max of the image in metres; by default the camera's view.")
]
Peaks = Annotated[int, typer.Option(help="How many sources to print at most.", min=1)]
RangeDb = Annotated[float, typer.Option("--range", help="How far below the strongest, in dB.")]


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


def close_with_set_aside(aside: list[Any]) -> None:
    """Ends with status 1 if a recording was set aside, and says which."""
    if not aside:
        return
    typer.echo(f"{len(aside)} set aside:", err=True)
    for one in aside:
        typer.echo(f"  {one.name}: {one.why}", err=True)
    raise typer.Exit(1)


def echo_peaks(peaks: list[dict[str, float]]) -> None:
    """Prints sources, one a line."""
    for peak in peaks:
        place = "  ".join(f"{axis} {peak[axis + '_m']:+.3f} m" for axis in "xyz")
        typer.echo(f"  {place}  {peak['level_db']:+.1f} dB")

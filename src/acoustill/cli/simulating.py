"""Commands that simulate recordings of a rig."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from acoustill.cli.app import BeamGrid, Beams, Jobs, app, close_with_set_aside


class _Group(TyperGroup):
    """Tells who gives a folder where a data set is due what is missing."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name.

        Raises:
            AcoustillError: if there is none.
        """
        from acoustill.errors import bad_input

        command = super().get_command(ctx, cmd_name)
        if command is None:
            expected = "avia-sim, sounds or noise, then the folder: `acoustill simulate avia-sim OUT`"
            raise bad_input("simulate", "data set", repr(cmd_name), expected)
        return command


simulate_app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Simulate recordings of a rig: room acoustics, sources, noise, video, acoustic images.

`avia-sim` makes a data set like the paper's AVIA, which is given out on request only: 14 actions by 9 people in an
anechoic chamber, an office and on a terrace, and unlabelled recordings in an endless family of other places. `sounds`
plays a collection such as ESC-50 through a loudspeaker in front of the rig. `noise` is what the rig hears in other
places while nobody acts.

Everything follows from `--seed`: the same command gives the same bytes, whatever the number of `--jobs`. A rough figure
of the disk that it needs comes at once; then one recording of each scenario is made and measured, which tells disk and
time of the rest. An interrupted command goes on when it is given again. Look at the result with
`acoustill info OUT --pictures sheet.jpg`, check it with `acoustill validate OUT`.
""",
)
app.add_typer(simulate_app, name="simulate")

Out = Annotated[Path, typer.Argument(help="The archive to write; an interrupted one goes on.", show_default=False)]
Scenarios = Annotated[str, typer.Option(help="Where, comma-separated.")]
RigName = Annotated[str, typer.Option(help="A rig file, or a preset: dualcam, uma16.")]
AllMicrophones = Annotated[bool, typer.Option(help="Keep the audio of all microphones: images can be formed anew.")]
Unlabelled = Annotated[int, typer.Option(help="Unlabelled recordings, each in a place of its own.", min=0)]
Seed = Annotated[int, typer.Option(help="Of all that is random, from 0 to 2^32 - 1.")]


@simulate_app.command("avia-sim")
def avia_sim(
    out: Out,
    preset: Annotated[
        str, typer.Option(help="tiny (6 actions, 6 subjects, 4 s), small (14, 9, 10 s) or full (14, 9, 30 s).")
    ] = "tiny",
    unlabelled: Unlabelled = 0,
    sounds: Annotated[
        Path | None,
        typer.Option(help="Real clips in place of synthetic sounds, see above.", show_default=False),
    ] = None,
    scenarios: Scenarios = "anechoic,office,outdoor",
    subjects: Annotated[int | None, typer.Option(min=1, max=99, help="People; by default the preset's.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Length of a recording, from 0.5 to 3600; by default the preset's.")
    ] = None,
    rig: RigName = "dualcam",
    microphones: Annotated[
        int | None, typer.Option(help="How many microphones' audio to keep; by default 4.", min=1, show_default=False)
    ] = None,
    all_microphones: AllMicrophones = False,
    beams: Beams = False,
    beam_grid: BeamGrid = None,
    layout: Annotated[
        str, typer.Option(help="archive, or avia: the folders in which AVIA comes, with all microphones.")
    ] = "archive",
    seed: Seed = 0,
    jobs: Jobs = 1,
) -> None:
    """AVIA-Sim: people perform AVIA's actions in its three scenarios.

    Every subject performs every action once in each scenario, in a way of their own: `tiny` makes 108 recordings,
    `small` and `full` 378. The video shows each action where it is heard, in time with every sound. On two cores,
    `tiny` takes some minutes (0.5 GB), `small` up to half an hour (4 GB), `full` up to an hour and a half (12 GB).

    `--sounds DIR` replaces the sounds of the actions that DIR has clips of: a folder an action, as `paper-shaking/`, or
    ESC-50's layout. The video stays, in time with the clips. Clips are dealt out: none, nor another part of the same
    original in ESC-50, is heard from two subjects, or from a subject and in an unlabelled recording. With fewer
    originals than subjects (one more if there are unlabelled recordings), the command refuses.

    `--beams` keeps, beside images and video, what 48 beams hear: complex spectra, 20 ms long, every 10 ms, of the whole
    array: 2.4 MB a second, where the signals of 128 microphones take 6.3. Teachers that listen to beams are trained on
    scenes with recorded noise in them, as if both had been heard at once.

    `--layout avia` writes `matfiles/` and `sync/` as AVIA comes, for other code: 2^31 of its int32 audio is 100 Pa. It
    holds all microphones and images in double precision, so it is about eight times larger than an archive.

    `acoustill simulate avia-sim archives/tiny --unlabelled 48 --jobs 2`

    `acoustill simulate avia-sim folders/small --preset small --layout avia --jobs 8`
    """
    from acoustill.commands.arguments import beams_wanted
    from acoustill.errors import AcoustillError, bad_input
    from acoustill.rig import load_rig
    from acoustill.simulation import PRESETS, find_clips, plan_avia_sim, simulate_archive, simulate_avia_folders

    if preset not in PRESETS:
        raise bad_input("simulate", "--preset", repr(preset), f"one of {', '.join(PRESETS)}")
    if layout not in ("archive", "avia"):
        raise bad_input("simulate", "--layout", repr(layout), "archive or avia")
    plan = dataclasses.replace(PRESETS[preset], scenarios=_names(scenarios))
    plan = dataclasses.replace(
        plan, seconds=plan.seconds if seconds is None else seconds, subjects=subjects or plan.subjects
    )
    recorder = load_rig(rig)
    spectra = beams_wanted(beams, beam_grid, "simulate", recorder)
    clips = None if sounds is None else find_clips(sounds)
    takes = plan_avia_sim(plan, seed, unlabelled, clips)
    if layout == "avia":
        if unlabelled:
            raise AcoustillError("simulate: AVIA's layout has no place for --unlabelled recordings; leave them out")
        if microphones is not None or all_microphones:
            given = "--all-microphones" if microphones is None else "--microphones"
            raise AcoustillError(f"simulate: AVIA's layout always holds all microphones; leave {given} out")
        if spectra is not None:
            raise AcoustillError("simulate: AVIA's layout has no place for --beams; leave them out")
        aside = simulate_avia_folders(out, recorder, takes, jobs=jobs, tell=_tell)
    else:
        aside = simulate_archive(
            out,
            recorder,
            takes,
            microphones=4 if microphones is None else microphones,
            all_microphones=all_microphones,
            beams=spectra,
            jobs=jobs,
            tell=_tell,
        )
    typer.echo(f"{out}: {len(takes) - len(aside)} recordings of {plan.seconds:g} s")
    close_with_set_aside(aside)


@simulate_app.command()
def sounds(
    collection: Annotated[
        Path, typer.Argument(metavar="DIR", help="The sounds and their table, as ESC-50 has them.", show_default=False)
    ],
    out: Out,
    seconds: Annotated[
        float,
        typer.Option(help="Length of a recording, from 0.5 to 3600; longer sounds are cut, shorter ones end earlier."),
    ] = 5.0,
    limit: Annotated[
        int | None, typer.Option(help="At most so many sounds a class.", min=1, show_default=False)
    ] = None,
    unlabelled: Unlabelled = 0,
    scenarios: Scenarios = "anechoic,office,outdoor",
    rig: RigName = "dualcam",
    microphones: Annotated[int, typer.Option(help="How many microphones' audio to keep.", min=1)] = 4,
    all_microphones: AllMicrophones = False,
    seed: Seed = 0,
    jobs: Jobs = 1,
) -> None:
    """Real sounds, each played once by a loudspeaker in front of the rig.

    DIR holds the files and a table (`metadata.csv`, or the only CSV file in `meta/`) with the columns `filename` and
    one of `class`, `category`, `label`; `fold` is kept, and `freesound_id` or `src_file` become the subject, so that no
    split separates clips of one original. Sounds of a class go to the scenarios in turn; unlabelled recordings play
    some of them again in other places. Example, one recording a file of ESC-50:

    `acoustill simulate sounds ESC-50 archives/esc50 --unlabelled 160 --jobs 2`
    """
    from acoustill.rig import load_rig
    from acoustill.simulation import plan_sounds, simulate_archive

    takes = plan_sounds(collection, _names(scenarios), seconds, seed, limit, unlabelled)
    aside = simulate_archive(
        out,
        load_rig(rig),
        takes,
        microphones=microphones,
        all_microphones=all_microphones,
        jobs=jobs,
        tell=_tell,
    )
    typer.echo(f"{out}: {len(takes) - len(aside)} recordings of {seconds:g} s")
    close_with_set_aside(aside)


@simulate_app.command()
def noise(
    out: Out,
    takes: Annotated[int, typer.Option(help="How many recordings, each in a place of its own.", min=1)] = 72,
    seconds: Annotated[float, typer.Option(help="Length of a recording, from 0.5 to 3600.")] = 10.0,
    beams: Beams = False,
    beam_grid: BeamGrid = None,
    rig: RigName = "dualcam",
    microphones: Annotated[int, typer.Option(help="How many microphones' audio to keep.", min=1)] = 4,
    all_microphones: AllMicrophones = False,
    seed: Seed = 0,
    jobs: Jobs = 1,
) -> None:
    """Noise fields that a rig recorded elsewhere, while nobody acted.

    Each recording is of another room or outdoor place: ventilation, voices, traffic, and events such as coughs and
    doors, at the level at which they stand beside AVIA-Sim's actions. It has audio (and beams), but no label, no image
    and no video. Mixed into a training's takes, they stand in for places that the rig has never been to. With the
    `--seed`, `--rig` and `--beam-grid` of a data set, they are of the same rig, microphones' errors included. What
    your own rig records of empty rooms becomes such an archive by `acoustill import rig --beams --no-images`. Example:

    `acoustill simulate noise archives/noise --beams --jobs 2`
    """
    from acoustill.commands.arguments import beams_wanted
    from acoustill.rig import load_rig
    from acoustill.simulation import plan_noise, simulate_noise

    planned = plan_noise(takes, seconds, seed)
    recorder = load_rig(rig)
    aside = simulate_noise(
        out,
        recorder,
        planned,
        microphones=microphones,
        all_microphones=all_microphones,
        beams=beams_wanted(beams, beam_grid, "simulate", recorder),
        jobs=jobs,
        tell=_tell,
    )
    typer.echo(f"{out}: {len(planned) - len(aside)} recordings of {seconds:g} s")
    close_with_set_aside(aside)


def _names(text: str) -> tuple[str, ...]:
    """What stands between commas, without spaces around it."""
    return tuple(name.strip() for name in text.split(","))


def _tell(line: str) -> None:
    """What will be made, and what it takes: beside the progress bar, and not part of the result."""
    typer.echo(line, err=True)

"""Commands that read foreign layouts of recordings into archives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acoustill.cli.app import BeamGrid, Beams, ImageGrid, Jobs, SampleRate, app, close_with_set_aside

if TYPE_CHECKING:
    from acoustill.archive.importers.importing import ImportPlan
    from acoustill.rig import Rig

import_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Read recordings of other layouts into an archive.

Each importer reads every file once, in bounded memory and over `--jobs` processes, and goes on where it was
interrupted: give the same command again. A recording that cannot be taken is set aside, listed at the end and in
`OUT/set-aside.jsonl`; the exit status is then 1. Check the result with `acoustill validate`, look at it with
`acoustill info`.
""",
)
app.add_typer(import_app, name="import")

Root = Annotated[Path, typer.Argument(help="The folder of the data set.", show_default=False)]
Out = Annotated[Path, typer.Argument(help="The archive to write; an interrupted one goes on.", show_default=False)]
Microphones = Annotated[
    str | None,
    typer.Option(
        help="Whose audio to keep, as 0,17,42 (numbers from 0); by default all there are.", show_default=False
    ),
]
JpegQuality = Annotated[
    int | None,
    typer.Option(
        min=1, max=100, help="Keep raw video frames as JPEG: a tenth of the disk. By default PNG, every bit.",
        show_default=False,
    ),
]  # fmt: skip
Images = Annotated[str, typer.Option(help="stored (the data set's), formed (anew, from all microphones) or none.")]
ShortMaps = Annotated[
    str,
    typer.Option(
        help="Images smaller than 36 x 48 x 12: resample to the whole view, pad-front (as the paper's code; it moves "
        "the image), pad-end, or set-aside."
    ),
]
Trim = Annotated[bool, typer.Option(help="Cut streams of different length to the shortest, not set them aside.")]
Incomplete = Annotated[
    bool,
    typer.Option("--incomplete", help="Take recordings that lack a stream of others, with a note, not set them aside."),
]
RigFile = Annotated[
    str | None,
    typer.Option(help="A rig file or preset; by default DualCam. The data set's true positions are not public."),
]
FormedDistance = Annotated[float, typer.Option(help="Of the plane that formed images, and beams, show, in metres.")]


@import_app.command()
def avia(
    root: Root,
    out: Out,
    images: Images = "stored",
    short_maps: ShortMaps = "resample",
    trim: Trim = False,
    incomplete: Incomplete = False,
    microphones: Microphones = None,
    flip: Annotated[bool, typer.Option(help="Turn stored images left to right and upside down.")] = False,
    rig: RigFile = None,
    distance: FormedDistance = 2.0,
    jobs: Jobs = 1,
) -> None:
    """AVIA, the data set of the paper: `matfiles/` and `sync/` under ROOT.

    Reads Location_LL/Subject_SS/Action_AA with acoustic images in MFCC_Image/Data_N.mat, audio in
    audio/A_NNNNNN.npy and video in video/I_NNNNNN.jpeg. JPEG files and integer samples are kept bit for bit.
    Recordings shorter than 30 s stay as they are: the paper's code repeated them. Example:

    `acoustill import avia AVIA archives/avia --microphones 0,30,64,100 --jobs 8`
    """
    from acoustill.archive.importers.avia import plan_avia
    from acoustill.archive.importers.frame_folders import FrameOptions

    options = FrameOptions(
        images=images,  # type: ignore[arg-type]
        short_maps=short_maps,  # type: ignore[arg-type]
        trim=trim,
        incomplete=incomplete,
        microphones=_numbers(microphones),
        flip=flip,
        rig=_rig(rig),
        distance_m=distance,
    )
    _import(plan_avia(root, options), out, jobs)


@import_app.command()
def acivw(
    root: Root,
    out: Out,
    images: Images = "stored",
    short_maps: ShortMaps = "resample",
    trim: Trim = False,
    incomplete: Incomplete = False,
    microphones: Microphones = None,
    flip: Annotated[bool, typer.Option(help="Turn stored images, as this data set needs.")] = True,
    rig: RigFile = None,
    distance: FormedDistance = 2.0,
    jpeg_quality: JpegQuality = None,
    lists: Annotated[
        Path | None,
        typer.Option(help="Folder of training.txt, validation.txt and testing.txt; by default the published lists."),
    ] = None,
    jobs: Jobs = 1,
) -> None:
    """ACIVW, videos in the wild: class_C/data_DDD/{audio,MFCC_Image,video} under ROOT.

    The published lists of training, validation and test videos become the column `list`: split by it with
    `protocol: {name: fixed, column: list}`. Example:

    `acoustill import acivw ACIVW archives/acivw --microphones 0 --jpeg-quality 90 --jobs 8`
    """
    from acoustill.archive.importers.acivw import AcivwOptions, plan_acivw

    options = AcivwOptions(
        images=images,  # type: ignore[arg-type]
        short_maps=short_maps,  # type: ignore[arg-type]
        trim=trim,
        incomplete=incomplete,
        microphones=_numbers(microphones),
        flip=flip,
        rig=_rig(rig),
        distance_m=distance,
        jpeg_quality=jpeg_quality,
        lists=lists,
    )
    _import(plan_acivw(root, options), out, jobs)


@import_app.command()
def tfrecord(
    root: Root,
    out: Out,
    microphones: Microphones = None,
    jpeg_quality: JpegQuality = None,
    short_maps: Annotated[
        str,
        typer.Option(
            help="AVIA's images smaller than 36 x 48 x 12: the converter padded them in front, which moved the image; "
            "zeros in front are found and removed. Then resample to the whole view, pad-front (keep the zeros), "
            "pad-end, or set-aside."
        ),
    ] = "resample",
    flip: Annotated[
        bool | None,
        typer.Option(
            "--flip/--no-flip", help="Turn acoustic images; by default as the data set needs.", show_default=False
        ),
    ] = None,
    jobs: Jobs = 1,
) -> None:
    """TFRecord files as the paper's code (or that of ACIVW) wrote them, without TensorFlow.

    Reads Location_LL/Subject_SS/Action_AAA/Data_NNN.tfrecord, joins the seconds of a recording, drops those that the
    converter had repeated to fill 30 s, and turns BGR into RGB. Example:

    `acoustill import tfrecord AVIA/tfrecords archives/avia --jpeg-quality 90 --jobs 8`
    """
    from acoustill.archive.importers.tfrecord import TfrecordOptions, plan_tfrecord

    options = TfrecordOptions(
        microphones=_numbers(microphones),
        jpeg_quality=jpeg_quality,
        short_maps=short_maps,  # type: ignore[arg-type]
        flip=flip,
    )
    _import(plan_tfrecord(root, options), out, jobs)


@import_app.command()
def rig(
    table: Annotated[Path, typer.Argument(help="A CSV file with a line a recording.", show_default=False)],
    out: Out,
    array: Annotated[str, typer.Option("--rig", help="A rig file, or a preset: dualcam, uma16.", show_default=False)],
    microphones: Microphones = None,
    images: Annotated[bool, typer.Option(help="Form acoustic images from all channels.")] = True,
    features: Annotated[str, typer.Option(help="mfcc, mel or energy: the channels of the images.")] = "mfcc",
    distance: FormedDistance = 2.0,
    grid: ImageGrid = "48x36",
    beams: Beams = False,
    beam_grid: BeamGrid = None,
    synchrony: Annotated[
        str,
        typer.Option(
            help="How the camera's clock is found: given (columns, or the two options below), sound (its own "
            "microphone), clap (claps that are seen and heard) or none (both started together)."
        ),
    ] = "given",
    offset: Annotated[
        float | None,
        typer.Option(
            help="Seconds from the start of the sound to that of the video, positive if the video began later; the "
            "same number as in `overlay --offset`. By default 0."
        ),
    ] = None,
    drift: Annotated[
        float | None, typer.Option(help="By how many millionths the video's clock is faster than the sound's.")
    ] = None,
    jpeg_quality: Annotated[int, typer.Option(min=1, max=100, help="Of the video frames.")] = 90,
    lossless: Annotated[bool, typer.Option(help="Keep every bit of the decoded video frames, as PNG.")] = False,
    sample_rate: SampleRate = None,
    jobs: Jobs = 1,
) -> None:
    """Your own rig's recordings: sound and video files, by a table.

    Columns: `audio` (WAV, FLAC, HDF5, NPY; all channels of the rig), and, if you have them, `video`, `label` (empty:
    for the teacher to label), `scenario`, `subject`, `id`, `start_s` and `stop_s` (an excerpt), `offset_s` and
    `drift_ppm` (video time = (1 + drift) x (audio time - offset)). Further columns are kept. Paths are relative to the
    table. Examples, the second of noise in empty rooms, to be mixed into trainings:

    `acoustill import rig takes.csv archives/mine --rig rig.yaml --synchrony sound --beams --jobs 2`

    `acoustill import rig rooms.csv archives/noise --rig rig.yaml --beams --no-images --jobs 2`
    """
    from acoustill.archive.importers.rig_recording import RigOptions
    from acoustill.archive.importers.rig_table import plan_rig
    from acoustill.commands.arguments import beams_wanted, image_size
    from acoustill.rig import load_rig

    columns, rows = image_size(grid, "import rig")
    rig = load_rig(array)
    options = RigOptions(
        rig=rig,
        microphones=_numbers(microphones),
        images=images,
        features=features,  # type: ignore[arg-type]
        distance_m=distance,
        image_rows=rows,
        image_columns=columns,
        beams=beams_wanted(beams, beam_grid, "import rig", rig, distance),
        synchrony=synchrony,  # type: ignore[arg-type]
        offset_s=offset,
        drift_ppm=drift,
        jpeg_quality=None if lossless else jpeg_quality,
        sample_rate=sample_rate,
    )
    _import(plan_rig(table, options), out, jobs)


@import_app.command()
def sounds(
    root: Annotated[Path, typer.Argument(help="The folder of the collection.", show_default=False)],
    out: Out,
    sample_rate: Annotated[
        int | None, typer.Option(min=1, help="Of the archive, in hertz; by default that of most files.")
    ] = None,
    channels: Annotated[str, typer.Option(help="Of files with several: their mean, or the first.")] = "mean",
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Leave labels out: a teacher will label.")] = False,
    jobs: Jobs = 1,
) -> None:
    """Clips of a single microphone: ESC-50's layout, or a folder a class.

    ESC-50's layout is a table (`metadata.csv`, or one CSV file in `meta/`) with `filename` and `class`, `category` or
    `label`; `fold` and further columns are kept, and clips cut from one original (`src_file`, `freesound_id`) count as
    one subject. Split by published folds with `protocol: {name: fixed, column: fold}`. Example:

    `acoustill import sounds ESC-50 archives/esc50 --jobs 2`
    """
    from acoustill.archive.importers.sounds import SoundsOptions, plan_sounds_archive

    options = SoundsOptions(sample_rate=sample_rate, channels=channels, unlabelled=unlabelled)  # type: ignore[arg-type]
    _import(plan_sounds_archive(root, options), out, jobs)


def _import(plan: ImportPlan, out: Path, jobs: int) -> None:
    from acoustill.archive.importers.importing import run_import

    result = run_import(plan, out, jobs)
    archive = result.archive
    seconds = sum(entry.frames for entry in archive.entries.values()) / archive.rig.frame_rate
    typer.echo(f"{out}: {len(archive)} recordings, {result.written} of them new, {_length(seconds)}")
    for note, count in result.notes.items():
        typer.echo(f"  {count} x {note}")
    close_with_set_aside(list(result.aside))


def _length(seconds: float) -> str:
    """A length that is read at a glance."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _numbers(text: str | None) -> tuple[int, ...] | None:
    from acoustill.errors import bad_input

    if text is None or text == "all":
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise bad_input("import", "--microphones", repr(text), "different numbers from 0, as 0,17,42")
    return tuple(int(part) for part in parts)


def _rig(name: str | None) -> Rig | None:
    from acoustill.rig import load_rig

    return None if name is None else load_rig(name)

"""Commands that show what a recording's array sees and hears."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from acoustill.cli.app import (
    BeamformerOption,
    Depth,
    Distance,
    Extent,
    Geometry,
    ImageGrid,
    Peaks,
    RangeDb,
    RigOption,
    SampleRate,
    app,
    close_with_set_aside,
    echo_peaks,
)


@app.command()
def image(
    recordings: Annotated[
        list[Path],
        typer.Argument(help="Recordings of all channels: WAV, FLAC, HDF5, NPY, or AVIA's folders.", show_default=False),
    ],
    rig: RigOption = None,
    geometry: Geometry = None,
    distance: Distance = 2.0,
    depth: Depth = None,
    extent: Extent = None,
    grid: ImageGrid = "48x36",
    frame_samples: Annotated[
        int, typer.Option(help="With --geometry: samples in one frame.", min=16, max=1 << 24)
    ] = 1024,
    sample_rate: SampleRate = None,
    features: Annotated[str, typer.Option(help="mfcc, mel or energy: the channels of the images.")] = "mfcc",
    beamformer: BeamformerOption = "delay-and-sum",
    white_noise_gain: Annotated[
        float, typer.Option(help="Superdirective: the least white noise gain in dB; less is sharper, and noisier.")
    ] = 6.0,
    band: Annotated[
        str | None,
        typer.Option(
            help="Sources, mel bands and MFCC only from low,high in hertz; by default from 100 Hz on; for a video, "
            "from the lowest frequency that the array can place. Sources that are lower may be phantoms: narrow the "
            "band, or take `map`.",
            show_default=False,
        ),
    ] = None,
    path: Annotated[
        str | None, typer.Option(help="exact, skeleton or bf16; by default by tolerance.", show_default=False)
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Relative error of energies; 1e-4 for mel and MFCC, exact for energy.", show_default=False),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, or a GPU such as cuda.")] = "cpu",
    threads: Annotated[int | None, typer.Option(help="Of the CPU; by default all.", min=1)] = None,
    peaks: Peaks = 5,
    range_db: RangeDb = 10.0,
    out: Annotated[
        Path | None,
        typer.Option(help=".npz: images and energies; .npy: images; .mp4: an overlay video; a folder: an archive."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the sources as JSON.")] = False,
) -> None:
    """Form the acoustic images of recordings, and print the strongest sources.

    A recording holds every channel of the rig. Positions are in the rig's axes: x right, y down, z forward,
    as the camera sees it (with `--geometry`, those of the file). Several recordings go into one archive; those
    that cannot be read are listed at the end. Examples:

    `acoustill image take.wav --rig dualcam --out images.npz`

    `acoustill image takes/*.h5 --rig rig.yaml --out archive`
    """
    from acoustill.commands.image import ImageOptions, image_recordings
    from acoustill.commands.setting import Setting

    setting = Setting("image", rig, geometry, distance, depth, extent, grid, frame_samples, sample_rate)
    options = ImageOptions(
        setting,
        features=features,
        beamformer=beamformer,
        white_noise_gain_db=white_noise_gain,
        band=band,
        path=path,
        tolerance=tolerance,
        device=device,
        threads=threads,
        peaks=peaks,
        range_db=range_db,
        out=out,
    )
    summaries, aside = image_recordings(recordings, options)
    if as_json:
        typer.echo(json.dumps(summaries[0] if len(recordings) == 1 else summaries, indent=2))
    for summary in [] if as_json else summaries:
        typer.echo(
            f"{summary['recording']}: {summary['frames']} frames of {summary['rows']} x {summary['columns']} pixels"
        )
        if summary["scaling"]:
            typer.echo(f"  {summary['scaling']}")
        if summary["was_there"]:
            typer.echo("  is in the archive already")
        echo_peaks(summary["peaks"])
    if out is not None and not as_json:
        typer.echo(f"written to {out}")
    close_with_set_aside(aside)


@app.command("map")
def map_(
    recording: Annotated[
        Path, typer.Argument(help="A recording of all channels: WAV, FLAC, HDF5, NPY, or AVIA's folder.")
    ],
    rig: RigOption = None,
    geometry: Geometry = None,
    method: Annotated[
        str, typer.Option(help="delay-and-sum, superdirective, mvdr, functional or clean-sc.")
    ] = "clean-sc",
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A parameter of the method, name=value (a number, true, false or none); may be repeated."
        ),
    ] = None,
    distance: Distance = 2.0,
    depth: Depth = None,
    extent: Extent = None,
    grid: ImageGrid = "48x36",
    band: Annotated[
        str | None,
        typer.Option(
            help="Only sound from low,high in hertz; by default what the array can place.", show_default=False
        ),
    ] = None,
    block: Annotated[
        int, typer.Option(help="Samples in a block of the cross spectra; even.", min=16, max=1 << 24)
    ] = 256,
    formulation: Annotated[
        str, typer.Option(help="Steering: classic, inverse, true level or true location.")
    ] = "true level",
    sample_rate: SampleRate = None,
    peaks: Peaks = 5,
    range_db: RangeDb = 10.0,
    out: Annotated[Path | None, typer.Option(help=".npz: the map of every bin; .png: a picture.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the sources as JSON.")] = False,
) -> None:
    """Map a whole recording's sources, sharper than images of single frames can be.

    Which method when, and their parameters: docs/beamformers.md. Examples:

    `acoustill map take.wav --rig dualcam --band 800,1200 --out map.png`

    `acoustill map take.wav --geometry array.xml --extent=-1,1,-1,1 --method mvdr --set loading=0.01`
    """
    from acoustill.commands.map import MapOptions, map_recording
    from acoustill.commands.setting import Setting

    setting = Setting("map", rig, geometry, distance, depth, extent, grid, block, sample_rate)
    options = MapOptions(setting, method, parameters or (), formulation, block, band, peaks, range_db, out)
    summary = map_recording(recording, options)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    heard = f"{summary['blocks']} blocks, {summary['lowest_hz']:g} to {summary['highest_hz']:g} Hz"
    typer.echo(f"{recording}: {method}, {heard}")
    if summary["scaling"]:
        typer.echo(f"  {summary['scaling']}")
    echo_peaks(summary["peaks"])
    if out is not None:
        typer.echo(f"written to {out}")


@app.command()
def overlay(
    source: Annotated[Path, typer.Argument(help="An archive, or a recording of all channels.", show_default=False)],
    recording: Annotated[str | None, typer.Argument(help="The archive's recording.", show_default=False)] = None,
    out: Annotated[Path, typer.Option(help="The .mp4 file to write.", show_default=False)] = Path("overlay.mp4"),
    rig: RigOption = None,
    video: Annotated[
        Path | None, typer.Option(help="The camera's video; by default that of the archive, or none.")
    ] = None,
    offset: Annotated[
        float | None, typer.Option(help="Seconds from the start of the sound to that of the --video; by default 0.")
    ] = None,
    frame_rate: Annotated[
        str | None,
        typer.Option(help="Frames as often as in the --video (`video`, the default), or as the `rig` has them."),
    ] = None,
    range_db: Annotated[float, typer.Option("--range", help="Dynamic range of the picture in dB.")] = 12.0,
    reference: Annotated[
        str, typer.Option(help="What is drawn brightest: `follow` the sound, or one `fixed` level.")
    ] = "follow",
    floor_db: Annotated[
        float | None,
        typer.Option("--floor", help="Never draw what is below so many dB re 1, the unit below the colour bar."),
    ] = None,
    smoothing: Annotated[float, typer.Option(help="How long sounds glow after, in seconds.")] = 0.15,
    marker: Annotated[bool, typer.Option("--marker", help="Draw a ring at the loudest point.")] = False,
    hear: Annotated[
        str | None,
        typer.Option(
            help="The sound: a channel's number, column,row of a pixel of the video, or `loudest`.", show_default=False
        ),
    ] = None,
    distance: Annotated[float | None, typer.Option(help="Of the image plane, in metres; by default 2.")] = None,
    depth: Depth = None,
    grid: Annotated[str | None, typer.Option(help="Columns x rows of the image; by default 48x36.")] = None,
    band: Annotated[
        str | None, typer.Option(help="Show sound from low,high in hertz; by default what the array can place.")
    ] = None,
    beamformer: Annotated[
        str | None, typer.Option(help="delay-and-sum (the default), or superdirective: sharper at low frequencies.")
    ] = None,
    sample_rate: SampleRate = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Show where sounds come from: acoustic images over the camera's video, with the sound, as MP4.

    From an archive, its video is used, and its images where it did not keep all microphones. Without a video,
    the background is dark. A video that starts later than the sound shows its first frame until then, one that
    ends earlier its last from then on.

    The colour bar is in dB below a reference, which stands below it in dB re 1: of full scale squared, or of a
    pascal squared if the recording is in pascal. Examples:

    `acoustill overlay archives/tiny anechoic-s01-clapping-t01 --out clapping.mp4`

    `acoustill overlay take.wav --video take.mp4 --rig rig.yaml --offset 0.4 --out take-overlay.mp4`
    """
    from acoustill.commands.overlay import overlay_take
    from acoustill.commands.takes import View
    from acoustill.imaging.video.overlay_video import OverlayStyle

    summary = overlay_take(
        source,
        recording,
        out=out,
        rig=rig,
        sample_rate=sample_rate,
        video=video,
        offset_s=offset,
        frame_rate=frame_rate,
        view=View.of_options("overlay", grid, distance, depth, band, beamformer),
        hear=hear,
        style=OverlayStyle(range_db, reference, smoothing, marker=marker, floor_db=floor_db),  # type: ignore[arg-type]
    )
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    size = f"{summary['width']} x {summary['height']}, {summary['frame_rate']:g} frames/s, {summary['seconds']:g} s"
    gain = "" if summary["gain_db"] is None else f", {summary['gain_db']:+.1f} dB"
    typer.echo(f"{out}: {size}; {summary['heard']}{gain}")
    if summary["scaling"]:
        typer.echo(f"  {summary['scaling']}")


@app.command()
def listen(
    source: Annotated[Path, typer.Argument(help="A recording of all channels, or an archive.", show_default=False)],
    recording: Annotated[str | None, typer.Argument(help="The archive's recording.", show_default=False)] = None,
    out: Annotated[Path, typer.Option(help="The .wav file to write.", show_default=False)] = Path("beam.wav"),
    rig: RigOption = None,
    pixel: Annotated[str | None, typer.Option(help="Listen to column,row of the camera's frame.")] = None,
    point: Annotated[str | None, typer.Option(help="Listen to x,y,z in metres (`--point=-0.3,0,2`).")] = None,
    loudest: Annotated[bool, typer.Option("--loudest", help="Follow the loudest sound.")] = False,
    distance: Annotated[float, typer.Option(help="Of pixels, in metres.")] = 2.0,
    grid: ImageGrid = "48x36",
    band: Annotated[
        str | None,
        typer.Option(help="With --loudest: as heard from low,high in hertz; by default what the array can place."),
    ] = None,
    beamformer: BeamformerOption = "delay-and-sum",
    sample_rate: SampleRate = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print where the beam pointed as JSON.")] = False,
) -> None:
    """Listen to one place: the sound of a pixel, of a point, or of the loudest source as it moves.

    The beam is the pressure at the origin of the rig, in the recording's own scale and time, as a 32-bit float
    file. Example:

    `acoustill listen take.wav --rig dualcam --loudest --out beam.wav`
    """
    from acoustill.commands.listen import listen_to
    from acoustill.commands.takes import View

    summary = listen_to(
        source,
        recording,
        out=out,
        rig=rig,
        sample_rate=sample_rate,
        pixel=pixel,
        point=point,
        loudest=loudest,
        view=View("listen", grid, distance, None, band, beamformer),
    )
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    typer.echo(f"{out}: {summary['seconds']:g} s at {summary['sample_rate']} Hz")
    if summary["scaling"]:
        typer.echo(f"  {summary['scaling']}")
    if summary["point_m"] is not None:
        typer.echo("  at " + "  ".join(f"{axis} {m:+.3f} m" for axis, m in zip("xyz", summary["point_m"], strict=True)))
    if summary["path"] is not None:
        heard = [place for place in summary["path"] if place["heard"]]
        for name, place in (("first", heard[0]), ("last", heard[-1])):
            spot = "  ".join(f"{axis} {place[axis + '_m']:+.3f} m" for axis in "xyz")
            typer.echo(f"  {name} heard at {place['time_s']:.3f} s  {spot}")
        typer.echo(f"  heard in {len(heard)} of {len(summary['path'])} frames; --json prints the place of each")


@app.command()
def calibrate(
    rig: Annotated[str, typer.Option(help="A rig file, or a preset: dualcam, uma16.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The rig file to write.", show_default=False)],
    points: Annotated[
        Path | None, typer.Argument(help="CSV file of when and where the source was seen.", show_default=False)
    ] = None,
    recording: Annotated[Path | None, typer.Option(help="A sound file of all channels of the array.")] = None,
    video: Annotated[
        Path | None, typer.Option(help="In place of the CSV: a video of a small lamp held beside the source.")
    ] = None,
    beep: Annotated[float | None, typer.Option(help="The source's frequency in hertz: listen only there.")] = None,
    offset: Annotated[
        float | None,
        typer.Option(help="Seconds from the recording's start to the video's, or to time 0 of `time_s`; by default 0."),
    ] = None,
    distance: Annotated[
        float | None, typer.Option(help="Of every point along the camera's axis, in metres; by default estimated.")
    ] = None,
    keep_position: Annotated[
        bool, typer.Option("--keep-position", help="Keep the camera's position, estimate its rotation only.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Find how the camera stands to the array, from a small source that is heard and seen.

    **Walk a beep through the image.** Start sound and video together. Hold a beeper (a telephone will do) with a
    small lamp beside it, its torch, facing the rig. Walk it slowly, at less than half a metre a second, over the
    whole image and into every corner; once near (1 m), once far (3 m), for that tells the camera's position.
    Half a minute is enough. Dim other lights that move. In a room play noise or a siren and leave `--beep` out:
    reflections of a steady tone cannot be told from it.

    `acoustill calibrate --video walk.mp4 --recording walk.wav --beep 3000 --rig rig.yaml --out rig.calibrated.yaml`

    **Or click.** Stand still with the source at 10 or more places, among them the four corners, and write a CSV
    file with one line a place: `start_s,end_s,column_px,row_px` (when in the recording, at which pixel of the
    video frame), or `file,column_px,row_px` with a short recording each. `time_s,column_px,row_px` is a walk
    whose pixels between the lines are interpolated.

    `acoustill calibrate clicks.csv --recording take.wav --rig rig.yaml --out rig.calibrated.yaml`

    Six points are needed, three with `--keep-position`, which is the better choice for a camera whose position
    was measured to a centimetre. Arrays tell directions well and distances poorly: for a source that stays at
    one distance, measure that with a tape and give `--distance`.
    """
    from acoustill.commands.calibrate import calibrate_rig, calibration_lines

    summary = calibrate_rig(
        points,
        rig=rig,
        recording=recording,
        video=video,
        beep_hz=beep,
        offset_s=offset,
        distance_m=distance,
        keep_position=keep_position,
        out=out,
    )
    typer.echo(json.dumps(summary, indent=2) if as_json else "\n".join(calibration_lines(summary)))

"""What `acoustill overlay` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.commands.arguments import bar, numbers
from acoustill.commands.takes import Take, View, beam_of, look, microphone_of, open_take
from acoustill.errors import bad_input
from acoustill.files import replacing
from acoustill.imaging.grid import Grid
from acoustill.imaging.track import track_loudest
from acoustill.imaging.video.mp4 import VideoTrack
from acoustill.imaging.video.overlay_video import OverlayStyle, Picture, Sound, dark_picture, write_overlay_video
from acoustill.imaging.video.reference import reference_levels
from acoustill.spool import Spool

ASPECT_TOLERANCE = 0.01


def overlay_take(
    path: Path,
    recording: str | None,
    *,
    out: Path,
    rig: str | None,
    sample_rate: int | None,
    video: Path | None,
    offset_s: float,
    frame_rate: str,
    view: View,
    hear: str | None,
    style: OverlayStyle,
) -> dict[str, Any]:
    """Writes the acoustic images of a take over its video; see `acoustill overlay --help` for the arguments.

    Returns:
        A JSON object: `out`, `frames`, `seconds`, `width`, `height`, `frame_rate`, `heard` (what the sound is),
        `gain_db` (of the sound) and `scaling` (of integer samples).

    Raises:
        AcoustillError: if an argument or a file cannot be used.
    """
    if out.suffix != ".mp4":
        raise bad_input("overlay", "--out", str(out), "a file name that ends in .mp4")
    if frame_rate not in ("rig", "video"):
        raise bad_input("overlay", "--frame-rate", repr(frame_rate), "rig or video")
    reference_levels(np.zeros(1), 1.0, style.range_db, style.reference)  # refuses before hours of work
    take = open_take("overlay", path, recording, rig, sample_rate)
    seconds = take.frames / take.rig.frame_rate
    with (
        _picture(take, video, offset_s, seconds) as (picture, video_rate),
        replacing(out) as beside,
        Spool(out.parent) as maps,
        Spool(out.parent) as sound,
    ):
        pixels = look(take, view, maps)
        heard, parts = _sound(take, hear, pixels, maps, view)
        for part in parts:
            sound.append(part)
        samples = sound.array()[: take.frames * take.rig.samples_per_frame]
        rate = video_rate if video_rate and frame_rate == "video" else take.rig.frame_rate
        with bar("drawing", round(seconds * rate)) as advance:
            written = write_overlay_video(
                beside,
                maps.array(),
                take.rig.frame_rate,
                picture,
                sound=Sound(samples, take.rig.sample_rate),
                style=style,
                video_rate=rate,
                advance=advance,
            )
    return {
        "out": str(out),
        "frames": written.frames,
        "seconds": round(written.frames / written.frame_rate, 3),
        "width": written.width,
        "height": written.height,
        "frame_rate": round(written.frame_rate, 4),
        "heard": heard,
        "gain_db": written.gain_db and round(written.gain_db, 2),
        "scaling": take.source and take.source.scaling,
    }


def _sound(take: Take, hear: str | None, pixels: Grid, maps: Spool, view: View) -> tuple[str, Iterator[np.ndarray]]:
    """What is heard, in words, and its samples in blocks."""
    if hear == "loudest":
        track = track_loudest(maps.array(), pixels, take.rig.frame_rate)
        return "the beam of the loudest place", beam_of(take, track.points_m, view.beamformer)
    if hear is not None and "," in hear:
        pixel = numbers(hear, "overlay", "--hear", ",", 2, float)
        point = take.rig.camera.unproject(np.array(pixel), view.distance_m)
        return f"the beam of pixel {pixel[0]:g},{pixel[1]:g}", beam_of(take, point, view.beamformer)
    if hear is not None and not hear.isdecimal():
        raise bad_input("overlay", "--hear", repr(hear), "a channel's number, column,row of a pixel, or loudest")
    channel, parts = microphone_of(take, None if hear is None else int(hear))
    return f"microphone {channel}", parts


@contextmanager
def _picture(take: Take, video: Path | None, offset_s: float, seconds: float) -> Iterator[tuple[Picture, float | None]]:
    """The video frame at a time of the sound, and the video's frame rate if it is not the rig's."""
    camera, recording = take.rig.camera, take.recording
    if video is None:
        if recording is not None and "video" in recording.entry.streams:
            last, frame_rate = recording.entry.frames - 1, take.rig.frame_rate
            yield (lambda time_s: recording.frame(min(int(time_s * frame_rate), last))), None
        else:
            yield dark_picture(camera.width, camera.height), None
        return
    track = VideoTrack(video)
    try:
        if abs(track.width * camera.height / (track.height * camera.width) - 1) > ASPECT_TOLERANCE:
            expected = f"{camera.width} x {camera.height} or of that shape, as the camera of rig {take.rig.name}"
            raise bad_input(video, "size", f"{track.width} x {track.height}", expected)
        if offset_s >= seconds or (track.seconds and offset_s + track.seconds <= 0):
            found = f"{offset_s:g} s with {seconds:g} s of sound and {track.seconds:g} s of video"
            raise bad_input(video, "offset", found, "a video that runs while there is sound")
        yield (lambda time_s: track.at(time_s - offset_s)), float(track.frame_rate)
    finally:
        track.close()

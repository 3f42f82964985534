"""What `acoustill overlay` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from acoustill.commands.arguments import bar, naming, refuse_overwriting
from acoustill.commands.sightings import LONGEST_S
from acoustill.commands.takes import Take, View, beam_of, look, microphone_of, open_take, pixel_of, point_of_pixel
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import replacing
from acoustill.imaging.grid import Grid
from acoustill.imaging.track import track_loudest
from acoustill.imaging.video.overlay_video import OverlayStyle, Picture, Sound, dark_picture, write_overlay_video
from acoustill.imaging.video.reading import VideoTrack
from acoustill.spool import Spool

Listening = Callable[[Grid, np.ndarray], Iterator[np.ndarray]]  # what is heard, of the images (frames, H, W)


def overlay_take(
    path: Path,
    recording: str | None,
    *,
    out: Path,
    rig: str | None,
    sample_rate: int | None,
    video: Path | None,
    offset_s: float | None,
    frame_rate: str | None,
    view: View,
    hear: str | None,
    style: OverlayStyle,
) -> dict[str, Any]:
    """Writes the acoustic images of a take over its video; see `acoustill overlay --help` for the arguments.

    Returns:
        A JSON object: `out`, `frames`, `seconds`, `width`, `height`, `frame_rate`, `heard` (what the sound is),
        `gain_db` (of the sound; None if there is none) and `scaling` (of integer samples).

    Raises:
        AcoustillError: if an argument or a file cannot be used, or an option would be without effect.
        OSError: if the video cannot be written.
    """
    if out.suffix != ".mp4":
        raise bad_input("overlay", "--out", str(out), "a file name that ends in .mp4")
    if frame_rate not in (None, "rig", "video"):
        raise bad_input("overlay", "--frame-rate", repr(frame_rate), "rig or video")
    if offset_s is not None and not abs(offset_s) <= LONGEST_S:
        raise bad_input("overlay", "--offset", f"{offset_s} s", f"seconds, at most {LONGEST_S:g}")
    if video is None and (offset_s is not None or frame_rate is not None):
        option = "--offset" if offset_s is not None else "--frame-rate"
        raise AcoustillError(f"overlay: {option} is of a video, which --video did not name")
    take = open_take("overlay", path, recording, rig, sample_rate)
    refuse_overwriting("overlay", out, [path, video, view.depth, None if rig is None else Path(rig)])
    seconds = take.frames / take.rig.frame_rate
    with _backdrop(take, video, offset_s or 0.0, seconds) as backdrop:
        heard, listening = _choose_sound(take, hear, backdrop.size, view)
        rate = take.rig.frame_rate if frame_rate == "rig" else backdrop.frame_rate
        with replacing(out) as beside, Spool(out.parent) as maps, Spool(out.parent) as sound:
            pixels = look(take, view, maps)
            heard_sound = None
            if listening is not None:
                for part in listening(pixels, maps.array()):
                    sound.append(part)
                samples = take.frames * take.rig.samples_per_frame
                heard_sound = Sound(sound.array()[:samples], take.rig.sample_rate)
            with bar("drawing", round(seconds * rate)) as advance, naming(path, *([video] if video else [])):
                written = write_overlay_video(
                    beside,
                    maps.array(),
                    take.rig.frame_rate,
                    backdrop.picture,
                    sound=heard_sound,
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


def _choose_sound(take: Take, hear: str | None, size: tuple[int, int], view: View) -> tuple[str, Listening | None]:
    """What is heard, in words, and what gives its samples in blocks once there are images; None of a silent take.

    Args:
        take: the recording.
        hear: value of the option.
        size: width and height of the video, whose pixels the option names.
        view: how the take is looked at.

    Raises:
        AcoustillError: if the option makes no sense, or the take has not kept what it needs.
    """
    camera = take.rig.camera
    if hear is None and not take.has_sound:
        return "no sound", None
    if hear == "loudest":
        take.all_channels()

        def follow(pixels: Grid, energy: np.ndarray) -> Iterator[np.ndarray]:
            with naming(Path(take.name)):
                track = track_loudest(energy, pixels, take.rig.frame_rate)
            return beam_of(take, track.points_m, view.beamformer)

        return "the beam of the loudest place", follow
    if hear is not None and "," in hear:
        pixel = pixel_of(camera, hear, "overlay", "--hear", size)
        take.all_channels()
        return (
            f"the beam of pixel {hear}",
            lambda pixels, _: beam_of(take, point_of_pixel(camera, pixel, pixels), view.beamformer),
        )
    if hear is not None and not (hear.isdecimal() and len(hear) < 10):
        raise bad_input("overlay", "--hear", repr(hear), "a channel's number, column,row of a pixel, or loudest")
    channel, parts = microphone_of(take, None if hear is None else int(hear))
    return f"microphone {channel}", lambda _, __: parts


class _Backdrop(NamedTuple):
    """What images are laid over: the frame of a time, (width, height), and how many a second there are."""

    picture: Picture
    size: tuple[int, int]
    frame_rate: float


@contextmanager
def _backdrop(take: Take, video: Path | None, offset_s: float, seconds: float) -> Iterator[_Backdrop]:
    """The video of a take, or a plain background."""
    camera, recording, rate = take.rig.camera, take.recording, take.rig.frame_rate
    if video is not None:
        track = VideoTrack(video)
        try:
            track.video.check_shape(camera.width, camera.height)
            length_s = track.video.seconds
            if offset_s >= seconds or (length_s and offset_s + length_s <= 0):
                found = f"{offset_s:g} s with {seconds:g} s of sound and {length_s:g} s of video"
                raise bad_input(video, "offset", found, "a video that runs while there is sound")
            size = (track.video.width, track.video.height)
            yield _Backdrop(lambda time_s: track.at(time_s - offset_s), size, float(track.video.frame_rate))
        finally:
            track.close()
    elif recording is not None and "video" in recording.entry.streams:
        last = recording.entry.frames - 1
        height, width = recording.frame(0).shape[:2]
        yield _Backdrop(lambda time_s: recording.frame(min(int(time_s * rate), last)), (width, height), rate)
    else:
        yield _Backdrop(dark_picture(camera.width, camera.height), (camera.width, camera.height), rate)

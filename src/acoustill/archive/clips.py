"""Clips: crops of a recording, cut at video frames so that every stream shows the same instant, to the sample.

A clip from frame a to frame b holds exactly the audio samples from a to b, each times the rig's samples per frame.
Clips of audio alone may start between two frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from acoustill.archive.archive import Archive
from acoustill.archive.entry import Entry
from acoustill.archive.recording import Recording
from acoustill.errors import AcoustillError, bad_input
from acoustill.rig.camera import Camera
from acoustill.rig.rig import Rig


@dataclass(frozen=True)
class Clip:
    """A crop of a recording; also the part of a recording that other clips are cut from.

    Attributes:
        recording: its id.
        start: first video frame.
        frames: length in video frames.
        offset: audio samples from the first video frame to where the clip begins; only clips of audio alone
            have one.
    """

    recording: str
    start: int
    frames: int
    offset: int = 0

    @property
    def stop(self) -> int:
        """The frame after the last that the clip touches."""
        return self.start + self.frames + (self.offset > 0)


def frames_of(seconds: float, frame_rate: float) -> int:
    """A length in whole video frames, at least one."""
    return max(1, round(seconds * frame_rate))


def parts_of(archive: Archive, parts: Iterable[str | Clip]) -> tuple[Clip, ...]:
    """What may be cut: whole recordings for ids, parts of recordings as they are.

    Raises:
        AcoustillError: if a recording is not in the archive, or a part does not lie inside its recording
            or does not begin at a frame.
    """
    found = []
    for part in parts:
        recording = part if isinstance(part, str) else part.recording
        if recording not in archive.entries:
            raise AcoustillError(f"{archive.path}: there is no recording {recording!r}")
        entry = archive.entries[recording]
        clip = _whole(entry) if isinstance(part, str) else part
        _check_inside(clip, entry.frames, f"{archive.path}: recording {recording}")
        if clip.offset:
            raise bad_input(f"{archive.path}: recording {recording}", "offset of a part", clip.offset, "0, a frame")
        found.append(clip)
    return tuple(found)


def regular_clips(part: Entry | Clip, frames: int) -> list[Clip]:
    """Clips side by side from the start; a rest shorter than a clip is left out.

    Args:
        part: a recording, or a part of one.
        frames: length of a clip.

    Raises:
        AcoustillError: if the part is shorter than one clip: recordings are never looped or padded.
    """
    part = long_enough(part, frames)
    last = part.start + part.frames - frames
    return [Clip(part.recording, start, frames) for start in range(part.start, last + 1, frames)]


def long_enough(part: Entry | Clip, frames: int) -> Clip:
    """The part, if a clip of so many frames can be cut from it.

    Raises:
        AcoustillError: if it is shorter than that.
    """
    part = _whole(part) if isinstance(part, Entry) else part
    if part.frames < frames:
        found = f"{part.frames} frames" + (f" from frame {part.start}" if part.start else "")
        raise bad_input(f"recording {part.recording}", "length", found, f"a clip's {frames} or more")
    return part


def long_enough_parts(archive: Archive, parts: Iterable[str | Clip], frames: int) -> list[Clip]:
    """Whole recordings, or parts of recordings, from all of which a clip of so many frames can be cut.

    Raises:
        AcoustillError: see `parts_of`; or if any is shorter than a clip, which says how many are.
    """
    found = parts_of(archive, parts)
    short = [part for part in found if part.frames < frames]
    try:
        for part in short:
            long_enough(part, frames)
    except AcoustillError as error:
        rate = archive.rig.frame_rate
        shortest_s = min(part.frames for part in short) / rate
        raise AcoustillError(
            f"{error} ({frames / rate:g} s); {len(short)} of {len(found)} are shorter than that, "
            f"the shortest {shortest_s:.3g} s"
        ) from error
    return list(found)


def random_clip(
    part: Entry | Clip, frames: int, rng: np.random.Generator, samples_per_frame: int | None = None
) -> Clip:
    """A clip that starts at any frame, all with equal chance.

    Args:
        part: a recording, or a part of one.
        frames: length of the clip.
        rng: draws the start.
        samples_per_frame: of the rig, if the clip may start at any sample: for clips of audio alone.

    Raises:
        AcoustillError: if the part is shorter than the clip.
    """
    part = long_enough(part, frames)
    steps = 1 if samples_per_frame is None else samples_per_frame
    start, offset = divmod(int(rng.integers((part.frames - frames) * steps + 1)), steps)
    return Clip(part.recording, part.start + start, frames, offset)


def read_clip(
    recording: Recording,
    clip: Clip,
    streams: Sequence[str],
    samples_per_frame: int,
    microphone: int = 0,
    video_shape: tuple[int, int] | None = None,
    camera: Camera | None = None,
) -> dict[str, np.ndarray]:
    """The streams of a clip.

    Args:
        recording: the clip's.
        clip: what to cut.
        streams: which of audio, image, video, beams and direction.
        samples_per_frame: of the rig.
        microphone: which of the stored microphones is heard.
        video_shape: (h, w) that video frames are brought to, see `Recording.video`; None keeps them as stored.
        camera: of the rig; only directions need it.

    Shapes:
        audio: (samples,) float32, pascal, or full scale where the sensitivity is not known.
        image: (frames, H, W, C) as stored.
        video: (frames, h, w, 3) uint8 RGB.
        beams: (frames, steps, rows, columns, bins, 2) float16 as stored.
        direction: (frames, 2) float32, see `Recording.direction`.

    Raises:
        AcoustillError: if the clip does not lie inside the recording, or starts between two frames and is not of
            audio alone; or if its recording does not know the direction of its source.
        ValueError: if directions are asked for without a camera.
    """
    _check_inside(clip, recording.entry.frames, recording.folder)
    if clip.offset and (not 0 < clip.offset < samples_per_frame or set(streams) != {"audio"}):
        found = f"{clip.offset} samples behind a frame, with streams {list(streams)}"
        raise bad_input(recording.folder, "start of the clip", found, "a frame, or a clip of audio alone")
    stop = clip.start + clip.frames
    views: dict[str, np.ndarray] = {}
    if "audio" in streams:
        first = clip.start * samples_per_frame + clip.offset
        rows = slice(microphone, microphone + 1)
        heard = recording.signals(first, first + clip.frames * samples_per_frame, rows)
        if heard.shape != (1, clip.frames * samples_per_frame):
            found = f"{heard.shape[0]} x {heard.shape[1]} samples of microphone {microphone}"
            raise bad_input(recording.folder, "audio", found, f"1 x {clip.frames * samples_per_frame}")
        views["audio"] = heard[0]
    if "image" in streams:
        views["image"] = np.array(recording.image[clip.start : stop])
    if "video" in streams:
        views["video"] = recording.video(clip.start, stop, shape=video_shape)
    if "beams" in streams:
        views["beams"] = np.array(recording.beams[clip.start : stop])
    if "direction" in streams:
        if camera is None:
            raise ValueError("directions are read with the rig's camera")
        views["direction"] = recording.direction(camera, clip.start, stop)
    return views


def audible(recording: Recording, rig: Rig) -> list[int]:
    """Rows of a recording's audio that no broken microphone recorded.

    Raises:
        AcoustillError: if there is none.
    """
    file = recording.sidecar.files.get("audio")
    stated = () if file is None else file.microphones or tuple(range(file.shape[0]))
    rows = [row for row, microphone in enumerate(stated) if microphone not in rig.broken]
    if not rows:
        raise bad_input(f"recording {recording.entry.id}", "microphones", list(stated), "one that is not broken")
    return rows


def all_clips(archive: Archive, parts: Iterable[str | Clip], frames: int) -> list[Clip]:
    """The regular clips of several recordings, or parts of recordings, in order."""
    return [clip for part in long_enough_parts(archive, parts, frames) for clip in regular_clips(part, frames)]


def _whole(entry: Entry) -> Clip:
    return Clip(entry.id, 0, entry.frames)


def _check_inside(clip: Clip, frames: int, where: object) -> None:
    if not 0 <= clip.start < clip.start + clip.frames <= clip.stop <= frames:
        raise bad_input(where, "clip", f"frames {clip.start} to {clip.stop}", f"within 0 to {frames}")

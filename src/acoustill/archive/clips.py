"""Clips: crops of a recording, cut at video frames so that every stream shows the same instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acoustill.archive.archive import Archive, Recording
from acoustill.archive.entry import Entry
from acoustill.errors import bad_input
from acoustill.rig.rig import Rig


@dataclass(frozen=True)
class Clip:
    """A crop of a recording.

    Attributes:
        recording: its id.
        start: first video frame.
        frames: length in video frames.
    """

    recording: str
    start: int
    frames: int


def frames_of(seconds: float, frame_rate: float) -> int:
    """A length in whole video frames, at least one."""
    return max(1, round(seconds * frame_rate))


def regular_clips(entry: Entry, frames: int) -> list[Clip]:
    """Clips side by side from the start; a rest shorter than a clip is left out.

    Raises:
        AcoustillError: if the recording is shorter than one clip: recordings are never looped or padded.
    """
    _check_length(entry, frames)
    return [Clip(entry.id, start, frames) for start in range(0, entry.frames - frames + 1, frames)]


def random_clip(entry: Entry, frames: int, rng: np.random.Generator) -> Clip:
    """A clip that starts at any frame, all with equal chance.

    Raises:
        AcoustillError: if the recording is shorter than the clip.
    """
    _check_length(entry, frames)
    return Clip(entry.id, int(rng.integers(entry.frames - frames + 1)), frames)


def read_clip(
    recording: Recording, clip: Clip, streams: Sequence[str], samples_per_frame: int, microphone: int = 0
) -> dict[str, np.ndarray]:
    """The streams of a clip.

    Args:
        recording: the clip's.
        clip: what to cut.
        streams: which of audio, image and video.
        samples_per_frame: of the rig.
        microphone: which of the stored microphones is heard.

    Shapes:
        audio: (samples,) float32.
        image: (frames, H, W, C) as stored.
        video: (frames, h, w, 3) uint8 RGB.

    Raises:
        AcoustillError: if the clip does not lie inside the recording.
    """
    stop = clip.start + clip.frames
    if not 0 <= clip.start < stop <= recording.entry.frames:
        found, whole = f"frames {clip.start} to {stop}", f"within 0 to {recording.entry.frames}"
        raise bad_input(recording.folder, "clip", found, whole)
    views: dict[str, np.ndarray] = {}
    if "audio" in streams:
        samples = slice(clip.start * samples_per_frame, stop * samples_per_frame)
        views["audio"] = np.array(recording.audio[microphone, samples])
    if "image" in streams:
        views["image"] = np.array(recording.image[clip.start : stop])
    if "video" in streams:
        views["video"] = recording.video(clip.start, stop)
    return views


def audible(recording: Recording, rig: Rig) -> list[int]:
    """Rows of a recording's audio that no broken microphone recorded.

    Raises:
        AcoustillError: if there is none.
    """
    stated = recording.sidecar.files["audio"].microphones or tuple(range(recording.audio.shape[0]))
    rows = [row for row, microphone in enumerate(stated) if microphone not in rig.broken]
    if not rows:
        raise bad_input(f"recording {recording.entry.id}", "microphones", list(stated), "one that is not broken")
    return rows


def all_clips(archive: Archive, recordings: Sequence[str], frames: int) -> list[Clip]:
    """The regular clips of several recordings, in order."""
    return [clip for recording in recordings for clip in regular_clips(archive.entries[recording], frames)]


def _check_length(entry: Entry, frames: int) -> None:
    if entry.frames < frames:
        raise bad_input(f"recording {entry.id}", "length", f"{entry.frames} frames", f"a clip's {frames} or more")

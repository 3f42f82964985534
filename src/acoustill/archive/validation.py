"""Checking that an archive holds what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acoustill.archive.archive import Archive, Recording
from acoustill.archive.entry import Entry, StreamFile
from acoustill.errors import AcoustillError
from acoustill.files import file_hash
from acoustill.rig.rig import Rig


@dataclass(frozen=True)
class Problem:
    """Something wrong with a recording.

    Attributes:
        recording: its id.
        what: the complaint, in words.
    """

    recording: str
    what: str


def validate_archive(path: str | Path, advance: Callable[[], None] = lambda: None) -> list[Problem]:
    """Reads every file of an archive and lists what is wrong: an empty list is a sound archive.

    Checked are hashes, shapes, lengths, samples and image values that are not finite, silence, broken JPEG
    frames, recordings that the manifest and the folder do not both have, and equal audio in two recordings.

    Args:
        path: the archive's folder.
        advance: called after each recording.

    Raises:
        AcoustillError: if there is no archive or its manifest cannot be read.
    """
    archive = Archive(path)
    rig = archive.rig
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for entry in archive.entries.values():
        try:
            problems += [Problem(entry.id, what) for what in _problems(archive[entry.id], entry, rig)]
        except AcoustillError as error:
            problems.append(Problem(entry.id, str(error)))
        twin = seen.setdefault(entry.content, entry.id)
        if twin != entry.id:
            problems.append(Problem(entry.id, f"its audio is that of {twin}"))
        advance()
    folders = {folder.name for folder in (archive.path / "recordings").glob("[!.]*")}
    problems += [Problem(name, "its folder is not in the manifest") for name in sorted(folders - set(archive.entries))]
    return problems


def _problems(recording: Recording, entry: Entry, rig: Rig) -> Iterator[str]:
    if recording.entry != entry:
        yield "its sidecar and the manifest differ"
    files = recording.sidecar.files
    if set(files) != set(entry.streams) or ("audio" in files and files["audio"].sha256 != entry.content):
        yield "its streams are not those that the manifest states"
    for stream, stated in files.items():
        path = recording.folder / stated.file
        if not path.is_file():
            yield f"{path.name} is missing"
            return
        if file_hash(path) != stated.sha256:
            yield f"{path.name} was changed: its hash is not the one of the sidecar"
            return
        if stream == "audio":
            yield from _audio_problems(recording.audio, entry.frames * rig.samples_per_frame, stated, rig)
        elif stated.shape[:1] != (entry.frames,):
            yield f"{path.name} is of shape {stated.shape}, expected {entry.frames} frames"
        elif stream == "image" and not np.isfinite(recording.image).all():
            yield "an acoustic image is not finite"
        elif stream == "video":
            shapes = {recording.frame(index).shape for index in range(entry.frames)}
            if shapes != {stated.shape[1:]}:
                yield f"video frames are of shape {sorted(shapes)}, expected {stated.shape[1:]}"


def _audio_problems(audio: np.ndarray, samples: int, stated: StreamFile, rig: Rig) -> Iterator[str]:
    if audio.ndim != 2 or audio.shape[1] != samples:
        yield f"audio is of shape {audio.shape}, expected {samples} samples of each microphone"
        return
    if not np.isfinite(audio).all():
        yield "audio holds samples that are not finite"
    microphones = stated.microphones or range(len(audio))
    for microphone, signal in zip(microphones, audio, strict=False):
        if not signal.any() and microphone not in rig.broken:
            yield f"microphone {microphone} is silent"

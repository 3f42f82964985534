"""Exports an archive to the folders in which AVIA comes."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from acoustill.archive.archive import Archive
from acoustill.archive.entry import Entry
from acoustill.archive.exporters.avia import (
    FULL_SCALE_PA,
    AviaNumbers,
    avia_numbers,
    is_whole,
    start_avia,
    stream_folders,
    to_int32,
    write_avia,
)
from acoustill.archive.pictures import JPEG, decode_picture, encode_picture
from acoustill.archive.recording import Recording
from acoustill.archive.writer import JPEG_QUALITY
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import only_writer
from acoustill.jobs import SetAside, run_jobs
from acoustill.rig.rig import Rig


def export_avia(archive: Archive, out: Path, jobs: int = 1) -> list[SetAside]:
    """Writes every recording that AVIA has numbers for; goes on where an earlier call stopped.

    JPEG frames are kept bit for bit, and so are int32 samples where all recordings have the same scale; other samples
    are scaled to 100 Pa for 2^31. AVIA's readers take the audio of all microphones or of one: of an archive that
    keeps some of them, the first is written.

    Args:
        archive: what is exported.
        out: where the folders go.
        jobs: number of processes; it changes nothing in the result.

    Returns:
        The recordings that AVIA has no numbers for, or that could not be read.

    Raises:
        AcoustillError: if the folder holds something else, or no recording can be exported.
    """
    aside: list[SetAside] = []
    numbered: list[tuple[Recording, AviaNumbers]] = []
    for name, entry in archive.entries.items():
        try:
            numbered.append((archive[name], _numbers(entry)))
        except AcoustillError as error:
            aside.append(SetAside(name, str(error)))
    if not numbered:
        raise AcoustillError(f"{archive.path}: no recording can be exported; {aside[0].why}")
    twice = [numbers for numbers, count in Counter(numbers for _, numbers in numbered).items() if count > 1]
    if twice:
        one, other = [recording.entry.id for recording, numbers in numbered if numbers == twice[0]][:2]
        raise AcoustillError(f"{archive.path}: {one} and {other} would both be {twice[0].place}, where AVIA has one")
    full_scale = _full_scale([recording for recording, _ in numbered])
    write = functools.partial(_export, rig=archive.rig, out=out, full_scale=full_scale)
    with only_writer(out):
        start_avia(out, archive.rig, {"command": "export avia", "archive": archive.id}, full_scale)
        missing = [(recording, numbers) for recording, numbers in numbered if not _is_there(out, numbers, recording)]
        names = [recording.entry.id for recording, _ in missing]
        aside += run_jobs(write, missing, names, min(jobs, max(1, len(missing))), "exporting")
    return aside


def _numbers(entry: Entry) -> AviaNumbers:
    if set(entry.streams) == {"beams"}:
        raise bad_input(f"recording {entry.id}", "streams", "beams alone", "audio, images or video, which AVIA has")
    return avia_numbers(f"recording {entry.id}", entry.scenario, entry.subject, entry.label)


def _is_there(out: Path, numbers: AviaNumbers, recording: Recording) -> bool:
    entry, folders = recording.entry, stream_folders(out, numbers)
    return all(is_whole(folders[stream], entry.frames) for stream in entry.streams if stream in folders)


def _full_scale(recordings: list[Recording]) -> float:
    """That of int32 audio if it is the same in all recordings, else `FULL_SCALE_PA`."""
    stated = [recording.sidecar.files.get("audio") for recording in recordings]
    scales = {(audio.dtype, audio.scale) for audio in stated if audio is not None}
    if len(scales) == 1:
        dtype, scale = scales.pop()
        if dtype == "int32":
            return scale * 2**31
    return FULL_SCALE_PA


def _export(numbered: tuple[Recording, AviaNumbers], rig: Rig, out: Path, full_scale: float) -> None:
    recording, numbers = numbered
    streams = recording.entry.streams
    write_avia(
        out,
        numbers,
        image=iter(recording.image) if "image" in streams else None,
        audio=_audio(recording, rig, full_scale) if "audio" in streams else None,
        video=_pictures(recording) if "video" in streams else None,
    )


def _audio(recording: Recording, rig: Rig, full_scale: float) -> Iterator[np.ndarray]:
    """Whole frames alone: AVIA has as many files of audio as of images."""
    stored, stated = recording.audio, recording.sidecar.files["audio"]
    rows = slice(None) if stated.microphones == tuple(range(rig.channels)) else slice(1)
    samples = recording.entry.frames * rig.samples_per_frame
    if stored.dtype == np.int32 and stated.scale * 2**31 == full_scale:
        for start in range(0, samples, rig.samples_per_frame):
            yield np.ascontiguousarray(stored[rows, start : start + rig.samples_per_frame])
    else:
        signals = recording.signals(stop=samples, rows=rows)
        yield from to_int32(signals, full_scale, rig.samples_per_frame, recording.folder)


def _pictures(recording: Recording) -> Iterator[bytes]:
    for index in range(recording.entry.frames):
        picture = recording.encoded_frame(index)
        is_jpeg = picture.startswith(JPEG)
        yield picture if is_jpeg else encode_picture(decode_picture(picture, recording.folder.name), JPEG_QUALITY)

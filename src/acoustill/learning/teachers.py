"""What teachers say of every frame, computed once and kept with the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from acoustill.archive.archive import Archive
from acoustill.archive.clips import Clip, audible, read_clip
from acoustill.archive.recording import Recording, array_offset
from acoustill.archive.splits import Place, Split, find_overlap, places_of
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, json_hash, replacing
from acoustill.learning.runs import Run
from acoustill.models.network import FrameNetwork
from acoustill.models.store import load_network
from acoustill.rig.rig import Rig

BLOCK_FRAMES = 240
CONTEXT_FRAMES = 24  # more than any network here looks ahead or back


@dataclass(frozen=True)
class TeacherRun:
    """A trained teacher.

    Attributes:
        folder: its run.
        weights: SHA-256 of its weights.
        network: with the weights, ready to answer.
        warnings: what to say of it to whoever trains its student, in sentences.
    """

    folder: Path
    weights: str
    network: FrameNetwork
    warnings: tuple[str, ...] = ()


def load_teacher(folder: str | Path, archive: Archive, split: Split) -> TeacherRun:
    """A teacher that fits an archive and never saw what its student is judged on.

    Raises:
        AcoustillError: if the run is not finished, holds no teacher, or one of other classes or other images;
            or if the teacher learnt from what its student is tested on, or is to meet there for the first time.
    """
    folder = Path(folder)
    run = Run(folder)
    network = load_network(folder)
    if not isinstance(network, FrameNetwork):
        raise bad_input(folder, "network", network.name, "a teacher that answers for every frame")
    spec = network.specification
    if spec.classes != archive.classes:
        raise bad_input(folder, "classes of the teacher", list(spec.classes), f"{list(archive.classes)}")
    image = archive.image_specification
    if "image" in spec.streams and (image is None or spec.image != image.to_json()):
        found = spec.image
        raise bad_input(folder, "image specification", found, f"{image and image.to_json()}, that of {archive.path}")
    there = archive if run.archive_id == archive.id else run.open_archive()
    _refuse_leak(run, there, archive, split)
    warnings = _equal_names(run, there, archive, split)
    return TeacherRun(folder, file_hash(folder / "model.safetensors"), network, warnings)


def _refuse_leak(run: Run, there: Archive, archive: Archive, split: Split) -> None:
    """Refuses a teacher that learnt from the student's test side, or from subjects or scenarios held from it."""
    taught_parts = _taught(run, there)
    tested_parts = split.parts(archive, "test")
    if there is archive:
        overlap = find_overlap(places_of(archive, taught_parts), places_of(archive, tested_parts))
    else:
        overlap = find_overlap(_stream_places(there, taught_parts), _stream_places(archive, tested_parts))
    if overlap is not None:
        raise AcoustillError(
            f"{run.folder}: the teacher learnt from {overlap[0].recording}, which its student is tested on; "
            "train it with the same protocol and fold"
        )
    taught = [there.entries[part.recording] for part in taught_parts]
    learnt = [archive.entries[recording] for recording in (*split.train, *split.validation)]
    tested = [archive.entries[recording] for recording in split.test]
    for name in ("subject", "scenario"):
        held = {getattr(entry, name) for entry in tested} - {getattr(entry, name) for entry in learnt} - {None}
        known = sorted(held & {getattr(entry, name) for entry in taught})
        if known:
            sentence = (
                f"{run.folder}: the teacher learnt from {name} {known[0]!r}, which is held from its student; "
                "train it with the same protocol and fold"
            )
            if there is not archive:
                sentence += (
                    f"; that {name} is one of {there.path} and also occurs in {archive.path} under this name: "
                    "rename it if it is somebody or something else"
                )
            raise AcoustillError(sentence)


def _taught(run: Run, there: Archive) -> list[Clip]:
    return [part for side in ("train", "validation") for part in run.split.parts(there, side)]


def _stream_places(archive: Archive, parts: Iterable[Clip]) -> list[Place]:
    """Where each stream of recordings, or of parts of them, lies: in samples for audio, in frames for others."""
    places = []
    for part in parts:
        for stream, file in archive[part.recording].sidecar.files.items():
            step = archive.rig.samples_per_frame if stream == "audio" else 1
            whole = part.frames == archive.entries[part.recording].frames
            places.append(Place(part.recording, file.sha256, part.start * step, part.stop * step, whole))
    return places


def _equal_names(run: Run, there: Archive, archive: Archive, split: Split) -> tuple[str, ...]:
    """Recordings of another archive that are named as recordings of the test side, and hold other files."""
    if there is archive:
        return ()
    equal = sorted({part.recording for part in _taught(run, there)} & set(split.test))
    if not equal:
        return ()
    return (
        f"{len(equal)} of the recordings of {there.path} that the teacher {run.folder} learnt from have the names of "
        f"recordings that its student is tested on, such as {equal[0]}; no stream of theirs is equal, but see that "
        "they are no copies",
    )


def teacher_logits(
    archive: Archive,
    teachers: Sequence[TeacherRun],
    recordings: Sequence[str],
    advance: Callable[[], None] = lambda: None,
) -> dict[str, np.ndarray]:
    """Logits of every frame of some recordings, by every teacher.

    They depend on no augmentation, so they are kept in the archive's folder `teachers/`, by the hash of the
    teacher's weights and that of the streams that it was given.

    Args:
        archive: the recordings.
        teachers: who answers.
        recordings: ids.
        advance: called after each recording.

    Shapes:
        Output: by recording, (teachers, frames, classes) float32.

    Raises:
        AcoustillError: if a recording lacks a stream.
    """
    for teacher in teachers:
        archive.with_streams(recordings, teacher.network.streams)
    answers = {}
    for recording in recordings:
        answers[recording] = np.stack([_kept_logits(archive, teacher, recording) for teacher in teachers])
        advance()
    return answers


def _kept_logits(archive: Archive, teacher: TeacherRun, recording: str) -> np.ndarray:
    opened = archive[recording]
    files = opened.sidecar.files
    given = json_hash([files[stream].sha256 for stream in teacher.network.streams])  # type: ignore[index]
    path = archive.path / "teachers" / teacher.weights[:16] / f"{recording}-{given[:16]}.npy"
    shape = (archive.entries[recording].frames, len(archive.classes))
    kept = _read_kept(path, shape)
    if kept is not None:
        return kept
    logits = _frame_logits(opened, teacher.network, archive.rig)
    if logits.shape != shape or not np.isfinite(logits).all():
        expected = f"{shape[0]} x {shape[1]} finite numbers"
        found = f"{logits.shape[0]} x {logits.shape[1]}, {np.isfinite(logits).sum()} of them finite"
        raise bad_input(f"{teacher.folder}: recording {recording}", "answer of the teacher", found, expected)
    with replacing(path) as beside, beside.open("wb") as file:
        np.save(file, logits, allow_pickle=False)
    return logits


def _read_kept(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """Answers that were kept; None if there are none, or they are damaged: then they are computed anew."""
    try:
        offset = array_offset(path, shape, np.dtype(np.float32))
        kept = np.fromfile(path, np.float32, offset=offset).reshape(shape)
    except (OSError, ValueError, AcoustillError):
        return None
    return kept if np.isfinite(kept).all() else None


@torch.no_grad()
def _frame_logits(recording: Recording, network: FrameNetwork, rig: Rig) -> np.ndarray:
    """Logits of a whole recording, block by block; each block has context on both sides."""
    frames, samples = recording.entry.frames, network.specification.samples_per_frame
    heard = audible(recording, rig)[0] if "audio" in network.streams else 0
    parts = []
    for start in range(0, frames, BLOCK_FRAMES):
        first, last = max(0, start - CONTEXT_FRAMES), min(frames, start + BLOCK_FRAMES + CONTEXT_FRAMES)
        clip = Clip(recording.entry.id, first, last - first)
        views = read_clip(recording, clip, network.streams, samples, heard)
        logits = network.frame_logits({stream: torch.from_numpy(view)[None] for stream, view in views.items()})[0]
        parts.append(logits[start - first : start - first + BLOCK_FRAMES].numpy())
    return np.ascontiguousarray(np.concatenate(parts)[:frames], dtype=np.float32)

"""What teachers say of every frame, computed once and kept with the archive."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from acoustill.archive.archive import Archive
from acoustill.archive.clips import Clip, audible, read_clip
from acoustill.archive.entry import Entry
from acoustill.archive.recording import Recording, array_offset
from acoustill.archive.splits import Place, Split, find_overlap, places_of, values_of
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, json_hash, replacing
from acoustill.learning.loading import refuse_other_views
from acoustill.learning.runs import Run
from acoustill.models.network import FrameNetwork, Network
from acoustill.models.specification import Specification
from acoustill.models.store import WEIGHTS, load_network, read_temperature
from acoustill.rig.rig import Rig

BLOCK_FRAMES = 240
WHOLE_FRAMES = 480  # 100 MB of beams as stored
FAR_FRAMES = (WHOLE_FRAMES - BLOCK_FRAMES) // 2  # context of networks that see all of a clip


@dataclass(frozen=True)
class TeacherRun:
    """A trained teacher.

    Attributes:
        folder: its run.
        weights: SHA-256 of its weights.
        network: with the weights, ready to answer.
        warnings: what to say of it to whoever trains its student, in sentences.
        temperature: that its logits are divided by to be calibrated.
    """

    folder: Path
    weights: str
    network: FrameNetwork
    warnings: tuple[str, ...] = ()
    temperature: float = 1.0


def load_teacher(folder: str | Path, archive: Archive, split: Split) -> TeacherRun:
    """A teacher that fits an archive and never saw what its student is judged on.

    Raises:
        AcoustillError: if the run is not finished, holds no teacher, or one of other classes, images or beams;
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
    made = {"image": archive.image_specification, "beams": archive.beams_specification}
    there = [stream for stream in spec.streams if made.get(stream, True)]
    refuse_other_views(spec, archive, there if network.can_answer(there) else spec.streams, folder)
    learnt = archive if run.archive_id == archive.id else run.open_archive()
    warnings = (*_refuse_leaks(run, learnt, archive, split),)
    return TeacherRun(folder, file_hash(folder / WEIGHTS), network, warnings, read_temperature(folder))


def _refuse_leaks(run: Run, there: Archive, archive: Archive, split: Split) -> Iterator[str]:
    """See `_refuse_leak`, of a teacher and of those that taught it; gives what is to be said in sentences."""
    _refuse_leak(run, there, archive, split)
    yield from _equal_names(run, there, archive, split)
    for teacher in run.teachers:
        folder = Path(teacher["folder"])
        try:
            before = Run(folder)
            if file_hash(folder / WEIGHTS) != teacher["sha256"]:
                raise AcoustillError(f"{folder}: was trained anew")
            learnt = archive if before.archive_id == archive.id else before.open_archive()
        except (AcoustillError, OSError) as error:
            yield (
                f"{run.folder}: what its own teacher {folder} learnt from is not known any more ({error}): see that it "
                "is nothing that its student is tested on"
            )
            continue
        yield from _refuse_leaks(before, learnt, archive, split)


def _refuse_leak(run: Run, there: Archive, archive: Archive, split: Split) -> None:
    """Refuses a teacher that learnt from the student's test side, or from subjects or scenarios held from it."""
    taught_parts = _taught(run, there)
    tested_parts = split.parts(archive, "test")
    if there is archive:
        overlap = find_overlap(places_of(archive, taught_parts), places_of(archive, tested_parts))
    else:
        overlap = find_overlap(stream_places(there, taught_parts), stream_places(archive, tested_parts))
    if overlap is not None:
        raise AcoustillError(
            f"{run.folder}: the teacher learnt from {overlap[0].recording}, which its student is tested on; "
            "train it with the same protocol and fold"
        )
    taught = [part.recording for part in taught_parts]
    for name in ("subject", "scenario", "origin"):
        held = values_of(archive, split.test, name) - values_of(archive, (*split.train, *split.validation), name)
        known = sorted(held & values_of(there, taught, name))
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
    sides = ["train", "validation"]
    if run.recipe != "labels" and run.experiment.distillation.unlabelled_batch:
        sides.append("unlabelled")
    return [part for side in sides for part in run.split.parts(there, side)]


def stream_places(archive: Archive, parts: Iterable[Clip]) -> list[Place]:
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
    """Logits of every frame of some recordings, by every teacher, each divided by its temperature.

    A teacher that can do without a stream answers to what a recording has.
    They depend on no augmentation, so they are kept, before that division, in the archive's folder `teachers/`, by the
    hash of the teacher's weights and that of the streams that it was given, and in which blocks (`blocks_of`).

    Args:
        archive: the recordings.
        teachers: who answers.
        recordings: ids.
        advance: called after each recording.

    Shapes:
        Output: by recording, (teachers, frames, classes) float32.

    Raises:
        AcoustillError: if a recording lacks a stream that a teacher needs.
    """
    for teacher in teachers:
        network = teacher.network
        for recording in recordings:
            if not network.can_answer(streams_for(network, archive.entries[recording])):
                archive.with_streams([recording], sorted(network.needed) or network.streams)
    answers = {}
    for recording in recordings:
        logits = [_kept_logits(archive, teacher, recording) / teacher.temperature for teacher in teachers]
        answers[recording] = np.stack(logits).astype(np.float32, copy=False)
        advance()
    return answers


def streams_for(network: Network, entry: Entry) -> tuple[str, ...]:
    """What a network is given of a recording: of its streams those that are there."""
    return tuple(stream for stream in network.streams if stream in (*entry.streams, "direction"))


def _kept_logits(archive: Archive, teacher: TeacherRun, recording: str) -> np.ndarray:
    opened, streams = archive[recording], streams_for(teacher.network, archive.entries[recording])
    files = opened.sidecar.files
    stated = [files[stream].sha256 for stream in streams if stream in files]
    if "direction" in streams:  # stands in the sidecar itself
        stated.append(file_hash(opened.folder / "recording.json"))
    given = json_hash([stated, blocks_of(teacher.network.specification, archive.entries[recording].frames)])
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
    """Logits of every frame of a recording, block by block."""
    frames, specification = recording.entry.frames, network.specification
    shape, samples = specification.video_shape, specification.samples_per_frame
    streams = streams_for(network, recording.entry)
    heard = audible(recording, rig)[0] if "audio" in streams else 0
    parts = []
    for first, last, start, stop in blocks_of(specification, frames):
        clip = Clip(recording.entry.id, first, last - first)
        views = read_clip(recording, clip, streams, samples, heard, shape, rig.camera)
        logits = network.frame_logits({stream: torch.from_numpy(view)[None] for stream, view in views.items()})[0]
        parts.append(logits[start - first : stop - first].numpy())
    return np.ascontiguousarray(np.concatenate(parts), dtype=np.float32)


class Block(NamedTuple):
    """Frames of a recording that a teacher is given at once, `first` to `last`, for its answers to `start` to `stop`.

    `last` and `stop` are the frames after.
    """

    first: int
    last: int
    start: int
    stop: int


def blocks_of(specification: Specification, frames: int) -> list[Block]:
    """How a recording is cut for a teacher, so that memory does not grow with its length.

    Each block has what the answers in it depend on before and after it. Networks that depend on all of a clip are given
    recordings of up to WHOLE_FRAMES whole, and else FAR_FRAMES on either side.

    Args:
        specification: of the teacher.
        frames: length of the recording.
    """
    field, rate = specification.receptive_field, specification.frame_rate
    before_s, after_s = (None, None) if field is None else (field.before_s, field.after_s)
    if None in (before_s, after_s) and frames <= WHOLE_FRAMES:
        return [Block(0, frames, 0, frames)]
    before = FAR_FRAMES if before_s is None else _whole_frames(before_s * rate) - 1
    after = FAR_FRAMES if after_s is None else _whole_frames(after_s * rate)
    # networks that look at every n-th frame count from the first that they are given
    stride = specification.features.get("video", {}).get("every_frame", 1)
    blocks = []
    for start in range(0, frames, BLOCK_FRAMES):
        stop = min(frames, start + BLOCK_FRAMES)
        last = min(frames, stop + after)
        # a last block that is short goes back further: networks that hear audio want at least a clip of it
        first = max(0, min(start - before, last - specification.clip_frames))
        blocks.append(Block(first - first % stride, last, start, stop))
    return blocks


def _whole_frames(frames: float) -> int:
    """Rounded up, but for what seconds lose of a whole number."""
    return math.ceil(frames - 1e-6)

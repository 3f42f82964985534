"""Loaders: batches of synchronous clips of an archive, for our trainings and for anybody's.

Clips start at video frames, so that every stream shows the same instant to the sample: a clip from frame a to frame b
holds the audio samples from a to b, each times the rig's samples per frame. Only clips of audio alone may start at any
sample.

All batches are dictionaries:

    views       by stream: audio (batch, samples), image (batch, frames, H, W, C), video (batch, frames, h, w, 3),
                beams (batch, frames, steps, rows, columns, bins, 2), direction (batch, frames, 2)
    label       (batch,) int64, number of the label in `archive.classes`; -1 where there is none
    recording   list of ids
    start       (batch,) int64, first video frame
    offset      (batch,) int64, audio samples from there to where the clip begins; 0 unless `any_sample` is set
    step        (batch,) int64, of the training, the same for the whole batch; random crops only
    teachers    (batch, teachers, classes), only where teachers' answers are given
    noise       by stream, as the views: recorded noise to mix with, only where there is any
    snr_db      (batch,), the ratio to mix it at; random crops have none

With workers, clips are read, and varied, ahead by processes that live as long as the loader. What they give is the same
for any number of workers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, default_collate

from acoustill.archive.archive import Archive
from acoustill.archive.clips import Clip, all_clips, frames_of
from acoustill.archive.entry import VIEWS
from acoustill.archive.splits import refuse_overlap
from acoustill.errors import AcoustillError, bad_input
from acoustill.learning.processes import share_of_process
from acoustill.learning.sampling import (
    APART,
    EvaluationClips,
    NoiseClips,
    NoisyClips,
    StepSampler,
    TrainingClips,
    step_batches,
)
from acoustill.models.specification import Specification

PREFETCHED = 2  # batches a worker reads ahead


class ClipLoader(DataLoader[dict[str, Any]]):
    """torch's loader; bad input that a worker meets is one sentence here too, not the worker's traceback."""

    def __iter__(self) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        try:
            yield from super().__iter__()
        except AcoustillError as error:
            if not str(error).startswith("Caught AcoustillError in "):  # what torch makes of a worker's error
                raise
            raise AcoustillError(str(error).rpartition("acoustill.errors.AcoustillError: ")[2].strip()) from error


def random_clip_loader(
    archive: Archive,
    recordings: Iterable[str | Clip],
    streams: Iterable[str],
    seconds: float,
    batch_size: int,
    *,
    seed: int,
    steps: int,
    start_step: int = 0,
    unlabelled: Iterable[str | Clip] = (),
    unlabelled_batch: int = 0,
    other_microphones: bool = False,
    any_sample: bool = False,
    teacher_logits: dict[str, np.ndarray] | None = None,
    apart_from: Iterable[str | Clip] = (),
    video_shape: tuple[int, int] | None = None,
    noise: NoiseClips | None = None,
    vary: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    workers: int = 0,
    pin_memory: bool | None = None,
    rank: int | None = None,
    world_size: int | None = None,
) -> ClipLoader:
    """Random crops, batch by batch; every recording comes once before any comes again.

    A crop is a function of the seed, of the step and of its place in the batch, and of nothing else. So a training that
    stopped goes on exactly at any `start_step`; and of several processes, each reads its own places of every batch, so
    that all of them together read what one process would.

    For rounds that follow each other, call `loader.batch_sampler.sampler.set_epoch(round)` before each; Lightning does.

    Args:
        archive: the recordings.
        recordings: ids, or parts of recordings as `Split.parts` gives them.
        streams: which of audio, image, video, beams and direction.
        seconds: length of a crop.
        batch_size: crops a step, of all processes together; must divide by their number.
        seed: of order and crops.
        steps: in a round, which is what one iteration gives.
        start_step: the first step, counted over all rounds.
        unlabelled: more recordings, drawn beside the others; theirs are the last clips of each batch, and show no
            label even if they have one.
        unlabelled_batch: crops of them a step.
        other_microphones: hear any microphone of the recording that is not broken, not only the first such.
        any_sample: start at any sample, not only at video frames; for audio alone.
        teacher_logits: of each recording, (teachers, frames, classes).
        apart_from: recordings, or parts, that must not be read here, such as those of validation and test.
        video_shape: (h, w) that video frames are brought to while they are decoded; None keeps them as stored.
        noise: crops of recorded noise as long as the crops, one of which is given beside each.
        vary: what is done to each batch by the process that reads it, such as a `BatchAugmentation`.
        workers: processes that read clips; 0 reads in this one.
        pin_memory: None does it where there is a CUDA device.
        rank: number of this process among several, see `share_of_process`.
        world_size: how many there are.

    Raises:
        AcoustillError: if a recording lacks a stream, is shorter than a crop or holds the same sound as one that must
            stay apart, the batch does not divide, or an argument makes no sense.
    """
    recordings, unlabelled, apart_from = tuple(recordings), tuple(unlabelled), tuple(apart_from)
    streams = tuple(streams)
    drawn = (*recordings, *unlabelled)
    _check(drawn, streams, seconds, batch_size)
    if bool(unlabelled) != (unlabelled_batch > 0):
        found = f"{len(unlabelled)} and {unlabelled_batch}"
        raise bad_input("loader", "number of unlabelled recordings and unlabelled batch", found, "both, or none")
    refuse_overlap(archive, recordings=recordings, unlabelled=unlabelled)
    frames = frames_of(seconds, archive.rig.frame_rate)
    clips = TrainingClips(
        archive,
        drawn,
        streams,
        frames,
        seed,
        other_microphones,
        teacher_logits,
        any_sample,
        apart_from,
        labelled=len(recordings),
        video_shape=video_shape,
        noise=noise,
    )
    share = share_of_process(rank, world_size)
    sampler = StepSampler(
        len(recordings), len(unlabelled), batch_size, unlabelled_batch, steps, seed, share, start_step
    )
    collate = default_collate if vary is None else _Varied(vary)
    return ClipLoader(clips, batch_sampler=step_batches(sampler), collate_fn=collate, **_reading(workers, pin_memory))


@dataclass(frozen=True)
class _Varied:
    """Makes a batch of samples, and another of that; can be sent to workers."""

    vary: Callable[[dict[str, Any]], dict[str, Any]]

    def __call__(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        return self.vary(default_collate(samples))


def regular_clip_loader(
    archive: Archive,
    recordings: Iterable[str | Clip],
    streams: Iterable[str],
    seconds: float,
    batch_size: int,
    *,
    apart_from: Iterable[str | Clip] = (),
    video_shape: tuple[int, int] | None = None,
    noise: NoiseClips | None = None,
    noise_snr_db: tuple[float, float] = (0.0, 0.0),
    workers: int = 0,
    pin_memory: bool | None = None,
    rank: int | None = None,
    world_size: int | None = None,
) -> ClipLoader:
    """Clips side by side, in order, heard by the first microphone that is not broken.

    Of n processes, each reads every n-th clip, beginning with the clip of its rank. No clip is read twice to fill up a
    batch: at the end, some processes have one clip less, and may even have one batch less. So gather with something
    that can wait for unequal ends, or let one process read all (`rank=0, world_size=1`), as our validation does.

    Args:
        archive: the recordings.
        recordings: ids, or parts of recordings as `Split.parts` gives them.
        streams: which of audio, image, video, beams and direction.
        seconds: length of a clip.
        batch_size: clips a batch, of all processes together; must divide by their number.
        apart_from: recordings, or parts, that must not be read here, such as those of training.
        video_shape: (h, w) that video frames are brought to while they are decoded; None keeps them as stored.
        noise: crops of recorded noise as long as the clips, one of which is given beside each, always the same.
        noise_snr_db: range of the ratios that they are to be mixed at.
        workers: processes that read clips; 0 reads in this one.
        pin_memory: None does it where there is a CUDA device.
        rank: number of this process among several, see `share_of_process`.
        world_size: how many there are.

    Raises:
        AcoustillError: if a recording lacks a stream, is shorter than a clip or holds the same sound as one that must
            stay apart, the batch does not divide, or an argument makes no sense.
    """
    recordings, apart_from, streams = tuple(recordings), tuple(apart_from), tuple(streams)
    _check(recordings, streams, seconds, batch_size)
    share = share_of_process(rank, world_size)
    refuse_overlap(archive, **{"evaluation": recordings, APART: apart_from})
    clips = all_clips(archive, recordings, frames_of(seconds, archive.rig.frame_rate))
    numbers = range(share.rank, len(clips), share.processes)
    given = archive, [clips[number] for number in numbers], streams, video_shape
    mine = EvaluationClips(*given) if noise is None else NoisyClips(*given, noise, noise_snr_db, numbers)
    return ClipLoader(mine, batch_size=len(share.places(batch_size)), **_reading(workers, pin_memory))


def specified_clip_loader(
    specification: Specification,
    archive: Archive,
    recordings: Iterable[str | Clip],
    batch_size: int = 16,
    *,
    streams: Iterable[str] | None = None,
    **options: Any,
) -> ClipLoader:
    """Clips side by side as a network is given them: streams, length and size of the video are its specification's.

    Args:
        specification: of the network.
        archive: the recordings.
        recordings: ids, or parts of recordings as `Split.parts` gives them.
        batch_size: clips a batch, of all processes together.
        streams: those of the network's that are read; None reads all.
        options: as `regular_clip_loader`.

    Raises:
        AcoustillError: as `regular_clip_loader`, and if the archive's rates, images or beams are not the network's.
    """
    streams = specification.streams if streams is None else tuple(streams)
    refuse_other_views(specification, archive, streams, "loader")
    return regular_clip_loader(
        archive,
        recordings,
        streams,
        specification.clip_frames / specification.frame_rate,
        batch_size,
        video_shape=specification.video_shape,
        **options,
    )


def refuse_other_views(specification: Specification, archive: Archive, streams: Iterable[str], where: object) -> None:
    """Refuses an archive whose streams are made otherwise than those that a network was trained on.

    Args:
        specification: of the network.
        archive: the recordings.
        streams: those that the network is to be given.
        where: what the error is about.

    Raises:
        AcoustillError: naming what differs.
    """
    streams, rig, there = set(streams), archive.rig, f"that of {archive.path}"
    if not math.isclose(specification.frame_rate, rig.frame_rate, rel_tol=1e-6):
        raise bad_input(where, "frame rate", f"{specification.frame_rate:g} Hz", f"{rig.frame_rate:g} Hz, {there}")
    if streams & {"audio", "beams"} and specification.sample_rate != rig.sample_rate:
        raise bad_input(where, "sample rate", f"{specification.sample_rate} Hz", f"{rig.sample_rate} Hz, {there}")
    for stream, name, stated, made in (
        ("image", "image specification", specification.image, archive.image_specification),
        ("beams", "beam specification", specification.beams, archive.beams_specification),
    ):
        if stream in streams and (made is None or stated != made.to_json()):
            raise bad_input(where, name, stated, f"{made and made.to_json()}, {there}")


def _check(recordings: tuple[str | Clip, ...], streams: tuple[str, ...], seconds: float, batch_size: int) -> None:
    """Refuses arguments of a loader that make no sense."""
    if not 0 < seconds < math.inf:
        raise bad_input("loader", "seconds", seconds, "the length of a clip, more than 0")
    if batch_size < 1:
        raise bad_input("loader", "batch size", batch_size, "at least 1")
    if not streams or set(streams) - set(VIEWS):
        raise bad_input("loader", "streams", list(streams), f"some of {list(VIEWS)}")
    if twice := [one for one, times in Counter(recordings).items() if times > 1]:
        raise bad_input("loader", "recordings", f"{twice[0]!r} more than once", "every one once")


def _reading(workers: int, pin_memory: bool | None) -> dict[str, Any]:
    return {
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "prefetch_factor": PREFETCHED if workers else None,
        "pin_memory": torch.cuda.is_available() if pin_memory is None else pin_memory,
    }

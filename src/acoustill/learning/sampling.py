"""Which clips a training step sees: a pure function of seed, step and data, so that resuming is exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import BatchSampler, Dataset, Sampler

from acoustill.archive.archive import Archive
from acoustill.archive.clips import Clip, audible, long_enough_parts, random_clip, read_clip
from acoustill.archive.entry import Entry
from acoustill.archive.recording import Recording
from acoustill.archive.splits import refuse_overlap
from acoustill.errors import bad_input
from acoustill.learning.decoded_video import DecodedVideo
from acoustill.learning.objectives import UNLABELLED
from acoustill.learning.processes import Share

OPEN_RECORDINGS = 256
# seeds of four numbers each, told apart by the first: numpy fills shorter ones up with zeros
ORDER, CROP, NOISE, VALIDATION_NOISE = 0, 1, 2, 3
GOLDEN_RATIO = 0.6180339887498949  # its multiples without their whole parts fill 0 to 1 evenly, however many
APART = "what must stay apart"


class Draw(NamedTuple):
    """One clip of one step: which recording, and from what its crop is drawn."""

    step: int
    position: int
    recording: int


class StepSampler(Sampler[Draw]):
    """Draws for one round of steps: every recording once before any comes again.

    Lightning calls `set_epoch` before each round. Draws of a step are those of its whole batch: first the
    labelled clips, then the unlabelled ones. Of several processes, each draws its own places of every batch.

    Args:
        labelled: number of labelled recordings; they are numbered first.
        unlabelled: number of unlabelled recordings.
        batch_size: labelled clips a step, of all processes together.
        unlabelled_batch: unlabelled clips a step, of all processes together.
        steps: in a round.
        seed: of the order.
        share: of the process; None is all.
        start_step: the first step that is wanted, to go on exactly where a training stopped; the steps before it
            are left out of its round.

    Raises:
        AcoustillError: if a batch does not divide among the processes, or there is nothing to draw from.
    """

    def __init__(
        self,
        labelled: int,
        unlabelled: int,
        batch_size: int,
        unlabelled_batch: int,
        steps: int,
        seed: int,
        share: Share | None = None,
        start_step: int = 0,
    ) -> None:
        if not labelled:
            raise bad_input("loader", "number of recordings", 0, "some to draw clips from")
        if min(batch_size, steps) < 1 or min(unlabelled_batch, start_step, seed) < 0:
            numbers = f"{batch_size}, {steps}, {unlabelled_batch}, {start_step} and {seed}"
            names = "batch size, steps, unlabelled batch, first step and seed"
            raise bad_input("loader", names, numbers, "at least 1, 1, 0, 0 and 0")
        share = share or Share()
        batches = (batch_size, unlabelled_batch if unlabelled else 0)
        self.parts = ((0, labelled, batches[0]), (labelled, unlabelled, batches[1]))
        self.places = tuple(share.places(batch) for batch in batches)
        self.steps = steps
        self.seed = seed
        self.start_step = start_step
        self.round = start_step // steps
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    @property
    def draws_per_step(self) -> int:
        """Clips of a step that this process draws."""
        return sum(len(places) for places in self.places)

    def set_epoch(self, epoch: int) -> None:
        """Says which round comes next."""
        self.round = epoch

    def __len__(self) -> int:
        return len(self._steps()) * self.draws_per_step

    def __iter__(self) -> Iterator[Draw]:
        for step in self._steps():
            before = 0
            for part, ((first, count, batch), places) in enumerate(zip(self.parts, self.places, strict=True)):
                for place in places:
                    pass_, turn = divmod(step * batch + place, count)
                    yield Draw(step, before + place, first + int(self._order(part, pass_, count)[turn]))
                before += batch

    def _steps(self) -> range:
        return range(max(self.start_step, self.round * self.steps), (self.round + 1) * self.steps)

    def _order(self, part: int, pass_: int, count: int) -> np.ndarray:
        """The order of one pass over a part; the last is kept, for it is long where there are many recordings."""
        if self._orders.get(part, (-1,))[0] != pass_:
            self._orders[part] = pass_, np.random.default_rng((ORDER, self.seed, part, pass_)).permutation(count)
        return self._orders[part][1]


def step_batches(sampler: StepSampler) -> BatchSampler:
    """One batch a step. torch's own class, so that Lightning finds the sampler inside."""
    return BatchSampler(sampler, sampler.draws_per_step, drop_last=False)  # type: ignore[arg-type]


class _Clips(Dataset[dict[str, Any]]):
    """What random and given clips share: how one is read, and which recordings are kept open."""

    def __init__(self, archive: Archive, streams: Sequence[str], video_shape: tuple[int, int] | None) -> None:
        self.archive = archive
        self.streams = tuple(streams)
        self.video_shape = video_shape
        self.numbers = {label: number for number, label in enumerate(archive.classes)}
        self._open: dict[str, Recording] = {}
        self._video = DecodedVideo(video_shape)

    def _read(self, clip: Clip, rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Views and label of a clip, heard by the first microphone that works, or by any if there is an rng."""
        recording = self._recording(clip.recording)
        microphones = audible(recording, self.archive.rig) if "audio" in self.streams else [0]
        heard = microphones[0] if rng is None else microphones[int(rng.integers(len(microphones)))]
        samples_per_frame = self.archive.rig.samples_per_frame
        camera = self.archive.rig.camera
        streams = [stream for stream in self.streams if stream != "video"]
        views = read_clip(recording, clip, streams, samples_per_frame, heard, camera=camera)
        if "video" in self.streams:
            views["video"] = self._video.read(recording, clip.start, clip.start + clip.frames)
        label = self.archive.entries[clip.recording].label
        return {
            "views": {stream: torch.from_numpy(view) for stream, view in views.items()},
            "label": torch.tensor(UNLABELLED if label is None else self.numbers[label]),
            "recording": clip.recording,
            "start": clip.start,
            "offset": clip.offset,
        }

    def _recording(self, recording: str) -> Recording:
        """Kept open, so that not every clip reads a sidecar, but not all: each holds file descriptors."""
        if recording not in self._open:
            if len(self._open) >= OPEN_RECORDINGS:
                del self._open[next(iter(self._open))]
            self._open[recording] = self.archive[recording]
        return self._open[recording]


class NoiseClips(_Clips):
    """Random crops of recorded noise, by any microphone; which one is a pure function of four numbers.

    Args:
        archive: the recordings.
        recordings: ids.
        streams: those that noise is added to, of audio and beams.
        frames: length of a crop in video frames.

    Raises:
        AcoustillError: if a recording lacks a stream or is shorter than a crop.
    """

    def __init__(self, archive: Archive, recordings: Sequence[str], streams: Sequence[str], frames: int) -> None:
        super().__init__(archive, streams, None)
        self.parts = long_enough_parts(archive, recordings, frames)
        archive.with_streams(recordings, streams)
        self.frames = frames

    def __getitem__(self, key: tuple[int, int, int, int]) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng(key)
        part = self.parts[int(rng.integers(len(self.parts)))]
        return self._read(random_clip(part, self.frames, rng), rng)["views"]


class TrainingClips(_Clips):
    """Random synchronous crops, with the label and the teachers' answers for the same instants.

    A crop is a pure function of the seed and of the draw, so it matters neither which process reads it nor when.

    Args:
        archive: the recordings.
        recordings: ids or parts of recordings, labelled ones first.
        streams: what the network is given.
        frames: length of a crop in video frames.
        seed: of the crops.
        other_microphones: hear any microphone of the recording, not only the first.
        teacher_logits: of each recording, (teachers, frames, classes); None without distillation.
        any_sample: start at any sample, not only at video frames; for audio alone, without teachers.
        apart_from: recordings, or parts, that must not be trained on, such as those of validation and test.
        labelled: how many of the recordings show their labels, those that come first; None shows all labels.
        video_shape: (h, w) that video frames are brought to; None keeps them as stored.
        noise: crops of recorded noise, one of which is given beside each clip.

    Shapes:
        views: by stream, as `read_clip`.
        label: scalar int64.
        recording, start, offset: where the crop was cut, as in `Clip`.
        step: that it is drawn for.
        teachers: (teachers, classes), logits averaged over the crop's frames.
        noise: by stream, as long as the views; only where there is noise.

    Raises:
        AcoustillError: if a recording lacks a stream, is shorter than a crop, or holds the same sound as one that
            must stay apart, or if there are no teachers' answers for all of its frames.
    """

    def __init__(
        self,
        archive: Archive,
        recordings: Sequence[str | Clip],
        streams: Sequence[str],
        frames: int,
        seed: int,
        other_microphones: bool = False,
        teacher_logits: dict[str, np.ndarray] | None = None,
        any_sample: bool = False,
        apart_from: Sequence[str | Clip] = (),
        labelled: int | None = None,
        video_shape: tuple[int, int] | None = None,
        noise: NoiseClips | None = None,
    ) -> None:
        super().__init__(archive, streams, video_shape)
        self.parts = long_enough_parts(archive, recordings, frames)
        archive.with_streams([part.recording for part in self.parts], streams)
        refuse_overlap(archive, **{"training": self.parts, APART: apart_from})
        if any_sample and (set(streams) != {"audio"} or teacher_logits is not None):
            found = f"{list(streams)}" + (" and teachers" if teacher_logits is not None else "")
            raise bad_input("loader", "streams of clips that start at any sample", found, "audio alone")
        for part in self.parts if teacher_logits is not None else ():
            _check_answers(archive.entries[part.recording], teacher_logits or {})
        self.frames = frames
        self.seed = seed
        self.labelled = len(self.parts) if labelled is None else labelled
        self.other_microphones = other_microphones
        self.teacher_logits = teacher_logits
        self.noise = noise
        self.samples_per_frame = archive.rig.samples_per_frame if any_sample else None

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        rng = np.random.default_rng((CROP, self.seed, draw.step, draw.position))
        clip = random_clip(self.parts[draw.recording], self.frames, rng, self.samples_per_frame)
        sample = self._read(clip, rng if self.other_microphones else None)
        if draw.recording >= self.labelled:
            sample["label"] = torch.tensor(UNLABELLED)
        sample["step"] = draw.step
        if self.teacher_logits is not None:
            seen = self.teacher_logits[clip.recording][:, clip.start : clip.start + clip.frames]
            sample["teachers"] = torch.from_numpy(seen.mean(axis=1))
        if self.noise is not None:
            sample["noise"] = self.noise[NOISE, self.seed, draw.step, draw.position]
        return sample


def _check_answers(entry: Entry, answers: dict[str, np.ndarray]) -> None:
    found = answers.get(entry.id)
    if found is None or found.ndim != 3 or found.shape[1] != entry.frames:
        shape = "missing" if found is None else f"of shape {found.shape}"
        raise bad_input(f"recording {entry.id}", "teacher_logits", shape, f"(teachers, {entry.frames} frames, classes)")


class EvaluationClips(_Clips):
    """Given clips in order, heard by the first microphone that is not broken.

    Args:
        archive: the recordings.
        clips: to read.
        streams: what the network is given.
        video_shape: (h, w) that video frames are brought to; None keeps them as stored.
    """

    def __init__(
        self, archive: Archive, clips: list[Clip], streams: Sequence[str], video_shape: tuple[int, int] | None = None
    ) -> None:
        super().__init__(archive, streams, video_shape)
        archive.with_streams({clip.recording for clip in clips}, streams)
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._read(self.clips[index])


class NoisyClips(EvaluationClips):
    """Given clips, and beside each a crop of noise and the ratio to mix it at: the same whenever they are read.

    Args:
        archive: the recordings.
        clips: to read.
        streams: what the network is given.
        video_shape: see `EvaluationClips`.
        noise: crops as long as the clips.
        snr_db: range over which the ratios are spread evenly.
        numbers: of the clips among all that are evaluated.

    Shapes:
        noise: by stream, as long as the views.
        snr_db: scalar float32.
    """

    def __init__(
        self,
        archive: Archive,
        clips: list[Clip],
        streams: Sequence[str],
        video_shape: tuple[int, int] | None,
        noise: NoiseClips,
        snr_db: tuple[float, float],
        numbers: Sequence[int],
    ) -> None:
        super().__init__(archive, clips, streams, video_shape)
        self.noise = noise
        self.snr_db = snr_db
        self.numbers_of_clips = numbers

    def __getitem__(self, index: int) -> dict[str, Any]:
        number = self.numbers_of_clips[index]
        low, high = self.snr_db
        sample = super().__getitem__(index)
        sample["noise"] = self.noise[VALIDATION_NOISE, 0, 0, number]
        sample["snr_db"] = torch.tensor(low + (high - low) * (number * GOLDEN_RATIO % 1.0), dtype=torch.float32)
        return sample

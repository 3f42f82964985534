"""Which clips a training step sees: a pure function of seed, step and data, so that resuming is exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import BatchSampler, Dataset, Sampler

from acoustill.archive.archive import Archive, Recording
from acoustill.archive.clips import Clip, audible, random_clip, read_clip
from acoustill.learning.objectives import UNLABELLED

OPEN_RECORDINGS = 256


class Draw(NamedTuple):
    """One clip of one step: which recording, and from what its crop is drawn."""

    step: int
    position: int
    recording: int


class StepSampler(Sampler[Draw]):
    """Draws for one round of steps: every recording once before any comes again.

    Lightning calls `set_epoch` before each round. Draws of a step are those of its whole batch: first the
    labelled clips, then the unlabelled ones.

    Args:
        labelled: number of labelled recordings; they are numbered first.
        unlabelled: number of unlabelled recordings.
        batch_size: labelled clips a step.
        unlabelled_batch: unlabelled clips a step.
        steps: in a round.
        seed: of the order.
    """

    def __init__(
        self, labelled: int, unlabelled: int, batch_size: int, unlabelled_batch: int, steps: int, seed: int
    ) -> None:
        self.parts = ((0, labelled, batch_size), (labelled, unlabelled, unlabelled_batch if unlabelled else 0))
        self.steps = steps
        self.seed = seed
        self.round = 0

    @property
    def draws_per_step(self) -> int:
        """Clips of a step."""
        return sum(batch for _, _, batch in self.parts)

    def set_epoch(self, epoch: int) -> None:
        """Says which round comes next."""
        self.round = epoch

    def __len__(self) -> int:
        return self.steps * self.draws_per_step

    def __iter__(self) -> Iterator[Draw]:
        for step in range(self.round * self.steps, (self.round + 1) * self.steps):
            position = 0
            for part, (first, count, batch) in enumerate(self.parts):
                for turn in range(step * batch, (step + 1) * batch):
                    pass_, place = divmod(turn, count)
                    order = np.random.default_rng((self.seed, part, pass_)).permutation(count)
                    yield Draw(step, position, first + int(order[place]))
                    position += 1


def step_batches(sampler: StepSampler) -> BatchSampler:
    """One batch a step. torch's own class, so that Lightning finds the sampler inside."""
    return BatchSampler(sampler, sampler.draws_per_step, drop_last=False)  # type: ignore[arg-type]


class _Clips(Dataset[dict[str, Any]]):
    """What random and given clips share: how one is read, and which recordings are kept open."""

    def __init__(self, archive: Archive, streams: Sequence[str]) -> None:
        self.archive = archive
        self.streams = tuple(streams)
        self.numbers = {label: number for number, label in enumerate(archive.classes)}
        self._open: dict[str, Recording] = {}

    def _read(self, clip: Clip, rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Views and label of a clip, heard by the first microphone that works, or by any if there is an rng."""
        recording = self._recording(clip.recording)
        microphones = audible(recording, self.archive.rig) if "audio" in self.streams else [0]
        heard = microphones[0] if rng is None else microphones[int(rng.integers(len(microphones)))]
        views = read_clip(recording, clip, self.streams, self.archive.rig.samples_per_frame, heard)
        label = recording.entry.label
        return {
            "views": {stream: torch.from_numpy(view) for stream, view in views.items()},
            "label": torch.tensor(UNLABELLED if label is None else self.numbers[label]),
        }

    def _recording(self, recording: str) -> Recording:
        """Kept open, so that not every clip reads a sidecar, but not all: each holds file descriptors."""
        if recording not in self._open:
            if len(self._open) >= OPEN_RECORDINGS:
                del self._open[next(iter(self._open))]
            self._open[recording] = self.archive[recording]
        return self._open[recording]


class TrainingClips(_Clips):
    """Random synchronous crops, with the label and the teachers' answers for the same instants.

    Args:
        archive: the recordings.
        recordings: ids, labelled ones first.
        streams: what the network is given.
        frames: length of a crop in video frames.
        seed: of the crops.
        other_microphones: hear any microphone of the recording, not only the first.
        teacher_logits: of each recording, (teachers, frames, classes); None without distillation.

    Shapes:
        views: by stream, as `read_clip`.
        label: scalar int64.
        teachers: (teachers, classes), logits averaged over the crop's frames.
    """

    def __init__(
        self,
        archive: Archive,
        recordings: tuple[str, ...],
        streams: Sequence[str],
        frames: int,
        seed: int,
        other_microphones: bool = False,
        teacher_logits: dict[str, np.ndarray] | None = None,
    ) -> None:
        super().__init__(archive, streams)
        self.entries = archive.with_streams(recordings, streams)
        self.frames = frames
        self.seed = seed
        self.other_microphones = other_microphones
        self.teacher_logits = teacher_logits

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        entry = self.entries[draw.recording]
        rng = np.random.default_rng((self.seed, 1, draw.step, draw.position))
        clip = random_clip(entry, self.frames, rng)
        sample = self._read(clip, rng if self.other_microphones else None)
        if self.teacher_logits is not None:
            seen = self.teacher_logits[entry.id][:, clip.start : clip.start + clip.frames]
            sample["teachers"] = torch.from_numpy(seen.mean(axis=1))
        return sample


class EvaluationClips(_Clips):
    """Given clips in order, heard by the first microphone that is not broken.

    Args:
        archive: the recordings.
        clips: to read.
        streams: what the network is given.
    """

    def __init__(self, archive: Archive, clips: list[Clip], streams: Sequence[str]) -> None:
        super().__init__(archive, streams)
        archive.with_streams({clip.recording for clip in clips}, streams)
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._read(self.clips[index])

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from acoustill.archive import Archive
from acoustill.learning.objectives import UNLABELLED
from acoustill.learning.sampling import StepSampler, TrainingClips, step_batches


def rounds(sampler: StepSampler, numbers: range) -> list[tuple[int, ...]]:
    draws = []
    for number in numbers:
        sampler.set_epoch(number)
        draws += list(sampler)
    return draws


def test_every_recording_comes_once_before_any_comes_again() -> None:
    draws = rounds(StepSampler(7, 0, 4, 0, 7, seed=3), range(2))
    recordings = [draw.recording for draw in draws]
    for start in range(0, 56, 7):
        assert sorted(recordings[start : start + 7]) == list(range(7))
    assert recordings[:7] != recordings[7:14]


def test_rounds_are_a_function_of_their_number() -> None:
    all_rounds = rounds(StepSampler(5, 4, 2, 2, 3, seed=0), range(4))
    later = rounds(StepSampler(5, 4, 2, 2, 3, seed=0), range(2, 4))
    assert all_rounds[len(all_rounds) // 2 :] == later


def test_unlabelled_clips_do_not_change_the_labelled_ones() -> None:
    alone = list(StepSampler(6, 0, 4, 0, 5, seed=1))
    beside = [draw for draw in StepSampler(6, 9, 4, 3, 5, seed=1) if draw.recording < 6]
    assert alone == beside


def test_batches_hold_labelled_and_unlabelled_clips(small_archive: Path) -> None:
    archive = Archive(small_archive)
    labelled = tuple(entry.id for entry in archive.entries.values() if entry.label)
    unlabelled = tuple(entry.id for entry in archive.entries.values() if not entry.label)
    clips = TrainingClips(archive, (*labelled, *unlabelled), ["audio"], 12, seed=0)
    sampler = StepSampler(len(labelled), len(unlabelled), 6, 3, 2, seed=0)
    for batch in step_batches(sampler):
        labels = [int(clips[draw]["label"]) for draw in batch]
        assert Counter(label == UNLABELLED for label in labels) == {False: 6, True: 3}


def test_teacher_and_student_see_the_same_instant(small_archive: Path) -> None:
    archive = Archive(small_archive)
    recordings = tuple(archive.entries)
    ramps = {i: np.arange(36, dtype=np.float32)[None, :, None].repeat(2, axis=2) for i in recordings}
    heard = TrainingClips(archive, recordings, ["audio"], 12, seed=4, teacher_logits=ramps)
    seen = TrainingClips(archive, recordings, ["image"], 12, seed=4)
    for draw in StepSampler(len(recordings), 0, 4, 0, 3, seed=0):
        sample = heard[draw]
        start = round(float(sample["teachers"][0, 0]) - 5.5)
        recording = archive[recordings[draw.recording]]
        samples = slice(start * 400, (start + 12) * 400)
        assert torch.equal(sample["views"]["audio"], torch.from_numpy(np.array(recording.audio[0, samples])))
        assert torch.equal(
            seen[draw]["views"]["image"], torch.from_numpy(np.array(recording.image[start : start + 12]))
        )


def test_only_so_many_recordings_stay_open(small_archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acoustill.learning.sampling.OPEN_RECORDINGS", 3)
    archive = Archive(small_archive)
    clips = TrainingClips(archive, tuple(archive.entries), ["audio", "image"], 12, seed=0)
    first = [clips[draw]["views"]["audio"] for draw in StepSampler(len(clips), 0, len(clips), 0, 1, seed=0)]
    again = [clips[draw]["views"]["audio"] for draw in StepSampler(len(clips), 0, len(clips), 0, 1, seed=0)]
    assert len(clips._open) == 3
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))

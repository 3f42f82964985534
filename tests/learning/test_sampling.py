from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from acoustill.archive import Archive, Clip
from acoustill.errors import AcoustillError
from acoustill.learning.objectives import UNLABELLED
from acoustill.learning.processes import Share
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


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_draws_of_all_processes_are_those_of_one(processes: int) -> None:
    whole = list(StepSampler(7, 5, 8, 4, 6, seed=3))
    shares = [StepSampler(7, 5, 8, 4, 6, 3, Share(rank, processes)) for rank in range(processes)]
    drawn = [draw for share in shares for draw in share]
    assert sorted(drawn) == sorted(whole)
    for share in shares:
        assert len(list(share)) == len(share) == len(whole) // processes
        assert [len(batch) for batch in step_batches(share)] == [12 // processes] * 6
        for batch in step_batches(share):
            assert len({draw.step for draw in batch}) == 1
            assert [draw.recording >= 7 for draw in batch] == [False] * (8 // processes) + [True] * (4 // processes)


@pytest.mark.parametrize("start_step", [0, 1, 5, 6, 9])
def test_draws_from_a_step_on_are_the_tail_of_its_round(start_step: int) -> None:
    whole = rounds(StepSampler(7, 5, 4, 2, 6, seed=3), range(2))
    sampler = StepSampler(7, 5, 4, 2, 6, seed=3, start_step=start_step)
    tail = list(sampler)
    assert tail == [draw for draw in whole if start_step <= draw.step < 6 * (start_step // 6 + 1)]
    assert len(sampler) == len(tail)
    sampler.set_epoch(start_step // 6 + 1)
    assert next(draw.step for draw in sampler) == 6 * (start_step // 6 + 1)


def test_seeds_and_counts_that_mean_nothing_are_refused() -> None:
    for wrong in ({"labelled": 0}, {"batch_size": 0}, {"steps": 0}, {"seed": -1}, {"start_step": -1}):
        usual = {"labelled": 3, "unlabelled": 0, "batch_size": 2, "unlabelled_batch": 0, "steps": 1, "seed": 0}
        with pytest.raises(AcoustillError, match="loader: "):
            StepSampler(**(usual | wrong))


def test_order_and_crops_never_share_a_seed(small_archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """numpy fills short seeds up with zeros: (3, 1, 7) draws what (3, 1, 7, 0) draws."""
    archive = Archive(small_archive)
    recordings = tuple(archive.entries)
    generators: dict[str, set[int]] = {"order": set(), "crops": set()}
    real, kind = np.random.default_rng, "order"

    def watched(seed: tuple[int, ...]) -> np.random.Generator:
        generators[kind].add(int(real(seed).integers(2**63)))
        return real(seed)

    monkeypatch.setattr(np.random, "default_rng", watched)
    draws = rounds(StepSampler(8, 8, 2, 2, 20, seed=3), range(2))
    kind = "crops"
    clips = TrainingClips(archive, recordings, ["audio"], 12, seed=3)
    for draw in draws:
        clips[draw]
    assert len(generators["crops"]) == len(draws)
    assert len(generators["order"]) > 10
    assert not generators["order"] & generators["crops"]


def test_labels_are_those_of_the_manifest(small_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where a sidecar says something else and is opened all the same."""
    shutil.copytree(small_archive, tmp_path / "archive")
    archive = Archive(tmp_path / "archive")
    sidecar = archive.path / "recordings" / "s0-high" / "recording.json"
    sidecar.write_text(sidecar.read_text().replace('"label": "high"', '"label": "low"'))
    assert archive.open_unchecked("s0-high").entry.label == "low"
    monkeypatch.setattr(Archive, "__getitem__", Archive.open_unchecked)
    clips = TrainingClips(archive, ["s0-high"], ["audio"], 12, seed=0)
    (draw,) = StepSampler(1, 0, 1, 0, 1, seed=0)
    assert int(clips[draw]["label"]) == archive.classes.index("high")


def test_crops_of_parts_stay_inside_them(small_archive: Path) -> None:
    archive = Archive(small_archive)
    parts = [Clip(recording, 10, 14) for recording in archive.entries]
    clips = TrainingClips(archive, parts, ["image"], 12, seed=0)
    samples = [clips[draw] for draw in StepSampler(len(parts), 0, 16, 0, 4, seed=0)]
    assert {sample["start"] for sample in samples} == {10, 11, 12}
    with pytest.raises(AcoustillError, match="length is 14 frames from frame 10, expected a clip's 15 or more"):
        TrainingClips(archive, parts, ["image"], 15, seed=0)

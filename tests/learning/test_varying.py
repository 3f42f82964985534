"""Batches that are varied where they are read."""

from __future__ import annotations

import pickle
from typing import Any

import torch

from acoustill.learning.configuration import AudioAugmentation
from acoustill.learning.objectives import UNLABELLED
from acoustill.learning.varying import BatchAugmentation
from acoustill.models import Specification

SPECIFICATION = Specification(
    streams=("audio",), classes=("a", "b"), sample_rate=4800, samples_per_frame=400, clip_frames=12
)


def batch(labels: list[int], step: int = 0) -> dict[str, Any]:
    audio = torch.randn(8, 4800, generator=torch.Generator().manual_seed(0))[: len(labels)]
    steps = torch.full((len(labels),), step)
    noise = {"audio": torch.randn(len(labels), 4800)}
    return {"views": {"audio": audio}, "label": torch.tensor(labels), "step": steps, "noise": noise}


def heard(labels: list[int], step: int = 0, seed: int = 0) -> torch.Tensor:
    vary = BatchAugmentation(AudioAugmentation(field_chance=0), SPECIFICATION, seed)
    return vary(batch(labels, step))["views"]["audio"]


def test_a_batch_is_varied_by_seed_and_step_alone() -> None:
    assert torch.equal(heard([0, 1, 0]), heard([0, 1, 0]))
    assert torch.equal(heard([0, 1, 0]), heard([1, 1, 1]))
    assert not torch.equal(heard([0, 1, 0]), batch([0, 1, 0])["views"]["audio"])
    assert not torch.equal(heard([0, 1, 0]), heard([0, 1, 0], step=1))
    assert not torch.equal(heard([0, 1, 0]), heard([0, 1, 0], seed=1))


def test_unlabelled_clips_do_not_change_what_labelled_ones_get() -> None:
    """So that a control without them learns from the same clips."""
    alone, together = heard([0, 1, 0]), heard([0, 1, 0, UNLABELLED, UNLABELLED])
    assert torch.equal(together[:3], alone)
    assert not torch.equal(together[3:], batch([0] * 5)["views"]["audio"][3:])


def test_the_rest_of_a_batch_stays_and_its_noise_is_gone() -> None:
    vary = BatchAugmentation(AudioAugmentation(), SPECIFICATION, 0)
    given = batch([0, 1])
    varied = pickle.loads(pickle.dumps(vary))(given)  # as workers get it
    assert set(varied) == set(given) - {"noise"}
    assert torch.equal(varied["label"], given["label"])
    assert torch.equal(varied["views"]["audio"], vary(given)["views"]["audio"])

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from acoustill.errors import AcoustillError
from acoustill.learning.objectives import (
    UNLABELLED,
    generalised_distillation,
    hinton_distillation,
    mix_teachers,
    smoothed_labels,
)

STUDENT = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 1.0]])
TEACHER = torch.tensor([[[2.0, 0.0, 1.0], [0.5, 0.5, 3.0]]])
LABELS = torch.tensor([0, 2])


def test_generalised_golden_value() -> None:
    # By hand: (1 - 0.3) CE(y, s) + 0.3 CE(softmax(t / 2), s), computed with math alone.
    total = 0.0
    for student, teacher, label in zip(STUDENT.tolist(), TEACHER[0].tolist(), LABELS.tolist(), strict=True):
        log_s = [value - math.log(sum(math.exp(v) for v in student)) for value in student]
        q = [math.exp(value / 2) / sum(math.exp(v / 2) for v in teacher) for value in teacher]
        total += 0.7 * -log_s[label] + 0.3 * -sum(a * b for a, b in zip(q, log_s, strict=True))
    loss = generalised_distillation(STUDENT, LABELS, mix_teachers(TEACHER, 2.0), 0.3)
    assert float(loss) == pytest.approx(total / 2, rel=1e-6)
    assert float(loss) == pytest.approx(1.01304, abs=1e-5)


def test_hinton_is_temperature_squared_times_divergence() -> None:
    q = mix_teachers(TEACHER, 4.0)
    expected = 0.5 * cross_entropy(STUDENT, LABELS) + 0.5 * 16 * kl_div(
        log_softmax(STUDENT / 4, dim=1), q, reduction="batchmean"
    )
    assert torch.allclose(hinton_distillation(STUDENT, LABELS, q, 0.5, 4.0), expected)


def test_hinton_is_zero_for_a_perfect_imitator() -> None:
    loss = hinton_distillation(TEACHER[0], LABELS, mix_teachers(TEACHER, 3.0), 1.0, 3.0)
    assert float(loss) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("imitation", [0.0, 0.4, 1.0])
def test_unlabelled_clips_have_the_teachers_term_only(imitation: float) -> None:
    q = mix_teachers(TEACHER, 1.0)
    both = generalised_distillation(STUDENT, torch.tensor([0, UNLABELLED]), q, imitation)
    first = generalised_distillation(STUDENT[:1], LABELS[:1], q[:1], imitation)
    second = imitation * -(q[1] * log_softmax(STUDENT[1], dim=0)).sum()
    assert torch.allclose(both, (first + second) / 2)


def test_teachers_are_mixed_as_probabilities_not_as_logits() -> None:
    logits = torch.tensor([[[10.0, 0.0]], [[0.0, 2.0]]])
    mixed = mix_teachers(logits, 1.0, [3.0, 1.0])
    expected = 0.75 * torch.softmax(logits[0], -1) + 0.25 * torch.softmax(logits[1], -1)
    assert torch.allclose(mixed, expected)


def test_teachers_are_mixed_in_float32_where_networks_are_not() -> None:
    logits = 4 * torch.randn(3, 50, 14, generator=torch.Generator().manual_seed(0))
    mixed = mix_teachers(logits, 2.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mix_teachers(logits, 2.0), mixed)


@pytest.mark.parametrize("wrong", [TEACHER[0], log_softmax(TEACHER[0], dim=1), torch.full((2, 3), torch.nan)])
def test_logits_in_place_of_probabilities_are_refused(wrong: torch.Tensor) -> None:
    with pytest.raises(AcoustillError, match="softmax outputs, not logits"):
        generalised_distillation(STUDENT, LABELS, wrong, 0.5)


@pytest.mark.parametrize("entropy", [0.05, 0.7, 1.5])
def test_smoothed_labels_have_the_entropy_asked_for(entropy: float) -> None:
    rows = smoothed_labels(torch.tensor([3, 0]), 5, torch.tensor(entropy))
    assert torch.allclose(rows.sum(dim=1), torch.ones(2))
    assert rows.argmax(dim=1).tolist() == [3, 0]
    assert float(torch.special.entr(rows).sum(dim=1)[0]) == pytest.approx(entropy, abs=1e-3)

"""What a student minimises: pure functions of logits, labels and the teacher's answers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from acoustill.errors import bad_input

UNLABELLED = -1


def generalised_distillation(
    student_logits: Tensor, labels: Tensor, teacher_probabilities: Tensor, imitation: float
) -> Tensor:
    """Generalised distillation: (1 - lambda) CE(y, s) + lambda CE(q, s).

    The teacher's probabilities q are softened by a temperature, the student's s are not, as in Lopez-Paz,
    Bottou, Schoelkopf and Vapnik 2016 ("Unifying distillation and privileged information"), equation 4, and
    in Perez et al. 2020. Clips without a label have the second term only.

    Args:
        student_logits: of the student.
        labels: class numbers; UNLABELLED where there is none.
        teacher_probabilities: of the teacher, after temperature, see `mix_teachers`.
        imitation: lambda, from 0 to 1.

    Shapes:
        student_logits: (B, classes).
        labels: (B,) int64.
        teacher_probabilities: (B, classes).
        Output: scalar, the mean over the batch.

    Raises:
        AcoustillError: if a row of the teacher's is no probability distribution.

    Example:
        >>> s = torch.tensor([[2.0, 0.0]])
        >>> round(generalised_distillation(s, torch.tensor([0]), torch.tensor([[0.5, 0.5]]), 0.0).item(), 4)
        0.1269
    """
    _check_distributions(teacher_probabilities)
    hard = cross_entropy(student_logits, labels, ignore_index=UNLABELLED, reduction="none")
    soft = -(teacher_probabilities * log_softmax(student_logits, dim=1)).sum(dim=1)
    return ((1 - imitation) * hard + imitation * soft).mean()


def hinton_distillation(
    student_logits: Tensor, labels: Tensor, teacher_probabilities: Tensor, imitation: float, temperature: float
) -> Tensor:
    """Distillation after Hinton: (1 - lambda) CE(y, s) + lambda T^2 KL(q || s_T).

    Student and teacher are softened alike; T^2 keeps the gradients of both terms of one size (Hinton,
    Vinyals and Dean 2015, "Distilling the knowledge in a neural network", section 2.1).

    Args:
        student_logits: of the student, not softened.
        labels: class numbers; UNLABELLED where there is none.
        teacher_probabilities: of the teacher, softened by the same temperature.
        imitation: lambda, from 0 to 1.
        temperature: T.

    Shapes:
        As `generalised_distillation`.

    Raises:
        AcoustillError: if a row of the teacher's is no probability distribution.
    """
    _check_distributions(teacher_probabilities)
    hard = cross_entropy(student_logits, labels, ignore_index=UNLABELLED, reduction="none")
    softened = log_softmax(student_logits / temperature, dim=1)
    entropy = torch.special.entr(teacher_probabilities).sum(dim=1)
    divergence = -(teacher_probabilities * softened).sum(dim=1) - entropy
    return ((1 - imitation) * hard + imitation * temperature**2 * divergence).mean()


def mix_teachers(logits: Tensor, temperature: float, weights: Sequence[float] | None = None) -> Tensor:
    """The mean of several teachers' probabilities, each softened first.

    Args:
        logits: of the teachers.
        temperature: T of softmax(logits / T).
        weights: of the teachers; equal ones if None.

    Shapes:
        logits: (teachers, B, classes).
        Output: (B, classes).
    """
    softened = torch.softmax(logits / temperature, dim=-1)
    share = torch.tensor([1.0] * len(logits) if weights is None else weights, device=logits.device)
    return (softened * (share / share.sum())[:, None, None]).sum(dim=0)  # no product of matrices: those may be in bf16


def smoothed_labels(labels: Tensor, classes: int, entropy: Tensor) -> Tensor:
    """Label distributions with the rest spread evenly, of a given mean entropy.

    The control for a teacher: equally soft, but without knowledge of the clip.

    Args:
        labels: class numbers, none of them UNLABELLED.
        classes: how many there are.
        entropy: wanted, in nats; at most log(classes).

    Shapes:
        labels: (B,) int64.
        entropy: scalar.
        Output: (B, classes).
    """
    low, high = 0.0, 1.0 - 1.0 / classes
    for _ in range(40):
        rest = (low + high) / 2
        spread = torch.full((classes,), rest / (classes - 1), device=entropy.device)
        spread[0] = 1 - rest
        if torch.special.entr(spread).sum() < entropy:
            low = rest
        else:
            high = rest
    rows = torch.full((len(labels), classes), rest / (classes - 1), device=labels.device)
    return rows.scatter_(1, labels[:, None], 1 - rest)


def _check_distributions(probabilities: Tensor) -> None:
    sums = probabilities.sum(dim=1)
    if not ((probabilities >= 0).all() and (sums - 1).abs().max() <= 1e-3):  # NaN fails either way
        found = f"rows that sum to {sums.min():.3g} up to {sums.max():.3g}"
        raise bad_input("distillation", "teacher's probabilities", found, "softmax outputs, not logits")

"""In other systems: probabilities where log-probabilities were due, teacher outputs of another random crop, caches
keyed by a printed array.

Objectives refuse what is no probability; the teacher's answer is that for the very instants of the student's
crop; answers are kept by the hash of the teacher's weights and of the images.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from acoustill.errors import AcoustillError
from acoustill.learning.objectives import generalised_distillation, hinton_distillation
from acoustill.learning.sampling import Draw, TrainingClips
from acoustill.learning.teachers import TeacherRun, teacher_logits
from acoustill.models.dualcamnet import DualCamNet
from acoustill.models.specification import Specification
from small_archives import small_archive

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]])
LABELS = torch.tensor([0, 2])


@pytest.mark.parametrize(
    "wrong",
    [LOGITS, LOGITS.log_softmax(1), LOGITS.softmax(0), 100 * LOGITS.softmax(1), LOGITS.sigmoid()],
    ids=["logits", "log-probabilities", "softmax over the batch", "per cent", "sigmoid"],
)
def test_what_is_no_probability_is_refused(wrong: torch.Tensor) -> None:
    with pytest.raises(
        AcoustillError, match=r"teacher's probabilities is rows that sum to .*, expected softmax outputs"
    ):
        generalised_distillation(LOGITS, LABELS, wrong, 0.5)
    with pytest.raises(AcoustillError, match="teacher's probabilities"):
        hinton_distillation(LOGITS, LABELS, wrong, 0.5, 2.0)
    assert generalised_distillation(LOGITS, LABELS, LOGITS.softmax(1), 0.5) > 0


def test_a_perfect_student_has_no_divergence_left() -> None:
    soft = (LOGITS / 3).softmax(1)
    assert hinton_distillation(LOGITS, LABELS, soft, 1.0, 3.0).abs() < 1e-6


def test_answers_are_for_the_instants_of_the_crop(tmp_path: Path) -> None:
    frames = 12
    audio = np.repeat(np.arange(frames, dtype=np.float32), 100)
    archive = small_archive(tmp_path / "archive", [{"audio": np.stack([audio, audio + 0.5])}])
    logits = {"r000": np.stack([np.arange(frames), 10 + np.arange(frames)]).astype(np.float32)[..., None]}
    clips = TrainingClips(archive, ("r000",), ["audio"], 4, seed=3, other_microphones=True, teacher_logits=logits)
    starts = set()
    for step in range(20):
        sample = clips[Draw(step, 0, 0)]
        instants = sample["views"]["audio"].reshape(4, 100)[:, 0].floor()
        starts.add(int(instants[0]))
        assert float(sample["teachers"][0, 0]) == pytest.approx(float(instants.mean()))
        assert float(sample["teachers"][1, 0]) == pytest.approx(10 + float(instants.mean()))
    assert len(starts) > 3


def teacher_of(seed: int) -> TeacherRun:
    torch.manual_seed(seed)
    specification = Specification(
        streams=("image",), classes=("clap", "door"), sample_rate=1200, samples_per_frame=100, clip_frames=6,
        image_shape=(4, 4, 2),
    )  # fmt: skip
    return TeacherRun(Path(f"run{seed}"), f"{seed}" * 64, DualCamNet(specification).eval())


def without_last_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def without_a_number(path: Path) -> None:
    answers = np.load(path)
    answers[3, 1] = np.nan
    np.save(path, answers)


@pytest.mark.parametrize(
    "damage",
    [
        without_last_byte,
        without_a_number,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no array at all"),
        lambda path: np.save(path, np.zeros((12, 3), np.float32)),
        lambda path: np.save(path, np.zeros((12, 2))),
        lambda path: np.save(path, np.array([[{}] * 2] * 12), allow_pickle=True),
    ],
    ids=["cut", "not a number", "empty", "text", "other shape", "other type", "pickle"],
)
def test_damaged_answers_are_computed_anew(damage: Callable[[Path], Any], tmp_path: Path) -> None:
    images = np.random.default_rng(0).standard_normal((12, 4, 4, 2)).astype(np.float16)
    recordings = [{"image": images}, {"image": images, "label": "door"}]
    archive, teacher = small_archive(tmp_path / "archive", recordings), teacher_of(1)
    answers = teacher_logits(archive, [teacher], ["r000"])
    (path,) = (archive.path / "teachers").rglob("*.npy")
    whole = path.read_bytes()
    damage(path)
    np.testing.assert_array_equal(teacher_logits(archive, [teacher], ["r000"])["r000"], answers["r000"])
    assert path.read_bytes() == whole


def test_answers_that_are_not_finite_are_refused_at_once(tmp_path: Path) -> None:
    images = np.random.default_rng(0).standard_normal((12, 4, 4, 2)).astype(np.float16)
    recordings = [{"image": images}, {"image": images, "label": "door"}]
    archive, teacher = small_archive(tmp_path / "archive", recordings), teacher_of(1)
    with torch.no_grad():
        for weight in teacher.network.parameters():
            weight.fill_(float("nan"))
    with pytest.raises(AcoustillError, match="recording r000: answer of the teacher is 12 x 2, 0 of them finite"):
        teacher_logits(archive, [teacher], ["r000"])
    assert not list((archive.path / "teachers").rglob("*.npy"))


def test_answers_are_kept_by_content(tmp_path: Path) -> None:
    """Not by what a printed array shows: the images differ in one pixel in the middle."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((12, 4, 4, 2)).astype(np.float16)
    other = images.copy()
    other[6, 2, 2, 1] += 0.01
    archive = small_archive(
        tmp_path / "archive", [{"image": images}, {"image": other, "label": "door"}, {"image": images}]
    )
    first, second = teacher_of(1), teacher_of(2)
    answers = teacher_logits(archive, [first, second], ["r000", "r001", "r002"])
    assert not np.array_equal(answers["r000"], answers["r001"])
    assert not np.array_equal(answers["r000"][0], answers["r000"][1])
    np.testing.assert_array_equal(answers["r000"], answers["r002"])
    kept = sorted((archive.path / "teachers").rglob("*.npy"))
    assert len(kept) == 6

    again = teacher_logits(archive, [first, second], ["r001"])
    np.testing.assert_array_equal(again["r001"], answers["r001"])

    with torch.no_grad():
        expected = first.network.frame_logits({"image": torch.from_numpy(np.array(archive["r001"].image))[None]})[0]
    np.testing.assert_allclose(answers["r001"][0], expected.numpy(), atol=1e-5)

"""What teachers say of every frame, computed once and kept with the archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from acoustill.archive.archive import Archive
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, replacing
from acoustill.models.network import FrameNetwork
from acoustill.models.store import load_network


@dataclass(frozen=True)
class TeacherRun:
    """A trained teacher.

    Attributes:
        folder: its run.
        weights: SHA-256 of its weights.
        network: with the weights, ready to answer.
    """

    folder: Path
    weights: str
    network: FrameNetwork


def load_teacher(folder: str | Path, archive: Archive) -> TeacherRun:
    """A teacher that fits an archive.

    Raises:
        AcoustillError: if the run holds no teacher, or one of other classes or other images.
    """
    folder = Path(folder)
    network = load_network(folder)
    if not isinstance(network, FrameNetwork):
        raise bad_input(folder, "network", network.name, "a teacher that answers for every frame")
    spec = network.specification
    if spec.classes != archive.classes:
        raise bad_input(folder, "classes of the teacher", list(spec.classes), f"{list(archive.classes)}")
    image = archive.image_specification
    if image is None or spec.image != image.to_json():
        found = spec.image
        raise bad_input(folder, "image specification", found, f"{image and image.to_json()}, that of {archive.path}")
    return TeacherRun(folder, file_hash(folder / "model.safetensors"), network)


def teacher_logits(
    archive: Archive,
    teachers: Sequence[TeacherRun],
    recordings: Sequence[str],
    advance: Callable[[], None] = lambda: None,
) -> dict[str, np.ndarray]:
    """Logits of every frame of some recordings, by every teacher.

    They depend on no augmentation, so they are kept in the archive's folder `teachers/`, by the hash of the
    teacher's weights and that of the images that it saw.

    Args:
        archive: the recordings.
        teachers: who answers.
        recordings: ids.
        advance: called after each recording.

    Shapes:
        Output: by recording, (teachers, frames, classes) float32.

    Raises:
        AcoustillError: if a recording has no acoustic images.
    """
    archive.with_streams(recordings, ["image"])
    answers = {}
    for recording in recordings:
        answers[recording] = np.stack([_frame_logits(archive, teacher, recording) for teacher in teachers])
        advance()
    return answers


@torch.no_grad()
def _frame_logits(archive: Archive, teacher: TeacherRun, recording: str) -> np.ndarray:
    opened = archive[recording]
    images = opened.sidecar.files["image"].sha256
    path = archive.path / "teachers" / teacher.weights[:16] / f"{recording}-{images[:16]}.npy"
    shape = (opened.entry.frames, len(archive.classes))
    if path.is_file():
        kept = np.load(path, allow_pickle=False)
        if kept.shape != shape:
            raise AcoustillError(f"{path}: holds {kept.shape}, expected {shape}; delete it to have it computed anew")
        return kept
    logits = teacher.network.frame_logits(torch.from_numpy(np.array(opened.image))[None])[0].numpy()
    with replacing(path) as beside, beside.open("wb") as file:
        np.save(file, logits, allow_pickle=False)
    return logits

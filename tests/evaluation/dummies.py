"""An archive and evaluated runs that were never trained, for tests of what is said about runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.archive import Archive, ImageHeader, Protocol, create_archive, finish_archive, write_recording
from acoustill.archive.entry import Entry
from acoustill.files import write_json, write_json_lines, write_text
from acoustill.imaging import ImageSpecification, extent_grid
from acoustill.learning.configuration import Experiment, experiment_text
from acoustill.rig import Rig

FRAMES, CLIP_FRAMES, SAMPLES_PER_FRAME = 4, 2, 20
SEEN, UNSEEN = "workshop", "yard"
TRAINED = "trained"

Right = Callable[[Entry, int], bool]


def dummy_archive(
    path: Path,
    classes: Sequence[str] = ("clap", "knock"),
    subjects: int = 12,
    images: bool = True,
    maker: dict[str, Any] | None = None,
) -> Archive:
    """One recording for each subject, class and scenario, and one for each class by a subject for training."""
    positions = np.array([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [-0.1, 0.1, 0.0], [0.1, 0.1, 0.0]])
    rig = Rig("dummy", positions, 200, 10.0)
    image = ImageHeader(ImageSpecification(features="mel", bands=2), extent_grid((-1, 1, -1, 1), 3, 4, 2.0))
    create_archive(path, rig, image if images else None, maker)
    rng = np.random.default_rng(0)
    takes = [(f"s{i:02d}", scenario) for i in range(subjects) for scenario in (SEEN, UNSEEN)]
    for subject, scenario in [*takes, (TRAINED, SEEN)]:
        for number, label in enumerate(classes):
            rich = {
                "image": rng.uniform(0.1, 1, (FRAMES, 3, 4, 2)),
                "video": rng.integers(0, 256, (FRAMES, 12, 16, 3), dtype=np.uint8),
            }
            write_recording(
                path,
                f"{scenario}-{subject}-{number}",
                frames=FRAMES,
                audio=rng.standard_normal((1, FRAMES * SAMPLES_PER_FRAME)),
                microphones=(0,),
                label=label,
                scenario=scenario,
                subject=subject,
                provenance={"simulated": {"snr_db": -3.0, "pixel": [4.0, 6.0]}} if maker else None,
                **(rich if images else {}),
            )
    finish_archive(path)
    return Archive(path)


def dummy_run(
    folder: Path,
    archive: Archive,
    right: Right,
    role: str = "student",
    recipe: str = "labels",
    seed: int = 0,
    evaluated: bool = True,
    steps: int = 20,
    teachers: Sequence[Path] = (),
) -> Path:
    """A run folder whose predictions are right where `right(entry, number)` says so."""
    experiment = Experiment(
        archive=str(archive.path),
        seed=seed,
        protocol=Protocol(name="scenarios-and-subjects", held_out=UNSEEN),
        clip_seconds=CLIP_FRAMES / archive.rig.frame_rate,
    )
    entries = list(archive.entries.values())
    trained = [entry.id for entry in entries if entry.subject == TRAINED]
    tested = [entry for entry in entries if entry.subject != TRAINED]
    write_text(folder / "config.yaml", experiment_text(experiment))
    split = {"train": trained, "validation": [], "test": [entry.id for entry in tested], "unlabelled": []}
    write_json(folder / "data.json", {"archive_id": archive.id, "split": split})
    write_json(folder / "model.json", {"specification": {"classes": list(archive.classes)}})
    write_json(folder / "teachers.json", [{"folder": str(path), "network": "dualcamnet"} for path in teachers])
    write_json(folder / "run.json", {"role": role, "recipe": recipe, "seed": seed, "seconds": 1.5})
    rounds = [
        {"step": step, "train_loss": 1 / step, "validation_accuracy": 0.5, "validation_loss": 1.0}
        for step in (steps // 2, steps)
    ]
    write_json_lines(folder / "metrics.jsonl", rounds)
    if evaluated:
        write_json_lines(folder / "predictions.jsonl", [_row(archive, e, s, right) for e, s in _clips(tested)])
    return folder


def _clips(entries: Sequence[Entry]) -> list[tuple[tuple[int, Entry], int]]:
    return [((i, entry), start) for i, entry in enumerate(entries) for start in range(0, FRAMES, CLIP_FRAMES)]


def _row(archive: Archive, numbered: tuple[int, Entry], start: int, right: Right) -> dict[str, Any]:
    number, entry = numbered
    at = archive.classes.index(str(entry.label))
    answer = at if right(entry, number) else (at + 1) % len(archive.classes)
    return {
        "recording": entry.id,
        "start": start,
        "label": entry.label,
        "predicted": archive.classes[answer],
        "probabilities": [float(i == answer) for i in range(len(archive.classes))],
        "scenario": entry.scenario,
        "subject": entry.subject,
        "seen": entry.scenario == SEEN,
    }

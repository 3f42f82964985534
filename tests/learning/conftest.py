"""A small archive whose two classes can be told apart in audio and in images, made in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from acoustill.archive import ImageHeader, create_archive, finish_archive, write_recording
from acoustill.imaging import ImageSpecification, camera_grid
from acoustill.rig import Camera, Rig

RATE, FRAMES = 4800, 36
SPECIFICATION = ImageSpecification(bands=16, coefficients=4)


def small_rig() -> Rig:
    positions = np.array([[x, y, 0.0] for x in (-0.1, 0.1) for y in (-0.1, 0.1)])
    return Rig("small", positions, RATE, 12.0, camera=Camera(160, 120, (140.0, 140.0), (80.0, 60.0)))


def write_small_archive(path: Path, subjects: int = 6, unlabelled: int = 4) -> Path:
    rig = small_rig()
    create_archive(path, rig, ImageHeader(SPECIFICATION, camera_grid(rig.camera, 12, 16, 1.0)))
    rng = np.random.default_rng(0)
    people = [(f"s{i}", label) for i in range(subjects) for label in ("high", "low")]
    people += [(f"u{i}", None) for i in range(unlabelled)]
    for number, (subject, label) in enumerate(people):
        sound = label or ("high", "low")[number % 2]
        time_s = np.arange(FRAMES * rig.samples_per_frame) / RATE
        tone = np.sin(2 * np.pi * (1600 if sound == "high" else 400) * time_s * rng.uniform(0.95, 1.05))
        audio = 0.1 * tone + 0.03 * rng.standard_normal((2, len(time_s)))
        image = rng.normal(-40, 4, (FRAMES, 12, 16, 4))
        row, column = rng.integers(3, 9), rng.integers(3, 13)
        image[:, row - 2 : row + 3, column - 2 : column + 3, 1] += 40 if sound == "high" else -40
        write_recording(
            path,
            f"{subject}-{label or 'unlabelled'}",
            frames=FRAMES,
            audio=audio,
            microphones=[0, 3],
            image=image,
            label=label,
            scenario="lab" if label else f"place-{number}",
            subject=subject,
        )
    finish_archive(path)
    return path


@pytest.fixture(scope="session")
def small_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_archive(tmp_path_factory.mktemp("archives") / "small")


@pytest.fixture
def experiment_file(tmp_path: Path, small_archive: Path) -> Path:
    steps = {"steps": 20, "validate_every": 10, "batch_size": 8, "learning_rate": 1e-3, "precision": "float32"}
    content = {
        "archive": str(small_archive),
        "clip_seconds": 1.0,
        "protocol": {"name": "subjects", "folds": 3},
        "teacher": {"crop_seconds": 0.5, "training": steps, "augmentation": {"shift_pixels": 2}},
        "student": {"training": steps, "augmentation": {"noise_chance": 0.3}},
        "distillation": {"unlabelled_batch": 4},
    }
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(content))
    return path

"""Two processes train together as one does: equal draws, equal gradients, one run folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file

from acoustill.evaluation import evaluate_run
from acoustill.learning import load_experiment
from acoustill.learning.training import train


def test_two_processes_train_what_one_does(experiment_file: Path, tmp_path: Path) -> None:
    """Nothing is augmented, for processes augment differently."""
    overrides = [
        "teacher.settings={dropout: 0.0}",
        "teacher.augmentation={flip: false, shift_pixels: 0, level_db: 0}",
        "teacher.training.steps=10",
    ]
    train(load_experiment(experiment_file, overrides), "teacher", tmp_path / "one", quiet=True)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = ["-m", "acoustill", "train", str(experiment_file), *overrides, "--role", "teacher"]
    done = subprocess.run(
        [*launch, *command, "--out", str(tmp_path / "two")],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert (value - two[name]).abs().max() < 1e-3 * max(1.0, float(value.abs().max()))
    assert not (tmp_path / "two" / "checkpoint").exists()
    assert len(evaluate_run(tmp_path / "two")) == len(evaluate_run(tmp_path / "one"))

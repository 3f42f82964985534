from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from acoustill.errors import AcoustillError
from acoustill.learning import load_experiment
from acoustill.learning.configuration import experiment_text

CONFIGS = Path(__file__).parents[2] / "configs"
GOOD = "archive: a\nprotocol: {name: subjects}\n"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_committed_experiments_are_valid(path: Path) -> None:
    experiment = load_experiment(path)
    assert experiment.student.training.steps >= 1


def test_ablation_changes_only_what_it_says() -> None:
    base = load_experiment(CONFIGS / "esc10.yaml").model_dump()
    ablation = load_experiment(CONFIGS / "esc10-shuffled-teacher.yaml").model_dump()
    assert ablation["distillation"].pop("control") == "shuffled-teacher"
    assert base["distillation"].pop("control") == "none"
    assert ablation == base


def test_overrides_win_and_text_is_complete(tmp_path: Path) -> None:
    experiment = load_experiment(CONFIGS / "esc10.yaml", ["seed=3", "student.training.steps=700"])
    assert (experiment.seed, experiment.student.training.steps) == (3, 700)
    (tmp_path / "again.yaml").write_text(experiment_text(experiment))
    assert load_experiment(tmp_path / "again.yaml") == experiment


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("archive: a\nprotocol: {name: subjects}\nsede: 3\n", "sede is not a known field"),
        ("archive: a\nprotocol: {name: sbjects}\n", "protocol.name"),
        ("archive: a\n", "protocol is missing"),
        ("archive: a\nprotocol: {name: subjects}\nstudent: {training: {steps: many}}\n", "student.training.steps"),
        (
            "archive: a\nprotocol: {name: subjects}\nstudent: {training: {steps: 250}}\n",
            "no multiple of validate_every",
        ),
        (
            "archive: a\nprotocol: {name: subjects}\ndistillation: {control: label-smoothing, unlabelled_batch: 4}\n",
            "no use for unlabelled clips",
        ),
        (f"{GOOD}student: {{augmentation: {{reverberation_s: [0, 0.3]}}}}\n", "reverberation_s"),
        (f"{GOOD}teacher: {{augmentation: {{beams: {{reverberation_s: [0, 0.3]}}}}}}\n", "reverberation_s"),
        (f"{GOOD}student: {{augmentation: {{noise_snr_db: [-.inf, 3]}}}}\n", "noise_snr_db"),
        (f"{GOOD}student: {{training: {{learning_rate: .inf}}}}\n", "learning_rate"),
        (f"{GOOD}teacher: {{augmentation: {{level_db: .nan}}}}\n", "level_db"),
        (f"{GOOD}clip_seconds: .inf\n", "clip_seconds"),
        (f"{GOOD}distillation: {{temperature: 1.0e-9}}\n", "temperature"),
        ("archive: [\n", "not YAML"),
        ("- 1\n", "keys and values"),
        ("base: self.yaml\n", "circle"),
        ("base: missing.yaml\n", "no such experiment file"),
    ],
)
def test_bad_experiments_are_refused_in_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "self.yaml").write_text(text)
    with pytest.raises(AcoustillError, match=complaint) as caught:
        load_experiment(tmp_path / "self.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("override", ["seed", "=3", "seed.deep=1", "no.such.key=1"])
def test_bad_overrides_are_refused(override: str) -> None:
    with pytest.raises(AcoustillError):
        load_experiment(CONFIGS / "esc10.yaml", [override])


def test_bases_chain(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(yaml.safe_dump({"archive": "a", "protocol": {"name": "subjects", "folds": 5}}))
    (tmp_path / "two.yaml").write_text("base: one.yaml\nprotocol: {fold: 2}\n")
    (tmp_path / "three.yaml").write_text("base: two.yaml\nseed: 8\n")
    experiment = load_experiment(tmp_path / "three.yaml")
    assert (experiment.protocol.folds, experiment.protocol.fold, experiment.seed) == (5, 2, 8)

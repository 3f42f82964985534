"""Recorded noise: drawn exactly, mixed while a network learns, and kept apart from what is judged on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.learning.conftest import FRAMES, RATE, small_rig
from torch import Tensor, nn

from acoustill.archive import Archive, Protocol, create_archive, finish_archive, split_archive, write_recording
from acoustill.errors import AcoustillError
from acoustill.evaluation import evaluate_run
from acoustill.imaging import BeamSpecification
from acoustill.learning import load_experiment, random_clip_loader, regular_clip_loader
from acoustill.learning import teachers as teachers_module
from acoustill.learning import training as training_module
from acoustill.learning.configuration import Experiment
from acoustill.learning.noise import Noise, open_noise, teachers_noise
from acoustill.learning.teachers import load_teacher
from acoustill.learning.training import train
from acoustill.models import NETWORKS, FrameNetwork, Specification
from acoustill.models.network import Standardise, Views
from acoustill.rig import Camera, Rig

BEAMS = BeamSpecification(2, 3, steps=4)
SHAPE = (4, 2, 3, 101)


class TinyListener(FrameNetwork):
    """Microphone and beams, each frame's levels: one linear layer."""

    name = "tiny-listener"
    streams = ("audio", "beams")

    def __init__(self, specification: Specification) -> None:
        super().__init__(specification, {})
        self.standardise = Standardise(102, smallest=0.1)
        self.head = nn.Linear(102, len(specification.classes))

    def levels(self, views: Views) -> Tensor:
        audio = views["audio"].unflatten(1, (-1, self.specification.samples_per_frame)).square().mean(2, keepdim=True)
        beams = views["beams"].float().square().sum(-1).mean((2, 3, 4))
        return torch.cat([audio, beams], dim=2).clamp_min(1e-9).log10()

    def frame_logits(self, views: Views) -> Tensor:
        self.check(views)
        return self.head(self.standardise(self.levels(views)))

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        self.standardise.fit(self.levels(views) for views in batches)


@pytest.fixture(scope="module", autouse=True)
def tiny_listener() -> Iterable[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, TinyListener.name, TinyListener)
        yield


def recording(rng: np.random.Generator, label: str | None) -> dict[str, Any]:
    """A class sounds at 1600 or 400 Hz, in audio and beams; noise anywhere."""
    time_s = np.arange(FRAMES * RATE // 12) / RATE
    audio = 0.03 * rng.standard_normal((2, len(time_s)))
    beams = rng.standard_normal((FRAMES, *SHAPE, 2))
    if label is not None:
        hertz = {"high": 1600, "low": 400}[label]
        audio += 0.1 * np.sin(2 * np.pi * hertz * time_s)
        beams[..., round(hertz / 24), :] += 8
    return {"frames": FRAMES, "audio": audio, "microphones": [0, 3], "beams": beams, "label": label}


def write_archive(
    path: Path, noise: int = 0, seed: int = 0, rig: Rig | None = None, beams: BeamSpecification = BEAMS, **given: Any
) -> Archive:
    """Two classes by six subjects, or so many recordings of noise."""
    create_archive(path, rig or small_rig(), beams=beams)
    rng = np.random.default_rng(seed)
    takes = [(f"s{i}", label) for i in range(6) for label in ("high", "low")]
    for subject, label in [(f"n{i}", None) for i in range(noise)] or takes:
        arguments = recording(rng, label) | {"scenario": "lab" if label else "street", "subject": subject} | given
        write_recording(path, f"{subject}-{label or 'noise'}", **arguments)
    finish_archive(path)
    return Archive(path)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_archive(tmp_path_factory.mktemp("beams") / "archive")


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return write_archive(tmp_path_factory.mktemp("noise") / "noise", noise=9, seed=1)


def experiment(tmp_path: Path, archive: Archive, noise: Archive | None, *overrides: str) -> Experiment:
    steps = "{steps: 20, validate_every: 10, batch_size: 4, learning_rate: 0.01, precision: float32}"
    path = tmp_path / "experiment.yaml"
    path.write_text(
        f"archive: {archive.path}\nclip_seconds: 1.0\nprotocol: {{name: subjects, folds: 3}}\n"
        f"teacher: {{network: tiny-listener, training: {steps}}}\nstudent: {{training: {steps}}}\n"
        "distillation: {unlabelled_batch: 0}\n"
    )
    given = [] if noise is None else [f"noise={noise.path}"]
    return load_experiment(path, [*given, *overrides])


def opened(archive: Archive, noise: Archive, streams: tuple[str, ...] = ("audio", "beams")) -> Noise:
    split = split_archive(archive, Protocol(name="subjects"))
    found = open_noise(str(noise.path), archive, split, streams)
    assert found is not None
    return found


# drawing ------------------------------------------------------------------------------------------------------


def test_every_fourth_recording_is_kept(archive: Archive, noise: Archive) -> None:
    found = opened(archive, noise)
    assert found.validation == ("n3-noise", "n7-noise")
    assert len(found.train) == 7
    assert not set(found.train) & set(found.validation)
    split = split_archive(archive, Protocol(name="subjects"))
    assert open_noise(str(noise.path), archive, split, ("image", "video")) is None


def test_recordings_of_equal_content_are_on_one_side(archive: Archive, tmp_path: Path) -> None:
    create_archive(tmp_path / "noise", small_rig(), beams=BEAMS)
    for number in range(8):
        given = recording(np.random.default_rng(number // 2), None)
        write_recording(tmp_path / "noise", f"n{number}", **given)
    finish_archive(tmp_path / "noise")
    assert opened(archive, Archive(tmp_path / "noise")).validation == ("n6", "n7")


def test_crops_are_a_function_of_the_draw_and_synchronous(archive: Archive, noise: Archive) -> None:
    found = opened(archive, noise)
    clips = found.clips("train", 12)
    first, again = clips[2, 0, 5, 1], found.clips("train", 12)[2, 0, 5, 1]
    assert all(torch.equal(first[stream], again[stream]) for stream in first)
    assert first["beams"].shape == (12, *SHAPE, 2)
    place = next(
        (name, start)
        for name in found.train
        for start in range(FRAMES - 11)
        if np.array_equal(noise[name].beams[start : start + 12], first["beams"].numpy())
    )
    samples = slice(place[1] * 400, (place[1] + 12) * 400)
    heard = noise[place[0]].signals()[:, samples]
    assert any(np.array_equal(row, first["audio"].numpy()) for row in heard)
    others = [clips[2, 0, step, 0]["audio"] for step in range(20)]
    assert len({float(one[0]) for one in others}) > 15


def test_noise_changes_no_crop_and_comes_with_every_clip(archive: Archive, noise: Archive) -> None:
    given = archive, ["s0-high", "s0-low", "s1-high"], ["audio", "beams"], 1.0, 4
    crops = opened(archive, noise).clips("train", 12)
    without = list(random_clip_loader(*given, seed=3, steps=3))
    beside = list(random_clip_loader(*given, seed=3, steps=3, noise=crops))
    later = list(random_clip_loader(*given, seed=3, steps=3, start_step=2, noise=crops))
    for one, other in zip(without, beside, strict=True):
        assert torch.equal(one["views"]["audio"], other["views"]["audio"])
        assert other["noise"]["beams"].shape == other["views"]["beams"].shape
        assert "noise" not in one
    assert torch.equal(later[0]["noise"]["audio"], beside[2]["noise"]["audio"])
    assert not torch.equal(beside[0]["noise"]["audio"], beside[1]["noise"]["audio"])


def test_validation_noise_is_always_the_same_and_its_ratios_are_spread(archive: Archive, noise: Archive) -> None:
    crops = opened(archive, noise).clips("validation", 12)
    given = archive, list(archive.entries), ["audio"], 1.0
    whole = next(iter(regular_clip_loader(*given, 36, noise=crops, noise_snr_db=(-5.0, 20.0))))
    parts = list(regular_clip_loader(*given, 9, noise=crops, noise_snr_db=(-5.0, 20.0)))
    assert torch.equal(torch.cat([part["noise"]["audio"] for part in parts]), whole["noise"]["audio"])
    assert torch.equal(torch.cat([part["snr_db"] for part in parts]), whole["snr_db"])
    ratios = whole["snr_db"].sort().values
    assert -5 <= ratios[0] < -4
    assert 19 < ratios[-1] <= 20
    assert ratios.diff().max() < 2 * 25 / 36
    shared = [next(iter(regular_clip_loader(*given, 36, noise=crops, rank=rank, world_size=2))) for rank in range(2)]
    assert torch.equal(shared[1]["noise"]["audio"], whole["noise"]["audio"][1::2])


# refusals -----------------------------------------------------------------------------------------------------


def refuse(archive: Archive, noise: Archive, complaint: str, **protocol: Any) -> None:
    split = split_archive(archive, Protocol(**({"name": "subjects"} | protocol)))
    with pytest.raises(AcoustillError, match=complaint) as caught:
        open_noise(str(noise.path), archive, split, ("audio", "beams"))
    assert "\n" not in str(caught.value)


def test_noise_of_another_rig_is_refused(archive: Archive, tmp_path: Path) -> None:
    rig = Rig("other", small_rig().positions_m, 2 * RATE, 24.0, camera=small_rig().camera)
    refuse(archive, write_archive(tmp_path / "rate", 4, rig=rig), "sample rate is 9600, expected 4800, that of")
    other = BeamSpecification(2, 3, steps=4, distance_m=3.0)
    refuse(archive, write_archive(tmp_path / "beams", 4, beams=other), "beam specification is .*'distance_m': 3.0")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"positions_m": small_rig().positions_m * 0.3},
            r"position of microphone 0 is \[-0.03, -0.03, 0.0\], expected",
        ),
        ({"broken": (1,)}, r"broken channels is \[1\], expected \[\]"),
        ({"speed_of_sound": 350.0}, "speed of sound is 350.0, expected 343.0"),
        ({"camera": Camera(160, 120, (300.0, 300.0), (80.0, 60.0))}, "camera is .*300.0"),
    ],
)
def test_noise_of_a_rig_that_is_built_otherwise_is_refused(
    archive: Archive, tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    refuse(archive, write_archive(tmp_path / "noise", 4, rig=replace(small_rig(), **change)), complaint)


def test_simulated_noise_of_other_errors_of_the_microphones_is_warned_about(
    archive: Archive, noise: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers = {
        archive.path: {"command": "simulate", "seed": "0"},
        noise.path: {"command": "simulate noise", "seed": "1"},
    }
    monkeypatch.setattr(Archive, "maker", property(lambda self: makers[self.path]))
    assert any("simulated microphones have other errors than" in one for one in opened(archive, noise).warnings)
    makers[noise.path]["seed"] = "0"
    assert not any("other errors" in one for one in opened(archive, noise).warnings)


def test_noise_is_split_by_scenario_where_there_are_enough(archive: Archive, tmp_path: Path) -> None:
    create_archive(tmp_path / "noise", small_rig(), beams=BEAMS)
    for number in range(12):
        given = recording(np.random.default_rng(number), None) | {"scenario": f"place-{number % 4}"}
        write_recording(tmp_path / "noise", f"n{number:02}", **given)
    finish_archive(tmp_path / "noise")
    found = opened(archive, Archive(tmp_path / "noise"))
    assert found.validation == ("n03", "n07", "n11")
    assert not found.warnings


def test_noise_of_few_scenarios_is_warned_about(archive: Archive, noise: Archive) -> None:
    assert any("is of scenarios that are also trained with" in one for one in opened(archive, noise).warnings)


def test_noise_cut_from_what_is_tested_is_refused(archive: Archive, tmp_path: Path) -> None:
    """All of the test side's first subject, and one recording of noise, were cut from one recording."""
    tested = split_archive(archive, Protocol(name="subjects")).test[0]
    subject = archive.entries[tested].subject
    for name, count in (("archive", 0), ("noise", 4)):
        write_archive(tmp_path / name, count)
        (tmp_path / name / "manifest.jsonl").unlink()
        for sidecar in (tmp_path / name / "recordings").glob("*/recording.json"):
            content = json.loads(sidecar.read_text())
            if content["entry"]["subject"] in (subject, "n2"):
                content["entry"]["origin"] = "monday"
                sidecar.write_text(json.dumps(content))
        finish_archive(tmp_path / name)
    complaint = f"n2-noise and {subject}-.* of test were cut from one recording, monday"
    refuse(Archive(tmp_path / "archive"), Archive(tmp_path / "noise"), complaint)


def test_labelled_noise_and_too_little_of_it_are_refused(archive: Archive, tmp_path: Path) -> None:
    refuse(archive, write_archive(tmp_path / "labelled", 4, label="high"), "label is 'high' of recording n0-noise")
    refuse(archive, write_archive(tmp_path / "few", 3), "is 3, expected at least 4: every fourth is kept")


@pytest.mark.parametrize("stream", ["audio", "beams"])
@pytest.mark.parametrize("side", ["test", "validation"])
def test_noise_that_holds_what_is_judged_on_is_refused(
    archive: Archive, tmp_path: Path, stream: str, side: str
) -> None:
    held = getattr(split_archive(archive, Protocol(name="subjects")), side)[0]
    stolen = {stream: np.array(getattr(archive[held], stream))}
    create_archive(tmp_path / "noise", small_rig(), beams=BEAMS)
    for number in range(4):
        given = recording(np.random.default_rng(90 + number), None) | (stolen if number == 2 else {})
        write_recording(tmp_path / "noise", f"n{number}", **given)
    finish_archive(tmp_path / "noise")
    refuse(archive, Archive(tmp_path / "noise"), f"n2 holds the same as {held} of {side}")


def test_noise_of_a_scenario_that_is_held_out_is_refused(tmp_path: Path) -> None:
    create_archive(tmp_path / "archive", small_rig(), beams=BEAMS)
    rng = np.random.default_rng(0)
    for scenario in ("lab", "street"):
        for subject in range(4):
            for label in ("high", "low"):
                given = recording(rng, label) | {"scenario": scenario, "subject": f"s{subject}"}
                write_recording(tmp_path / "archive", f"{scenario}-{subject}-{label}", **given)
    finish_archive(tmp_path / "archive")
    archive, noise = Archive(tmp_path / "archive"), write_archive(tmp_path / "noise", 4)
    nowhere = write_archive(tmp_path / "nowhere", 4, scenario=None)
    split = split_archive(archive, Protocol(name="scenarios", held_out="street"))
    unknown = open_noise(str(nowhere.path), archive, split, ("audio",))
    assert unknown is not None
    assert "of 4 of 4 recordings the scenario is not known: see that none was made in 'street'" in unknown.warnings[0]
    complaint = "n0-noise was recorded in scenario 'street', which is held from training"
    refuse(archive, noise, complaint, name="scenarios", held_out="street")
    held = split_archive(archive, Protocol(name="subjects")).test[0]
    somebody = write_archive(tmp_path / "somebody", 4, subject=archive.entries[held].subject)
    refuse(archive, somebody, r"n0-noise is of subject 's\d', which is held from training", name="subjects")
    assert opened(archive, noise).train


def test_noise_of_a_teacher_is_kept_from_what_its_student_is_tested_on(
    archive: Archive, noise: Archive, tmp_path: Path
) -> None:
    """The teacher has another fold: its noise holds nothing that it was judged on itself."""
    given = experiment(tmp_path, archive, noise)
    train(given, "teacher", tmp_path / "teacher", quiet=True)
    split = split_archive(archive, Protocol(name="subjects"))
    assert teachers_noise(tmp_path / "teacher", archive, split) == ()
    config = (tmp_path / "teacher/config.yaml").read_text()
    (tmp_path / "teacher/config.yaml").write_text(config.replace(str(noise.path), f"file://{noise.path}"))
    assert teachers_noise(tmp_path / "teacher", archive, split) == ()
    held = split.test[0]
    create_archive(tmp_path / "stolen", small_rig(), beams=BEAMS)
    for number in range(4):
        one = recording(np.random.default_rng(90 + number), None)
        if number == 2:
            one["beams"] = np.array(archive[held].beams)
        write_recording(tmp_path / "stolen", f"n{number}", **one)
    finish_archive(tmp_path / "stolen")
    (tmp_path / "teacher/config.yaml").write_text(config.replace(str(noise.path), str(tmp_path / "stolen")))
    (sentence,) = teachers_noise(tmp_path / "teacher", archive, split)
    assert "was changed since" in sentence
    data = json.loads((tmp_path / "teacher/data.json").read_text())
    data["noise"]["archive_id"] = Archive(tmp_path / "stolen").id
    (tmp_path / "teacher/data.json").write_text(json.dumps(data))
    with pytest.raises(AcoustillError, match=f"trained with noise that must .*n2 holds the same as {held} of test"):
        teachers_noise(tmp_path / "teacher", archive, split)


def test_noise_that_is_never_added_is_not_read(archive: Archive, noise: Archive, tmp_path: Path) -> None:
    given = experiment(tmp_path, archive, noise, "teacher.augmentation.beams.field_chance=0")
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        loader = training_module.random_clip_loader
        patch.setattr(training_module, "random_clip_loader", lambda *a, **k: seen.append(k["noise"]) or loader(*a, **k))
        train(given, "teacher", tmp_path / "run", quiet=True)
    assert seen == [None, None]


def test_validation_in_noise_needs_noise(archive: Archive, noise: Archive, tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match=r"teacher.training.validate_in unseen-noise needs noise"):
        experiment(tmp_path, archive, None, "teacher.training.validate_in=unseen-noise")
    images = experiment(
        tmp_path, archive, noise, "teacher.training.validate_in=unseen-noise", "teacher.network=dualcamnet"
    )
    with pytest.raises(AcoustillError, match=r"noise is added to none of \['image'\]"):
        train(images, "teacher", tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


# learning -----------------------------------------------------------------------------------------------------


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_training_with_noise_goes_on_exactly(
    role: Any, archive: Archive, noise: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = experiment(tmp_path, archive, noise, "teacher.training.ema=0.9", "student.training.ema=0.9")
    train(given, role, tmp_path / "whole", quiet=True)
    keep = training_module._Keeper.on_train_epoch_end

    def die(self: Any, trainer: Any, module: Any) -> None:
        keep(self, trainer, module)
        raise RuntimeError("power cut")

    monkeypatch.setattr(training_module._Keeper, "on_train_epoch_end", die)
    with pytest.raises(RuntimeError, match="power cut"):
        train(given, role, tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    train(given, role, tmp_path / "cut", quiet=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[key], cut[key]) for key in whole)
    for name in ("metrics.jsonl", "model.json"):
        assert (tmp_path / "whole" / name).read_text() == (tmp_path / "cut" / name).read_text()
    kept = json.loads((tmp_path / "whole/data.json").read_text())["noise"]
    assert kept["archive_id"] == noise.id
    assert kept["split"]["validation"] == ["n3-noise", "n7-noise"]


def test_the_round_is_chosen_in_noise_if_there_is_some_and_the_temperature_is_not(
    archive: Archive, noise: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, fitted = {}, []
    fit = training_module.fit_temperature

    def watch(logits: np.ndarray, labels: np.ndarray, smoothing: bool) -> float:
        fitted.append((logits, labels))
        return fit(logits, labels, smoothing=smoothing)

    monkeypatch.setattr(training_module, "fit_temperature", watch)
    for name, overrides in (("noise", ()), ("known", ("teacher.training.validate_in=known",))):
        train(experiment(tmp_path, archive, noise, *overrides), "teacher", tmp_path / name, quiet=True)
        rows = [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        fitted[len(losses) + 1 :] = []  # that of the first round, whose weights are kept in both
        losses[name] = [(row["train_loss"], row["validation_loss"]) for row in rows]
    assert [train_loss for train_loss, _ in losses["noise"]] == [train_loss for train_loss, _ in losses["known"]]
    assert all(hard > easy for (_, hard), (_, easy) in zip(losses["noise"], losses["known"], strict=True))
    assert all(np.array_equal(*pair) for pair in zip(*fitted, strict=True))


def test_a_teacher_of_beams_teaches_a_student_and_is_evaluated(
    archive: Archive, noise: Archive, tmp_path: Path
) -> None:
    given = experiment(tmp_path, archive, noise, "teacher.training.steps=40")
    train(given, "teacher", tmp_path / "teacher", quiet=True)
    description = json.loads((tmp_path / "teacher/model.json").read_text())
    assert description["specification"]["beams_shape"] == list(SHAPE)
    assert description["specification"]["beams"] == BEAMS.to_json()
    rows = evaluate_run(tmp_path / "teacher")
    assert sum(row.right for row in rows) / len(rows) >= 0.9
    train(given, "student", tmp_path / "student", [tmp_path / "teacher"], quiet=True)
    (stated,) = json.loads((tmp_path / "student/teachers.json").read_text())
    assert stated["temperature"] == description["temperature"] > 0


def test_a_short_last_block_is_answered_with_a_whole_clip(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks that hear audio refuse less than a clip of it."""
    train(experiment(tmp_path, archive, None), "teacher", tmp_path / "teacher", quiet=True)
    teacher = load_teacher(tmp_path / "teacher", archive, split_archive(archive, Protocol(name="subjects")))
    opened_one = archive["s0-high"]
    whole = teachers_module._frame_logits(opened_one, teacher.network, archive.rig)
    monkeypatch.setattr(teachers_module, "BLOCK_FRAMES", 17)
    monkeypatch.setattr(teachers_module, "WHOLE_FRAMES", 0)
    monkeypatch.setattr(teachers_module, "FAR_FRAMES", 2)
    parts = teachers_module._frame_logits(opened_one, teacher.network, archive.rig)
    assert parts.shape == whole.shape == (FRAMES, 2)
    assert np.allclose(parts, whole, atol=1e-5)

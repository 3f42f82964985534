"""From an experiment to a run folder."""

from __future__ import annotations

import logging
import math
import shutil
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, RichProgressBar
from torch import Tensor
from torch.utils.data import DataLoader

from acoustill.archive.archive import Archive
from acoustill.archive.clips import frames_of
from acoustill.archive.protocols import split_archive
from acoustill.archive.splits import Split
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import recover_folder, write_json, write_json_lines
from acoustill.jobs import console, progress_bar
from acoustill.learning.beginning import fresh_network, pretrained_json
from acoustill.learning.calibration import fit_temperature
from acoustill.learning.checkpoints import SafetensorsCheckpointIO, cpu_multiplies_bf16
from acoustill.learning.configuration import (
    AudioAugmentation,
    BeamsAugmentation,
    Experiment,
    Student,
    Teacher,
    Training,
)
from acoustill.learning.loading import random_clip_loader, specified_clip_loader
from acoustill.learning.memory import keep_freed_memory
from acoustill.learning.module import Learner
from acoustill.learning.noise import Noise, open_noise, teachers_noise
from acoustill.learning.processes import Share, processes_of_node, share_of_process
from acoustill.learning.runs import Role, check_run, inputs_of, is_finished, say_warnings, start_run
from acoustill.learning.teachers import TeacherRun, load_teacher, teacher_logits
from acoustill.learning.varying import BatchAugmentation
from acoustill.models.fusednet import FusedNet
from acoustill.models.network import FrameNetwork, Network
from acoustill.models.store import network_class, save_network

SEEDS_APART = 1_000_000_007  # more than any seed, so that no process augments as another run's does


def train(
    experiment: Experiment, role: Role, folder: str | Path, teachers: Sequence[str | Path] = (), quiet: bool = False
) -> None:
    """Trains a teacher or a student into a run folder; goes on where an interrupted call stopped.

    Under torchrun or srun, all processes train together: each computes its part of every batch.

    Args:
        experiment: archive, protocol, networks, training.
        role: which of the two networks learns.
        folder: of the run.
        teachers: run folders of the teachers to learn from beside the labels; only for a student.
        quiet: show no progress.

    Raises:
        AcoustillError: if the archive lacks what is asked for, the split leaks, a teacher does not fit, or
            the folder holds another run.
    """
    folder = Path(folder)
    share = share_of_process()
    quiet = quiet or share.rank > 0
    archive = Archive(experiment.archive)
    split = split_archive(archive, experiment.protocol)
    options = experiment.teacher if role == "teacher" else experiment.student
    streams = network_class(options.network).streams
    if role == "student" and streams != ("audio",):
        raise bad_input(options.network, "streams", list(streams), "audio alone: a student hears one microphone")
    runs = [load_teacher(teacher, archive, split) for teacher in teachers]
    told = [sentence for run in runs for sentence in (*run.warnings, *teachers_noise(run.folder, archive, split))]
    noise = open_noise(experiment.noise, archive, split, streams) if experiment.noise is not None else None
    told += noise.warnings if noise is not None else ()
    if noise is None and options.training.validate_in == "unseen-noise":
        raise bad_input(
            options.network, "validate_in", "unseen-noise", f"known: noise is added to none of {list(streams)}"
        )
    control = experiment.distillation.control
    recipe = "labels" if not runs else "distilled" if control == "none" else control
    wants_unlabelled = bool(runs) and experiment.distillation.unlabelled_batch > 0
    unlabelled = split.unlabelled if wants_unlabelled else ()
    if wants_unlabelled and not unlabelled:
        raise bad_input(archive.path, "number of unlabelled recordings", 0, "some, or unlabelled_batch=0")
    for batch in (options.training.batch_size, experiment.distillation.unlabelled_batch if wants_unlabelled else 0):
        share.places(batch)  # refuses what does not divide before the folder is made
    also: dict[str, Any] = {"noise": noise.to_json()} if noise is not None else {}
    if options.pretrained is not None:
        also["pretrained"] = pretrained_json(options.pretrained, folder)
    inputs = inputs_of(experiment, role, archive, split, [_teacher_json(run) for run in runs], also)
    if is_finished(folder) if share.rank else check_run(folder, inputs):
        if share.rank == 0:
            console.print(f"{folder}: is finished already", markup=False, soft_wrap=True)
        return
    processes_of_node(share.processes)
    started = time.perf_counter()
    # all that can be refused is, before the folder is made: a corrected command finds it empty
    network, sentences = fresh_network(experiment, role, archive, split)
    unlabelled_clips = experiment.distillation.unlabelled_batch if wants_unlabelled else 0
    if options.training.steps:
        _check_batch(network, len(share.places(options.training.batch_size)) + len(share.places(unlabelled_clips)))
    heard = noise if options.training.validate_in != "known" else None
    validation = _validation_loader(archive, split, network, options, heard)
    seed = experiment.seed + share.rank * SEEDS_APART  # processes vary clips differently, as one does those of a batch
    clips = None
    if options.training.steps:
        _training_loader(experiment, role, archive, split, unlabelled, network, noise, None, seed)
        answers = _answers(archive, runs, [*split.train, *unlabelled], share, quiet) if runs else None
        clips = _training_loader(experiment, role, archive, split, unlabelled, network, noise, answers, seed)
    if share.rank == 0:
        start_run(folder, inputs)
        say_warnings(folder, archive, split)
        for sentence in sentences:
            console.print(f"{folder}: {sentence}", markup=False, soft_wrap=True)
        if role == "teacher" and not issubclass(network_class(options.network), FrameNetwork):
            told.append(f"{options.network} does not answer for every frame: it can be evaluated, but cannot teach")
        for sentence in told:
            console.print(f"warning: {folder}: {sentence}", markup=False, soft_wrap=True)
    learner = Learner(network, options.training, experiment.distillation if runs else None, seed)
    seconds = _fit(
        learner,
        clips,
        validation,
        options.training,
        folder,
        share,
        started,
        None if quiet else f"{role} {network.name} {recipe}",
        heard is not None,
    )
    if share.rank == 0:
        made = {"role": role, "recipe": recipe, "seed": experiment.seed, "seconds": round(seconds, 1)}
        write_json(folder / "run.json", made)
        shutil.rmtree(folder / "checkpoint", ignore_errors=True)


def _check_batch(network: Network, clips: int) -> None:
    """Refuses steps of one clip in a process, of which batch norms over clips have no deviation."""
    if clips < 2 and any(isinstance(module, torch.nn.BatchNorm1d) for module in network.modules()):
        raise bad_input(network.name, "clips a step in each process", clips, "at least 2, for its batch norms")


def _training_loader(
    experiment: Experiment,
    role: Role,
    archive: Archive,
    split: Split,
    unlabelled: tuple[str, ...],
    network: Network,
    noise: Noise | None,
    answers: dict[str, np.ndarray] | None,
    seed: int,
) -> DataLoader:
    """Random crops, step by step; a teacher's may be shorter than the clips that it is judged on, unless it hears."""
    options = experiment.teacher if role == "teacher" else experiment.student
    training = options.training
    whole = role == "student" or "audio" in network.streams
    seconds = experiment.clip_seconds if whole else experiment.teacher.crop_seconds
    heard = _mixed(options, network.streams).field_chance > 0  # noise that is never added is not read
    return random_clip_loader(
        archive,
        split.parts(archive, "train"),
        network.streams,
        seconds,
        training.batch_size,
        seed=experiment.seed,
        steps=training.validate_every,
        unlabelled=unlabelled,
        unlabelled_batch=experiment.distillation.unlabelled_batch if unlabelled else 0,
        other_microphones=_heard(options).other_microphones,
        teacher_logits=answers,
        apart_from=(*split.parts(archive, "validation"), *split.parts(archive, "test")),
        video_shape=network.specification.video_shape,
        noise=noise.clips("train", frames_of(seconds, archive.rig.frame_rate)) if noise is not None and heard else None,
        vary=BatchAugmentation(options.augmentation, network.specification, seed),
        workers=training.workers,
    )


def _heard(options: Teacher | Student) -> AudioAugmentation:
    """What is done to the audio of a network."""
    return options.augmentation.audio if isinstance(options, Teacher) else options.augmentation


def _mixed(options: Teacher | Student, streams: Sequence[str]) -> BeamsAugmentation | AudioAugmentation:
    """What says how noise is added: that of the beams if there are any."""
    if isinstance(options, Teacher) and "beams" in streams:
        return options.augmentation.beams
    return _heard(options)


def _validation_loader(
    archive: Archive, split: Split, network: Network, options: Teacher | Student, noise: Noise | None
) -> DataLoader:
    """Every process validates on all clips, so that all know the same best round; in noise if it is given."""
    specification, training = network.specification, options.training
    return specified_clip_loader(
        specification,
        archive,
        split.parts(archive, "validation"),
        training.batch_size,
        apart_from=split.parts(archive, "test"),
        noise=noise.clips("validation", specification.clip_frames) if noise is not None else None,
        noise_snr_db=_mixed(options, network.streams).noise_snr_db,
        workers=training.workers,
        rank=0,
        world_size=1,
    )


class _Keeper(Callback):
    """After each round: a line of metrics, the weights if they are the best so far, a checkpoint.

    The temperature, and the weights of a network's parts, are fitted to validation clips as they are, also where the
    best round is chosen in noise: so are clips that a network is tested on, or that a teacher answers for.

    Args:
        folder: of the run.
        validation: clips to fit the temperature to without their noise; None fits it to the answers of the round.
        started: `time.perf_counter()` when this process began with it.

    Attributes:
        weighed: logits and labels of the clips that the network's parts were weighed on last; None if it has none.
    """

    def __init__(self, folder: Path, validation: DataLoader | None, started: float) -> None:
        self.folder = folder
        self.validation = validation
        self.started = started
        self.before_s = 0.0
        self.weighed: tuple[Tensor, Tensor] | None = None
        self.rows: list[dict[str, float]] = []
        self.best: tuple[float, float] | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "best": self.best, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.best = state_dict["rows"], state_dict["best"]
        self.before_s = state_dict.get("seconds", 0.0)  # not kept by earlier versions

    @property
    def seconds(self) -> float:
        """What the training has taken, with what it took before it was interrupted."""
        return self.before_s + time.perf_counter() - self.started

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Refuses processes that go on from different steps: they would wait for each other for ever."""
        step = torch.tensor(float(trainer.global_step), device=pl_module.device)
        if trainer.world_size > 1 and float(trainer.strategy.reduce(step.clone(), reduce_op="mean")) != float(step):
            raise AcoustillError(
                f"{self.folder}: not every process finds the same checkpoint there; "
                "give a folder that all machines share, or start once more"
            )

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Weighs the parts of the network first: what is judged is what is kept."""
        assert isinstance(pl_module, Learner)
        if isinstance(pl_module.judged, FusedNet) and self.validation is not None:
            self.weighed = pl_module.clean_answers(self.validation)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Where nothing is trained, this is the only round."""
        assert isinstance(pl_module, Learner)
        if not pl_module.training_options.steps:
            self._judge(trainer, pl_module)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._judge(trainer, pl_module)
        trainer.save_checkpoint(self.folder / "checkpoint")

    def _judge(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Writes the metrics, and the network with its temperature if it is the best so far."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if not all(math.isfinite(value) for value in metrics.values()):
            raise AcoustillError(f"{self.folder}: the loss is no longer finite; try a lower training.learning_rate")
        self.rows.append({"step": trainer.global_step, **{name: round(metrics[name], 5) for name in sorted(metrics)}})
        score = (metrics["validation_accuracy"], -metrics["validation_loss"])
        if self.best is None or score >= self.best:
            self.best = score
            assert isinstance(pl_module, Learner)
            if trainer.is_global_zero:
                logits, labels = (torch.cat(part) for part in zip(*pl_module.answers, strict=True))
                if self.validation is not None:  # softer in noise than clips that are judged without it
                    logits, labels = self.weighed or pl_module.clean_answers(self.validation)
                temperature = fit_temperature(logits.numpy(), labels.numpy(), smoothing=True)
                save_network(pl_module.judged, self.folder, temperature)
        if trainer.is_global_zero:
            write_json_lines(self.folder / "metrics.jsonl", self.rows)


class _Bar(RichProgressBar):
    """One bar for the steps of a round, with a title that says what is trained."""

    def __init__(self, title: str) -> None:
        super().__init__(leave=False)
        self.title = title

    def _get_train_description(self, current_epoch: int) -> str:
        return f"{self.title}, round {current_epoch + 1}/{self.trainer.max_epochs}"


def _fit(
    learner: Learner,
    clips: DataLoader | None,
    validation: DataLoader,
    training: Training,
    folder: Path,
    share: Share,
    started: float,
    title: str | None,
    in_noise: bool,
) -> float:
    """Trains, and returns how many seconds it took in all."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    rounds = training.steps // training.validate_every
    checkpoint = folder / "checkpoint"
    if share.rank == 0:
        recover_folder(checkpoint)
    here = processes_of_node(share.processes)
    if not torch.cuda.is_available():
        keep_freed_memory()
    once_more = in_noise or isinstance(learner.network, FusedNet)
    keeper = _Keeper(folder, validation if once_more else None, started)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        trainer = lightning.Trainer(
            max_epochs=rounds,
            devices=here,
            num_nodes=share.processes // here,
            strategy="ddp" if share.processes > 1 else "auto",
            use_distributed_sampler=False,  # the loaders give each process its share
            precision="bf16-mixed" if _in_bf16(training.precision) else "32-true",
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=title is not None,
            callbacks=[keeper, *([_Bar(title)] if title else [])],
            num_sanity_val_steps=0,
            plugins=[SafetensorsCheckpointIO()],
            default_root_dir=folder,
        )
        try:
            if clips is None:
                trainer.validate(learner, validation, verbose=False)
            else:
                trainer.fit(learner, clips, validation, ckpt_path=str(checkpoint) if checkpoint.is_dir() else None)
        except SystemExit as end:  # Lightning's answer to Ctrl-C
            raise KeyboardInterrupt from end
    return keeper.seconds


def _in_bf16(precision: str) -> bool:
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return cpu_multiplies_bf16()


def _teacher_json(run: TeacherRun) -> dict[str, Any]:
    return {
        "folder": str(run.folder),
        "network": run.network.name,
        "sha256": run.weights,
        "temperature": run.temperature,
    }


def _answers(
    archive: Archive, teachers: list[TeacherRun], recordings: list[str], share: Share, quiet: bool
) -> dict[str, np.ndarray]:
    """Every process begins elsewhere and finds with the archive what the others have computed meanwhile."""
    begin = share.rank * len(recordings) // share.processes
    ordered = recordings[begin:] + recordings[:begin]
    if quiet:
        return teacher_logits(archive, teachers, ordered)
    with progress_bar("teacher's answers", len(ordered)) as advance:
        return teacher_logits(archive, teachers, ordered, advance)

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
from torch.utils.data import DataLoader

from acoustill.archive.archive import Archive
from acoustill.archive.clips import all_clips, frames_of
from acoustill.archive.protocols import split_archive
from acoustill.archive.splits import Split
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import recover_folder, write_json, write_json_lines
from acoustill.jobs import console, progress_bar
from acoustill.learning.checkpoints import SafetensorsCheckpointIO, cpu_multiplies_bf16
from acoustill.learning.configuration import Experiment, Training
from acoustill.learning.loading import random_clip_loader, regular_clip_loader
from acoustill.learning.module import Learner
from acoustill.learning.processes import Share, processes_of_node, share_of_process
from acoustill.learning.runs import Role, check_run, inputs_of, is_finished, say_warnings, start_run
from acoustill.learning.teachers import TeacherRun, load_teacher, teacher_logits
from acoustill.models.network import Network
from acoustill.models.specification import Specification
from acoustill.models.store import build_network, network_class, save_network

NORMALISATION_CLIPS = 512
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
    runs = [load_teacher(teacher, archive, split) for teacher in teachers]
    control = experiment.distillation.control
    recipe = "labels" if not runs else "distilled" if control == "none" else control
    wants_unlabelled = bool(runs) and experiment.distillation.unlabelled_batch > 0
    unlabelled = split.unlabelled if wants_unlabelled else ()
    if wants_unlabelled and not unlabelled:
        raise bad_input(archive.path, "number of unlabelled recordings", 0, "some, or unlabelled_batch=0")
    options = experiment.teacher if role == "teacher" else experiment.student
    for batch in (options.training.batch_size, experiment.distillation.unlabelled_batch if wants_unlabelled else 0):
        share.places(batch)  # refuses what does not divide before the folder is made
    described = [{"folder": str(run.folder), "network": run.network.name, "sha256": run.weights} for run in runs]
    inputs = inputs_of(experiment, role, archive, split, described)
    if is_finished(folder) if share.rank else check_run(folder, inputs):
        if share.rank == 0:
            console.print(f"{folder}: is finished already")
        return
    processes_of_node(share.processes)
    started = time.perf_counter()
    # all that can be refused is, before the folder is made: a corrected command finds it empty
    network = _fresh_network(experiment, role, archive, split)
    validation = _validation_loader(archive, split, network, options.training)
    _training_loader(experiment, role, archive, split, unlabelled, network, None)
    answers = _answers(archive, runs, [*split.train, *unlabelled], share, quiet) if runs else None
    clips = _training_loader(experiment, role, archive, split, unlabelled, network, answers)
    if share.rank == 0:
        start_run(folder, inputs)
        say_warnings(folder, archive, split)
        for sentence in (sentence for run in runs for sentence in run.warnings):
            console.print(f"warning: {folder}: {sentence}", markup=False, soft_wrap=True)
    # processes augment differently, as the clips of one batch do
    seed = experiment.seed + share.rank * SEEDS_APART
    learner = Learner(network, options.training, options.augmentation, experiment.distillation if runs else None, seed)
    _fit(
        learner,
        clips,
        validation,
        options.training,
        folder,
        share,
        None if quiet else f"{role} {network.name} {recipe}",
    )
    if share.rank == 0:
        seconds = round(time.perf_counter() - started, 1)
        write_json(folder / "run.json", {"role": role, "recipe": recipe, "seed": experiment.seed, "seconds": seconds})
        shutil.rmtree(folder / "checkpoint", ignore_errors=True)


def _training_loader(
    experiment: Experiment,
    role: Role,
    archive: Archive,
    split: Split,
    unlabelled: tuple[str, ...],
    network: Network,
    answers: dict[str, np.ndarray] | None,
) -> DataLoader:
    """Random crops, step by step; a teacher's are shorter than the clips that it is judged on."""
    training = (experiment.teacher if role == "teacher" else experiment.student).training
    return random_clip_loader(
        archive,
        split.parts(archive, "train"),
        network.streams,
        experiment.teacher.crop_seconds if role == "teacher" else experiment.clip_seconds,
        training.batch_size,
        seed=experiment.seed,
        steps=training.validate_every,
        unlabelled=unlabelled,
        unlabelled_batch=experiment.distillation.unlabelled_batch if unlabelled else 0,
        other_microphones=role == "student" and experiment.student.augmentation.other_microphones,
        teacher_logits=answers,
        apart_from=(*split.parts(archive, "validation"), *split.parts(archive, "test")),
        workers=training.workers,
    )


def _validation_loader(archive: Archive, split: Split, network: Network, training: Training) -> DataLoader:
    """Every process validates on all clips, so that all know the same best round."""
    specification = network.specification
    return regular_clip_loader(
        archive,
        split.parts(archive, "validation"),
        network.streams,
        specification.clip_frames / specification.frame_rate,
        training.batch_size,
        apart_from=split.parts(archive, "test"),
        workers=training.workers,
        rank=0,
        world_size=1,
    )


class _Keeper(Callback):
    """After each round: a line of metrics, the weights if they are the best so far, a checkpoint."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, float]] = []
        self.best: tuple[float, float] | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.best = state_dict["rows"], state_dict["best"]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Refuses processes that go on from different steps: they would wait for each other for ever."""
        step = torch.tensor(float(trainer.global_step), device=pl_module.device)
        if trainer.world_size > 1 and float(trainer.strategy.reduce(step.clone(), reduce_op="mean")) != float(step):
            raise AcoustillError(
                f"{self.folder}: not every process finds the same checkpoint there; "
                "give a folder that all machines share, or start once more"
            )

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if not all(math.isfinite(value) for value in metrics.values()):
            raise AcoustillError(f"{self.folder}: the loss is no longer finite; try a lower training.learning_rate")
        self.rows.append({"step": trainer.global_step, **{name: round(metrics[name], 5) for name in sorted(metrics)}})
        score = (metrics["validation_accuracy"], -metrics["validation_loss"])
        if self.best is None or score >= self.best:
            self.best = score
            assert isinstance(pl_module, Learner)
            if trainer.is_global_zero:
                save_network(pl_module.network, self.folder)
        if trainer.is_global_zero:
            write_json_lines(self.folder / "metrics.jsonl", self.rows)
        trainer.save_checkpoint(self.folder / "checkpoint")


class _Bar(RichProgressBar):
    """One bar for the steps of a round, with a title that says what is trained."""

    def __init__(self, title: str) -> None:
        super().__init__(leave=False)
        self.title = title

    def _get_train_description(self, current_epoch: int) -> str:
        return f"{self.title}, round {current_epoch + 1}/{self.trainer.max_epochs}"


def _fit(
    learner: Learner,
    clips: DataLoader,
    validation: DataLoader,
    training: Training,
    folder: Path,
    share: Share,
    title: str | None,
) -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    rounds = training.steps // training.validate_every
    checkpoint = folder / "checkpoint"
    if share.rank == 0:
        recover_folder(checkpoint)
    here = processes_of_node(share.processes)
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
            callbacks=[_Keeper(folder), *([_Bar(title)] if title else [])],
            num_sanity_val_steps=0,
            plugins=[SafetensorsCheckpointIO()],
            default_root_dir=folder,
        )
        try:
            trainer.fit(learner, clips, validation, ckpt_path=str(checkpoint) if checkpoint.is_dir() else None)
        except SystemExit as end:  # Lightning's answer to Ctrl-C
            raise KeyboardInterrupt from end


def _in_bf16(precision: str) -> bool:
    if precision != "auto":
        return precision == "bf16"
    return torch.cuda.is_bf16_supported() if torch.cuda.is_available() else cpu_multiplies_bf16()


def _fresh_network(experiment: Experiment, role: Role, archive: Archive, split: Split) -> Network:
    """A network drawn from the experiment's seed, its input statistics taken from the training side."""
    options = experiment.teacher if role == "teacher" else experiment.student
    streams = network_class(options.network).streams
    archive.with_streams(split.train, streams)
    clip_frames = frames_of(experiment.clip_seconds, archive.rig.frame_rate)
    image = archive.image_specification if "image" in streams else None
    specification = Specification(
        streams=streams,  # type: ignore[arg-type]
        classes=archive.classes,
        sample_rate=archive.rig.sample_rate,
        samples_per_frame=archive.rig.samples_per_frame,
        clip_frames=clip_frames,
        image_shape=archive[split.train[0]].image.shape[1:] if image else None,
        image=image.to_json() if image else None,
    )
    torch.manual_seed(experiment.seed)
    network = build_network(options.network, specification, options.settings)
    clips = all_clips(archive, split.parts(archive, "train"), clip_frames)
    chosen = clips[:: max(1, len(clips) // NORMALISATION_CLIPS)]
    batches = regular_clip_loader(archive, chosen, streams, experiment.clip_seconds, 16, rank=0, world_size=1)
    network.fit_normalisation(batch["views"] for batch in batches)
    return network


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

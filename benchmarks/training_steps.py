"""What benchmarks/training.py times: steps of a plain loop and of our training, in processes of their own."""

from __future__ import annotations

import argparse
import logging
import math
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import lightning
import torch
from benchmarks.plain_networks import plain
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from acoustill.archive import Archive
from acoustill.archive.clips import frames_of
from acoustill.archive.protocols import split_archive
from acoustill.imaging import ImageSpecification
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.learning import load_experiment
from acoustill.learning.beginning import fresh_network
from acoustill.learning.checkpoints import cpu_multiplies_bf16
from acoustill.learning.configuration import Experiment, Student, Teacher
from acoustill.learning.loading import PREFETCHED, random_clip_loader
from acoustill.learning.memory import keep_freed_memory
from acoustill.learning.module import Learner
from acoustill.learning.noise import open_noise
from acoustill.learning.runs import Role
from acoustill.learning.scene_augmentation import MIXED, vary_views
from acoustill.learning.varying import BatchAugmentation
from acoustill.models import Network, Specification, build_network
from acoustill.models.store import network_class
from acoustill.rig import preset

CONFIGS = Path(__file__).parent.parent / "configs/teachers-students"
ROWS = {  # files of configs/teachers-students
    "dualcamnet": "dualcamnet",
    "hearnet": "hearnet-augmented",
    "compactnet": "compactnet-augmented",
    "soundnet5": "soundnet5-augmented",
    "beamnet": "beamnet",
    "acousticnet": "acousticnet",
    "motionnet": "motionnet",
    "resnet50": "resnet50",
    "temporal-resnet50": "temporal-resnet50",
    "micnet": "micnet-augmented",
}
CLASSES = tuple(f"class {i}" for i in range(14))
UNTIMED = 2  # steps that fill caches and the optimiser's averages
READ, BESIDE = "read", "beside"  # forms that read an archive, and vary clips, where they learn or in another process


class Worker:
    """A process that takes a step when it is asked to."""

    def __init__(self, task: Task, form: str, arguments: argparse.Namespace) -> None:
        processes = multiprocessing.get_context("fork")  # what is imported already is not imported again
        self.connection, other = processes.Pipe()
        self.process = processes.Process(target=work, args=(other, task, form, arguments), daemon=form != BESIDE)
        self.process.start()
        other.close()

    def step(self) -> dict[str, float]:
        """Seconds of the next step and of its parts, of the CPU except where clips are read beside."""
        self.connection.send(True)
        return self.connection.recv()

    def stop(self) -> None:
        self.process.kill()  # Lightning lets nothing less end it
        self.process.join()


class Task:
    """What a network is trained on.

    Args:
        name: of the network.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.experiment: Experiment = load_experiment(CONFIGS / f"{ROWS[name]}.yaml")
        self.role: Role = "student" if "augmented" in ROWS[name] else "teacher"
        teacher, student = self.experiment.teacher, self.experiment.student
        self.options: Teacher | Student = student if self.role == "student" else teacher
        self.seconds = self.experiment.clip_seconds if self.role == "student" else teacher.crop_seconds

    def specification(self) -> Specification:
        """Of the reference rig."""
        rig = preset("dualcam")
        return Specification(
            streams=network_class(self.name).streams,  # type: ignore[arg-type]
            classes=CLASSES,
            sample_rate=rig.sample_rate,
            samples_per_frame=rig.samples_per_frame,
            clip_frames=round(self.experiment.clip_seconds * rig.frame_rate),
            image_shape=(36, 48, 12),
            image=ImageSpecification().to_json(),
            beams_shape=BeamSpecification().shape(rig),
            video_shape=self.experiment.teacher.video_shape,
        )

    def network(self) -> Network:
        torch.manual_seed(0)
        return build_network(self.name, self.specification(), self.options.settings).train()

    def batch(self) -> dict[str, Any]:
        """As a loader gives it, with recorded noise for what hears."""
        specification, size = self.specification(), self.options.training.batch_size
        frames = round(self.seconds * specification.frame_rate)
        noise = {name: view for name, view in specification.example(size, 1, frames).items() if name in MIXED}
        batch = {"views": specification.example(size, 0, frames), "label": torch.arange(size) % len(CLASSES)}
        return batch | ({"noise": noise} if noise else {})


def work(connection: Connection, task: Task, form: str, arguments: argparse.Namespace) -> None:
    """The life of a worker."""
    try:
        plain_loop(connection, task) if form == "plain" else our_training(connection, task, form, arguments)
    except EOFError:  # the parent is gone
        return


def plain_loop(connection: Connection, task: Task) -> None:
    """Float32, torch's layers, AdamW as it comes."""
    network, batch = task.network(), task.batch()
    answer = plain(network)
    optimiser = torch.optim.AdamW(network.parameters(), task.options.training.learning_rate)
    generator = torch.Generator().manual_seed(0)
    while connection.recv():
        start = time.process_time()
        views = vary_views(
            batch["views"], batch.get("noise"), task.options.augmentation, network.specification, generator
        )
        loss = cross_entropy(answer(views), batch["label"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        connection.send({"step": time.process_time() - start})


def our_training(connection: Connection, task: Task, form: str, arguments: argparse.Namespace) -> None:
    """As `acoustill.learning.training` trains, with nothing to validate."""
    keep_freed_memory()
    steps = UNTIMED + arguments.steps
    reads = form in (READ, BESIDE)
    network = task.network()
    vary = BatchAugmentation(task.options.augmentation, network.specification, 0)
    if reads:
        network, batches = from_archive(task, arguments, vary if form == BESIDE else None)
    else:
        batches = [task.batch() | {"step": torch.tensor([step])} for step in range(steps)]
    clock = time.perf_counter if form == BESIDE else time.process_time
    learner = Learner(network, task.options.training, None, 0)
    timed = TimedBatches(batches, clock, None if form == BESIDE else vary)
    bf16 = cpu_multiplies_bf16() if reads else form == "bf16"
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    trainer = lightning.Trainer(
        max_epochs=1,
        precision="bf16-mixed" if bf16 else "32-true",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[Pace(connection, timed, clock)],
    )
    trainer.fit(learner, timed)


def from_archive(
    task: Task, arguments: argparse.Namespace, vary: BatchAugmentation | None
) -> tuple[Network, DataLoader]:
    """The network as a training begins with it, and its loader; batches that are varied are so by a worker."""
    experiment = task.experiment.model_copy(update={"archive": str(arguments.archive)})
    archive = Archive(experiment.archive)
    split = split_archive(archive, experiment.protocol)
    network, _ = fresh_network(experiment, task.role, archive, split)
    noise = open_noise(str(arguments.noise), archive, split, network.streams) if arguments.noise else None
    recordings, batch_size = split.parts(archive, "train"), task.options.training.batch_size
    loader = random_clip_loader(
        archive,
        recordings,
        network.streams,
        task.seconds,
        batch_size,
        seed=0,
        steps=max(UNTIMED + PREFETCHED + arguments.steps, math.ceil(len(recordings) / batch_size)),
        other_microphones=task.role == "student",
        video_shape=network.specification.video_shape,
        noise=None if noise is None else noise.clips("train", frames_of(task.seconds, archive.rig.frame_rate)),
        vary=vary,
        workers=0 if vary is None else 1,
    )
    for _ in loader:  # all recordings are opened once in a training, and read often
        pass
    return network.train(), loader


class TimedBatches:
    """Batches that know how long it took to read them, and to vary them."""

    def __init__(
        self,
        batches: Sequence[dict[str, Any]] | DataLoader,
        clock: Callable[[], float],
        vary: BatchAugmentation | None,
    ) -> None:
        self.batches, self.clock, self.vary = batches, clock, vary
        self.reading = self.augmenting = 0.0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        left = iter(self.batches)
        while True:
            start = self.clock()
            batch = next(left, None)
            self.reading += self.clock() - start
            if batch is None:
                return
            if self.vary is not None:
                start = self.clock()
                batch = self.vary(batch)
                self.augmenting += self.clock() - start
            yield batch


class Pace(lightning.Callback):
    """Waits at the end of each step until it is asked for the next."""

    def __init__(self, connection: Connection, batches: TimedBatches, clock: Callable[[], float]) -> None:
        self.connection, self.batches, self.clock = connection, batches, clock

    def on_train_start(self, *_: Any) -> None:
        self._wait()

    def on_train_batch_end(self, *_: Any) -> None:
        step = self.clock() - self.start
        self.connection.send({"step": step, "reading": self.batches.reading, "augmenting": self.batches.augmenting})
        self._wait()

    def _wait(self) -> None:
        self.connection.recv()
        self.batches.reading = self.batches.augmenting = 0.0
        self.start = self.clock()

"""Training steps against a plain loop and against what the processor can multiply, in turn, on one thread.

    python -m benchmarks.training                                   # about four minutes
    python -m benchmarks.training --archive archives/avia-sim --noise archives/avia-noise \
        --results benchmarks/results/training.json --write-docs docs/figures.md

Networks, batches, crops and augmentation are those of configs/teachers-students. A step is all that one of our
trainings does for a batch, by Lightning: augmentation, forward, backward, AdamW. Clips are made up, so that reading
takes no time. It is timed in float32 and in bf16; `precision: auto` takes bf16 where the processor has instructions
for it. Against it stands the same network in a plain loop: float32, torch's own layers in their own layout
(benchmarks/plain_networks.py), the same augmentation, AdamW as it comes, memory as the C library hands it out. Each
of these runs in a process of its own; they take steps in turn, so that all meet the same machine. Medians of CPU time.

The limit is the rate at which this processor multiplies matrices of 1024 x 1024, by torch.mm or as a convolution of
1 x 1, whichever is faster; a step counts as three times the multiply-adds of an answer, two operations each.

With --archive, steps on its recordings follow: the share of the time that goes to reading crops, by the process that
learns (`workers: 0`), and to augmentation. All files should be in the page cache: disks are not measured.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import statistics
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before numpy: the pools of threads are made when it is imported
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import lightning
import torch
from benchmarks import pages
from benchmarks.imaging import machine, median_seconds
from benchmarks.plain_networks import plain
from torch.nn.functional import conv2d, cross_entropy
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
from acoustill.learning.loading import random_clip_loader
from acoustill.learning.memory import keep_freed_memory
from acoustill.learning.module import Learner
from acoustill.learning.noise import open_noise
from acoustill.learning.runs import Role
from acoustill.learning.scene_augmentation import MIXED, vary_views
from acoustill.models import Network, Specification, build_network, cost_of
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
    "fusednet": "fusednet",
    "resnet50": "resnet50",
}
FORMS = ("plain", "float32", "bf16")
CLASSES = tuple(f"class {i}" for i in range(14))
TARGETS, TIMES = ("dualcamnet", "hearnet", "compactnet"), 2.0
UNTIMED = 2  # steps that fill caches and the optimiser's averages
BUSY = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="*", choices=ROWS, metavar="NETWORK", help="some networks; the results keep others"
    )
    parser.add_argument("--steps", type=int, default=7, help="timed steps of each form")
    parser.add_argument("--archive", type=Path, help="where clips are read, for the share of reading")
    parser.add_argument("--noise", type=Path, help="archive of noise that is read beside them")
    parser.add_argument("--results", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--write-docs", type=Path, help="page whose block 'training' is replaced")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = {}
    if arguments.only and arguments.results and arguments.results.exists():
        rows = json.loads(arguments.results.read_text())["rows"]
    for name in arguments.only or ROWS:
        rows[name] = measured(name, arguments)
    figures = with_ratios(
        {
            "machine": machine(),
            "instructions": instructions(),
            "auto": "bf16" if cpu_multiplies_bf16() else "float32",
            "gflops": {form: matrix_rate(dtype) / 1e9 for form, dtype in DTYPES.items()},
            "rows": {name: rows[name] for name in ROWS if name in rows},
        }
    )
    print("\n".join(lines(figures)))
    if arguments.results:
        arguments.results.write_text(json.dumps(figures, indent=1) + "\n")
    if arguments.write_docs:
        pages.write_block(arguments.write_docs, "training", lines(figures))


DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


def matrix_rate(dtype: torch.dtype) -> float:
    """Operations a second of this processor's fastest product of square matrices."""
    a, b, out = (torch.randn(1024, 1024).to(dtype) for _ in range(3))
    pixels = a.view(1, 32, 32, 1024).permute(0, 3, 1, 2)
    with torch.no_grad():
        ways = (lambda: torch.mm(a, b, out=out), lambda: conv2d(pixels, b[:, :, None, None]))
        return 2 * 1024**3 / min(median_seconds(way, 15) for way in ways)


def instructions() -> str:
    """What the processor multiplies bf16 with."""
    has = torch.cpu.get_capabilities()
    return "AMX" if has.get("amx_bf16") else "AVX-512 BF16" if has.get("avx512_bf16") else "none for bf16"


# measuring --------------------------------------------------------------------------------------------------------


def measured(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of a network: each form in a process of its own, one step of each after the other."""
    task = Task(name)
    row: dict[str, Any] = {
        "batch": task.options.training.batch_size,
        "seconds_of_clip": task.seconds,
        "multiply_adds": cost_of(
            build_network(name, task.specification(), task.options.settings), task.seconds
        ).multiply_adds,
    }
    steps: dict[str, list[dict[str, float]]] = {form: [] for form in FORMS}
    if arguments.archive:
        steps["read"] = []
    workers = {form: Worker(task, form, arguments) for form in steps}
    for _ in range(UNTIMED + arguments.steps):
        for form, worker in workers.items():
            steps[form].append(worker.step())
    for worker in workers.values():
        worker.stop()

    def median(form: str, part: str = "step") -> float:
        return statistics.median(step[part] for step in steps[form][UNTIMED:])

    row["seconds"] = {form: median(form) for form in FORMS}
    row["augmenting"] = median("float32", "augmenting")
    if arguments.archive:
        row["archive"] = {part: median("read", part) for part in ("step", "reading", "augmenting")}
    return row


class Worker:
    """A process that takes a step when it is asked to."""

    def __init__(self, task: Task, form: str, arguments: argparse.Namespace) -> None:
        processes = multiprocessing.get_context("fork")  # what is imported already is not imported again
        self.connection, other = processes.Pipe()
        self.process = processes.Process(target=work, args=(other, task, form, arguments), daemon=True)
        self.process.start()
        other.close()

    def step(self) -> dict[str, float]:
        """CPU seconds of the next step and of its parts."""
        self.connection.send(True)
        return self.connection.recv()

    def stop(self) -> None:
        self.process.terminate()
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
    network, batches = from_archive(task, arguments) if form == "read" else (task.network(), [task.batch()] * steps)
    learner = TimedLearner(network, task.options.training, task.options.augmentation, None, 0)
    timed = TimedBatches(batches)
    bf16 = cpu_multiplies_bf16() if form == "read" else form == "bf16"
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    trainer = lightning.Trainer(
        max_epochs=1,
        precision="bf16-mixed" if bf16 else "32-true",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[Pace(connection, learner, timed)],
    )
    trainer.fit(learner, timed)


def from_archive(task: Task, arguments: argparse.Namespace) -> tuple[Network, DataLoader]:
    """The network as a training begins with it, and its loader, without workers."""
    experiment = task.experiment.model_copy(update={"archive": str(arguments.archive)})
    archive = Archive(experiment.archive)
    split = split_archive(archive, experiment.protocol)
    network, _ = fresh_network(experiment, task.role, archive, split)
    noise = open_noise(str(arguments.noise), archive, split, network.streams) if arguments.noise else None
    loader = random_clip_loader(
        archive,
        split.parts(archive, "train"),
        network.streams,
        task.seconds,
        task.options.training.batch_size,
        seed=0,
        steps=UNTIMED + arguments.steps,
        other_microphones=task.role == "student",
        video_shape=network.specification.video_shape,
        noise=None if noise is None else noise.clips("train", frames_of(task.seconds, archive.rig.frame_rate)),
    )
    return network.train(), loader


class TimedLearner(Learner):
    """A learner that knows how long its augmentation took."""

    augmenting = 0.0

    def on_before_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        start = time.process_time()
        varied = super().on_before_batch_transfer(batch, dataloader_idx)
        self.augmenting += time.process_time() - start
        return varied


class TimedBatches:
    """Batches that know how long it took to read them."""

    def __init__(self, batches: Sequence[dict[str, Any]] | DataLoader) -> None:
        self.batches, self.reading = batches, 0.0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        left = iter(self.batches)
        while True:
            start = time.process_time()
            batch = next(left, None)
            self.reading += time.process_time() - start
            if batch is None:
                return
            yield batch


class Pace(lightning.Callback):
    """Waits at the end of each step until it is asked for the next."""

    def __init__(self, connection: Connection, learner: TimedLearner, batches: TimedBatches) -> None:
        self.connection, self.learner, self.batches = connection, learner, batches

    def on_train_start(self, *_: Any) -> None:
        self._wait()

    def on_train_batch_end(self, *_: Any) -> None:
        step = time.process_time() - self.start
        self.connection.send({"step": step, "reading": self.batches.reading, "augmenting": self.learner.augmenting})
        self._wait()

    def _wait(self) -> None:
        self.connection.recv()
        self.batches.reading = self.learner.augmenting = 0.0
        self.start = time.process_time()


# telling ----------------------------------------------------------------------------------------------------------


def with_ratios(figures: dict[str, Any]) -> dict[str, Any]:
    """Clips a second, and how often the plain loop's; shares of the limit and of reading."""
    for row in figures["rows"].values():
        seconds, auto = row["seconds"], figures["auto"]
        row["clips_per_second"] = {form: row["batch"] / seconds[form] for form in FORMS}
        row["over_plain"] = {form: seconds["plain"] / seconds[form] for form in FORMS}
        operations = 6 * row["multiply_adds"] * row["batch"]
        row["of_limit"] = {form: operations / seconds[form] / (figures["gflops"][form] * 1e9) for form in DTYPES}
        row["augmenting_share"] = row["augmenting"] / seconds[auto]
        if "archive" in row:
            row["reading_share"] = row["archive"]["reading"] / row["archive"]["step"]
    return figures


def lines(figures: dict[str, Any]) -> list[str]:
    """The table, as printed."""
    rates = ", ".join(f"{form} {rate:.0f}" for form, rate in figures["gflops"].items())
    found = [
        f"{figures['machine']}; instructions: {figures['instructions']}; auto is {figures['auto']}",
        f"products of matrices, GFLOP/s: {rates}",
        f"{'one thread, CPU time':22s}{'clips/s, plain':>15s}{'float32':>9s}{'bf16':>8s}{'x plain, float32':>18s}"
        f"{'bf16':>6s}{'of limit, float32':>19s}{'bf16':>6s}{'varying':>9s}{'reading':>9s}",
    ]
    for name, row in figures["rows"].items():
        rate, ratio, limit = row["clips_per_second"], row["over_plain"], row["of_limit"]
        told = f"{name}, {row['batch']} x {row['seconds_of_clip']:g} s"
        read = f"{row['reading_share']:9.0%}" if "reading_share" in row else f"{'-':>9s}"
        found.append(
            f"{told:22s}{rate['plain']:15.1f}{rate['float32']:9.1f}{rate['bf16']:8.1f}{ratio['float32']:18.2f}"
            f"{ratio['bf16']:6.2f}{limit['float32']:19.0%}{limit['bf16']:6.0%}{row['augmenting_share']:9.0%}{read}"
        )
    return found + [f"{'yes' if holds else 'NO ':3s}  {what}" for what, holds in criteria(figures)]


def criteria(figures: dict[str, Any]) -> list[tuple[str, bool]]:
    """What is asked of training."""
    auto, rows = figures["auto"], figures["rows"]
    fast = [row["over_plain"][auto] >= TIMES for name, row in rows.items() if name in TARGETS]
    busy = [1 - row["reading_share"] >= BUSY for row in rows.values() if "reading_share" in row]
    found = [(f"{', '.join(TARGETS)}: at least {TIMES:g} times the plain loop", all(fast))]
    found.append(("bf16 is faster than float32 in every network", _bf16_wins(rows.values())))
    if busy:
        found.append((f"reading leaves at least {BUSY:.0%} of the time to augmentation and network", all(busy)))
    return found


def _bf16_wins(rows: Iterable[dict[str, Any]]) -> bool:
    return all(row["seconds"]["bf16"] < row["seconds"]["float32"] for row in rows)


if __name__ == "__main__":
    main()

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

The limit is the rate of products of matrices: of 1024 x 1024, or in a convolution of 3 x 3 over 256 channels, whichever
is faster. A step counts as three times the multiply-adds of an answer, two operations each.

With --archive, steps on its recordings follow: the share of the time that goes to reading crops by the process that
learns (`workers: 0`); and, one step after the other, the share of the time of day in which it waits for a process that
reads and augments beside it (`workers: 1`), for which there has to be a free core. All files should be in the page
cache: disks are not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before numpy: the pools of threads are made when it is imported
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import torch
from benchmarks import pages
from benchmarks.imaging import machine, median_seconds
from benchmarks.training_steps import BESIDE, READ, ROWS, UNTIMED, Task, Worker
from torch.nn.functional import conv2d

from acoustill.learning.checkpoints import cpu_multiplies_bf16
from acoustill.learning.loading import PREFETCHED
from acoustill.models import build_network, cost_of

FORMS = ("plain", "float32", "bf16")
TARGETS, TIMES = ("dualcamnet", "hearnet", "compactnet"), 2.0
BUSY = 0.9
SHARES = ("reading_share", "waiting_share")


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
    """Operations a second, at most: some libraries multiply matrices slower than they convolve."""
    a, b, out = (torch.randn(1024, 1024).to(dtype) for _ in range(3))
    maps, weight = torch.randn(4, 32, 32, 256).to(dtype).permute(0, 3, 1, 2), torch.randn(256, 256, 3, 3).to(dtype)
    with torch.no_grad():
        product = median_seconds(lambda: torch.mm(a, b, out=out), 15) / (2 * 1024**3)
        convolution = median_seconds(lambda: conv2d(maps, weight, padding=1), 15) / (2 * 9 * 256 * 256 * 4 * 32 * 32)
    return 1 / min(product, convolution)


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
        steps[READ] = []
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
        row["archive"] = {part: median(READ, part) for part in ("step", "reading", "augmenting")}
        row["beside"] = waiting(task, arguments)
    return row


def waiting(task: Task, arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds of steps whose clips are read and varied beside them, and how many of these went by without a batch."""
    worker = Worker(task, BESIDE, arguments)
    steps = [worker.step() for _ in range(UNTIMED + PREFETCHED + arguments.steps)]
    worker.stop()
    return {part: sum(step[part] for step in steps[UNTIMED + PREFETCHED :]) for part in ("step", "reading")}


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
            row["waiting_share"] = row["beside"]["reading"] / row["beside"]["step"]
    return figures


def lines(figures: dict[str, Any]) -> list[str]:
    """The table, as printed."""
    rates = ", ".join(f"{form} {rate:.0f}" for form, rate in figures["gflops"].items())
    found = [
        f"{figures['machine']}; instructions: {figures['instructions']}; auto is {figures['auto']}",
        f"products of matrices, GFLOP/s: {rates}",
        f"{'one thread, CPU time':29s}{'clips/s, plain':>15s}{'float32':>9s}{'bf16':>8s}{'x plain, float32':>18s}"
        f"{'bf16':>6s}{'of limit, float32':>19s}{'bf16':>6s}{'varying':>9s}{'reading':>9s}{'waiting':>9s}",
    ]
    for name, row in figures["rows"].items():
        rate, ratio, limit = row["clips_per_second"], row["over_plain"], row["of_limit"]
        told = f"{name}, {row['batch']} x {row['seconds_of_clip']:g} s"
        read = "".join(f"{row[share]:9.0%}" if share in row else f"{'-':>9s}" for share in SHARES)
        found.append(
            f"{told:29s}{rate['plain']:15.1f}{rate['float32']:9.1f}{rate['bf16']:8.1f}{ratio['float32']:18.2f}"
            f"{ratio['bf16']:6.2f}{limit['float32']:19.0%}{limit['bf16']:6.0%}{row['augmenting_share']:9.0%}{read}"
        )
    return found + [f"{'yes' if holds else 'NO ':3s}  {what}" for what, holds in criteria(figures)]


def criteria(figures: dict[str, Any]) -> list[tuple[str, bool]]:
    """What is asked of training."""
    auto, rows = figures["auto"], figures["rows"]
    fast = [row["over_plain"][auto] >= TIMES for name, row in rows.items() if name in TARGETS]
    busy = [1 - row["waiting_share"] >= BUSY for row in rows.values() if "waiting_share" in row]
    found = [(f"{', '.join(TARGETS)}: at least {TIMES:g} times the plain loop", all(fast))]
    found.append(("bf16 is faster than float32 in every network", _bf16_wins(rows.values())))
    if busy:
        found.append((f"beside one that reads and varies, at least {BUSY:.0%} of the time is not waited", all(busy)))
    return found


def _bf16_wins(rows: Iterable[dict[str, Any]]) -> bool:
    return all(row["seconds"]["bf16"] < row["seconds"]["float32"] for row in rows)


if __name__ == "__main__":
    main()

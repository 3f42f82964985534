"""Many independent pieces of work over several processes, with progress, and robust to bad pieces."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from acoustill.errors import AcoustillError

Item = TypeVar("Item")
TRIES = 3

console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class SetAside:
    """A piece of work that could not be done.

    Attributes:
        name: of the piece.
        why: one sentence.
    """

    name: str
    why: str


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Shows a bar on standard error; gives a function to call after each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)


def run_jobs(
    function: Callable[[Item], None], items: Sequence[Item], names: Sequence[str], jobs: int, title: str
) -> list[SetAside]:
    """Calls a function on every item, in `jobs` processes.

    An item on which the function raises AcoustillError is set aside and the rest goes on. Items that a dying
    process left undone are given to a new one, up to TRIES times.

    Args:
        function: what to do; picklable, and safe to call again on an item left half done.
        items: what to do it on.
        names: of the items, for messages.
        jobs: number of processes; with 1, all runs in this one.
        title: of the progress bar.
    """
    aside: list[SetAside] = []
    with progress_bar(title, len(items)) as advance:
        if jobs == 1:
            for item, name in zip(items, names, strict=True):
                try:
                    function(item)
                except AcoustillError as error:
                    aside.append(SetAside(name, str(error)))
                advance()
            return aside
        pending = dict(enumerate(items))
        tries = dict.fromkeys(pending, 0)
        while pending:
            for index in list(pending):
                tries[index] += 1
                if tries[index] > TRIES:
                    aside.append(SetAside(names[index], f"its process died {TRIES} times"))
                    del pending[index]
                    advance()
            _run_pool(function, pending, names, jobs, aside, advance)
    return aside


def _run_pool(
    function: Callable[[Item], None],
    pending: dict[int, Item],
    names: Sequence[str],
    jobs: int,
    aside: list[SetAside],
    advance: Callable[[], None],
) -> None:
    """Works on what is pending until all is done or a process dies; takes what is done out of `pending`."""
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_prepare_worker)
    try:
        futures: dict[Future[None], int] = {}
        queue = iter(list(pending.items()))
        broken = False
        while not broken:
            while len(futures) < 2 * jobs and (following := next(queue, None)) is not None:
                futures[pool.submit(function, following[1])] = following[0]
            if not futures:
                return
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                index = futures.pop(future)
                try:
                    future.result()
                except BrokenProcessPool:
                    broken = True
                    continue
                except AcoustillError as error:
                    aside.append(SetAside(names[index], str(error)))
                del pending[index]
                advance()
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare_worker() -> None:
    """One thread a process, and Ctrl-C is left to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)

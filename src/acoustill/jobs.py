"""Many independent pieces of work over several processes, with progress, and robust to bad pieces."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from acoustill.errors import AcoustillError

Item = TypeVar("Item")
Result = TypeVar("Result")
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

    def __post_init__(self) -> None:
        """Names of files may hold bytes that are no text; what is printed and kept may not."""
        for field in ("name", "why"):
            text = getattr(self, field).encode("utf-8", "backslashreplace").decode("utf-8")
            object.__setattr__(self, field, text)


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

    An item on which the function raises AcoustillError is set aside and the rest goes on. Items that were in
    work when a process died are done again one at a time, so that the one that kills its process is known; it
    is set aside after TRIES deaths.

    Args:
        function: what to do; picklable, and safe to call again on an item left half done.
        items: what to do it on.
        names: of the items, for messages.
        jobs: number of processes; with 1, all runs in this one.
        title: of the progress bar.
    """
    with progress_bar(title, len(items)) as advance:
        return collect_jobs(function, items, names, jobs, advance)[1]


def collect_jobs(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    names: Sequence[str],
    jobs: int,
    advance: Callable[[], None],
) -> tuple[dict[int, Result], list[SetAside]]:
    """Calls a function on every item as `run_jobs` does, and keeps what it gives.

    Args:
        function: see `run_jobs`, as are the next three; what it gives must be picklable.
        items: what to do it on.
        names: of the items.
        jobs: number of processes.
        advance: called after each item.

    Returns:
        What the function gave, by the item's place, and what was set aside.
    """
    results: dict[int, Result] = {}
    aside: dict[int, SetAside] = {}
    if jobs == 1:
        for index, (item, name) in enumerate(zip(items, names, strict=True)):
            try:
                results[index] = function(item)
            except AcoustillError as error:
                aside[index] = SetAside(name, str(error))
            advance()
        return results, list(aside.values())
    pending = dict(enumerate(items))
    deaths = dict.fromkeys(pending, 0)
    while pending:
        suspects = [index for index in pending if deaths[index]]
        for index in _run_pool(function, pending, suspects, names, jobs, results, aside, advance):
            deaths[index] += 1
            if deaths[index] == TRIES:
                aside[index] = SetAside(names[index], f"its process died {TRIES} times")
                del pending[index]
                advance()
    return results, [aside[index] for index in sorted(aside)]


def _run_pool(
    function: Callable[[Item], Result],
    pending: dict[int, Item],
    suspects: Sequence[int],
    names: Sequence[str],
    jobs: int,
    results: dict[int, Result],
    aside: dict[int, SetAside],
    advance: Callable[[], None],
) -> set[int]:
    """Works until all is done or a process dies; takes what is done out of `pending`.

    Suspects, if there are any, are worked on alone and one at a time.

    Returns:
        What was in work when a process died.
    """
    at_once = 1 if suspects else 2 * jobs
    pool = ProcessPoolExecutor(1 if suspects else jobs, mp_context=get_context("spawn"), initializer=_prepare_worker)
    futures: dict[Future[Result], int] = {}
    lost: set[int] = set()
    children = set(active_children())
    try:
        queue = iter(suspects or list(pending))
        while not lost:
            while len(futures) < at_once and (index := next(queue, None)) is not None:
                with _without_interrupts():  # a process that starts now inherits it
                    futures[pool.submit(function, pending[index])] = index
            if not futures:
                return lost
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                index = futures.pop(future)
                try:
                    results[index] = future.result()
                except BrokenProcessPool:
                    lost.add(index)
                    continue
                except AcoustillError as error:
                    aside[index] = SetAside(names[index], str(error))
                del pending[index]
                advance()
    except BrokenProcessPool:
        pass  # a process died between two pieces: those handed out are lost
    except BaseException:  # Ctrl-C: who interrupts does not wait for pieces that take minutes
        for child in set(active_children()) - children:
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return lost | set(futures.values())


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Lets Ctrl-C wait until the block ends."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_worker() -> None:
    """One thread for the work; Ctrl-C is left to the parent; a worker does not outlive a parent that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # before torch is imported


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

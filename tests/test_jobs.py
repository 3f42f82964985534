"""Work over several processes, some of which die."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from acoustill.errors import AcoustillError
from acoustill.jobs import TRIES, SetAside, run_jobs

Item = tuple[str, str, int]


def work(item: Item) -> None:
    """Writes a file, or fails as the item says, and keeps count of how often it was tried."""
    folder, kind, number = item
    tried = Path(folder) / f"tried-{number}"
    with tried.open("a") as file:
        file.write("x")
    if kind == "bad":
        raise AcoustillError(f"item {number} is bad")
    if kind == "deadly" or (kind == "dies once" and tried.stat().st_size == 1):
        os._exit(9)
    if kind == "fault":
        raise ZeroDivisionError
    if kind == "slow":
        time.sleep(0.2)
    (Path(folder) / f"done-{number}").write_text(kind)


def items_of(folder: Path, kinds: list[str]) -> tuple[list[Item], list[str]]:
    return [(str(folder), kind, number) for number, kind in enumerate(kinds)], [f"n{i}" for i in range(len(kinds))]


def done(folder: Path) -> set[int]:
    return {int(path.name.split("-")[1]) for path in folder.glob("done-*")}


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    kinds = ["slow", "bad", "well", "well", "bad", "slow", "well"]
    results = []
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        aside = run_jobs(work, *items_of(folder, kinds), jobs, "working")
        results.append((aside, {path.name: path.read_text() for path in folder.iterdir()}))
    assert results[0] == results[1]
    assert results[0][0] == [SetAside("n1", "item 1 is bad"), SetAside("n4", "item 4 is bad")]
    assert done(tmp_path / "2") == {0, 2, 3, 5, 6}


def test_items_of_a_process_that_dies_are_done_again_and_the_deadly_one_is_set_aside(tmp_path: Path) -> None:
    kinds = ["slow", "deadly", "well", "dies once", *["well"] * 6, "bad"]
    aside = run_jobs(work, *items_of(tmp_path, kinds), 2, "working")
    assert aside == [SetAside("n1", f"its process died {TRIES} times"), SetAside("n10", "item 10 is bad")]
    assert done(tmp_path) == set(range(10)) - {1}
    assert len((tmp_path / "tried-1").read_text()) == TRIES
    assert len((tmp_path / "tried-3").read_text()) == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_faults_of_the_program_are_not_hidden(jobs: int, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_jobs(work, *items_of(tmp_path, ["well", "fault"]), jobs, "working")


@pytest.mark.parametrize("jobs", [1, 2])
def test_without_items_there_is_nothing_to_do(jobs: int) -> None:
    assert run_jobs(work, [], [], jobs, "working") == []

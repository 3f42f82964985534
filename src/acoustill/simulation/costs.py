"""What simulated recordings take of disk and time: by arithmetic before anything is made, then as measured."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from acoustill.errors import AcoustillError
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.rig.rig import Rig

VIDEO_BYTES = 0.125  # a pixel, as JPEG of quality 85: the mean of AVIA-Sim's presets; scenes differ by a third
IMPORTS_S = 3.0  # of a process that starts: torch, scipy and this package


@dataclass(frozen=True)
class Cost:
    """What a take cost.

    Attributes:
        size: bytes on disk.
        seconds: of work, in one process.
    """

    size: int
    seconds: float


@contextmanager
def measuring(folders: Sequence[Path]) -> Iterator[Callable[[], Cost]]:
    """Measures a piece of work; gives what tells, once the block has ended, what it cost.

    Args:
        folders: what lies in them then is what it wrote.
    """
    started = time.perf_counter()
    ended = started

    def cost() -> Cost:
        files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
        return Cost(sum(file.stat().st_size for file in files), ended - started)

    yield cost
    ended = time.perf_counter()


def bytes_per_second(
    rig: Rig, microphones: int, image_values: int, image_bytes: int, beams: BeamSpecification | None = None
) -> float:
    """How fast recordings grow on disk: audio, acoustic images and beams exactly, video roughly.

    Args:
        rig: what records.
        microphones: whose audio is kept, in 4 bytes a sample.
        image_values: of an acoustic image, over all pixels and channels.
        image_bytes: of each of them.
        beams: what the beam spectra are; None without.
    """
    video = VIDEO_BYTES * rig.camera.width * rig.camera.height
    return sound_bytes_per_second(rig, microphones, beams) + rig.frame_rate * (image_values * image_bytes + video)


def sound_bytes_per_second(rig: Rig, microphones: int, beams: BeamSpecification | None = None) -> float:
    """How fast recordings without images and video grow on disk.

    Args:
        rig: what records.
        microphones: whose audio is kept, in 4 bytes a sample.
        beams: what the beam spectra are; None without.
    """
    spectra = 0 if beams is None else math.prod(beams.shape(rig)) * 2 * 2  # two parts of two bytes
    return microphones * 4 * rig.sample_rate + rig.frame_rate * spectra


def refuse_what_cannot_fit(out: Path, recordings: int, size: float) -> None:
    """Refuses recordings for which the disk has no room.

    Args:
        out: where they go; it need not exist.
        recordings: how many are still to be made.
        size: of them together, in bytes.

    Raises:
        AcoustillError: if less is free.
    """
    free = free_bytes(out)
    if size > free:
        raise AcoustillError(
            f"{out}: the {recordings} recordings still to be made take about {bytes_text(size)}, and "
            f"{bytes_text(free)} are free; make room or give another folder, and the same command goes on, or make "
            "fewer or shorter ones"
        )


def free_bytes(out: Path) -> int:
    """What is free on the disk that a folder is on, or will be."""
    there = out.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def minutes_of_work(seconds: float, recordings: int, jobs: int, set_up_s: float) -> float:
    """How long work takes.

    Args:
        seconds: of all recordings one after the other, in a process that has started.
        recordings: how many.
        jobs: number of processes; more than there are cores do not help, and each must start.
        set_up_s: what each process sets up before its first recording.
    """
    processes = min(jobs, recordings)
    at_once = min(processes, available_cores())
    starting = 0.0 if processes == 1 else (IMPORTS_S + set_up_s) * processes / at_once
    return (seconds / at_once + starting) / 60


def available_cores() -> int:
    """The cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def minutes_text(minutes: float) -> str:
    """A length of time in the unit that suits it."""
    if minutes < 2:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def bytes_text(size: float) -> str:
    """A number of bytes in the unit that suits it."""
    for unit, name in ((1e12, "TB"), (1e9, "GB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1e6:.0f} MB"

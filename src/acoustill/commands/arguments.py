"""What several commands share: reading arguments, and a bar that only terminals show."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from acoustill.errors import AcoustillError, bad_input
from acoustill.jobs import console, progress_bar

if TYPE_CHECKING:
    from acoustill.imaging.beam_specification import BeamSpecification
    from acoustill.rig import Rig

BEAM_HOP_S = 0.01
LARGEST_M = 10_000.0  # farther than any microphone array hears
LARGEST_PIXELS = 1_000_000
Highest = TypeVar("Highest", float, None)


def numbers(text: str, command: str, option: str, separator: str, count: int, kind: type) -> list[Any]:
    """The numbers in the value of an option.

    Raises:
        AcoustillError: if there are more or fewer, or something else.
    """
    parts = text.split(separator)
    try:
        values = [kind(part) for part in parts]
        usable = len(values) == count and all(math.isfinite(value) for value in values)
    except (ValueError, OverflowError):
        usable = False
    if not usable:
        raise bad_input(command, option, repr(text), f"{count} numbers separated by {separator!r}")
    return values


def band_of(
    text: str | None, command: str, lowest_hz: float, highest_hz: Highest
) -> tuple[float, float] | tuple[float, Highest]:
    """The frequencies of `--band low,high`, or those that are there by default.

    Raises:
        AcoustillError: if the option holds no range.
    """
    if text is None:
        return lowest_hz, highest_hz
    low, high = numbers(text, command, "--band", ",", 2, float)
    if not low < high:
        raise bad_input(command, "--band", repr(text), "the lower frequency first")
    return low, high


def positive_metres(value: float, command: str, option: str = "--distance") -> float:
    """A distance that sound can come from.

    Raises:
        AcoustillError: if it is not positive, not finite, or farther than `LARGEST_M`.
    """
    if not 0 < value <= LARGEST_M:
        raise bad_input(command, option, f"{value} m", f"a positive number of metres, at most {LARGEST_M:g}")
    return value


def positive_decibels(value: float, command: str, option: str = "--range") -> float:
    """A dynamic range.

    Raises:
        AcoustillError: if it is not positive or not finite.
    """
    if not 0 < value < math.inf:
        raise bad_input(command, option, f"{value} dB", "a positive number of decibels")
    return value


def point_of(text: str, command: str, option: str = "--point") -> np.ndarray:
    """The place in `--point x,y,z`, (3,) float64.

    Raises:
        AcoustillError: if the option holds anything but three coordinates of at most `LARGEST_M`.
    """
    point = np.array(numbers(text, command, option, ",", 3, float))
    if np.abs(point).max() > LARGEST_M:
        raise bad_input(command, option, repr(text), f"coordinates of {LARGEST_M:g} m at most")
    return point


def image_size(text: str, command: str, option: str = "--grid") -> tuple[int, int]:
    """The columns and rows in `--grid columnsxrows`.

    Raises:
        AcoustillError: if the option holds no size, or one of more than `LARGEST_PIXELS`.
    """
    columns, rows = numbers(text, command, option, "x", 2, int)
    if min(columns, rows) < 1 or columns * rows > LARGEST_PIXELS:
        raise bad_input(command, option, repr(text), f"columns x rows of 1 to {LARGEST_PIXELS:,} pixels")
    return columns, rows


def beams_wanted(
    beams: bool, grid: str | None, command: str, rig: Rig, distance_m: float = 2.0
) -> BeamSpecification | None:
    """The beam spectra of `--beams` and `--beam-grid columnsxrows`, of which the second implies the first.

    There is one every 10 ms, as nearly as a video frame of the rig divides into equal steps.

    Raises:
        AcoustillError: if the grid holds no size.
    """
    from acoustill.imaging.beam_specification import BeamSpecification

    if not beams and grid is None:
        return None
    size = {} if grid is None else dict(zip(("columns", "rows"), image_size(grid, command, "--beam-grid"), strict=True))
    samples = rig.samples_per_frame
    divisors = (steps for steps in range(1, samples + 1) if samples % steps == 0)
    steps = min(divisors, key=lambda steps: abs(math.log(samples / steps / rig.sample_rate / BEAM_HOP_S)))
    return BeamSpecification(**size, distance_m=distance_m, steps=steps)


def refuse_overwriting(command: str, out: Path | None, inputs: Iterable[Path | None]) -> None:
    """Refuses an output that is one of the inputs, under whatever name; None stands for an option not given.

    Raises:
        AcoustillError: naming the input.
    """
    if out is None:
        return
    for path in inputs:
        if path is not None and _same(out, path):
            raise bad_input(command, "--out", str(out), f"a file that is not read by the command, as {path} is")


@contextmanager
def naming(path: Path, *others: object) -> Iterator[None]:
    """Lets messages about a recording begin with its name.

    Args:
        path: the recording.
        *others: what messages may begin with instead; None is nothing.
    """
    try:
        yield
    except AcoustillError as error:
        if str(error).startswith(tuple(str(name) for name in (path, *others) if name is not None)):
            raise
        raise AcoustillError(f"{path}: {error}") from error


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # one of them is not there, or cannot be
        return False


def read_depth(path: Path) -> np.ndarray:
    """A depth map, (rows, columns) in metres.

    Raises:
        AcoustillError: if the file is missing or holds something else.
    """
    try:
        depth = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise AcoustillError(f"{path}: no such depth map") from error
    except (OSError, ValueError, EOFError) as error:
        raise AcoustillError(f"{path}: not a depth map ({error})") from error
    if not isinstance(depth, np.ndarray) or depth.ndim != 2 or depth.dtype.kind not in "fiu":
        found = f"{depth.dtype} {depth.shape}" if isinstance(depth, np.ndarray) else "several arrays"
        raise bad_input(path, "depth map", found, "numbers of shape (rows, columns), in metres")
    return depth


@contextmanager
def bar(title: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar, as `progress_bar`; where standard error is no terminal, nothing at all."""
    if not console.is_terminal:
        yield lambda: None
        return
    with progress_bar(title, total) as advance:
        yield advance

"""What several commands share: reading arguments, and a bar that only terminals show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.errors import AcoustillError, bad_input
from acoustill.jobs import console, progress_bar


def numbers(text: str, command: str, option: str, separator: str, count: int, kind: type) -> list[Any]:
    """The numbers in the value of an option.

    Raises:
        AcoustillError: if there are more or fewer, or something else.
    """
    parts = text.split(separator)
    try:
        values = [kind(part) for part in parts]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all():
        raise bad_input(command, option, repr(text), f"{count} numbers separated by {separator!r}")
    return values


def band_of(text: str | None, command: str, lowest_hz: float, highest_hz: float) -> tuple[float, float]:
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

"""Stretches of equal samples, found block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np


class Runs(NamedTuple):
    """Some stretches of equal samples.

    Attributes:
        starts: first sample of each.
        lengths: in samples.
        values: of the samples.
        jumps: how far the sample before or the one after is away, the greater of the two.

    Shapes:
        each: (runs,).
    """

    starts: np.ndarray
    lengths: np.ndarray
    values: np.ndarray
    jumps: np.ndarray


def equal_runs(blocks: Iterable[np.ndarray], shortest: int) -> Iterator[Runs]:
    """The stretches of at least `shortest` equal samples; those that go on from block to block are one.

    Args:
        blocks: of one channel, in order, none of them empty.
        shortest: samples.

    Shapes:
        blocks: (samples,) float64, finite.

    Example:
        >>> blocks = np.array([0.0, 2, 2]), np.array([2.0, 1, 1])
        >>> [(int(run.starts[0]), int(run.lengths[0])) for run in equal_runs(blocks, 3) if len(run.starts)]
        [(1, 3)]
    """
    offset = 0
    starts, values = np.empty(0, np.int64), np.empty(0)  # of the run that the block before left open
    before = np.nan  # the sample before that run
    for block in blocks:
        own = np.concatenate([[0], np.flatnonzero(block[1:] != block[:-1]) + 1])
        own_values = block[own]
        goes_on = int(len(values) > 0 and own_values[0] == values[0])
        starts = np.concatenate([starts, own[goes_on:] + offset])
        values = np.concatenate([values, own_values[goes_on:]])
        offset += len(block)
        yield _closed(starts, values, before, shortest)
        if len(values) > 1:
            before = values[-2]
        starts, values = starts[-1:], values[-1:]
    ends = np.append(starts, offset)
    yield _closed(ends, np.append(values, np.nan), before, shortest)


def _closed(starts: np.ndarray, values: np.ndarray, before: float, shortest: int) -> Runs:
    """All runs but the last, which is still open."""
    lengths = np.diff(starts)
    jumps = np.abs(np.diff(values))
    into = np.concatenate([[np.abs(values[0] - before)], jumps[:-1]]) if len(jumps) else jumps
    long = lengths >= shortest
    jumps = np.fmax(np.fmax(into, jumps)[long], 0.0)  # a run that is the whole channel jumps nowhere
    return Runs(starts[:-1][long], lengths[long], values[:-1][long], jumps)

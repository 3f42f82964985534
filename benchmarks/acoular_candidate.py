"""acoustill as a candidate of other people's benchmarks of delay-and-sum imagers.

A factory takes the set-up of the task (`mics` [M, 3] and `grid` [P, 3] in metres, x-major over `grid_shape`,
`bins`, `sample_rate`, `block`, `c`, `steer`) and gives a function from samples [N, M] to energies [T, F, P].
`make` is the skeleton path, `make_exact` the direct sum. Both write into a buffer of the caller: energies [F, T, P]
that are kept between calls and given as a view [T, F, P], so that a second call overwrites what the first gave.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from acoustill.imaging import Grid, Imager, ImageSpecification
from acoustill.rig import Rig

TOLERANCE = 2e-5


def make(setup: Any, tolerance: float = TOLERANCE) -> Callable[[np.ndarray], np.ndarray]:
    """Energies of every frame, bin and point, to the tolerance."""
    rig = Rig("task", setup.mics, setup.sample_rate, setup.sample_rate / setup.block, speed_of_sound=setup.c)
    grid = Grid(setup.grid.reshape(*setup.grid_shape, 3))
    specification = ImageSpecification(features="energy", formulation=setup.steer)
    imager = Imager(rig, grid, specification, tolerance=tolerance, threads=setup.threads, use_cache=False)
    kept: dict[int, np.ndarray] = {}

    def energies(signal: np.ndarray) -> np.ndarray:
        frames = len(signal) // setup.block
        if frames not in kept:
            kept.clear()
            kept[frames] = np.empty((len(setup.bins), frames, *setup.grid_shape), np.float32)
        found = imager.energies(signal.T, kept[frames])
        return found.reshape(len(setup.bins), frames, -1).transpose(1, 0, 2)

    return energies


def make_exact(setup: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The direct sum."""
    return make(setup, tolerance=0.0)

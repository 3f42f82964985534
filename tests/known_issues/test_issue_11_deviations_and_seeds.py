"""The paper's code divided sums by the wrong number, and set no seed.

Means and deviations are those of numpy however the data come in batches; equal seeds draw equal clips.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from acoustill.learning.sampling import StepSampler
from acoustill.models.network import Standardise


@pytest.mark.parametrize("cuts", [(), (1,), (3, 4), (5, 9, 15)])
def test_statistics_do_not_depend_on_batches(cuts: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(50, 3, (20, 7, 4)).astype(np.float32)
    standardise = Standardise(4)
    standardise.fit(torch.from_numpy(part) for part in np.split(values, cuts))
    flat = values.reshape(-1, 4).astype(np.float64)
    np.testing.assert_allclose(standardise.mean.numpy(), flat.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(standardise.deviation.numpy(), flat.std(axis=0, ddof=1), rtol=1e-5)


def test_equal_seeds_draw_equal_clips() -> None:
    draws = [list(StepSampler(7, 5, 4, 2, 6, seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_every_recording_comes_before_any_comes_again() -> None:
    sampler = StepSampler(8, 6, 4, 3, 2, 0)
    drawn = [draw.recording for draw in sampler]
    assert sorted(recording for recording in drawn if recording < 8) == list(range(8))
    assert sorted(recording for recording in drawn if recording >= 8) == list(range(8, 14))

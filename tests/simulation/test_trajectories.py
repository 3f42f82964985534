"""Where sources are: on the stage, without jumps, and the same whatever the action."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from acoustill.errors import AcoustillError
from acoustill.rig import preset
from acoustill.rig.rig import Rig
from acoustill.simulation.acoustics import Place
from acoustill.simulation.sources import ACTIONS
from acoustill.simulation.trajectories import AT_FURNITURE, DEPTHS_M, SHIFT_M, STAGE, draw_trajectory

OUTSIDE = Place("free", rig_position_m=(0.0, 0.0, 1.4))
TIGHT = Place("room", (4.2, 3.2, 2.6), 0.3, (0.4, 1.6, 1.4))
FRAMES = 240
TAKES = 300


@pytest.fixture(scope="module")
def rig() -> Rig:
    return preset("dualcam")


def paths(rig: Rig, place: Place, action: str, seed: int = 0, takes: int = TAKES) -> np.ndarray:
    """(takes, frames, 3)."""
    rng = np.random.default_rng(seed)
    return np.stack([draw_trajectory(rig, place, action, FRAMES, rng) for _ in range(takes)])


@pytest.mark.parametrize("place", [OUTSIDE, TIGHT])
@pytest.mark.parametrize("action", ["speaking", "typing"])
def test_sources_stay_on_the_stage_and_inside_the_walls(rig: Rig, place: Place, action: str) -> None:
    drawn = paths(rig, place, action, takes=60)
    shares = rig.camera.project(drawn) / (rig.camera.width, rig.camera.height)
    assert (shares >= STAGE[0] - 1e-9).all()
    assert (shares <= STAGE[1] + 1e-9).all()
    assert drawn[..., 2].min() >= DEPTHS_M[0] - 1e-9
    assert drawn[..., 2].max() <= DEPTHS_M[1] + 1e-9
    if place.kind == "room":
        assert all(place.holds(point) for point in place.from_rig(drawn).reshape(-1, 3)[::7])


def test_nobody_jumps_or_runs(rig: Rig) -> None:
    drawn = paths(rig, OUTSIDE, "speaking")
    velocity = np.diff(drawn, axis=1) * rig.frame_rate
    assert 0.4 < np.linalg.norm(velocity, axis=-1).max() <= 1.0
    acceleration = np.diff(velocity, axis=1) * rig.frame_rate
    assert np.linalg.norm(acceleration, axis=-1).max() <= 1.5


def test_half_stand_still_and_some_walk(rig: Rig) -> None:
    for action, walks in (("speaking", True), ("hammering", False)):
        drawn = paths(rig, OUTSIDE, action)
        away = np.linalg.norm(drawn - drawn[:, :1], axis=-1).max(axis=1)
        assert 0.42 < np.mean(away == 0) < 0.58
        far = np.mean(away > 2 * SHIFT_M)
        assert (0.08 < far < 0.25) if walks else far == 0
        assert np.ptp(drawn[away <= 2 * SHIFT_M][..., 1:], axis=1).max() == pytest.approx(0, abs=1e-9)  # sideways only


def test_a_loudspeaker_stands_still(rig: Rig) -> None:
    drawn = paths(rig, OUTSIDE, "loudspeaker", takes=50)
    assert (drawn == drawn[:, :1]).all()


def test_place_and_way_do_not_tell_the_action(rig: Rig) -> None:
    """Actions draw from one distribution, but for walking: Kolmogorov and Smirnov find no other difference."""
    drawn = {action: paths(rig, OUTSIDE, action, seed) for seed, action in enumerate(ACTIONS)}
    one = drawn["clapping"]
    for action, other in drawn.items():
        if action == "clapping":
            continue
        for axis in range(3):
            assert ks_2samp(one[:, 0, axis], other[:, 0, axis]).pvalue > 1e-3, action
        away, others = (np.linalg.norm(d - d[:, :1], axis=-1).max(axis=1) for d in (one, other))
        if action in AT_FURNITURE:
            away, others = (values[values <= 2 * SHIFT_M] for values in (away, others))
        assert ks_2samp(away, others).pvalue > 1e-3, action


def test_equal_seeds_give_equal_paths(rig: Rig) -> None:
    assert (paths(rig, TIGHT, "speaking", 5, 9) == paths(rig, TIGHT, "speaking", 5, 9)).all()


def test_a_room_without_a_stage_is_refused(rig: Rig) -> None:
    cupboard = Place("room", (1.0, 1.0, 2.0), 0.3, (0.5, 0.5, 1.4))
    with pytest.raises(AcoustillError, match="no place in the field of view"):
        draw_trajectory(rig, cupboard, "typing", 12, np.random.default_rng(0))

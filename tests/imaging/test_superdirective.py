"""Superdirective weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.imaging.grid import camera_grid
from acoustill.imaging.steering import FORMULATIONS, DelayAndSum
from acoustill.imaging.superdirective import HEADROOM, LATTICE_PER_OCTAVE, Superdirective
from acoustill.rig import preset

POSITIONS = np.random.default_rng(0).uniform(-0.2, 0.2, (10, 3)) * (1, 1, 0.1)
POINTS = np.array([[0.1, 0.2, 1.0], [-0.4, 0.0, 3.0], [0.3, -0.3, 0.8]])


def coherence(positions_m: np.ndarray, frequency_hz: float) -> np.ndarray:
    """Of spherically diffuse noise between microphones (Cook et al. 1955)."""
    distances = np.linalg.norm(positions_m[:, None] - positions_m[None], axis=-1)
    return np.sinc(2 * frequency_hz * distances / 343.0)


def steering(beamformer: DelayAndSum, frequency_hz: float) -> np.ndarray:
    weights = beamformer.at(frequency_hz)
    return weights.conj() / np.square(np.abs(weights)).sum(axis=1, keepdims=True)


def gain_db(weights: np.ndarray) -> np.ndarray:
    """White noise gain of weights with unit response."""
    return -10 * np.log10(np.square(np.abs(weights)).sum(axis=1))


def directivity_db(weights: np.ndarray, positions_m: np.ndarray, frequency_hz: float) -> np.ndarray:
    """Directivity index of weights with unit response."""
    heard = weights @ coherence(positions_m, frequency_hz)
    return -10 * np.log10((heard * weights.conj()).sum(axis=1).real)


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("frequency", [2**6.5, 2**9.5, 2500.0])
def test_weights_are_the_formula_one_point_at_a_time(formulation: str, frequency: float) -> None:
    beamformer = Superdirective(POSITIONS, POINTS, formulation, white_noise_gain_db=-40.0)
    loaded = coherence(POSITIONS, frequency) + beamformer.loading(frequency) * np.eye(len(POSITIONS))
    weights = beamformer.at(frequency)
    assert (gain_db(weights) > -40 - 1e-6).all()  # on the lattice, and where the limit does not act: loading only
    for weight, a in zip(weights, steering(DelayAndSum(POSITIONS, POINTS, formulation), frequency), strict=True):
        expected = a.conj() @ np.linalg.inv(loaded)
        expected = expected / (expected @ a)
        np.testing.assert_allclose(weight, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("frequency", [100.0, 4321.0])
def test_true_level_weights_hear_a_source_at_its_level_at_the_reference(frequency: float) -> None:
    weights = Superdirective(POSITIONS, POINTS, white_noise_gain_db=0.0).at(frequency)
    for point, weight in zip(POINTS, weights, strict=True):
        far, origin = np.linalg.norm(POSITIONS - point, axis=1), np.linalg.norm(point)
        heard = origin / far * np.exp(-2j * np.pi * frequency * (far - origin) / 343.0)
        assert weight @ heard == pytest.approx(1.0)


@given(
    seed=st.integers(0, 10_000),
    microphones=st.integers(2, 14),
    formulation=st.sampled_from(FORMULATIONS),
    below_db=st.floats(0.0, 40.0),
    frequency=st.floats(5.0, 20_000.0),
)
def test_response_is_one_and_the_limit_holds(
    seed: int, microphones: int, formulation: str, below_db: float, frequency: float
) -> None:
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-0.3, 0.3, (microphones, 3)) * (1, 1, rng.integers(0, 2))
    points = np.column_stack([rng.uniform(-1, 1, (15, 2)), rng.uniform(0.5, 3, 15)])
    delay_and_sum = DelayAndSum(positions, points, formulation)
    limit_db = float(gain_db(delay_and_sum.at(1.0)).min() - below_db - 1e-9)
    weights = Superdirective(positions, points, formulation, white_noise_gain_db=limit_db).at(frequency)
    responses = (weights * steering(delay_and_sum, frequency)).sum(axis=1)
    np.testing.assert_allclose(responses, 1.0, atol=1e-6)
    assert gain_db(weights).min() >= limit_db - 1e-6
    gained = directivity_db(weights, positions, frequency)
    assert (gained >= directivity_db(delay_and_sum.at(frequency), positions, frequency) - 1e-6).all()


def test_the_reference_rig_keeps_the_limit_in_every_bin_and_pixel() -> None:
    rig = preset("dualcam")
    points = camera_grid(rig.camera, 36, 48, 2.0).points_m.reshape(-1, 3)
    beamformer = Superdirective(rig.positions_m[rig.working], points, white_noise_gain_db=0.0)
    lowest = np.array([gain_db(beamformer.at(12.0 * bin_)).min() for bin_ in range(1, 513)])
    assert lowest.min() >= -1e-9
    assert np.mean(lowest < 1.0) > 0.4  # and is not kept by giving up directivity
    assert beamformer.loading(6144.0) < 1e-8  # none is needed where half a wavelength is shorter than the gaps


@pytest.mark.parametrize("frequency", [204.0, 504.0, 996.0])
def test_it_is_more_directive_and_sharper_than_delay_and_sum_below_1_khz(frequency: float) -> None:
    rig = preset("dualcam")
    positions = rig.positions_m[rig.working]
    line = np.column_stack([np.linspace(-3, 3, 121), np.zeros(121), np.full(121, 2.0)])
    plain, sharp = DelayAndSum(positions, line, "true level"), Superdirective(positions, line, white_noise_gain_db=0.0)
    gained = directivity_db(sharp.at(frequency), positions, frequency)
    gained -= directivity_db(plain.at(frequency), positions, frequency)
    assert gained.min() > 1.0
    source = steering(plain, frequency)[60]
    widths = [np.count_nonzero(np.square(np.abs(b.at(frequency) @ source)) > 0.5) for b in (plain, sharp)]
    assert widths[1] < 0.8 * widths[0]


@pytest.mark.parametrize("i", [36, 42, 48])
def test_the_loading_is_the_smallest_that_keeps_the_limit_with_headroom(i: int) -> None:
    frequency = 2 ** (i / LATTICE_PER_OCTAVE)
    a = steering(DelayAndSum(POSITIONS, POINTS, "true level"), frequency)

    def lowest_db(loading: float) -> float:
        solved = a.conj() @ np.linalg.inv(coherence(POSITIONS, frequency) + loading * np.eye(len(POSITIONS)))
        return float(gain_db(solved / (solved * a).sum(axis=1, keepdims=True)).min())

    loading = Superdirective(POSITIONS, POINTS, white_noise_gain_db=-10.0).loading(frequency)
    assert loading > 1e-8
    wanted_db = -10.0 + 10 * np.log10(HEADROOM)
    assert lowest_db(loading) >= wanted_db - 1e-9 > lowest_db(0.99 * loading)


def test_at_the_highest_limit_it_is_delay_and_sum() -> None:
    plain = DelayAndSum(POSITIONS, POINTS, "true level")
    limit_db = float(gain_db(plain.at(1.0)).min()) - 1e-9
    found = Superdirective(POSITIONS, POINTS, white_noise_gain_db=limit_db).at(800.0)
    np.testing.assert_allclose(found, plain.at(800.0), atol=1e-3 * np.abs(found).max())


def test_some_points_are_as_all_points() -> None:
    chosen = np.array([2, 0])
    whole = Superdirective(POSITIONS, POINTS, white_noise_gain_db=5.0)
    part = Superdirective(POSITIONS, POINTS, white_noise_gain_db=5.0)  # has not seen the other points' frequency yet
    for frequency in (77.0, 1000.0, 3333.0):
        np.testing.assert_allclose(part.at(frequency, chosen), whole.at(frequency)[chosen], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(part.at(frequency, slice(1, 2)), whole.at(frequency)[1:2], rtol=1e-9, atol=1e-12)


def test_microphones_at_one_place_share_their_weight() -> None:
    twice = Superdirective(np.vstack([POSITIONS, POSITIONS[:1]]), POINTS, white_noise_gain_db=-5.0).at(600.0)
    assert np.isfinite(twice).all()
    np.testing.assert_allclose(twice[:, 0], twice[:, -1], atol=1e-9)


def test_identity_is_of_everything_that_the_weights_follow_from() -> None:
    def same(one: Superdirective, other: Superdirective) -> bool:
        mine, others = one.identity(), other.identity()
        return mine.keys() == others.keys() and all(np.array_equal(mine[key], others[key]) for key in mine)  # type: ignore[arg-type]

    first = Superdirective(POSITIONS, POINTS)
    assert same(first, Superdirective(POSITIONS.copy(), POINTS.copy()))
    assert all(isinstance(value, str | float | list | np.ndarray) for value in first.identity().values())
    for other in (
        Superdirective(POSITIONS + 1e-6, POINTS),
        Superdirective(POSITIONS, POINTS + 1e-6),
        Superdirective(POSITIONS, POINTS, "classic"),
        Superdirective(POSITIONS, POINTS, speed_of_sound=344.0),
        Superdirective(POSITIONS, POINTS, reference_m=(0.0, 0.0, 0.1)),
        Superdirective(POSITIONS, POINTS, white_noise_gain_db=-1.0),
    ):
        assert not same(first, other)


def test_what_cannot_be_kept_is_refused() -> None:
    with pytest.raises(AcoustillError, match=r"gain is 12 dB, expected at most 9.* dB for this array"):
        Superdirective(POSITIONS, POINTS, white_noise_gain_db=12.0)
    with pytest.raises(AcoustillError, match="white noise gain is nan dB"):
        Superdirective(POSITIONS, POINTS, white_noise_gain_db=float("nan"))
    with pytest.raises(AcoustillError, match="formulation is 'mine'"):
        Superdirective(POSITIONS, POINTS, "mine")
    with pytest.raises(AcoustillError, match="a pixel is at a microphone"):
        Superdirective(POSITIONS, POSITIONS[:1])
    for frequency in (0.0, -5.0, float("inf")):
        with pytest.raises(AcoustillError, match=r"frequency is .* Hz, expected a number above 0"):
            Superdirective(POSITIONS, POINTS).at(frequency)

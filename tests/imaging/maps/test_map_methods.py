"""Every way from cross spectra to a map keeps one contract; then what is particular to each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.imaging.cross_spectral_matrix import CrossSpectra, cross_spectra
from acoustill.imaging.maps import MAP_METHODS, BeamMap, CleanScMap, FunctionalMap, MapMethod, MvdrMap, map_method
from acoustill.imaging.steering import FORMULATIONS, DelayAndSum
from acoustill.imaging.superdirective import Superdirective
from free_field import free_field

POSITIONS = np.random.default_rng(7).uniform(-0.35, 0.35, (24, 3)) * (1, 1, 0.1)
X, Y = np.meshgrid(np.linspace(-0.6, 0.6, 13), np.linspace(-0.4, 0.4, 9))
POINTS = np.column_stack([X.ravel(), Y.ravel(), np.full(X.size, 1.2)])
CORNER, MIDDLE, LAST = 0, 4 * 13 + 7, 9 * 13 - 1
RATE, BLOCK = 12288, 256

Build = Callable[[np.ndarray, np.ndarray], MapMethod]


def named(name: str, formulation: str = "true level", **parameters: float | bool | None) -> Build:
    return lambda positions, points: map_method(name, positions, points, formulation, parameters=parameters)


# How to build each method, and how far the level of a source, alone and on a point, may be off, in decibels: the
# amplitudes of "classic" and "inverse" do not follow the distances, MVDR adds its loading / M, and diagonal removal
# takes all microphones for equally loud.
METHODS: dict[str, tuple[Build, float]] = {
    "superdirective in classic": (named("superdirective", "classic"), 0.4),
    "superdirective, limit -10 dB": (named("superdirective", white_noise_gain_db=-10.0), 1e-6),
    "delay-and-sum without diagonal": (named("delay-and-sum", remove_diagonal=True), 0.05),
    "mvdr, little loading": (named("mvdr", loading=1e-4), 1e-4),
    "functional, exponent 40": (named("functional", exponent=40.0), 1e-6),
    "clean-sc without diagonal": (named("clean-sc", remove_diagonal=True), 0.05),
    "clean-sc with beams and remainder": (named("clean-sc", beam_width_m=0.1, remainder=True), 1e-6),
    "clean-sc of superdirective": (lambda mics, points: CleanScMap(Superdirective(mics, points)), 1e-3),
    **{f"delay-and-sum, {form}": (named("delay-and-sum", form), 0.4) for form in FORMULATIONS},
    **{name: (named(name), 0.02) for name in MAP_METHODS},
}
every_method = pytest.mark.parametrize("name", METHODS)


def transfer(point_m: np.ndarray, frequency_hz: float, positions_m: np.ndarray = POSITIONS) -> np.ndarray:
    """Pressures at the microphones of a point source of unit pressure at the origin."""
    far, origin = np.linalg.norm(positions_m - point_m, axis=1), np.linalg.norm(point_m)
    return origin / far * np.exp(-2j * np.pi * frequency_hz * (far - origin) / 343.0)


def sources(energies: dict[int, float], frequency_hz: float, noise: float = 0.0) -> CrossSpectra:
    """Exact cross spectra of incoherent sources on points, in noise that the microphones do not share."""
    matrix = noise * np.eye(len(POSITIONS), dtype=np.complex128)
    for point, energy in energies.items():
        heard = transfer(POINTS[point], frequency_hz)
        matrix += energy * np.outer(heard, heard.conj())
    return CrossSpectra(np.array([frequency_hz]), matrix[None], 1000)


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    """Two sources and noise, 20 blocks."""
    rng = np.random.default_rng(11)
    signals = 0.05 * rng.standard_normal((len(POSITIONS), 20 * BLOCK))
    for point, level in ((CORNER, 0.7), (MIDDLE, 1.0)):
        signals += free_field(POSITIONS, tuple(POINTS[point]), level * rng.standard_normal(20 * BLOCK), RATE)
    return signals


@pytest.fixture(scope="module")
def spectra(recording: np.ndarray) -> CrossSpectra:
    return cross_spectra(recording, RATE, BLOCK, lowest_hz=900, highest_hz=5000).keep(range(len(POSITIONS)))


# The contract.


@every_method
@pytest.mark.parametrize("point", [CORNER, MIDDLE, LAST])
@pytest.mark.parametrize("frequency", [1500.0, 4000.0])
def test_a_source_is_found_on_its_point_at_its_level(name: str, point: int, frequency: float) -> None:
    build, tolerance_db = METHODS[name]
    energies = build(POSITIONS, POINTS)(sources({point: 0.02}, frequency))
    assert (energies.shape, energies.dtype) == ((1, len(POINTS)), np.float64)
    assert energies[0].argmax() == point
    assert abs(10 * np.log10(energies[0, point] / 0.02)) < tolerance_db


@every_method
def test_two_sources_are_both_found(name: str) -> None:
    energies = METHODS[name][0](POSITIONS, POINTS)(sources({MIDDLE: 1.0, CORNER: 0.5}, 4000.0, noise=0.01))
    image = energies.reshape(9, 13)
    padded = np.pad(image, 1, constant_values=-1)
    neighbours = np.stack([padded[1 + i : 10 + i, 1 + j : 14 + j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    summits = np.where(image >= neighbours.max(axis=0), image, 0).ravel()
    assert np.argsort(-summits)[:2].tolist() == [MIDDLE, CORNER]


@every_method
def test_signals_twice_as_loud_have_four_times_the_energy(
    name: str, recording: np.ndarray, spectra: CrossSpectra
) -> None:
    louder = cross_spectra(2 * recording, RATE, BLOCK, lowest_hz=900, highest_hz=5000)
    method = METHODS[name][0](POSITIONS, POINTS)
    np.testing.assert_allclose(method(louder), 4 * method(spectra), rtol=1e-9)


@every_method
def test_the_order_of_the_microphones_is_nothing_to_it(name: str, spectra: CrossSpectra) -> None:
    order = np.random.default_rng(0).permutation(len(POSITIONS))
    build = METHODS[name][0]
    expected = build(POSITIONS, POINTS)(spectra)
    found = build(POSITIONS[order], POINTS)(spectra.keep(order))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * expected.max())


@every_method
def test_a_microphone_that_is_left_out_might_not_be_there(name: str, recording: np.ndarray) -> None:
    working = np.delete(np.arange(len(POSITIONS)), [3, 17])
    broken = recording.copy()
    broken[[3, 17]] = 1e3
    method = METHODS[name][0](POSITIONS[working], POINTS)
    expected = method(cross_spectra(recording[working], RATE, BLOCK, lowest_hz=1000, highest_hz=2000))
    found = method(cross_spectra(broken, RATE, BLOCK, lowest_hz=1000, highest_hz=2000).keep(working))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * expected.max())


@every_method
def test_energies_are_finite_and_not_negative(name: str, recording: np.ndarray, spectra: CrossSpectra) -> None:
    method = METHODS[name][0](POSITIONS, POINTS)
    one_block = cross_spectra(recording[:, :BLOCK], RATE, BLOCK, lowest_hz=900, highest_hz=5000)
    faint = CrossSpectra(spectra.frequencies_hz, spectra.matrices * 1e-30, spectra.blocks)
    for given in (spectra, one_block, faint):
        energies = method(given)
        assert np.isfinite(energies).all()
        assert (energies >= 0).all()
        assert energies.any(axis=1).all()
    silence = cross_spectra(np.zeros((len(POSITIONS), 2 * BLOCK)), RATE, BLOCK)
    assert not method(silence).any()


@every_method
def test_other_microphones_are_refused(name: str, spectra: CrossSpectra) -> None:
    method = METHODS[name][0](POSITIONS, POINTS)
    with pytest.raises(AcoustillError, match="number of microphones is 5, expected 24, those of the beamformer"):
        method(spectra.keep(range(5)))


# What is particular.


def test_the_mean_of_the_imagers_frames_is_the_conventional_map(recording: np.ndarray) -> None:
    from acoustill.imaging import Grid, Imager, ImageSpecification
    from acoustill.rig import Rig

    rig = Rig("some", POSITIONS, RATE, RATE / BLOCK)
    specification = ImageSpecification(features="energy", formulation="true level")
    frames = Imager(rig, Grid(POINTS.reshape(9, 13, 3)), specification)(recording.astype(np.float32))
    spectra = cross_spectra(recording, RATE, BLOCK, "rectangular", overlap=0.0)
    expected = map_method("delay-and-sum", POSITIONS, POINTS)(spectra)[:-1]
    found = frames.mean(axis=0).reshape(len(POINTS), -1).T[:-1]
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_mvdr_separates_what_is_one_main_lobe_of_delay_and_sum() -> None:
    left, between, right = 4 * 13 + 4, 4 * 13 + 6, 4 * 13 + 8
    given = sources({left: 1.0, right: 1.0}, 800.0, noise=0.001)
    merged, apart = (map_method(name, POSITIONS, POINTS)(given)[0] for name in ("delay-and-sum", "mvdr"))
    assert merged[between] > max(merged[left], merged[right])
    assert set(np.argsort(-apart)[:2]) == {left, right}
    assert apart[between] < 0.75 * min(apart[left], apart[right])


@pytest.mark.parametrize("name", ["mvdr", "clean-sc"])
def test_a_source_is_found_under_the_side_lobes_of_another(name: str) -> None:
    given = sources({MIDDLE: 1.0, CORNER: 0.02}, 2000.0, noise=0.001)
    with_side_lobes, clean = (map_method(method, POSITIONS, POINTS)(given)[0] for method in ("delay-and-sum", name))
    far = np.linalg.norm(POINTS - POINTS[MIDDLE], axis=1) > 0.35
    assert POINTS[far][with_side_lobes[far].argmax()].tolist() != POINTS[CORNER].tolist()
    assert POINTS[far][clean[far].argmax()].tolist() == POINTS[CORNER].tolist()
    assert clean[CORNER] == pytest.approx(0.02, rel=0.25)


def test_noise_at_each_microphone_goes_with_the_diagonal() -> None:
    given = sources({MIDDLE: 1.0}, 2000.0, noise=20.0)
    with_it = map_method("delay-and-sum", POSITIONS, POINTS)(given)[0, MIDDLE]
    without = map_method("delay-and-sum", POSITIONS, POINTS, parameters={"remove_diagonal": True})(given)[0, MIDDLE]
    share = 20 / np.square(np.abs(transfer(POINTS[MIDDLE], 2000.0))).sum()
    assert (with_it, without) == (pytest.approx(1 + share), pytest.approx(1, rel=0.01))


def test_mvdr_loses_level_as_it_says_when_the_rig_is_not_calibrated() -> None:
    rng = np.random.default_rng(2)
    heard = transfer(POINTS[MIDDLE], 2000.0)
    gains = 1 + 0.05 * (rng.standard_normal(24) + 1j * rng.standard_normal(24))
    true = heard * gains / np.linalg.norm(heard * gains) * np.linalg.norm(heard)
    share = np.abs(true.conj() @ heard) ** 2 / np.linalg.norm(heard) ** 4
    given = CrossSpectra(np.array([2000.0]), np.outer(true, true.conj())[None], 1)
    for loading in (0.01, 0.1, 1.0):
        expected = 1 / (1 + 24 * (1 - share) / loading)
        assert map_method("mvdr", POSITIONS, POINTS, parameters={"loading": loading})(given)[0, MIDDLE] == (
            pytest.approx(expected, rel=0.1)
        )


def test_functional_beamforming_lowers_side_lobes_by_its_exponent() -> None:
    given = sources({MIDDLE: 1.0}, 3000.0)
    once, often = (
        map_method("functional", POSITIONS, POINTS, parameters={"exponent": nu})(given)[0] for nu in (1.0, 6.0)
    )
    np.testing.assert_allclose(once, map_method("delay-and-sum", POSITIONS, POINTS)(given)[0], rtol=1e-9, atol=1e-15)
    norms = np.square(np.abs(DelayAndSum(POSITIONS, POINTS, "true level").at(3000.0))).sum(axis=1)
    unit = once / norms / (once[MIDDLE] / norms[MIDDLE])  # relative to unit steering vectors
    np.testing.assert_allclose(often / norms / (once[MIDDLE] / norms[MIDDLE]), unit**6, rtol=1e-6, atol=1e-15)


def test_clean_sc_is_the_slow_algorithm() -> None:
    """Sijtsma 2007, equations 18 to 27, with the matrices written out."""
    given = sources({MIDDLE: 1.0, CORNER: 0.5, LAST: 0.3}, 2500.0, noise=0.05)
    weights = DelayAndSum(POSITIONS, POINTS, "true level").at(2500.0)
    left, clean = given.matrices[0].copy(), np.zeros(len(POINTS))
    for _ in range(12):
        dirty = np.array([(w @ left @ w.conj()).real for w in weights])
        j = int(dirty.argmax())
        crossed = left @ weights[j].conj()
        left = left - 0.5 * np.outer(crossed, crossed.conj()) / dirty[j]
        clean[j] += 0.5 * dirty[j]
    found = map_method("clean-sc", POSITIONS, POINTS, parameters={"gain": 0.5, "iterations": 12, "range_db": 90.0})(
        given
    )[0]
    np.testing.assert_allclose(found, clean, rtol=1e-9, atol=1e-12)


def test_clean_sc_spreads_components_and_adds_what_is_left() -> None:
    given = sources({MIDDLE: 1.0}, 2500.0, noise=0.01)
    point_like, spread, whole = (
        map_method("clean-sc", POSITIONS, POINTS, parameters={"iterations": 3, **more})(given)[0]
        for more in ({}, {"beam_width_m": 0.2}, {"remainder": True})
    )
    assert np.flatnonzero(point_like).tolist() == [MIDDLE]
    assert spread[MIDDLE] == point_like[MIDDLE]
    assert spread[MIDDLE + 1] == pytest.approx(spread[MIDDLE] / 2)  # the next point is half the width away
    left = whole - point_like
    assert (left >= 0).all()
    assert whole[MIDDLE] == pytest.approx(1 + 0.01 / 24, rel=0.01)


def test_clean_sc_takes_noise_for_no_source() -> None:
    """Sijtsma's criterion: to take a component from it would leave more than there was."""
    given = sources({}, 2500.0, noise=1.0)
    assert not map_method("clean-sc", POSITIONS, POINTS)(given).any()
    left = map_method("clean-sc", POSITIONS, POINTS, parameters={"remainder": True})(given)
    np.testing.assert_allclose(left, map_method("delay-and-sum", POSITIONS, POINTS)(given))


def test_clean_sc_ends_when_the_rest_is_faint() -> None:
    given = sources({MIDDLE: 1.0, CORNER: 0.003}, 3500.0)
    near, far = (
        map_method("clean-sc", POSITIONS, POINTS, parameters={"range_db": decibels})(given)[0]
        for decibels in (20.0, 40.0)
    )
    assert near[CORNER] == 0
    assert far[CORNER] == pytest.approx(0.003, rel=0.1)


# Names and parameters.


def test_there_is_a_method_of_every_name() -> None:
    assert list(MAP_METHODS) == ["delay-and-sum", "superdirective", "mvdr", "functional", "clean-sc"]
    kinds = [type(map_method(name, POSITIONS, POINTS)) for name in MAP_METHODS]
    assert kinds == [BeamMap, BeamMap, MvdrMap, FunctionalMap, CleanScMap]


def test_the_reference_and_the_speed_of_sound_reach_the_weights() -> None:
    given = sources({MIDDLE: 1.0}, 2000.0)
    plain = map_method("delay-and-sum", POSITIONS, POINTS)(given)[0, MIDDLE]
    nearer = map_method("delay-and-sum", POSITIONS, POINTS, reference_m=(0.0, 0.0, 0.6))(given)[0, MIDDLE]
    far, near = np.linalg.norm(POINTS[MIDDLE]), np.linalg.norm(POINTS[MIDDLE] - (0, 0, 0.6))
    assert nearer == pytest.approx(plain * (far / near) ** 2)
    assert map_method("delay-and-sum", POSITIONS, POINTS, speed_of_sound=300.0)(given)[0, MIDDLE] < 0.99 * plain


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("music", {}, "method is 'music', expected one of delay-and-sum, superdirective, mvdr, functional, clean-sc"),
        ("mvdr", {"exponent": 3.0}, "map method mvdr: a parameter is 'exponent', expected one of loading"),
        ("mvdr", {"loading": 0.0}, "MVDR: loading is 0.0, expected a positive number"),
        ("functional", {"exponent": 0.5}, "functional beamforming: exponent is 0.5, expected at least 1"),
        ("clean-sc", {"gain": 1.5}, "CLEAN-SC: gain is 1.5"),
        ("clean-sc", {"iterations": 0}, "CLEAN-SC: iterations is 0"),
        ("clean-sc", {"range_db": -3.0}, "CLEAN-SC: range is -3.0 dB"),
        ("clean-sc", {"beam_width_m": 0.0}, "CLEAN-SC: beam width is 0.0 m"),
        ("superdirective", {"white_noise_gain_db": 30.0}, "white noise gain is 30 dB"),
        ("delay-and-sum", {"formulation": 1}, "a parameter is 'formulation', expected one of remove_diagonal"),
        ("delay-and-sum", {"positions_m": 1}, "a parameter is 'positions_m'"),
        ("delay-and-sum", {"name": 3}, "a parameter is 'name'"),
        ("delay-and-sum", {"steering": 3}, "a parameter is 'steering'"),
        ("delay-and-sum", {"remove_diagonal": 2}, "delay-and-sum: remove_diagonal is 2, expected true or false"),
        ("delay-and-sum", {"remove_diagonal": None}, "remove_diagonal is none, expected true or false"),
        ("clean-sc", {"iterations": 2.5}, "map method clean-sc: iterations is 2.5, expected a whole number or none"),
        ("clean-sc", {"iterations": 1e3}, "iterations is 1000.0, expected a whole number or none"),
        ("clean-sc", {"iterations": True}, "iterations is true, expected a whole number or none"),
        ("clean-sc", {"gain": True}, "gain is true, expected a number$"),
        ("clean-sc", {"gain": None}, "gain is none, expected a number$"),
        ("clean-sc", {"beam_width_m": "wide"}, "beam_width_m is 'wide', expected a number or none"),
        ("clean-sc", {"gain": float("nan")}, "gain is nan"),
        ("superdirective", {"white_noise_gain_db": float("nan")}, "white noise gain is nan dB"),
    ],
)
def test_wrong_names_and_parameters_are_refused(name: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(AcoustillError, match=message):
        map_method(name, POSITIONS, POINTS, parameters=parameters)  # type: ignore[arg-type]


def test_parameters_may_be_whole_numbers_or_none() -> None:
    given = sources({MIDDLE: 1.0}, 2500.0, noise=0.01)
    expected = map_method("clean-sc", POSITIONS, POINTS)(given)
    for parameters in ({"iterations": None, "beam_width_m": None}, {"range_db": 40}, {"iterations": np.int64(96)}, {}):
        found = map_method("clean-sc", POSITIONS, POINTS, parameters=parameters)(given)
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(AcoustillError, match="formulation is 'mine'"):
        map_method("delay-and-sum", POSITIONS, POINTS, "mine")


def test_methods_that_need_delay_and_sum_say_so() -> None:
    sharp = Superdirective(POSITIONS, POINTS)
    for build in (
        lambda: MvdrMap(sharp),  # type: ignore[arg-type]
        lambda: FunctionalMap(sharp),  # type: ignore[arg-type]
        lambda: BeamMap(sharp, remove_diagonal=True),
        lambda: CleanScMap(sharp, remove_diagonal=True),
    ):
        with pytest.raises(AcoustillError, match=r"beamformer is Superdirective.*, expected DelayAndSum"):
            build()
    with pytest.raises(AcoustillError, match="DelayAndSum of 1 microphones"):
        BeamMap(DelayAndSum(POSITIONS[:1], POINTS), remove_diagonal=True)

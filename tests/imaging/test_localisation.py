"""Continuous localisation of one source."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.imaging.localisation import FARTHEST_M, Localisation, Localiser, _Beam, _paths
from acoustill.rig import Camera, Rig, preset
from acoustill.simulation.acoustics import Place, impulse_responses, propagate
from free_field import free_field

BEEP_HZ = 3000.0


def hear(rig: Rig, place: np.ndarray, snr_db: float, rng: np.random.Generator, beep: bool = False) -> np.ndarray:
    """Three frames of noise or of a beep from a place, with noise of its own at every microphone."""
    samples = 3 * rig.samples_per_frame
    tone = np.sin(2 * np.pi * BEEP_HZ * np.arange(samples) / rig.sample_rate)
    signals = free_field(rig.positions_m, tuple(place), tone if beep else rng.standard_normal(samples), rig.sample_rate)
    return signals + 10 ** (-snr_db / 20) * signals.std() * rng.standard_normal(signals.shape).astype(np.float32)


def place_of(rng: np.random.Generator) -> np.ndarray:
    depth = rng.uniform(0.7, 3)
    return np.array([rng.uniform(-0.5, 0.5) * depth, rng.uniform(-0.35, 0.35) * depth, depth])


def angle(found: Localisation, place: np.ndarray, centre: np.ndarray) -> float:
    towards = (place - centre) / np.linalg.norm(place - centre)
    return math.degrees(2 * math.asin(np.linalg.norm(towards - found.direction) / 2))


@pytest.mark.parametrize("name", ["dualcam", "uma16"])
@pytest.mark.parametrize("beep", [False, True])
def test_a_source_is_found_where_it_is(name: str, beep: bool) -> None:
    rig = preset(name)
    localiser = Localiser(rig, (0.9 * BEEP_HZ, 1.1 * BEEP_HZ) if beep else None)
    rng = np.random.default_rng(0)
    for _ in range(4):
        place = place_of(rng)
        found = localiser(hear(rig, place, 60, rng, beep))
        assert angle(found, place, localiser.centre_m) < 0.02
        assert found.inverse_distance_per_m == pytest.approx(1 / np.linalg.norm(place - localiser.centre_m), abs=2e-3)
        np.testing.assert_allclose(found.point_m, place, atol=0.03)
        assert found.coherence > 0.98
        if beep:
            assert found.mean_hz == pytest.approx(BEEP_HZ, abs=5)


@pytest.mark.parametrize("name", ["dualcam", "uma16"])
def test_errors_are_as_large_as_stated(name: str) -> None:
    rig = preset(name)
    localiser = Localiser(rig, (0.9 * BEEP_HZ, 1.1 * BEEP_HZ))
    rng = np.random.default_rng(1)
    distance_shares, direction_shares, inside = [], [], 0
    for _ in range(40):
        place = place_of(rng)
        found = localiser(hear(rig, place, 3, rng, beep=True))
        true = np.linalg.norm(place - localiser.centre_m)
        distance_shares.append((found.inverse_distance_per_m - 1 / true) / found.inverse_distance_std_per_m)
        direction_shares.append(math.radians(angle(found, place, localiser.centre_m)) / found.direction_std_rad)
        low, high = found.distance_interval_m
        inside += low < true < high
    assert 0.6 < np.sqrt(np.mean(np.square(distance_shares))) < 1.6
    # Two errors of at most the stated size, at right angles.
    assert 0.6 < np.sqrt(np.mean(np.square(direction_shares))) < 1.6 * math.sqrt(2)
    assert inside >= 34


def test_noise_alone_is_neither_coherent_nor_prominent() -> None:
    rig = preset("uma16")
    noise = np.random.default_rng(0).standard_normal((16, 2 * rig.samples_per_frame))
    found = Localiser(rig)(noise)
    assert found.coherence < 0.3
    assert found.prominence < 1.3


def test_a_broad_band_is_placed_in_a_room_where_most_sound_is_reflected() -> None:
    rig = preset("uma16")
    place = Place("room", (7.0, 5.0, 3.0), rt60_s=0.4)
    localiser = Localiser(rig)
    rng = np.random.default_rng(0)
    shares = []
    for source in ([0.3, -0.2, 1.2], [-0.6, 0.3, 1.8], [0.1, 0.4, 2.4]):
        responses = impulse_responses(
            place, place.from_rig(rig.positions_m), place.from_rig(np.array(source)), rig.sample_rate
        )
        signals = propagate([(rng.standard_normal(rig.sample_rate // 2), responses)], rig.sample_rate // 2)
        found = localiser(signals[:, rig.sample_rate // 8 :])
        missed = angle(found, np.array(source), localiser.centre_m)
        shares.append(math.radians(missed) / found.direction_std_rad)
        assert missed < 2
        assert found.prominence > 1.1
        assert found.coherence < 0.5
    assert np.sqrt(np.mean(np.square(shares))) < 5


def test_a_far_source_has_an_open_interval() -> None:
    rig = preset("uma16")
    place = np.array([30.0, 10.0, 100.0])
    localiser = Localiser(rig, (0.9 * BEEP_HZ, 1.1 * BEEP_HZ))
    found = localiser(hear(rig, place, 0, np.random.default_rng(0), beep=True))
    assert found.distance_interval_m[1] == math.inf
    assert found.distance_m <= FARTHEST_M
    assert angle(found, place, localiser.centre_m) < 0.5


def test_the_search_is_around_where_the_camera_looks() -> None:
    """A planar array hears no difference between front and back: the camera says which."""
    rig = preset("dualcam")
    place = np.array([0.3, -0.2, 1.5])
    signals = hear(rig, place, 40, np.random.default_rng(0))
    turned = Camera().with_pose(np.array([0.0, math.pi, 0.0]), np.zeros(3))
    behind = Localiser(dataclasses.replace(rig, camera=turned))(signals)
    np.testing.assert_allclose(behind.point_m, place * (1, 1, -1), atol=0.02)


def test_what_broken_microphones_hold_does_not_matter() -> None:
    rig = preset("dualcam")
    signals = hear(rig, np.array([0.3, -0.2, 1.5]), 40, np.random.default_rng(0))
    localiser = Localiser(rig)
    expected = localiser(signals)
    signals[list(rig.broken)] = 1e6
    assert localiser(signals) == expected


def test_paths_are_differences_of_distances() -> None:
    rng = np.random.default_rng(0)
    offsets, direction = rng.uniform(-0.3, 0.3, (9, 3)), np.array([0.36, -0.48, 0.8])
    for curvature in (0.1, 0.7, 2.0):
        source = direction / curvature
        expected = np.linalg.norm(offsets - source, axis=1) - 1 / curvature
        np.testing.assert_allclose(_paths(offsets, direction[None], curvature)[0][0], expected, atol=1e-12)
    # A plane wave, and smoothly on beyond it.
    np.testing.assert_allclose(_paths(offsets, direction[None], 0.0)[0][0], -offsets @ direction, atol=1e-15)
    ahead, behind = (_paths(offsets, direction[None], q)[0][0] for q in (1e-7, -1e-7))
    np.testing.assert_allclose(ahead, behind, atol=1e-7)


def test_gradients_are_slopes() -> None:
    rng = np.random.default_rng(0)
    offsets = rng.uniform(-0.2, 0.2, (12, 3))
    spectra = rng.standard_normal((3, 12, 2)) + 1j * rng.standard_normal((3, 12, 2))
    beam = _Beam(offsets, spectra, np.array([20.0, 35.0, 50.0]), np.array([0.0, 0.6, 0.8]))
    for place in (np.array([0.0, 0.0, 0.5]), np.array([0.1, -0.2, 1.5]), np.array([0.05, 0.1, -0.2])):
        _, gradient = beam.loss_and_gradient(place)
        for axis, step in enumerate(1e-6 * np.eye(3)):
            up, down = beam.loss_and_gradient(place + step)[0], beam.loss_and_gradient(place - step)[0]
            assert gradient[axis] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-7)
        np.testing.assert_allclose(beam._cells(place).sum(axis=(0, 1)), gradient, atol=1e-9)


def test_arrays_and_bands_that_cannot_do_are_refused() -> None:
    rig = preset("uma16")
    few = Rig("few", rig.positions_m[:4], 48000, 12.0)
    with pytest.raises(AcoustillError, match="rig few: number of microphones is 4, expected at least 5"):
        Localiser(few)
    with pytest.raises(AcoustillError, match="band is 3000 to 2000 Hz, expected within 0 to 24000 Hz"):
        Localiser(rig, (3000, 2000))
    with pytest.raises(AcoustillError, match="band is 1001 to 1003 Hz, expected one that holds a multiple of 12 Hz"):
        Localiser(rig, (1001, 1003))
    for nearest_m in (0, np.nan, 1e-300):
        with pytest.raises(AcoustillError, match=f"nearest_m is {nearest_m}, expected at least 0.01 m"):
            Localiser(preset("uma16"), nearest_m=nearest_m)
    for margin_rad in (-0.1, np.nan, 4.0):
        with pytest.raises(AcoustillError, match=f"margin_rad is {margin_rad}, expected 0 to pi"):
            Localiser(preset("uma16"), margin_rad=margin_rad)


def test_windows_that_cannot_be_used_are_refused() -> None:
    localiser = Localiser(preset("uma16"))
    with pytest.raises(AcoustillError, match="length is 3999 samples, expected at least one frame of 4000 samples"):
        localiser(np.ones((16, 3999)))
    with pytest.raises(AcoustillError, match="sound in the band is zero"):
        localiser(np.zeros((16, 4000)))
    with pytest.raises(AcoustillError, match="number of channels is 15"):
        localiser(np.zeros((15, 4000)))

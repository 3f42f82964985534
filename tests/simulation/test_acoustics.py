from __future__ import annotations

import math

import numpy as np
import pytest

from acoustill.simulation import noise
from acoustill.simulation.acoustics import Place, impulse_responses, plane_waves, propagate

RATE = 12288


def test_the_rig_looks_along_x_with_its_right_towards_minus_y() -> None:
    place = Place("free", rig_position_m=(1.0, 2.0, 1.5))
    assert place.from_rig(np.array([0.0, 0.0, 2.0])) == pytest.approx([3.0, 2.0, 1.5])
    assert place.from_rig(np.array([0.5, 0.0, 0.0])) == pytest.approx([1.0, 1.5, 1.5])
    assert place.from_rig(np.array([0.0, 0.3, 0.0])) == pytest.approx([1.0, 2.0, 1.2])
    turned = Place("free", rig_position_m=(0.0, 0.0, 0.0), rig_yaw_rad=math.pi / 2)
    assert turned.from_rig(np.array([0.0, 0.0, 1.0])) == pytest.approx([0.0, 1.0, 0.0])


def test_sound_falls_with_distance_and_arrives_in_time() -> None:
    distances = np.array([0.7, 1.4, 2.8])
    microphones = np.column_stack([distances, np.zeros(3), np.ones(3)])
    source = np.array([0.0, 0.0, 1.0])
    responses = impulse_responses(Place("free"), microphones, source, RATE).astype(np.float64)
    spectra = np.fft.rfft(responses, 4096)[:, 200:1500]  # 600 to 4500 Hz, where the fractional delays are flat
    assert np.abs(spectra).mean(axis=1) * distances == pytest.approx(np.ones(3), rel=0.01)
    radians = 2 * np.pi * np.arange(200, 1500) / 4096
    delays = [-np.polyfit(radians, np.unwrap(np.angle(spectrum)), 1)[0] for spectrum in spectra]
    assert delays == pytest.approx(distances / 343 * RATE, abs=0.1)


@pytest.mark.parametrize("rt60", [0.2, 0.4])
def test_rooms_have_the_reverberation_asked_for(rt60: float) -> None:
    place = Place("room", rt60_s=rt60)
    microphones = place.from_rig(np.array([[0.0, 0.0, 0.0], [0.2, 0.1, 0.0]]))
    responses = impulse_responses(place, microphones, np.array([3.5, 3.0, 1.2]), RATE).astype(np.float64)
    decay = np.square(responses)[:, ::-1].cumsum(axis=1)[:, ::-1].mean(axis=0)
    level_db = 10 * np.log10(decay / decay[0])
    start, end = (int(np.argmax(level_db < level)) for level in (-5, -20))
    assert 4 * (end - start) / RATE == pytest.approx(rt60, rel=0.3)


def test_the_ground_reflects_once() -> None:
    place = Place("ground", ground_absorption=0.36, rig_position_m=(0.0, 0.0, 1.5))
    microphone, source = np.array([[0.0, 0.0, 1.5]]), np.array([2.0, 0.0, 1.0])
    (response,) = impulse_responses(place, microphone, source, RATE)
    direct, reflected = math.hypot(2, 0.5), math.hypot(2, 2.5)
    free = impulse_responses(Place("free"), microphone, source, RATE)[0]
    only = np.zeros_like(response)
    only[: len(free)] = free[: len(response)]
    rest = response - only
    arrival = np.average(np.arange(len(rest)), weights=np.square(rest)) / RATE
    assert arrival == pytest.approx(reflected / 343, abs=2e-4)
    ratio = abs(np.fft.rfft(rest, 4096)[200:1500]).mean() / abs(np.fft.rfft(only, 4096)[200:1500]).mean()
    assert ratio == pytest.approx(math.sqrt(1 - 0.36) * direct / reflected, rel=0.02)


def test_propagation_is_convolution_and_adds_up(rng: np.random.Generator) -> None:
    signals, responses = rng.standard_normal((2, 300)), rng.standard_normal((2, 3, 50)).astype(np.float32)
    received = propagate(list(zip(signals, responses, strict=True)), 300)
    for channel in range(3):
        expected = sum(np.convolve(s, r[channel])[:300] for s, r in zip(signals, responses, strict=True))
        assert received[channel] == pytest.approx(expected, abs=1e-3)


def test_a_plane_wave_reaches_the_nearer_microphone_first(rng: np.random.Generator) -> None:
    signal = noise.shaped_noise(1, 4096, RATE, lambda f: (f < 4000).astype(float), rng)
    positions = np.array([[0.0, 0.0, 0.0], [0.343 * 10 / RATE * 1000, 0.0, 0.0]])  # ten samples towards the source
    far, near = plane_waves(signal, np.array([[1.0, 0.0, 0.0]]), positions, RATE)
    assert far == pytest.approx(signal[0], abs=1e-3)
    assert near == pytest.approx(np.roll(far, -10), abs=1e-2)


def test_many_plane_waves_are_nearly_diffuse(rng: np.random.Generator) -> None:
    """Coherence of two microphones follows sin(kd) / (kd), the theory of a spherically diffuse field."""
    waves = 200
    signals = noise.shaped_noise(waves, 32768, RATE, np.ones_like, rng)
    directions = rng.standard_normal((waves, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    first, second = plane_waves(signals, directions, np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]), RATE)
    blocks = [np.fft.rfft(x.reshape(-1, 128), axis=1) for x in (first, second)]
    cross = (blocks[0] * blocks[1].conj()).mean(axis=0)
    coherence = cross.real / np.sqrt(np.square(np.abs(blocks)).mean(axis=1).prod(axis=0))
    theory = np.sinc(2 * np.fft.rfftfreq(128, 1 / RATE) * 0.1 / 343)
    assert np.abs(coherence - theory)[2:-2].max() < 0.2


@pytest.mark.parametrize("amplitude", [noise.ventilation, noise.traffic, noise.wind])
def test_shaped_noise_has_unit_power_and_independent_rows(amplitude, rng: np.random.Generator) -> None:
    signals = noise.shaped_noise(4, 12288, RATE, amplitude, rng)
    assert np.square(signals).mean(axis=1) == pytest.approx(np.ones(4), rel=1e-4)
    correlations = np.corrcoef(signals)[~np.eye(4, dtype=bool)]
    assert np.abs(correlations).max() < 0.5


@pytest.mark.parametrize("make", [noise.fan, noise.ringing, noise.birds])
def test_point_noises_are_finite_and_of_unit_power(make, rng: np.random.Generator) -> None:
    signal = make(24576, RATE, rng)
    assert signal.shape == (24576,)
    assert np.square(signal).mean() == pytest.approx(1.0, rel=1e-3)

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator
from scipy.signal import hilbert

from acoustill.simulation import noise
from acoustill.simulation.acoustics import Place, impulse_responses, propagate, propagate_moving

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


def test_time_of_arrival_is_right_to_a_tenth_of_a_sample_in_a_room(rng: np.random.Generator) -> None:
    """Before the first reflection, the response is that of free field."""
    place, source = Place("room", rt60_s=0.3), np.array([3.0, 2.5, 1.5])
    room = impulse_responses(place, ARRAY, source, RATE)
    for microphone, response in zip(ARRAY, room, strict=True):
        distance = np.linalg.norm(source - microphone)
        delay = distance / 343 * RATE
        early = np.arange(math.ceil(delay) + 8)  # reflections come 17 samples later and more
        shapes = {shift: np.sinc(0.95 * (early - delay - shift)) for shift in np.arange(-0.3, 0.31, 0.02)}
        best = max(shapes, key=lambda shift: float(shapes[shift] @ response[early] / np.linalg.norm(shapes[shift])))
        assert abs(best) <= 0.1


def test_responses_of_the_office_have_its_reverberation() -> None:
    place = Place("room", rt60_s=0.4)
    receivers = np.array([[1.0, 1.0, 1.2], [5.8, 4.1, 1.9], [6.2, 0.7, 0.8], [0.7, 4.2, 2.3]])
    found = []
    for source in np.array([[3.4, 2.9, 1.3], [2.2, 3.4, 0.7], [4.4, 1.6, 2.0]]):
        responses = impulse_responses(place, receivers, source, RATE).astype(np.float64)
        decays = np.square(responses)[:, ::-1].cumsum(axis=1)[:, ::-1]
        levels_db = 10 * np.log10(decays / decays[:, :1] + 1e-20)
        found += [3 * float(np.argmax(level < -25) - np.argmax(level < -5)) / RATE for level in levels_db]
    assert np.mean(found) == pytest.approx(0.4, rel=0.1)


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


@pytest.mark.parametrize(("samples", "taps"), [(5000, 50), (300, 700), (1, 1), (4097, 128)])
def test_long_signals_are_convolved_in_blocks(samples: int, taps: int, rng: np.random.Generator) -> None:
    signal, responses = rng.standard_normal(samples), rng.standard_normal((2, taps)).astype(np.float32)
    short = rng.standard_normal((2, 3)).astype(np.float32)
    received = propagate([(signal, responses), (signal[:2], short)], samples)
    for channel in range(2):
        expected = np.zeros(samples + 5)
        expected[:samples] = np.convolve(signal, responses[channel])[:samples]
        second = np.convolve(signal[:2], short[channel])
        expected[: len(second)] += second
        assert received[channel] == pytest.approx(expected[:samples], abs=2e-3)


ARRAY = np.array([[0.6, 2.4, 1.4], [0.6, 2.15, 1.6], [0.6, 2.65, 1.2], [0.6, 2.6, 1.6]])


@pytest.mark.parametrize("kind", ["free", "ground", "room"])
def test_a_source_that_hardly_moves_sounds_as_one_that_stands(kind, rng: np.random.Generator) -> None:
    place = Place(kind, rt60_s=0.25)
    signal = rng.standard_normal(12288).astype(np.float32)
    source = np.array([2.9, 3.0, 1.2])
    moving = np.repeat(source[None], 12, axis=0)
    moving[6:] += 1e-7
    found = propagate_moving(place, ARRAY, moving, signal, 1024, RATE)
    expected = propagate([(signal, impulse_responses(place, ARRAY, source, RATE))], len(signal))
    assert np.linalg.norm(found - expected) < 1e-3 * np.linalg.norm(expected)
    still = propagate_moving(place, ARRAY, np.repeat(source[None], 12, axis=0), signal, 1024, RATE)
    assert np.array_equal(still, expected)


def test_a_moving_source_is_heard_at_the_retarded_time(rng: np.random.Generator) -> None:
    """Against s(t - d / c) / d solved in float64 at every sample; the source walks and turns at 1 m/s."""
    steps = 24
    times = (np.arange(steps) + 0.5) * 1024 / RATE
    way = np.column_stack([3.0 + 0.3 * np.sin(2 * times), 1.6 + 0.9 * times, 1.3 + 0.1 * np.cos(5 * times)])
    frequencies, phases = rng.uniform(100, 5000, 20), rng.uniform(0, 6, 20)

    def tones(at: np.ndarray) -> np.ndarray:
        return np.sin(2 * np.pi * np.multiply.outer(at, frequencies) + phases).sum(axis=-1)

    received = np.arange(steps * 1024) / RATE
    found = propagate_moving(Place("free"), ARRAY, way, tones(received), 1024, RATE)
    where = PchipInterpolator(times, way)
    middle = slice(1024, -1024)
    for row, microphone in zip(found, ARRAY, strict=True):
        emitted = received
        for _ in range(6):
            distances = np.linalg.norm(where(np.clip(emitted, 0, received[-1])) - microphone, axis=1)
            emitted = received - distances / 343
        expected = tones(emitted) / distances
        assert np.linalg.norm((row - expected)[middle]) < 2e-3 * np.linalg.norm(expected[middle])


def test_a_source_that_comes_nearer_sounds_higher_and_louder() -> None:
    steps, speed, tone = 36, 1.0, 2000.0
    times = (np.arange(steps) + 0.5) * 1024 / RATE
    way = np.column_stack([5.0 - speed * times, np.zeros(steps), np.ones(steps)])
    signal = np.sin(2 * np.pi * tone * np.arange(steps * 1024) / RATE)
    (heard,) = propagate_moving(Place("free"), np.array([[0.0, 0.0, 1.0]]), way, signal, 1024, RATE)
    analytic = hilbert(heard)[4096:-4096]
    cycles = np.unwrap(np.angle(analytic)) / (2 * np.pi)
    shift = (cycles[-1] - cycles[0]) / (len(cycles) - 1) * RATE / tone
    assert shift - 1 == pytest.approx(speed / (343 - speed), rel=1e-3)
    seconds = np.arange(len(heard))[4096:-4096] / RATE
    distances = (5.0 - speed * seconds) / (1 - speed / 343)  # when it was emitted
    assert np.abs(analytic) * distances == pytest.approx(1.0, abs=2e-3)


def test_the_first_reflection_of_a_moving_source_moves_too() -> None:
    """Of a click every tenth of a second, the echo of the ground arrives where the image then is."""
    place, steps = Place("ground", ground_absorption=0.0), 12
    times = (np.arange(steps) + 0.5) * 1024 / RATE
    way = np.column_stack([2.0 + 1.5 * times, np.zeros(steps), np.full(steps, 1.0)])
    microphone = np.array([[0.0, 0.0, 1.5]])
    signal = np.zeros(steps * 1024)
    clicks = np.arange(2000, 10001, 1000)
    signal[clicks] = 1.0
    (heard,) = propagate_moving(place, microphone, way, signal, 1024, RATE)
    for click in clicks:
        source = np.array([2.0 + 1.5 * click / RATE, 0.0, 1.0])
        for point in (source, source * (1, 1, -1)):
            arrival = click + np.linalg.norm(point - microphone[0]) / 343 * RATE
            near = slice(round(arrival) - 2, round(arrival) + 3)
            assert np.abs(heard[near]).max() > 0.6 / np.linalg.norm(point - microphone[0])


def test_late_reverberation_of_a_moving_source_is_there() -> None:
    place, steps = Place("room", rt60_s=0.4), 12
    way = np.column_stack([np.full(steps, 3.0), np.linspace(2.0, 2.6, steps), np.full(steps, 1.3)])
    signal = np.zeros(steps * 1024)
    signal[1000] = 1.0
    (heard,) = propagate_moving(place, ARRAY[:1], way, signal, 1024, RATE)
    responses = impulse_responses(place, ARRAY[:1], way.mean(axis=0), RATE)
    (still,) = propagate([(signal, responses)], len(signal))
    late = slice(1000 + 600, 1000 + 3000)
    assert np.square(heard[late]).sum() == pytest.approx(np.square(still[late]).sum(), rel=0.05)


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

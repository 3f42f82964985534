"""Beams against the physics they stand for, and against a slow sum of delayed signals."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.imaging import DelayAndSum
from acoustill.imaging.beam import BeamStream, steer
from acoustill.imaging.superdirective import Superdirective
from acoustill.rig import Rig, preset
from free_field import free_field

RATE, SECONDS = 12288, 2
POINT = (0.437, -0.312, 1.9)  # of no pixel
CLASSIC = partial(DelayAndSum, formulation="classic")


def band_noise(samples: int, seed: int = 0, lowest: float = 50.0, highest: float = 5900.0) -> np.ndarray:
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    frequencies = np.fft.rfftfreq(samples, 1 / RATE)
    spectrum[(frequencies < lowest) | (frequencies > highest)] = 0
    return np.fft.irfft(spectrum, samples)


def relative_error(found: np.ndarray, expected: np.ndarray, margin: int = 2048) -> float:
    """Away from the ends, around which the delays of `free_field` run in a circle."""
    inside = slice(margin, -margin)
    return float(np.linalg.norm((found - expected)[inside]) / np.linalg.norm(expected[inside]))


@pytest.fixture(scope="module")
def rig() -> Rig:
    return preset("dualcam")


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    return band_noise(SECONDS * RATE)


@pytest.fixture(scope="module")
def signals(rig: Rig, waveform: np.ndarray) -> np.ndarray:
    heard = free_field(rig.positions_m, POINT, waveform, RATE)
    heard[list(rig.broken)] = 1e3  # is ignored
    return heard


@pytest.mark.parametrize("beamformer", [None, partial(Superdirective, formulation="true level")], ids=["das", "super"])
def test_the_waveform_of_a_point_source_comes_back(rig: Rig, waveform, signals, beamformer) -> None:
    beam = steer(signals, rig, np.array(POINT), beamformer)
    assert beam.shape == waveform.shape
    assert beam.dtype == np.float32
    assert relative_error(beam, waveform) < 2e-6


def test_it_is_the_slow_sum_of_delayed_signals(rig: Rig) -> None:
    """In float64, each delay by one long Fourier transform; of signals that no source makes."""
    heard = np.stack([band_noise(RATE, seed) for seed in range(rig.channels)])
    far = np.linalg.norm(rig.positions_m - POINT, axis=1)
    advance_s = (far - np.linalg.norm(POINT)) / rig.speed_of_sound
    turns = np.exp(2j * np.pi * np.fft.rfftfreq(RATE, 1 / RATE) * advance_s[:, None])
    advanced = np.fft.irfft(np.fft.rfft(heard) * turns, RATE)
    expected = advanced[rig.working].mean(axis=0)
    assert relative_error(steer(heard, rig, np.array(POINT), CLASSIC), expected) < 2e-6


def test_one_microphone_at_the_origin_is_given_as_it_is() -> None:
    rig = Rig("one", np.zeros((1, 3)), RATE, 12.0)
    signal = np.random.default_rng(0).standard_normal((1, 5001)).astype(np.float32)
    np.testing.assert_allclose(steer(signal, rig, np.array([0.1, 0.2, 1.0])), signal[0], atol=2e-6)


@settings(max_examples=10)
@given(seed=st.integers(0, 999), moving=st.booleans())
def test_blocks_of_any_length_give_the_same_bits(seed: int, moving: bool) -> None:
    rig, rng = preset("uma16"), np.random.default_rng(seed)
    signals = rng.standard_normal((16, int(rng.integers(1, 30_000)))).astype(np.float32)
    points = np.array(POINT) + (np.linspace(0, 0.5, 6)[:, None] if moving else 0.0)
    whole = steer(signals, rig, points)
    stream, parts, start = BeamStream(rig, points), [], 0
    while start < signals.shape[1]:
        length = int(rng.integers(1, 9000))
        parts.append(stream.push(signals[:, start : start + length]))
        start += length
    parts.append(stream.finish())
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.shape == signals.shape[1:]


def test_noise_of_the_sensors_falls_by_their_number(rig: Rig) -> None:
    noise = np.random.default_rng(1).standard_normal((rig.channels, SECONDS * RATE)).astype(np.float32)
    beam = steer(noise, rig, np.array(POINT), CLASSIC)
    assert 10 * np.log10(np.mean(beam**2)) == pytest.approx(-10 * np.log10(len(rig.working)), abs=0.15)


@pytest.mark.parametrize("frequency", [600.0, 1800.0, 4200.0])
@pytest.mark.parametrize("elsewhere", [(-0.5, 0.2, 2.2), (0.5, -0.3, 1.8)])
def test_sound_from_elsewhere_falls_by_what_the_weights_say(rig: Rig, frequency: float, elsewhere) -> None:
    tone = np.cos(2 * np.pi * frequency * np.arange(SECONDS * RATE) / RATE)
    beam = steer(free_field(rig.positions_m, elsewhere, tone, RATE), rig, np.array(POINT), CLASSIC)
    far, origin = np.linalg.norm(rig.positions_m - elsewhere, axis=1), np.linalg.norm(elsewhere)
    heard = origin / far * np.exp(-2j * np.pi * frequency * (far - origin) / rig.speed_of_sound)
    weights = DelayAndSum(rig.positions_m[rig.working], np.array([POINT])).at(frequency)[0]
    expected = 20 * np.log10(abs(weights @ heard[rig.working]))
    found = 10 * np.log10(np.mean(beam[2048:-2048] ** 2) / np.mean(tone**2))
    assert found == pytest.approx(expected, abs=0.05)


def moving_source(rig: Rig, speed_m_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signals, path (frames, 3) and waveform at the origin of tones that pass by."""
    frequencies, phases = np.array([310.0, 700.0, 1530.0, 2890.0]), np.array([0.0, 1.0, 2.0, 3.0])

    def tones(time_s: np.ndarray) -> np.ndarray:
        return np.cos(2 * np.pi * frequencies[:, None, None] * time_s + phases[:, None, None]).sum(axis=0)

    def place(time_s: np.ndarray) -> np.ndarray:
        return np.stack([(time_s - SECONDS / 2) * speed_m_s, np.full_like(time_s, -0.1), np.full_like(time_s, 2.0)], -1)

    time_s = np.arange(SECONDS * RATE) / RATE
    points = place(time_s)
    far = np.linalg.norm(points[None] - rig.positions_m[:, None], axis=-1)
    origin = np.linalg.norm(points, axis=-1)
    signals = origin / far * tones(time_s - (far - origin) / rig.speed_of_sound)
    frames = (np.arange(SECONDS * 12) + 0.5) / 12
    return signals.astype(np.float32), place(frames), tones(time_s[None])[0]


@pytest.mark.parametrize(("speed", "error"), [(0.5, 0.0003), (1.5, 0.002)])
def test_a_beam_that_moves_along_keeps_the_source(rig: Rig, speed: float, error: float) -> None:
    signals, path, expected = moving_source(rig, speed)
    assert relative_error(steer(signals, rig, path), expected) < error
    assert relative_error(steer(signals, rig, path[12]), expected) > 10 * error


def test_the_output_is_in_time_with_a_microphone_at_the_origin() -> None:
    """Whatever the distance: the way from the point to the rig is not taken out."""
    positions = np.vstack([np.zeros((1, 3)), preset("uma16").positions_m])
    rig = Rig("with reference", positions, 48000, 12.0)
    for distance in (0.7, 5.0):
        click = np.zeros(8000)
        click[4000] = 1.0
        signals = free_field(positions, (0.0, 0.1, distance), click, 48000)
        beam = steer(signals, rig, np.array([0.0, 0.1, distance]))
        assert abs(beam).argmax() == abs(signals[0]).argmax() == 4000


def test_what_cannot_be_is_refused(rig: Rig) -> None:
    with pytest.raises(AcoustillError, match=r"beam: points_m is of shape \(2,\), expected \(3,\) or"):
        steer(np.zeros((128, 9)), rig, np.zeros(2))
    for far in (np.nan, np.inf, -1e300):
        with pytest.raises(AcoustillError, match=r"beam: point 1 is \[0.0, .*, 1.0\], expected coordinates within 1e"):
            steer(np.zeros((128, 9)), rig, np.array([POINT, [0, far, 1]]))
    with pytest.raises(AcoustillError, match="beam: the point is 0 mm from microphone 0, expected 1 mm or more"):
        steer(np.zeros((128, 9)), rig, rig.positions_m[0])
    with pytest.raises(AcoustillError, match=r"beam: the point is 0.5 mm from the origin"):
        steer(np.zeros((128, 9)), rig, np.array([0, 0.0005, 0]))
    # Between two of its points, the way leads through a microphone.
    crossing = np.array([POINT, rig.positions_m[7] - (0, 0, 0.1), rig.positions_m[7] + (0, 0, 0.2), POINT])
    with pytest.raises(AcoustillError, match=r"beam: the way on from point 1 is .* mm from microphone 7"):
        steer(np.zeros((128, 9)), rig, crossing)
    with pytest.raises(AcoustillError, match="block is 0 samples, expected a power of two"):
        BeamStream(rig, np.array(POINT), block_samples=0)
    with pytest.raises(AcoustillError, match="block is 1000 samples, expected a power of two"):
        BeamStream(rig, np.array(POINT), block_samples=1000)
    with pytest.raises(AcoustillError, match="block is 32 samples, expected a power of two of at least 88"):
        BeamStream(rig, np.array(POINT), block_samples=32)
    with pytest.raises(AcoustillError, match="beam: number of channels is 16, expected 128"):
        steer(np.zeros((16, 9)), rig, np.array(POINT))
    stream = BeamStream(rig, np.array(POINT))
    stream.push(np.zeros((128, 100)))
    broken = np.zeros((128, 9))
    broken[3, 4] = np.inf
    with pytest.raises(AcoustillError, match="beam: sample 104 of channel 3 is inf"):
        stream.push(broken)
    broken[3, 4] = 1e39  # beyond single precision
    with pytest.raises(AcoustillError, match="beam: sample 104 of channel 3 is inf"):
        stream.push(broken)

"""What the page's acoustic facts are measured with, on sounds whose facts are known."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import acoustic_facts as acoustics

from acoustill.rig import Rig
from acoustill.simulation.acoustics import Place

RATE = 12288


@pytest.mark.parametrize("seconds", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("part", acoustics.DECAYS_DB)
def test_decay_of_noise_that_decays_exponentially(seconds: float, part: str, rng: np.random.Generator) -> None:
    time = np.arange(round(1.2 * seconds * RATE)) / RATE
    response = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    assert acoustics.decay_time_s(response, RATE, acoustics.DECAYS_DB[part]) == pytest.approx(seconds, rel=0.08)


def test_direct_sound_ends_two_and_a_half_milliseconds_after_its_arrival(small_rig: Rig) -> None:
    response = np.zeros(400)
    arrival = round(2.0 / small_rig.speed_of_sound * small_rig.sample_rate)
    response[[arrival, arrival + 19, arrival + 21]] = 3.0, 1.0, 1.0  # 2.5 ms are 20 samples
    assert acoustics.direct_to_reverberant_db(response, 2.0, small_rig) == pytest.approx(10.0)


def test_gain_and_delay_are_found(rng: np.random.Generator) -> None:
    turns = 2 * np.pi * np.linspace(200, 5000, 300)
    gains, delays = np.array([0.5, 1.0, 2.0]), np.array([-3e-5, 0.0, 2e-5])
    found = acoustics.gain_and_delay(gains[:, None] * np.exp(-1j * turns * delays[:, None]), turns)
    assert found[0] == pytest.approx(gains)
    assert found[1] == pytest.approx(delays)


def test_coherence_of_one_wave_and_of_independent_noise(rng: np.random.Generator) -> None:
    """Neither is a diffuse field, and the errors say so."""
    positions = np.array([[0.0, 0.0, 0.0], [0.35, 0.0, 0.0]])
    rig = Rig("pair", positions, RATE, 12.0)
    apart = rng.standard_normal((2, 20 * RATE))
    (independent,) = acoustics.coherences(apart, positions, rig)
    assert np.abs(independent.measured).max() < 0.25
    assert np.abs(independent.errors).max() > 0.7  # the field of low frequencies is coherent
    (equal,) = acoustics.coherences(apart[[0, 0]], positions, rig)
    assert equal.measured == pytest.approx(np.ones_like(equal.measured))
    assert np.abs(equal.errors).max() > 0.9


def test_levels_count_active_frames_only() -> None:
    signal = np.zeros(10 * 1024)
    signal[:2048] = 0.2
    assert acoustics.level_db(signal, 1024) == pytest.approx(80.0)


def test_responses_go_to_working_microphones(small_rig: Rig) -> None:
    place = Place("free", rig_position_m=(0.0, 0.0, 1.4))
    responses, distances = acoustics.responses_of(place, small_rig, np.array([0.1, 0.0, 1.5]))
    assert len(responses) == len(distances) == len(small_rig.working)
    assert distances == pytest.approx(np.full(len(distances), 1.5), abs=0.2)


def test_free_field_is_measured_as_one() -> None:
    x, y = np.meshgrid(np.linspace(-0.2, 0.2, 3), np.linspace(-0.2, 0.2, 3))
    rig = Rig("square", np.column_stack([x.ravel(), y.ravel(), np.zeros(9)]), RATE, 12.0)
    level_db, arrival_samples = acoustics.free_field_errors(rig, np.array([[0.2, 0.1, 1.5], [-0.4, 0.3, 2.5]]))
    assert level_db < 0.1
    assert arrival_samples < 0.1

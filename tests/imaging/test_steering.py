"""Weights of the beamformer."""

from __future__ import annotations

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.imaging import FORMULATIONS, DelayAndSum

POSITIONS = np.random.default_rng(0).uniform(-0.2, 0.2, (6, 3)) * (1, 1, 0)
POINTS = np.array([[0.1, 0.2, 1.0], [-0.4, 0.0, 3.0]])


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_the_sweep_gives_the_weights_of_each_frequency(formulation: str) -> None:
    beamformer = DelayAndSum(POSITIONS, POINTS, formulation)
    for i, weights in enumerate(beamformer.sweep(12.0, 12.0, 512)):
        expected = beamformer.at(12.0 * (i + 1))
        assert np.abs(weights.numpy() - expected).max() < 5e-6 * np.abs(expected).max()


@pytest.mark.parametrize("formulation", ["inverse", "true level"])
@pytest.mark.parametrize("frequency", [100.0, 4321.0])
def test_level_keeping_weights_undo_the_way_from_the_point(formulation: str, frequency: float) -> None:
    weights = DelayAndSum(POSITIONS, POINTS, formulation).at(frequency)
    for point, weight in zip(POINTS, weights, strict=True):
        far, origin = np.linalg.norm(POSITIONS - point, axis=1), np.linalg.norm(point)
        heard = origin / far * np.exp(-2j * np.pi * frequency * (far - origin) / 343.0)
        assert weight @ heard == pytest.approx(1.0)


def test_true_location_is_strongest_at_the_source() -> None:
    """Sarradj 2012: of all points along a line to the array, the map peaks at the true distance."""
    line = np.column_stack([np.zeros(41), np.zeros(41), np.linspace(0.2, 0.6, 41)])
    weights = DelayAndSum(POSITIONS, line, "true location").at(2000.0)
    far = np.linalg.norm(POSITIONS - line[17], axis=1)
    heard = np.exp(-2j * np.pi * 2000.0 * far / 343.0) / far
    assert np.abs(weights @ heard).argmax() == 17


def test_the_speed_of_sound_sets_the_phases() -> None:
    slow, fast = (DelayAndSum(POSITIONS, POINTS, speed_of_sound=c) for c in (300.0, 360.0))
    np.testing.assert_allclose(slow.at(1000.0), fast.at(1200.0), rtol=1e-9)


def test_pixels_at_microphones_are_refused() -> None:
    with pytest.raises(AcoustillError, match="a pixel is at a microphone"):
        DelayAndSum(POSITIONS, POSITIONS[:1])
    with pytest.raises(AcoustillError, match="a pixel is at a microphone"):
        DelayAndSum(POSITIONS, np.zeros((1, 3)))

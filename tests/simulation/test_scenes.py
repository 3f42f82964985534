from __future__ import annotations

import math

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.rig import preset
from acoustill.simulation.interference import in_view
from acoustill.simulation.reverberation import MOST_IMAGES, reach_m
from acoustill.simulation.scenes import SCENARIOS, Scene, draw_scene

PLACES = [f"place-7-{number:04d}" for number in range(60)]


def scene_of(name: str, seed: int = 0) -> Scene:
    return draw_scene(name, np.random.default_rng(seed))


@pytest.mark.parametrize(("name", "low", "high"), [("anechoic", 20, 30), ("office", -4, 8), ("outdoor", -2, 10)])
def test_signal_to_noise_is_uniform_between_its_bounds(name: str, low: float, high: float, rng) -> None:
    drawn = np.sort([draw_scene(name, rng).snr_db for _ in range(400)])
    expected = np.linspace(low, high, 400)
    assert np.abs(drawn - expected).max() < 0.1 * (high - low)  # Kolmogorov and Smirnov at a level of 0.001
    assert low <= drawn[0] <= drawn[-1] <= high


@pytest.mark.parametrize("name", [*SCENARIOS, PLACES[0]])
def test_the_place_is_the_same_in_all_takes_and_its_noise_is_not(name: str) -> None:
    first, second = scene_of(name, 1), scene_of(name, 2)
    assert (first.place, first.spots_m, first.corner_hz) == (second.place, second.spots_m, second.corner_hz)
    assert first.snr_db != second.snr_db
    assert (name == "anechoic") == (first.noises == second.noises)
    assert scene_of(name, 1) == first


def test_places_differ_from_each_other() -> None:
    scenes = [scene_of(name) for name in PLACES]
    assert len({scene.place for scene in scenes}) == len(scenes)
    assert len({scene.corner_hz for scene in scenes}) == len(scenes)
    outdoors = [scene for scene in scenes if scene.backdrop == "outdoor"]
    assert 8 <= len(outdoors) <= 28  # three of ten
    assert all(scene.place.kind == "ground" and "traffic" in scene.noises for scene in outdoors)
    rooms = [scene for scene in scenes if scene.backdrop == "office"]
    assert len({frozenset(scene.noises) for scene in rooms}) >= 4
    with pytest.raises(AcoustillError, match="kitchen"):
        scene_of("kitchen")


def test_rooms_can_be_built_and_computed() -> None:
    """Walls absorb up to 60 % by Eyring's formula, and no more images are needed than a minute allows."""
    places = [scene.place for scene in map(scene_of, ["office", *PLACES]) if scene.place.kind == "room"]
    for place in places:
        x, y, z = place.size_m
        surface, volume = 2 * (x * y + y * z + z * x), x * y * z
        assert 0.15 <= place.rt60_s <= 0.6
        assert 1 - math.exp(-0.161 * volume / (surface * place.rt60_s)) <= 0.6 + 1e-9
        assert 4 / 3 * math.pi * reach_m(place.rt60_s) ** 3 / volume < MOST_IMAGES / 4
    assert np.ptp([place.rt60_s for place in places]) > 0.2


def test_spots_of_noise_are_in_the_place_and_out_of_sight() -> None:
    rig = preset("dualcam")
    for scene in map(scene_of, ["office", "outdoor", *PLACES]):
        assert len(set(scene.spots_m)) == 4
        for spot in np.array(scene.spots_m):
            assert scene.place.holds(spot)
            point = scene.place.to_rig(spot)
            assert scene.place.from_rig(point) == pytest.approx(spot)
            assert np.linalg.norm(point) > 0.85
            assert not in_view(rig, point)

"""The three scenarios of the paper, and an endless family of other places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from acoustill.errors import bad_input
from acoustill.simulation.acoustics import Place

SCENARIOS = ("anechoic", "office", "outdoor")

PointNoise = Literal["fan", "ringing", "birds"]


@dataclass(frozen=True)
class Scene:
    """A place, what is noisy in it, and how it looks.

    Attributes:
        name: of the scenario.
        backdrop: which background the video has.
        place: walls, floor and where the rig stands.
        snr_db: mean power of the action over that of all noise, at one microphone.
        diffuse: weight of each diffuse noise in the noise's power: ventilation, babble, traffic.
        point_noises: sources of noise at a place of their own.
        point_share: their weight in the noise's power, together.
        wind_share: weight of the wind at the capsules in the noise's power.
    """

    name: str
    backdrop: str
    place: Place
    snr_db: float
    diffuse: dict[str, float]
    point_noises: tuple[PointNoise, ...] = ()
    point_share: float = 0.0
    wind_share: float = 0.0


def draw_scene(scenario: str, rng: np.random.Generator) -> Scene:
    """A take's scene in one of the scenarios: the place is fixed, its noise differs from take to take.

    The ratio of signal to noise is uniform between 20 and 30 dB in the anechoic chamber, -4 and 8 dB in the
    office, -2 and 10 dB outdoors. A name that starts with `place` gives another room or outdoor place for
    each name, always the same for the same name.

    Raises:
        AcoustillError: if there is no such scenario.
    """
    if scenario == "anechoic":
        place = Place("free", rig_position_m=(0.0, 0.0, 1.4))
        return Scene(scenario, "anechoic", place, rng.uniform(20, 30), {"ventilation": 1.0})
    if scenario == "office":
        return _indoors(scenario, Place("room"), rng.uniform(-4, 8), rng)
    if scenario == "outdoor":
        return _outdoors(scenario, Place("ground", rig_position_m=(0.0, 0.0, 1.4)), rng.uniform(-2, 10), rng)
    if scenario.startswith("place"):
        return _draw_place(scenario, rng)
    raise bad_input("simulation", "scenario", repr(scenario), f"one of {SCENARIOS} or place-NUMBER")


def _draw_place(name: str, rng: np.random.Generator) -> Scene:
    own = np.random.default_rng(np.frombuffer(name.encode(), np.uint8))
    height = own.uniform(1.1, 1.7)
    if own.random() < 0.3:
        place = Place("ground", rig_position_m=(0.0, 0.0, height), ground_absorption=own.uniform(0.1, 0.6))
        return _outdoors(name, place, rng.uniform(-2, 15), rng)
    size = (own.uniform(4.5, 9.0), own.uniform(3.5, 7.0), own.uniform(2.4, 3.6))
    rig = (own.uniform(0.3, 0.9), own.uniform(0.4, 0.6) * size[1], height)
    place = Place("room", size, own.uniform(0.15, 0.45), rig, math.radians(own.uniform(-10, 10)))
    return _indoors(name, place, rng.uniform(-4, 15), rng)


def _indoors(name: str, place: Place, snr_db: float, rng: np.random.Generator) -> Scene:
    point_noises: tuple[PointNoise, ...] = ("fan", "ringing") if rng.random() < 0.4 else ("fan",)
    diffuse = {"ventilation": rng.uniform(0.2, 1.0), "babble": rng.uniform(0.3, 1.5)}
    return Scene(name, "office", place, snr_db, diffuse, point_noises, rng.uniform(0.3, 1.2))


def _outdoors(name: str, place: Place, snr_db: float, rng: np.random.Generator) -> Scene:
    diffuse = {"traffic": rng.uniform(0.5, 1.5)}
    shares = rng.uniform(0.05, 0.5), rng.uniform(0.1, 2.0)
    return Scene(name, "outdoor", place, snr_db, diffuse, ("birds",), *shares)

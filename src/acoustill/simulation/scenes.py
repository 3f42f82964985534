"""The three scenarios of the paper, and an endless family of other places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from acoustill.errors import bad_input
from acoustill.simulation.acoustics import Place

SCENARIOS = ("anechoic", "office", "outdoor")
SPOTS = 4

Noise = Literal["ventilation", "babble", "fan", "keyboards", "traffic", "vehicle", "birds", "wind"]
Spot = tuple[float, float, float]

_CHAMBER = Place("free", rig_position_m=(0.0, 0.0, 1.4))
_OFFICE = Place("room", (9.0, 7.0, 3.0), 0.45, (0.9, 3.2, 1.4))
_TERRACE = Place("ground", rig_position_m=(0.0, 0.0, 1.4))

# Lowest and highest share of each kind of noise.
_INDOORS: dict[Noise, tuple[float, float]] = {
    "ventilation": (0.2, 1.0),
    "babble": (0.3, 1.5),
    "fan": (0.1, 0.6),
    "keyboards": (0.05, 0.4),
}
_OUTDOORS: dict[Noise, tuple[float, float]] = {
    "traffic": (0.5, 1.5),
    "wind": (0.1, 2.0),
    "birds": (0.05, 0.5),
    "vehicle": (0.2, 1.0),
}
_VEHICLES = 0.4  # share of takes on the terrace in which one passes
_PLACES_OUTDOORS = 0.3
_IN_PLACES: dict[Noise, float] = {"babble": 0.6, "fan": 0.7, "keyboards": 0.4, "wind": 0.8, "birds": 0.7}
_MOST_ABSORPTION = 0.6
_OFF_AXIS_RAD, _NEAREST_M = math.radians(50), 0.9


@dataclass(frozen=True)
class Scene:
    """A place, what is noisy in it, and how it looks.

    Attributes:
        name: of the scenario.
        backdrop: which background the video has: `anechoic`, `office` or `outdoor`.
        place: walls, floor and where the rig stands.
        snr_db: power of the action while it is heard over that of all noise of the place (see `capture.capture`).
        noises: kinds of noise, and how much of the noise's power each has relative to the others.
        corner_hz: frequency above which ventilation, or traffic, falls.
        spots_m: where sources of noise stand, in the axes of the place: always the same in a place, and at least
            50 degrees off the direction in which the rig looks.
    """

    name: str
    backdrop: str
    place: Place
    snr_db: float
    noises: dict[Noise, float]
    corner_hz: float
    spots_m: tuple[Spot, ...]


def draw_scene(scenario: str, rng: np.random.Generator) -> Scene:
    """A take's scene: the place is fixed by the name, its noise differs from take to take.

    - `anechoic`: no reflections; faint ventilation from outside. Signal to noise: uniform from 20 to 30 dB.
    - `office`: an open-space office of 9 m x 7 m x 3 m with a reverberation time of 0.45 s. Signal to noise: uniform
      from -4 to 8 dB. Shares of the noise's power, uniform: ventilation 0.2 to 1, babble 0.3 to 1.5, a fan 0.1 to
      0.6, colleagues' keyboards 0.05 to 0.4.
    - `outdoor`: a terrace whose floor takes a quarter of the sound's energy. Signal to noise: uniform from -2 to 10
      dB. Shares: traffic 0.5 to 1.5, wind at the capsules 0.1 to 2, birds 0.05 to 0.5; in two takes of five a
      vehicle passes, 0.2 to 1.
    - Names that start with `place`: other places, the same for the same name. Seven of ten are rooms of 4.5 to 9 m x
      3.5 to 7 m x 2.4 to 3.6 m. Their reverberation times are uniform between 0.15 and 0.6 s, but never so
      short that walls had to absorb more than 60 % (Eyring), and never longer than 0.11 s for each metre of the cube
      root of the volume: small rooms are drier. All are ventilated; six of ten have babble, seven a fan, four
      keyboards. Signal to noise: uniform from -4 to 15 dB. Three of ten places are outdoors, on ground that absorbs
      10 to 60 %; all have traffic, eight of ten wind, seven birds, and a vehicle in a share of the takes that
      is uniform from 0 to 0.6. Signal to noise: uniform from -2 to 15 dB. A kind's share is the place's own
      (log-uniform, from a third to three times the middle of the bounds above), times 0.6 to 1.4 in each take.
      Ventilation falls from 100 to 500 Hz on, traffic from 500 to 2000 Hz (200 and 1000 Hz in the scenarios).
      The rig stands 1.1 to 1.7 m high and is turned by up to 10 degrees in rooms.

    Raises:
        AcoustillError: if there is no such scenario.
    """
    if scenario == "anechoic":
        return Scene(scenario, "anechoic", _CHAMBER, rng.uniform(20, 30), {"ventilation": 1.0}, 200.0, ())
    if scenario == "office":
        spots = _draw_spots(_OFFICE, _own(scenario))
        return Scene(scenario, "office", _OFFICE, rng.uniform(-4, 8), _draw_shares(_INDOORS, rng), 200.0, spots)
    if scenario == "outdoor":
        spots = _draw_spots(_TERRACE, _own(scenario))
        shares = _without_vehicle(_draw_shares(_OUTDOORS, rng), _VEHICLES, rng)
        return Scene(scenario, "outdoor", _TERRACE, rng.uniform(-2, 10), shares, 1000.0, spots)
    if scenario.startswith("place"):
        return _draw_place(scenario, rng)
    raise bad_input("simulation", "scenario", repr(scenario), f"one of {SCENARIOS} or place-NUMBER")


def _draw_place(name: str, rng: np.random.Generator) -> Scene:
    own = _own(name)
    height = own.uniform(1.1, 1.7)
    if own.random() < _PLACES_OUTDOORS:
        place = Place("ground", rig_position_m=(0.0, 0.0, height), ground_absorption=own.uniform(0.1, 0.6))
        corner_hz, vehicles = float(np.exp(own.uniform(*np.log((500, 2000))))), own.uniform(0, 0.6)
        shares = _without_vehicle(_vary(_own_shares(_OUTDOORS, own), rng), vehicles, rng)
        return Scene(name, "outdoor", place, rng.uniform(-2, 15), shares, corner_hz, _draw_spots(place, own))
    size = (own.uniform(4.5, 9.0), own.uniform(3.5, 7.0), own.uniform(2.4, 3.6))
    rig = (own.uniform(0.3, 0.9), own.uniform(0.4, 0.6) * size[1], height)
    place = Place("room", size, _draw_rt60(size, own), rig, math.radians(own.uniform(-10, 10)))
    corner_hz = float(np.exp(own.uniform(*np.log((100, 500)))))
    shares = _vary(_own_shares(_INDOORS, own), rng)
    return Scene(name, "office", place, rng.uniform(-4, 15), shares, corner_hz, _draw_spots(place, own))


def _own(name: str) -> np.random.Generator:
    """Yields the same draws whenever the place of that name is drawn."""
    return np.random.default_rng(np.frombuffer(name.encode(), np.uint8))


def _draw_rt60(size_m: tuple[float, float, float], own: np.random.Generator) -> float:
    x, y, z = size_m
    volume, surface = x * y * z, 2 * (x * y + y * z + z * x)
    shortest = 0.161 * volume / (-surface * math.log(1 - _MOST_ABSORPTION))
    return float(own.uniform(max(0.15, shortest), min(0.6, 0.11 * volume ** (1 / 3))))


def _draw_shares(bounds: dict[Noise, tuple[float, float]], rng: np.random.Generator) -> dict[Noise, float]:
    return {kind: float(rng.uniform(low, high)) for kind, (low, high) in bounds.items()}


def _own_shares(bounds: dict[Noise, tuple[float, float]], own: np.random.Generator) -> dict[Noise, float]:
    """Which kinds of noise a place has, and their usual shares."""
    shares = {kind: (low + high) / 2 * 3 ** own.uniform(-1, 1) for kind, (low, high) in bounds.items()}
    return {kind: float(share) for kind, share in shares.items() if own.random() < _IN_PLACES.get(kind, 1.0)}


def _vary(shares: dict[Noise, float], rng: np.random.Generator) -> dict[Noise, float]:
    return {kind: float(share * rng.uniform(0.6, 1.4)) for kind, share in shares.items()}


def _without_vehicle(shares: dict[Noise, float], vehicles: float, rng: np.random.Generator) -> dict[Noise, float]:
    """The shares, without the vehicle in all takes but a share of them."""
    passes = rng.random() < vehicles
    return {kind: share for kind, share in shares.items() if passes or kind != "vehicle"}


def _draw_spots(place: Place, own: np.random.Generator) -> tuple[Spot, ...]:
    """Spots anywhere in the room, or 4 to 20 m away outdoors, but not where the rig looks."""
    rig = np.array(place.rig_position_m)
    ahead = np.array([math.cos(place.rig_yaw_rad), math.sin(place.rig_yaw_rad), 0.0])
    spots: list[Spot] = []
    while len(spots) < SPOTS:
        if place.kind == "room":
            spot = own.uniform((0.3, 0.3, 0.4), np.array(place.size_m) - (0.3, 0.3, 0.9))
        else:
            angle, distance = own.uniform(0, 2 * math.pi), own.uniform(4, 20)
            spot = np.array([distance * math.cos(angle), distance * math.sin(angle), own.uniform(0.4, 5.0)])
        way = spot - rig
        distance = float(np.linalg.norm(way))
        if distance >= _NEAREST_M and way @ ahead <= distance * math.cos(_OFF_AXIS_RAD):
            spots.append((float(spot[0]), float(spot[1]), float(spot[2])))
    return tuple(spots)

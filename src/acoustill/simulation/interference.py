"""Events that belong to no class and are heard beside the action, some of them seen as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from acoustill.rig.rig import Rig
from acoustill.simulation.acoustics import Place
from acoustill.simulation.interfering_sounds import BY_PEOPLE, INDOORS, OUTDOORS, play
from acoustill.simulation.performance import Event
from acoustill.simulation.scenes import Scene, Spot

MOST = 4
IN_VIEW = 1 / 3
LEVELS_DB = (-12.0, 3.0)
_BEHIND_M = (0.4, 2.0)
_COLUMNS = (0.08, 0.92)  # where bystanders are, as shares of the frame's width
_MOUTHS_M, _TABLES_M = (1.35, 1.68), (0.75, 1.1)  # above the floor, of people who stand
_BESIDE = 0.15  # of the frame's width, at least this far from where the action is on average
_TRIES = 100


@dataclass(frozen=True)
class Interference:
    """An event that belongs to no class.

    Attributes:
        name: what is heard.
        point_m: where, in the rig frame.
        events: when; times count from the start of the take.
        in_view: whether it is within the camera's frame.
        level_db: power while it is heard, over that of the action while it is heard: as drawn until it is captured,
            then what is on tape.
    """

    name: str
    point_m: np.ndarray
    events: tuple[Event, ...]
    in_view: bool
    level_db: float


@dataclass(frozen=True)
class Interrupting:
    """An interference and its sound.

    Attributes:
        interference: what, where and when.
        spot_m: the spot of the scene where it happens, or None if it is elsewhere.
        start: first sample.
        signal: (samples,) float32, from there on.
    """

    interference: Interference
    spot_m: Spot | None
    start: int
    signal: np.ndarray


def draw_interferences(
    rig: Rig, scene: Scene, trajectory_m: np.ndarray, rng: np.random.Generator
) -> tuple[Interrupting, ...]:
    """Draws what else happens in a take: nothing in the anechoic chamber, elsewhere none to four events.

    Their number is uniform. One of three is made by somebody in the field of view, beside the action and
    0.4 to 2 m behind it (a cough, laughter, indoors also a cup put down), if the place has room there; all others
    happen at the scene's spots. Each starts at any time at which it still ends within the take. The level that it
    asks for, relative to the action, both while they are heard, is uniform from -12 to 3 dB; `capture` lowers all of a
    take by one factor where the noise has no room for them. Nothing that is drawn depends on what the action is or
    sounds like.

    Args:
        rig: whose camera decides what is in view.
        scene: the place and its spots.
        trajectory_m: of the action, in the rig frame.
        rng: the source of randomness.

    Shapes:
        trajectory_m: (frames, 3).
    """
    if scene.backdrop == "anechoic":
        return ()
    return tuple(_draw(rig, scene, trajectory_m, rng) for _ in range(rng.integers(MOST, endpoint=True)))


def _draw(rig: Rig, scene: Scene, trajectory_m: np.ndarray, rng: np.random.Generator) -> Interrupting:
    names: tuple[str, ...] = OUTDOORS if scene.backdrop == "outdoor" else INDOORS
    seen = rng.random() < IN_VIEW
    if seen:
        names = tuple(name for name in names if name in BY_PEOPLE)
    name = names[rng.integers(len(names))]
    point = _draw_bystander(rig, scene.place, name, trajectory_m, rng) if seen else None
    spot = None
    if point is None:
        spot = scene.spots_m[rng.integers(len(scene.spots_m))]
        point = scene.place.to_rig(np.array(spot))
    signal, events = play(name, rig.sample_rate, rng)
    samples = len(trajectory_m) * rig.samples_per_frame
    start = int(rng.integers(max(1, samples - len(signal))))
    happening = tuple(_shifted(events, start / rig.sample_rate, samples / rig.sample_rate))
    interference = Interference(name, point, happening, in_view(rig, point), float(rng.uniform(*LEVELS_DB)))
    return Interrupting(interference, spot, start, signal[: samples - start])


def _shifted(events: tuple[Event, ...], start_s: float, end_s: float) -> Iterator[Event]:
    for event in events:
        time = start_s + event.time
        if time < end_s:
            yield Event(time, event.strength, min(event.duration, end_s - time))


def _draw_bystander(
    rig: Rig, place: Place, name: str, trajectory_m: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    """A mouth or hand beside and behind the action, as high as those of people who stand; None without room for it."""
    acts_at = rig.camera.project(trajectory_m.mean(axis=0))[0]
    farthest = max(rig.camera.depth_m(point) for point in trajectory_m)
    for _ in range(_TRIES):
        column = rng.uniform(*_COLUMNS) * rig.camera.width
        ahead = rig.camera.unproject(np.array([column, rig.camera.height / 2]), farthest + rng.uniform(*_BEHIND_M))
        spot = place.from_rig(ahead)
        spot[2] = rng.uniform(*(_TABLES_M if name == "cup" else _MOUTHS_M))
        point = place.to_rig(spot)
        beside = abs(rig.camera.project(point)[0] - acts_at) >= _BESIDE * rig.camera.width
        if beside and in_view(rig, point) and place.holds(spot):
            return point
    return None


def in_view(rig: Rig, point_m: np.ndarray) -> bool:
    """Whether a point (3,) of the rig frame is seen by the camera."""
    pixel = rig.camera.project(point_m)
    return bool((pixel >= 0).all() and (pixel < np.array([rig.camera.width, rig.camera.height])).all())

"""Where the source of a take is, and how it moves.

Nothing of this may tell the action, or a network would learn the place and not the sound. So all actions begin on the
same stage, half of all takes stand still, and whoever moves shifts by at most 0.15 m to the left or right of where
they began. Only this differs: at a table, a door or a vise nobody walks, while of the others who move, one in five
walks across the stage.
"""

from __future__ import annotations

import numpy as np

from acoustill.errors import AcoustillError
from acoustill.rig.rig import Rig
from acoustill.simulation.acoustics import Place

STAGE = (np.array([0.25, 0.35]), np.array([0.75, 0.7]))  # where people act, as shares of the video frame
DEPTHS_M = (1.3, 2.8)  # along the camera's axis
AT_FURNITURE = frozenset({"typing", "clicking", "knocking", "hammering", "stick dropping"})
NEVER_MOVE = frozenset({"loudspeaker"})
MOVING, WALKING = 1 / 2, 1 / 5  # share of takes; of those that move, share that walks, away from furniture
SHIFT_M = 0.15
SHIFT_SPEEDS, WALKING_SPEEDS = (0.05, 0.3), (0.4, 0.9)  # highest speed on the way, m/s
RESTS_S = (0.2, 2.0)
LARGEST_ACCELERATION = 1.5  # m/s^2
STEEPEST, MOST_BENT = 1.875, 5.774  # slope and second derivative of the minimum-jerk path from 0 to 1
TRIES = 1000


def draw_trajectory(rig: Rig, place: Place, action: str, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Draws where the source is in the middle of each video frame.

    It rests, goes straight to another point, and rests again, without a jump in place, speed or acceleration (the
    minimum-jerk path of human movements, Flash and Hogan 1985), at most at 0.9 m/s and 1.5 m/s^2. Every point is on
    the stage, the middle of the video frame 1.3 to 2.8 m from the camera, and inside the place.

    Args:
        rig: whose camera sees the stage.
        place: its walls.
        action: what is performed.
        frames: length of the take.
        rng: the only source of chance.

    Shapes:
        Output: (frames, 3) float64, rig frame, metres.

    Raises:
        AcoustillError: if no place on the stage lies inside the room.
    """
    start = _draw_point(rig, place, rng)
    moves, walks = rng.random() < MOVING, rng.random() < WALKING
    if not moves or action in NEVER_MOVE:
        return np.repeat(start[None], frames, axis=0)
    clock = (np.arange(frames) + 0.5) / rig.frame_rate
    path = np.empty((frames, 3))
    walks = walks and action not in AT_FURNITURE
    here, now = start, 0.0
    while now < frames / rig.frame_rate:
        there = _draw_point(rig, place, rng) if walks else _shifted(rig, place, start, rng)
        leaves = now + rng.uniform(*RESTS_S)
        speed = rng.uniform(*(WALKING_SPEEDS if walks else SHIFT_SPEEDS))
        way_m = float(np.linalg.norm(there - here))
        takes_s = max(STEEPEST * way_m / speed, (MOST_BENT * way_m / LARGEST_ACCELERATION) ** 0.5, 1 / rig.frame_rate)
        s = np.clip((clock - leaves) / takes_s, 0.0, 1.0)[:, None]
        later = clock >= now
        path[later] = (here + (there - here) * s**3 * (10 - 15 * s + 6 * s**2))[later]
        here, now = there, leaves + takes_s
    return path


def _draw_point(rig: Rig, place: Place, rng: np.random.Generator) -> np.ndarray:
    """A point (3,) on the stage, inside the walls, in the rig frame."""
    size = np.array([rig.camera.width, rig.camera.height])
    for _ in range(TRIES):
        point = rig.camera.unproject(rng.uniform(*STAGE) * size, rng.uniform(*DEPTHS_M))
        if place.holds(place.from_rig(point)):
            return point
    raise AcoustillError("simulation: no place in the field of view lies inside the room")


def _shifted(rig: Rig, place: Place, start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A point (3,) to the camera's left or right of the start that is on the stage and inside the walls, too."""
    to_the_right = np.asarray(rig.camera.rotation)[:, 0]
    size = np.array([rig.camera.width, rig.camera.height])
    low, high = STAGE[0] * size, STAGE[1] * size
    for _ in range(TRIES):
        point = start + rng.uniform(-SHIFT_M, SHIFT_M) * to_the_right
        pixel = rig.camera.project(point)
        if (pixel >= low).all() and (pixel <= high).all() and place.holds(place.from_rig(point)):
            return point
    return start  # the corner of a stage that a lens or a wall cuts off

"""Synthetic sounds of AVIA's 14 actions, physically informed and honestly confusable.

Three layers vary: what the action is, who does it (`Style`, constant within a subject, with that subject's
own hands, door, hammer, stick, keyboard, paper and voice) and the take (the generator given to `perform`). Impacts
share one model, modal bodies struck by smooth force pulses; sheets and shells share another, crackling: so these
actions differ only in material, contact and rhythm, all of which overlap between subjects.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from acoustill.archive.importers.avia_names import ACTIONS
from acoustill.errors import AcoustillError, bad_input
from acoustill.simulation import actions_crackling, actions_hands, actions_impacts, actions_keys, actions_voice
from acoustill.simulation.performance import (
    LOUDEST_DB,
    QUIETEST_DB,
    Event,
    Part,
    Performance,
    Style,
    draw_style,
)
from acoustill.simulation.synthesis import Array, active_level

__all__ = ["ACTIONS", "Event", "Performance", "Style", "draw_style", "perform"]

# What plays each action, and its level in decibels at 1 m for the average subject: much closer together
# than subjects differ, so that level alone tells little.
_PLAYERS: dict[str, tuple[Callable[[Part], tuple[Array, tuple[Event, ...]]], float]] = {
    "clapping": (actions_hands.clapping, 68.0),
    "snapping fingers": (actions_hands.snapping_fingers, 66.0),
    "speaking": (actions_voice.speaking, 66.0),
    "whistling": (actions_voice.whistling, 67.0),
    "playing kendama": (actions_impacts.playing_kendama, 67.0),
    "clicking": (actions_keys.clicking, 64.0),
    "typing": (actions_keys.typing, 64.0),
    "knocking": (actions_impacts.knocking, 67.0),
    "hammering": (actions_impacts.hammering, 69.0),
    "peanut breaking": (actions_crackling.peanut_breaking, 65.0),
    "paper ripping": (actions_crackling.paper_ripping, 66.0),
    "plastic crumpling": (actions_crackling.plastic_crumpling, 66.0),
    "paper shaking": (actions_crackling.paper_shaking, 65.0),
    "stick dropping": (actions_impacts.stick_dropping, 67.0),
}


def perform(action: str, style: Style, seconds: float, sample_rate: int, rng: np.random.Generator) -> Performance:
    """Plays one take of an action, which goes on to its end with natural pauses.

    Args:
        action: one of `ACTIONS`.
        style: who does it.
        seconds: length of the take.
        sample_rate: hertz, at least 4,000.
        rng: the source of what differs from take to take; the same state gives the same take.

    Returns:
        The sound at 1 m and its events.

    Shapes:
        signal: (samples,) with samples = round(seconds x sample_rate), in pascal.

    Raises:
        AcoustillError: the action is unknown, or the take too short or its rate too low to hold it.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> take = perform("knocking", draw_style(rng), 2.0, 12288, rng)
        >>> take.signal.shape, take.signal.dtype.name
        ((24576,), 'float32')
    """
    if action not in _PLAYERS:
        raise AcoustillError(f"action {action!r} is unknown, expected one of {', '.join(ACTIONS)}")
    if not seconds >= 0.25:
        raise bad_input("simulation", "length of a take", f"{seconds} s", "at least 0.25 s")
    if sample_rate < 4000:
        raise bad_input("simulation", "sample rate", f"{sample_rate} Hz", "at least 4000 Hz")
    play, level = _PLAYERS[action]
    own = np.random.default_rng([style.objects, *action.encode()])
    sound, events = play(Part(round(seconds * sample_rate), sample_rate, style, rng, own))
    wanted = float(np.clip(level + style.force + own.normal(0, 2.5) + rng.normal(0, 1.0), QUIETEST_DB, LOUDEST_DB))
    sound *= 10 ** ((wanted - active_level(sound, sample_rate)) / 20)
    return Performance(sound.astype(np.float32), events)

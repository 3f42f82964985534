"""How each action is seen: furniture, and what moves in time with the sound.

Every act is drawn in metres from the acoustic centre. What a motion means for one frame comes from `Motion`,
the events of the take sampled at the middle of each frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acoustill.simulation.people import RGB, Canvas, Looks, Person, at
from acoustill.simulation.performance import Event

_GRAVITY = 9.81
_DROP_HEIGHT = 0.25
_LONGEST_BOUNCE = 0.45
_FAR = 1e3
_CLOSED = (0.021, 0.0025)


class Motion:
    """The events of a take as movements, sampled at the middle of each frame."""

    def __init__(self, events: Sequence[Event], times: NDArray[np.float64], rng: np.random.Generator) -> None:
        ordered = sorted(events, key=lambda event: event.time)
        onsets = np.array([event.time for event in ordered], np.float64)
        strengths = np.array([event.strength for event in ordered], np.float64)
        durations = np.array([event.duration for event in ordered], np.float64)
        self.times = times
        self.following = np.searchsorted(onsets, times, side="right")
        padded = np.concatenate([[-_FAR], onsets, [_FAR]])
        self.before, self.after = padded[self.following], padded[self.following + 1]
        self.strength = np.append(strengths, 0.6)[self.following]
        self.swing = self._swing()
        self.active = self._active(strengths, durations)
        self.count = len(ordered)
        self.choices = rng.uniform(-1, 1, (len(ordered) + 2, 3))
        phases = rng.uniform(0, 2 * np.pi, 4)
        slow = 2 * np.pi * rng.uniform(0.12, 0.35, 4)
        sway = np.sin(slow * times[:, None] + phases)
        self.sway = 0.0015 * (sway[:, :2] + sway[:, 2:])

    def _swing(self) -> NDArray[np.float64]:
        """(frames,) 0 at each event, up to 1 between, held there in pauses."""
        reach = np.minimum(0.24, (self.after - self.before) / 2)
        nearest = np.minimum(self.times - self.before, self.after - self.times)
        return np.sin(np.pi / 2 * np.clip(nearest / reach, 0, 1)) * (0.45 + 0.55 * self.strength)

    def _active(self, strengths: NDArray[np.float64], durations: NDArray[np.float64]) -> NDArray[np.float64]:
        """(frames,) half a sine over each event, as high as it is strong, 0 between."""
        if not len(strengths):
            return np.zeros(len(self.times))
        current = np.maximum(self.following - 1, 0)
        phase = (self.times - self.before) / np.maximum(durations[current], 0.02)
        return np.where((phase > 0) & (phase < 1), strengths[current] * np.sin(np.pi * phase), 0.0)


@dataclass(frozen=True)
class Act:
    """How one action is seen: where the head is, what stands still, what moves.

    The head is given in metres from the acoustic centre, x towards the subject's working side; None puts the
    mouth at the acoustic centre.
    """

    head: tuple[float, float] | None
    furniture: Callable[[Canvas, Looks], None]
    move: Callable[[Canvas, Person, Motion, int], None]


def _mix(first: RGB, second: RGB, share: float) -> RGB:
    red, green, blue = (float(a + share * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _ease(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def _nothing(canvas: Canvas, looks: Looks) -> None:
    """Some actions need no furniture."""


def _table(canvas: Canvas, looks: Looks, below: float) -> None:
    wood = _mix(looks.prop, looks.trousers, 0.6)
    for side in (-1, 1):
        canvas.box(at(0.42 * side, below + 0.4), (0.022, 0.4), wood, 0.7)
    canvas.box(at(0, below + 0.035), (0.5, 0.035), wood, 0.8, corner=0.008)
    canvas.box(at(0, below + 0.008), (0.5, 0.01), wood, 1.25)


def _bench(canvas: Canvas, looks: Looks) -> None:
    _table(canvas, looks, 0.07)
    canvas.box(at(0, 0.05), (0.14, 0.025), _mix(looks.prop, (190, 150, 100), 0.5), corner=0.005)
    canvas.limb(at(0, 0.005), at(0, 0.03), (0.006, 0.004), (120, 120, 125))


def _door(canvas: Canvas, looks: Looks) -> None:
    middle = at(-0.42 * looks.side, 0.2)
    canvas.box(middle, (0.42, 0.85), looks.prop, 0.7)
    canvas.box(middle, (0.39, 0.82), looks.prop)
    for row in (-0.4, 0.4):
        canvas.box(middle + at(0, row), (0.27, 0.28), looks.prop, 0.85, corner=0.02)
    canvas.ellipse(at(-0.07 * looks.side, 0.22), (0.022, 0.022), (170, 165, 150))


def _keyboard(canvas: Canvas, looks: Looks) -> None:
    _table(canvas, looks, 0.02)
    canvas.box(at(0, 0.02), (0.23, 0.062), looks.prop, 0.75, corner=0.012)
    keys = _mix(looks.prop, (230, 230, 230), 0.45)
    for row in range(4):
        for column in range(12):
            spot = at(-0.2 + 0.0365 * column, -0.022 + 0.027 * row)
            canvas.box(spot, (0.0145, 0.0105), keys, corner=0.003)


def _other_arm(canvas: Canvas, person: Person, motion: Motion, frame: int, side: int) -> None:
    """The arm that has nothing to do hangs down."""
    hand = person.shoulder(side) + at(0.07 * side, 0.5 * person.size) + motion.sway[frame]
    person.draw_arm(canvas, side, hand)
    person.draw_fist(canvas, hand)


def _clap(canvas: Canvas, person: Person, motion: Motion, frame: int) -> None:
    opening = motion.swing[frame]
    person.draw_head(canvas, motion.sway[frame], _CLOSED)
    for side in (-1, 1):
        palm = at(side * (0.02 + 0.13 * opening), 0.015)
        lean = side * (0.25 * opening - 0.1)
        person.draw_arm(canvas, side, palm + at(0.01 * side, 0.06))
        tip = palm + at(0.14 * np.sin(lean), -0.11 * np.cos(lean))
        canvas.limb(palm + at(0, 0.03), palm, (0.032, 0.036), person.looks.skin)
        canvas.limb(palm, tip, (0.03, 0.017), person.looks.skin, 1.0 - 0.08 * (side > 0))
        canvas.limb(palm, palm + at(-0.03 * side, -0.06), (0.014, 0.01), person.looks.skin, 0.9)


def _hammer(canvas: Canvas, person: Person, motion: Motion, frame: int) -> None:
    side, opening = person.looks.side, motion.swing[frame]
    person.draw_head(canvas, motion.sway[frame], _CLOSED)
    holding = at(-0.08 * side, 0.03)
    person.draw_arm(canvas, -side, holding)
    person.draw_fist(canvas, holding)
    turn = 0.75 * opening
    hand = at(side * (0.25 - 0.02 * opening), -0.025 - 0.09 * opening)
    head = hand + 0.25 * at(-side * np.cos(turn), -np.sin(turn))
    person.draw_arm(canvas, side, hand)
    canvas.limb(hand + 0.2 * (hand - head), head, (0.014, 0.012), person.looks.prop)
    canvas.box(head, (0.022, 0.045), (105, 108, 114), angle=side * turn, corner=0.006)
    person.draw_fist(canvas, hand)


def _knock(canvas: Canvas, person: Person, motion: Motion, frame: int) -> None:
    side, opening = person.looks.side, motion.swing[frame]
    person.draw_head(canvas, motion.sway[frame], _CLOSED)
    _other_arm(canvas, person, motion, frame, side)
    hand = at(side * (0.04 + 0.14 * opening), -0.02 * opening)
    person.draw_arm(canvas, -side, hand + at(0.02 * side, 0.01))
    person.draw_fist(canvas, hand)


def _shake_paper(canvas: Canvas, person: Person, motion: Motion, frame: int) -> None:
    way = 1 if motion.following[frame] % 2 else -1
    wave = way * motion.active[frame]
    sheet = at(0.09 * wave, -0.02 * abs(wave)) + motion.sway[frame]
    angle = 0.5 * wave
    person.draw_head(canvas, motion.sway[frame], _CLOSED)
    axis = at(np.cos(angle), np.sin(angle))
    down = at(-np.sin(angle), np.cos(angle))
    grips = {side: sheet + 0.1 * side * axis - 0.1 * down for side in (-1, 1)}
    for side, grip in grips.items():
        person.draw_arm(canvas, side, grip)
    paper = _mix(person.looks.prop, (250, 250, 250), 0.65)
    canvas.box(sheet, (0.115, 0.145), paper, 0.95, angle)
    bend = angle + 0.35 * wave
    flap = sheet + 0.1 * down + 0.05 * at(-np.sin(bend), np.cos(bend))
    canvas.box(flap, (0.112, 0.05), paper, 0.86 + 0.14 * abs(wave), bend)
    for row in (-0.08, -0.04, 0.0, 0.04):
        middle = sheet + row * down
        canvas.limb(middle - 0.08 * axis, middle + 0.08 * axis, (0.003, 0.003), paper, 0.7)
    for grip in grips.values():
        canvas.ellipse(grip, (0.028, 0.034), person.looks.skin, angle=angle)


def _speak(canvas: Canvas, person: Person, motion: Motion, frame: int) -> None:
    opening = motion.active[frame]
    nod = motion.sway[frame] + at(0.0, -0.006 * opening)
    person.draw_head(canvas, nod, (0.024 - 0.005 * opening, 0.003 + 0.026 * opening))
    for side in (-1, 1):
        _other_arm(canvas, person, motion, frame, side)


def _whistle(canvas: Canvas, person: Person, motion: Motion, frame: int) -> None:
    blowing = motion.active[frame]
    lean = motion.sway[frame] + at(0.004 * motion.choices[motion.following[frame], 0] * blowing, -0.005 * blowing)
    person.draw_head(canvas, lean, (0.013 - 0.003 * blowing, 0.005 + 0.009 * blowing))
    for side in (-1, 1):
        _other_arm(canvas, person, motion, frame, side)


def _type(canvas: Canvas, person: Person, motion: Motion, frame: int) -> None:
    person.draw_head(canvas, motion.sway[frame] + at(0, 0.01), _CLOSED)
    coming = int(motion.following[frame])
    since, until = motion.times[frame] - motion.before[frame], motion.after[frame] - motion.times[frame]
    press = {1: 0.0, -1: 0.0}
    for event, distance in ((coming - 1, since), (coming, until)):
        if 0 <= event < motion.count:
            side = 1 if motion.choices[event, 0] > 0 else -1
            press[side] = max(press[side], float(np.exp(-((distance / 0.055) ** 2))))
    travel = _ease((since - 0.04) / max(since + until - 0.04, 0.02)) if 0 < coming < motion.count else 1.0
    last, goal = motion.choices[max(coming - 1, 0)], motion.choices[min(coming, max(motion.count - 1, 0))]
    across = last + travel * (goal - last)
    for side in (-1, 1):
        down = press[side]
        wrist = at(0.1 * side + 0.025 * across[1 if side > 0 else 2], 0.05 - 0.02 * (1 - down))
        person.draw_arm(canvas, side, wrist + at(0.01 * side, 0.0))
        canvas.ellipse(wrist, (0.04, 0.032), person.looks.skin)
        for finger in range(4):
            root = wrist + at(0.022 * (finger - 1.5), -0.015)
            lift = -0.045 - (0.02 * (1 - down) if finger % 2 else 0.0)
            canvas.limb(root, root + at(0.004 * (finger - 1.5), lift), (0.011, 0.009), person.looks.skin, 0.95)


def _drop_stick(canvas: Canvas, person: Person, motion: Motion, frame: int) -> None:
    side, time = person.looks.side, motion.times[frame]
    before, after = motion.before[frame], motion.after[frame]
    before = max(before, after - 1.3) if after < _FAR else before
    after = min(after, before + 1.5) if before > -_FAR else after
    high, fall = -_DROP_HEIGHT - 0.02, np.sqrt(2 * _DROP_HEIGHT / _GRAVITY)
    tilt = 0.5 * motion.choices[motion.following[frame], 0]
    if after - before < _LONGEST_BOUNCE:
        stick, hand = -0.5 * _GRAVITY * (time - before) * (after - time), high
        angle = tilt * np.sin(np.pi * (time - before) / (after - before))
    elif time > after - fall:
        stick, hand = 0.5 * _GRAVITY * (time - after + fall) ** 2 - _DROP_HEIGHT, high
        angle = tilt * np.sin(np.pi * (after - time) / fall)
    else:
        share = (time - before - 0.1) / (after - fall - before - 0.1)
        lifted = _ease((share - 0.45) / 0.45)
        stick, angle = -_DROP_HEIGHT * lifted, 0.0
        hand = high * (lifted if share > 0.45 else 1 - _ease(share / 0.45)) - 0.015
    person.draw_head(canvas, motion.sway[frame], _CLOSED)
    _other_arm(canvas, person, motion, frame, side)
    grip = at(0.06 * side, hand)
    person.draw_arm(canvas, -side, grip)
    middle, half = at(0.0, stick - 0.012), 0.17 * at(np.cos(angle), np.sin(angle))
    canvas.limb(middle - half, middle + half, (0.014, 0.014), person.looks.prop, 1.1)
    person.draw_fist(canvas, grip)


def _loudspeaker(canvas: Canvas, looks: Looks) -> None:
    canvas.box(at(0, 0.5), (0.015, 0.4), (60, 60, 64))
    canvas.box(at(0, -0.02), (0.1, 0.16), looks.prop, 0.6, corner=0.01)
    canvas.ellipse(at(0, -0.12), (0.025, 0.025), (50, 50, 54))


def _play(canvas: Canvas, person: Person, motion: Motion, frame: int) -> None:
    """The cone moves, larger than life; the subject stands beside it."""
    person.draw_head(canvas, motion.sway[frame], _CLOSED)
    for side in (-1, 1):
        _other_arm(canvas, person, motion, frame, side)
    radius = 0.07 + 0.018 * motion.active[frame]
    canvas.ellipse(at(0, 0), (radius, radius), (70, 70, 76))
    canvas.ellipse(at(0, 0), (0.5 * radius, 0.5 * radius), (110, 110, 118))


ACTS: dict[str, Act] = {
    "loudspeaker": Act((0.45, -0.35), _loudspeaker, _play),
    "clapping": Act((0.0, -0.43), _nothing, _clap),
    "hammering": Act((0.16, -0.46), _bench, _hammer),
    "knocking": Act((0.38, -0.18), _door, _knock),
    "paper_shaking": Act((0.0, -0.42), _nothing, _shake_paper),
    "speaking": Act(None, _nothing, _speak),
    "stick_dropping": Act((0.24, -0.5), lambda c, looks: _table(c, looks, 0.0), _drop_stick),
    "typing": Act((0.0, -0.44), _keyboard, _type),
    "whistling": Act(None, _nothing, _whistle),
}

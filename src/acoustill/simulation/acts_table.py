"""Actions at furniture: hammering, knocking, typing, clicking, dropping a stick."""

from __future__ import annotations

import numpy as np

from acoustill.simulation.canvas import Canvas, at, ease, heading, mix
from acoustill.simulation.motion import FAR, Motion
from acoustill.simulation.people import Looks, Person
from acoustill.simulation.stage import since_and_until

_GRAVITY = 9.81
_DROP_HEIGHT = 0.25
_LONGEST_BOUNCE = 0.45
_OPEN_HAND = (0.066, 0.074, 0.072, 0.058)


def _set_table(canvas: Canvas, looks: Looks, back: float, front: float) -> None:
    """A table seen a little from above; its top reaches from one row to another, in metres."""
    wood = mix(looks.prop, looks.trousers, 0.5)
    for side in (-1, 1):
        canvas.box(at(0.71 * side, front + 0.38), (0.024, 0.38), wood, 0.6)
    canvas.polygon([at(-0.7, back), at(0.7, back), at(0.78, front), at(-0.78, front)], wood, 1.15)
    canvas.box(at(0, front + 0.02), (0.78, 0.02), wood, 0.8, corner=0.004)


def set_bench(canvas: Canvas, looks: Looks) -> None:
    """A table with room for a block of wood or a stick."""
    _set_table(canvas, looks, -0.06, 0.14)


def _set_keyboard(canvas: Canvas, looks: Looks, x: float) -> None:
    """Four rows of keys, parted by the gaps between twelve columns."""
    keys = mix(looks.prop, (230, 230, 230), 0.45)
    back, front = 0.21, 0.235
    corners = [at(x - back, -0.045), at(x + back, -0.045), at(x + front, 0.075), at(x - front, 0.075)]
    canvas.polygon(corners, looks.prop, 0.65)
    for row in range(4):
        wide = back + (front - back) * (row + 0.5) / 4
        canvas.box(at(x, -0.028 + 0.028 * row), (0.945 * wide, 0.0108), keys, 1.05 - 0.03 * row)
    for column in range(1, 12):
        share = 0.945 * (column / 6 - 1)
        canvas.limb(at(x + back * share, -0.038), at(x + front * share, 0.066), (0.0035, 0.0035), looks.prop, 0.65)


def _set_mouse(canvas: Canvas, looks: Looks, x: float, y: float = 0.0) -> None:
    keys = mix(looks.prop, (230, 230, 230), 0.45)
    canvas.ellipse(at(x, y + 0.004), (0.037, 0.052), looks.prop, 0.5)
    canvas.ellipse(at(x, y), (0.034, 0.05), keys)
    canvas.limb(at(x, y + 0.01), at(x, y + 0.046), (0.0025, 0.0025), keys, 0.6)


def set_desk_for_typing(canvas: Canvas, looks: Looks) -> None:
    """A mouse, beside where the keyboard is: that one goes along with the hands."""
    _set_table(canvas, looks, -0.11, 0.12)
    _set_mouse(canvas, looks, 0.5 * looks.side)


def set_desk_for_clicking(canvas: Canvas, looks: Looks) -> None:
    """A keyboard, beside where the mouse is: that one goes along with the hand."""
    _set_table(canvas, looks, -0.11, 0.12)
    _set_keyboard(canvas, looks, -0.5 * looks.side)


def set_door(canvas: Canvas, looks: Looks) -> None:
    """A door that stands ajar, its near edge towards the subject.

    Whoever knocks may shift by 0.2 m to either side of the mean, and still finds the door.
    """
    side = -looks.side

    def corner(share: float, height: float) -> np.ndarray:
        shrunk = 1 - 0.14 * share
        return at(side * (-0.26 + 0.82 * share), 0.2 + shrunk * height)

    def panel(left: float, right: float, top: float, bottom: float) -> list[np.ndarray]:
        return [corner(left, top), corner(right, top), corner(right, bottom), corner(left, bottom)]

    canvas.polygon(panel(-0.045, 0.0, -0.9, 0.9), looks.prop, 0.6)
    canvas.polygon(panel(0.0, 1.0, -0.9, 0.9), looks.prop, 0.95)
    for top, bottom in ((-0.78, -0.1), (0.02, 0.78)):
        canvas.polygon(panel(0.18, 0.84, top, bottom), looks.prop, 0.72)
        canvas.polygon(panel(0.205, 0.815, top + 0.025, bottom - 0.025), looks.prop, 0.86)
    canvas.limb(corner(0.07, 0.14), corner(0.07, 0.14) + at(0.07 * side, 0), (0.012, 0.01), (180, 175, 160))


def hammer(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The hammer is on the nail at each blow; the other hand holds the block."""
    side, opening = person.looks.side, motion.swing[moment]
    block, holding = mix(person.looks.prop, (190, 150, 100), 0.4), at(-0.11 * side, 0.045)
    person.draw_arm(canvas, -side, holding)
    canvas.box(at(0, 0.062), (0.15, 0.03), block, 0.9, corner=0.004)
    canvas.box(at(0, 0.034), (0.15, 0.01), block, 1.15)
    canvas.limb(at(0, 0.004), at(0, 0.036), (0.006, 0.004), (150, 150, 155))
    canvas.ellipse(at(0, 0.003), (0.012, 0.005), (150, 150, 155))
    person.draw_fist(canvas, holding)
    turn = 0.85 * opening
    hand = at(side * (0.25 - 0.02 * opening), -0.025 - 0.1 * opening)
    head = hand + 0.25 * at(-side * np.cos(turn), -np.sin(turn))
    person.draw_arm(canvas, side, hand)
    canvas.limb(hand + 0.2 * (hand - head), head, (0.014, 0.012), person.looks.prop)
    canvas.box(head, (0.022, 0.048), (105, 108, 114), angle=side * turn, corner=0.006)
    canvas.box(head - 0.006 * at(side, 1), (0.008, 0.036), (160, 163, 170), angle=side * turn, corner=0.004)
    person.draw_fist(canvas, hand)


def knock(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The knuckles are on the door at each knock."""
    side, opening = person.looks.side, motion.swing[moment]
    hand = at(side * (0.02 + 0.15 * opening), -0.03 * opening)
    person.draw_arm(canvas, -side, hand + at(0.03 * side, 0.015))
    person.draw_fist(canvas, hand)


def type_keys(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """At each key press one hand comes down on another place of the keyboard."""
    _set_keyboard(canvas, person.looks, 0.0)
    coming = int(motion.following[moment])
    since, until = since_and_until(motion, moment)
    press, finger = {1: 0.0, -1: 0.0}, {1: 0, -1: 0}
    for event, distance in ((coming - 1, since), (coming, until)):
        if 0 <= event < motion.count:
            side, down = (1 if motion.choices[event, 0] > 0 else -1), float(np.exp(-((distance / 0.055) ** 2)))
            if down >= press[side]:
                press[side], finger[side] = down, int(1.999 * (motion.choices[event, 3] + 1))
    travel = ease((since - 0.04) / max(since + until - 0.04, 0.02)) if 0 < coming < motion.count else 1.0
    last, goal = motion.choices[max(coming - 1, 0)], motion.choices[min(coming, max(motion.count - 1, 0))]
    across = last + travel * (goal - last)
    for side in (-1, 1):
        down = press[side]
        palm = at(0.085 * side + 0.03 * across[1 if side > 0 else 2], -0.062 - 0.024 * (1 - down))
        lengths = [0.06 - 0.02 * (index % 2) * (1 - down) for index in range(4)]
        lengths[finger[side]] += 0.022 * down
        person.draw_arm(canvas, side, palm + at(0.015 * side, -0.03))
        person.draw_fingers(canvas, palm, heading(np.pi + 0.15 * side), side, lengths)


def click(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """A finger presses at each click; just before it, the hand has moved the mouse."""
    side, coming = person.looks.side, int(motion.following[moment])
    since, until = since_and_until(motion, moment)
    down = float(np.exp(-((min(since, until) / 0.06) ** 2)))
    share = ease(1 - (until - 0.03) / min(0.2, 0.6 * (since + until)))
    last, goal = motion.choices[max(coming - 1, 0)], motion.choices[min(coming, max(motion.count - 1, 0))]
    x, y = (0.03, 0.012) * (last[:2] + share * (goal[:2] - last[:2]))
    _set_mouse(canvas, person.looks, x, y)
    palm = at(x + 0.004 * side, y - 0.06 - 0.012 * (1 - down))
    lengths = list(_OPEN_HAND)
    lengths[0] -= 0.034 * (1 - down)
    person.draw_arm(canvas, side, palm + at(0.012 * side, -0.03))
    person.draw_fingers(canvas, palm, heading(np.pi), side, lengths, 0.06)
    resting = at(-0.33 * side, -0.055)
    person.draw_arm(canvas, -side, resting + at(0, -0.03))
    person.draw_fingers(canvas, resting, heading(np.pi), -side, (0.05, 0.055, 0.052, 0.045))


def drop_stick(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """A stick falls, bounces with every clatter, and is picked up again."""
    side, time = person.looks.side, motion.times[moment]
    before, after = motion.before[moment], motion.after[moment]
    before = max(before, after - 1.3) if after < FAR else before
    after = min(after, before + 1.5) if before > -FAR else after
    high, fall = -_DROP_HEIGHT - 0.02, np.sqrt(2 * _DROP_HEIGHT / _GRAVITY)
    tilt = 0.5 * motion.choices[motion.following[moment], 0]
    if after - before < _LONGEST_BOUNCE:
        stick, hand = -0.5 * _GRAVITY * (time - before) * (after - time), high
        angle = tilt * np.sin(np.pi * (time - before) / (after - before))
    elif time > after - fall:
        stick, hand = 0.5 * _GRAVITY * (time - after + fall) ** 2 - _DROP_HEIGHT, high
        angle = tilt * np.sin(np.pi * (after - time) / fall)
    else:
        share = (time - before - 0.1) / (after - fall - before - 0.1)
        lifted = ease((share - 0.45) / 0.45)
        stick, angle = -_DROP_HEIGHT * lifted, 0.0
        hand = high * (lifted if share > 0.45 else 1 - ease(share / 0.45)) - 0.015
    grip = at(0.06 * side, hand)
    person.draw_arm(canvas, -side, grip)
    middle, half = at(0.0, stick - 0.012), 0.17 * at(np.cos(angle), np.sin(angle))
    canvas.limb(middle - half, middle + half, (0.014, 0.014), person.looks.prop, 1.1)
    person.draw_fist(canvas, grip)

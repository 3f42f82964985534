"""Actions of both hands on something thin: ripping paper, shaking paper, crumpling film."""

from __future__ import annotations

import numpy as np

from acoustill.simulation.canvas import RGB, Canvas, at, ease, mix
from acoustill.simulation.drawing import Point
from acoustill.simulation.motion import FAR, Motion
from acoustill.simulation.people import Looks, Person
from acoustill.simulation.stage import beat, since_and_until

_HALF_WIDTH, _HALF_HEIGHT = 0.115, 0.15


def _paper(looks: Looks) -> RGB:
    return mix(looks.prop, (250, 250, 250), 0.6)


def _grip(canvas: Canvas, person: Person, place: Point, side: int, angle: float = 0.0) -> None:
    """A hand that holds an edge: thumb in front, knuckles beside it."""
    canvas.ellipse(place + at(0.012 * side, 0.006), (0.03, 0.036), person.looks.skin, angle=angle)
    for row in (-0.016, 0.002, 0.02):
        knuckle = place + at(0.004 * side, row)
        canvas.limb(knuckle, knuckle + at(-0.022 * side, 0.004), (0.01, 0.008), person.looks.skin, 0.9)
    canvas.limb(place + at(0.012 * side, -0.014), place + at(-0.024 * side, -0.026), (0.013, 0.01), person.looks.skin)


def shake(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """A sheet is swung to one side with each shake, its lower edge trailing."""
    way = 1 if motion.following[moment] % 2 else -1
    wave = way * motion.active[moment]
    sheet = at(0.09 * wave, -0.02 * abs(wave)) + motion.sway[moment]
    angle = 0.5 * wave
    axis, down = at(np.cos(angle), np.sin(angle)), at(-np.sin(angle), np.cos(angle))
    grips = {side: sheet + 0.1 * side * axis - 0.1 * down for side in (-1, 1)}
    for side, grip in grips.items():
        person.draw_arm(canvas, side, grip + at(0.02 * side, 0.03))
    paper, bend = _paper(person.looks), angle + 0.35 * wave
    canvas.box(sheet, (_HALF_WIDTH, _HALF_HEIGHT - 0.005), paper, 0.95, angle)
    flap = sheet + 0.1 * down + 0.05 * at(-np.sin(bend), np.cos(bend))
    canvas.box(flap, (_HALF_WIDTH - 0.003, 0.05), paper, 0.86 + 0.14 * abs(wave), bend)
    for row in (-0.08, -0.04, 0.0, 0.04):
        middle = sheet + row * down
        canvas.limb(middle - 0.08 * axis, middle + 0.08 * axis, (0.003, 0.003), paper, 0.7)
    for side, grip in grips.items():
        _grip(canvas, person, grip, side, angle)


def rip(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The tear runs down a sheet while it is heard; the hands come together again with the next sheet."""
    since, until = since_and_until(motion, moment)
    torn = min(since / motion.duration[moment], 1.0)
    fresh = ease(1 - (until - 0.02) / min(0.3, 0.45 * (since + until))) if until < FAR / 2 else 0.0
    if since > FAR / 2 or (torn == 1.0 and fresh > 0.5):
        torn, apart = 0.0, 0.0  # the next sheet
    else:
        apart = torn * (1 - fresh) + 0.35 * (1 - torn) * torn
    swing = 0.22 * np.sqrt(torn) * (1 - 0.5 * fresh)
    paper = _paper(person.looks)
    end = -_HALF_HEIGHT + 2 * _HALF_HEIGHT * torn
    lowered = 0.12 * np.sin(np.pi * fresh) if since < FAR / 2 else 0.0  # to drop the halves and take a sheet
    sway = motion.sway[moment] + at(0, lowered)
    halves = {}
    for side in (-1, 1):
        turn = side * swing
        axis, down = at(np.cos(turn), np.sin(turn)), at(-np.sin(turn), np.cos(turn))
        pivot = sway + at(0.055 * side * apart, end * (1 - 0.6 * torn))
        halves[side] = (pivot, axis, down, -_HALF_HEIGHT - end * (1 - 0.6 * torn))
    grips = {}
    for side, (pivot, axis, down, top) in halves.items():
        grips[side] = pivot + side * 0.05 * axis + (top + 0.03) * down
        person.draw_arm(canvas, side, grips[side] + at(0.025 * side, 0.03))
    for side, (pivot, axis, down, top) in halves.items():
        outer = pivot + side * _HALF_WIDTH * axis
        bottom = top + 2 * _HALF_HEIGHT
        canvas.polygon(
            [pivot + top * down, outer + top * down, outer + bottom * down, pivot + bottom * down],
            paper,
            0.95 - 0.05 * (side > 0),
        )
        for row in (0.1, 0.15, 0.2, 0.25):
            start = pivot + (top + row) * down
            canvas.limb(start + side * 0.02 * axis, start + side * 0.095 * axis, (0.003, 0.003), paper, 0.7)
        if torn > 0:
            ragged = pivot + top * down
            for step in range(4):
                tooth = ragged + 2 * _HALF_HEIGHT * torn * (step + 0.5) / 4 * down
                canvas.ellipse(tooth, (0.005 + 0.004 * (step % 2), 0.04 * torn), paper, 1.02)
    for side, grip in grips.items():
        _grip(canvas, person, grip, side, side * swing)


def crumple(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """A ball of shining film is pressed between the hands; its outline is another one after each crackle."""
    since, _ = since_and_until(motion, moment)
    event = int(motion.following[moment])
    pressed, changed = beat(motion, moment, 0.07), ease(since / 0.1)
    last, now = motion.choices[max(event - 1, 0)], motion.choices[event]
    shape = last + changed * (now - last)
    film, hold = mix(person.looks.prop, (250, 250, 250), 0.35), 0.1 - 0.03 * pressed
    centre = motion.sway[moment] + 0.012 * at(shape[0], shape[1])
    roll = 0.5 * shape[2]
    for side in (-1, 1):
        person.draw_arm(canvas, side, at((hold + 0.045) * side, 0.045 + 0.01 * side * shape[3]))
    turns = 2 * np.pi * np.arange(8) / 8 + roll
    radii = (0.105 + 0.028 * shape) * np.where(np.abs(np.cos(turns)) > 0.6, 1 - 0.3 * pressed, 1 + 0.2 * pressed)
    rim = [centre + radius * at(np.cos(turn), np.sin(turn)) for radius, turn in zip(radii, turns, strict=True)]
    heart = centre + 0.025 * at(shape[4], shape[5])
    canvas.ellipse(centre, (0.07, 0.07), film, 0.85)
    for index, corner in enumerate(rim):
        shade = 0.88 + 0.32 * shape[(index + 3) % 8]
        canvas.polygon([heart, corner, rim[(index + 1) % 8]], film, shade)
    for index in (0, 3, 5):
        canvas.limb(heart, heart + 0.75 * (rim[index] - heart), (0.004, 0.002), (245, 245, 245), 1.05)
    for side in (-1, 1):
        palm = at(hold * side, 0.012 + 0.01 * side * shape[3])
        canvas.limb(palm + at(0.04 * side, 0.035), palm + at(0.008 * side, 0.0), (0.034, 0.036), person.looks.skin)
        for row in (-0.03, -0.01, 0.01, 0.03):
            knuckle = palm + at(0.004 * side, row)
            canvas.limb(knuckle, knuckle + at(-0.04 * side, 0.4 * row), (0.011, 0.009), person.looks.skin, 0.94)
        canvas.limb(palm + at(0.01 * side, -0.02), palm + at(-0.03 * side, -0.058), (0.014, 0.01), person.looks.skin)

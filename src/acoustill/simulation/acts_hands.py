"""Actions of hands in the air: clapping, snapping fingers, kendama, breaking peanuts."""

from __future__ import annotations

import numpy as np

from acoustill.simulation.canvas import Canvas, at, ease, heading, mix
from acoustill.simulation.motion import Motion
from acoustill.simulation.people import Person
from acoustill.simulation.stage import beat, since_and_until

_GRAVITY = 9.81
_STRING = 0.36


def clap(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The palms, seen from their edges, are together at each clap."""
    opening = motion.swing[moment]
    for side in (-1, 1):
        palm = at(side * (0.02 + 0.13 * opening), 0.015)
        lean = 0.25 * opening - 0.1
        tip = palm + at(side * 0.14 * np.sin(lean), -0.11 * np.cos(lean))
        person.draw_arm(canvas, side, palm + at(0.01 * side, 0.06))
        canvas.limb(palm + at(0, 0.03), palm, (0.032, 0.036), person.looks.skin)
        canvas.limb(palm, tip, (0.03, 0.017), person.looks.skin, 1.0 - 0.08 * (side > 0))
        canvas.limb(palm, palm + at(-0.03 * side, -0.06), (0.014, 0.01), person.looks.skin, 0.9)


def snap(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """Thumb and middle finger are pressed together above the hand, and part with a flick when they snap."""
    side, skin, ready = person.looks.side, person.looks.skin, float(motion.swing[moment])
    lean = 0.5 - 0.75 * ready
    along = heading(lean, -side)
    across = side * np.array([along[1], -along[0]])  # towards the thumb, at the picture's middle
    palm = at(0.015 * side, 0.035) - 0.07 * ready * along
    person.draw_arm(canvas, side, palm - 0.05 * along)
    canvas.limb(palm - 0.035 * along, palm + 0.015 * along, (0.03, 0.038), skin)
    for place in (-1.5, -0.6):
        knuckle = palm + 0.03 * along + 0.017 * place * across
        canvas.limb(knuckle, knuckle - 0.03 * along + 0.012 * across, (0.012, 0.011), skin, 0.88)
    index = palm + 0.03 * along + 0.024 * across
    canvas.limb(index, index + 0.07 * along - 0.008 * across, (0.011, 0.009), skin, 0.97)
    meeting = palm + 0.075 * along + 0.05 * across
    middle = palm + 0.032 * along + 0.008 * across
    canvas.limb(middle, meeting + (1 - ready) * (-0.08 * along - 0.03 * across), (0.012, 0.009), skin, 0.92)
    thumb = palm - 0.015 * along + 0.03 * across
    canvas.limb(thumb, meeting - 0.008 * along + (1 - ready) * (0.025 * along), (0.014, 0.01), skin, 1.03)


def play_kendama(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """A ball on a string flies up from one cup, or from below in a pause, and lands in the other with each clack."""
    side, wood = person.looks.side, mix(person.looks.prop, (190, 150, 100), 0.35)
    since, until = since_and_until(motion, moment)
    way = 1 if motion.following[moment] % 2 else -1
    hangs = since + until > 0.95
    flight = min(0.42, 0.75 * (since + until))
    absorbing = 0.035 * np.exp(-((since - 0.06) ** 2) / 0.004) if since > 0 else 0.0
    flinging = 0.05 * np.exp(-((until - flight) ** 2) / 0.004)
    cup = at(0, absorbing + flinging)
    tilt = 0.35 * way * ease((since - 0.05) / max(since + until - 0.1, 0.05)) - 0.35 * way * (until < 0.05)
    across, down = at(np.cos(tilt), np.sin(tilt)), at(-np.sin(tilt), np.cos(tilt))
    resting = cup + at(0.0, -0.034)
    if until < flight:
        share = 1 - until / flight
        start = at(0.06 * way, _STRING) if hangs else at(0, 0)
        rise = min(0.3, _GRAVITY * flight**2 / 8)
        ball = resting + (1 - share) * start + at(0.1 * way * np.sin(np.pi * share), -4 * rise * share * (1 - share))
    elif hangs:
        slipped = ease((since - 0.15) / 0.3)
        swing = 0.06 * way * np.cos(5 * until)
        ball = resting + slipped * at(swing, _STRING) + at(0.1 * way * np.sin(np.pi * slipped), 0)
    else:
        ball = resting
    grip = cup + 0.12 * down
    person.draw_arm(canvas, side, grip + at(0.02 * side, 0.03))
    tie, slack = cup + 0.045 * down, 0.5 * np.sqrt(max(_STRING**2 - float(np.sum((ball - cup) ** 2)), 0.0))
    bow = (tie + ball) / 2 + at(0.25 * slack * way, 0.7 * slack)
    for start, end in ((tie, bow), (bow, ball)):
        canvas.limb(start, end, (0.003, 0.003), (225, 220, 210))
    canvas.limb(cup + 0.2 * down, cup + 0.02 * down, (0.011, 0.015), wood)
    canvas.limb(cup + 0.035 * down - 0.055 * across, cup + 0.035 * down + 0.055 * across, (0.017, 0.017), wood, 0.9)
    for hand in (-1, 1):
        tip = cup + 0.03 * down + 0.062 * hand * across
        canvas.limb(tip + 0.012 * down, tip - 0.018 * down, (0.012, 0.026), wood, 1.1)
    canvas.ellipse(ball, (0.036, 0.036), person.looks.prop, 1.15)
    canvas.ellipse(ball + at(-0.011, -0.012), (0.009, 0.008), (240, 240, 240), opacity=0.6)
    person.draw_fist(canvas, grip)


def break_peanut(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """Two hands twist a shell; it parts at the crack, crumbs fall, and the hands take the next."""
    since, until = since_and_until(motion, moment)
    shell = mix(person.looks.prop, (205, 165, 110), 0.5)
    twist = 0.5 * beat(motion, moment, 0.12) + 0.12 * np.sin(50 * motion.times[moment]) * (until < 0.25)
    far = min(1.0, 0.35 + (since + until) / 0.8)
    parted = far * ease(since / 0.09) * (1 - ease((since - 0.3) / 0.2)) * ease((until - 0.02) / 0.2)
    lowered = at(0, 0.02 * parted)
    hands = {side: at(side * (0.082 + 0.07 * parted), 0.012) + lowered for side in (-1, 1)}
    for side, hand in hands.items():
        person.draw_arm(canvas, side, hand + at(0.035 * side, 0.03))
    for side, hand in hands.items():
        angle = side * (0.15 + 0.55 * parted) + twist
        half = hand + at(-0.052 * side, -0.014)
        canvas.ellipse(half, (0.036, 0.028), shell, 1.1, angle)
        canvas.ellipse(half + at(-0.02 * side, 0.0), (0.024, 0.021), shell, 1.1, angle)
        if parted > 0.1:
            canvas.ellipse(half + at(-0.033 * side, 0.0), (0.01, 0.019), shell, 0.55, angle)
        for ridge in (-0.014, 0.002):
            canvas.limb(half + at(ridge - 0.006, -0.014), half + at(ridge, 0.014), (0.0025, 0.0025), shell, 0.72)
    for side, hand in hands.items():
        pointing = heading(1.0 - 0.4 * twist * side, -side)
        canvas.limb(hand + at(0.03 * side, 0.02), hand, (0.034, 0.036), person.looks.skin)
        for row in (-0.012, 0.008, 0.026):
            knuckle = hand + at(-0.002 * side, row)
            canvas.limb(knuckle, knuckle + 0.03 * pointing, (0.011, 0.009), person.looks.skin, 0.93)
        canvas.limb(hand + at(0.01 * side, -0.02), hand + at(-0.03 * side, -0.034), (0.013, 0.01), person.looks.skin)
    if since < 0.3:
        falling = motion.choices[motion.following[moment] - 1]
        for speed, height in zip(falling[:4], falling[4:], strict=True):
            crumb = at(0.25 * speed * since, 0.02 + 0.01 * height + (0.2 * height + _GRAVITY / 2 * since) * since)
            canvas.ellipse(crumb, (0.011, 0.008), shell, 0.9, angle=6 * speed)

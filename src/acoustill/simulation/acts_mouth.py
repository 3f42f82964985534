"""Actions of the mouth, and the loudspeaker that stands for sounds that nobody makes."""

from __future__ import annotations

from acoustill.simulation.canvas import Canvas, at
from acoustill.simulation.motion import Motion
from acoustill.simulation.people import Looks, Person


def speak(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The mouth opens with every syllable."""
    opening = motion.active[moment]
    nod = motion.sway[moment] + at(0.0, -0.006 * opening)
    person.draw_head(canvas, nod, (0.024 - 0.005 * opening, 0.003 + 0.026 * opening))


def whistle(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The lips are pointed, more so while a note sounds."""
    blowing = motion.active[moment]
    lean = at(0.004 * motion.choices[motion.following[moment], 0] * blowing, -0.005 * blowing)
    person.draw_head(canvas, motion.sway[moment] + lean, (0.014 - 0.004 * blowing, 0.004 + 0.013 * blowing))


def set_loudspeaker(canvas: Canvas, looks: Looks) -> None:
    """A box on a stand."""
    canvas.box(at(0, 0.5), (0.015, 0.4), (60, 60, 64))
    canvas.box(at(0, -0.02), (0.1, 0.16), looks.prop, 0.6, corner=0.01)
    canvas.ellipse(at(0, -0.12), (0.025, 0.025), (50, 50, 54))


def play(canvas: Canvas, person: Person, motion: Motion, moment: int) -> None:
    """The cone moves, larger than life; the subject stands beside it with a hand on its stand."""
    person.draw_arm(canvas, -person.looks.side, at(0.02 * person.looks.side, 0.24))
    person.draw_fist(canvas, at(0.02 * person.looks.side, 0.24))
    radius = 0.07 + 0.018 * motion.active[moment]
    canvas.ellipse(at(0, 0), (radius, radius), (70, 70, 76))
    canvas.ellipse(at(0, 0), (0.5 * radius, 0.5 * radius), (110, 110, 118))

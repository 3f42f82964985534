"""The level that is drawn brightest, frame by frame, and how sounds fade out of the picture."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from acoustill.errors import bad_input

Reference = Literal["follow", "fixed"]
RISE_DB_S = 40.0
FALL_DB_S = 10.0
LOUD, QUIET = 95, 10  # percentiles of the frames' peaks
DEEPEST_DB = 40.0
SILENCE_DB = 3.0  # by which the peaks of noise differ from frame to frame


def decibels(energy: np.ndarray) -> np.ndarray:
    """Levels of squared pressures; zero is minus infinity.

    Shapes:
        energy: (...).
        Output: (...) float64.
    """
    with np.errstate(divide="ignore"):
        return 10 * np.log10(np.maximum(np.asarray(energy, dtype=np.float64), 0.0))


def reference_levels(
    peaks_db: np.ndarray,
    frame_rate: float,
    range_db: float = 12.0,
    reference: Reference = "follow",
    floor_db: float | None = None,
) -> np.ndarray:
    """The level of each frame that is drawn brightest; what lies `range_db` below it is transparent.

    `fixed` is one level for the whole recording, the 95th percentile of the frames' peaks: pictures can be
    compared over time, and a single slam does not hide all else. `follow` is the lowest curve that lies on or
    above all peaks and neither rises faster than 40 dB/s nor falls faster than 10 dB/s: nothing is ever
    overdriven, nothing flickers, and a quiet sound comes back a second or two after a loud one.

    So that `follow` does not turn silence up until its noise fills the picture, the quietest tenth of the
    frames is taken for silence: levels up to 3 dB above the 10th percentile of the peaks stay transparent. Only
    so far, though, that the reference need not lie above the 95th (in a steady recording nothing is silence), and
    never so far below that the reference falls 40 dB under it.

    Args:
        peaks_db: level of the loudest pixel of each frame; minus infinity where there is no sound at all.
        frame_rate: in hertz.
        range_db: dynamic range of the picture.
        reference: `follow` or `fixed`.
        floor_db: what is this quiet is never drawn; None decides as said above.

    Shapes:
        peaks_db: (frames,).
        Output: (frames,) float64.

    Raises:
        AcoustillError: if the range is not positive or the kind of reference is unknown.
    """
    if reference not in ("follow", "fixed"):
        raise bad_input("overlay", "reference", repr(reference), "follow or fixed")
    if not 0 < range_db < math.inf:
        raise bad_input("overlay", "dynamic range", f"{range_db} dB", "a positive number of decibels")
    peaks = np.asarray(peaks_db, dtype=np.float64)
    heard = peaks[np.isfinite(peaks)]
    if not len(heard):
        return np.zeros(len(peaks))
    quiet, loud = np.percentile(heard, [QUIET, LOUD])
    if reference == "fixed":
        levels = np.full(len(peaks), loud)
    else:
        lowest = max(min(quiet + SILENCE_DB + range_db, loud), loud - DEEPEST_DB)
        levels = _slow_envelope(np.maximum(peaks, lowest), frame_rate)
    return levels if floor_db is None else np.maximum(levels, floor_db + range_db)


def _slow_envelope(levels: np.ndarray, frame_rate: float) -> np.ndarray:
    """The lowest curve on or above all levels whose slopes keep to RISE_DB_S and FALL_DB_S."""
    steps = np.arange(len(levels)) / frame_rate
    falling = np.maximum.accumulate(levels + FALL_DB_S * steps) - FALL_DB_S * steps
    return np.maximum.accumulate((falling - RISE_DB_S * steps)[::-1])[::-1] + RISE_DB_S * steps


class AfterGlow:
    """Smooths energies over time: a sound shows at once and fades exponentially.

    S(t) = max(E(t), a S(t-1) + (1 - a) E(t)) with a = exp(-1 / (seconds x frame rate)). A smoother that looks
    ahead would show a clap before it is heard, one that averages would show it late and dim.

    Args:
        seconds: time constant of the fading; 0 does nothing.
        frame_rate: in hertz.

    Raises:
        AcoustillError: if the time is negative.
    """

    def __init__(self, seconds: float, frame_rate: float) -> None:
        if not 0 <= seconds < math.inf:
            raise bad_input("overlay", "smoothing", f"{seconds} s", "0 or a positive number of seconds")
        self._keep = math.exp(-1 / (seconds * frame_rate)) if seconds > 0 else 0.0
        self._state: np.ndarray | None = None

    def __call__(self, energy: np.ndarray) -> np.ndarray:
        """The next frames, smoothed.

        Shapes:
            energy: (frames, H, W).
            Output: (frames, H, W) float32.
        """
        smooth = np.array(energy, dtype=np.float32)
        for frame in smooth:
            if self._state is not None:
                np.maximum(frame, self._keep * self._state + (1 - self._keep) * frame, out=frame)
            self._state = frame.copy()
        return smooth

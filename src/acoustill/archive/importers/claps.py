"""The clocks of audio and video from claps that are seen and heard."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import percentile_filter
from scipy.signal import find_peaks

from acoustill.archive.importers.synchrony import Heard, Points, Synchrony, best_line, fitted
from acoustill.errors import AcoustillError

HOP_S = 1e-3
BURST_S, BEFORE_S = 0.005, 0.1  # a clap is compared with what was before it
SHARP_DB, MOST_DB = 15.0, 60.0
HEARD_APART_S = 0.1
ONSET = 0.1  # of the largest energy of a burst: where it begins

CELLS = (24, 32)  # rows and columns that a frame is averaged to
HANDS = 8  # cells that hands at arm's length may cover
UNSEEN = 0.5  # grey levels that cells change by for no reason
SUDDEN_DB = 6.0
USUAL, AROUND_S = 75, 1.5  # percentile of the changes around
SEEN_APART_S = 0.25
LASTING = 0.5  # of a change: with the next one, the motion goes on
EQUAL = 0.7  # of the largest change: as large

MOST = 40  # claps and the like that are matched
CLEARER_ALONE, CLEARER = 2.0, 1.35  # than any other match: a single clap, and several
SURE_OF_DRIFT = 200e-6


class Moments(NamedTuple):
    """When something sudden happened, in seconds, and by how many decibels it stands out."""

    times_s: np.ndarray
    strengths: np.ndarray


@np.errstate(all="ignore")  # of samples that are no sound, such as infinite ones, nothing follows
def sharp_onsets(heard: Heard) -> Moments:
    """Where a sound rises suddenly, to a millisecond or two.

    An onset is where the power of the next 5 ms is at least 15 dB above that of the 100 ms before, and more so than
    anywhere within 100 ms. It begins where the power reaches a tenth of the largest of this burst.

    Args:
        heard: the sound; what is low is taken out by differences from sample to sample.
    """
    hop = max(1, round(HOP_S * heard.rate))
    steps = len(heard.samples) // hop
    energy = np.empty(steps)
    for start in range(0, steps, 65536):
        stop = min(steps, start + 65536)
        part = np.asarray(heard.samples[max(0, start * hop - 1) : stop * hop], dtype=np.float64)
        change = np.diff(part, prepend=part[:1])[-(stop - start) * hop :]
        energy[start:stop] = (change**2).reshape(-1, hop).sum(axis=1)
    burst, before = (max(1, round(seconds * heard.rate / hop)) for seconds in (BURST_S, BEFORE_S))
    if steps <= before + burst:
        return Moments(np.zeros(0), np.zeros(0))
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    at = np.arange(before, steps - burst)
    after_mean, before_mean = (sums[at + burst] - sums[at]) / burst, (sums[at] - sums[at - before]) / before
    # Not less than the usual level: of a row of claps, the first would stand out for the silence before it.
    floor = max(float(np.median(energy)), 1e-6 * float(energy.mean())) + np.finfo(np.float64).tiny
    rise = np.minimum(10 * np.log10((after_mean + floor) / np.maximum(before_mean, floor)), MOST_DB)
    apart = max(1, round(HEARD_APART_S * heard.rate / hop))
    times = []
    strongest = _summits(rise, SHARP_DB, apart)
    for peak in strongest:
        first = max(0, at[peak] - burst)
        part = energy[first : at[peak] + 3 * burst]
        begins = first + int(np.argmax(part >= ONSET * part.max()))
        times.append(heard.start_s + begins * hop / heard.rate)
    return Moments(np.array(times), rise[strongest])


def sudden_changes(frames: Iterable[tuple[float, np.ndarray]]) -> tuple[Moments, float]:
    """Where a video changes suddenly, to half a frame; and how long a frame is, in seconds.

    Frames are averaged to 24 x 32 cells; the change from one to the next is that of the eight cells that change most.
    What stands out by 6 dB from the usual changes around it is sudden. It happened when the second of the two
    frames came, or, of a motion that lasts longer, as of hands that meet, at its end.

    Shapes:
        frames: times in seconds, and (h, w) uint8.
    """
    times, changes, returns = [], [], []
    before: list[np.ndarray] = []  # the last two frames
    for time_s, frame in frames:
        cells = _cells(frame)
        if before:
            changes.append(_difference(cells, before[-1]))
            returns.append(len(before) > 1 and _difference(cells, before[0]) < LASTING * changes[-1])
        times.append(time_s)
        before = [*before[-1:], cells]
    change, time = np.array(changes), np.array(times)
    frame_s = float(np.median(np.diff(time))) if len(times) > 2 else 0.0
    if frame_s <= 0:
        return Moments(np.zeros(0), np.zeros(0)), 0.0
    usual = percentile_filter(change, USUAL, 2 * round(AROUND_S / frame_s) + 1, mode="nearest")
    strength = 20 * np.log10((change + UNSEEN) / (usual + UNSEEN))
    apart = math.ceil(SEEN_APART_S / frame_s)
    found = _summits(strength, SUDDEN_DB, apart)
    moments = [_moment(change, np.array(returns), time, frame_s, k, apart) for k in found]
    return Moments(np.array(moments), strength[found]), frame_s


def synchrony_from_claps(heard: Moments, seen: Moments, frame_s: float, where: object) -> Synchrony:
    """Finds the clocks from claps, or whatever else is seen and heard at once.

    Each onset may be each change: the offset is the one at which most of them, and the most sudden, come together;
    one clap that stands out will do. Claps that are minutes apart tell the drift too. A frame lasts T, so a single
    clap tells the offset to T / 2 at most (T / sqrt(12) as a standard error), and two that lie D apart the drift to
    T / D (T / (D sqrt(6))); a drift that would not be known to 200 ppm is taken for 0.

    Args:
        heard: see `sharp_onsets`.
        seen: see `sudden_changes`.
        frame_s: length of a video frame.
        where: the recording, for messages.

    Raises:
        AcoustillError: if there is nothing like a clap, or it is not clear which one seen is which one heard.
    """
    for moments, what in ((heard, "heard"), (seen, "seen")):
        if not len(moments.times_s):
            raise AcoustillError(f"{where}: no clap is {what}; clap once at the start in view, or give offset_s")
    heard, seen = _strongest(heard), _strongest(seen)
    pairs = [(i, j) for i in range(len(heard.times_s)) for j in range(len(seen.times_s))]
    points = Points(
        np.array([heard.times_s[i] for i, _ in pairs]),
        np.array([seen.times_s[j] - heard.times_s[i] for i, j in pairs]),
        np.array([(heard.strengths[i] - SHARP_DB / 2) * (seen.strengths[j] - SUDDEN_DB / 2) for i, j in pairs]),
    )
    line = best_line(points, 0.6 * frame_s, 2.5 * frame_s, np.array([i for i, _ in pairs]))
    if line is None or line.clearness < (CLEARER if line.near.sum() > 1 else CLEARER_ALONE):
        raise AcoustillError(f"{where}: it is not clear which clap seen is which one heard; give offset_s")
    deviations = np.abs(points.leads - line.value - line.slope * (points.times - line.time))
    kept: dict[int, int] = {}
    taken = set()
    for index in np.argsort(deviations, kind="stable"):
        i, j = pairs[index]
        if line.near[index] and i not in kept and j not in taken:
            kept[i] = int(index)
            taken.add(j)
    chosen = sorted(kept.values())
    matched = Points(*(part[chosen] for part in points))
    found = min(len(heard.times_s), len(seen.times_s))
    return fitted(matched, "clap", found, frame_s / np.sqrt(12), SURE_OF_DRIFT)


def _summits(values: np.ndarray, lowest: float, apart: int) -> np.ndarray:
    """Indices of maxima of at least `lowest`, at the ends too; of those closer than `apart` the higher one."""
    between = np.concatenate([[-np.inf], values, [-np.inf]])
    return find_peaks(between, height=lowest, distance=apart)[0] - 1


def _cells(frame: np.ndarray) -> np.ndarray:
    """A frame averaged to CELLS, or to its own size if it is smaller; what does not fit a cell is left out."""
    rows, columns = (min(count, size) for count, size in zip(CELLS, frame.shape, strict=True))
    height, width = frame.shape[0] // rows, frame.shape[1] // columns
    whole = frame[: rows * height, : columns * width]
    return whole.reshape(rows, height, columns, width).mean(axis=(1, 3), dtype=np.float32)


def _difference(cells: np.ndarray, others: np.ndarray) -> float:
    return float(np.sort(np.abs(cells - others), axis=None)[-HANDS:].mean())


def _moment(
    change: np.ndarray, returns: np.ndarray, time: np.ndarray, frame_s: float, summit: int, reach: int
) -> float:
    """When what is seen as a summit of the changes happened.

    A frame is of the middle of the time that it is shown, so that a jump is on average when the next one comes.

    Args:
        change: `change[k]` is that from frame k to k + 1.
        returns: whether it leads back to what frame k - 1 showed, as the end of a flash does.
        time: of the frames.
        frame_s: how long one is shown.
        summit: where the change is largest.
        reach: in how many frames before it the same thing may have begun.
    """
    start = max(0, summit - reach + 1)
    first = start + int(np.argmax(change[start : summit + 1] >= EQUAL * change[summit]))
    last = first
    while last + 1 < len(change) and change[last + 1] >= LASTING * change[last] and not returns[last + 1]:
        last += 1
    moved = last > first or (first > 0 and change[first - 1] >= LASTING * change[first])
    if not moved:
        return float(time[first + 1])
    full = change[first : last + 1].max()
    last = first + int(np.flatnonzero(change[first : last + 1] >= EQUAL * full)[-1])
    # A motion that goes on for a part of the next frame changes that one by as much less.
    share = change[last + 1] / full if last + 1 < len(change) and not returns[last + 1] else 0.0
    return float(time[last + 1] + (0.5 + share) * frame_s)


def _strongest(moments: Moments) -> Moments:
    chosen = np.sort(np.argsort(-moments.strengths, kind="stable")[:MOST])
    return Moments(moments.times_s[chosen], moments.strengths[chosen])

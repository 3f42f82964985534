"""How the clock of a video runs against that of the array's audio: given, or found from what both heard.

The two are recorded by devices that start at different moments and whose quartzes differ by some parts per million.
Audio is the master: what is sought is the line

    video time = (1 + drift_ppm / 10^6) x (audio time - offset_s),

with audio time counted from the first sample of the audio file, and video time from the first frame of the video. This
`offset_s` is that of `acoustill overlay --offset` and `acoustill calibrate --offset`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import soxr
from scipy import fft
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from acoustill.errors import AcoustillError, bad_input

LARGEST_DRIFT = 500e-6  # cheap quartzes far from room temperature differ by less
COMPARED_RATE = 8000  # in hertz; higher frequencies differ between microphones, and are dearer
LOWEST_HZ, HIGHEST = 150.0, 0.85  # of the band that is compared, the latter in half sample rates
SHORTEST_S, LOWEST_RATE = 1.0, 1000

ENVELOPE_RATE = 100
BANDS = 6
WINDOWS, WINDOW_S = 24, (2.0, 20.0)  # of the first search
RIVALS, RIVAL = 200, 0.5  # places that a window may name, and how high they must be beside the best
APART_S = 0.1  # places that differ by less are one
ENVELOPE_TOLERANCE_S = 0.025
CLEARER = 1.25  # by which factor one line must be better supported than any other

LOOKS, LOOK_S = 400, 2.0  # windows of the second search
SEARCH_S = 0.05  # around the line of the first
MAIN_LOBE_S = 1e-3
SHARP, ALONE = 4.5, 1.3  # height of a clear maximum, in root mean squares and in heights of the next one
ENOUGH = 5.0  # what windows are above the next maximum, summed: a few sharp ones, or many
DELAY_TOLERANCE_S = 2e-3
SURE_OF_DRIFT = 50e-6  # who knows a slope no better knows nothing of the clocks


@dataclass(frozen=True)
class Clocks:
    """How video time follows from audio time.

    Attributes:
        offset_s: audio time of the video's first frame: positive if the video began later.
        drift_ppm: by how many millionths more the video's clock counts than the audio's.
    """

    offset_s: float = 0.0
    drift_ppm: float = 0.0

    def video_s(self, audio_s: float) -> float:
        """Video time of an audio time."""
        return (1 + self.drift_ppm * 1e-6) * (audio_s - self.offset_s)

    def audio_s(self, video_s: float) -> float:
        """Audio time of a video time."""
        return self.offset_s + video_s / (1 + self.drift_ppm * 1e-6)


@dataclass(frozen=True)
class Synchrony:
    """What is known of two clocks, and how well.

    Attributes:
        clocks: the line.
        how: where it comes from; `none` for clocks that are taken for one.
        offset_error_s: standard error of the offset, at the mean time of what was compared; None if it was given.
        drift_error_ppm: that of the drift; None if it was given, or was not to be found and taken for 0.
        residual_s: root mean square by which what was compared deviates from the line.
        used: through how many windows or claps the line goes.
        found: how many there were.
    """

    clocks: Clocks
    how: Literal["none", "given", "sound", "clap"]
    offset_error_s: float | None = None
    drift_error_ppm: float | None = None
    residual_s: float | None = None
    used: int | None = None
    found: int | None = None

    def to_json(self) -> dict[str, object]:
        """A JSON object of what is known."""
        seconds = {"offset_error_s": self.offset_error_s, "residual_s": self.residual_s}
        found = {
            "how": self.how,
            "offset_s": self.clocks.offset_s,
            "drift_ppm": self.clocks.drift_ppm,
            "drift_error_ppm": None if self.drift_error_ppm is None else round(self.drift_error_ppm, 3),
            **{name: None if value is None else round(value, 6) for name, value in seconds.items()},
            "used": self.used,
            "found": self.found,
        }
        return {name: value for name, value in found.items() if value is not None}


class Heard(NamedTuple):
    """A sound of one channel.

    Attributes:
        samples: (samples,) float32; a memory map will do.
        rate: sample rate in hertz.
        start_s: when its device's clock counted the first sample.
    """

    samples: np.ndarray
    rate: int
    start_s: float = 0.0

    @property
    def stop_s(self) -> float:
        """When the last sample ended."""
        return self.start_s + len(self.samples) / self.rate


class Points(NamedTuple):
    """Leads of the video's clock (its time minus audio time), measured at audio times, and how clearly each was."""

    times: np.ndarray
    leads: np.ndarray
    heights: np.ndarray


class Line(NamedTuple):
    """A line through points: its value at a time and its slope, the points near it, and how it stands out.

    Attributes:
        time: of the value.
        value: there.
        slope: of the line.
        near: which points are near it.
        clearness: heights of these, summed, over those of the best line that is another; infinite if there is none.
    """

    time: float
    value: float
    slope: float
    near: np.ndarray
    clearness: float

    def at(self, time: float) -> float:
        """The value at a time."""
        return self.value + self.slope * (time - self.time)


@np.errstate(all="ignore")  # of samples that are no sound, such as infinite ones, nothing follows
def synchrony_from_sound(audio: Heard, track: Heard, where: object) -> Synchrony:
    """Finds the clocks from the sound that the video has of its own, and that of one microphone of the array.

    Two searches. The first compares envelopes (logarithms of the power in bands, without their means over a second)
    of up to 24 windows of the shorter sound with all of the longer one, and takes the line that most of the places
    found lie on: windows without a counterpart name places on no line. The second measures delays near this line to
    a fraction of a sample, by generalised cross-correlation with phase transform (Knapp and Carter 1976, "The
    generalized correlation method for estimation of time delay"); the result is a line through those that agree, by
    least squares. How long sound takes to the two microphones, 3 ms a metre, is not known and stays in the offset.

    Args:
        audio: of the array; its `start_s` is 0 for the first sample of the file.
        track: of the video; its `start_s` counts from the first video frame.
        where: the recording, for messages.

    Raises:
        AcoustillError: if one is silent or shorter than a second, or no clear answer follows from the two, for they
            are not of one scene or repeat themselves.
    """
    for what, heard in (("the array's sound", audio), ("the video's own sound", track)):
        if heard.rate < LOWEST_RATE:
            raise bad_input(where, f"sample rate of {what}", f"{heard.rate} Hz", f"at least {LOWEST_RATE} Hz")
        if len(heard.samples) < SHORTEST_S * heard.rate:
            found = f"{len(heard.samples) / heard.rate:.2f} s"
            raise bad_input(where, f"length of {what}", found, f"at least {SHORTEST_S:g} s; give offset_s")
        if not np.any(heard.samples):
            raise bad_input(where, what, "silent", "what the other hears; give offset_s")
    rate = min(COMPARED_RATE, audio.rate, track.rate)
    audio, track = _at_rate(audio, rate), _at_rate(track, rate)
    unclear = f"{where}: the video's own sound and the array's do not clearly belong together; give offset_s"
    first = best_line(_places(audio, track), ENVELOPE_TOLERANCE_S, APART_S)
    if first is None or first.clearness < CLEARER:
        raise AcoustillError(unclear)
    delays, spacing = _delays(audio, track, first)
    line = best_line(delays, DELAY_TOLERANCE_S, 2 * DELAY_TOLERANCE_S)
    if line is None or 2 * line.near.sum() < len(delays.times) or delays.heights[line.near].sum() < ENOUGH:
        raise AcoustillError(unclear)
    near = _without_outliers(delays, line)
    return fitted(near, "sound", len(delays.times), 1 / (8 * rate), SURE_OF_DRIFT, min(1.0, spacing))


def best_line(points: Points, tolerance: float, apart: float, groups: np.ndarray | None = None) -> Line | None:
    """The line that points of the largest heights lie near, among all through two points or level through one.

    Args:
        points: to be explained.
        tolerance: how far from the line a point is near.
        apart: lines whose values differ by no more than this are taken for one.
        groups: ascending numbers; of the points with one number, the highest that is near counts. All, if not given.

    Returns:
        The line, with a slope of at most LARGEST_DRIFT; None if there are no points.
    """
    times, leads, heights = points
    if not len(times):
        return None
    chosen = np.argsort(-heights, kind="stable")[:120]
    one, other = (chosen[index] for index in np.triu_indices(len(chosen)))
    run, rise = times[other] - times[one], leads[other] - leads[one]
    possible = np.abs(rise) <= LARGEST_DRIFT * np.abs(run) + 2 * tolerance
    one, other, run, rise = one[possible], other[possible], run[possible], rise[possible]
    slopes = np.clip(np.divide(rise, run, out=np.zeros_like(rise), where=run != 0), -LARGEST_DRIFT, LARGEST_DRIFT)
    middle = (times.min() + times.max()) / 2
    values = (leads[one] + leads[other]) / 2 + slopes * (middle - (times[one] + times[other]) / 2)
    starts = np.unique(np.arange(len(times)) if groups is None else groups, return_index=True)[1]
    support = np.zeros(len(values))
    for start in range(0, len(values), 512):
        part = slice(start, start + 512)
        near = np.abs(values[part, None] + slopes[part, None] * (times - middle) - leads) <= tolerance
        support[part] = (np.maximum.reduceat(near * heights, starts, axis=1)).sum(axis=1)
    best = int(support.argmax())
    near = np.abs(values[best] + slopes[best] * (times - middle) - leads) <= tolerance
    others = support[np.abs(values - values[best]) > apart]
    clearness = support[best] / others.max() if len(others) and others.max() > 0 else np.inf
    return Line(float(middle), float(values[best]), float(slopes[best]), near, float(clearness))


def fitted(
    points: Points,
    how: Literal["sound", "clap"],
    found: int,
    finest_s: float,
    sure_of_drift: float,
    independence: float = 1.0,
) -> Synchrony:
    """The clocks by a line through points, by least squares; level where nothing can be said of the slope.

    Args:
        points: that agree.
        how: they were measured.
        found: how many there were.
        finest_s: a point is not known better than this, as a standard deviation.
        sure_of_drift: largest standard error with which a slope is believed.
        independence: share of the points that are independent of each other.
    """
    middle, value, slope = _least_squares(points)
    spread = float(((points.times - middle) ** 2).sum())
    left = points.leads - value - slope * (points.times - middle)
    deviation = float(np.sqrt((left**2).sum() / max(1, len(left) - 2)))
    deviation = max(finest_s, deviation) / np.sqrt(independence)
    drift_error = deviation / np.sqrt(spread) if spread > 0 else np.inf
    if drift_error > sure_of_drift:
        slope, left = 0.0, points.leads - value
    offset_s = (slope * middle - value) / (1 + slope)  # where the line says that video time is 0
    clocks = Clocks(round(offset_s, 6) or 0.0, round(1e6 * slope, 3) or 0.0)  # and not -0.0
    return Synchrony(
        clocks,
        how,
        offset_error_s=float(deviation / np.sqrt(len(left))),
        drift_error_ppm=None if drift_error > sure_of_drift else float(1e6 * drift_error),
        residual_s=float(np.sqrt((left**2).mean())),
        used=len(left),
        found=found,
    )


def _at_rate(heard: Heard, rate: int) -> Heard:
    if heard.rate == rate:
        return heard
    samples = soxr.resample(np.asarray(heard.samples, dtype=np.float32), heard.rate, rate, quality="HQ")
    return Heard(samples, rate, heard.start_s)


def _places(audio: Heard, track: Heard) -> Points:
    """Where windows of the shorter sound are heard in the longer one; several guesses for each."""
    swapped = len(audio.samples) > len(track.samples)
    shorter, longer = (track, audio) if swapped else (audio, track)
    looked_for, whole = _envelopes(shorter), _envelopes(longer)
    length = looked_for.shape[1]
    window = int(min(length, ENVELOPE_RATE * np.clip(length / ENVELOPE_RATE / 4, *WINDOW_S)))
    size = fft.next_fast_len(whole.shape[1] + window, real=True)
    spectrum = fft.rfft(whole, size)
    found: list[tuple[float, float, float]] = []
    for start in np.linspace(0, length - window, int(np.clip(2 * length / window - 1, 1, WINDOWS))).astype(int):
        part = fft.rfft(looked_for[:, start : start + window], size)
        likeness = fft.irfft((spectrum * part.conj()).sum(axis=0), size)
        likeness = np.concatenate([likeness[size - window + 1 :], likeness[: whole.shape[1]]])
        usual = 1.4826 * np.median(np.abs(likeness))
        # All that come near the best: of a sound that repeats itself, many, and then no line is clearly the one.
        peaks, _ = find_peaks(likeness, height=RIVAL * likeness.max(), distance=round(APART_S * ENVELOPE_RATE))
        for peak in peaks[np.argsort(-likeness[peaks], kind="stable")][:RIVALS]:
            here = shorter.start_s + (start + window / 2) / ENVELOPE_RATE
            there = longer.start_s + (peak - window + 1 + window / 2) / ENVELOPE_RATE
            audio_s, video_s = (there, here) if swapped else (here, there)
            found.append((audio_s, video_s - audio_s, likeness[peak] / usual if usual > 0 else 0.0))
    return Points(*np.array(found, dtype=np.float64).reshape(-1, 3).T)


def _envelopes(heard: Heard) -> np.ndarray:
    """(BANDS, n) logarithmic envelopes, each without its mean over a second and of deviation 1."""
    hop = heard.rate // ENVELOPE_RATE
    frames = len(heard.samples) // hop - 1
    frequencies_hz = fft.rfftfreq(2 * hop, 1 / heard.rate)
    edges_hz = np.geomspace(LOWEST_HZ, HIGHEST * heard.rate / 2, BANDS + 1)[:, None]
    bands = ((frequencies_hz >= edges_hz[:-1]) & (frequencies_hz < edges_hz[1:])).astype(np.float32)
    taper = np.hanning(2 * hop).astype(np.float32)
    power = np.empty((BANDS, frames), np.float32)
    for start in range(0, frames, 4096):
        stop = min(frames, start + 4096)
        part = np.asarray(heard.samples[start * hop : (stop + 1) * hop], dtype=np.float32)
        blocks = np.lib.stride_tricks.sliding_window_view(part, 2 * hop)[::hop]
        power[:, start:stop] = bands @ (np.abs(fft.rfft(blocks * taper)) ** 2).T
    quiet = np.maximum(np.median(power, axis=1), 1e-3 * power.mean(axis=1))[:, None]
    levels = np.log(power / np.maximum(quiet, np.finfo(np.float32).tiny) + 0.1)
    levels -= uniform_filter1d(levels, ENVELOPE_RATE + 1, axis=1)
    return levels / np.maximum(levels.std(axis=1, keepdims=True), 1e-6)


def _delays(audio: Heard, track: Heard, line: Line) -> tuple[Points, float]:
    """Leads measured near a line, those that are clear; and the distance of the windows, in windows."""
    rate = audio.rate
    first_s = max(audio.start_s, track.start_s - line.at(track.start_s))
    last_s = min(audio.stop_s, track.stop_s - line.at(track.stop_s))
    length = int(min(LOOK_S, max(0.0, last_s - first_s) / 3) * rate)
    if length < SHORTEST_S * rate / 4:
        return Points(*np.zeros((3, 0))), 1.0
    looks = int(np.clip(2 * (last_s - first_s) * rate / length - 1, 1, LOOKS))
    starts_s = np.linspace(first_s, last_s - length / rate, looks)
    frequencies_hz = fft.rfftfreq(2 * length, 1 / rate)
    band = (frequencies_hz >= LOWEST_HZ) & (frequencies_hz <= HIGHEST * rate / 2)
    taper = np.hanning(length).astype(np.float32)
    found: list[tuple[float, float, float]] = []
    for start_s in starts_s:
        i = round((start_s - audio.start_s) * rate)
        middle_s = audio.start_s + (i + length / 2) / rate
        j = round((middle_s + line.at(middle_s) - track.start_s) * rate - length / 2)
        here, there = audio.samples[max(0, i) : i + length], track.samples[max(0, j) : j + length]
        if len(here) < length or len(there) < length:
            continue
        cross = fft.rfft(here * taper, 2 * length).conj() * fft.rfft(there * taper, 2 * length)
        size = np.abs(cross)
        whitened = np.divide(cross, size, out=np.zeros_like(cross), where=band & (size > 0))
        delay, alone = _sharp_maximum(whitened, length, rate)
        if alone is not None:
            found.append((middle_s, track.start_s + j / rate + delay - audio.start_s - i / rate, alone))
    spacing = (starts_s[-1] - starts_s[0]) * rate / length / max(1, looks - 1)
    return Points(*np.array(found, dtype=np.float64).reshape(-1, 3).T), spacing


def _sharp_maximum(whitened: np.ndarray, length: int, rate: int) -> tuple[float, float | None]:
    """The delay in seconds of a clear maximum of the correlation, and by how much it is above the next one.

    Of either sign: some recorders turn the sound over. Height is None if there is no clear maximum.
    """
    finer = 2
    reach, lobe = int(SEARCH_S * rate * finer), int(MAIN_LOBE_S * rate * finer)
    around = fft.irfft(whitened, 2 * length * finer)
    around = np.abs(np.concatenate([around[-reach:], around[: reach + 1]]))
    peak = int(around.argmax())
    height = around[peak]
    others = np.concatenate([around[: max(0, peak - lobe)], around[peak + lobe + 1 :]])
    if not 0 < peak < len(around) - 1 or height < SHARP * np.sqrt((around**2).mean()):
        return 0.0, None
    if height < ALONE * others.max():
        return 0.0, None
    before, after = around[peak - 1], around[peak + 1]
    shift = 0.5 * (before - after) / (before - 2 * height + after)  # summit of the parabola through the three
    return float((peak - reach + shift) / (rate * finer)), float(height / others.max() - 1)


def _least_squares(points: Points) -> tuple[float, float, float]:
    """The mean time of points, the value of their line there, and its slope."""
    middle, value = float(points.times.mean()), float(points.leads.mean())
    run = points.times - middle
    spread = float((run**2).sum())
    return middle, value, float((points.leads * run).sum()) / spread if spread > 0 else 0.0


def _without_outliers(points: Points, line: Line) -> Points:
    """The points near a line, but for those that are far from where most of these are."""
    kept = Points(*(part[line.near] for part in points))
    for _ in range(3):
        middle, value, slope = _least_squares(kept)
        left = np.abs(kept.leads - value - slope * (kept.times - middle))
        usual = max(1.4826 * float(np.median(left)), 1e-5)
        if len(left) > 3:
            kept = Points(*(part[left <= 4 * usual] for part in kept))
    return kept

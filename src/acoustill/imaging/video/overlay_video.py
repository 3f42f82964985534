"""Acoustic images over the camera's video, with the sound, as an MP4 file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from acoustill.errors import bad_input
from acoustill.imaging.video.colour_bar import PANEL, ColourBar
from acoustill.imaging.video.mp4 import SOUND_RATE, Mp4Writer
from acoustill.imaging.video.overlay import heat_colours
from acoustill.imaging.video.reference import AfterGlow, Reference, decibels, reference_levels

PEAK = 10 ** (-3 / 20)  # of the sound, in full scale: AAC overshoots what it is given a little
FEWEST_ROWS = 360  # smaller videos are enlarged, so that the colour bar can be read
LEAST_RANGE_DB, MOST_RANGE_DB = 0.5, 200.0  # what a colour bar can be labelled with
STEPS = 256  # colours of the range
PLACED_DB = 3.0  # above the median of its picture, from which on a pixel is drawn in full
CHUNK = 1 << 16

Picture = Callable[[float], np.ndarray]  # the video frame (h, w, 3) at a time in seconds


@dataclass(frozen=True)
class OverlayStyle:
    """How acoustic images are laid over a video.

    Attributes:
        range_db: levels this far below the reference are transparent. 12 dB by default: above the side lobes
            of an irregular array (18 dB below a source for dualcam above 1.3 kHz), wide enough to show two
            talkers at once. Regular arrays have higher ones, from the frequency on where they alias.
        reference: what is drawn brightest, see `reference_levels`.
        smoothing_s: how long sounds glow after, see `AfterGlow`. 0.15 s by default: long enough to see the
            flash of a click, short enough to tell claps apart.
        opacity: of the brightest colour.
        marker: whether a ring is drawn at the loudest point.
        floor_db: what is this quiet is never drawn, in dB re 1 of the energies' unit; None leaves it to the
            reference.

    Raises:
        AcoustillError: if a number makes no sense, or the kind of reference is unknown.
    """

    range_db: float = 12.0
    reference: Reference = "follow"
    smoothing_s: float = 0.15
    opacity: float = 0.65
    marker: bool = False
    floor_db: float | None = None

    def __post_init__(self) -> None:
        if not LEAST_RANGE_DB <= self.range_db <= MOST_RANGE_DB:
            expected = f"{LEAST_RANGE_DB:g} to {MOST_RANGE_DB:g} decibels"
            raise bad_input("overlay", "dynamic range", f"{self.range_db} dB", expected)
        if self.reference not in ("follow", "fixed"):
            raise bad_input("overlay", "reference", repr(self.reference), "follow or fixed")
        if not 0 <= self.smoothing_s < math.inf:
            raise bad_input("overlay", "smoothing", f"{self.smoothing_s} s", "0 or a positive number of seconds")
        if not 0 < self.opacity <= 1:
            raise bad_input("overlay", "opacity", self.opacity, "above 0, at most 1")
        if self.floor_db is not None and not math.isfinite(self.floor_db):
            raise bad_input("overlay", "floor", f"{self.floor_db} dB", "a finite number of decibels")


class Sound(NamedTuple):
    """What is heard: samples (samples,) float32, and their rate in hertz."""

    samples: np.ndarray
    rate: int


class Written(NamedTuple):
    """What a video holds: its frames, size in pixels, rate in hertz, and the gain of its sound in decibel."""

    frames: int
    width: int
    height: int
    frame_rate: float
    gain_db: float | None


def dark_picture(width: int, height: int) -> Picture:
    """A plain background, for takes without a video."""
    background = np.tile(PANEL + np.uint8(8), (height, width, 1))
    return lambda _: background


def write_overlay_video(
    path: Path,
    energy: np.ndarray,
    frame_rate: float,
    picture: Picture,
    *,
    sound: Sound | None = None,
    style: OverlayStyle | None = None,
    video_rate: float | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Written:
    """Draws energy maps over the video and writes both with the sound.

    Acoustic frame t is seen during [t, t + 1) / frame_rate, where its sound is heard. At another frame rate each
    video frame shows the acoustic frame of its middle. The sound gets one gain for the whole file, which
    brings its largest sample to -3 dB re full scale, is cut or followed by silence to the length of the video,
    and is resampled to 48 kHz.

    Args:
        path: of the file to write; it is not renamed here.
        energy: squared pressure of each pixel and frame; the map covers the whole video frame, row 0 at its top.
        frame_rate: of the energies, in hertz.
        picture: gives the video frame at a time, in seconds from the start of the sound; times only grow.
        sound: what is heard.
        style: how it looks.
        video_rate: of the file's frames in hertz; by default that of the energies.
        advance: called after each frame.

    Shapes:
        energy: (frames, H, W); a memory map is read in blocks.

    Raises:
        AcoustillError: if there is no frame, or a sample of the sound is not finite.
    """
    style = style or OverlayStyle()
    if energy.ndim != 3 or not energy.size:
        raise bad_input("overlay", "shape of the energies", energy.shape, "(frames, H, W), at least one frame")
    rate = Fraction(video_rate or frame_rate).limit_denominator(1001)
    glow = AfterGlow(style.smoothing_s, frame_rate)
    peaks = np.concatenate([glow(block).max(axis=(1, 2)) for block in _blocks(energy)])
    references = reference_levels(decibels(peaks), frame_rate, style.range_db, style.reference, style.floor_db)
    painter = Painter(picture(0.5 / float(rate)), energy.shape[1:], style)
    frames = max(1, round(len(energy) * float(rate) / frame_rate))
    gain = None if sound is None else _gain(sound)
    with Mp4Writer(path, painter.width, painter.height, rate, sound is not None) as writer:
        samples = iter(()) if sound is None else _resampled(sound, gain or 1.0, round(frames * SOUND_RATE / rate))
        heard = 0
        maps = _held(energy, AfterGlow(style.smoothing_s, frame_rate))
        shown, levels = -1, np.zeros(energy.shape[1:])
        for i in range(frames):
            middle = (i + 0.5) / float(rate)
            wanted = min(int(middle * frame_rate), len(energy) - 1)
            while shown < wanted:
                shown, levels = shown + 1, decibels(next(maps))
            writer.picture(painter(picture(middle), levels, float(references[shown])))
            while heard < (i + 1) * SOUND_RATE / rate and (chunk := next(samples, None)) is not None:
                writer.sound(chunk)
                heard += len(chunk)
            advance()
    return Written(frames, painter.width, painter.height, float(rate), None if gain is None else 20 * math.log10(gain))


class Painter:
    """Lays maps of levels over frames of one size, beside a colour bar.

    Levels are enlarged by cubic convolution (Keys 1981), separably: two matrix products a frame.

    Args:
        frame: one of the video.
        shape: (H, W) of the maps.
        style: how it looks.

    Attributes:
        width: of what is drawn in pixels, even.
        height: likewise.

    Shapes:
        frame: (h, w, 3) uint8 RGB.
    """

    def __init__(self, frame: np.ndarray, shape: tuple[int, ...], style: OverlayStyle) -> None:
        rows, columns = frame.shape[:2]
        self._enlarge = max(1, -(-FEWEST_ROWS // rows))
        self._frame_shape = frame.shape
        rows, columns = rows * self._enlarge, columns * self._enlarge
        self.height = rows + rows % 2
        self._bar = ColourBar(self.height, style.range_db)
        self.width = columns + columns % 2 + self._bar.width
        self._rows, self._columns = cubic_matrix(shape[0], rows), cubic_matrix(shape[1], columns)
        self._colours = heat_colours(np.linspace(0, 1, STEPS)).astype(np.float32)
        self._style = style

    def __call__(self, frame: np.ndarray, levels_db: np.ndarray, reference_db: float) -> np.ndarray:
        """One frame of the overlay.

        Shapes:
            frame: (h, w, 3) uint8 RGB.
            levels_db: (H, W).
            Output: (height, width, 3) uint8 RGB.

        Raises:
            AcoustillError: if the size of the video changes.
        """
        if frame.shape != self._frame_shape:
            raise bad_input("video", "shape of a frame", frame.shape, f"{self._frame_shape}, that of the first")
        if self._enlarge > 1:
            frame = frame.repeat(self._enlarge, axis=0).repeat(self._enlarge, axis=1)
        share = 1 + (levels_db - reference_db) / self._style.range_db
        # The nulls of a beamformer are deep: uncut, they would ring through the interpolation.
        share = np.clip(share, -0.5, 1).astype(np.float32)
        shown = np.clip(self._rows @ share @ self._columns.T, 0, 1)
        out = np.zeros((self.height, self.width, 3), np.uint8)
        rows, columns = frame.shape[:2]
        # What is hardly above the rest of its own picture comes from no place, such as noise all around: it fades.
        median = float(np.median(share)) * self._style.range_db
        alpha = (
            self._style.opacity * np.sqrt(shown) * np.clip((shown * self._style.range_db - median) / PLACED_DB, 0, 1)
        )
        drawn = np.flatnonzero(alpha.max(axis=1) > 1 / STEPS)
        out[:rows, :columns] = frame
        if len(drawn):
            area = slice(drawn[0], drawn[-1] + 1)  # most of a picture is silent
            colours = self._colours[(shown[area] * (STEPS - 1)).round().astype(np.uint8)]
            mixed = frame[area] + (colours - frame[area]) * alpha[area, :, None]
            out[area, :columns] = mixed.round().astype(np.uint8)
            if self._style.marker:
                row, column = np.unravel_index(shown.argmax(), shown.shape)
                _draw_ring(out[:rows, :columns], int(row), int(column), max(4, rows // 40))
        if rows < self.height:
            out[rows, :columns] = out[rows - 1, :columns]
        out[:, columns : -self._bar.width] = out[:, columns - 1 : columns]
        out[:, -self._bar.width :] = self._bar(reference_db)
        return out


def cubic_matrix(count: int, enlarged: int) -> np.ndarray:
    """Interpolates `count` samples to `enlarged` ones by cubic convolution with a = -1/2.

    Both cover the same length, so centres lie at (i + 1/2) / n. Keys 1981, "Cubic convolution interpolation for
    digital image processing".

    Shapes:
        Output: (enlarged, count) float32; rows sum to 1.
    """
    centres = (np.arange(enlarged) + 0.5) * count / enlarged - 0.5
    first = np.floor(centres).astype(int) - 1
    matrix = np.zeros((enlarged, count))
    for tap in range(4):
        x = np.abs(centres - (first + tap))
        near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
        index = np.clip(first + tap, 0, count - 1)
        np.add.at(matrix, (np.arange(enlarged), index), np.where(x <= 1, near, far))
    return matrix.astype(np.float32)


def _draw_ring(frame: np.ndarray, row: int, column: int, radius: int) -> None:
    rows, columns = np.ogrid[: frame.shape[0], : frame.shape[1]]
    distance = np.hypot(rows - row, columns - column)
    line = max(1.0, radius / 5)
    frame[np.abs(distance - radius) < 2 * line] = PANEL
    frame[np.abs(distance - radius) < line] = 255


def _blocks(energy: np.ndarray) -> Iterator[np.ndarray]:
    frames = max(1, int(16e6 / (4 * energy[0].size)))
    for start in range(0, len(energy), frames):
        yield np.asarray(energy[start : start + frames])


def _held(energy: np.ndarray, glow: AfterGlow) -> Iterator[np.ndarray]:
    for block in _blocks(energy):
        yield from glow(block)


def _gain(sound: Sound) -> float:
    """What brings the largest sample of the resampled sound to PEAK; 1 for silence."""
    largest = max((float(np.abs(chunk).max(initial=0.0)) for chunk in _resampled(sound, 1.0, None)), default=0.0)
    if not math.isfinite(largest):
        raise bad_input("overlay", "a sample of the sound", "not finite", "finite numbers")
    return PEAK / largest if largest > 0 else 1.0


def _resampled(sound: Sound, gain: float, samples: int | None) -> Iterator[np.ndarray]:
    """The sound at SOUND_RATE, in chunks; cut or followed by silence to a number of samples."""
    resampler = soxr.ResampleStream(sound.rate, SOUND_RATE, 1, dtype="float32", quality="HQ")
    left = math.inf if samples is None else samples
    for start in range(0, len(sound.samples), CHUNK):
        chunk = np.array(sound.samples[start : start + CHUNK], dtype=np.float32)
        out = gain * resampler.resample_chunk(chunk, last=start + CHUNK >= len(sound.samples))
        out = out[: len(out) if left == math.inf else int(left)]
        left -= len(out)
        yield out
    while samples is not None and left > 0:
        yield np.zeros(int(min(left, CHUNK)), np.float32)
        left -= CHUNK

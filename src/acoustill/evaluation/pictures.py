"""The report's pictures: where the sound comes from, drawn over the video, and what each network made of it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg

from acoustill.archive.archive import Archive, Recording
from acoustill.archive.clips import frames_of
from acoustill.archive.entry import Entry
from acoustill.errors import AcoustillError
from acoustill.evaluation.predictions import Prediction
from acoustill.evaluation.summary import Evaluated, group_runs
from acoustill.imaging import ForeignImages, ImageSpecification, energy_map, overlay

WIDTH = 320
LARGEST_SPAN_DB, SMALLEST_SPAN_DB = 12.0, 0.5
PER_SCENARIO = 2
MOST = 24
BLOCK = 60
JPEG_QUALITY = 82


@dataclass(frozen=True)
class Answer:
    """What the runs of one group predicted for a clip.

    Attributes:
        group: its name.
        text: the classes, with the number of runs where they differ.
        right: share of the runs that were right.
    """

    group: str
    text: str
    right: float


@dataclass(frozen=True)
class Picture:
    """The loudest frame of a test recording.

    Attributes:
        entry: the recording's.
        frame: index of the frame.
        seconds: when it was.
        seen: whether the scenario was in training, for every run that answered.
        video: JPEG data URI of the frame.
        overlay: the same with the louder half of the acoustic image drawn over it.
        span_db: from the loudest point, drawn brightest, down to what is left transparent.
        size: width and height of both, in pixels.
        source: where the simulated source is, in percent from the left and from the top.
        snr_db: simulated signal-to-noise ratio.
        answers: of every group that was asked.
    """

    entry: Entry
    frame: int
    seconds: float
    seen: bool
    video: str
    overlay: str
    span_db: float
    size: tuple[int, int]
    source: tuple[float, float] | None
    snr_db: float | None
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Gallery:
    """The pictures, and what could not be shown.

    Attributes:
        pictures: by scenario.
        set_aside: recordings that could not be read, and why.
        without: test recordings that hold no acoustic image or no video.
    """

    pictures: tuple[Picture, ...]
    set_aside: tuple[str, ...]
    without: int


def gallery(evaluated: Sequence[Evaluated], archive: Archive, groups: Sequence[str]) -> Gallery:
    """Pictures of up to two test recordings of each scenario, of different classes where there are.

    Args:
        evaluated: the runs.
        archive: theirs.
        groups: names of the groups, in the order of the captions.
    """
    specification = archive.image_specification
    if isinstance(specification, ForeignImages):
        specification = None  # what their values mean is not known well enough to draw levels
    tested = [archive.entries[i] for i in sorted({row.recording for one in evaluated for row in one.predictions})]
    shown = [entry for entry in tested if specification and {"image", "video"} <= set(entry.streams)]
    pictures, aside = [], []
    for entry in choose(shown):
        try:
            assert specification is not None, "without it nothing is shown"
            pictures.append(_picture(archive, entry, specification, evaluated, groups))
        except AcoustillError as error:
            aside.append(str(error))
    return Gallery(tuple(pictures), tuple(aside), len(tested) - len(shown))


def choose(entries: Sequence[Entry]) -> list[Entry]:
    """Up to two of each scenario, sorted by scenario; the class shown least so far comes first.

    Where there are many scenarios, each has one before any has two, up to 24 in all.
    """
    used: Counter[str] = Counter()
    chosen: list[Entry] = []
    by_scenario: dict[str, list[Entry]] = {}
    for entry in entries:
        by_scenario.setdefault(str(entry.scenario), []).append(entry)
    for _ in range(PER_SCENARIO):
        for _, members in sorted(by_scenario.items()):
            rest = [entry for entry in members if entry not in chosen]
            if rest and len(chosen) < MOST:
                chosen.append(min(rest, key=lambda entry: (used[str(entry.label)], entry.id)))
                used[str(chosen[-1].label)] += 1
    return sorted(chosen, key=lambda entry: (str(entry.scenario), entry.id))


def shrink(frame: np.ndarray, width: int = WIDTH) -> np.ndarray:
    """A frame made smaller by a whole factor, by averaging, to about the width.

    Shapes:
        frame: (h, w, 3) uint8.
        Output: (h // k, w // k, 3) uint8.
    """
    k = max(1, min(round(frame.shape[1] / width), frame.shape[0]))
    rows, columns = frame.shape[0] // k, frame.shape[1] // k
    blocks = frame[: rows * k, : columns * k].reshape(rows, k, columns, k, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)


def _picture(
    archive: Archive,
    entry: Entry,
    specification: ImageSpecification,
    evaluated: Sequence[Evaluated],
    groups: Sequence[str],
) -> Picture:
    recording = archive[entry.id]
    rows = {
        name: [row for one in members for row in one.predictions if row.recording == entry.id]
        for name, members in group_runs(evaluated).items()
        if name in groups
    }
    answered = [row for members in rows.values() for row in members]
    clip_frames = frames_of(evaluated[0].run.experiment.clip_seconds, archive.rig.frame_rate)
    frame, energy = _loudest(recording, specification, sorted({row.start for row in answered}), clip_frames)
    original = recording.frame(frame)
    small = shrink(original)
    span_db = _span_db(energy)
    simulated = recording.sidecar.provenance.get("simulated")
    snr_db, source = _simulation(simulated if isinstance(simulated, dict) else {}, original.shape)
    return Picture(
        entry=entry,
        frame=frame,
        seconds=frame / archive.rig.frame_rate,
        seen=all(row.seen for row in answered),
        video=_data_uri(small),
        overlay=_data_uri(overlay(small, energy, span_db)),
        span_db=span_db,
        size=(small.shape[1], small.shape[0]),
        source=source,
        snr_db=snr_db,
        answers=tuple(
            _answer(name, [row for row in members if row.start <= frame < row.start + clip_frames])
            for name, members in rows.items()
            if members
        ),
    )


def _loudest(
    recording: Recording, specification: ImageSpecification, starts: Sequence[int], clip_frames: int
) -> tuple[int, np.ndarray]:
    """The loudest frame of the clips that start there, and its energy map; clip by clip, in bounded memory."""
    best, loudest, found = 0, -1.0, np.zeros((1, 1))
    for clip in starts:
        for start in range(clip, clip + clip_frames, BLOCK):
            energies = energy_map(recording.image[start : min(start + BLOCK, clip + clip_frames)], specification)
            totals = energies.sum(axis=(1, 2))
            i = int(totals.argmax())
            if totals[i] > loudest:
                best, loudest, found = start + i, float(totals[i]), energies[i]
    return best, found


def _span_db(energy: np.ndarray) -> float:
    """From the loudest pixel down to the median: an array much smaller than the wavelength hardly tells them apart."""
    loudest, median = float(energy.max()), float(np.median(energy))
    if median <= 0:
        return LARGEST_SPAN_DB
    return round(float(np.clip(10 * np.log10(loudest / median), SMALLEST_SPAN_DB, LARGEST_SPAN_DB)), 1)


def _answer(group: str, rows: Sequence[Prediction]) -> Answer:
    counts = sorted(Counter(row.predicted for row in rows).items(), key=lambda item: (-item[1], item[0]))
    if len(counts) < 2:
        text = counts[0][0] if counts else "not asked"
    else:
        text = ", ".join(f"{label} ({count} of {len(rows)} runs)" for label, count in counts)
    return Answer(group, text, sum(row.right for row in rows) / len(rows) if rows else 0.0)


def _simulation(said: dict[str, Any], shape: tuple[int, ...]) -> tuple[float | None, tuple[float, float] | None]:
    """Signal-to-noise ratio and place of the source in percent, as far as the simulation wrote them."""
    snr_db, pixel = said.get("snr_db"), said.get("pixel")
    source = None
    if isinstance(pixel, list) and len(pixel) == 2 and all(isinstance(at, int | float) for at in pixel):
        across, down = 100 * pixel[0] / shape[1], 100 * pixel[1] / shape[0]
        if 0 <= across <= 100 and 0 <= down <= 100:
            source = (round(across, 2), round(down, 2))
    return (float(snr_db) if isinstance(snr_db, int | float) else None), source


def _data_uri(image: np.ndarray) -> str:
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=JPEG_QUALITY, colorspace="RGB")
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()

"""When and at which pixel a source was seen, and what the array heard then."""

from __future__ import annotations

import csv
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.commands.lamp import track_lamp
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.signals.opening import checked_blocks, open_signals
from acoustill.imaging.signals.source import SignalSource
from acoustill.rig.camera import Camera
from acoustill.rig.rig import Rig

WINDOW_S = 0.2  # of a walk: in it a walker moves by about a decimetre, evenly to both sides of its middle
BLOCK_SAMPLES = 1 << 14  # read at once
LONGEST_S = 86400.0  # what is further off than a day is a slip of the pen
FORMS = (
    ("file", "column_px", "row_px"),
    ("start_s", "end_s", "column_px", "row_px"),
    ("time_s", "column_px", "row_px"),
)


@dataclass(frozen=True)
class Sighting:
    """The source seen at one pixel while it was heard.

    Attributes:
        recording: the sound file.
        start_s: of the window in it.
        end_s: of the window; None is the end of the file.
        pixel: (column, row).
        where: file and line, for messages; None for a window of a walk, which may lie outside the recording.
    """

    recording: Path
    start_s: float
    end_s: float | None
    pixel: tuple[float, float]
    where: str | None


def find_sightings(
    points: Path | None, video: Path | None, recording: Path | None, offset_s: float | None, rig: Rig
) -> tuple[list[Sighting], int]:
    """What was seen and when, and in how many pictures nothing was.

    Args:
        points: a CSV file whose header holds one of FORMS.
        video: in its place, a video of a small lamp.
        recording: the sound, unless the CSV file names sound files.
        offset_s: from the start of the recording to that of the video, or to time 0 of the column `time_s`; None
            is none.
        rig: whose camera and array these are.

    Raises:
        AcoustillError: if a file or a line of it cannot be used, or there is an offset without a use.
    """
    if video is not None:
        if recording is None:
            raise AcoustillError("calibrate: --video needs --recording, the sound of the array")
        times, pixels = track_lamp(video, rig.camera.width, rig.camera.height)
        seen = np.isfinite(pixels).all(axis=1)
        if not seen.any():
            raise bad_input(video, "frames that show one clear lamp", f"0 of {len(seen)}", "a small bright lamp")
        return _walk(recording, times[seen] + (offset_s or 0.0), pixels[seen], rig), int((~seen).sum())
    assert points is not None
    form, rows = _read_csv(points, rig.camera)
    if ("file" in form) == (recording is not None):
        expected = "either a column `file` or --recording"
        raise bad_input(points, "the sound of its points", "said twice" if recording else "not said", expected)
    if "time_s" not in form:
        if offset_s is not None:
            raise bad_input(points, "columns", ",".join(form), "time_s, which --offset shifts")
        return [_click(points, line, row, recording) for line, row in rows], 0
    assert recording is not None
    times = np.array([row["time_s"] for _, row in rows])
    pixels = np.array([(row["column_px"], row["row_px"]) for _, row in rows])
    for (line, _), before, after in zip(rows[1:], times[:-1], times[1:], strict=True):
        if after <= before:
            raise bad_input(f"{points}: line {line}", "time_s", f"{after:g}", f"later than {before:g}, the one before")
    steps = np.arange(times[0], times[-1] + WINDOW_S / 2, WINDOW_S)
    between = np.column_stack([np.interp(steps, times, column) for column in pixels.T])
    return _walk(recording, steps + (offset_s or 0.0), between, rig), 0


def _click(points: Path, line: int, row: dict[str, Any], recording: Path | None) -> Sighting:
    where = f"{points}: line {line}"
    start, end = row.get("start_s", 0.0), row.get("end_s")
    if start < 0:
        raise bad_input(where, "start_s", f"{start:g}", "0 or more seconds")
    if end is not None and end <= start:
        raise bad_input(where, "end_s", f"{end:g}", f"later than start_s, {start:g}")
    sound = points.parent / row["file"] if recording is None else recording
    return Sighting(sound, start, end, (row["column_px"], row["row_px"]), where)


def _walk(recording: Path, times_s: np.ndarray, pixels: np.ndarray, rig: Rig) -> list[Sighting]:
    """Windows around instants of a walk, at least a window apart so that they are independent."""
    length = max(WINDOW_S, rig.samples_per_frame / rig.sample_rate)
    chosen: list[Sighting] = []
    last = -math.inf
    for time, (column, row) in zip(times_s.tolist(), pixels.tolist(), strict=True):
        if time >= last + length - 1e-6:
            last = time
            chosen.append(Sighting(recording, time - length / 2, time + length / 2, (column, row), None))
    return chosen


def cut_windows(sightings: list[Sighting], rig: Rig) -> Iterator[tuple[Sighting, np.ndarray | None]]:
    """Each sighting with its part of the recording; None where a walk lies outside.

    Every sound file is read once, in blocks, of which no more is held than the windows need; within a file,
    sightings come in the order of their windows.

    Shapes:
        Yields: (channels, samples).

    Raises:
        AcoustillError: if a sound file is not the rig's, or a line's window lies outside it or is too short.
    """
    files: dict[Path, list[Sighting]] = {}
    for sighting in sightings:
        files.setdefault(sighting.recording, []).append(sighting)
    for path, inside in files.items():
        source = open_signals(path, rig)
        blocks = checked_blocks(source, rig, max(BLOCK_SAMPLES, rig.samples_per_frame))
        spans = [(*_samples_of(sighting, source, rig), sighting) for sighting in inside]
        yield from ((sighting, None) for start, stop, sighting in spans if start < 0 or stop > source.samples)
        ahead = [span for span in spans if span[0] >= 0 and span[1] <= source.samples]
        yield from _cut(blocks, deque(sorted(ahead, key=lambda span: span[:2])))


def _cut(
    blocks: Iterator[np.ndarray], ahead: deque[tuple[int, int, Sighting]]
) -> Iterator[tuple[Sighting, np.ndarray]]:
    """The windows of spans (start, stop, sighting), sorted, out of consecutive blocks."""
    held: deque[tuple[int, np.ndarray]] = deque()  # with the number of the first sample
    end = 0
    for block in blocks:
        held.append((end, block))
        end += block.shape[1]
        while ahead and ahead[0][1] <= end:
            start, stop, sighting = ahead.popleft()
            parts = [part[:, max(0, start - first) : max(0, stop - first)] for first, part in held]
            yield sighting, np.concatenate(parts, axis=1)
        needed = ahead[0][0] if ahead else end
        while held and held[0][0] + held[0][1].shape[1] <= needed:
            held.popleft()


def _samples_of(sighting: Sighting, source: SignalSource, rig: Rig) -> tuple[int, int]:
    """The samples (first, one after the last) of a window; those of a walk may lie outside of the recording.

    Raises:
        AcoustillError: if the window of a line lies outside, or is shorter than a frame.
    """
    rate = source.rate
    start = round(sighting.start_s * rate)
    stop = source.samples if sighting.end_s is None else round(sighting.end_s * rate)
    if sighting.where is None:
        return start, max(stop, start + rig.samples_per_frame)  # which rounding may have made a sample less
    if stop > source.samples:
        expected = f"at most {source.samples / rate:g}, the length of {sighting.recording}"
        raise bad_input(sighting.where, "end_s", f"{sighting.end_s:g}", expected)
    if stop - start < rig.samples_per_frame:
        found, least = f"{(stop - start) / rate:g} s long", rig.samples_per_frame / rate
        raise bad_input(sighting.where, "window", found, f"at least one frame, {least:.3g} s")
    return start, stop


def _read_csv(path: Path, camera: Camera) -> tuple[tuple[str, ...], list[tuple[int, dict[str, Any]]]]:
    """The form of a CSV of points, and its rows with their line numbers."""
    try:
        reader = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), skipinitialspace=True)
        header = tuple(name.strip() for name in reader.fieldnames or ())
        reader.fieldnames = header
        rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError as error:
        raise AcoustillError(f"{path}: no such file of points") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise AcoustillError(f"{path}: not a CSV file ({error})") from error
    form = next((form for form in FORMS if set(form) <= set(header)), None)
    if form is None:
        expected = " or ".join(",".join(form) for form in FORMS)
        raise bad_input(path, "header", ",".join(header) or "empty", expected)
    if not rows:
        raise bad_input(path, "number of points", 0, "one a line below the header")
    largest = {"column_px": camera.width, "row_px": camera.height}
    read = []
    for line, row in rows:
        values: dict[str, Any] = {}
        for name in ("file", "start_s", "end_s", "time_s", "column_px", "row_px"):
            text = (row.get(name) or "").strip()
            if name not in form and not (form == FORMS[0] and name in ("start_s", "end_s") and text):
                continue
            values[name] = text if name == "file" else _number(text)
            wrong = not text if name == "file" else not abs(values[name]) <= LONGEST_S
            if wrong or (name in largest and not 0 <= values[name] <= largest[name]):
                kind = f"0 to {largest[name]} pixels" if name in largest else f"seconds, at most {LONGEST_S:g}"
                expected = "the name of a sound file" if name == "file" else kind
                raise bad_input(f"{path}: line {line}", name, repr(text), expected)
        read.append((line, values))
    return form, read


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan

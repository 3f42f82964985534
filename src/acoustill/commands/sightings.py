"""When and at which pixel a source was seen, and what the array heard then."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.commands.lamp import track_lamp
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.signals.opening import check_signals, read_signals
from acoustill.rig.camera import Camera
from acoustill.rig.rig import Rig

WINDOW_S = 0.2  # of a walk: in it a walker moves by about a decimetre, evenly to both sides of its middle
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
    points: Path | None, video: Path | None, recording: Path | None, offset_s: float, rig: Rig
) -> tuple[list[Sighting], int]:
    """What was seen and when, and in how many pictures nothing was.

    Args:
        points: a CSV file whose header holds one of FORMS.
        video: in its place, a video of a small lamp.
        recording: the sound, unless the CSV file names sound files.
        offset_s: from the start of the recording to that of the video, or to time 0 of the CSV file.
        rig: whose camera and array these are.

    Raises:
        AcoustillError: if a file or a line of it cannot be used.
    """
    if video is not None:
        if recording is None:
            raise AcoustillError("calibrate: --video needs --recording, the sound of the array")
        times, pixels = track_lamp(video, rig.camera.width, rig.camera.height)
        seen = np.isfinite(pixels).all(axis=1)
        if not seen.any():
            raise bad_input(video, "frames that show one clear lamp", f"0 of {len(seen)}", "a small bright lamp")
        return _walk(recording, times[seen] + offset_s, pixels[seen], rig), int((~seen).sum())
    assert points is not None
    form, rows = _read_csv(points, rig.camera)
    if ("file" in form) == (recording is not None):
        expected = "either a column `file` or --recording"
        raise bad_input(points, "the sound of its points", "said twice" if recording else "not said", expected)
    if "time_s" not in form:
        return [_click(points, line, row, recording) for line, row in rows], 0
    assert recording is not None
    times = np.array([row["time_s"] for _, row in rows])
    pixels = np.array([(row["column_px"], row["row_px"]) for _, row in rows])
    for (line, _), before, after in zip(rows[1:], times[:-1], times[1:], strict=True):
        if after <= before:
            raise bad_input(f"{points}: line {line}", "time_s", f"{after:g}", f"later than {before:g}, the one before")
    steps = np.arange(times[0], times[-1] + WINDOW_S / 2, WINDOW_S)
    between = np.column_stack([np.interp(steps, times, column) for column in pixels.T])
    return _walk(recording, steps + offset_s, between, rig), 0


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

    Shapes:
        Yields: (channels, samples).

    Raises:
        AcoustillError: if a sound file is not the rig's, or a line's window lies outside it or is too short.
    """
    opened: Path | None = None
    for sighting in sightings:
        if sighting.recording != opened:
            signals, rate = read_signals(sighting.recording, rig)
            check_signals(signals, rate, rig, sighting.recording)
            opened = sighting.recording
        whole = signals.shape[1]
        start = round(sighting.start_s * rate)
        stop = whole if sighting.end_s is None else round(sighting.end_s * rate)
        if sighting.where is None:
            stop = max(stop, start + rig.samples_per_frame)  # which rounding may have made a sample less
            yield sighting, signals[:, start:stop] if start >= 0 and stop <= whole else None
            continue
        if stop > whole:
            expected = f"at most {whole / rate:g}, the length of {sighting.recording}"
            raise bad_input(sighting.where, "end_s", f"{sighting.end_s:g}", expected)
        if stop - start < rig.samples_per_frame:
            found, least = f"{(stop - start) / rate:g} s long", rig.samples_per_frame / rate
            raise bad_input(sighting.where, "window", found, f"at least one frame, {least:.3g} s")
        yield sighting, signals[:, start:stop]


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

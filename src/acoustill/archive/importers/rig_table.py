"""A table of recordings of a user's own rig: its CSV file, and what is to be imported from it."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acoustill.archive.archive import ImageHeader
from acoustill.archive.importers.importing import ImportPlan
from acoustill.archive.importers.rig_recording import RigOptions, RigRecording
from acoustill.archive.importers.synchrony import Clocks
from acoustill.archive.importers.table_cells import Cell, cell_value, table_text
from acoustill.archive.recording_ids import differing_ids
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.grid import camera_grid
from acoustill.imaging.specification import ImageSpecification
from acoustill.jobs import SetAside
from acoustill.rig.rig import Rig

COLUMNS = (
    "audio",
    "video",
    "label",
    "scenario",
    "subject",
    "id",
    "start_s",
    "stop_s",
    "offset_s",
    "drift_ppm",
)
MEANT = {"class": "label", "category": "label", "action": "label", "file": "audio", "filename": "audio", "wav": "audio"}
LONGEST_S = 1e6
LARGEST_DRIFT_PPM = 1e4


@dataclass(frozen=True)
class _Row:
    """A row of the table; the header is row 1.

    Attributes:
        number: of the row.
        known: the columns that are understood, without empty cells.
        further: the other columns.
        wrong: why it cannot be read; None if it can.
    """

    number: int
    known: dict[str, str]
    further: dict[str, Cell]
    wrong: str | None = None


def plan_rig(table: str | Path, options: RigOptions) -> ImportPlan:
    """What a table of recordings asks for.

    The table is a CSV file in UTF-8, its cells parted by commas or semicolons. Its columns, in any order and case:

    - `audio`: what the array recorded, any file or folder that `open_signals` reads;
    - `video`: of the camera; a recording may have none;
    - `label`, `scenario`, `subject`: may be empty;
    - `id`: of the recording in the archive; by default made of the name of the audio file;
    - `start_s`, `stop_s`: the part of the audio that is meant, in seconds;
    - `offset_s`, `drift_ppm`: the clock of the video, see `Clocks`;
    - any others are kept as they are, numbers as numbers.

    Paths are relative to the table. A row that cannot be used is set aside.

    Args:
        table: the file.
        options: of the import.

    Raises:
        AcoustillError: if an option makes no sense, or the table as a whole cannot be used.
    """
    table = Path(table)
    _check(options)
    sources, aside = [], []
    rows = list(_rows(table))
    if not rows:
        raise bad_input(table, "number of rows", 0, "one a recording")
    for row, recording in zip(rows, _ids(rows, table), strict=True):
        try:
            sources.append(_recording(row, recording, table, options))
        except AcoustillError as error:
            aside.append(SetAside(recording, f"{table}: row {row.number}: {error}"))
    maker = {
        "importer": "rig",
        "microphones": None if options.microphones is None else list(options.microphones),
        "synchrony": options.synchrony,
        "offset_s": options.offset_s,
        "drift_ppm": options.drift_ppm,
        "jpeg_quality": options.jpeg_quality,
        "sample_rate": options.sample_rate,
    }
    image = None
    if options.images:
        grid = camera_grid(options.rig.camera, options.image_rows, options.image_columns, options.distance_m)
        image = ImageHeader(ImageSpecification(options.features), grid)
    sources.sort(key=lambda source: source.id)
    return ImportPlan(maker, options.rig, image, tuple(sources), tuple(aside))


def _check(options: RigOptions) -> None:
    rig = options.rig
    if options.microphones is not None:
        chosen = options.microphones
        if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(range(rig.channels)):
            expected = f"distinct channels from 0 to {rig.channels - 1}"
            raise bad_input("import rig", "microphones", list(chosen), expected)
    if options.synchrony not in ("given", "sound", "clap", "none"):
        raise bad_input("import rig", "synchrony", repr(options.synchrony), "given, sound, clap or none")
    if options.synchrony != "given" and (options.offset_s is not None or options.drift_ppm is not None):
        raise bad_input("import rig", "offset or drift", f"given with synchrony {options.synchrony}", "synchrony given")
    _check_clocks(options.offset_s or 0.0, options.drift_ppm or 0.0)
    if options.jpeg_quality is not None and not 1 <= options.jpeg_quality <= 100:
        raise bad_input("import rig", "JPEG quality", options.jpeg_quality, "1 to 100, or none for lossless")
    if options.images:
        if len(rig.working) < 2:
            raise AcoustillError(
                f"import rig: {rig.name} has one working microphone, which forms no images; leave them out"
            )
        ImageSpecification(options.features).pooling(_bins_hz(rig), rig.sample_rate)


def _bins_hz(rig: Rig) -> np.ndarray:
    return np.arange(1, rig.samples_per_frame // 2 + 1) * rig.sample_rate / rig.samples_per_frame


def _check_clocks(offset_s: float, drift_ppm: float) -> None:
    if not abs(offset_s) <= LONGEST_S:
        raise bad_input("import rig", "offset_s", offset_s, f"seconds, at most {LONGEST_S:g}")
    if not abs(drift_ppm) <= LARGEST_DRIFT_PPM:
        raise bad_input("import rig", "drift_ppm", drift_ppm, f"millionths, at most {LARGEST_DRIFT_PPM:g}")


def _rows(table: Path) -> Iterator[_Row]:
    """The rows that are not empty.

    Raises:
        AcoustillError: if the file is no table, or its header is not one.
    """
    text = table_text(table)
    head = text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if names is None:
                names = _header(cells, table)
                continue
            filled = {name: cell for name, cell in zip(names, cells, strict=False) if cell and name}
            known = {name: cell for name, cell in filled.items() if name in COLUMNS}
            further = {name: cell_value(filled.get(name)) for name in names if name and name not in COLUMNS}
            too_many = f"it has {len(cells)} cells, expected at most {len(names)}, as the header"
            yield _Row(number, known, further, too_many if any(cells[len(names) :]) else None)
    except csv.Error as error:
        raise AcoustillError(f"{table}: row {number + 1} is not CSV ({error})") from error
    if names is None:
        raise bad_input(table, "header", "missing", ",".join(COLUMNS[:5]) + " and others")


def _header(cells: list[str], table: Path) -> list[str]:
    """The names of the columns; known ones in lower case."""
    names = [cell.lower() if cell.lower() in COLUMNS else cell for cell in cells]
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise bad_input(table, "header (row 1)", f"with two columns {twice[0]}", "each once")
    for name in names:
        if name in COLUMNS or not name:
            continue
        near = difflib.get_close_matches(name.lower(), COLUMNS, 1, 0.8)
        meant = MEANT.get(name.lower(), near[0] if near else None)
        if meant is not None and meant not in names:
            raise bad_input(table, "header (row 1)", f"with a column {name}", f"{meant}, if that is what it holds")
    if "audio" not in names:
        raise bad_input(table, "header (row 1)", ",".join(cells), "a column audio, the files of the array")
    return names


def _ids(rows: list[_Row], table: Path) -> list[str]:
    """Ids as the rows give them, or of the names of their audio files, and where they begin if that is not enough.

    Raises:
        AcoustillError: if two are the same.
    """
    audio = [_path(row.known["audio"], table) if "audio" in row.known else None for row in rows]
    files = [file for file in dict.fromkeys(audio) if file is not None]
    named = dict(zip(files, differing_ids(files, table.parent), strict=True))
    takes = Counter(audio)
    ids: dict[str, int] = {}
    for row, file in zip(rows, audio, strict=True):
        recording = row.known.get("id")
        if recording is None and file is not None:
            recording = named[file]
            if takes[file] > 1:
                start = row.known.get("start_s", "0").replace(",", ".")
                usable = re.fullmatch(r"[0-9.]{1,12}", start)
                recording = f"{recording[:180]}-{start}s" if usable else f"{recording[:180]}-row-{row.number}"
        recording = recording or f"row-{row.number}"
        if recording in ids:
            other = ids[recording]
            raise bad_input(
                table, f"id of row {row.number}", f"{recording}, that of row {other}", "another in column id"
            )
        ids[recording] = row.number
    return list(ids)


def _path(cell: str, table: Path) -> Path:
    return table.parent / cell


def _recording(row: _Row, recording: str, table: Path, options: RigOptions) -> RigRecording:
    """The recording of a row.

    Raises:
        AcoustillError: if a cell cannot be used, or a file is not there.
    """
    known = row.known
    if row.wrong is not None:
        raise AcoustillError(row.wrong)
    if "audio" not in known:
        raise AcoustillError("column audio is empty, expected a file")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", recording):
        raise AcoustillError(f"id is {recording!r}, expected letters, digits, dots, hyphens and underscores")
    audio = _path(known["audio"], table)
    video = _path(known["video"], table) if "video" in known else None
    if not audio.exists():
        raise AcoustillError(f"{audio}: no such recording")
    if video is not None and not video.is_file():
        raise AcoustillError(f"{video}: no such video file")
    start_s, stop_s = (_number(known, name) for name in ("start_s", "stop_s"))
    if not 0 <= (start_s or 0.0) < (LONGEST_S if stop_s is None else stop_s) <= LONGEST_S:
        raise AcoustillError(f"start_s and stop_s are {start_s or 0:g} and {stop_s} s, expected 0 <= start_s < stop_s")
    return RigRecording(
        recording,
        audio,
        options,
        video,
        known.get("label"),
        known.get("scenario"),
        known.get("subject"),
        start_s,
        stop_s,
        _clocks(known, options),
        row.further,
    )


def _clocks(known: dict[str, str], options: RigOptions) -> Clocks | None:
    """What a row says of the video's clock; None if nothing."""
    offset_s, drift_ppm = (_number(known, name) for name in ("offset_s", "drift_ppm"))
    if offset_s is None and drift_ppm is None:
        return None
    if "video" not in known:
        raise AcoustillError("offset_s or drift_ppm is given, expected a video whose clock it is")
    if options.synchrony == "none":
        raise AcoustillError("offset_s or drift_ppm is given, expected none with synchrony none")
    if offset_s is None and options.synchrony != "given":
        raise AcoustillError(f"drift_ppm is given without offset_s, expected both or none with {options.synchrony}")
    offset_s = offset_s if offset_s is not None else options.offset_s or 0.0
    drift_ppm = drift_ppm if drift_ppm is not None else options.drift_ppm or 0.0
    _check_clocks(offset_s, drift_ppm)
    return Clocks(offset_s, drift_ppm)


def _number(known: dict[str, str], name: str) -> float | None:
    if name not in known:
        return None
    try:
        value = float(known[name].replace(",", "."))  # as tables with semicolons have it in many countries
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AcoustillError(f"{name} is {known[name]!r}, expected a number")
    return value

"""A table of recordings of a user's own rig: its CSV file, and what is to be imported from it."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acoustill.archive.archive import ImageHeader
from acoustill.archive.importers.importing import ImportPlan
from acoustill.archive.importers.rig_recording import RigOptions, RigRecording
from acoustill.archive.importers.synchrony import Clocks
from acoustill.archive.importers.table_cells import Cell, Table, read_table
from acoustill.archive.recording_ids import path_id
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.grid import camera_grid
from acoustill.imaging.signals.source import readable
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
LONGEST_ID = 180  # and some room for the start of an excerpt
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
    wrong: str | None


def plan_rig(table: str | Path, options: RigOptions) -> ImportPlan:
    """What a table of recordings asks for.

    The table is a CSV file in UTF-8, its cells parted by commas or semicolons. Its columns, in any order and case:

    - `audio`: what the array recorded, any file or folder that `open_signals` reads;
    - `video`: of the camera; a recording may have none;
    - `label`, `scenario`, `subject`: may be empty;
    - `id`: of the recording in the archive; by default made of the path of the audio file, and `start_s` of an excerpt;
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
    sources: list[RigRecording] = []
    aside: list[SetAside] = []
    taken: dict[str, int] = {}  # which row each id is of; some file systems take names that differ in case for one
    for row in _rows(table):
        name = row.known.get("id", f"row {row.number}")
        try:
            source = _recording(row, table, options)
            name = source.id
            if (other := taken.setdefault(name.casefold(), row.number)) != row.number:
                name = f"row {row.number}"
                raise AcoustillError(f"its id is {source.id}, that of row {other}, expected another in column id")
            sources.append(source)
        except AcoustillError as error:
            aside.append(SetAside(name, f"{table}: row {row.number}: {error}"))
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
    return ImportPlan(maker, options.rig, image, tuple(sources), tuple(aside), options.beams)


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
    if options.beams is not None:
        from acoustill.imaging.beam_spectra import BeamSpectra  # which brings torch

        BeamSpectra(rig, options.beams, threads=1)  # refuses what this array cannot form


def _bins_hz(rig: Rig) -> np.ndarray:
    return np.arange(1, rig.samples_per_frame // 2 + 1) * rig.sample_rate / rig.samples_per_frame


def _check_clocks(offset_s: float, drift_ppm: float) -> None:
    if not abs(offset_s) <= LONGEST_S:
        raise bad_input("import rig", "offset_s", offset_s, f"seconds, at most {LONGEST_S:g}")
    if not abs(drift_ppm) <= LARGEST_DRIFT_PPM:
        raise bad_input("import rig", "drift_ppm", drift_ppm, f"millionths, at most {LARGEST_DRIFT_PPM:g}")


def _rows(table: Path) -> list[_Row]:
    """The rows that are not empty.

    Raises:
        AcoustillError: if the file is no table, or its header is not one.
    """
    content = read_table(table, lambda name: name.lower() if name.lower() in COLUMNS else name)
    _check_header(content)
    if not content.rows:
        raise bad_input(table, "number of rows", 0, "one a recording")
    further = {name: content.values(name) for name in content.names if name not in COLUMNS}
    return [
        _Row(
            row.number,
            {name: cell for name, cell in row.cells.items() if cell and name in COLUMNS},
            {name: values[i] for name, values in further.items()},
            row.wrong,
        )
        for i, row in enumerate(content.rows)
    ]


def _check_header(content: Table) -> None:
    """Refuses names of columns that are likely meant as others."""
    for name in content.names:
        if name in COLUMNS:
            continue
        near = difflib.get_close_matches(name.lower(), COLUMNS, 1, 0.8)
        meant = MEANT.get(name.lower(), near[0] if near else None)
        if meant is not None and meant not in content.names:
            found = f"with a column {name}"
            raise bad_input(content.path, "header (row 1)", found, f"{meant}, if that is what it holds")
    if "audio" not in content.names:
        expected = "a column audio, the files of the array"
        raise bad_input(content.path, "header (row 1)", ",".join(content.names), expected)


def _id(known: dict[str, str], table: Path, start_s: float | None, stop_s: float | None) -> tuple[str, str]:
    """The id of a row, and the one that its whole audio file would have by default.

    Raises:
        AcoustillError: if one is given that cannot be one.
    """
    whole = path_id(known["audio"], table.parent, LONGEST_ID)
    recording = known.get("id", whole)
    if "id" not in known and (start_s is not None or stop_s is not None):
        start = f"{start_s or 0.0:.6f}".rstrip("0").rstrip(".")
        recording = f"{whole}-{start}s"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", recording):
        raise AcoustillError(f"id is {recording!r}, expected letters, digits, dots, hyphens and underscores")
    return recording, whole


def _recording(row: _Row, table: Path, options: RigOptions) -> RigRecording:
    """The recording of a row.

    Raises:
        AcoustillError: if a cell cannot be used, or a file is not there.
    """
    known = row.known
    if row.wrong is not None:
        raise AcoustillError(row.wrong)
    if "audio" not in known:
        raise AcoustillError("column audio is empty, expected a file")
    audio = table.parent / known["audio"]
    video = table.parent / known["video"] if "video" in known else None
    with readable(audio):
        if not audio.exists():
            raise AcoustillError(f"{audio}: no such recording")
    if video is not None:
        with readable(video):
            if not video.is_file():
                raise AcoustillError(f"{video}: no such video file")
    start_s, stop_s = (_number(known, name) for name in ("start_s", "stop_s"))
    if not 0 <= (start_s or 0.0) < (LONGEST_S if stop_s is None else stop_s) <= LONGEST_S:
        raise AcoustillError(f"start_s and stop_s are {start_s or 0:g} and {stop_s} s, expected 0 <= start_s < stop_s")
    recording, whole = _id(known, table, start_s, stop_s)
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
        whole,
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

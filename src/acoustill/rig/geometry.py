"""Readers of microphone positions: CSV and Acoular's XML."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from acoustill.errors import AcoustillError, bad_input


def read_geometry(path: str | Path) -> tuple[np.ndarray, list[int]]:
    """Reads microphone positions from a `.csv` or an Acoular `.xml` file.

    A CSV file has a header with `x_m,y_m,z_m` and, where only some channels of a recording are microphones,
    `channel`. An Acoular file has one `<pos x= y= z=/>` per microphone. The axes of the file are taken as
    they are: they become those of the rig (x right, y down, z forward).

    Returns:
        Positions in metres, (M, 3) float64, and the recording's channel of each.

    Raises:
        AcoustillError: if the file is missing, of another kind, or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise AcoustillError(f"{path}: no such geometry file")
    readers = {".csv": _read_csv, ".xml": _read_xml}
    if path.suffix.lower() not in readers:
        raise bad_input(path, "file type", path.suffix or "none", "a .csv or an Acoular .xml file")
    positions, channels = readers[path.suffix.lower()](path)
    if not len(positions):
        raise bad_input(path, "number of microphones", 0, "at least one")
    if not np.isfinite(positions).all():
        row = int(np.argwhere(~np.isfinite(positions))[0, 0])
        raise bad_input(path, f"position of microphone {row}", positions[row].tolist(), "finite metres")
    if len(set(channels)) < len(channels) or min(channels) < 0:
        raise bad_input(path, "channel column", channels, "distinct channels from 0")
    return positions, channels


def _read_csv(path: Path) -> tuple[np.ndarray, list[int]]:
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except UnicodeDecodeError as error:
        raise AcoustillError(f"{path}: not a text file ({error.reason})") from error
    columns = list(rows[0]) if rows else []
    missing = {"x_m", "y_m", "z_m"} - set(columns)
    if missing:
        raise bad_input(path, "header", ",".join(map(str, columns)) or "empty", "x_m,y_m,z_m")
    try:
        positions = np.array([[float(row[axis]) for axis in ("x_m", "y_m", "z_m")] for row in rows])
        channels = [int(row["channel"]) if "channel" in columns else i for i, row in enumerate(rows)]
    except (TypeError, ValueError) as error:
        raise AcoustillError(f"{path}: a row does not hold numbers ({error})") from error
    return positions, channels


def _read_xml(path: Path) -> tuple[np.ndarray, list[int]]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise bad_input(path, "content", "XML with a document type", "plain <pos x= y= z=/> elements")
    try:
        elements = ElementTree.fromstring(text.encode()).iter("pos")  # noqa: S314 (no entities: checked above)
        positions = np.array([[float(e.attrib[axis]) for axis in "xyz"] for e in elements])
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise AcoustillError(f"{path}: not an Acoular geometry file ({error})") from error
    return positions.reshape(-1, 3), list(range(len(positions)))

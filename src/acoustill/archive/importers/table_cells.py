"""Tables of recordings that people write: their text, and what is in a cell."""

from __future__ import annotations

import math
import re
from pathlib import Path

from acoustill.errors import AcoustillError

Cell = str | int | float | None


def cell_value(text: str | None) -> Cell:
    """What a cell holds: a number if it looks like one and loses nothing as one, None if it is empty.

    Example:
        >>> [cell_value(text) for text in ("3", "0.25", "007", "1-4", "nan", " ")]
        [3, 0.25, '007', '1-4', 'nan', None]
    """
    text = (text or "").strip()
    if not text:
        return None
    if re.fullmatch(r"[+-]?(0|[1-9]\d{0,14})", text):
        return int(text)
    if re.fullmatch(r"[+-]?(0|[1-9]\d*)\.\d+([eE][+-]?\d+)?", text) and math.isfinite(float(text)):
        return float(text)
    return text


def table_text(table: Path) -> str:
    """The text of a table.

    Raises:
        AcoustillError: if there is none, or it is not in UTF-8.
    """
    try:
        return table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AcoustillError(f"{table}: not a UTF-8 text file ({error.reason})") from error
    except OSError as error:
        raise AcoustillError(f"{table}: no table of recordings that can be read ({error.strerror})") from error

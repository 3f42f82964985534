"""Tables of recordings that people write: their rows, and what is in a cell."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from acoustill.errors import AcoustillError, bad_input

Cell = str | int | float | None


@dataclass(frozen=True)
class TableRow:
    """A row of a table.

    Attributes:
        number: of the row, as spreadsheets count them: the header is row 1, and a cell may hold several lines.
        cells: by column, without spaces around; "" where nothing is.
        wrong: why it cannot be read; None if it can.
    """

    number: int
    cells: dict[str, str]
    wrong: str | None = None


@dataclass(frozen=True)
class Table:
    """A table of recordings.

    Attributes:
        path: of its file.
        names: of its columns.
        rows: those that are not empty.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[TableRow, ...]

    def values(self, name: str) -> list[Cell]:
        """What a column holds, see `column_values`."""
        return column_values([row.cells[name] for row in self.rows])


def read_table(path: Path, rename: Callable[[str], str] = str) -> Table:
    """Reads a CSV file in UTF-8 whose cells are parted by commas or semicolons.

    Args:
        path: of the file.
        rename: gives the name of a column from what the header says.

    Raises:
        AcoustillError: if it is no table, has no rows, or two columns of one name.
    """
    text = table_text(path)
    head = text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    rows: list[TableRow] = []
    number = 0
    try:
        for number, stated in enumerate(reader, start=1):
            cells = [cell.strip() for cell in stated]
            if not any(cells):
                continue
            if not names:
                names = [rename(cell) for cell in cells]
                continue
            cells += [""] * (len(names) - len(cells))
            too_many = any(cells[len(names) :])
            wrong = f"it has {len(cells)} cells, expected at most {len(names)}, as the header" if too_many else None
            filled = {name: cell for name, cell in zip(names, cells, strict=False) if name}
            rows.append(TableRow(number, filled, wrong))
    except csv.Error as error:
        raise AcoustillError(f"{path}: row {number + 1} is not CSV ({error})") from error
    if not names:
        raise bad_input(path, "header", "missing", "the names of the columns")
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise bad_input(path, "header (row 1)", f"with two columns {twice[0]}", "each once")
    return Table(path, tuple(name for name in names if name), tuple(rows))


def column_values(texts: Sequence[str | None]) -> list[Cell]:
    """What the cells of a column hold: whole numbers if all do, else numbers if all do, else text; None if empty.

    Example:
        >>> column_values(["1", "", "2"]), column_values(["1", "2.5"]), column_values(["1", "2", "x"])
        ([1, None, 2], [1.0, 2.5], ['1', '2', 'x'])
    """
    values = [cell_value(text) for text in texts]
    kinds = {type(value) for value in values if value is not None}
    if str in kinds:
        return [(text or "").strip() or None for text in texts]
    if float in kinds:
        return [None if value is None else float(value) for value in values]
    return values


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
        with table.open(encoding="utf-8-sig", newline="") as file:  # line breaks within quotes are kept as they are
            return file.read()
    except UnicodeDecodeError as error:
        raise AcoustillError(f"{table}: not a UTF-8 text file ({error.reason})") from error
    except OSError as error:
        raise AcoustillError(f"{table}: no table of recordings that can be read ({error.strerror})") from error

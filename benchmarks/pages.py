"""Figures in a page of the documentation: a block between two marks, written by the command that printed it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acoustill.errors import AcoustillError
from acoustill.files import write_text


def block(text: str, name: str) -> list[str]:
    """The lines of a page between the marks of a name, as they were printed.

    Raises:
        AcoustillError: if the page has no such marks.
    """
    start, stop = _marks(text, name)
    return [line.removeprefix("    ") for line in text[start:stop].strip("\n").split("\n")]


def write_block(page: Path, name: str, lines: Sequence[str]) -> None:
    """Puts printed lines between the marks of a name, indented as code, in place of what was there.

    Raises:
        AcoustillError: if the page has no such marks.
    """
    text = page.read_text()
    start, stop = _marks(text, name)
    printed = "".join(f"    {line}".rstrip() + "\n" for line in lines)
    write_text(page, f"{text[:start]}\n{printed}\n{text[stop:]}")


def _marks(text: str, name: str) -> tuple[int, int]:
    first, last = f"<!-- printed: {name} -->\n", f"<!-- end: {name} -->"
    if first not in text or last not in text:
        raise AcoustillError(f"page: no block between {first.strip()} and {last}")
    return text.index(first) + len(first), text.index(last)

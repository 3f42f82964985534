"""Tables on standard output: drawn for a person at a terminal, plain and never cut for files and pipes."""

from __future__ import annotations

import io
import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDEST = 100_000  # columns; tables are only as wide as what is in them


def printer() -> Console:
    """Standard output, as it is now."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=False)


def plain(text: object) -> Text:
    """Text of files and labels as it is: no markup, and nothing that would move the cursor."""
    return Text("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(text)))


def table(*columns: str, right: tuple[int, ...] = ()) -> Table:
    """An empty table.

    Args:
        columns: their heads.
        right: which of them hold numbers.
    """
    empty = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, name in enumerate(columns):
        empty.add_column(plain(name), justify="right" if index in right else "left", overflow="fold")
    return empty


def show(console: Console, content: Table) -> None:
    """Prints a table; as wide as it is, without lines or colours, if nobody looks at it."""
    if console.is_terminal:
        console.print(content)
        return
    content.box = None
    wide = Console(file=io.StringIO(), width=WIDEST, color_system=None, markup=False, highlight=False, emoji=False)
    with wide.capture() as captured:
        wide.print(content)
    for line in captured.get().splitlines():
        console.out(line.rstrip(), highlight=False)


def bar(console: Console, share: float, width: int = 20) -> Text:
    """A bar for a number from 0 to 1."""
    block = "\u2588" if console.encoding.lower().startswith("utf") else "#"
    return Text(block * max(round(share * width), int(share > 0)))


def counted(count: int, thing: str) -> str:
    """A number of things.

    Example:
        >>> counted(1, "recording"), counted(12000, "recording")
        ('1 recording', '12000 recordings')
    """
    return f"{count} {thing}{'' if count == 1 else 's'}"

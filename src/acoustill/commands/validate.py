"""What `acoustill validate` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from acoustill.archive.archive import Archive
from acoustill.archive.validation import KINDS, Problem, validate_archive
from acoustill.commands.printing import counted, plain, printer, show, table
from acoustill.errors import bad_input
from acoustill.jobs import progress_bar


@dataclass(frozen=True)
class Verdict:
    """What validation found.

    Attributes:
        archive: its address.
        recordings: how many there are.
        problems: what is wrong.
        allowed: kinds of problems that are normal in this archive.
    """

    archive: str
    recordings: int
    problems: tuple[Problem, ...]
    allowed: frozenset[str]

    @property
    def refused(self) -> tuple[Problem, ...]:
        """The problems that are not allowed."""
        return tuple(problem for problem in self.problems if problem.kind not in self.allowed)

    def to_json(self) -> dict[str, Any]:
        """A JSON object for machines.

        It holds `archive`, `recordings` (how many), `sound` (whether nothing is refused), `refused` (how many problems
        are not allowed), `allowed` (kinds), and `problems`, each with `recording`, `kind` and `what`, the allowed too.
        """
        return {
            "archive": self.archive,
            "recordings": self.recordings,
            "sound": not self.refused,
            "refused": len(self.refused),
            "allowed": sorted(self.allowed),
            "problems": [asdict(problem) for problem in self.problems],
        }


def kinds_of(text: str) -> frozenset[str]:
    """The kinds of problems that an option names, separated by commas.

    Raises:
        AcoustillError: if there is no such kind.

    Example:
        >>> sorted(kinds_of("silence,clipping"))
        ['clipping', 'silence']
    """
    named = frozenset(name.strip() for name in text.split(",") if name.strip())
    for name in sorted(named - KINDS.keys()):
        raise bad_input("validate", "--allow", repr(name), f"some of {', '.join(KINDS)}")
    return named


def judge(address: str, jobs: int, allowed: frozenset[str]) -> Verdict:
    """Checks an archive, with a progress bar; see `acoustill validate --help`.

    Raises:
        AcoustillError: if it is no archive.
    """
    recordings = len(Archive(address))
    with progress_bar("validating", recordings) as advance:
        problems = validate_archive(address, jobs, advance)
    return Verdict(address, recordings, tuple(problems), allowed)


def print_verdict(verdict: Verdict) -> None:
    """Prints a table of what is not allowed, and the number of each kind."""
    console = printer()
    if verdict.refused:
        show(console, _table(verdict.refused))
    counts = Counter(problem.kind for problem in verdict.problems)
    kinds = [
        f"{kind} {counts[kind]}{' (allowed)' if kind in verdict.allowed else ''}" for kind in KINDS if kind in counts
    ]
    ending = f": {', '.join(kinds)}" if kinds else ""
    total = f"{counted(len(verdict.problems), 'problem')} in {counted(verdict.recordings, 'recording')}{ending}"
    console.print(plain(f"{verdict.archive}: {total}"), soft_wrap=True)


def _table(problems: Sequence[Problem]) -> Table:
    drawn = table("recording", "kind", "what")
    for problem in problems:
        drawn.add_row(plain(problem.recording), problem.kind, plain(problem.what))
    return drawn

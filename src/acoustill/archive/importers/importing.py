"""What every importer does the same way: many recordings of a foreign layout become an archive."""

from __future__ import annotations

import functools
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from acoustill.archive.archive import Archive, ImageHeader
from acoustill.archive.writer import create_archive, finish_archive
from acoustill.errors import AcoustillError
from acoustill.files import only_writer
from acoustill.jobs import SetAside, run_jobs
from acoustill.rig.rig import Rig


class Source(Protocol):
    """One recording of a foreign layout; a frozen dataclass that other processes can be handed.

    Attributes:
        id: that it gets in the archive.
    """

    @property
    def id(self) -> str: ...  # noqa: D102

    def write(self, archive: Path) -> None:
        """Writes the recording into an archive that was started; the same source gives the same bytes.

        Raises:
            AcoustillError: if it cannot be taken: it is then set aside.
        """


@dataclass(frozen=True)
class ImportPlan:
    """What is to be imported.

    Attributes:
        maker: the importer's name and the options that change the content; going on needs equal ones.
        rig: what recorded.
        image: what the acoustic images are; None if there will be none.
        sources: the recordings, in the order of their ids.
        aside: what was found wrong on the way, and is not among the sources.
    """

    maker: dict[str, Any]
    rig: Rig
    image: ImageHeader | None
    sources: tuple[Source, ...]
    aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True)
class ImportResult:
    """What an import ended with.

    Attributes:
        archive: opened.
        written: how many recordings this call wrote; the others were there.
        aside: what could not be taken, and why.
        notes: what was mended, with the number of recordings.
    """

    archive: Archive
    written: int
    aside: tuple[SetAside, ...]
    notes: dict[str, int]


def run_import(plan: ImportPlan, out: str | Path, jobs: int = 1) -> ImportResult:
    """Imports recordings into an archive; goes on where an earlier call with equal settings stopped.

    A recording that cannot be taken does not stop the others. What was set aside is kept in `set-aside.jsonl` and
    tried again by the next call.

    Args:
        plan: what to import.
        out: the archive's folder.
        jobs: number of processes; it changes nothing in the result.

    Raises:
        AcoustillError: if the folder holds something else, another process writes it, or nothing could be taken.
    """
    out = Path(out)
    twice = [recording for recording, count in Counter(source.id for source in plan.sources).items() if count > 1]
    if twice:
        raise AcoustillError(f"{out}: two recordings would be called {twice[0]!r}; give them different names")
    if not plan.sources:
        why = f"; {plan.aside[0].name}: {plan.aside[0].why}" if plan.aside else ""
        raise AcoustillError(f"{out}: there is nothing to import{why}")
    was_there = out.exists()
    with only_writer(out):
        create_archive(out, plan.rig, plan.image, plan.maker)
        missing = [s for s in plan.sources if not (out / "recordings" / s.id / "recording.json").is_file()]
        work = functools.partial(_write, archive=out)
        names = [source.id for source in missing]
        failed = run_jobs(work, missing, names, max(1, min(jobs, len(missing))), "importing")
        aside = (*plan.aside, *failed)
        if len(failed) == len(plan.sources):
            if not was_there:
                shutil.rmtree(out, ignore_errors=True)
            raise AcoustillError(f"{out}: none of {len(failed)} recordings could be taken; {_first(failed)}")
        finish_archive(out, aside)
    archive = Archive(out)
    return ImportResult(archive, len(missing) - len(failed), aside, count_notes(archive))


def count_notes(archive: Archive) -> dict[str, int]:
    """What was mended while recordings were imported, and in how many, the most frequent first."""
    notes = Counter(note for recording in archive.entries for note in archive[recording].sidecar.notes)
    return dict(sorted(notes.items(), key=lambda item: (-item[1], item[0])))


def _write(source: Source, archive: Path) -> None:
    source.write(archive)


def _first(aside: list[SetAside]) -> str:
    return f"{aside[0].name}: {aside[0].why}"

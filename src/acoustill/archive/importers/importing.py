"""What every importer does the same way: many recordings of a foreign layout become an archive."""

from __future__ import annotations

import functools
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from acoustill.archive.archive import Archive, ImageHeader
from acoustill.archive.making import create_archive, finish_archive
from acoustill.archive.recording import Recording
from acoustill.errors import AcoustillError
from acoustill.files import only_writer
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.jobs import SetAside, run_jobs
from acoustill.rig.rig import Rig


class Source(Protocol):
    """One recording of a foreign layout; a frozen dataclass that other processes can be handed.

    A source may also have a `fingerprint`, a hash of all that its recording follows from (labels, options, sizes of
    files), which it keeps in the provenance under `imported`. A recording that is there already is written again where
    it differs.

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
        beams: what the beam spectra are; None if there will be none.
    """

    maker: dict[str, Any]
    rig: Rig
    image: ImageHeader | None
    sources: tuple[Source, ...]
    aside: tuple[SetAside, ...] = ()
    beams: BeamSpecification | None = None


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
    # On some file systems, names that differ in case only are one.
    counts = Counter(source.id.casefold() for source in plan.sources)
    twice = [source.id for source in plan.sources if counts[source.id.casefold()] > 1]
    if twice:
        raise AcoustillError(f"{out}: two recordings would be called {twice[0]!r}; give them different names")
    if not plan.sources:
        why = f"; {plan.aside[0].name}: {plan.aside[0].why}" if plan.aside else ""
        raise AcoustillError(f"{out}: there is nothing to import{why}")
    was_there = out.exists()
    with only_writer(out):
        create_archive(out, plan.rig, plan.image, plan.maker, plan.beams)
        _refuse_strangers(out, plan)
        missing = [source for source in plan.sources if not _is_there(out / "recordings" / source.id, source)]
        work = functools.partial(_write, archive=out)
        names = [source.id for source in missing]
        failed = run_jobs(work, missing, names, max(1, min(jobs, len(missing))), "importing")
        aside = (*plan.aside, *failed)
        if len(failed) == len(plan.sources):
            if not was_there:
                shutil.rmtree(out, ignore_errors=True)
            raise AcoustillError(f"{out}: none of {len(failed)} recordings could be taken; {_first(failed)}")
        for one in failed:  # what an earlier call made of it is not what it is now
            shutil.rmtree(out / "recordings" / one.name, ignore_errors=True)
        finish_archive(out, aside)
    archive = Archive(out)
    return ImportResult(archive, len(missing) - len(failed), aside, count_notes(archive))


def count_notes(archive: Archive) -> dict[str, int]:
    """What was mended while recordings were imported, and in how many, the most frequent first."""
    notes = Counter(note for recording in archive.entries for note in archive[recording].sidecar.notes)
    return dict(sorted(notes.items(), key=lambda item: (-item[1], item[0])))


def _is_there(folder: Path, source: Source) -> bool:
    """Whether a recording is whole, and of what its source is now; one that is not is written again."""
    try:
        recording = Recording(folder)
        for stream in recording.entry.streams:  # opened, each is held against the length that is stated
            _ = recording.encoded_frame(0) if stream == "video" else getattr(recording, stream)
    except AcoustillError:
        return False
    wanted = getattr(source, "fingerprint", None)
    imported = recording.sidecar.provenance.get("imported")
    return wanted is None or (isinstance(imported, dict) and imported.get("fingerprint") == wanted)


def _refuse_strangers(out: Path, plan: ImportPlan) -> None:
    """Refuses an archive with recordings that are not to be imported: they were, but are no more where they were."""
    known = {source.id for source in plan.sources}
    strangers = sorted(folder.name for folder in (out / "recordings").glob("[!.]*") if folder.name not in known)
    if strangers:
        many = f"{len(strangers)} recordings are" if len(strangers) > 1 else "a recording is"
        raise AcoustillError(
            f"{out}: {many} there that cannot be imported any more, {strangers[0]!r} first; remove what is in "
            f"{out / 'recordings'} of it, or give another folder"
        )


def _write(source: Source, archive: Path) -> None:
    source.write(archive)


def _first(aside: list[SetAside]) -> str:
    return f"{aside[0].name}: {aside[0].why}"

"""Checking that an archive holds what it says.

Each recording is checked by itself (`recording_check`, `soundness`, `synchrony_check`), in as many processes as are
given; here they are compared with each other, and folders with the manifest. Of an archive that is far away, the
manifest is read anew and every file is fetched into the local cache unless it is there already: those are checked as
they are there. With an empty folder as `$ACOUSTILL_CACHE`, what is at the address itself is checked. Files and folders
that the manifest does not name are not looked for far away.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from acoustill.archive.archive import MANIFEST, Archive
from acoustill.archive.contents import SET_ASIDE, read_set_aside
from acoustill.archive.entry import Entry
from acoustill.archive.problem import KINDS, Problem
from acoustill.archive.recording_check import CheckedRecording, check_recording, left_behind
from acoustill.errors import AcoustillError
from acoustill.jobs import collect_jobs

__all__ = ["KINDS", "Problem", "validate_archive"]

KNOWN = {"archive.json", "rig.yaml", MANIFEST, SET_ASIDE, "recordings", "teachers"}


def validate_archive(path: str | Path, jobs: int = 1, advance: Callable[[], None] = lambda: None) -> list[Problem]:
    """Reads every file of an archive and lists what is wrong: an empty list is a sound archive.

    What is looked for is in `KINDS`.

    Args:
        path: see `Archive`.
        jobs: number of processes; they change nothing in the result.
        advance: called after each recording.

    Raises:
        AcoustillError: if there is no archive, or its header, rig or manifest cannot be read.
    """
    archive = Archive(path)
    local = isinstance(path, Path) or "://" not in path
    # All three, so that what cannot be read is refused before the work.
    _, header, _ = archive.rig, archive.image_header, archive.beams_specification
    ids = list(archive.entries)
    jobs = max(1, min(jobs, len(ids)))
    work = (
        functools.partial(check_recording, archive, local)
        if jobs == 1
        else functools.partial(_check_in_worker, path, archive.id, local)
    )
    done, aside = collect_jobs(work, ids, ids, jobs, advance)
    checked = {ids[index]: done[index] for index in sorted(done)}
    problems = {recording: list(checked[recording].problems) if recording in checked else [] for recording in ids}
    for one in aside:
        problems[one.name].append(Problem(one.name, "missing", f"cannot be read: {one.why}"))
    if header is not None and header.grid is None:
        for problem in _other_image_shapes(checked):
            problems[problem.recording].append(problem)
    for problem in _duplicates(archive.entries, checked):
        problems[problem.recording].append(problem)
    strays = _strays(archive) if local else ()
    lists = [Problem(SET_ASIDE, "manifest", what) for what in read_set_aside(archive)[1]]
    return [*(problem for recording in ids for problem in problems[recording]), *lists, *strays]


@functools.lru_cache(maxsize=1)
def _opened(path: str | Path, archive_id: str) -> Archive:
    """The archive, opened once in a process."""
    archive = Archive(path)
    if archive.id != archive_id:
        raise AcoustillError(f"{path}: the archive was changed while it was checked")
    return archive


def _check_in_worker(path: str | Path, archive_id: str, local: bool, recording: str) -> CheckedRecording:
    return check_recording(_opened(path, archive_id), local, recording)


def _other_image_shapes(checked: Mapping[str, CheckedRecording]) -> Iterator[Problem]:
    """Recordings whose images are not like most; the grid says what they should be where there is one."""
    shapes = {recording: one.image_shape for recording, one in checked.items() if one.image_shape is not None}
    if not shapes:
        return
    usual = Counter(shapes.values()).most_common(1)[0][0]
    for recording, shape in shapes.items():
        if shape != usual:
            found, expected = (" x ".join(map(str, one)) for one in (shape, usual))
            yield Problem(recording, "shape", f"its acoustic images are {found}, those of most recordings {expected}")


def _duplicates(entries: Mapping[str, Entry], checked: Mapping[str, CheckedRecording]) -> Iterator[Problem]:
    """Recordings that share a stream with an earlier one, once for each earlier one.

    Streams that tell nothing are left out: silent audio, images of one value, and videos all of whose frames are the
    same picture, black or not: two recordings of an empty scene by a camera without noise are not one.
    """
    seen: dict[tuple[str, str], str] = {}
    for recording, one in checked.items():
        twins: dict[str, list[str]] = {}
        for stream, content in one.contents.items():
            twin = seen.setdefault((stream, content), recording)
            if twin != recording:
                twins.setdefault(twin, []).append("acoustic images" if stream == "image" else stream)
        for twin, streams in twins.items():
            verb = "are those" if len(streams) > 1 or streams[0].endswith("s") else "is that"
            names = " and ".join(", ".join(part) for part in (streams[:-1], streams[-1:]) if part)
            here, there = (
                "no label" if entries[one].label is None else repr(entries[one].label) for one in (recording, twin)
            )
            differ = "" if here == there else f" ({here} here, {there} there)"
            yield Problem(recording, "duplicate", f"its {names} {verb} of {twin}{differ}")


def _strays(archive: Archive) -> Iterator[Problem]:
    """What lies beside the files of the archive, and beside the recordings of the manifest."""
    for name in left_behind(archive.path):
        yield Problem(name, "manifest", "was left behind when something was interrupted; remove it")
    for path in sorted(archive.path.iterdir()):
        if path.name not in KNOWN and not path.name.endswith(".part"):
            yield Problem(path.name, "manifest", "does not belong into an archive")
    folder = archive.path / "recordings"
    if not folder.is_dir():
        return
    for name in left_behind(folder):
        yield Problem(name, "manifest", "was left behind when a writer was interrupted; remove it")
    for path in sorted(folder.iterdir()):
        if path.name not in archive.entries and not path.name.endswith(".part"):
            kind = "folder" if path.is_dir() else "file"
            yield Problem(path.name, "manifest", f"its {kind} is not in the manifest")

"""Files and folders that are told apart by the number in their names, in any case and with any padding."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from acoustill.errors import AcoustillError
from acoustill.imaging.signals.source import readable

LEFT_BY_SYSTEMS = (".", "__MACOSX", "@eaDir")  # how names begin that file managers leave behind


class NumberedFolders(NamedTuple):
    """What lies below a folder, some levels down.

    Attributes:
        found: the folders, with the number that the name gives at each level, in the order of the numbers.
        strange: folders on the way whose names do not say what they are.
    """

    found: list[tuple[tuple[int, ...], Path]]
    strange: list[Path]


def name_below(root: Path, path: Path) -> str:
    """Where a file or folder lies below another, with forward slashes.

    Bytes of a name that are not UTF-8 are written as escapes, so that the whole can be printed and kept as text.
    """
    return path.relative_to(root).as_posix().encode(errors="backslashreplace").decode()


def sub_folders(folder: Path) -> list[Path]:
    """The folders in a folder by name; files, and what systems leave behind, are left out.

    Raises:
        AcoustillError: if the folder cannot be read.
    """
    with readable(folder), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(LEFT_BY_SYSTEMS) and entry.is_dir()]
    return [folder / name for name in sorted(names)]


def numbered_folders(folder: Path, levels: Sequence[re.Pattern[str]]) -> NumberedFolders:
    """The folders so many levels down whose names match at every level.

    Args:
        folder: where to begin.
        levels: what names look like at each level; the one group that takes part is the number.

    Raises:
        AcoustillError: if a folder on the way cannot be read.
    """
    found: list[tuple[tuple[int, ...], Path]] = [((), folder)]
    strange: list[Path] = []
    for pattern in levels:
        above, found = found, []
        for numbers, path in above:
            for child in sub_folders(path):
                match = pattern.fullmatch(child.name)
                if match is None:
                    strange.append(child)
                else:
                    found.append(((*numbers, int(next(filter(None, match.groups())))), child))
    return NumberedFolders(sorted(found), strange)


def numbered_files(folder: Path, start: str, endings: Sequence[str]) -> list[Path]:
    """The files `<start>_<number><ending>` of a folder in the order of their numbers, which count from 1.

    Args:
        folder: where they lie; other files are left out.
        start: of the names.
        endings: of the names, as `.npy`.

    Raises:
        AcoustillError: if there is none, one is missing between others, or two have the same number.
    """
    wanted = re.compile(f"{start}_([0-9]{{1,9}})({'|'.join(map(re.escape, endings))})", re.IGNORECASE)
    with readable(folder), os.scandir(folder) as entries:
        matches = sorted(filter(None, (wanted.fullmatch(entry.name) for entry in entries)), key=lambda match: match[0])
    files: dict[int, re.Match[str]] = {}
    for match in matches:
        twin = files.setdefault(int(match[1]), match)
        if twin is not match:
            raise AcoustillError(f"{folder}: {twin[0]} and {match[0]} have the same number")
    if not files:
        expected = " or ".join(f"{start}_1{ending}" for ending in endings)
        raise AcoustillError(f"{folder}: holds no file such as {expected}")
    if 0 in files:
        raise AcoustillError(f"{folder}: {files[0][0]} is there, expected numbers from 1")
    missing = next((number for number in range(1, len(files) + 1) if number not in files), None)
    if missing is not None:
        first = files[min(files)]
        digits = str(missing).zfill(len(first[1]) if first[1].startswith("0") else 1)
        name = f"{first[0][: first.start(1)]}{digits}{first[2]}"
        raise AcoustillError(f"{folder}: {name} is missing, while {files[max(files)][0]} is there")
    return [folder / files[number][0] for number in range(1, len(files) + 1)]

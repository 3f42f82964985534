"""The sound files in a folder, links followed, and a word on those that cannot be taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from acoustill.errors import bad_input
from acoustill.jobs import SetAside

ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".w64", ".rf64", ".au", ".caf")
UNREADABLE_ENDINGS = (".m4a", ".m4b", ".aac", ".wma", ".mka", ".weba", ".amr", ".ac3", ".ape", ".wv", ".mpc", ".ra")


def sound_files(root: Path, aside: list[SetAside]) -> Iterator[Path]:
    """The sound files in a folder and the folders in it, in the order of their names.

    Hidden files and folders, and files that are no sounds, are left out. Links to files and folders are followed, but
    no folder is read twice: one that a link leads to is read where it is, if that is in this folder.

    Args:
        root: the folder.
        aside: takes what cannot be used: sounds of formats that cannot be read, folders that cannot be opened, names
            that are not UTF-8, and links to folders that are read anyway.
    """
    top = Path(os.path.realpath(root))
    yield from _search(root, root, top, {top}, aside)


def _search(folder: Path, root: Path, top: Path, visited: set[Path], aside: list[SetAside]) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        below = folder.relative_to(root).as_posix()
        aside.append(SetAside(below, f"{folder}: a folder that cannot be read ({error.strerror})"))
        return
    for name in names:
        path = folder / name
        below = path.relative_to(root).as_posix()
        is_folder = os.path.isdir(path)
        if name.startswith(".") or not (is_folder or name.lower().endswith((*ENDINGS, *UNREADABLE_ENDINGS))):
            continue
        if not _is_text(name):
            aside.append(SetAside(below, bad_input(path, "its name", "not UTF-8", "one that is").args[0]))
        elif is_folder:
            real = Path(os.path.realpath(path))
            if real in visited or (path.is_symlink() and _is_read_anyway(real, top)):
                aside.append(SetAside(below, f"{path}: a link to {real}, which is read where it is"))
                continue
            visited.add(real)
            yield from _search(path, root, top, visited, aside)
        elif not name.lower().endswith(ENDINGS):
            found, expected = path.suffix.lower(), ", ".join(ENDINGS)
            why = bad_input(path, "format", found, f"one of {expected}; convert the file").args[0]
            aside.append(SetAside(below, why))
        elif os.path.exists(path) and not os.path.isfile(path):
            aside.append(SetAside(below, f"{path}: no file"))  # but a pipe, from which reading would wait
        else:
            yield path


def _is_read_anyway(real: Path, top: Path) -> bool:
    """Whether a folder is in the one that is searched, and not hidden there, or holds it."""
    if top.is_relative_to(real):
        return True
    return real.is_relative_to(top) and not any(part.startswith(".") for part in real.relative_to(top).parts)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeError:
        return False
    return True

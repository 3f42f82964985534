"""Names for recordings that go into an archive."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from acoustill.errors import bad_input

ENDING = re.compile(r"\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,5}$")  # and not the 2 of take.2


def recording_ids(paths: list[Path], where: str) -> list[str]:
    """Ids for recordings out of the ends of their paths, as short as keeps them apart.

    Args:
        paths: of the recordings.
        where: what asks, for messages.

    Raises:
        AcoustillError: if a path is given twice, or two differ in nothing that an id may hold.

    Example:
        >>> recording_ids([Path("office/take 1.wav"), Path("office/take 2.wav")], "image")
        ['take-1', 'take-2']
        >>> recording_ids([Path("data_01/audio"), Path("data_02/audio")], "image")
        ['data_01-audio', 'data_02-audio']
    """
    whole = [path.absolute() for path in paths]
    ids: list[str] = []
    for parts in range(1, max((len(path.parts) for path in whole), default=0) + 1):
        ids = [_plain("-".join([*path.parent.parts, path.stem][-parts:])) for path in whole]
        if len(set(ids)) == len(ids):
            return ids
    if not ids:
        return []
    twice = next(i for i, one in enumerate(ids) if one in ids[:i])
    raise bad_input(where, f"the id of {paths[twice]}", repr(ids[twice]), "one that no other recording gets")


def path_id(path: str | Path, folder: Path, longest: int = 200) -> str:
    """An id that follows from where a recording lies below a folder, and from nothing else.

    The ending is left out, and so are steps upwards; of an absolute path to elsewhere, the last two parts are taken.
    Where letters have to be replaced that no id may hold, or where the path is too long, a hash of it is added.

    Args:
        path: of the recording, relative to the folder or absolute.
        folder: that it lies in, or near.
        longest: that the id may be.

    Example:
        >>> path_id("dog/take 1.wav", Path("sounds")), path_id("../monday/./take.2.flac", Path("tables"))
        ('dog-take-1', 'monday-take.2')
    """
    base = os.path.abspath(folder)
    whole = Path(os.path.normpath(os.path.join(base, path)))
    if whole.is_relative_to(base):
        parts = list(whole.relative_to(base).parts)
    elif os.path.isabs(path):
        parts = list(whole.parts[1:][-2:])
    else:
        parts = [part for part in Path(os.path.relpath(whole, base)).parts if part != os.pardir]
    if parts:
        parts[-1] = ENDING.sub("", parts[-1]) or parts[-1]
    name = "-".join(parts)
    if name.isascii() and len(name) <= longest:
        return _plain(name)
    tail = hashlib.sha256("/".join(parts).encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{_plain(name[9 - longest :])}-{tail}"


def _plain(name: str) -> str:
    """A name with nothing but what ids may hold."""
    letters = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name)
    return letters.lstrip("._-")[-200:].lstrip("._-") or "take"

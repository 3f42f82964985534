"""Names for recordings that go into an archive."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from acoustill.errors import AcoustillError, bad_input


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


def differing_ids(paths: list[Path], root: Path) -> list[str]:
    """Ids for files that all differ, as `recording_ids`, whatever the files are called.

    Where two differ in their endings only, these are taken in; where they differ in nothing that an id may hold, as
    names in other alphabets do, a hash of the path below `root` is.

    Example:
        >>> differing_ids([Path("s/a.wav"), Path("s/a.mp3")], Path("s"))
        ['a-wav', 'a-mp3']
    """
    with_endings = [path.with_name(path.name.replace(".", "-") + ".file") for path in paths]
    for named in (paths, with_endings):
        try:
            return recording_ids(named, str(root))
        except AcoustillError:
            continue
    ids = [_plain(path.stem) for path in paths]
    counts = Counter(ids)
    below = [(path.relative_to(root) if path.is_relative_to(root) else path).as_posix() for path in paths]
    hashes = [hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:12] for name in below]
    return [one if counts[one] == 1 else f"{one[-180:]}-{tail}" for one, tail in zip(ids, hashes, strict=True)]


def _plain(name: str) -> str:
    """A name with nothing but what ids may hold."""
    letters = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name)
    return letters.lstrip("._-")[-200:].lstrip("._-") or "take"

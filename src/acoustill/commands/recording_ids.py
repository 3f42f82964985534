"""Names for recordings that go into an archive."""

from __future__ import annotations

from pathlib import Path

from acoustill.errors import bad_input


def recording_ids(paths: list[Path]) -> list[str]:
    """Ids for recordings out of the ends of their paths, as short as keeps them apart.

    Raises:
        AcoustillError: if a path is given twice, or two differ in nothing that an id may hold.

    Example:
        >>> recording_ids([Path("office/take 1.wav"), Path("office/take 2.wav")])
        ['take-1', 'take-2']
        >>> recording_ids([Path("data_01/audio"), Path("data_02/audio")])
        ['data_01-audio', 'data_02-audio']
    """
    whole = [path.absolute() for path in paths]
    for parts in range(1, max(len(path.parts) for path in whole) + 1):
        ids = [_plain("-".join([*path.parent.parts, path.stem][-parts:])) for path in whole]
        if len(set(ids)) == len(ids):
            return ids
    twice = next(i for i, one in enumerate(ids) if one in ids[:i])
    raise bad_input("image", f"the id of {paths[twice]}", repr(ids[twice]), "one that no other recording gets")


def _plain(name: str) -> str:
    """A name with nothing but what ids may hold."""
    letters = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name)
    return letters.lstrip("._-")[-200:].lstrip("._-") or "take"

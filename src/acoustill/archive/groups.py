"""Recordings that must never be separated: of equal content, or cut from one origin."""

from __future__ import annotations

from collections.abc import Iterable

from acoustill.archive.entry import Entry


def groups_of(entries: Iterable[Entry], also: Iterable[str] = ()) -> dict[str, str]:
    """The group of each recording, by id: named after the first recording of it.

    Two recordings are in one group if their content is equal, if they were cut from one origin, or if a third is with
    both.

    Args:
        entries: the recordings.
        also: columns whose recordings of one value are one group too, such as `scenario`.

    Example:
        >>> def entry(name, content, origin=None):
        ...     return Entry(id=name, frames=1, streams=("audio",), content=64 * content, origin=origin)
        >>> groups_of([entry("a", "1", "long"), entry("b", "2", "long"), entry("c", "2"), entry("d", "3")])
        {'a': 'a', 'b': 'a', 'c': 'a', 'd': 'd'}
    """
    also = tuple(also)
    first_with: dict[tuple[str, str], str] = {}
    leader: dict[str, str] = {}

    def root(recording: str) -> str:
        while leader[recording] != recording:
            recording = leader[recording]
        return recording

    for entry in entries:
        leader[entry.id] = entry.id
        keys = [("content", entry.content), *([("origin", entry.origin)] if entry.origin is not None else [])]
        keys += [(name, getattr(entry, name)) for name in also if getattr(entry, name) is not None]
        for key in keys:
            other = root(first_with.setdefault(key, entry.id))
            mine = root(entry.id)
            if mine != other:
                leader[mine] = other
    return {recording: root(recording) for recording in leader}

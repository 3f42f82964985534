"""What validation can find wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

KINDS = {
    "hash": "a file is not the one that its sidecar states",
    "missing": "a file is not there, or cannot be read",
    "shape": "an array or picture stream is of another shape or type than was stated",
    "frames": "streams are not as long as the manifest states",
    "finite": "a value is not a number, or infinite, or made so by its scale",
    "clipping": "samples lie flat at a channel's extreme",
    "silence": "a working channel, or all of a stream, holds nothing, or a channel nothing while others go on",
    "stuck": "a channel holds one value, or the samples of another channel, or acoustic images stand still",
    "duplicate": "two recordings hold equal content",
    "synchrony": "acoustic images or beams run ahead of the audio, or behind",
    "picture": "a frame of a video is broken or of another size",
    "manifest": "manifest, sidecars, folders and the list of what was set aside do not agree, or cannot be read",
    "rig": "the rig has not the microphones that were stated",
}

Finding = tuple[str, str]  # kind, and the complaint in words
SHOWN = 6


@dataclass(frozen=True)
class Problem:
    """Something wrong with a recording.

    Attributes:
        recording: its id, or the name of a file or folder that is none.
        kind: one of `KINDS`.
        what: the complaint, in words.
    """

    recording: str
    kind: str
    what: str


def some(names: Sequence[object]) -> str:
    """A list in words that does not grow without end.

    Example:
        >>> some([3]), some([3, 4]), some(range(20))
        ('3', '3 and 4', '0, 1, 2, 3, 4, 5 and 14 more')
    """
    words = [str(name) for name in names[:SHOWN]]
    if len(names) > SHOWN:
        return f"{', '.join(words)} and {len(names) - SHOWN} more"
    return " and ".join(", ".join(part) for part in (words[:-1], words[-1:]) if part)


def microphones_of(names: Sequence[object]) -> str:
    """`microphone 3`, or `microphones 3 and 4`."""
    return f"microphone{'s' if len(names) > 1 else ''} {some(names)}"

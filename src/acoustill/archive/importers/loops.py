"""Recordings that a converter repeated until they were long enough, found by what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def source_length(frames: Sequence[Hashable]) -> int:
    """How many frames there were before they were repeated; all of them, if they were not.

    It is the smallest p such that every frame i >= p equals frame i - p, where one of the frames that come again
    occurs but once among the first p. Without the last condition, a recording that begins and ends with the same
    digital silence would be cut. A recording of which every frame is the same was not repeated, as far as we know.

    Args:
        frames: hashes of the frames, or the frames.

    Example:
        >>> source_length("abcdeabcdeabc"), source_length("abcdea"), source_length("00ab00"), source_length("aaaa")
        (5, 5, 6, 4)
    """
    frames = list(frames)
    for period in range(2, len(frames)):
        if frames[period:] == frames[:-period]:
            among_first = Counter(frames[:period])
            known_again = any(among_first[frame] == 1 for frame in frames[period:])
            return period if known_again else len(frames)
    return len(frames)

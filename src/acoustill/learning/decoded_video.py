"""Video that was decoded once and is kept, at the small size that networks see, for all epochs."""

from __future__ import annotations

import math

import numpy as np

from acoustill.archive.recording import Recording

KEPT_BYTES = 1 << 30  # of each process that reads clips


class DecodedVideo:
    """Frames of recordings in one size; what has been decoded is kept as long as there is room.

    To decode a JPEG of 640 x 480 takes half a millisecond even at an eighth of its size: for a batch of clips that is
    longer than a small network needs to learn from it. What does not fit any more is decoded anew each time.

    Args:
        shape: (h, w) that frames are brought to; None keeps them as they are stored, and decodes them each time.
        most_bytes: to keep.
    """

    def __init__(self, shape: tuple[int, int] | None, most_bytes: int = KEPT_BYTES) -> None:
        self.shape = shape
        self._free = most_bytes
        self._frames: dict[str, np.ndarray] = {}
        self._there: dict[str, np.ndarray] = {}

    def read(self, recording: Recording, start: int, stop: int) -> np.ndarray:
        """Frames from start to before stop.

        Shapes:
            Output: (frames, h, w, 3) uint8 RGB.

        Raises:
            AcoustillError: if a frame is broken or there is no such frame.
        """
        name = recording.entry.id
        if self.shape is None or not self._has_room(name, recording.entry.frames):
            return recording.video(start, stop, shape=self.shape)
        frames, there = self._frames[name], self._there[name]
        for i in range(start, stop):
            if not there[i]:
                frames[i] = recording.frame(i, shape=self.shape)
                there[i] = True
        return frames[start:stop].copy()

    def _has_room(self, name: str, count: int) -> bool:
        """Makes room for a recording's frames, if there is any."""
        assert self.shape is not None
        if name in self._frames:
            return True
        size = count * math.prod(self.shape) * 3
        if size > self._free:
            return False
        self._free -= size
        self._frames[name] = np.empty((count, *self.shape, 3), np.uint8)
        self._there[name] = np.zeros(count, bool)
        return True

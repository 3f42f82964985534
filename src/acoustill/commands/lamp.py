"""A small lamp followed through a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import find_objects, label

from acoustill.imaging.video.reading import VideoReader

BACKGROUND_FRAMES = 31  # whose median is what the picture shows without the lamp
LIGHTER = 40  # than the background, of 255: a torch in front of a white wall
SHARE_OF_PEAK = 0.9  # what belongs to the lamp is nearly as bright as its brightest pixel
LARGEST_SHARE = 0.005  # of the frame that a small lamp covers
RIVAL_SHARE = 0.25  # of the lamp's pixels that may be as bright elsewhere


def track_lamp(path: Path, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a small bright lamp is in each frame of a video.

    The median of some frames is the background, so that lights that stay where they are do not count.
    The lamp is what is lighter than it and nearly as bright as the brightest such pixel, if that is small and
    in one piece.

    Args:
        path: the video, anything that FFmpeg reads, as large as the camera's frames or not.
        width: of a frame of the rig's camera in pixels.
        height: likewise.

    Shapes:
        Output: (frames,) seconds after the first frame; (frames, 2) pixels of the rig's camera (column, row), NaN
            for frames without one clear lamp.

    Raises:
        AcoustillError: if the video cannot be read or its frames have another shape.
    """
    background = np.median(_spread_frames(path, width, height), axis=0).astype(np.int16)
    times, places = [], []
    with VideoReader(path) as video:
        for frame in video:
            times.append(frame.time_s)
            places.append(_find_lamp(frame.pixels("gray"), background))
        return np.array(times), np.array(places) * (width / video.width, height / video.height)


def _find_lamp(frame: np.ndarray, background: np.ndarray) -> tuple[float, float]:
    lighter = frame.astype(np.int16) - background >= LIGHTER
    if not lighter.any():
        return np.nan, np.nan
    pieces, count = label(lighter & (frame >= SHARE_OF_PEAK * frame[lighter].max()), structure=np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    lamp = int(sizes.argmax())
    if sizes[lamp] > LARGEST_SHARE * frame.size or sizes.sum() - sizes[lamp] > RIVAL_SHARE * sizes[lamp]:
        return np.nan, np.nan
    rows, columns = find_objects(pieces, count)[lamp]
    inside = np.argwhere(pieces[rows, columns] == lamp + 1)
    row, column = inside.mean(axis=0) + (rows.start, columns.start) + 0.5
    return float(column), float(row)


def _spread_frames(path: Path, width: int, height: int) -> np.ndarray:
    """At most BACKGROUND_FRAMES frames, evenly spread over a video of unknown length."""
    kept: list[np.ndarray] = []
    stride = 1
    with VideoReader(path) as video:
        video.check_shape(width, height)
        for i, frame in enumerate(video):
            if i % stride == 0:
                kept.append(frame.pixels("gray"))
            if len(kept) > BACKGROUND_FRAMES:
                kept, stride = kept[::2], stride * 2
    return np.stack(kept)

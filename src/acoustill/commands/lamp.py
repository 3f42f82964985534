"""A small lamp followed through a video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import find_objects, label

from acoustill.errors import AcoustillError, bad_input

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
        path: the video, anything that FFmpeg reads.
        width: columns of a frame, those of the rig's camera.
        height: rows of a frame.

    Shapes:
        Output: (frames,) seconds after the first frame; (frames, 2) pixels (column, row), NaN for frames
            without one clear lamp.

    Raises:
        AcoustillError: if the video cannot be read or has frames of another size.
    """
    background = np.median(_spread_frames(path, width, height), axis=0).astype(np.int16)
    times, places = [], []
    for seconds, frame in _grey_frames(path, width, height):
        times.append(seconds)
        places.append(_find_lamp(frame, background))
    return np.array(times) - times[0], np.array(places)


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
    for i, (_, frame) in enumerate(_grey_frames(path, width, height)):
        if i % stride == 0:
            kept.append(frame)
        if len(kept) > BACKGROUND_FRAMES:
            kept, stride = kept[::2], stride * 2
    return np.stack(kept)


def _grey_frames(path: Path, width: int, height: int) -> Iterator[tuple[float, np.ndarray]]:
    """Time in seconds and (height, width) uint8 of each frame."""
    import av

    if not path.is_file():
        raise AcoustillError(f"{path}: no such video file")
    frames = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise bad_input(path, "number of video streams", 0, "one")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            for frame in container.decode(stream):
                if (frame.width, frame.height) != (width, height):
                    expected = f"{width} x {height}, that of the rig's camera"
                    raise bad_input(path, "frame size", f"{frame.width} x {frame.height}", expected)
                if frame.time is None and not rate:
                    raise bad_input(path, "frame rate", "not stated", "a video that states it")
                seconds = frames / rate if frame.time is None else float(frame.time)
                yield seconds, frame.to_ndarray(format="gray")
                frames += 1
    except av.error.FFmpegError as error:
        raise AcoustillError(f"{path}: not a readable video file ({error.strerror})") from error
    if not frames:
        raise bad_input(path, "length", "0 frames", "at least one frame")

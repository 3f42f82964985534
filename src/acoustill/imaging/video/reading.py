"""Video files: their frames upright and in time, and the frame of a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from acoustill.errors import AcoustillError, bad_input

SHAPE_TOLERANCE = 0.01  # of width to height: encoders round sizes to even numbers


@dataclass(frozen=True)
class TimedFrame:
    """A decoded frame, and when it is first shown, in seconds from the start of the video."""

    time_s: float
    frame: av.VideoFrame

    def pixels(self, form: str = "rgb24") -> np.ndarray:
        """The frame as it is to be shown.

        Telephones write turned frames and say how they are to be turned back, counter-clockwise in degrees.

        Args:
            form: of the pixels, in FFmpeg's words: `rgb24` or `gray`.

        Shapes:
            Output: (h, w, 3) or (h, w) uint8.
        """
        return np.rot90(self.frame.to_ndarray(format=form), round(self.frame.rotation / 90) % 4)


class VideoReader:
    """The frames of a video file from the first to the last; to be read once, and closed.

    Args:
        path: of the file, anything that FFmpeg reads.

    Attributes:
        path: of the file.
        width: of the frames as they are shown, in pixels.
        height: likewise.
        frame_rate: in hertz; the mean one if it varies.
        seconds: length; 0 if the file does not say.
        tick_s: to which times are rounded.

    Raises:
        AcoustillError: if the file is missing or holds no video.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise AcoustillError(f"{path}: no such video file")
        self.path = path
        try:
            self._container = av.open(str(path))
        except av.FFmpegError as error:
            raise AcoustillError(f"{path}: not a readable video file ({error.strerror})") from error
        try:
            self._open_stream()
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self) -> None:
        if not self._container.streams.video:
            raise AcoustillError(f"{self.path}: holds no video")
        stream = self._container.streams.video[0]
        if stream.codec_context is None:
            raise AcoustillError(f"{self.path}: its video is in a format that cannot be read")
        stream.thread_type = "AUTO"
        self.frame_rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        self.tick_s = float(stream.time_base or 0)
        self.seconds = (stream.duration or 0) * self.tick_s
        if not self.seconds and self._container.duration:
            self.seconds = self._container.duration / av.time_base
        self._start_s = None if stream.start_time is None else stream.start_time * self.tick_s
        self._decoded = self._container.decode(stream)
        self._latest_s = -1 / float(self.frame_rate)
        self._stored: str | None = None  # size of the frames
        self._first = self._next()
        if self._first is None:
            raise AcoustillError(f"{self.path}: holds no video frame that can be read")
        self.height, self.width = self._first.pixels("gray").shape

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def __iter__(self) -> Iterator[TimedFrame]:
        """The frames.

        Raises:
            AcoustillError: if one cannot be decoded or is of another size than the first.
        """
        frame, self._first = self._first, None
        while frame is not None:
            yield frame
            frame = self._next()

    def _next(self) -> TimedFrame | None:
        try:
            frame = next(self._decoded, None)
        except av.FFmpegError as error:
            raise AcoustillError(f"{self.path}: a video frame is broken ({error.strerror})") from error
        if frame is None:
            return None
        size = f"{frame.width} x {frame.height}"
        if size != (self._stored or size):
            raise bad_input(self.path, "size of a frame", size, f"{self._stored}, that of the first")
        self._stored = size
        if frame.time is None:  # streams without a container do not tell times
            self._latest_s += 1 / float(self.frame_rate)
        else:
            self._start_s = frame.time if self._start_s is None else self._start_s
            self._latest_s = frame.time - self._start_s
        return TimedFrame(self._latest_s, frame)

    def check_shape(self, width: int, height: int) -> None:
        """Refuses a video that does not show what the rig's camera sees.

        Args:
            width: of the camera's frames; those of the video may be larger or smaller, in both directions alike.
            height: likewise.

        Raises:
            AcoustillError: if the video is wider or higher in proportion.
        """
        if abs(self.width * height / (self.height * width) - 1) > SHAPE_TOLERANCE:
            expected = f"{width} x {height} or of that shape, as the rig's camera"
            raise bad_input(self.path, "size", f"{self.width} x {self.height}", expected)


class VideoTrack:
    """The frame of a video file at a time; only forwards.

    Args:
        path: of the file.

    Attributes:
        video: the file.

    Raises:
        AcoustillError: if the file is missing or holds no video.
    """

    def __init__(self, path: Path) -> None:
        self.video = VideoReader(path)
        self._frames = iter(self.video)
        self._now = next(self._frames)
        self._next = next(self._frames, None)
        self._image: np.ndarray | None = None
        # Times were rounded to ticks, and perhaps to milliseconds before; a tick may be as long as a frame.
        self._tolerance_s = min(max(self.video.tick_s, 1e-3) / 2, 0.1 / float(self.video.frame_rate))

    def close(self) -> None:
        """Closes the file."""
        self.video.close()

    def at(self, time_s: float) -> np.ndarray:
        """The frame that is shown at a time: the last that is not later. Times must not decrease from call to call.

        Before the first frame and after the last these two are given. Frames need not be equally long.

        Shapes:
            Output: (h, w, 3) uint8 RGB.

        Raises:
            AcoustillError: if a frame cannot be decoded.
        """
        while self._next is not None and self._next.time_s <= time_s + self._tolerance_s:
            self._now, self._next, self._image = self._next, next(self._frames, None), None
        if self._image is None:
            self._image = self._now.pixels()
        return self._image

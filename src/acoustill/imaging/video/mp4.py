"""MP4 files: writing frames with sound, and reading the frame of a moment."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from acoustill.errors import AcoustillError, bad_input

SOUND_RATE = 48000  # AAC knows few rates, and no array's own need be among them
SOUND_BIT_RATE = 160_000
AAC_FRAME = 1024
BT709 = 1  # ITU-T H.273: the code of these primaries, transfer and matrix


class Mp4Writer:
    """Writes H.264 (4:2:0, BT.709, index in front) with mono AAC sound, frame by frame.

    Args:
        path: of the file; any name.
        width: of the frames in pixels, even.
        height: likewise.
        frame_rate: in hertz.
        with_sound: whether there will be sound, at SOUND_RATE.

    Raises:
        AcoustillError: if a size is odd.
    """

    def __init__(self, path: Path, width: int, height: int, frame_rate: Fraction, with_sound: bool) -> None:
        if width % 2 or height % 2:
            raise bad_input(path, "frame size", f"{width} x {height}", "even numbers: H.264 halves its colours")
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._video = self._container.add_stream("libx264", rate=frame_rate, options={"crf": "20"})
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        context = self._video.codec_context
        context.time_base = 1 / frame_rate
        context.color_range = int(ColorRange.MPEG)
        context.colorspace = context.color_primaries = context.color_trc = BT709
        self._audio = None
        if with_sound:
            self._audio = self._container.add_stream("aac", rate=SOUND_RATE, layout="mono")
            self._audio.bit_rate = SOUND_BIT_RATE
        self._time_base = 1 / frame_rate
        self._frames = self._samples = 0
        self._rest = np.zeros(0, np.float32)

    def __enter__(self) -> Mp4Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            if self._audio is not None:
                if len(self._rest):
                    self._encode_sound(self._rest)
                self._container.mux(self._audio.encode(None))
            self._container.mux(self._video.encode(None))
        self._container.close()

    def picture(self, frame: np.ndarray) -> None:
        """The next frame.

        Shapes:
            frame: (h, w, 3) uint8 RGB.
        """
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        # Without being told, swscale converts by BT.601, and players then guess by the size of the picture.
        yuv = rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        yuv.pts, yuv.time_base = self._frames, self._time_base
        self._frames += 1
        self._container.mux(self._video.encode(yuv))

    def sound(self, samples: np.ndarray) -> None:
        """The next samples at SOUND_RATE.

        Shapes:
            samples: (samples,) float32, within -1 to 1.
        """
        self._rest = np.concatenate([self._rest, samples.astype(np.float32)])
        whole = len(self._rest) // AAC_FRAME * AAC_FRAME
        for start in range(0, whole, AAC_FRAME):
            self._encode_sound(self._rest[start : start + AAC_FRAME])
        self._rest = self._rest[whole:]

    def _encode_sound(self, samples: np.ndarray) -> None:
        assert self._audio is not None
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, self._samples, Fraction(1, SOUND_RATE)
        self._samples += len(samples)
        self._container.mux(self._audio.encode(frame))


class VideoTrack:
    """The frames of a video file, by time; only forwards.

    Args:
        path: of the file.

    Attributes:
        width: of the frames as they are shown, in pixels.
        height: likewise.
        frame_rate: in hertz.
        seconds: length; 0 if the file does not say.

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
        if not self._container.streams.video:
            self._container.close()
            raise AcoustillError(f"{path}: holds no video")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        self.frame_rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        tick = float(stream.time_base or 0)
        self.seconds = (stream.duration or 0) * tick
        if not self.seconds and self._container.duration:
            self.seconds = self._container.duration / av.time_base
        self._start = (stream.start_time or 0) * tick
        self._frames = self._container.decode(stream)
        first = self._decode()
        if first is None:
            raise AcoustillError(f"{path}: holds no video frame that can be read")
        self._now, self._next = first, self._decode()
        self._image: np.ndarray | None = None
        self.height, self.width = self._upright(first).shape[:2]

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def at(self, time_s: float) -> np.ndarray:
        """The frame whose middle is nearest in time; times must not decrease from call to call.

        Before the first frame and after the last these two are given.

        Shapes:
            Output: (h, w, 3) uint8 RGB.

        Raises:
            AcoustillError: if a frame cannot be decoded.
        """
        while self._next is not None and abs(self._middle(self._next) - time_s) <= abs(
            self._middle(self._now) - time_s
        ):
            self._now, self._next, self._image = self._next, self._decode(), None
        if self._image is None:
            self._image = self._upright(self._now)
        return self._image

    def _middle(self, frame: av.VideoFrame) -> float:
        return float(frame.time or 0.0) - self._start + 0.5 / float(self.frame_rate)

    def _decode(self) -> av.VideoFrame | None:
        try:
            return next(self._frames, None)
        except av.FFmpegError as error:
            raise AcoustillError(f"{self.path}: a video frame is broken ({error.strerror})") from error

    @staticmethod
    def _upright(frame: av.VideoFrame) -> np.ndarray:
        """Telephones write turned frames and say how they are to be turned back, counter-clockwise in degrees."""
        return np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)

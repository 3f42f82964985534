"""MP4 files with sound, written frame by frame."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from acoustill.errors import bad_input

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
        OSError: here and later, if the file cannot be written.
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
        if kind is not None:
            with suppress(OSError):  # of what is not to be kept anyway
                self._container.close()
            return
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

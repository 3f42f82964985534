"""What a video file tells of time: when it ends, its own sound, and its frames in grey."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import soxr

from acoustill.archive.importers.stored_samples import StoredSamples
from acoustill.archive.importers.synchrony import COMPARED_RATE, Heard
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.signals.source import scaled
from acoustill.imaging.video.reading import VideoReader
from acoustill.spool import Spool

GAP_S = 5e-3  # from which on a sound track is taken by its times and not by its samples


def video_end_s(path: Path) -> float:
    """When the last frame of a video ends, in seconds from the start of the first, without decoding.

    Raises:
        AcoustillError: if the file is missing or holds no video.
    """
    with VideoReader(path) as video:  # which says what is wrong with a file, and knows its rate
        length_s = 1 / float(video.frame_rate)
    first, end = math.inf, -math.inf  # in ticks
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            tick_s = float(stream.time_base or 0)
            for packet in container.demux(stream):
                if packet.pts is not None:
                    first = min(first, packet.pts)
                    end = max(end, packet.pts + (packet.duration or length_s / tick_s))
            if math.isfinite(end):
                return float(end - (first if stream.start_time is None else stream.start_time)) * tick_s
    except av.FFmpegError as error:
        raise AcoustillError(f"{path}: not a readable video file ({error.strerror})") from error
    with VideoReader(path) as video:  # of a stream without a container
        return max(frame.time_s for frame in video) + length_s


def grey_frames(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """The frames of a video with their times in seconds, (h, w) uint8.

    Raises:
        AcoustillError: if the file is missing or cannot be decoded.
    """
    with VideoReader(path) as video:
        for frame in video:
            yield frame.time_s, frame.pixels("gray")


def microphone_sound(stored: StoredSamples, channel: int, spool: Spool) -> Heard:
    """What one microphone of an array heard, at the rate at which sounds are compared or less.

    Args:
        stored: the recording.
        channel: which one.
        spool: takes the samples.

    Raises:
        AcoustillError: if the recording cannot be read.
    """
    rate = min(COMPARED_RATE, stored.source.rate)
    slower = _Slower(stored.source.rate, rate, spool)
    for block in stored.blocks(0, stored.source.samples):
        heard = scaled(block[channel], stored.scale)  # of this channel only: an array has a hundred others
        slower.push(np.nan_to_num(heard, posinf=0.0, neginf=0.0))
    slower.finish()
    return Heard(spool.array(), rate)


def video_sound(path: Path, spool: Spool) -> Heard:
    """The sound that a video file has of its own, all channels mixed, timed from its first frame on.

    Where its times leave a gap there is silence.

    Args:
        path: of the video.
        spool: takes the samples.

    Raises:
        AcoustillError: if there is none, or it cannot be decoded.
    """
    with VideoReader(path):  # which says what is wrong with a file
        pass
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio or container.streams.audio[0].codec_context is None:
                raise bad_input(path, "sound of the video", "missing", "a sound track; give offset_s")
            stream, pictures = container.streams.audio[0], container.streams.video[0]
            pictures_start_s = float((pictures.start_time or 0) * (pictures.time_base or 0))
            mixer = av.AudioResampler(format="fltp", layout="mono")
            slower: _Slower | None = None
            start_s, rate = 0.0, 0
            for frame in _mixed(container.decode(stream), mixer):
                time_s = 0.0 if frame.time is None else float(frame.time) - pictures_start_s
                if slower is None:
                    start_s, rate = time_s, frame.sample_rate
                    slower = _Slower(rate, min(COMPARED_RATE, rate), spool)
                samples = frame.to_ndarray()[0]
                late_s = time_s - start_s - slower.taken / rate
                if frame.time is not None and late_s > GAP_S:
                    slower.push_silence(round(late_s * rate))
                elif frame.time is not None and late_s < -GAP_S:
                    samples = samples[round(-late_s * rate) :]
                slower.push(samples)
    except av.FFmpegError as error:
        raise AcoustillError(f"{path}: its sound cannot be decoded ({error.strerror})") from error
    if slower is None:
        raise bad_input(path, "sound of the video", "empty", "a sound track; give offset_s")
    slower.finish()
    return Heard(spool.array(), min(COMPARED_RATE, rate), start_s)


def _mixed(frames: Iterator[av.AudioFrame], mixer: av.AudioResampler) -> Iterator[av.AudioFrame]:
    for frame in frames:
        yield from mixer.resample(frame)


class _Slower:
    """Brings one channel to a lower sample rate, block by block, into a spool."""

    def __init__(self, old: int, new: int, spool: Spool) -> None:
        self.taken = 0
        self._spool = spool
        self._stream = None if old == new else soxr.ResampleStream(old, new, 1, dtype="float32", quality="HQ")

    def push(self, samples: np.ndarray, last: bool = False) -> None:
        self.taken += len(samples)
        samples = np.ascontiguousarray(samples, dtype=np.float32)
        self._spool.append(samples if self._stream is None else self._stream.resample_chunk(samples, last=last))

    def push_silence(self, samples: int) -> None:
        for start in range(0, samples, 1 << 16):
            self.push(np.zeros(min(1 << 16, samples - start), np.float32))

    def finish(self) -> None:
        if self._stream is not None:
            self.push(np.zeros(0, np.float32), last=True)

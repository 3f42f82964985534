"""The camera's video, read upright and in time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.imaging.video.mp4 import Mp4Writer
from acoustill.imaging.video.reading import VideoReader, VideoTrack
from small_videos import turn_video, write_video


def counted_video(path: Path, frames: int, rate: Fraction) -> Path:
    """Frame i is of grey level 2 i."""
    with Mp4Writer(path, 64, 48, rate, with_sound=False) as writer:
        for i in range(frames):
            writer.picture(np.full((48, 64, 3), 2 * i, np.uint8))
    return path


@pytest.mark.parametrize("rate", [Fraction(12), Fraction(30), Fraction(30000, 1001)])
def test_the_frame_that_is_shown_at_a_time_is_given(rate: Fraction, tmp_path: Path) -> None:
    track = VideoTrack(counted_video(tmp_path / "x.mp4", 60, rate))
    assert (track.video.width, track.video.height, track.video.frame_rate) == (64, 48, rate)
    assert track.video.seconds == pytest.approx(60 / rate, abs=0.05)
    for i in range(24):
        middle = (i + 0.5) / 12
        assert track.at(middle)[24, 32, 0] == pytest.approx(2 * min(int(middle * float(rate)), 59), abs=1.1)
    assert track.at(1e6)[24, 32, 0] == pytest.approx(118, abs=2)
    track.close()


def test_frames_of_equal_rates_are_taken_one_by_one(tmp_path: Path) -> None:
    track = VideoTrack(counted_video(tmp_path / "x.mp4", 30, Fraction(12)))
    levels = [int(track.at((i + 0.5) / 12)[24, 32, 0]) for i in range(30)]
    np.testing.assert_allclose(levels, 2 * np.arange(30), atol=1.9)
    assert track.at(0.0)[24, 32, 0] == levels[-1]  # never backwards
    track.close()


def test_a_frame_is_held_until_the_next_begins(tmp_path: Path) -> None:
    """Half a second of frames, a pause of two seconds as of a telephone in the dark, and frames again."""
    times = [50 * i for i in range(10)] + [2450 + 50 * i for i in range(10)]
    grey = [np.full((48, 64), 10 * i, np.uint8) for i in range(20)]
    track = VideoTrack(write_video(tmp_path / "x.mp4", grey, times))
    for now in range(0, 3000, 10):
        shown = sum(time <= now for time in times) - 1
        assert track.at(now / 1000)[24, 32, 0] == pytest.approx(10 * shown, abs=2), now
    track.close()


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_times_that_are_rounded_to_ticks_show_no_frame_late(extension: str, tmp_path: Path) -> None:
    grey = [np.full((48, 64), 8 * i, np.uint8) for i in range(30)]
    track = VideoTrack(write_video(tmp_path / f"x.{extension}", grey, [round(1000 * i / 30) for i in range(30)]))
    levels = [int(track.at(i / 30)[24, 32, 0]) for i in range(30)]
    np.testing.assert_allclose(levels, 8 * np.arange(30), atol=2)
    track.close()


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_frames_are_turned_back(degrees: int, tmp_path: Path) -> None:
    picture = np.full((48, 64, 3), 30, np.uint8)
    picture[:16, :16] = (250, 20, 20)
    path = turn_video(write_video(tmp_path / "x.mp4", [picture] * 3), degrees)
    upright = np.rot90(picture, -degrees // 90)
    with VideoReader(path) as video:
        assert (video.height, video.width) == upright.shape[:2]
        frames = list(video)
    assert [frame.time_s for frame in frames] == pytest.approx([0.0, 0.1, 0.2])
    for frame in frames:
        assert np.abs(frame.pixels() - upright.astype(int)).mean() < 8
        assert frame.pixels("gray").shape == upright.shape[:2]


def test_a_stream_without_times_has_those_of_its_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.h264", [np.full((48, 64), 99, np.uint8)] * 5)
    with VideoReader(path) as video:
        steps = np.diff([frame.time_s for frame in video])
    np.testing.assert_allclose(steps, 1 / float(video.frame_rate), rtol=1e-6)


def test_frames_that_change_their_size_are_refused(tmp_path: Path) -> None:
    """Two streams of H.264 after each other, as a camera that is switched over writes them."""
    for name, shape in (("a", (48, 64)), ("b", (96, 128))):
        write_video(tmp_path / f"{name}.h264", [np.full(shape, 99, np.uint8)] * 5)
    path = tmp_path / "x.h264"
    path.write_bytes((tmp_path / "a.h264").read_bytes() + (tmp_path / "b.h264").read_bytes())
    with (
        VideoReader(path) as video,
        pytest.raises(AcoustillError, match=r"x\.h264: size of a frame is 128 x 96, expected 64 x 48"),
    ):
        list(video)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match="no such video file"):
        VideoTrack(tmp_path / "none.mp4")
    (tmp_path / "x.mp4").write_text("hello")
    with pytest.raises(AcoustillError, match="not a readable video file"):
        VideoTrack(tmp_path / "x.mp4")
    with Mp4Writer(tmp_path / "y.mp4", 64, 48, Fraction(12), with_sound=True) as writer:
        writer.picture(np.zeros((48, 64, 3), np.uint8))
        writer.sound(np.zeros(4000, np.float32))
    with av.open(str(tmp_path / "y.mp4")) as source, av.open(str(tmp_path / "z.mp4"), "w") as target:
        audio = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = audio
                target.mux(packet)
    with pytest.raises(AcoustillError, match="holds no video"):
        VideoTrack(tmp_path / "z.mp4")

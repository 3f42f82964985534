"""Overlay videos, decoded again."""

from __future__ import annotations

import resource
import signal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.imaging.video.colour_bar import ColourBar, ticks
from acoustill.imaging.video.mp4 import SOUND_RATE, Mp4Writer
from acoustill.imaging.video.overlay_video import (
    OverlayStyle,
    Painter,
    Sound,
    cubic_matrix,
    dark_picture,
    write_overlay_video,
)
from small_videos import frames_of, sound_of

RATE, FRAME_RATE, ROWS, COLUMNS = 12288, 12.0, 9, 12
CORNERS = {"top left": (1, 1), "top right": (1, 10), "bottom left": (7, 1), "bottom right": (7, 10)}  # row, column


def spots(frames: int, at: dict[int, tuple[int, int]], quiet: float = 1e-6) -> np.ndarray:
    energy = np.full((frames, ROWS, COLUMNS), quiet)
    for frame, (row, column) in at.items():
        energy[frame, row, column] = 1.0
    return energy


@pytest.mark.parametrize("corner", CORNERS.values(), ids=CORNERS.keys())
def test_a_source_in_a_corner_is_seen_in_that_corner(corner: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    written = write_overlay_video(path, spots(6, dict.fromkeys(range(6), corner)), FRAME_RATE, dark_picture(480, 360))
    frames = frames_of(path)
    assert frames.shape == (6, written.height, written.width, 3)
    light = frames[3, :360, :480].astype(int).sum(axis=-1)
    row, column = np.unravel_index(light.argmax(), light.shape)
    assert abs((row + 0.5) / 40 - (corner[0] + 0.5)) < 0.5
    assert abs((column + 0.5) / 40 - (corner[1] + 0.5)) < 0.5
    middle = light[160:200, 200:280]
    assert middle.max() - middle.min() < 12  # and nothing elsewhere


@pytest.mark.parametrize("video_rate", [12.0, 30000 / 1001])
def test_a_click_is_heard_in_the_frame_that_flashes(video_rate: float, tmp_path: Path) -> None:
    click_s, path = 1.27, tmp_path / "x.mp4"
    samples = np.zeros(3 * RATE, np.float32)
    samples[round(click_s * RATE)] = 0.01
    energy = spots(36, {int(click_s * FRAME_RATE): (4, 6)})
    write_overlay_video(
        path, energy, FRAME_RATE, dark_picture(320, 240), sound=Sound(samples, RATE), video_rate=video_rate
    )
    frames, sound = frames_of(path), sound_of(path)
    light = frames[:, :, :320].astype(int).sum(axis=(1, 2, 3))
    flash_s = (light > (light.min() + light.max()) / 2).argmax() / video_rate
    heard_s = np.abs(sound).argmax() / SOUND_RATE
    assert abs(heard_s - click_s) < 0.002
    assert flash_s <= heard_s + 1 / video_rate
    assert heard_s < flash_s + 1 / FRAME_RATE + 1 / video_rate
    assert np.abs(sound).max() == pytest.approx(10 ** (-3 / 20), rel=0.25)  # a click is more than AAC can keep


@pytest.mark.parametrize("samples", [0, 1000, 5 * RATE])
def test_sound_and_video_are_equally_long(samples: int, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    tone = np.sin(np.arange(samples) / 5).astype(np.float32)
    write_overlay_video(path, spots(30, {}), FRAME_RATE, dark_picture(64, 48), sound=Sound(tone, RATE))
    with av.open(str(path)) as container:
        lengths = [float(stream.duration * stream.time_base) for stream in container.streams]
    assert lengths == pytest.approx([2.5, 2.5], abs=1 / FRAME_RATE)


def test_players_can_play_it_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    tone = np.sin(np.arange(RATE) / 5).astype(np.float32)
    write_overlay_video(path, spots(12, {}), FRAME_RATE, dark_picture(63, 47), sound=Sound(tone, RATE))
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert video.width % 2 == video.height % 2 == 0
        assert video.average_rate == 12
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", 48000, 1)


def test_the_sound_has_one_gain_that_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    tone = 1e-3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    tone[RATE:] /= 10
    written = write_overlay_video(
        path, spots(24, {}), FRAME_RATE, dark_picture(64, 48), sound=Sound(tone.astype(np.float32), RATE)
    )
    assert written.gain_db == pytest.approx(60 - 3, abs=0.1)
    sound = sound_of(path)
    levels = [np.sqrt(np.mean(part**2)) for part in (sound[5000:40000], sound[53000:90000])]
    assert 20 * np.log10(levels[0] / levels[1]) == pytest.approx(20, abs=0.3)
    assert 20 * np.log10(levels[0]) == pytest.approx(-6, abs=0.3)


def test_colours_of_the_video_are_kept(tmp_path: Path) -> None:
    picture = np.zeros((360, 480, 3), np.uint8)
    picture[:, :160], picture[:, 160:320], picture[:, 320:] = (200, 40, 40), (40, 200, 40), (40, 40, 200)
    write_overlay_video(tmp_path / "x.mp4", spots(3, {}), FRAME_RATE, lambda _: picture)
    frame = frames_of(tmp_path / "x.mp4")[1]
    for column in (80, 240, 400):
        np.testing.assert_allclose(frame[180, column].astype(int), picture[180, column].astype(int), atol=12)


def test_noise_from_all_around_is_not_drawn() -> None:
    frame = np.full((360, 480, 3), 99, np.uint8)
    painter = Painter(frame, (ROWS, COLUMNS), OverlayStyle())
    levels = np.random.default_rng(0).normal(-40, 0.1, (ROWS, COLUMNS))
    np.testing.assert_allclose(painter(frame, levels, levels.max())[:, :480].astype(int), 99, atol=12)
    levels[4, 6] = -30
    assert np.abs(painter(frame, levels, -30.0)[:, :480].astype(int) - 99).max() > 80


def test_a_ring_marks_the_loudest_point() -> None:
    frame = np.zeros((360, 480, 3), np.uint8)
    levels = np.full((ROWS, COLUMNS), -60.0)
    levels[2, 3] = 0.0
    plain, marked = (Painter(frame, (ROWS, COLUMNS), OverlayStyle(marker=ring))(frame, levels, 0.0) for ring in (0, 1))
    rows, columns = np.nonzero((plain != marked).any(axis=-1))
    assert (rows.mean(), columns.mean()) == pytest.approx((100, 140), abs=1.5)
    silent = Painter(frame, (ROWS, COLUMNS), OverlayStyle(marker=True))(frame, np.full((ROWS, COLUMNS), -np.inf), 0.0)
    assert not silent[:, :480].any()


def test_levels_are_interpolated_smoothly() -> None:
    matrix = cubic_matrix(6, 60)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)
    line = matrix @ (np.arange(6) + 0.5)
    np.testing.assert_allclose(line[15:45], (np.arange(15, 45) + 0.5) / 10, atol=1e-5)
    np.testing.assert_array_equal(cubic_matrix(4, 4), np.eye(4))


def test_the_colour_bar_says_the_range_and_the_reference() -> None:
    bar = ColourBar(480, 12.0)
    assert bar.width % 2 == 0
    panel = bar(-34.4)
    assert panel.shape == (480, bar.width, 3)
    strip = panel[60:400, 12].astype(int).sum(axis=-1)
    assert strip[0] > strip[len(strip) // 2] > strip[-1]  # bright on top
    np.testing.assert_array_equal(panel, bar(-34.0))
    assert (panel != bar(-35.0)).any()
    assert ticks(6.0) == [0, 1, 2, 3, 4, 5, 6]
    assert ticks(0.5)[-1] == 0.5
    for height in (120, 361, 2160):
        assert ColourBar(height, 40.0)(-120.0).shape[0] == height


def test_impossible_arguments_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    with pytest.raises(AcoustillError, match="at least one frame"):
        write_overlay_video(path, np.zeros((0, 3, 4)), FRAME_RATE, dark_picture(64, 48))
    sound = Sound(np.full(99, np.nan, np.float32), RATE)
    with pytest.raises(AcoustillError, match="sample of the sound is not finite"):
        write_overlay_video(path, spots(2, {}), FRAME_RATE, dark_picture(64, 48), sound=sound)
    assert not path.exists()
    pictures = iter([np.zeros((48, 64, 3), np.uint8), np.zeros((50, 64, 3), np.uint8)])
    with pytest.raises(AcoustillError, match=r"shape of a frame is \(50, 64, 3\), expected \(48, 64, 3\)"):
        write_overlay_video(path, spots(2, {}), FRAME_RATE, lambda _: next(pictures))
    with pytest.raises(AcoustillError, match="frame size is 63 x 48"):
        Mp4Writer(path, 63, 48, Fraction(12), with_sound=False)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("range_db", np.nan, "dynamic range is nan dB, expected 0.5 to 200 decibels"),
        ("range_db", np.inf, "dynamic range is inf dB"),
        ("range_db", 0.0, "dynamic range is 0.0 dB"),
        ("range_db", 1e12, "dynamic range is 1"),
        ("reference", "max", "reference is 'max', expected follow or fixed"),
        ("smoothing_s", np.nan, "smoothing is nan s, expected 0 or a positive number of seconds"),
        ("smoothing_s", np.inf, "smoothing is inf s"),
        ("smoothing_s", -1.0, "smoothing is -1.0 s"),
        ("opacity", 2.0, "opacity is 2"),
        ("opacity", np.nan, "opacity is nan"),
        ("floor_db", np.nan, "floor is nan dB, expected a finite number of decibels"),
        ("floor_db", -np.inf, "floor is -inf dB"),
    ],
)
def test_impossible_styles_are_refused(field: str, value: object, says: str) -> None:
    with pytest.raises(AcoustillError, match=says):
        OverlayStyle(**{field: value})


@pytest.mark.parametrize("style", [OverlayStyle(0.5), OverlayStyle(200.0), OverlayStyle(floor_db=1e300)])
def test_extreme_styles_are_drawn(style: OverlayStyle, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    write_overlay_video(path, spots(2, {0: (4, 6)}), FRAME_RATE, dark_picture(64, 48), style=style)
    assert len(frames_of(path)) == 2


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """Files of this process may not be longer than so many bytes, which is what a full disk looks like."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        for frames in (1, 200):  # the last byte is written early, or only when the file is closed
            with pytest.raises(OSError, match="too large"):
                write_overlay_video(tmp_path / "x.mp4", spots(frames, {}), FRAME_RATE, lambda _: noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

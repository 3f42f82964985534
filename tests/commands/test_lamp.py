"""The lamp that is followed through a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acoustill.commands.lamp import track_lamp
from acoustill.errors import AcoustillError
from small_videos import turn_video, write_video

WIDTH, HEIGHT, FRAMES = 160, 120, 40


def spot(column: float, row: float, radius: float = 2.0) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    return 300 * np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / (2 * radius**2))


def path_of(frame: int) -> tuple[float, float]:
    return 15.3 + 3.2 * frame, 20.7 + 2.1 * frame


def test_the_middle_of_the_lamp_is_found_in_every_frame(tmp_path: Path) -> None:
    """Before a white wall on the right, beside a steady light on the left."""
    wall = np.full((HEIGHT, WIDTH), 50.0)
    wall[:, 80:], wall[90:100, 20:30] = 200.0, 255.0
    video = write_video(tmp_path / "walk.mp4", [wall + spot(*path_of(i)) for i in range(FRAMES)])
    times, places = track_lamp(video, WIDTH, HEIGHT)
    np.testing.assert_allclose(times, np.arange(FRAMES) / 10, atol=1e-6)
    np.testing.assert_allclose(places, [path_of(i) for i in range(FRAMES)], atol=1.5)


def test_frames_without_one_small_lamp_are_left_out(tmp_path: Path) -> None:
    pictures = [np.full((HEIGHT, WIDTH), 50.0) + spot(*path_of(i)) for i in range(FRAMES)]
    pictures[5] = np.full((HEIGHT, WIDTH), 50.0)  # dark
    pictures[9] += spot(140, 20)  # mirrored in a window
    pictures[13] += spot(60, 60, radius=20)  # a flash
    _, places = track_lamp(write_video(tmp_path / "walk.mp4", pictures), WIDTH, HEIGHT)
    assert np.flatnonzero(np.isnan(places).any(axis=1)).tolist() == [5, 9, 13]


def test_a_lamp_that_never_moves_is_background(tmp_path: Path) -> None:
    pictures = [np.full((HEIGHT, WIDTH), 50.0) + spot(60, 60)] * 5
    assert np.isnan(track_lamp(write_video(tmp_path / "walk.mp4", pictures), WIDTH, HEIGHT)[1]).all()


def test_sound_is_no_video(tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "take.wav"
    soundfile.write(path, np.zeros(8000), 8000)
    with pytest.raises(AcoustillError, match=r"take.wav: holds no video"):
        track_lamp(path, WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("degrees", "upright"), [(180, (WIDTH, HEIGHT)), (90, (HEIGHT, WIDTH)), (270, (HEIGHT, WIDTH))]
)
def test_the_lamp_is_where_players_show_it(degrees: int, upright: tuple[int, int], tmp_path: Path) -> None:
    """A telephone that is held otherwise writes turned frames and says so."""
    video = write_video(tmp_path / "walk.mp4", [spot(*path_of(i)) for i in range(FRAMES)])
    _, stored = track_lamp(video, WIDTH, HEIGHT)
    _, places = track_lamp(turn_video(video, degrees), *upright)
    turned = {
        90: np.column_stack([HEIGHT - stored[:, 1], stored[:, 0]]),
        180: (WIDTH, HEIGHT) - stored,
        270: np.column_stack([stored[:, 1], WIDTH - stored[:, 0]]),
    }
    np.testing.assert_allclose(places, turned[degrees], atol=1e-9)


def test_places_are_in_the_pixels_of_the_camera(tmp_path: Path) -> None:
    video = write_video(tmp_path / "walk.mp4", [spot(*path_of(i)) for i in range(FRAMES)])
    _, places = track_lamp(video, 4 * WIDTH, 4 * HEIGHT)
    np.testing.assert_allclose(places, [4 * np.array(path_of(i)) for i in range(FRAMES)], atol=6)
    with pytest.raises(AcoustillError, match=r"size is 160 x 120, expected 160 x 90 or of that shape, as the rig's"):
        track_lamp(video, 160, 90)


def test_frames_need_not_be_equally_long(tmp_path: Path) -> None:
    times = [100 * i + 1500 * (i >= 20) for i in range(FRAMES)]
    seconds, _ = track_lamp(
        write_video(tmp_path / "x.mp4", [spot(*path_of(i)) for i in range(FRAMES)], times), 160, 120
    )
    np.testing.assert_allclose(seconds, np.array(times) / 1000, atol=1e-3)

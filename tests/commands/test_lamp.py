"""The lamp that is followed through a video."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from acoustill.commands.lamp import track_lamp
from acoustill.errors import AcoustillError

WIDTH, HEIGHT, FRAMES = 160, 120, 40


def spot(column: float, row: float, radius: float = 2.0) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    return 300 * np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / (2 * radius**2))


def write(path: Path, pictures: list[np.ndarray], rate: int = 10) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in pictures:
            grey = np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
        container.mux(stream.encode(None))
    return path


def path_of(frame: int) -> tuple[float, float]:
    return 15.3 + 3.2 * frame, 20.7 + 2.1 * frame


def test_the_middle_of_the_lamp_is_found_in_every_frame(tmp_path: Path) -> None:
    """Before a white wall on the right, beside a steady light on the left."""
    wall = np.full((HEIGHT, WIDTH), 50.0)
    wall[:, 80:], wall[90:100, 20:30] = 200.0, 255.0
    video = write(tmp_path / "walk.mp4", [wall + spot(*path_of(i)) for i in range(FRAMES)])
    times, places = track_lamp(video, WIDTH, HEIGHT)
    np.testing.assert_allclose(times, np.arange(FRAMES) / 10, atol=1e-6)
    np.testing.assert_allclose(places, [path_of(i) for i in range(FRAMES)], atol=1.5)


def test_frames_without_one_small_lamp_are_left_out(tmp_path: Path) -> None:
    pictures = [np.full((HEIGHT, WIDTH), 50.0) + spot(*path_of(i)) for i in range(FRAMES)]
    pictures[5] = np.full((HEIGHT, WIDTH), 50.0)  # dark
    pictures[9] += spot(140, 20)  # mirrored in a window
    pictures[13] += spot(60, 60, radius=20)  # a flash
    _, places = track_lamp(write(tmp_path / "walk.mp4", pictures), WIDTH, HEIGHT)
    assert np.flatnonzero(np.isnan(places).any(axis=1)).tolist() == [5, 9, 13]


def test_a_lamp_that_never_moves_is_background(tmp_path: Path) -> None:
    pictures = [np.full((HEIGHT, WIDTH), 50.0) + spot(60, 60)] * 5
    assert np.isnan(track_lamp(write(tmp_path / "walk.mp4", pictures), WIDTH, HEIGHT)[1]).all()


def test_sound_is_no_video(tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "take.wav"
    soundfile.write(path, np.zeros(8000), 8000)
    with pytest.raises(AcoustillError, match=r"take.wav: number of video streams is 0, expected one"):
        track_lamp(path, WIDTH, HEIGHT)

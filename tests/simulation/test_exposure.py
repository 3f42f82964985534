"""Motion blur, cutouts and sensor noise, against slow and obvious ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from acoustill.simulation.backdrops import HEADROOM
from acoustill.simulation.drawing import Shape, box, capsule, ellipse, paint, polygon
from acoustill.simulation.exposure import MOMENTS, SHUTTER, Cutout, SensorNoise, expose, moments

HEIGHT, WIDTH = 40, 60
RED, BLUE = np.array([200, 40, 40], np.float32), np.array([40, 40, 200], np.float32)


def picture(step: float) -> list[Shape]:
    """A box that stands still, and shapes that go to the right with the moments."""
    return [
        box(np.array([8.5, 30.5]), (5, 4), BLUE),
        capsule(np.array([20.0 + step, 8.0]), np.array([26.0 + step, 14.0]), (2.0, 3.0), RED),
        ellipse(np.array([20.0 + step, 25.0]), (4, 3), RED, 0.4, 0.7),
        polygon(np.array([[30.0 + step, 20.0], [40.0 + step, 22.0], [34.0 + step, 32.0]]), BLUE),
    ]


def grey() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 120, np.uint8)


@pytest.mark.parametrize("speed", [0.0, 0.1, 3.0, 12.0])
def test_a_frame_is_the_mean_of_its_pictures(speed: float) -> None:
    pictures = [picture(speed * step) for step in range(MOMENTS)]
    frame = grey()
    rows, columns = expose(frame, grey(), pictures)
    alone = np.stack([grey() for _ in pictures])
    for canvas, shapes in zip(alone, pictures, strict=True):
        paint(canvas, shapes)
    tolerance = 1 if speed == 0 or speed > 1 else 20  # what moves by less than 0.3 pixels is not blurred
    assert np.abs(frame - alone.mean(0)).max() <= tolerance
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[rows, columns] = False
    assert np.all(frame[outside] == 120)


def test_what_moves_is_smeared_along_its_path_and_what_stands_still_is_sharp() -> None:
    sharp, smeared = grey(), grey()
    expose(sharp, grey(), [picture(0.0)] * MOMENTS)
    expose(smeared, grey(), [picture(4.0 * step) for step in range(MOMENTS)])
    np.testing.assert_array_equal(sharp[:, :14], smeared[:, :14])
    row = np.s_[25, 14:45, 0]
    touched = [np.count_nonzero(np.abs(image[row].astype(int) - 120) > 5) for image in (sharp, smeared)]
    assert touched[1] >= touched[0] + 6
    assert smeared[row].max() <= sharp[row].max()


def test_the_shutter_is_open_for_its_share_around_the_middle_of_each_frame() -> None:
    times = moments(5, 12.0)
    np.testing.assert_allclose(times.mean(1), (np.arange(5) + 0.5) / 12)
    step = times[0, 1] - times[0, 0]
    assert step * MOMENTS * 12 == pytest.approx(SHUTTER)


def test_a_cutout_looks_as_its_shapes_painted_over_what_is_behind() -> None:
    rng = np.random.default_rng(0)
    behind = rng.integers(16, 240, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    painted = behind.copy()
    paint(painted, picture(0.0))
    area = slice(3, 37), slice(2, 55)
    over = Cutout(picture(0.0), HEIGHT, WIDTH).over(behind, area)
    assert np.abs(over.astype(int) - painted[area]).max() <= 4


@pytest.mark.parametrize("colour", [16, 239])
def test_no_colour_that_is_painted_leaves_no_room_for_noise(colour: int) -> None:
    """Edges and glass over each other, as cutouts, smeared and not, of the darkest or the brightest colour."""
    rng = np.random.default_rng(0)
    frame, shade = np.full((HEIGHT, WIDTH, 3), colour, np.uint8), np.full(3, colour, np.float32)
    shapes = [
        ellipse(rng.uniform(0, 40, 2), (20, 14), shade, opacity=float(opacity)) for opacity in rng.uniform(0.05, 1, 60)
    ]
    flat = [shape._replace(roundness=0.0) for shape in shapes]
    area = slice(0, HEIGHT), slice(0, WIDTH)
    frame = Cutout(flat, HEIGHT, WIDTH).over(frame, area)
    expose(frame, frame.copy(), [flat[step:] for step in range(MOMENTS)])
    assert frame.min() >= 16 - 1
    assert frame.max() <= 239


class LoudestNoise:
    """In place of a generator: all noise of one sign, and as large as it gets."""

    def __init__(self, sign: int) -> None:
        self._sign = sign

    def uniform(self, low: float, high: float) -> float:
        return high

    def standard_normal(self, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        return np.full(shape, 9 * self._sign, dtype)

    def integers(self, high: int, size: tuple[int, ...]) -> np.ndarray:
        return np.zeros(size, int)


@pytest.mark.parametrize("sign", [-1, 1])
def test_no_byte_wraps_under_the_largest_noise(sign: int) -> None:
    rng: Any = LoudestNoise(sign)
    noise = SensorNoise(HEIGHT, WIDTH, rng)
    for level in range(HEADROOM - 1, 256 - HEADROOM):
        frame = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
        noise.add(frame, rng)
        assert np.all((frame.astype(int) - level) * sign >= 1)


def test_shapes_past_the_edge_are_cut_off() -> None:
    for place in (-1e4, -3.0, 59.0, 1e4):
        frame = grey()
        expose(frame, grey(), [[capsule(np.array([place, 20.0]), np.array([place, 90.0]), (4, 4), RED)]] * MOMENTS)
        assert (frame != 120).any() == (abs(place) < 100)


def test_noise_has_no_mean_never_wraps_and_its_variance_grows_with_light() -> None:
    rng = np.random.default_rng(0)
    noise, variances = SensorNoise(HEIGHT, WIDTH, rng), []
    for level in (16, 100, 150, 239):
        frames = np.full((20, HEIGHT, WIDTH, 3), level, np.uint8)
        for frame in frames:
            noise.add(frame, rng)
        assert np.abs(frames.astype(int) - level).max() <= 15
        assert frames.mean() == pytest.approx(level, abs=0.05)
        variances.append(frames.astype(float).var())
    assert np.all(np.diff(variances) > 0.1)

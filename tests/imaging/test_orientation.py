"""Row 0 is the top and column 0 the left, in acoustic images, overlays and video alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acoustill.imaging import Imager, ImageSpecification, camera_grid, find_peaks, overlay
from acoustill.rig import Camera, Rig, preset
from acoustill.simulation.sources import draw_style, perform
from acoustill.simulation.video import Backdrop, draw_looks, render
from free_field import free_field, periodic_noise

WIDTH, HEIGHT, ROWS, COLUMNS, DISTANCE_M = 320, 240, 18, 24, 2.0
CORNERS = {
    "top left": (3.5, 2.5),
    "top right": (20.5, 2.5),
    "bottom left": (3.5, 15.5),
    "bottom right": (20.5, 15.5),
}  # (column, row) in pixels of the acoustic image; the centre of the first is 0.5


@pytest.fixture(scope="module")
def rig() -> Rig:
    """The microphones of `dualcam` with a camera beside the array's centre, a little turned."""
    array = preset("dualcam")
    turn = math.radians(4)
    rotation = ((math.cos(turn), 0.0, math.sin(turn)), (0.0, 1.0, 0.0), (-math.sin(turn), 0.0, math.cos(turn)))
    focal = WIDTH / 2 / math.tan(math.radians(30))
    camera = Camera(WIDTH, HEIGHT, (focal, focal), (WIDTH / 2, HEIGHT / 2), (0.06, -0.04, 0.01), rotation)
    return Rig("turned", array.positions_m, array.sample_rate, array.frame_rate, array.broken, camera)


def source_of(rig: Rig, corner: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The pixel of the video frame and the point in space that a pixel of the acoustic image stands for."""
    pixel = np.array(corner) * (WIDTH / COLUMNS, HEIGHT / ROWS)
    return pixel, rig.camera.unproject(pixel, DISTANCE_M)


def energy_of(rig: Rig, place: np.ndarray) -> np.ndarray:
    block = rig.samples_per_frame
    signal = periodic_noise(block, 1, np.random.default_rng(0))
    signals = free_field(rig.positions_m, tuple(place), signal, rig.sample_rate)
    grid = camera_grid(rig.camera, ROWS, COLUMNS, DISTANCE_M)
    return Imager(rig, grid, ImageSpecification(lowest_hz=500)).images(signals).energy[0]


def brightest(values: np.ndarray) -> np.ndarray:
    """(column, row) of the largest value; the centre of the first is 0.5."""
    row, column = np.unravel_index(values.argmax(), values.shape)
    return np.array([column, row]) + 0.5


def centre_of_motion(action: str, pixel: np.ndarray) -> np.ndarray:
    """(column, row) in the video frame around which a take that sounds at `pixel` moves."""
    rng = np.random.default_rng(0)
    events = perform(action, draw_style(rng), 2.0, 12288, rng).events
    looks, plain = draw_looks(rng), Backdrop("office", 1.0, (1.0, 1.0, 1.0), 4)
    scale = WIDTH / 2 / math.tan(math.radians(30)) / DISTANCE_M
    video = render(
        HEIGHT, WIDTH, np.tile(pixel, (24, 1)), scale, action, events, 12.0, looks, plain, rng, passer_by=False
    )
    change = np.abs(np.diff(video.astype(np.int16), axis=0)).max(-1)
    moved = (np.where(change > 20, change, 0).astype(np.float64) ** 2).sum(0)
    rows, columns = np.arange(HEIGHT) + 0.5, np.arange(WIDTH) + 0.5
    return np.array([(moved.sum(0) * columns).sum(), (moved.sum(1) * rows).sum()]) / moved.sum()


@pytest.mark.parametrize("corner", CORNERS.values(), ids=CORNERS.keys())
def test_image_overlay_and_camera_agree_in_each_corner(rig: Rig, corner: tuple[float, float]) -> None:
    pixel, place = source_of(rig, corner)
    energy = energy_of(rig, place)
    loudest = brightest(energy)
    cell = np.array([WIDTH / COLUMNS, HEIGHT / ROWS])

    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    drawn = overlay(frame, energy, range_db=6.0)
    lightest = brightest(drawn.astype(int).sum(-1)) / cell

    marked = frame.copy()
    column, row = np.floor(rig.camera.project(place)).astype(int)
    marked[row, column] = 255
    marker = brightest(marked[..., 0]) / cell

    for other in (loudest, lightest, marker):
        assert np.abs(other - corner).max() <= 1
    assert np.abs(marker * cell - pixel).max() <= 1


@pytest.mark.parametrize("corner", CORNERS.values(), ids=CORNERS.keys())
def test_peaks_are_at_the_source_in_each_corner(rig: Rig, corner: tuple[float, float]) -> None:
    _, place = source_of(rig, corner)
    grid = camera_grid(rig.camera, ROWS, COLUMNS, DISTANCE_M)
    peak = find_peaks(energy_of(rig, place), grid)[0]
    assert np.linalg.norm(np.array(peak.point_m) - place) < 0.05
    assert abs(peak.column + 0.5 - corner[0]) < 0.5
    assert abs(peak.row + 0.5 - corner[1]) < 0.5


@pytest.mark.parametrize("name", CORNERS)
def test_corners_are_where_their_names_say(rig: Rig, name: str) -> None:
    _, place = source_of(rig, CORNERS[name])
    column, row = brightest(energy_of(rig, place))
    assert (row < ROWS / 2) == name.startswith("top")
    assert (column < COLUMNS / 2) == name.endswith("left")
    # In the camera's frame x points right and y down.
    x, y, _ = (place - rig.camera.position_m) @ np.asarray(rig.camera.rotation)
    assert (y < 0) == name.startswith("top")
    assert (x < 0) == name.endswith("left")


@pytest.mark.parametrize("action", ["clapping", "hammering"])
@pytest.mark.parametrize("corner", CORNERS.values(), ids=CORNERS.keys())
def test_video_moves_where_the_image_is_loud(rig: Rig, corner: tuple[float, float], action: str) -> None:
    pixel, place = source_of(rig, corner)
    cell = np.array([WIDTH / COLUMNS, HEIGHT / ROWS])
    drawn = overlay(np.zeros((HEIGHT, WIDTH, 3), np.uint8), energy_of(rig, place), range_db=6.0)
    moving = centre_of_motion(action, pixel) / cell
    loud = brightest(drawn.astype(int).sum(-1)) / cell
    assert np.abs(moving - brightest(energy_of(rig, place))).max() < 3
    assert np.abs(moving - loud).max() < 3
    assert (moving < (COLUMNS / 2, ROWS / 2)).tolist() == (np.array(corner) < (COLUMNS / 2, ROWS / 2)).tolist()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mirrored_source_gives_the_mirrored_image(axis: int) -> None:
    """On an array and a camera that are symmetric about the optical axis."""
    rig = preset("uma16")
    place = np.array([0.5, -0.35, 2.0])
    mirrored = place.copy()
    mirrored[axis] *= -1
    first, second = energy_of(rig, place), energy_of(rig, mirrored)
    flipped = first[:, ::-1] if axis == 0 else first[::-1]
    np.testing.assert_allclose(second, flipped, rtol=1e-3)
    assert not np.allclose(second, first, rtol=0.1)


def test_a_camera_rolled_by_half_a_turn_sees_the_image_upside_down() -> None:
    rig = preset("uma16")
    camera = rig.camera
    rolled = Camera(
        camera.width, camera.height, camera.focal_px, camera.principal_point_px, (0.0, 0.0, 0.0),
        ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
    )  # fmt: skip
    place = np.array([0.5, -0.35, 2.0])
    upright = energy_of(rig, place)
    turned = energy_of(Rig("rolled", rig.positions_m, rig.sample_rate, rig.frame_rate, camera=rolled), place)
    np.testing.assert_allclose(turned, upright[::-1, ::-1], rtol=1e-3)


def test_swapping_red_and_blue_would_be_seen() -> None:
    """Overlays draw RGB: what is loud is yellow, not cyan."""
    energy = np.full((4, 4), 0.6)
    energy[1, 1] = 1.0
    drawn = overlay(np.zeros((64, 64, 3), np.uint8), energy, range_db=3.0)
    red, green, blue = drawn[24, 24].astype(int)
    assert red > blue + 30
    assert green > blue + 30

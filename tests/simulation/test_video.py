"""The simulated video: what moves is where and when it sounds."""

from __future__ import annotations

import time

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.simulation.sources import ACTIONS, Event, draw_style, perform
from acoustill.simulation.video import Backdrop, Looks, draw_backdrop, draw_looks, render

FRAME_RATE = 12.0
HEIGHT, WIDTH, SCALE = 180, 240, 90.0
PLAIN = Backdrop("office", 1.0, (1.0, 1.0, 1.0), 4)


def events_of(action: str, seconds: float, seed: int = 0) -> tuple[Event, ...]:
    rng = np.random.default_rng(seed)
    return perform(action, draw_style(rng), max(seconds, 0.5), 12288, rng).events


def film(
    action: str,
    place: tuple[float, float] = (120.5, 100.5),
    frames: int = 30,
    seed: int = 0,
    passer_by: bool | None = False,
    backdrop: Backdrop = PLAIN,
    looks: Looks | None = None,
) -> np.ndarray:
    events = events_of(action, frames / FRAME_RATE, seed)
    rng = np.random.default_rng(seed)
    looks = looks or draw_looks(rng)
    pixels = np.tile(np.array(place), (frames, 1))
    return render(HEIGHT, WIDTH, pixels, SCALE, action, events, FRAME_RATE, looks, backdrop, rng, passer_by=passer_by)


def moving(video: np.ndarray) -> np.ndarray:
    """(frames - 1, height, width) squared differences above the sensor noise."""
    difference = np.abs(np.diff(video.astype(np.int16), axis=0)).max(-1)
    return np.where(difference > 20, difference, 0).astype(np.float64) ** 2


def centroid(energy: np.ndarray) -> np.ndarray:
    total = energy.sum(0)
    column = (total.sum(0) * (np.arange(total.shape[1]) + 0.5)).sum()
    row = (total.sum(1) * (np.arange(total.shape[0]) + 0.5)).sum()
    return np.array([column, row]) / total.sum()


@pytest.mark.parametrize("action", ACTIONS)
def test_video_is_uint8_rgb_and_the_same_for_the_same_generator(action: str) -> None:
    first, again, other = film(action, frames=4), film(action, frames=4), film(action, frames=4, seed=1)
    assert first.shape == (4, HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 1


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_moves_is_where_it_sounds(action: str, seed: int) -> None:
    place = (100.5, 95.5)
    assert np.hypot(*(centroid(moving(film(action, place, seed=seed))) - place)) < 0.35 * SCALE


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("corner", [(12.5, 14.5), (227.5, 14.5), (12.5, 165.5), (227.5, 165.5)])
def test_what_moves_is_in_the_corner_where_it_sounds(action: str, corner: tuple[float, float]) -> None:
    assert np.hypot(*(centroid(moving(film(action, corner))) - corner)) < 0.4 * SCALE


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != "stick_dropping"])
def test_what_moves_moves_in_time_with_the_events(action: str) -> None:
    frames = 96
    energy = moving(film(action, frames=frames)).sum((1, 2))
    between = np.arange(1, frames) / FRAME_RATE
    distance = np.full(len(between), np.inf)
    for event in events_of(action, frames / FRAME_RATE):
        outside = np.maximum(event.time - between, between - event.time - event.duration)
        distance = np.minimum(distance, np.maximum(outside, 0))
    near, far = energy[distance < 0.15], energy[distance > 0.3]
    assert near.mean() > 2 * (far.mean() if len(far) else 0.0)


def test_the_stick_lies_at_the_place_when_it_is_heard_and_has_left_it_before() -> None:
    looks = Looks((90, 60, 40), (20, 20, 20), (30, 30, 160), (30, 30, 30), (235, 30, 30), 1.75, 1.0, 1, False)
    drops = [(k + 0.5) / FRAME_RATE for k in (12, 27, 42)]
    events = [Event(time + later, 0.8, 0.05) for time in drops for later in (0.0, 0.25)]
    rng = np.random.default_rng(0)
    pixels = np.full((45, 2), (120.5, 90.5))
    video = render(
        HEIGHT, WIDTH, pixels, SCALE, "stick_dropping", events, FRAME_RATE, looks, PLAIN, rng, passer_by=False
    ).astype(float)
    redness = (video[..., 0] - video[..., 2])[:, 88:91, 110:115].mean((1, 2))
    assert np.all(redness[[12, 27, 42]] > 100)
    assert np.all(redness[[10, 25, 40]] < 70)


def test_hands_meet_at_the_clap_and_part_between() -> None:
    """At the event itself the palms cover the acoustic centre; half way to the next they do not."""
    looks = Looks((240, 40, 40), (20, 20, 20), (30, 30, 220), (30, 30, 30), (90, 90, 90), 1.75, 1.0, 1, False)
    events = [Event((k + 0.5) / FRAME_RATE, 1.0, 0.04) for k in range(0, 24, 6)]
    pixels = np.full((24, 2), (120.5, 90.5))
    video = render(
        HEIGHT, WIDTH, pixels, SCALE, "clapping", events, FRAME_RATE, looks, PLAIN, np.random.default_rng(0),
        passer_by=False,
    )  # fmt: skip
    patch = video[:, 86:94, 117:124].astype(float).mean((1, 2))
    together, apart = patch[0:24:6], patch[3:24:6]
    assert np.all(together[:, 0] > together[:, 2])
    assert np.all(apart[:, 2] > apart[:, 0] + 50)


def test_the_mouth_opens_at_the_pixel() -> None:
    looks = Looks((230, 200, 180), (20, 20, 20), (30, 30, 220), (30, 30, 30), (90, 90, 90), 1.6, 1.0, 1, False)
    events = [Event(0.0, 1.0, 2 / FRAME_RATE)]
    video = render(
        HEIGHT, WIDTH, np.full((6, 2), (60.5, 70.5)), 200.0, "speaking", events, FRAME_RATE, looks, PLAIN,
        np.random.default_rng(0), passer_by=False,
    )  # fmt: skip
    mouth = video[:, 68:73, 58:63].astype(float).mean((1, 2, 3))
    assert mouth[0] < mouth[4] - 15


def test_motion_follows_a_source_that_moves() -> None:
    frames = 30
    pixels = np.stack([np.linspace(40.5, 200.5, frames), np.full(frames, 90.5)], axis=1)
    rng = np.random.default_rng(0)
    video = render(
        HEIGHT, WIDTH, pixels, SCALE, "clapping", events_of("clapping", 2.5), FRAME_RATE, draw_looks(rng),
        PLAIN, rng, passer_by=True,
    )  # fmt: skip
    energy = moving(video)
    first, last = centroid(energy[:6])[0], centroid(energy[-6:])[0]
    assert last - first > 60


def test_red_comes_first_row_zero_is_the_top_column_zero_the_left() -> None:
    red = Backdrop("anechoic", 1.0, (1.3, 0.4, 0.2), 3)
    video = film("typing", backdrop=red, frames=2).astype(float)
    assert video[..., 0].mean() > 1.5 * video[..., 2].mean()
    sky = film("clapping", (200.5, 150.5), backdrop=draw_backdrop("outdoor", np.random.default_rng(1)), frames=2)
    assert sky[:, :20, :80].mean() > sky[:, -20:, :80].mean()


def test_somebody_passes_by_behind_the_subject() -> None:
    """The passer-by moves where nothing else does, and never covers the subject."""
    alone, visited = (film("speaking", (190.5, 60.5), frames=60, passer_by=p) for p in (False, True))
    assert moving(visited).sum() > 3 * moving(alone).sum()
    torso = np.s_[:, 85:105, 183:198]
    assert np.abs(alone[torso].astype(int) - visited[torso]).max() < 20


def test_whether_somebody_passes_is_left_to_chance() -> None:
    still = [np.count_nonzero(moving(film("whistling", seed=seed, frames=6, passer_by=None))) for seed in range(16)]
    assert 1 <= sum(count > 4 * min(still) + 60 for count in still) <= 15


@pytest.mark.parametrize("kind", ["anechoic", "office", "outdoor"])
def test_backdrops_differ_from_draw_to_draw_and_keep_room_for_noise(kind: str) -> None:
    first, second = (
        film("typing", backdrop=draw_backdrop(kind, np.random.default_rng(k)), frames=1)[0] for k in (0, 1)
    )
    assert np.abs(first.astype(int) - second).mean() > 5
    for image in (first, second):
        assert image.min() >= 1
        assert image.max() <= 250


def test_the_colour_of_the_frame_does_not_tell_the_action() -> None:
    """Mean colours differ far more between subjects and places than between actions."""
    colours = np.empty((len(ACTIONS), 6, 3))
    for i, action in enumerate(ACTIONS):
        for s in range(6):
            rng = np.random.default_rng([7, s])
            backdrop, looks = draw_backdrop(("anechoic", "office", "outdoor")[s % 3], rng), draw_looks(rng)
            colours[i, s] = film(action, frames=1, backdrop=backdrop, looks=looks)[0].mean((0, 1))
    between_actions = colours.mean(1).std(0)
    between_subjects = colours.mean(0).std(0)
    assert np.all(between_subjects > 3 * between_actions)


@pytest.mark.parametrize("place", [(-500.0, 50.0), (120.0, 900.0), (0.0, 0.0), (240.0, 180.0)])
def test_places_outside_the_frame_are_drawn_without_harm(place: tuple[float, float]) -> None:
    for action in ACTIONS:
        assert film(action, place, frames=2, passer_by=True).shape == (2, HEIGHT, WIDTH, 3)


def test_no_events_and_no_frames() -> None:
    rng = np.random.default_rng(0)
    for action in ACTIONS:
        for frames in (0, 3):
            video = render(
                60, 80, np.full((frames, 2), 40.5), 40.0, action, (), FRAME_RATE, draw_looks(rng), PLAIN, rng,
                passer_by=True,
            )  # fmt: skip
            assert video.shape == (frames, 60, 80, 3)


def test_bad_input_is_refused_in_one_sentence() -> None:
    rng = np.random.default_rng(0)
    looks, pixels = draw_looks(rng), np.full((2, 2), 20.0)
    with pytest.raises(AcoustillError, match=r"'juggling' is unknown.*clapping"):
        render(60, 80, pixels, 40.0, "juggling", (), 12.0, looks, PLAIN, rng)
    with pytest.raises(AcoustillError, match="place of the sound"):
        render(60, 80, pixels[:, :1], 40.0, "typing", (), 12.0, looks, PLAIN, rng)
    with pytest.raises(AcoustillError, match="geometry"):
        render(60, 80, pixels, 0.0, "typing", (), 12.0, looks, PLAIN, rng)
    with pytest.raises(AcoustillError, match=r"'cellar' is unknown.*outdoor"):
        draw_backdrop("cellar", rng)


def test_five_seconds_of_full_size_video_take_about_half_a_second() -> None:
    rng = np.random.default_rng(0)
    events = events_of("clapping", 5.0)
    started = time.process_time()
    render(480, 640, np.full((60, 2), 240.5), 240.0, "clapping", events, FRAME_RATE, draw_looks(rng), PLAIN, rng)
    assert time.process_time() - started < 2.0

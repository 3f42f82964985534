"""The simulated video: what moves is where and when it sounds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from acoustill.archive.importers.avia_names import ACTIONS
from acoustill.errors import AcoustillError
from acoustill.simulation.acts import ACTS
from acoustill.simulation.canvas import Canvas
from acoustill.simulation.drawing import Shape, paint
from acoustill.simulation.onlookers import Standing
from acoustill.simulation.performance import Event
from acoustill.simulation.video import Backdrop, Bystander, Looks, draw_backdrop, draw_looks, render

FRAME_RATE = 12.0
HEIGHT, WIDTH, SCALE = 120, 160, 60.0
PLACE = (70.5, 62.5)
PLAIN = Backdrop("office", 1.0, (1.0, 1.0, 1.0), 4)
RED_THINGS = Looks((90, 60, 40), (20, 20, 20), (30, 30, 160), (30, 30, 30), (235, 30, 30), 1.75, 1.0, 1, False)
RED_HANDS = Looks((240, 40, 40), (20, 20, 20), (30, 30, 220), (30, 30, 30), (90, 90, 90), 1.75, 1.0, 1, False)
GAPS_S = {"typing": 0.2, "playing kendama": 0.75, "paper ripping": 0.9, "peanut breaking": 0.9, "clicking": 0.45}
LASTING_S = {"paper ripping": 0.45, "speaking": 0.2, "whistling": 0.3, "paper shaking": 0.25}


def events_of(action: str, seconds: float, seed: int = 0) -> tuple[Event, ...]:
    """An uneven rhythm with a pause in the middle."""
    rng, gap = np.random.default_rng(seed), GAPS_S.get(action, 0.4)
    steps = gap * rng.uniform(0.8, 1.2, max(round(seconds / gap), 1))
    steps[len(steps) // 2 :][:1] += 0.9
    times = 0.1 + np.cumsum(steps) - steps[0]
    return tuple(Event(float(t), float(rng.uniform(0.5, 0.9)), LASTING_S.get(action, 0.05)) for t in times)


def film(
    action: str,
    place: tuple[float, float] = PLACE,
    frames: int = 30,
    seed: int = 0,
    passer_by: bool | None = False,
    backdrop: Backdrop = PLAIN,
    looks: Looks | None = None,
    events: tuple[Event, ...] | None = None,
    pixels: np.ndarray | None = None,
    bystanders: tuple[Bystander, ...] = (),
    scale: float = SCALE,
) -> np.ndarray:
    events = events_of(action, frames / FRAME_RATE, seed) if events is None else events
    rng = np.random.default_rng(seed)
    looks = looks or draw_looks(rng)
    pixels = np.tile(np.array(place), (frames, 1)) if pixels is None else pixels
    return render(
        HEIGHT, WIDTH, pixels, scale, action, events, FRAME_RATE, looks, backdrop, rng,
        bystanders=bystanders, passer_by=passer_by,
    )  # fmt: skip


def heard_beside(name: str, *events: Event) -> Bystander:
    """Somebody on the right of the frame."""
    return Bystander((130.5, 50.5), 50.0, events, name, 1.0 if name == "cup" else 1.5)


def moving(video: np.ndarray) -> np.ndarray:
    """(frames - 1, height, width) squared differences above the sensor noise."""
    difference = np.abs(np.diff(video.astype(np.int16), axis=0)).max(-1)
    return np.where(difference > 20, difference, 0).astype(np.float64) ** 2


def centroid(energy: np.ndarray) -> np.ndarray:
    total = energy.reshape(-1, *energy.shape[-2:]).sum(0)
    column = (total.sum(0) * (np.arange(total.shape[1]) + 0.5)).sum()
    row = (total.sum(1) * (np.arange(total.shape[0]) + 0.5)).sum()
    return np.array([column, row]) / total.sum()


@pytest.mark.parametrize("action", ACTIONS)
def test_video_is_uint8_rgb_and_the_same_for_the_same_generator(action: str) -> None:
    first, again, other = film(action, frames=3), film(action, frames=3), film(action, frames=3, seed=1)
    assert first.shape == (3, HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 1


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_moves_is_where_it_sounds(action: str, seed: int) -> None:
    assert np.hypot(*(centroid(moving(film(action, seed=seed))) - PLACE)) < 0.35 * SCALE


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("corner", [(8.5, 10.5), (151.5, 10.5), (8.5, 109.5), (151.5, 109.5)])
def test_what_moves_is_in_the_corner_where_it_sounds(action: str, corner: tuple[float, float]) -> None:
    assert np.hypot(*(centroid(moving(film(action, corner, frames=18))) - corner)) < 0.4 * SCALE


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != "stick dropping"])
def test_what_moves_moves_in_time_with_the_events(action: str) -> None:
    """Single events two seconds apart: nearly all motion is within half a second of one.

    A kendama's ball swings on in pauses, a sheet or nut is taken up again, so the bound leaves room for that.
    """
    frames = 96
    events = tuple(Event(1.0 + 2.0 * k, 0.9, LASTING_S.get(action, 0.05)) for k in range(4))
    energy = moving(film(action, frames=frames, events=events)).sum((1, 2))
    between = np.arange(1, frames) / FRAME_RATE
    distance = np.min([np.abs(between - event.time - event.duration / 2) for event in events], axis=0)
    near, far = energy[distance < 0.35], energy[distance > 0.7]
    assert near.mean() > 2 * far.mean()


@pytest.mark.parametrize("action", ACTIONS)
def test_each_event_is_seen_even_two_in_one_frame(action: str) -> None:
    """A frame in which two events fall differs, where they are heard, from that of a take without them."""
    first = 1.0 + 0.25 / FRAME_RATE
    early, pair = Event(0.2, 0.9, 0.04), (Event(first, 0.9, 0.04), Event(first + 0.045, 0.9, 0.04))
    alone = film(action, frames=14, events=(early,), scale=150.0)
    double = film(action, frames=14, events=(early, *pair), scale=150.0)
    left, top = round(PLACE[0] - 45), round(PLACE[1] - 45)
    patch = np.s_[top : top + 90, left : left + 90]
    assert np.abs(double[12].astype(int) - alone[12])[patch].max() > 20


def test_the_stick_lies_at_the_place_when_it_is_heard_and_has_left_it_before() -> None:
    drops = [(k + 0.5) / FRAME_RATE for k in (12, 27)]
    events = tuple(Event(time + later, 0.8, 0.05) for time in drops for later in (0.0, 0.25))
    video = film("stick dropping", frames=30, events=events, looks=RED_THINGS, scale=150.0).astype(float)
    redness = (video[..., 0] - video[..., 2])[:, :, 46:56]
    lying, above = redness[:, 59:63].mean((1, 2)), redness[:, 18:40].max((1, 2))
    assert np.all(lying[[12, 15, 27]] > lying[[10, 10, 25]] + 15)
    assert np.all(above[[10, 25]] > above[[12, 27]] + 40)


def test_hands_meet_at_the_clap_and_part_between() -> None:
    """At the event itself the palms cover the acoustic centre; half way to the next they do not."""
    events = tuple(Event((k + 0.5) / FRAME_RATE, 1.0, 0.04) for k in range(0, 24, 6))
    video = film("clapping", frames=24, events=events, looks=RED_HANDS)
    patch = video[:, 60:65, 69:72].astype(float).mean((1, 2))
    together, apart = patch[0:24:6], patch[3:24:6]
    assert np.all(together[:, 0] > together[:, 2])
    assert np.all(apart[:, 2] > apart[:, 0] + 50)


def test_the_ball_is_in_the_cup_when_it_is_heard_and_above_it_before() -> None:
    events = tuple(Event((k + 0.5) / FRAME_RATE, 0.8, 0.05) for k in (6, 15, 24))
    video = film("playing kendama", frames=26, events=events, looks=RED_THINGS).astype(float)
    redness = video[..., 0] - video[..., 2]
    above = (redness - np.median(redness, axis=0))[:, 38:54, 60:82].max((1, 2))
    assert np.all(above[[12, 13, 21, 22]] > 60)
    assert np.all(above[[15, 16, 24, 25]] < 45)


def test_the_sheet_is_whole_before_it_is_torn() -> None:
    """Paper covers the line of the tear before the sound, the shirt shows through after it."""
    looks = Looks((90, 60, 40), (20, 20, 20), (20, 20, 160), (30, 30, 30), (235, 235, 235), 1.75, 1.0, 1, False)
    video = film("paper ripping", frames=24, events=(Event(1.0, 0.9, 0.5),), looks=looks).astype(float)
    line = video[:, 58:66, 70, 0].mean(1)
    assert line[10] > 150
    assert line[20] < 90


def test_the_mouth_opens_at_the_pixel() -> None:
    looks = Looks((230, 200, 180), (20, 20, 20), (30, 30, 220), (30, 30, 30), (90, 90, 90), 1.6, 1.0, 1, False)
    events = [Event(0.0, 1.0, 2 / FRAME_RATE)]
    video = render(
        HEIGHT, WIDTH, np.full((6, 2), (60.5, 70.5)), 200.0, "speaking", events, FRAME_RATE, looks, PLAIN,
        np.random.default_rng(0), passer_by=False,
    )  # fmt: skip
    mouth = video[:, 68:73, 58:63].astype(float).mean((1, 2, 3))
    assert mouth[0] < mouth[4] - 15


def test_a_fast_hammer_is_smeared_and_what_stands_still_is_not() -> None:
    """The dark head of the hammer, before a white shirt, is grey where it passes just before the blow."""
    white = (240, 240, 240)
    looks = Looks(white, (20, 20, 20), white, white, white, 1.75, 1.3, 1, True)
    events = (Event(0.1, 0.9, 0.05), Event(13 / FRAME_RATE, 0.9, 0.05))
    video = film("hammering", frames=14, events=events, looks=looks, scale=150.0).astype(int)
    raised, falling = (np.sort(video[k][8:58, 50:100].mean(-1).ravel()) for k in (7, 12))
    assert raised[:40].mean() + 8 < falling[:40].mean()
    assert (raised < 200).sum() < (falling < 200).sum() + 100
    away = np.s_[90:, :]
    assert np.abs(video[7][away] - video[12][away]).max() < 24


def test_a_source_that_moves_takes_hands_and_person_along_and_leaves_the_furniture() -> None:
    frames = 30
    pixels = np.stack([np.linspace(40.5, 110.5, frames), np.full(frames, 60.5)], axis=1)
    energy = moving(film("clapping", frames=frames, pixels=pixels, passer_by=True, events=events_of("clapping", 2.5)))
    assert centroid(energy[-6:])[0] - centroid(energy[:6])[0] > 35

    looks = Looks((90, 60, 40), (20, 20, 20), (30, 30, 220), (30, 30, 30), (230, 230, 30), 1.75, 1.0, 1, False)
    pixels = np.stack([np.linspace(72.5, 88.5, frames), np.full(frames, 60.5)], axis=1)
    video = film("typing", frames=frames, pixels=pixels, looks=looks, events=events_of("typing", 2.5)).astype(int)
    edge = np.s_[:, 64:72, 40:56]
    assert np.abs(video[edge] - video[0][edge[1:]]).max() < 22
    head = np.s_[:, 28:36, 60:100]
    skin = (video[head].sum(-1) < 120).sum(1) * np.arange(60, 100)
    places = skin.sum(1) / np.maximum((video[head].sum(-1) < 120).sum((1, 2)), 1)
    assert places[-1] - places[0] == pytest.approx(16, abs=3)


def test_the_scale_may_differ_from_frame_to_frame() -> None:
    rng, looks = np.random.default_rng(0), RED_HANDS
    scales = np.linspace(40.0, 90.0, 12)
    video = render(
        HEIGHT, WIDTH, np.full((12, 2), 60.5), scales, "clapping", (), FRAME_RATE, looks, PLAIN, rng, passer_by=False
    ).astype(int)
    blue = (video[..., 2] > video[..., 0] + 60).sum((1, 2))
    assert blue[-1] > 2.5 * blue[0]


def test_red_comes_first_row_zero_is_the_top_column_zero_the_left() -> None:
    red = Backdrop("anechoic", 1.0, (1.3, 0.4, 0.2), 3)
    video = film("typing", backdrop=red, frames=2).astype(float)
    assert video[..., 0].mean() > 1.5 * video[..., 2].mean()
    backdrop = draw_backdrop("outdoor", "outdoor", np.random.default_rng(1))
    sky = film("clapping", (130.5, 100.5), backdrop=backdrop, frames=2)
    assert sky[:, :14, :50].mean() > sky[:, -14:, :50].mean()


def test_somebody_passes_by_behind_the_subject() -> None:
    """The passer-by moves where nothing else does, and never covers the subject."""
    alone, visited = (film("speaking", (120.5, 40.5), frames=60, passer_by=p, seed=3) for p in (False, True))
    assert moving(visited).sum() > 3 * moving(alone).sum()
    torso = np.s_[:, 57:70, 116:126]
    assert np.abs(alone[torso].astype(int) - visited[torso]).max() < 24


def test_whether_somebody_passes_is_left_to_chance_but_nobody_walks_in_a_chamber() -> None:
    still = [np.count_nonzero(moving(film("whistling", seed=seed, frames=6, passer_by=None))) for seed in range(16)]
    assert 1 <= sum(count > 4 * min(still) + 60 for count in still) <= 15
    chamber = Backdrop("anechoic", 1.0, (1.0, 1.0, 1.0), 4)
    for seed in range(16):
        video = film("whistling", (30.5, 40.5), seed=seed, frames=6, passer_by=None, backdrop=chamber)
        assert not moving(video)[:, :, 80:].any()


@pytest.mark.parametrize("name", ["cough", "laughter", "cup"])
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_bystander_moves_at_its_pixel_in_time_with_its_events(name: str, seed: int) -> None:
    bystander = heard_beside(name, Event(1.0, 0.9, 0.3), Event(1.4, 0.9, 0.3))
    video = film("speaking", (30.5, 40.5), 40, seed, events=(), bystanders=(bystander,))
    energy = moving(video)[:, :, 80:]
    assert np.hypot(*(centroid(energy) - np.subtract(bystander.pixel, (80, 0)))) < 0.4 * 50
    per_frame = energy.sum((1, 2))
    assert per_frame[9:24].mean() > 3 * np.r_[per_frame[:6], per_frame[30:]].mean()


def shapes_of(bystander: Bystander, time: float, seed: int = 0) -> tuple[list[Shape], list[Shape]]:
    """What of a bystander stands still, and what moves, at a time."""
    standing = Standing(bystander, np.array([time]), PLAIN, np.random.default_rng(seed))
    return standing.still(), standing.shapes(0)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_what_a_bystander_does_is_what_is_heard(seed: int) -> None:
    """Coughing: a fist at the mouth; laughing: an open mouth and no fist; a cup: on a table, with the hand."""
    event, looks = Event(1.0, 1.0, 0.3), draw_looks(np.random.default_rng(seed))
    lips = np.clip((70, 22, 24), 16, 239)
    opened, fists, tables = {}, {}, {}
    for name in ("cough", "laughter", "cup", "chair"):
        still, moving_then = shapes_of(heard_beside(name, event), 1.15, seed)
        mouths = [shape for shape in [*still, *moving_then] if np.array_equal(shape.colour, lips.astype(np.float32))]
        opened[name] = max(shape.high[1] - shape.low[1] for shape in mouths) / 50
        fists[name] = min(
            float(np.hypot(*(np.add(shape.low, shape.high) / 2 - (130.5, 50.5)))) / 50
            for shape in moving_then
            if np.allclose(shape.colour, looks.skin, atol=1) and 0.07 < (shape.high[0] - shape.low[0]) / 50 < 0.1
        )
        tables[name] = any(np.array_equal(shape.colour, np.array((120, 112, 104), np.float32)) for shape in still)
    assert tables == {"cough": False, "laughter": False, "cup": True, "chair": False}
    assert opened["laughter"] > 0.05 > opened["cough"] > 0.03 > 2 * opened["chair"]
    assert opened["cup"] == pytest.approx(opened["chair"])
    assert max(fists["cough"], fists["cup"]) < 0.2
    assert min(fists["laughter"], fists["chair"]) > 0.5


def test_a_bystander_of_a_sound_nobody_makes_stirs_only_while_it_is_heard() -> None:
    bystander = heard_beside("chair", Event(1.0, 0.9, 0.3))
    per_frame = moving(film("speaking", (30.5, 40.5), 40, events=(), bystanders=(bystander,)))[:, :, 80:].sum((1, 2))
    assert per_frame[10:17].sum() > 5 * per_frame[20:].sum()


@pytest.mark.parametrize(("name", "height"), [("cough", 1.4), ("laughter", 1.6), ("cup", 0.8), ("cup", 1.05)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bystanders_are_adults_who_stand_on_the_floor(name: str, height: float, seed: int) -> None:
    """Their soles, and a table's foot, are as far below the mouth or hand as that is above the floor."""
    scale = 100.0
    bystander = Bystander((130.5, 50.5), scale, (), name, height)
    still, _ = shapes_of(bystander, 0.5, seed)
    shoes = [shape for shape in still if np.array_equal(shape.colour, np.array((40, 36, 34), np.float32))]
    assert len(shoes) == 2
    assert max(shape.high[1] for shape in shoes) == pytest.approx(50.5 + height * scale, abs=0.05 * scale)
    if name == "cup":
        assert max(shape.high[1] for shape in still[-2:]) == pytest.approx(50.5 + height * scale, abs=0.05 * scale)


@pytest.mark.parametrize("side", [-1, 1])
def test_whoever_shifts_still_knocks_on_the_door_and_works_on_the_table(side: int) -> None:
    """Nobody shifts by more than 0.2 m from where they are on average."""
    looks = dataclasses.replace(RED_THINGS, side=side)
    shifts = np.linspace(-0.2, 0.2, 9)
    for action, reach, row in (("knocking", 0.02, 0.0), ("stick dropping", 0.17, 0.0), ("hammering", 0.15, 0.06)):
        canvas, frame = Canvas(np.array([80.0, 60.0]), SCALE, PLAIN), np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
        ACTS[action].furniture(canvas, looks)
        paint(frame, canvas.shapes)
        for shift in shifts:
            for end in (-reach, reach):
                column = 80 + (shift + end) * SCALE
                assert frame[round(60 + row * SCALE), round(column)].max() < 240, (action, shift)


def test_the_keyboard_is_below_the_hands_wherever_these_go() -> None:
    looks = dataclasses.replace(RED_THINGS, prop=(30.0, 230.0, 30.0), skin=(230.0, 30.0, 30.0))
    frames = 25
    pixels = np.stack([80.5 + 0.15 * 150 * np.linspace(-1, 1, frames), np.full(frames, 40.5)], axis=1)
    video = film("typing", frames=frames, pixels=pixels, looks=looks, scale=150.0, events=()).astype(int)
    for frame, (column, row) in zip(video, pixels, strict=True):
        along = column + 150 * np.array([-0.2, 0.2])
        strip = frame[round(row) + 8, round(along[0]) : round(along[1])]
        greens = (strip[:, 1] > strip[:, 0]) & (strip[:, 1] > strip[:, 2])
        assert greens.mean() > 0.5


def test_a_bystander_who_is_nearer_hides_one_who_is_farther_away() -> None:
    far = Bystander((120.5, 60.5), 40.0, (), "laughter", 1.5)
    near = Bystander((120.5, 45.5), 80.0, (), "laughter", 1.5)
    alone, both = (
        film("speaking", (-900.0, 50.0), 2, backdrop=PLAIN, bystanders=who) for who in ((near,), (near, far))
    )
    chest = np.s_[:, 60:75, 117:124]
    spread = [
        image[chest].astype(int).max((0, 1, 2)) - image[chest].astype(int).min((0, 1, 2)) for image in (alone, both)
    ]
    assert np.all(spread[1] < spread[0] + 25)


@pytest.mark.parametrize("kind", ["anechoic", "office", "outdoor"])
def test_a_place_looks_the_same_in_all_its_takes_but_for_light_and_view(kind: str) -> None:
    """Some shift of a few pixels lays one take's background over another's, but not over another place's."""

    def edges(name: str, seed: int) -> np.ndarray:
        backdrop = draw_backdrop(kind, name, np.random.default_rng(seed))
        plain = Backdrop(kind, 1.0, (1.0, 1.0, 1.0), backdrop.layout, 1.08, backdrop.shift)
        image = film("typing", (-900.0, 50.0), frames=1, backdrop=plain)[0].astype(float).mean(-1)
        shaped = np.diff(image, axis=1)[:-1] + 1j * np.diff(image, axis=0)[:, :-1]
        return shaped / np.linalg.norm(shaped)

    def likeness(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.fft.ifft2(np.fft.fft2(first) * np.conj(np.fft.fft2(second))).real.max())

    here, again, elsewhere = edges(kind, 0), edges(kind, 1), edges("place-7", 1)
    assert likeness(here, again) > 0.6
    assert likeness(here, elsewhere) < 0.9 * likeness(here, again)
    first, second = (draw_backdrop(kind, kind, np.random.default_rng(seed)) for seed in (0, 1))
    assert first.layout == second.layout
    assert first.light != second.light
    assert first.shift != second.shift


@pytest.mark.parametrize("kind", ["anechoic", "office", "outdoor"])
def test_backdrops_keep_room_for_noise(kind: str) -> None:
    for seed in range(4):
        image = film("typing", backdrop=draw_backdrop(kind, f"place-{seed}", np.random.default_rng(seed)), frames=1)
        assert image.min() >= 1
        assert image.max() <= 254


def test_noise_grows_with_light() -> None:
    """The variance in time of still pixels is larger where they are brighter."""
    video = film("speaking", (-900.0, 50.0), frames=60, backdrop=Backdrop("outdoor", 1.0, (1, 1, 1), 3)).astype(float)
    mean, variance = video.mean(0), video.var(0)
    assert variance[mean > 140].mean() > 1.2 * variance[mean < 60].mean() > 0.2


def test_the_colour_of_the_frame_does_not_tell_the_action() -> None:
    """Mean colours differ far more between subjects and places than between actions."""
    colours = np.empty((len(ACTIONS), 6, 3))
    for i, action in enumerate(ACTIONS):
        for s in range(6):
            rng = np.random.default_rng([7, s])
            kind = ("anechoic", "office", "outdoor")[s % 3]
            backdrop, looks = draw_backdrop(kind, kind, rng), draw_looks(rng)
            colours[i, s] = film(action, frames=1, backdrop=backdrop, looks=looks)[0].mean((0, 1))
    between_actions = colours.mean(1).std(0)
    between_subjects = colours.mean(0).std(0)
    assert np.all(between_subjects > 3 * between_actions)


@pytest.mark.parametrize("place", [(-500.0, 50.0), (120.0, 900.0), (0.0, 0.0), (160.0, 120.0)])
def test_places_outside_the_frame_are_drawn_without_harm(place: tuple[float, float]) -> None:
    bystander = Bystander((-900.0, 50.0), 40.0, (Event(0.0, 0.5, 0.1),), "cough", 1.5)
    for action in ACTIONS:
        video = film(action, place, frames=2, passer_by=True, bystanders=(bystander,))
        assert video.shape == (2, HEIGHT, WIDTH, 3)


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
        render(60, 80, pixels, [40.0, 0.0], "typing", (), 12.0, looks, PLAIN, rng)
    with pytest.raises(AcoustillError, match=r"scale.*2 of them"):
        render(60, 80, pixels, [40.0, 40.0, 40.0], "typing", (), 12.0, looks, PLAIN, rng)
    with pytest.raises(AcoustillError, match="bystander"):
        Bystander((float("nan"), 0.0), 40.0, (), "cough", 1.5)
    with pytest.raises(AcoustillError, match=r"'cellar' is unknown.*outdoor"):
        draw_backdrop("cellar", "cellar", rng)

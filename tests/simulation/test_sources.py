"""The synthetic actions: takes, subjects, levels, events, and what makes them alike and different."""

from __future__ import annotations

import numpy as np
import pytest

from acoustill.archive.importers import avia_names
from acoustill.errors import AcoustillError
from acoustill.simulation import sources
from acoustill.simulation.actions_crackling import tearing_speed
from acoustill.simulation.performance import Part
from acoustill.simulation.sources import ACTIONS, Performance, Style, draw_style, perform
from acoustill.simulation.synthesis import Body, active_level, force_pulses, noise_bursts, strike

RATE = 12288
SUBJECTS = 8


def style(subject: int) -> Style:
    return draw_style(np.random.default_rng(subject))


def spectrum(signal: np.ndarray) -> np.ndarray:
    """The long-term spectrum in 32 bands, in decibels re the whole, no lower than -50."""
    power = np.abs(np.fft.rfft(signal[: len(signal) // 1024 * 1024].reshape(-1, 1024))) ** 2
    bands = power.mean(0)[1:].reshape(32, -1).sum(1)
    return 10 * np.log10(np.maximum(bands / bands.sum(), 1e-5))


def played(action: str, subject: int, seconds: float = 4.0) -> Performance:
    return perform(action, style(subject), seconds, RATE, np.random.default_rng([subject, 5]))


def centroid(signal: np.ndarray) -> float:
    """The mean frequency, weighted with amplitude, in hertz."""
    amplitude = np.abs(np.fft.rfft(signal))
    return float(np.sum(amplitude * np.fft.rfftfreq(len(signal), 1 / RATE)) / amplitude.sum())


def test_the_actions_are_those_of_avia_in_its_order() -> None:
    assert ACTIONS == avia_names.ACTIONS
    assert len(ACTIONS) == 14


def test_no_action_depends_on_which_others_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {action: played(action, 0, 1.0).signal for action in ACTIONS}
    players = {"juggling": sources._PLAYERS["clapping"], **dict(reversed(sources._PLAYERS.items()))}
    monkeypatch.setattr(sources, "_PLAYERS", players)
    monkeypatch.setattr(sources, "ACTIONS", tuple(players))
    for action, signal in before.items():
        np.testing.assert_array_equal(played(action, 0, 1.0).signal, signal)
    assert not np.array_equal(played("juggling", 0, 1.0).signal, before["clapping"])


@pytest.mark.parametrize("action", ACTIONS)
def test_the_same_generator_gives_the_same_take_and_another_another(action: str) -> None:
    first, again, other = (perform(action, style(0), 3.0, RATE, np.random.default_rng(k)) for k in (1, 1, 2))
    np.testing.assert_array_equal(first.signal, again.signal)
    assert first.events == again.events
    assert first.events != other.events
    assert not np.allclose(first.signal, other.signal, atol=1e-3)


@pytest.mark.parametrize("action", ACTIONS)
def test_takes_of_a_subject_sound_more_alike_than_those_of_different_subjects(action: str) -> None:
    spectra = np.array(
        [[spectrum(perform(action, style(s), 4.0, RATE, np.random.default_rng([s, k])).signal) for k in range(2)]
         for s in range(SUBJECTS)]
    )  # fmt: skip
    within = np.abs(spectra[:, 0] - spectra[:, 1]).mean()
    between = np.abs(spectra[:, None, 0] - spectra[None, :, 1]).mean(-1)
    between = between[~np.eye(SUBJECTS, dtype=bool)].mean()
    assert between > 1.5 * within
    assert within > 0.05


@pytest.mark.parametrize("action", ACTIONS)
def test_signal_is_float32_pascal_of_a_sensible_level(action: str) -> None:
    for subject in range(SUBJECTS):
        take = perform(action, style(subject), 3.0, RATE, np.random.default_rng(subject))
        assert take.signal.shape == (3 * RATE,)
        assert take.signal.dtype == np.float32
        assert np.isfinite(take.signal).all()
        assert 50 < active_level(take.signal, RATE) < 85
        assert abs(take.signal.mean()) < 0.01 * take.signal.std()


def test_levels_of_the_actions_overlap_between_subjects() -> None:
    levels = {
        action: [
            active_level(perform(action, style(s), 2.0, RATE, np.random.default_rng(s)).signal, RATE) for s in range(12)
        ]
        for action in ACTIONS
    }
    lower, upper = (np.array([np.quantile(v, q) for v in levels.values()]) for q in (0.1, 0.9))
    assert upper.min() > lower.max()


@pytest.mark.parametrize("action", ACTIONS)
def test_every_two_second_window_holds_an_event(action: str) -> None:
    for subject in range(SUBJECTS):
        take = perform(action, style(subject), 10.0, RATE, np.random.default_rng(subject))
        onsets = np.array([event.time for event in take.events])
        assert np.all(np.diff(onsets) > 0)
        assert np.diff(np.concatenate([[0.0], onsets, [10.0]])).max() < 2.0
        assert all(0 < event.strength <= 1 and event.duration > 0 for event in take.events)
        for start in np.arange(0, 8.01, 0.5):
            assert np.any(take.signal[int(start * RATE) : int((start + 2) * RATE)] ** 2 > 0)


@pytest.mark.parametrize("action", ACTIONS)
def test_energy_is_where_the_events_are(action: str) -> None:
    for subject in range(3):
        take = perform(action, style(subject), 8.0, RATE, np.random.default_rng(subject))
        clock = np.arange(len(take.signal)) / RATE
        inside = np.zeros(len(clock), bool)
        for event in take.events:
            inside |= (clock > event.time - 0.01) & (clock < event.time + event.duration + 0.05)
        assert np.sum(take.signal[inside] ** 2) > 0.93 * np.sum(take.signal**2)
    assert inside.mean() < 0.98


@pytest.mark.parametrize(
    "action",
    [
        "clapping",
        "snapping fingers",
        "playing kendama",
        "clicking",
        "typing",
        "knocking",
        "hammering",
        "peanut breaking",
        "stick dropping",
    ],
)
def test_blows_start_at_their_event(action: str) -> None:
    take = perform(action, style(1), 8.0, RATE, np.random.default_rng(4))
    power = take.signal.astype(np.float64) ** 2
    last = -1.0
    for event in take.events[:-1]:
        ringing, last = event.time - last < 0.1, event.time
        if ringing:
            continue
        at = round(event.time * RATE)
        before, after = power[max(at - 250, 0) : at - 40], power[at - 20 : at + 190]
        assert after.mean() > 1.2 * before.mean()


@pytest.mark.parametrize("rate", [8000, 12288, 48000])
@pytest.mark.parametrize("action", ACTIONS)
def test_other_rates_and_short_takes(action: str, rate: int) -> None:
    take = perform(action, style(2), 0.5, rate, np.random.default_rng(0))
    assert take.signal.shape == (rate // 2,)
    assert take.events
    assert np.isfinite(take.signal).all()
    assert take.signal.any()


@pytest.mark.parametrize("action", ["paper ripping", "plastic crumpling", "typing", "clapping"])
def test_below_the_lower_nyquist_frequency_actions_sound_alike_at_every_rate(action: str) -> None:
    means = []
    for rate in (12288, 48000):
        found = []
        for subject in range(6):
            signal = perform(action, style(subject), 5.0, rate, np.random.default_rng([subject, 5])).signal
            powers = np.abs(np.fft.rfft(signal)[: 5 * 5500]) ** 2
            found.append(np.sum(powers * np.arange(len(powers))) / 5 / powers.sum())
        means.append(np.mean(found))
    assert means[1] == pytest.approx(means[0], rel=0.15)


def test_a_blow_and_noise_make_a_body_ring_equally_at_every_rate() -> None:
    body = Body(np.array([700.0, 2500.0]), np.array([0.05, 0.03]), np.ones(2))
    blows, hisses = [], []
    for rate in (8000, 12288, 48000):
        rng, nothing, begin = np.random.default_rng(0), np.zeros(0), np.zeros(1)
        blows.append(np.abs(strike(rate, rate, begin + 0.1, begin + 1, 2e-3, body, rng, variety=0.0)).max())
        noise = noise_bursts(4 * rate, rate, begin, begin + 1, 1e6, rng)
        hisses.append(strike(4 * rate, rate, nothing, nothing, 2e-3, body, rng, noise=noise).std())
    assert blows == pytest.approx([blows[1]] * 3, rel=0.05)
    assert hisses == pytest.approx([hisses[1]] * 3, rel=0.15)


@pytest.mark.parametrize("action", ACTIONS)
def test_what_a_subject_owns_takes_as_many_draws_in_every_take(action: str) -> None:
    """Otherwise what is drawn next, such as the subject's level, would differ from take to take."""
    for subject in range(4):
        left = set()
        for take in range(5):  # at 4,000 Hz some of a whistler's takes have room for an octave
            part = Part(6000, 4000, style(subject), np.random.default_rng(take), np.random.default_rng(subject))
            sources._PLAYERS[action][0](part)
            left.add(part.own.bit_generator.state["state"]["state"])
        assert len(left) == 1


def test_force_pulses_keep_their_place_between_samples_and_their_area() -> None:
    times = np.array([0.01003, 0.05])
    force = force_pulses(1024, RATE, times[:1], np.array([2.0]), 1e-3)
    centre = np.sum(force * np.arange(1024)) / force.sum() / RATE
    assert force.sum() == pytest.approx(2.0, rel=1e-3)
    assert centre == pytest.approx(times[0], abs=1e-6)
    shortest = np.abs(np.fft.rfft(force_pulses(1024, RATE, times, np.ones(2), 0.0)))
    assert shortest[-1] < 1e-2 * shortest[0]


@pytest.mark.parametrize("action", ACTIONS)
def test_whatever_a_subject_owns_is_heard_at_the_lowest_rate(action: str) -> None:
    for subject in range(20):
        take = perform(action, style(subject), 0.5, 4000, np.random.default_rng(subject))
        assert np.isfinite(take.signal).all()
        assert 50 < active_level(take.signal, 4000) < 85


def test_whistle_of_the_highest_pitch_stays_below_nyquist() -> None:
    high = Style(1.0, 0.5, 0.0, 1.6, 1.0, 0.5, 1.0, 0.0, 0.0, 3)
    take = perform("whistling", high, 4.0, 4000, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(take.signal)) ** 2
    assert power[int(0.47 * 4000 * 4) :].sum() < 1e-3 * power.sum()


def test_active_level_of_one_pascal_is_that_of_a_calibrator() -> None:
    tone = np.sqrt(2) * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    assert active_level(tone, RATE) == pytest.approx(93.98, abs=0.05)
    assert active_level(np.concatenate([tone, np.zeros(RATE)]), RATE) == pytest.approx(93.98, abs=0.05)
    assert active_level(np.zeros(RATE), RATE) == -np.inf


def test_unknown_action_and_impossible_takes_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(AcoustillError, match=r"'juggling' is unknown.*clapping.*stick dropping"):
        perform("juggling", style(0), 2.0, RATE, rng)
    with pytest.raises(AcoustillError, match="length of a take"):
        perform("typing", style(0), 0.0, RATE, rng)
    with pytest.raises(AcoustillError, match="sample rate"):
        perform("typing", style(0), 2.0, 1000, rng)


CONFUSABLE = [
    ("clicking", "typing"),
    ("clapping", "snapping fingers"),
    ("paper ripping", "plastic crumpling"),
    ("paper ripping", "paper shaking"),
    ("plastic crumpling", "paper shaking"),
    ("plastic crumpling", "peanut breaking"),
    ("knocking", "hammering"),
    ("hammering", "playing kendama"),
]


@pytest.mark.parametrize(("one", "other"), CONFUSABLE)
def test_confusable_actions_overlap_in_spectrum_and_tempo(one: str, other: str) -> None:
    takes = {action: [played(action, subject) for subject in range(16)] for action in (one, other)}
    spectra = {action: np.array([spectrum(take.signal) for take in takes[action]]) for action in takes}
    nearer = []
    for mine, theirs in ((one, other), (other, one)):
        within = np.abs(spectra[mine][:, None] - spectra[mine][None]).mean(-1)
        np.fill_diagonal(within, np.inf)
        between = np.abs(spectra[mine][:, None] - spectra[theirs][None]).mean(-1)
        nearer.extend(between.min(axis=1) < within.min(axis=1))
    assert np.mean(nearer) > 0.15  # whose spectrum is nearest to one of the other action
    rates = {action: [len(take.events) for take in takes[action]] for action in takes}
    lower, upper = (np.array([np.quantile(values, q) for values in rates.values()]) for q in (0.1, 0.9))
    assert upper.min() > lower.max()


def test_snaps_are_higher_than_claps_on_average_but_not_always() -> None:
    claps, snaps = (
        np.array([centroid(played(action, subject, 2.0).signal) for subject in range(16)])
        for action in ("clapping", "snapping fingers")
    )
    assert snaps.mean() > claps.mean()
    assert snaps.min() < claps.max()


def test_a_finger_slides_for_some_milliseconds_before_it_hits() -> None:
    rough = Style(1.0, 0.5, 0.0, 1.0, 1.0, 0.5, 0.5, 1.0, 0.0, 3)
    shares = {}
    for action in ("clapping", "snapping fingers"):
        take = perform(action, rough, 6.0, RATE, np.random.default_rng(2))
        power = take.signal.astype(np.float64) ** 2
        starts = [round(event.time * RATE) for event in take.events[1:-1]]
        before = np.mean([power[at - 60 : at - 20].mean() for at in starts])
        shares[action] = before / np.mean([power[at : at + 60].mean() for at in starts])
    assert 1e-5 < shares["snapping fingers"] < 0.1
    assert shares["clapping"] < 0.1 * shares["snapping fingers"]


def test_a_mouse_button_is_heard_going_down_and_coming_up() -> None:
    ratios = []
    for subject in range(6):
        take = played("clicking", subject, 8.0)
        power = take.signal.astype(np.float64) ** 2
        for event in take.events[:-1]:
            down, up = (round(time * RATE) for time in (event.time, event.time + event.duration - 0.03))
            ratios.append(power[up - 10 : up + 60].max() / power[down - 10 : down + 60].max())
    assert np.median(ratios) > 0.05
    assert np.mean(np.array(ratios) > 0.01) > 0.85


def test_a_dropped_stick_bounces_at_ever_shorter_intervals() -> None:
    take = played("stick dropping", 1, 10.0)
    times, strengths = (np.array([getattr(event, name) for event in take.events]) for name in ("time", "strength"))
    gaps = np.diff(times)
    bouncing = (strengths[1:-1] < strengths[:-2]) & (strengths[2:] < strengths[1:-1])
    assert bouncing.sum() > 4
    assert np.all(gaps[1:][bouncing] < gaps[:-1][bouncing])


def test_a_ball_bounces_in_its_cup_more_often_than_a_knuckle_on_a_door() -> None:
    lasting = {
        action: [event.duration for subject in range(8) for event in played(action, subject).events]
        for action in ("playing kendama", "knocking")
    }
    assert np.ptp(lasting["knocking"]) == 0
    assert np.mean(np.array(lasting["playing kendama"]) > 0.1) > 0.3
    assert np.mean(np.array(lasting["playing kendama"]) < 0.1) > 0.1


def test_tears_speed_up_and_their_tone_rises() -> None:
    rises, speeding = [], []
    for subject in range(24):
        take = played("paper ripping", subject, 8.0)
        halves: list[list[float]] = [[], []]
        for event in take.events[:-1]:
            middle = event.time + event.duration / 2
            for half, start in enumerate((event.time, middle)):
                part = take.signal[round(start * RATE) : round((start + event.duration / 2) * RATE)]
                halves[half].append(np.log(centroid(part)))
        rises.append(np.mean(halves[1]) - np.mean(halves[0]))
        second = Part(RATE, RATE, style(subject), np.random.default_rng(subject), np.random.default_rng(0))
        speed = tearing_speed(second, np.array([0.1]), np.array([0.8]), np.array([0.7]))
        assert not speed[: RATE // 10 - 1].any()
        assert not speed[-RATE // 10 + 2 :].any()
        speeding.append(speed[RATE // 2 :].sum() / speed[: RATE // 2].sum())
    assert np.mean(np.array(rises) > 0.0) > 0.75
    assert np.median(speeding) > 1.2


def test_plastic_has_fewer_and_more_unequal_clicks_than_torn_paper() -> None:
    def peakedness(action: str) -> float:
        return float(np.median([np.max(np.abs(s)) / s.std() for s in (played(action, k).signal for k in range(16))]))

    assert peakedness("plastic crumpling") > 1.2 * peakedness("paper ripping")


def test_a_whistle_is_a_tone_with_a_weak_octave_above() -> None:
    plain = Style(1.0, 0.5, 0.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 3)
    take = perform("whistling", plain, 6.0, RATE, np.random.default_rng(0))
    window = np.hanning(1024)
    for event in take.events[1:-1]:
        middle = round((event.time + 0.8 * event.duration) * RATE)
        power = np.abs(np.fft.rfft(window * take.signal[middle - 512 : middle + 512])) ** 2
        tone = int(power.argmax())
        assert 700 < tone * 12 < 2200
        octave = 10 * np.log10(power[2 * tone - 3 : 2 * tone + 4].max() / power[tone])
        assert -42 < octave < -16
        assert power[tone - 12 : tone + 13].sum() > 0.95 * power.sum()

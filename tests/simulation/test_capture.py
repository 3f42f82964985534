from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.fft import next_fast_len
from scipy.signal import csd, welch
from scipy.special import j0

from acoustill.errors import AcoustillError
from acoustill.rig import Camera, Rig
from acoustill.simulation.background import background
from acoustill.simulation.capture import (
    MOST_INTERFERENCE,
    SELF_NOISE_PA,
    Capture,
    Mismatch,
    _mismatch,
    active_power,
    capture,
    draw_mismatch,
)
from acoustill.simulation.interference import IN_VIEW, Interference, Interrupting, draw_interferences
from acoustill.simulation.interfering_sounds import INDOORS, OUTDOORS, play
from acoustill.simulation.performance import draw_style
from acoustill.simulation.scenes import SCENARIOS, Scene, draw_scene
from acoustill.simulation.sources import perform

RATE, FRAME = 12288, 1024
AHEAD = np.array([0.2, 0.1, 2.0])


@pytest.fixture(scope="module")
def rig() -> Rig:
    side = np.linspace(-0.2, 0.2, 4)
    x, y = np.meshgrid(side, side)
    positions = np.column_stack([x.ravel(), y.ravel(), np.zeros(16)])
    return Rig("four-by-four", positions, RATE, 12.0, (7,), Camera.with_field_of_view(160, 120, 1.05))


def alike(rig: Rig) -> Mismatch:
    return Mismatch(np.ones(rig.channels), np.zeros(rig.channels))


def standing(frames: int, point: np.ndarray = AHEAD) -> np.ndarray:
    return np.repeat(point[None], frames, axis=0)


def knocks(frames: int, rng: np.random.Generator) -> np.ndarray:
    return perform("knocking", draw_style(rng), frames / 12, RATE, rng).signal


def power(signals: np.ndarray) -> float:
    return float(np.square(signals, dtype=np.float64).mean())


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("scenario", [*SCENARIOS, "place-0-0001"])
def test_noise_is_as_strong_as_the_scene_asks(scenario: str, moving: bool, rig: Rig) -> None:
    """The microphones' own noise apart: its power, known and independent of all else, is taken off."""
    for seed in (3, 4) if moving else (1, 2):
        rng = np.random.default_rng(seed)
        scene, frames = draw_scene(scenario, rng), 48
        way = standing(frames) + moving * np.linspace(0, 0.5, frames)[:, None] * (1, 0, 0)
        captured = capture(rig, scene, knocks(frames, rng), way, rng, draw_mismatch(rig, rng))
        noise = power(captured.noise[rig.working]) - SELF_NOISE_PA**2
        measured = 10 * np.log10(active_power(captured.action[rig.working], FRAME) / noise)
        assert measured == pytest.approx(scene.snr_db, abs=0.1)


def test_the_power_of_an_action_is_that_of_its_loud_frames() -> None:
    signals = np.zeros((2, 4 * FRAME), np.float32)
    signals[:, :FRAME] = 2.0
    signals[:, FRAME : 2 * FRAME] = 1.0
    signals[:, 2 * FRAME : 3 * FRAME] = 0.19  # 20.4 dB below the loudest
    assert active_power(signals, FRAME) == pytest.approx(2.5)


def test_microphones_have_white_noise_of_25_db_and_broken_ones_none(rig: Rig, rng: np.random.Generator) -> None:
    scene, frames = draw_scene("office", rng), 96
    faint = 1e-6 * knocks(frames, rng)
    captured = capture(rig, scene, faint, standing(frames), rng, draw_mismatch(rig, rng))
    signals = captured.signals
    assert signals.dtype == np.float32
    assert not signals[7].any()
    levels_db = 10 * np.log10(np.square(signals[rig.working]).mean(axis=1) / 20e-6**2)
    assert levels_db == pytest.approx(np.full(15, 25.1), abs=0.1)
    _, powers = welch(signals[rig.working], RATE, nperseg=256)
    assert np.ptp(10 * np.log10(powers.mean(axis=0)[2:-2])) < 0.5
    assert np.abs(np.corrcoef(signals[rig.working])[~np.eye(15, dtype=bool)]).max() < 0.03


def coherence(noise: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances, frequencies and the real coherences averaged over all pairs at each distance."""
    spectra = np.fft.rfft(noise[:, : noise.shape[1] // 512 * 512].reshape(len(noise), -1, 512) * np.hanning(512))
    cross = np.einsum("iwf,jwf->ijf", spectra, spectra.conj()).real
    ratio = cross / np.sqrt(np.einsum("iif,jjf->ijf", cross, cross))
    distances = np.linalg.norm(positions[:, None] - positions, axis=-1).round(4)
    kinds = np.unique(distances[distances > 0])
    means = np.array([ratio[distances == kind].mean(axis=0) for kind in kinds])
    return kinds, np.fft.rfftfreq(512, 1 / RATE), means


def error_of_diffuse(noise: np.ndarray, rig: Rig, highest_hz: float) -> np.ndarray:
    """How far coherences are from sin(x) / x, for each distance and frequency."""
    distances, frequencies, measured = coherence(noise, rig.positions_m)
    theory = np.sinc(2 * frequencies * distances[:, None] / 343)
    return np.abs(measured - theory)[:, (frequencies > 60) & (frequencies < highest_hz)]


def test_ventilation_and_traffic_are_diffuse(rig: Rig, rng: np.random.Generator) -> None:
    """Within 0.1 of theory at every distance and frequency, sin(x) / x in the office and J0(x) outdoors."""
    office = dataclasses.replace(draw_scene("office", rng), noises={"ventilation": 1.0})
    assert error_of_diffuse(background(rig, office, 20 * RATE, rng), rig, 5000).max() < 0.1
    outdoor = dataclasses.replace(draw_scene("outdoor", rng), noises={"traffic": 1.0})
    across = rig.positions_m[np.abs(rig.positions_m[:, 1] - 0.2) < 1e-6]
    line = dataclasses.replace(rig, positions_m=across, broken=())
    distances, frequencies, measured = coherence(background(line, outdoor, 40 * RATE, rng), across)
    heard = (frequencies > 60) & (frequencies < 5000)
    theory = j0(2 * np.pi * frequencies * distances[:, None] / 343)
    assert np.abs(measured - theory)[:, heard].max() < 0.1


def test_all_noise_of_an_office_is_nearly_diffuse(rig: Rig) -> None:
    """With talkers, a fan and keyboards at points of the room, the mean over frequencies is within 0.1."""
    rng = np.random.default_rng(1)
    usual = {"ventilation": 0.6, "babble": 0.9, "fan": 0.2, "keyboards": 0.1}
    office = dataclasses.replace(draw_scene("office", rng), noises=usual)
    assert error_of_diffuse(background(rig, office, 20 * RATE, rng), rig, 5000).mean(axis=1).max() < 0.1


def test_what_is_captured_without_events_is_diffuse(rig: Rig) -> None:
    rng = np.random.default_rng(0)
    office = dataclasses.replace(draw_scene("anechoic", rng), place=draw_scene("office", rng).place, snr_db=0.0)
    captured = capture(rig, office, knocks(240, rng), standing(240), rng, draw_mismatch(rig, rng))
    assert captured.interferences == ()
    assert error_of_diffuse(captured.noise, rig, 4000).max() < 0.1


def transfer(signal: np.ndarray, heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    frequencies, cross = csd(signal, heard, RATE, nperseg=2048)
    _, own = welch(signal, RATE, nperseg=2048)
    inside = (frequencies > 300) & (frequencies < 4500)
    return frequencies[inside], (cross / own)[..., inside]


def anechoic(rig: Rig, signal: np.ndarray, point: np.ndarray, mismatch: Mismatch) -> Capture:
    rng = np.random.default_rng(5)
    scene = draw_scene("anechoic", rng)
    return capture(rig, scene, signal, standing(len(signal) // FRAME, point), rng, mismatch)


def test_sound_falls_with_distance_and_arrives_in_time(rig: Rig, rng: np.random.Generator) -> None:
    signal = rng.standard_normal(48 * FRAME).astype(np.float32)
    for point in (AHEAD, np.array([-0.4, 0.2, 1.4])):
        heard = anechoic(rig, signal, point, alike(rig)).action
        distances = np.linalg.norm(rig.positions_m - point, axis=1)
        late = distances[:, None] / 343
        frequencies, response = transfer(signal, heard)
        response *= np.exp(2j * np.pi * frequencies * late)
        assert np.abs(response).mean(axis=1) * distances == pytest.approx(np.ones(16), rel=0.02)
        slopes = np.polyfit(2 * np.pi * frequencies, np.unwrap(np.angle(response)).T, 1)[0]
        assert np.abs(slopes * RATE).max() < 0.1


def test_mismatch_is_found_in_what_is_captured(rig: Rig, rng: np.random.Generator) -> None:
    mismatch = draw_mismatch(rig, rng)
    signal = rng.standard_normal(48 * FRAME).astype(np.float32)
    plain, shifted = (anechoic(rig, signal, AHEAD, one) for one in (alike(rig), mismatch))
    pairs = [(plain.action, shifted.action), (plain.noise, shifted.noise)]
    for (before, after), gain_db, delay_s in zip(
        pairs, (0.05, 0.1), (2e-7, 2e-6), strict=True
    ):  # own noise blurs noise
        frequencies, response = transfer(before, after)
        gains_db = 20 * np.log10(np.abs(response).mean(axis=1))
        turns = 2 * np.pi * frequencies
        delays_s = -(np.angle(response) @ turns) / np.square(turns).sum()
        assert gains_db == pytest.approx(20 * np.log10(mismatch.gains), abs=gain_db)
        assert delays_s == pytest.approx(mismatch.delays_s, abs=delay_s)


def test_microphones_of_a_rig_differ_as_documented(rng: np.random.Generator) -> None:
    many = Rig("line", np.column_stack([np.arange(2000) * 0.01, np.zeros((2000, 2))]), RATE, 12.0)
    mismatch = draw_mismatch(many, rng)
    assert np.std(20 * np.log10(mismatch.gains)) == pytest.approx(0.5, rel=0.1)
    assert np.std(mismatch.delays_s) == pytest.approx(3e-6, rel=0.1)


def drawn(rig: Rig, scenario: str, takes: int, frames: int = 120) -> list[tuple[Scene, tuple[Interrupting, ...]]]:
    scenes = [draw_scene(scenario, np.random.default_rng(seed)) for seed in range(takes)]
    return [
        (scene, draw_interferences(rig, scene, standing(frames), np.random.default_rng(1000 + seed)))
        for seed, scene in enumerate(scenes)
    ]


def test_nothing_interferes_in_the_anechoic_chamber(rig: Rig) -> None:
    assert all(events == () for _, events in drawn(rig, "anechoic", 20))


@pytest.mark.parametrize("scenario", ["office", "outdoor"])
def test_interferences_are_drawn_as_documented(scenario: str, rig: Rig) -> None:
    takes = drawn(rig, scenario, 150)
    numbers = np.bincount([len(events) for _, events in takes], minlength=5)
    assert len(numbers) == 5
    assert numbers.min() > 15
    every = [(scene, event) for scene, events in takes for event in events]
    assert {event.interference.name for _, event in every} == set(INDOORS if scenario == "office" else OUTDOORS)
    levels = [event.interference.level_db for _, event in every]
    assert -12 <= min(levels) < -11 < 2 < max(levels) <= 3
    assert np.mean([event.interference.in_view for _, event in every]) == pytest.approx(IN_VIEW, abs=0.09)
    for scene, event in every:
        one, seconds = event.interference, 10.0
        pixel = rig.camera.project(one.point_m)
        inside = bool((pixel >= 0).all() and (pixel < (160, 120)).all())  # NaN behind the camera is not inside
        assert one.in_view == inside
        assert scene.place.holds(scene.place.from_rig(one.point_m))
        if one.in_view:
            assert one.point_m[2] > AHEAD[2]
            assert one.name in ("cough", "laughter", "cup")
        assert one.events
        assert all(e.time >= 0 and e.time + e.duration <= seconds + 1e-9 and 0 < e.strength <= 1 for e in one.events)
        assert event.start + len(event.signal) <= 120 * FRAME


def test_interferences_and_background_do_not_depend_on_the_action(rig: Rig) -> None:
    frames = 60
    captured = []
    for action in ("whistling", "hammering"):
        signal = perform(action, draw_style(np.random.default_rng(0)), 5.0, RATE, np.random.default_rng(0)).signal
        rng = np.random.default_rng(11)
        captured.append(capture(rig, draw_scene("office", rng), signal, standing(frames), rng, alike(rig)))
    first, second = captured
    assert len(first.interferences) > 0
    assert [(one.name, one.events, one.in_view) for one in first.interferences] == [
        (one.name, one.events, one.in_view) for one in second.interferences
    ]
    for one, other in zip(first.interferences, second.interferences, strict=True):
        assert (one.point_m == other.point_m).all()
    noises = [one.noise[0] / np.sqrt(power(one.noise[0])) for one in captured]
    assert np.mean(noises[0] * noises[1]) > 0.5  # the same but for how strong events and background are


def test_interferences_are_at_most_70_percent_of_the_noise(rig: Rig) -> None:
    """At 40 dB of signal to noise events would be far too loud: then they give way."""
    rng = np.random.default_rng(11)
    scene = dataclasses.replace(draw_scene("office", rng), snr_db=40.0)
    signal = knocks(60, np.random.default_rng(0))
    captured = capture(rig, scene, signal, standing(60), rng, alike(rig))
    assert captured.interferences
    during = np.zeros(60, bool)
    for one in captured.interferences:
        for event in one.events:
            during[int(event.time * 12) : int((event.time + event.duration + 0.6) * 12) + 1] = True
    frames = np.square(captured.noise[rig.working]).reshape(15, 60, FRAME).mean(axis=(0, 2)) - SELF_NOISE_PA**2
    wanted = active_power(captured.action[rig.working], FRAME) * 1e-4
    background_alone = np.median(frames[~during])
    assert background_alone == pytest.approx((1 - MOST_INTERFERENCE) * wanted, rel=0.5)


@pytest.mark.parametrize("name", [*INDOORS, *OUTDOORS])
def test_interfering_sounds_neither_start_nor_end_with_a_click(name: str) -> None:
    at_once = RATE // 2000
    for seed in range(15):
        signal, _ = play(name, RATE, np.random.default_rng(seed))
        assert np.abs(signal[:at_once]).max() < 0.05
        assert np.abs(signal[-at_once:]).max() < 0.05


@pytest.mark.parametrize("name", [*INDOORS, *OUTDOORS])
@pytest.mark.parametrize("rate", [8000, 12288, 48000])
def test_interfering_sounds_are_short_and_happen_when_their_events_say(name: str, rate: int) -> None:
    for seed in range(3):
        signal, events = play(name, rate, np.random.default_rng(seed))
        assert np.isfinite(signal).all()
        assert np.abs(signal).max() == pytest.approx(1.0)
        assert 0.1 < len(signal) / rate <= 4.0
        loudest = np.abs(signal).argmax() / rate
        assert any(event.time - 0.02 <= loudest <= event.time + event.duration + 0.05 for event in events)
        again, _ = play(name, rate, np.random.default_rng(seed))
        assert (again == signal).all()


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_levels_on_tape_are_those_stated(snr_db: float, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interference is as loud as drawn where the noise has room for it, else weaker; both are stated."""
    scene = dataclasses.replace(draw_scene("office", np.random.default_rng(0)), snr_db=snr_db)
    signal = knocks(48, np.random.default_rng(0))
    sound, events = play("laughter", RATE, np.random.default_rng(0))
    event = Interrupting(Interference("laughter", AHEAD, events, True, -6.0), scene.spots_m[0], 24 * FRAME, sound)
    captured = []
    for happening in ((), (event,)):
        monkeypatch.setattr("acoustill.simulation.capture.draw_interferences", lambda *_, now=happening: now)
        captured.append(
            capture(rig, scene, signal, standing(48), np.random.default_rng(1), draw_mismatch(rig, seeded(2)))
        )
    without, with_it = (one.noise[rig.working] - own_noise(rig, 48 * FRAME) for one in captured)
    before = slice(0, 24 * FRAME)
    gain = np.sum(without[:, before] * with_it[:, before]) / np.sum(np.square(without[:, before]))
    laughter = with_it - gain * without
    assert power(laughter[:, before]) < 1e-3 * power(laughter)
    stated, action = captured[1], active_power(captured[1].action[rig.working], FRAME)
    level_db = 10 * np.log10(active_power(laughter[:, 24 * FRAME :], FRAME) / action)
    assert stated.interferences[0].level_db == pytest.approx(level_db, abs=0.1)
    assert stated.interferences[0].level_db == -6.0 if snr_db == 0 else level_db < -12
    assert stated.background_snr_db == pytest.approx(10 * np.log10(action / power(gain * without)), abs=0.05)
    assert stated.total_snr_db == pytest.approx(10 * np.log10(action / power(stated.noise[rig.working])), abs=1e-3)
    assert stated.total_snr_db < snr_db < stated.background_snr_db
    assert captured[0].interferences == ()
    assert captured[0].background_snr_db == pytest.approx(snr_db, abs=1e-3)


def seeded(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def own_noise(rig: Rig, samples: int) -> np.ndarray:
    """The microphones' own noise in a capture whose generator had the seed 1."""
    generator = np.random.default_rng(1).spawn(3)[2]
    return (SELF_NOISE_PA * generator.standard_normal((rig.channels, samples), dtype=np.float32))[rig.working]


def test_an_interference_of_which_nothing_is_heard_is_left_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = draw_scene("office", np.random.default_rng(0))
    event = Interrupting(Interference("phone", AHEAD, (), False, 0.0), scene.spots_m[0], 0, np.zeros(FRAME, np.float32))
    monkeypatch.setattr("acoustill.simulation.capture.draw_interferences", lambda *_: (event,))
    captured = capture(rig, scene, knocks(12, seeded(0)), standing(12), seeded(1), alike(rig))
    assert captured.interferences == ()


def test_a_silent_action_is_refused(rig: Rig) -> None:
    silence = np.zeros(12 * FRAME, np.float32)
    with pytest.raises(AcoustillError, match=r"action is silent, expected"):
        capture(rig, draw_scene("office", seeded(0)), silence, standing(12), seeded(0), alike(rig))


def test_mismatch_is_exact_at_every_frequency(rig: Rig) -> None:
    """Against one transform a channel, in float64."""
    many = dataclasses.replace(rig, positions_m=np.random.default_rng(0).normal(size=(19, 3)), broken=())
    mismatch, samples = draw_mismatch(many, seeded(0)), 10 * FRAME
    action, noise = (seeded(seed).standard_normal((19, samples), dtype=np.float32) for seed in (1, 2))
    expected = []
    length = next_fast_len(samples + 256, real=True)
    turns = 2 * np.pi * np.fft.rfftfreq(length, 1 / RATE)
    for signals in (action, noise):
        transfers = mismatch.gains[:, None] * np.exp(-1j * turns * mismatch.delays_s[:, None])
        expected.append(np.fft.irfft(np.fft.rfft(signals.astype(np.float64), n=length) * transfers, n=length))
    _mismatch(mismatch, action, noise, RATE)
    for found, exact in zip((action, noise), expected, strict=True):
        assert np.abs(found - exact[:, :samples]).max() < 1e-5

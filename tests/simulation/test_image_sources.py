from __future__ import annotations

import math

import numpy as np
import pyroomacoustics
import pytest

from acoustill.errors import AcoustillError
from acoustill.simulation.image_sources import HIGH_PASS_HZ, Images, band_limits, image_responses, room_images
from acoustill.simulation.reverberation import absorption_for, reach_m

RATE, SPEED = 12288, 343.0
SIZE = (6.0, 5.0, 3.0)
SOURCE = np.array([3.0, 3.1, 1.4])
ABSORPTION = 0.3
BINS = 4096


def direct_sum(images: Images, microphone: np.ndarray, high_pass_hz: float = 0.0) -> np.ndarray:
    """The spectrum of a response as a plain sum of complex exponentials in float64."""
    distances = np.linalg.norm(images.positions_m - microphone, axis=1)
    gains = (1 - ABSORPTION) ** (images.reflections / 2) / distances
    frequencies = np.fft.rfftfreq(BINS, 1 / RATE)
    parts = [gains @ np.exp(-2j * np.pi * np.outer(distances / SPEED, f)) for f in np.array_split(frequencies, 32)]
    return np.concatenate(parts) * band_limits(BINS, RATE, high_pass_hz)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.fixture(scope="module")
def microphones() -> np.ndarray:
    rng = np.random.default_rng(4)
    return np.column_stack([np.full(4, 0.6), 2.5 + rng.uniform(-0.2, 0.2, 4), 1.5 + rng.uniform(-0.2, 0.2, 4)])


@pytest.fixture(scope="module")
def images(microphones: np.ndarray) -> Images:
    return room_images(SIZE, SOURCE, microphones.mean(axis=0), 60.0)


@pytest.mark.parametrize("high_pass_hz", [0.0, HIGH_PASS_HZ])
def test_responses_are_the_direct_sum(images: Images, microphones: np.ndarray, high_pass_hz: float) -> None:
    responses = image_responses(images, ABSORPTION, microphones, RATE, SPEED, high_pass_hz).astype(np.float64)
    assert responses.shape[1] < BINS
    frequencies = np.fft.rfftfreq(BINS, 1 / RATE)
    for response, microphone in zip(responses, microphones, strict=True):
        found, expected = np.fft.rfft(response, BINS), direct_sum(images, microphone, high_pass_hz)
        for low, high in ((100, 2000), (2000, 4000), (4000, 0.9 * RATE / 2)):
            band = (frequencies >= low) & (frequencies < high)
            assert relative_error(found[band], expected[band]) < 1e-3


def test_the_lattice_is_pyroomacoustics_own(images: Images, microphones: np.ndarray) -> None:
    room = pyroomacoustics.ShoeBox(SIZE, fs=RATE, materials=pyroomacoustics.Material(ABSORPTION), max_order=6)
    room.add_source(SOURCE)
    room.add_microphone_array(microphones.T)
    room.image_source_model()
    (source,) = room.sources
    theirs = np.column_stack([source.images.T, source.orders]).round(4)
    few = images.select(images.reflections <= 6)
    ours = np.column_stack([few.positions_m, few.reflections]).round(4)
    assert len(ours) == len(theirs)
    assert np.abs(ours[np.lexsort(ours.T)] - theirs[np.lexsort(theirs.T)]).max() < 1e-3


def test_responses_are_those_of_pyroomacoustics(microphones: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 50 Hz to half of half the sample rate: above, its fractional delays of 81 taps err by more than 1e-3."""
    monkeypatch.setattr(pyroomacoustics.constants, "get", _constants_without_high_pass(pyroomacoustics.constants.get))
    room = pyroomacoustics.ShoeBox(SIZE, fs=RATE, materials=pyroomacoustics.Material(ABSORPTION), max_order=12)
    room.add_source(SOURCE)
    room.add_microphone_array(microphones.T)
    room.compute_rir()
    images = room_images(SIZE, SOURCE, microphones.mean(axis=0), 100.0)
    responses = image_responses(images.select(images.reflections <= 12), ABSORPTION, microphones, RATE, SPEED)
    frequencies = np.fft.rfftfreq(BINS, 1 / RATE)
    latency = np.exp(2j * np.pi * frequencies / RATE * (pyroomacoustics.constants.get("frac_delay_length") // 2))
    band = (frequencies > 50) & (frequencies < RATE / 4)
    for ours, (theirs,) in zip(responses, room.rir, strict=True):
        found = np.fft.rfft(ours.astype(np.float64), BINS)[band]
        assert relative_error(found, (np.fft.rfft(theirs, BINS) * latency)[band]) < 1e-3


def _constants_without_high_pass(get):
    return lambda name: False if name == "rir_hpf_enable" else get(name)


def test_all_images_within_reach_and_no_others(images: Images, microphones: np.ndarray) -> None:
    centre = microphones.mean(axis=0)
    distances = np.linalg.norm(images.positions_m - centre, axis=1)
    assert distances.max() <= 60.0
    assert images.positions_m[0] == pytest.approx(SOURCE)
    assert len(distances) == pytest.approx(4 / 3 * math.pi * 60.0**3 / math.prod(SIZE), rel=0.02)
    wider = room_images(SIZE, SOURCE, centre, 70.0)
    within = np.linalg.norm(wider.positions_m - centre, axis=1) <= 60.0
    assert within.sum() == len(distances)
    assert len(np.unique(images.positions_m.round(6), axis=0)) == len(distances)


def schroeder_t20(response: np.ndarray) -> float:
    """Three times the time from -5 to -25 dB of the backward integral, from the direct sound on."""
    left = np.square(response[np.abs(response).argmax() :])[::-1].cumsum()[::-1]
    level_db = 10 * np.log10(left / left[0] + 1e-20)
    return 3 * (int(np.argmax(level_db < -25)) - int(np.argmax(level_db < -5))) / RATE


@pytest.mark.parametrize(
    ("size", "rt60"), [((4.5, 3.5, 2.4), 0.15), ((4.5, 3.5, 2.4), 0.3), ((6.0, 5.0, 3.0), 0.4), ((9.0, 7.0, 3.6), 0.6)]
)
def test_rooms_have_the_reverberation_asked_for(size: tuple[float, float, float], rt60: float) -> None:
    """Measured on responses at places of the test's own, far enough apart (ISO 3382-2)."""
    rng = np.random.default_rng(11)
    absorption = absorption_for(size, rt60, RATE, SPEED)
    least = 2 * math.sqrt(math.prod(size) / (SPEED * rt60))
    found = []
    while len(found) < 20:
        source, receiver = rng.uniform(0.5, np.array(size) - 0.5, (2, 3))
        distance = float(np.linalg.norm(source - receiver))
        if distance >= least:
            images = room_images(size, source, receiver, distance + reach_m(rt60, SPEED))
            responses = image_responses(images, absorption, receiver[None], RATE, SPEED, HIGH_PASS_HZ)
            found.append(schroeder_t20(responses[0].astype(np.float64)))
    assert np.mean(found) == pytest.approx(rt60, rel=0.06)


@pytest.mark.parametrize(("rt60", "words"), [(0.02, "at least 0.05 s"), (3.0, "at most 0.9")])
def test_impossible_rooms_are_refused(rt60: float, words: str) -> None:
    with pytest.raises(AcoustillError, match=rf"a room of 6 x 5 x 3 m: reverberation time .*{words}"):
        absorption_for(SIZE, rt60, RATE, SPEED)

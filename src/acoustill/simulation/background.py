"""The noise of a place as every microphone of a rig hears it, of unit power."""

from __future__ import annotations

import functools

import numpy as np

from acoustill.rig.rig import Rig
from acoustill.simulation import noise
from acoustill.simulation.acoustics import Place, impulse_responses, propagate, propagate_moving
from acoustill.simulation.diffuse import diffuse_field
from acoustill.simulation.scenes import Scene, Spot
from acoustill.simulation.spectrograms import centres_hz, gaussian_rows, spectrogram, steady, windblown

_DRY = 0.1  # share of the babble's power that comes straight from two talkers, before their reverberation
_TALKERS_AT, _FAN_AT, _KEYBOARDS_AT = (2, 3), (0,), (1, 2)
_BIRDS_AT = (0, 1, 2)
_ROAD_M, _SPEED_M_S = (12.0, 30.0), (7.0, 14.0)


def background(rig: Rig, scene: Scene, samples: int, rng: np.random.Generator) -> np.ndarray:
    """The noise of a scene without events: diffuse fields, sources at their spots, wind.

    Ventilation and babble come from all directions, traffic from all around the horizon, the wind from the
    capsules themselves, all else from points, by way of the place. Each kind has, over the microphones, the
    share of the power that the scene gives it; fans, keyboards, talkers and birds share theirs as their sources do.

    Shapes:
        Output: (channels, samples) float32, with a mean square of 1 over all channels.
    """
    microphones = scene.place.from_rig(rig.positions_m)
    total = np.zeros((rig.channels, samples), np.float32)
    for hear in (_from_everywhere, _from_points, _from_a_vehicle, _from_wind):  # one by one: they are large
        share, field = hear(rig, scene, microphones, samples, rng)
        if field is not None and (power := mean_power(field)) > 0:  # birds may be silent for a second
            field *= np.float32((share / power) ** 0.5)
            total += field
    total *= np.float32(mean_power(total) ** -0.5)
    return total


def mean_power(signals: np.ndarray) -> float:
    """Mean square over all channels and samples."""
    return float(np.mean([np.square(signal, dtype=np.float64).mean() for signal in signals]))


Field = tuple[float, np.ndarray | None]


def _from_everywhere(rig: Rig, scene: Scene, microphones: np.ndarray, samples: int, rng: np.random.Generator) -> Field:
    """Diffuse noise: of ventilation and babble together, or of traffic."""
    rate, shares = rig.sample_rate, scene.noises
    frequencies = centres_hz(rate)
    if "traffic" in shares:
        flow = noise.wandering_gain(samples, rate, 0.4, 3.0, rng)
        powers = steady(noise.traffic(frequencies, scene.corner_hz), samples, rate, flow)
        rows = gaussian_rows(powers, rig.channels, samples, rate, rng)
        return shares["traffic"], diffuse_field(rows, microphones, rate, rig.speed_of_sound, kind="horizontal")
    powers = shares["ventilation"] * steady(noise.ventilation(frequencies, scene.corner_hz), samples, rate)
    total = shares["ventilation"]
    if "babble" in shares:
        powers = powers + (1 - _DRY) * shares["babble"] * spectrogram(noise.babble(samples, rate, rng), rate)
        total += (1 - _DRY) * shares["babble"]
    rows = gaussian_rows(powers, rig.channels, samples, rate, rng)
    return total, diffuse_field(rows, microphones, rate, rig.speed_of_sound)


def _from_points(rig: Rig, scene: Scene, microphones: np.ndarray, samples: int, rng: np.random.Generator) -> Field:
    rate, shares = rig.sample_rate, scene.noises
    sources: list[tuple[float, int, np.ndarray]] = []
    if "babble" in shares:
        voices = noise.talkers(len(_TALKERS_AT), samples, rate, rng)
        sources += [(_DRY * shares["babble"] / 2, spot, voice) for spot, voice in zip(_TALKERS_AT, voices, strict=True)]
    if "fan" in shares:
        sources += [(shares["fan"], spot, noise.fan(samples, rate, rng)) for spot in _FAN_AT]
    if "keyboards" in shares:
        sources += [(shares["keyboards"] / 2, spot, noise.keyboards(samples, rate, rng)) for spot in _KEYBOARDS_AT]
    if "birds" in shares:
        sources += [(shares["birds"] / 3, spot, noise.birds(samples, rate, rng)) for spot in _BIRDS_AT]
    if not sources:
        return 0.0, None
    heard = [
        (weight**0.5 * signal * _distance_m(scene.place, spot), responses_from(scene, spot, microphones, rig))
        for weight, number, signal in sources
        for spot in [scene.spots_m[number]]
    ]
    return sum(weight for weight, _, _ in sources), propagate(heard, samples)


def _distance_m(place: Place, spot: Spot) -> float:
    """How far a spot is, outdoors, where a far source would be lost behind a near one; 1 in a room."""
    return 1.0 if place.kind == "room" else float(np.linalg.norm(np.subtract(spot, place.rig_position_m)))


def responses_from(scene: Scene, spot: Spot, microphones: np.ndarray, rig: Rig) -> np.ndarray:
    """Impulse responses from one of the spots of a place, (channels, taps); they are the same in all its takes."""
    return _responses(scene.place, spot, microphones.tobytes(), rig.sample_rate, rig.speed_of_sound)


@functools.lru_cache(maxsize=8)
def _responses(place: Place, spot: Spot, microphones: bytes, sample_rate: int, speed_of_sound: float) -> np.ndarray:
    return impulse_responses(
        place, np.frombuffer(microphones).reshape(-1, 3), np.array(spot), sample_rate, speed_of_sound
    )


def _from_a_vehicle(rig: Rig, scene: Scene, microphones: np.ndarray, samples: int, rng: np.random.Generator) -> Field:
    """A vehicle on a straight road behind the rig, at an even speed."""
    if "vehicle" not in scene.noises:
        return 0.0, None
    step = rig.samples_per_frame
    time_s = (np.arange(samples // step) + 0.5) / rig.frame_rate
    passes_s = rng.uniform(0, samples / rig.sample_rate)
    aside = rng.choice([-1, 1]) * rng.uniform(*_SPEED_M_S) * (time_s - passes_s)
    behind = np.full_like(time_s, -rng.uniform(*_ROAD_M))
    road = np.stack([behind, aside, np.full_like(time_s, 0.5)], axis=1)
    signal = noise.vehicle(samples, rig.sample_rate, rng)
    heard = propagate_moving(scene.place, microphones, road, signal, step, rig.sample_rate, rig.speed_of_sound)
    return scene.noises["vehicle"], heard


def _from_wind(rig: Rig, scene: Scene, _: np.ndarray, samples: int, rng: np.random.Generator) -> Field:
    if "wind" not in scene.noises:
        return 0.0, None
    gusts = noise.wandering_gain(samples, rig.sample_rate, 0.7, 5.0, rng)
    speed_m_s = 2 * 3 ** rng.uniform()
    powers = steady(noise.wind(centres_hz(rig.sample_rate)), samples, rig.sample_rate, gusts)
    return scene.noises["wind"], windblown(powers, rig.positions_m, speed_m_s, samples, rig.sample_rate, rng)

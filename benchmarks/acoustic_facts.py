"""Measurements on simulated sound: reverberation, coherence, direct sound, arrival, levels, microphones."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from scipy.signal import butter, csd, sosfilt, welch
from scipy.special import j0

from acoustill.rig import Rig
from acoustill.simulation.acoustics import Place, impulse_responses, propagate
from acoustill.simulation.background import mean_power
from acoustill.simulation.capture import active_power, capture, draw_mismatch
from acoustill.simulation.diffuse import diffuse_field
from acoustill.simulation.recording import Staged
from acoustill.simulation.scenes import draw_scene
from acoustill.simulation.synthesis import REFERENCE_PRESSURE

DIRECT_S = 2.5e-3
DECAYS_DB = {"t20": (-5.0, -25.0), "t30": (-5.0, -35.0), "edt": (-0.1, -10.0)}
OCTAVES_HZ = (125, 250, 500, 1000, 2000, 4000)
BAND_HZ = (200.0, 5000.0)
WINDOW = 1024
DISTANCES_M = (0.0, 0.1, 0.2, 0.3, 0.45, 0.65)  # the last is the diagonal of the rig
PAIRS = 12  # of microphones in each class of distances
DIFFUSE_S = 120.0


def decay_db(response: np.ndarray) -> np.ndarray:
    """Energy that is still to come, in decibels of all (Schroeder 1965).

    Shapes:
        response: (taps,).
        Output: (taps,).
    """
    remaining = np.cumsum(np.square(response.astype(np.float64))[::-1])[::-1]
    return 10 * np.log10(np.maximum(remaining / remaining[0], 1e-12))


def decay_time_s(response: np.ndarray, sample_rate: int, between_db: tuple[float, float] = DECAYS_DB["t20"]) -> float:
    """Reverberation time from a part of the decay (ISO 3382-2), seconds for 60 dB.

    Walls are calibrated by `acoustill.simulation.reverberation.decay_time`; this is not it, so that it can check it.

    Shapes:
        response: (taps,).
    """
    decay = decay_db(response)
    first, last = (int(np.argmax(decay <= level)) for level in between_db)
    slope = np.polyfit(np.arange(first, last + 1) / sample_rate, decay[first : last + 1], 1)[0]
    return float(-60 / slope)


def reverberation(responses: np.ndarray, sample_rate: int) -> dict[str, Any]:
    """T20, T30 and EDT of the whole band, and T20 of OCTAVES_HZ, means over responses, in seconds.

    Shapes:
        responses: (M, taps).
    """
    found: dict[str, Any] = {
        name: float(np.mean([decay_time_s(response, sample_rate, between) for response in responses]))
        for name, between in DECAYS_DB.items()
    }
    found["octaves"] = []
    for centre in OCTAVES_HZ:
        edges = (centre / math.sqrt(2), centre * math.sqrt(2))
        filtered = sosfilt(butter(4, edges, "bandpass", fs=sample_rate, output="sos"), responses)
        found["octaves"].append(float(np.mean([decay_time_s(response, sample_rate) for response in filtered])))
    return found


def direct_to_reverberant_db(response: np.ndarray, distance_m: float, rig: Rig) -> float:
    """Energy up to 2.5 ms after the arrival of the direct sound over that of all later sound.

    Shapes:
        response: (taps,).
    """
    end = round((distance_m / rig.speed_of_sound + DIRECT_S) * rig.sample_rate)
    energy = np.square(response.astype(np.float64))
    return float(10 * np.log10(energy[:end].sum() / energy[end:].sum()))


def responses_of(place: Place, rig: Rig, point_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Impulse responses (M, taps) from a point of the rig frame to the working microphones, and distances (M,)."""
    microphones = rig.positions_m[rig.working]
    responses = impulse_responses(
        place, place.from_rig(microphones), place.from_rig(point_m), rig.sample_rate, rig.speed_of_sound
    )
    return responses, np.linalg.norm(microphones - point_m, axis=1)


def transfer(responses: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (F,) within BAND_HZ and the spectra (M, F) there."""
    length = 1 << (responses.shape[1] - 1).bit_length()
    frequencies = np.fft.rfftfreq(length, 1 / sample_rate)
    inside = (frequencies >= BAND_HZ[0]) & (frequencies <= BAND_HZ[1])
    return frequencies[inside], np.fft.rfft(responses.astype(np.float64), length)[:, inside]


def free_field_errors(rig: Rig, points_m: np.ndarray) -> tuple[float, float]:
    """Largest errors of a free field: of the level against 1 / distance in decibels, of the arrival in samples.

    The arrival is that of the phase's slope from 200 to 5,000 Hz.

    Shapes:
        points_m: (P, 3), rig frame.
    """
    place = Place("free", rig_position_m=(0.0, 0.0, 1.4))
    levels, arrivals = [], []
    for point in points_m:
        responses, distances = responses_of(place, rig, point)
        frequencies, spectra = transfer(responses, rig.sample_rate)
        turns = 2 * np.pi * frequencies
        gains, delays = gain_and_delay(spectra * np.exp(1j * turns * distances[:, None] / rig.speed_of_sound), turns)
        levels.append(20 * np.log10(gains * distances))
        arrivals.append(delays * rig.sample_rate)
    return float(np.abs(levels).max()), float(np.abs(arrivals).max())


def gain_and_delay(spectra: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean gain and delay in seconds of transfers whose phase is less than half a turn.

    Shapes:
        spectra: (M, F).
        turns: (F,), radians a second.
        Output: (M,) and (M,).
    """
    phases = np.angle(spectra)
    return np.sqrt(np.square(np.abs(spectra)).mean(axis=1)), -phases @ turns / np.square(turns).sum()


def microphone_errors(rig: Rig, rig_seed: tuple[int, ...]) -> dict[str, float]:
    """Spread of gain and delay over the working channels, and their noise of their own, from what they capture."""
    rng = np.random.default_rng(0)
    scene = draw_scene("anechoic", rng)
    mismatch = draw_mismatch(rig, np.random.default_rng(rig_seed))
    frames, point = 24, np.array([0.0, 0.0, 2.0])
    points = np.repeat(point[None], frames, axis=0)
    noise = rng.standard_normal(frames * rig.samples_per_frame).astype(np.float32)
    heard = capture(rig, scene, noise, points, rng, mismatch).action[rig.working]
    expected = propagate([(noise, responses_of(scene.place, rig, point)[0])], len(noise))
    frequencies, cross = csd(expected, heard, rig.sample_rate, nperseg=WINDOW)
    _, power = welch(expected, rig.sample_rate, nperseg=WINDOW)
    inside = (frequencies >= BAND_HZ[0]) & (frequencies <= BAND_HZ[1])
    gains, delays = gain_and_delay((cross / power)[:, inside], 2 * np.pi * frequencies[inside])
    silent = capture(rig, scene, np.float32(1e-6) * noise, points, rng, mismatch).noise[rig.working]
    own = np.square(silent).mean(axis=1)
    return {
        "gain_db": float(np.std(20 * np.log10(gains))),
        "delay_us": float(1e6 * np.std(delays)),
        "phase_1khz_deg": float(360e3 * np.std(delays)),
        "self_noise_db": float(10 * np.log10(own.mean() / REFERENCE_PRESSURE**2)),
    }


def level_db(signal: np.ndarray, samples_per_frame: int) -> float:
    """Level of a sound in its active frames, dB re 20 micropascal.

    Shapes:
        signal: (samples,).
    """
    return float(10 * np.log10(active_power(signal[None], samples_per_frame) / REFERENCE_PRESSURE**2))


def noise_level_db(staged: Staged, rig: Rig) -> float:
    """Level of all but the action, mean over the take and the working microphones, dB re 20 micropascal."""
    return float(10 * np.log10(mean_power(staged.captured.noise[rig.working]) / REFERENCE_PRESSURE**2))


@dataclass(frozen=True)
class Coherence:
    """Coherence of pairs of microphones whose distances are alike.

    Attributes:
        nearest_m: lower end of the class of distances.
        farthest_m: upper end.
        frequencies_hz: (F,).
        measured: (pairs, F), real part.
        expected: (pairs, F).
    """

    nearest_m: float
    farthest_m: float
    frequencies_hz: np.ndarray
    measured: np.ndarray
    expected: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """By how much the mean over the pairs is off, (F,)."""
        return (self.measured - self.expected).mean(axis=0)


def coherences(
    signals: np.ndarray, positions_m: np.ndarray, rig: Rig, kind: Literal["spherical", "horizontal"] = "spherical"
) -> list[Coherence]:
    """Real part of the coherence against sin(x) / x of a diffuse field, by distance.

    Args:
        signals: of the microphones.
        positions_m: of the microphones, in axes whose last one points up.
        rig: that heard them.
        kind: `spherical`, or `horizontal`: against J0(x), with the distance in the horizontal plane.

    Shapes:
        signals: (M, samples).
        positions_m: (M, 3).
    """
    distances = np.linalg.norm(positions_m[:, None] - positions_m, axis=-1)
    rng = np.random.default_rng(0)
    frequencies, powers = welch(signals, rig.sample_rate, nperseg=WINDOW)
    used = (frequencies > 0) & (frequencies <= BAND_HZ[1])
    found = []
    for low, high in itertools.pairwise(DISTANCES_M):
        pairs = np.argwhere(np.triu((distances >= low) & (distances < high), 1))
        if not len(pairs):
            continue
        a, b = rng.permutation(pairs)[:PAIRS].T
        _, cross = csd(signals[a], signals[b], rig.sample_rate, nperseg=WINDOW)
        measured = (cross.real / np.sqrt(powers[a] * powers[b]))[:, used]
        turns = 2 * np.pi * frequencies[used] / rig.speed_of_sound
        if kind == "horizontal":
            expected = j0(turns * np.linalg.norm(positions_m[a, :2] - positions_m[b, :2], axis=1)[:, None])
        else:
            expected = np.sinc(turns / np.pi * distances[a, b, None])
        found.append(Coherence(low, high, frequencies[used], measured, expected))
    return found


def diffuse_coherences(rig: Rig) -> list[Coherence]:
    """Of a diffuse field as the simulation makes it, from white noise of 120 s at 32 microphones."""
    working = some_working(rig)
    positions = rig.positions_m[working]
    samples = round(DIFFUSE_S * rig.sample_rate)
    signals = torch.randn(len(working), samples, generator=torch.Generator().manual_seed(0)).numpy()
    return coherences(diffuse_field(signals, positions, rig.sample_rate, rig.speed_of_sound), positions, rig)


def noise_coherences(staged: Staged, rig: Rig) -> list[Coherence]:
    """Of all that a take records but its action, at 32 microphones: in rooms against sin(x) / x, outdoors J0(x)."""
    working = some_working(rig)
    place = staged.scene.place
    kind: Literal["spherical", "horizontal"] = "horizontal" if place.kind == "ground" else "spherical"
    return coherences(staged.captured.noise[working], place.from_rig(rig.positions_m[working]), rig, kind)


def some_working(rig: Rig) -> np.ndarray:
    """32 working microphones, spread over the array."""
    return rig.working[:: max(1, len(rig.working) // 32)][:32]

"""What all channels of a rig record of a take: the action, all else that is heard, and the microphones' own faults."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.fft import next_fast_len

from acoustill.errors import AcoustillError
from acoustill.rig.rig import Rig
from acoustill.simulation.acoustics import impulse_responses, propagate, propagate_moving
from acoustill.simulation.background import background, mean_power, responses_from
from acoustill.simulation.interference import Interference, Interrupting, draw_interferences
from acoustill.simulation.scenes import Scene

SELF_NOISE_PA = 3.6e-4  # 25 dB re 20 micropascal
GAIN_SPREAD_DB = 0.5
DELAY_SPREAD_S = 3e-6
MOST_INTERFERENCE = 0.7  # of the noise's power
_ACTIVE = 0.01  # frames within 20 dB of the loudest
_RING = 256  # samples after the end in which a delay that is not a whole number of samples may ring
_AT_ONCE = 8  # channels; transforms of several are three times as fast as of one by one, and still fit the cache


@dataclass(frozen=True)
class Mismatch:
    """How the microphones of one rig differ from each other.

    Attributes:
        gains: factor on the sound pressure of each channel.
        delays_s: of each channel, in seconds.

    Shapes:
        gains, delays_s: (channels,).
    """

    gains: np.ndarray
    delays_s: np.ndarray


@dataclass(frozen=True)
class Capture:
    """What a rig records.

    Attributes:
        action: what is heard of the action.
        noise: what is heard of all else, and the microphones' own noise.
        broken: channels that record nothing.
        interferences: the events in the noise, at the levels at which they are on tape.
        background_snr_db: power of the action, as in `active_power`, over the mean square of what is neither action,
            interference nor the microphones' own noise. All ratios are of means over the working microphones.
        total_snr_db: the same over the mean square of the whole `noise`.

    Shapes:
        action, noise: (channels, samples) float32, pascal.
    """

    action: np.ndarray
    noise: np.ndarray
    broken: tuple[int, ...]
    interferences: tuple[Interference, ...]
    background_snr_db: float
    total_snr_db: float

    @property
    def signals(self) -> np.ndarray:
        """The recording: (channels, samples) float32, pascal; broken channels are zero."""
        total: np.ndarray = self.action + self.noise
        total[list(self.broken)] = 0.0
        return total


def draw_mismatch(rig: Rig, rng: np.random.Generator) -> Mismatch:
    """Draws a rig's microphones: gains with a standard deviation of 0.5 dB, delays with one of 3 microseconds.

    The figures are our choice, for an array whose channels were matched: 3 microseconds are 1 degree at 1 kHz.
    """
    gains_db = GAIN_SPREAD_DB * rng.standard_normal(rig.channels)
    return Mismatch(10 ** (gains_db / 20), DELAY_SPREAD_S * rng.standard_normal(rig.channels))


def capture(
    rig: Rig,
    scene: Scene,
    signal: np.ndarray,
    trajectory_m: np.ndarray,
    rng: np.random.Generator,
    mismatch: Mismatch,
) -> Capture:
    """Records a take.

    The noise of the place, interferences among it, is `scene.snr_db` weaker than the action: the power of the action
    is its mean square over the frames within 20 dB of its loudest one, that of the noise its mean square
    over the whole take, both over all working microphones. Interferences have at most 70 % of the noise's power, the
    background has the rest: where those drawn ask for more, all are lowered by one factor. They are then weaker than
    drawn, the more so the quieter the place; `Interference.level_db` says how strong each is. One of which nothing is
    heard within the take is left out. The microphones' own noise is not part of this: white, at 25 dB re 20 micropascal
    in each channel, it is added afterwards and counts only in `Capture.total_snr_db`. It arises behind the capsule,
    so the mismatch of gain and delay is applied to the sound and not to it.

    Args:
        rig: what records.
        scene: where, and how noisy.
        signal: of the action, pascal at 1 m.
        trajectory_m: where the action is in the middle of each video frame, in the rig frame.
        rng: what happens beside the action; the same state gives the same interferences and background whatever
            the signal, but for their levels.
        mismatch: of the rig's microphones.

    Shapes:
        signal: (frames * samples_per_frame,).
        trajectory_m: (frames, 3).

    Raises:
        AcoustillError: if nothing is heard of the action, or no walls give the room its reverberation time.
    """
    samples = len(signal)
    for_background, for_events, for_self = rng.spawn(3)
    place = scene.place
    microphones = place.from_rig(rig.positions_m)
    trajectory = place.from_rig(trajectory_m)
    action = propagate_moving(
        place, microphones, trajectory, signal, rig.samples_per_frame, rig.sample_rate, rig.speed_of_sound
    )
    power = active_power(action[rig.working], rig.samples_per_frame)
    if not power > 0:
        raise AcoustillError("simulation: the sound of the action is silent, expected one that noise can be related to")
    events = draw_interferences(rig, scene, trajectory_m, for_events)
    noise = background(rig, scene, samples, for_background)
    heard, interferences = _hear_all(rig, scene, microphones, power, events, samples)
    wanted = power * 10 ** (-scene.snr_db / 10)
    kept, rest = _mix(rig, noise, heard, wanted)
    del heard
    _mismatch(mismatch, action, noise, rig.sample_rate)
    for channel in noise:
        channel += np.float32(SELF_NOISE_PA) * for_self.standard_normal(samples, dtype=np.float32)
    return Capture(
        action,
        noise,
        rig.broken,
        tuple(replace(one, level_db=one.level_db + _decibels(kept)) for one in interferences),
        _decibels(power / rest),
        _decibels(active_power(action[rig.working], rig.samples_per_frame) / mean_power(noise[rig.working])),
    )


def active_power(signals: np.ndarray, samples_per_frame: int) -> float:
    """Mean square over the frames that are within 20 dB of the loudest one, (M, samples)."""
    frames = signals.shape[1] // samples_per_frame
    whole = signals[:, : frames * samples_per_frame].reshape(len(signals), frames, samples_per_frame)
    powers = np.mean([np.square(one, dtype=np.float64).mean(axis=1) for one in whole], axis=0)
    return float(powers[powers >= _ACTIVE * powers.max()].mean())


def _decibels(ratio: float) -> float:
    return 10 * math.log10(ratio)


def _hear_all(
    rig: Rig, scene: Scene, microphones: np.ndarray, power: float, events: tuple[Interrupting, ...], samples: int
) -> tuple[np.ndarray | None, list[Interference]]:
    """All interferences at the levels drawn, (channels, samples), and those of which something is heard."""
    if not events:
        return None, []
    total = np.zeros((rig.channels, samples), np.float32)
    audible = []
    for event in events:
        if event.spot_m is not None:
            responses = responses_from(scene, event.spot_m, microphones, rig)
        else:
            point = scene.place.from_rig(event.interference.point_m)
            responses = impulse_responses(scene.place, microphones, point, rig.sample_rate, rig.speed_of_sound)
        lasting = min(len(event.signal) + responses.shape[1], total.shape[1] - event.start)
        heard = propagate([(event.signal, responses)], lasting)
        own = active_power(heard[rig.working], min(rig.samples_per_frame, lasting))
        if own > 0:
            gain = math.sqrt(power / own) * 10 ** (event.interference.level_db / 20)
            heard *= np.float32(gain)
            total[:, event.start : event.start + lasting] += heard
            audible.append(event.interference)
    return total, audible


def _mix(rig: Rig, noise: np.ndarray, events: np.ndarray | None, wanted: float) -> tuple[float, float]:
    """Scales the background, in place, and adds interferences, such that their sum has the wanted power.

    Returns:
        The share of their power that the interferences keep, and the power of the background alone.
    """
    alone = mean_power(noise[rig.working])
    if events is None:
        noise *= np.float32(math.sqrt(wanted / alone))
        return 1.0, wanted
    power, kept = mean_power(events[rig.working]), 1.0
    if power > MOST_INTERFERENCE * wanted:
        kept = MOST_INTERFERENCE * wanted / power
        events *= np.float32(math.sqrt(kept))
        power = MOST_INTERFERENCE * wanted
    # The gain g at which the mean of (g noise + events)^2 is the wanted power.
    both = float(np.mean([np.mean(noise[i] * events[i], dtype=np.float64) for i in rig.working]))
    gain = (math.sqrt(both**2 + alone * (wanted - power)) - both) / alone
    noise *= np.float32(gain)
    noise += events
    return kept, gain**2 * alone


def _mismatch(mismatch: Mismatch, action: np.ndarray, noise: np.ndarray, sample_rate: int) -> None:
    """Gives each channel of both, in place, its gain and delay, exactly at every frequency."""
    samples = action.shape[1]
    length = next_fast_len(samples + _RING, real=True)
    turns = 2 * np.pi * sample_rate / length * torch.arange(length // 2 + 1, dtype=torch.float64)
    for first in range(0, len(action), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        gains = torch.from_numpy(mismatch.gains[some]).float()[:, None]
        ramps = (-torch.from_numpy(mismatch.delays_s[some])[:, None] * turns).float()
        transfers = torch.polar(gains.expand_as(ramps), ramps)
        for signals in (action, noise):
            spectra = torch.fft.rfft(torch.from_numpy(signals[some]), n=length).mul_(transfers)
            signals[some] = torch.fft.irfft(spectra, n=length)[:, :samples].numpy()

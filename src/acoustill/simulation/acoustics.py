"""How sound gets from a source to every microphone of a rig in a place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.fft import next_fast_len

from acoustill.rig.rig import SPEED_OF_SOUND


@dataclass(frozen=True)
class Place:
    """A place and the rig in it.

    The place's own axes are X, Y horizontal and Z up, with the origin in a lower corner of the room (for
    `free` and `ground`: on the floor).

    Attributes:
        kind: `free` (no reflections), `ground` (one reflecting floor) or `room` (a rectangular room).
        size_m: of the room along X, Y, Z.
        rt60_s: reverberation time of the room; decides the absorption by Sabine's formula.
        rig_position_m: origin of the rig.
        rig_yaw_rad: where the rig looks, from X towards Y.
        ground_absorption: energy absorption of the floor of a `ground` place.
    """

    kind: Literal["free", "ground", "room"]
    size_m: tuple[float, float, float] = (7.0, 5.0, 3.0)
    rt60_s: float = 0.3
    rig_position_m: tuple[float, float, float] = (0.6, 2.4, 1.4)
    rig_yaw_rad: float = 0.0
    ground_absorption: float = 0.25

    def from_rig(self, points_m: np.ndarray) -> np.ndarray:
        """Points of the rig frame (x right, y down, z forward) in the axes of the place.

        Shapes:
            points_m: (..., 3).
            Output: (..., 3).
        """
        sine, cosine = math.sin(self.rig_yaw_rad), math.cos(self.rig_yaw_rad)
        axes = np.array([[sine, -cosine, 0.0], [0.0, 0.0, -1.0], [cosine, sine, 0.0]])
        return np.asarray(points_m) @ axes + self.rig_position_m

    def holds(self, point_m: np.ndarray, margin_m: float = 0.2) -> bool:
        """Whether a point of the place's axes is at least `margin_m` away from every wall."""
        lowest = point_m[2] >= margin_m
        if self.kind != "room":
            return bool(lowest)
        return bool(lowest and (point_m >= margin_m).all() and (point_m <= np.array(self.size_m) - margin_m).all())


def impulse_responses(
    place: Place,
    microphones_m: np.ndarray,
    source_m: np.ndarray,
    sample_rate: int,
    speed_of_sound: float = SPEED_OF_SOUND,
) -> np.ndarray:
    """Room impulse responses by the image source method (Allen and Berkley 1979), from pyroomacoustics.

    A source's signal is its pressure at 1 m in free field. The latency of the fractional delay filters is
    taken out: sound arrives at distance / speed of sound.

    Args:
        place: walls and floor.
        microphones_m: in the axes of the place.
        source_m: in the axes of the place.
        sample_rate: in hertz.
        speed_of_sound: in metres per second.

    Shapes:
        microphones_m: (M, 3).
        source_m: (3,).
        Output: (M, taps) float32.
    """
    import pyroomacoustics

    if place.kind == "room":
        absorption, _ = pyroomacoustics.inverse_sabine(place.rt60_s, place.size_m, c=speed_of_sound)
        room = pyroomacoustics.ShoeBox(
            place.size_m,
            fs=sample_rate,
            materials=pyroomacoustics.Material(absorption),
            max_order=_image_order(place, speed_of_sound),
        )
    elif place.kind == "ground":
        absorptions = dict.fromkeys(("east", "west", "north", "south", "ceiling"), 1.0)
        materials = pyroomacoustics.make_materials(**absorptions, floor=place.ground_absorption)
        offset = np.array([100.0, 100.0, 0.0])  # far from walls that absorb everything
        microphones_m, source_m = microphones_m + offset, source_m + offset
        room = pyroomacoustics.ShoeBox((200.0, 200.0, 100.0), fs=sample_rate, materials=materials, max_order=1)
    else:
        room = pyroomacoustics.AnechoicRoom(fs=sample_rate)
    room.set_sound_speed(speed_of_sound)
    room.add_source(source_m)
    room.add_microphone_array(microphones_m.T)
    room.compute_rir()
    latency = pyroomacoustics.constants.get("frac_delay_length") // 2
    farthest = np.linalg.norm(microphones_m - source_m, axis=1).max() / speed_of_sound
    tail_s = place.rt60_s if place.kind == "room" else 0.05
    taps = int((farthest + tail_s) * sample_rate) + latency
    responses = np.zeros((len(microphones_m), taps), np.float32)
    for channel, (response,) in enumerate(room.rir):
        kept = response[latency : latency + taps]
        responses[channel, : len(kept)] = kept  # pyroomacoustics leaves out the 1 / (4 pi)
    return responses


def _image_order(place: Place, speed_of_sound: float) -> int:
    """Reflections that fill the reverberation time: half of those a straight ray would meet in it.

    pyroomacoustics' own suggestion gives longer reverberation than asked for at ten times the cost.
    """
    x, y, z = place.size_m
    mean_free_path_m = 4 * x * y * z / (2 * (x * y + y * z + z * x))
    return math.ceil(0.5 * place.rt60_s * speed_of_sound / mean_free_path_m) + 1


def propagate(sources: Sequence[tuple[np.ndarray, np.ndarray]], samples: int) -> np.ndarray:
    """The sum of all sources at every microphone.

    Args:
        sources: pairs of a signal (samples,) and its impulse responses (M, taps).
        samples: how many to give.

    Shapes:
        Output: (M, samples) float32.
    """
    longest = max(responses.shape[1] for _, responses in sources)
    length = next_fast_len(samples + longest - 1, real=True)
    total = None
    for signal, responses in sources:
        spectrum = torch.fft.rfft(torch.from_numpy(np.asarray(signal[:samples], np.float32)), n=length)
        received = torch.fft.rfft(torch.from_numpy(responses), n=length).mul_(spectrum)
        total = received if total is None else total.add_(received)
    assert total is not None
    return torch.fft.irfft(total, n=length)[:, :samples].numpy()


def plane_waves(
    signals: np.ndarray,
    directions: np.ndarray,
    positions_m: np.ndarray,
    sample_rate: int,
    speed_of_sound: float = SPEED_OF_SOUND,
) -> np.ndarray:
    """Plane waves of independent signals from many directions: nearly a diffuse field.

    Shapes:
        signals: (waves, samples).
        directions: (waves, 3), unit vectors towards the sources.
        positions_m: (M, 3), in the same axes.
        Output: (M, samples) float32.
    """
    samples = signals.shape[1]
    length = next_fast_len(samples, real=True)
    spectra = torch.fft.rfft(torch.from_numpy(np.asarray(signals, np.float32)), n=length)
    total = torch.zeros(len(positions_m), spectra.shape[1], dtype=torch.complex64)
    for spectrum, direction in zip(spectra, directions, strict=True):
        advance_s = positions_m @ direction / speed_of_sound
        total.addcmul_(_phase_ramps(advance_s, spectra.shape[1], sample_rate / length), spectrum[None])
    return torch.fft.irfft(total, n=length)[:, :samples].numpy()


def _phase_ramps(advance_s: np.ndarray, bins: int, step_hz: float) -> torch.Tensor:
    """exp(2 pi j k step_hz advance_s) for k < bins, as an outer product of coarse and fine steps."""
    fine = 256
    coarse = -(-bins // fine)
    turns = advance_s[:, None] * step_hz
    low = np.exp(2j * np.pi * turns * np.arange(fine)).astype(np.complex64)
    high = np.exp(2j * np.pi * np.remainder(turns * fine * np.arange(coarse), 1.0)).astype(np.complex64)
    ramps = torch.from_numpy(high)[:, :, None] * torch.from_numpy(low)[:, None, :]
    return ramps.flatten(1)[:, :bins]

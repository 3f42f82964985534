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
from acoustill.simulation.image_sources import HIGH_PASS_HZ, Images, ground_images, image_responses, room_images
from acoustill.simulation.moving import MovingSource
from acoustill.simulation.reverberation import absorption_for, reach_m


@dataclass(frozen=True)
class Place:
    """A place and the rig in it.

    The place's own axes are X, Y horizontal and Z up, with the origin in a lower corner of the room (for
    `free` and `ground`: on the floor).

    Attributes:
        kind: `free` (no reflections), `ground` (one reflecting floor) or `room` (a rectangular room).
        size_m: of the room along X, Y, Z.
        rt60_s: reverberation time of the room (T20 of ISO 3382-2); decides the absorption of its walls.
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

    def to_rig(self, point_m: np.ndarray) -> np.ndarray:
        """A point (3,) of the axes of the place in the rig frame, the inverse of `from_rig`."""
        origin, axes = self.from_rig(np.zeros(3)), self.from_rig(np.eye(3))
        return (axes - origin) @ (np.asarray(point_m) - origin)

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
    """Impulse responses by the image-source method.

    A source's signal is its pressure at 1 m in free field; sound arrives at distance / speed of sound. Rooms are
    as reverberant as asked for (see `reverberation.absorption_for`), and their responses lose what lies below
    30 Hz; in every kind of place, responses fade out between 0.9 and 1 of half the sample rate.

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

    Raises:
        AcoustillError: if no walls give the room its reverberation time.
    """
    images = _images(place, source_m, microphones_m, speed_of_sound)
    absorption = _absorption(place, sample_rate, speed_of_sound)
    return image_responses(images, absorption, microphones_m, sample_rate, speed_of_sound, _high_pass_hz(place))


def _images(place: Place, source_m: np.ndarray, microphones_m: np.ndarray, speed_of_sound: float) -> Images:
    if place.kind == "free":
        return Images(np.asarray(source_m, np.float64)[None], np.array([0]))
    if place.kind == "ground":
        return ground_images(source_m)
    centre = microphones_m.mean(axis=0)
    reach = float(np.linalg.norm(source_m - centre)) + reach_m(place.rt60_s, speed_of_sound)
    return room_images(place.size_m, source_m, centre, reach)


def _absorption(place: Place, sample_rate: int, speed_of_sound: float) -> float:
    if place.kind == "room":
        return absorption_for(place.size_m, place.rt60_s, sample_rate, speed_of_sound)
    return place.ground_absorption


def _high_pass_hz(place: Place) -> float:
    return HIGH_PASS_HZ if place.kind == "room" else 0.0


def propagate(sources: Sequence[tuple[np.ndarray, np.ndarray]], samples: int) -> np.ndarray:
    """The sum of all sources at every microphone.

    Args:
        sources: pairs of a signal (samples,) and its impulse responses (M, taps).
        samples: how many to give.

    Shapes:
        Output: (M, samples) float32.
    """
    longest = max(responses.shape[1] for _, responses in sources)
    length = next_fast_len(4 * longest, real=True)
    spectra = [torch.fft.rfft(torch.from_numpy(responses), n=length) for _, responses in sources]
    signals = [_padded(signal, longest - 1, samples + length) for signal, _ in sources]
    received = torch.empty(len(spectra[0]), samples)
    advance = length - longest + 1
    for start in range(0, samples, advance):  # overlap-save: blocks stay in the processor's cache
        total = torch.zeros_like(spectra[0])
        for signal, spectrum in zip(signals, spectra, strict=True):
            total.addcmul_(spectrum, torch.fft.rfft(signal[start : start + length]))
        end = min(start + advance, samples)
        received[:, start:end] = torch.fft.irfft(total, n=length)[:, longest - 1 : longest - 1 + end - start]
    return received.numpy()


def _padded(signal: np.ndarray, before: int, length: int) -> torch.Tensor:
    """The signal with silence before and after it, (before + length,) float32."""
    padded = torch.zeros(before + length)
    part = torch.from_numpy(np.asarray(signal[: length - before], np.float32))
    padded[before : before + len(part)] = part
    return padded


def propagate_moving(
    place: Place,
    microphones_m: np.ndarray,
    trajectory_m: np.ndarray,
    signal: np.ndarray,
    samples_per_step: int,
    sample_rate: int,
    speed_of_sound: float = SPEED_OF_SOUND,
) -> np.ndarray:
    """What every microphone hears of a source that moves.

    The direct sound and the first reflections (from the floor of a `ground` place, from the six walls of a room)
    follow the source without steps: each microphone hears what was emitted as long ago as sound has travelled, with the
    Doppler shift and 1 / distance. Later reflections are those of the mean place of the source and stand still.

    Args:
        place: walls and floor.
        microphones_m: in the axes of the place.
        trajectory_m: where the source is in the middle of each step, in the axes of the place.
        signal: pressure at 1 m.
        samples_per_step: length of a step, such as a video frame.
        sample_rate: in hertz.
        speed_of_sound: in metres per second.

    Shapes:
        microphones_m: (M, 3).
        trajectory_m: (steps, 3).
        signal: (samples,), at most steps * samples_per_step.
        Output: (M, samples) float32.

    Raises:
        AcoustillError: if no walls give the room its reverberation time.
    """
    mean = trajectory_m.mean(axis=0)
    if np.ptp(trajectory_m, axis=0).max() == 0:
        responses = impulse_responses(place, microphones_m, trajectory_m[0], sample_rate, speed_of_sound)
        return propagate([(signal, responses)], len(signal))
    absorption, high_pass_hz = _absorption(place, sample_rate, speed_of_sound), _high_pass_hz(place)
    images = _images(place, mean, microphones_m, speed_of_sound)
    late = images.select(images.reflections > 1)
    if len(late.reflections):
        responses = image_responses(late, absorption, microphones_m, sample_rate, speed_of_sound, high_pass_hz)
        heard = torch.from_numpy(propagate([(signal, responses)], len(signal)))
    else:
        heard = torch.zeros(len(microphones_m), len(signal))
    source = MovingSource(signal, trajectory_m, samples_per_step, sample_rate, speed_of_sound, high_pass_hz)
    for signs, offsets_m in _first_mirrors(place):
        gain = 1.0 if min(signs) > 0 else math.sqrt(1 - absorption)
        source.hear(microphones_m, np.array(signs), np.array(offsets_m), gain, heard)
    return heard.numpy()


def _first_mirrors(place: Place) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Signs and offsets that put a source into its own place and into those of its first images."""
    found: list[tuple[tuple[float, ...], tuple[float, ...]]] = [((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))]
    if place.kind == "ground":
        found.append(((1.0, 1.0, -1.0), (0.0, 0.0, 0.0)))
    if place.kind == "room":
        for axis, size in enumerate(place.size_m):
            signs = tuple(-1.0 if i == axis else 1.0 for i in range(3))
            found += [(signs, (0.0, 0.0, 0.0)), (signs, tuple(2 * size if i == axis else 0.0 for i in range(3)))]
    return found

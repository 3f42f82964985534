"""Impulse responses by the image-source method (Allen and Berkley 1979).

A wall's reflection is heard as if it came from the source's image behind the wall. A source's signal is its pressure
at 1 m in free field, so an image that was reflected n times and lies at the distance d contributes
(1 - absorption)^(n / 2) / d, after d / c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len

HIGH_PASS_HZ = 30.0
_FINE = 4  # points of the fine grid of time for each sample
_TAPER = 0.9  # share of half the sample rate above which responses fade out
_RING = 48  # samples that the low-pass rings before and after an arrival
_BLOCK = 32768  # images at a time: what is at work stays in the processor's cache


@dataclass(frozen=True)
class Images:
    """A source and its images.

    Attributes:
        positions_m: in the axes of the place, the source itself first.
        reflections: how many walls each image has met.

    Shapes:
        positions_m: (I, 3) float64.
        reflections: (I,) int64.
    """

    positions_m: np.ndarray
    reflections: np.ndarray

    def select(self, chosen: np.ndarray) -> Images:
        """Some of the images, by a mask or by their numbers."""
        return Images(self.positions_m[chosen], self.reflections[chosen])


def ground_images(source_m: np.ndarray) -> Images:
    """The source and its image below the floor at Z = 0."""
    return Images(np.stack([source_m, source_m * (1.0, 1.0, -1.0)]), np.array([0, 1]))


def room_images(
    size_m: tuple[float, float, float], source_m: np.ndarray, centre_m: np.ndarray, reach_m: float
) -> Images:
    """All images of a source in a rectangular room that lie within a distance of a point.

    Args:
        size_m: of the room along its three axes; one corner is the origin.
        source_m: inside the room.
        centre_m: where the microphones are.
        reach_m: images farther than this from the centre are left out.
    """
    planes, counts = [], []
    for size, source, centre in zip(size_m, source_m, centre_m, strict=True):
        most = math.ceil(reach_m / size) + 1
        number = np.arange(-most, most + 1)
        plane = number * size + np.where(number % 2 == 0, source, size - source)
        near = np.abs(plane - centre) <= reach_m
        planes.append(plane[near])
        counts.append(np.abs(number[near]))
    squares = [np.square(plane - centre) for plane, centre in zip(planes, centre_m, strict=True)]
    near = np.add.outer(np.add.outer(squares[0], squares[1]), squares[2]) <= reach_m**2
    x, y, z = np.nonzero(near)
    reflections = counts[0][x] + counts[1][y] + counts[2][z]
    order = np.argsort(reflections, kind="stable")
    positions = np.column_stack([planes[0][x], planes[1][y], planes[2][z]])
    return Images(positions[order], reflections[order])


def image_responses(
    images: Images,
    absorption: float,
    microphones_m: np.ndarray,
    sample_rate: int,
    speed_of_sound: float,
    high_pass_hz: float = 0.0,
) -> np.ndarray:
    """Impulse responses from a source's images to microphones.

    Each arrival is spread over four points of a grid of time four times as fine as the samples (a cubic B-spline,
    which is divided out of the spectrum afterwards: a non-uniform FFT), up to 3e-4 of error below 0.9 of half the
    sample rate; from there to half the sample rate the spectrum fades out.

    Args:
        images: the source and its images.
        absorption: share of the energy that a reflection takes.
        microphones_m: in the axes of the images.
        sample_rate: in hertz.
        speed_of_sound: in metres per second.
        high_pass_hz: where a causal Butterworth filter of second order takes away the lowest frequencies. In a
            room all images add up with equal signs towards 0 Hz, more than in any room with doors and windows.

    Shapes:
        microphones_m: (M, 3).
        Output: (M, taps) float32.
    """
    centre = microphones_m.mean(axis=0)
    farthest = np.linalg.norm(images.positions_m - centre, axis=1).max()
    farthest += np.linalg.norm(microphones_m - centre, axis=1).max()
    taps = math.ceil(farthest / speed_of_sound * sample_rate) + _RING
    if high_pass_hz:
        taps += math.ceil(1.5 * sample_rate / high_pass_hz)  # then its own response has fallen by 58 dB
    length = next_fast_len(taps + _RING, real=True)
    rate = _FINE * sample_rate / speed_of_sound
    positions = torch.from_numpy((images.positions_m - centre).T * rate).float()
    gains = torch.from_numpy((1 - absorption) ** (images.reflections / 2) * rate).float()
    grid = torch.zeros(len(microphones_m), _FINE * length)
    for microphone, row in zip(((microphones_m - centre) * rate).tolist(), grid, strict=True):
        for block, block_gains in zip(positions.split(_BLOCK, dim=1), gains.split(_BLOCK), strict=True):
            _spread(block, block_gains, microphone, row)
    transfer = torch.from_numpy(band_limits(length, sample_rate, high_pass_hz) / _spline(length))
    spectra = torch.fft.rfft(grid)[:, : length // 2 + 1].mul_(transfer.to(torch.complex64))
    return torch.fft.irfft(spectra, n=length)[:, :taps].numpy()


def _spread(positions: torch.Tensor, gains: torch.Tensor, microphone: list[float], row: torch.Tensor) -> None:
    """Adds arrivals to one microphone's grid of time; all lengths are in points of the grid.

    Shapes:
        positions: (3, I).
        gains: (I,).
        row: (points,); points before the first wrap to the end.
    """
    distances = (positions[0] - microphone[0]).square_()
    for axis in (1, 2):
        offsets = positions[axis] - microphone[axis]
        distances.addcmul_(offsets, offsets)
    distances.sqrt_()
    amplitudes = gains / distances
    points = distances.long()
    t = distances.sub_(points)
    last = (t * t).mul_(t).mul_(1 / 6)  # the four cubics of a B-spline at t, 0 <= t < 1; they add up to one
    first = ((1 - t) ** 3).mul_(1 / 6)
    third = (t * (1 + t * (1 - t))).mul_(0.5).add_(1 / 6)
    second = 1 - first - third - last
    for offset, weights in zip((-1, 0, 1, 2), (first, second, third, last), strict=True):
        row.scatter_add_(0, (points + offset) % len(row), weights.mul_(amplitudes))


def _spline(length: int) -> np.ndarray:
    """Spectrum of the cubic B-spline of the fine grid, (length // 2 + 1,)."""
    return np.sinc(np.arange(length // 2 + 1) / (_FINE * length)) ** 4


def band_limits(length: int, sample_rate: int, high_pass_hz: float = 0.0) -> np.ndarray:
    """What responses pass through: a raised cosine below half the sample rate and a Butterworth high-pass.

    Shapes:
        Output: (length // 2 + 1,) complex128, at the frequencies of a real FFT of that length.
    """
    share = np.arange(length // 2 + 1) * 2 / length
    fade = np.clip((share - _TAPER) / (1 - _TAPER), 0.0, 1.0)
    low_pass = (0.5 + 0.5 * np.cos(np.pi * fade)).astype(np.complex128)
    if not high_pass_hz:
        return low_pass
    s = 1j * share * sample_rate / 2 / high_pass_hz
    return low_pass * s**2 / (s**2 + math.sqrt(2) * s + 1)

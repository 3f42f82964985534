"""Listening to one place: the sound of a point, or of a moving one, out of all microphones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import fft

from acoustill.errors import bad_input
from acoustill.imaging.signals.opening import check_channels
from acoustill.imaging.steering import DelayAndSum, FilterAndSum
from acoustill.rig.rig import Rig

BLOCK_S = 0.064  # long enough to separate low frequencies, short enough that a person walks 10 cm meanwhile
OVERLAP = 4  # blocks that cover each sample
NEAREST_M = 1e-3  # of the way to a microphone, whose level grows without end on the way to it
FARTHEST_M = 1e6
WEIGHTS_AT_ONCE = 16  # blocks of a moving beam whose weights are computed together: 17 MB for dualcam

Beamformer = Callable[[np.ndarray, np.ndarray], FilterAndSum]


class BeamStream:
    """Filter-and-sum of a recording that comes in blocks of any length; it gives what `steer` gives.

    The signals are cut into blocks that overlap by 75 %, weighted by Hann windows (whose sum is constant),
    padded to twice their length and transformed; each bin is summed over the microphones with the weights of
    the beamformer, and the blocks are added up where they belong (overlap-add; Allen and Rabiner 1977). No
    window is applied after the filter: a second one, as in the usual square-root pair, attenuates what is
    delayed by d of N samples by cos(pi d / N), while padding leaves fixed weights exact: they act as one filter
    from the first sample to the last. Weights that change from block to block are cross-faded by the windows.

    **Time reference.** The output is the pressure at the origin of the rig, in sync with a microphone there:
    the weights of `FilterAndSum` take out only what each microphone hears earlier or later than the origin, not the
    way from the point to the rig. Sample n of the output belongs to sample n of the input.

    Args:
        rig: the array; broken channels are ignored.
        points_m: where to listen; one point, or one for each video frame, taken at the middle of the frame
            and interpolated in between. The first and the last hold before and after.
        beamformer: makes weights from microphones (M, 3) and points (P, 3). By default delay-and-sum of
            true level: it gives the pressure that a source at the point causes at the origin, undistorted.
        block_samples: N, a power of two; by default the first above 64 ms.

    Shapes:
        points_m: (3,) or (frames, 3).

    Raises:
        AcoustillError: if points are not finite, of another shape, or the way through them leads nearer than
            1 mm to a microphone or to the origin, or if the block is not a power of two of at least 8 times the
            largest delay.
    """

    def __init__(
        self,
        rig: Rig,
        points_m: np.ndarray,
        beamformer: Beamformer | None = None,
        block_samples: int | None = None,
    ) -> None:
        points = np.asarray(points_m, dtype=np.float64)
        if points.ndim not in (1, 2) or points.shape[-1] != 3 or not points.size:
            raise bad_input("beam", "points_m", f"of shape {points.shape}", "(3,) or (frames, 3)")
        self._rig, self._path = rig, np.atleast_2d(points)
        self._positions = rig.positions_m[rig.working]
        _check_path(rig, self._path)
        self._beamformer = beamformer or partial(
            DelayAndSum, formulation="true level", speed_of_sound=rig.speed_of_sound
        )
        largest_delay = float(np.linalg.norm(self._positions, axis=1).max()) / rig.speed_of_sound * rig.sample_rate
        needed = max(8 * largest_delay, BLOCK_S * rig.sample_rate, 2 * OVERLAP)
        self._block = 1 << int(np.ceil(np.log2(needed))) if block_samples is None else block_samples
        if self._block < max(8 * largest_delay, 2 * OVERLAP) or self._block & (self._block - 1):
            expected = f"a power of two of at least {max(8 * largest_delay, 2 * OVERLAP):.0f}"
            raise bad_input("beam", "block", f"{self._block} samples", expected)
        self._hop, self._lead = self._block // OVERLAP, self._block // 2
        ramp = 2 * np.pi * np.arange(self._block) / self._block
        self._window = ((1 - np.cos(ramp)) / OVERLAP).astype(np.float32)
        self._frequencies = np.arange(1, self._block + 1) * rig.sample_rate / (2 * self._block)
        self._weights = self._weights_of(self._path[:1]) if len(self._path) == 1 else np.zeros((0, 0, 0), np.complex64)
        self._which, self._group = np.zeros(1, np.int64), -1
        # Blocks that begin before the recording, so that its first samples are covered OVERLAP times too.
        self._waiting = np.zeros((len(self._positions), self._block - self._hop), np.float32)
        self._sum = np.zeros(2 * self._block, np.float32)
        self._number = self._received = self._given = 0

    def push(self, signals: np.ndarray) -> np.ndarray:
        """Takes the next samples of all channels; gives those of the beam that no later block can change.

        Shapes:
            signals: (channels, samples), broken channels included.
            Output: (samples',) float32.

        Raises:
            AcoustillError: if the number of channels is not the rig's, or a sample is not finite or too large for
                single precision.
        """
        with np.errstate(over="ignore"):
            samples = np.asarray(signals, dtype=np.float32)
        check_channels(samples, self._rig, "beam", self._received)
        self._received += samples.shape[1]
        return self._advance(samples[self._rig.working])

    def finish(self) -> np.ndarray:
        """The last samples; as many as were pushed have been given then.

        Shapes:
            Output: (samples',) float32.
        """
        behind = np.zeros((len(self._positions), 2 * self._block), np.float32)
        return self._advance(behind)

    def _advance(self, signals: np.ndarray) -> np.ndarray:
        waiting = np.concatenate([self._waiting, signals], axis=1)
        count = max(0, (waiting.shape[1] - self._block) // self._hop + 1)
        done = [self._next_block(waiting[:, i * self._hop : i * self._hop + self._block]) for i in range(count)]
        self._waiting = waiting[:, count * self._hop :]
        out = np.concatenate([*done, np.zeros(0, np.float32)])
        out = out[: self._received - self._given]
        self._given += len(out)
        return out

    def _next_block(self, signals: np.ndarray) -> np.ndarray:
        """Adds a block to the sum; gives the part of the sum that is complete, without what lies before time 0."""
        spectra = fft.rfft(signals * self._window, 2 * self._block)
        beam = fft.irfft(np.einsum("fm,mf->f", self._block_weights(), spectra), 2 * self._block)
        self._sum += np.roll(beam, self._lead)  # what the weights advance comes before the block
        start = (self._number + 1) * self._hop - self._block - self._lead  # of the sum, in samples of the recording
        done = self._sum[: self._hop].copy()
        self._sum = np.concatenate([self._sum[self._hop :], np.zeros(self._hop, np.float32)])
        self._number += 1
        return done[max(0, -start) :]

    def _block_weights(self) -> np.ndarray:
        """Weights of the block that is next, (bins, M) complex64."""
        if len(self._path) == 1:
            return self._weights[0]
        group, i = divmod(self._number, WEIGHTS_AT_ONCE)
        if group != self._group:
            numbers = np.arange(group * WEIGHTS_AT_ONCE, (group + 1) * WEIGHTS_AT_ONCE)
            middles = ((numbers + 1) * self._hop - self._block / 2) / self._rig.samples_per_frame - 0.5
            frames = np.arange(len(self._path))
            places = np.stack([np.interp(middles, frames, axis) for axis in self._path.T], axis=1)
            distinct, self._which = np.unique(places, axis=0, return_inverse=True)
            self._weights, self._group = self._weights_of(distinct), group
        return self._weights[self._which[i]]

    def _weights_of(self, points: np.ndarray) -> np.ndarray:
        """(points, bins, M) complex64; the bin at 0 Hz takes the amplitude of its neighbour."""
        beamformer = self._beamformer(self._positions, points)
        weights = np.empty((len(points), self._block + 1, len(self._positions)), np.complex64)
        weights[:, 1:] = beamformer.many(self._frequencies).transpose(1, 0, 2)
        weights[:, 0] = np.copysign(np.abs(weights[:, 1]), weights[:, 1].real)
        return weights


def _check_path(rig: Rig, path: np.ndarray) -> None:
    """Refuses ways through points (frames, 3) on which weights would grow without end."""
    unusable = ~(np.abs(path) <= FARTHEST_M).all(axis=1)
    if unusable.any():
        point = int(unusable.argmax())
        raise bad_input("beam", f"point {point}", path[point].tolist(), f"coordinates within {FARTHEST_M:g} m")
    starts, ways = path, np.diff(path, axis=0, append=path[-1:])
    lengths = np.maximum(np.square(ways).sum(axis=1), np.finfo(float).tiny)
    places = {f"microphone {channel}": rig.positions_m[channel] for channel in rig.working}
    for name, place in {**places, "the origin": np.zeros(3)}.items():
        share = np.clip(((place - starts) * ways).sum(axis=1) / lengths, 0, 1)
        distances = np.linalg.norm(starts + share[:, None] * ways - place, axis=1)
        if distances.min() < NEAREST_M:
            what = "the point" if len(path) == 1 else f"the way on from point {distances.argmin()}"
            raise bad_input("beam", what, f"{1000 * distances.min():.3g} mm from {name}", "1 mm or more")


def steer(
    signals: np.ndarray,
    rig: Rig,
    points_m: np.ndarray,
    beamformer: Beamformer | None = None,
    block_samples: int | None = None,
) -> np.ndarray:
    """The sound of a point, or of one that moves: see `BeamStream` for the arguments and the time reference.

    Shapes:
        signals: (channels, samples), broken channels included.
        points_m: (3,) or (frames, 3).
        Output: (samples,) float32.

    Raises:
        AcoustillError: as `BeamStream`.
    """
    stream = BeamStream(rig, points_m, beamformer, block_samples)
    return np.concatenate([stream.push(signals), stream.finish()])

"""Spectra of fixed beams: signals of an array in, complex spectra of a coarse grid of directions out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from acoustill.errors import bad_input
from acoustill.imaging.arithmetic import full_precision
from acoustill.imaging.beam_specification import UNIT_PA, BeamSpecification
from acoustill.imaging.grid import camera_grid
from acoustill.imaging.signals.opening import check_channels, check_shape
from acoustill.imaging.superdirective import Superdirective
from acoustill.rig.rig import Rig

WORKSPACE_BYTES = 100_000_000  # for the spectra of the frames that are worked on at a time


class BeamSpectra:
    """Short-time spectra of superdirective beams into a coarse grid of the camera's view.

    The window is Hann's, two hops long; that of step s in frame f is centred on sample f N + (s + 1/2) hop of N a
    frame (half a sample after it where the hop is odd), and hears zeros beyond the recording's ends. A spectrum is
    divided by the root of the window's sum of squares: |Y|^2 is Pa^2 a bin, and its mean over time and bins is the mean
    square of broadband sound. The bin at 0 Hz is zero.

    Weights are `Superdirective` in "true level": the beam that is steered to a source has the level that the source has
    at the rig's origin, near or far. All of it is linear: beams of a sum are the sum of beams, up to the rounding
    to half precision, whose error lies 70 dB below the beam.

    Args:
        rig: the array; broken channels are ignored.
        specification: how many beams, where to, and how often.
        threads: that torch may use on the CPU; None leaves its setting.

    Raises:
        AcoustillError: if a video frame holds no whole number of steps, the grid makes no sense, or the array cannot
            keep the white noise gain.
    """

    def __init__(self, rig: Rig, specification: BeamSpecification | None = None, *, threads: int | None = None) -> None:
        self.rig = rig
        self.specification = specification or BeamSpecification()
        self.threads = threads
        self.shape = self.specification.shape(rig)
        self.hop = self.specification.hop(rig)
        _, rows, columns, bins = self.shape
        self.frequencies_hz = np.arange(bins) * rig.sample_rate / (2 * self.hop)
        points = camera_grid(rig.camera, rows, columns, self.specification.distance_m).points_m.reshape(-1, 3)
        with full_precision(threads):
            beamformer = Superdirective(
                rig.positions_m[rig.working],
                points,
                "true level",
                rig.speed_of_sound,
                white_noise_gain_db=self.specification.white_noise_gain_db,
            )
            self._window = torch.hann_window(2 * self.hop)
            unit = UNIT_PA * math.sqrt(float(self._window.double().square().sum()))
            self._weights = torch.zeros(bins, len(points), len(rig.working), dtype=torch.complex64)
            self._weights[1:] = torch.from_numpy(beamformer.many(self.frequencies_hz[1:])) / unit

    @property
    def block_frames(self) -> int:
        """Frames that are worked on at a time: few enough that their spectra stay below WORKSPACE_BYTES."""
        steps, rows, columns, bins = self.shape
        return max(1, WORKSPACE_BYTES // (8 * steps * bins * (2 * len(self.rig.working) + 3 * rows * columns)))

    def __call__(self, signals: np.ndarray) -> np.ndarray:
        """Spectra of a recording; frames that are not whole are left out.

        Shapes:
            signals: (channels, samples), pascal; every channel of the rig, broken ones included.
            Output: (frames, steps, rows, columns, bins, 2) float16: real and imaginary parts, in UNIT_PA.

        Raises:
            AcoustillError: if the number of channels is not the rig's, a sample is not finite, or it is louder than
                half precision holds.
        """
        check_shape(signals, self.rig, "signals")
        spectra = np.empty((signals.shape[1] // self.rig.samples_per_frame, *self.shape, 2), np.float16)
        done = 0
        for part in self.stream([signals]):
            spectra[done : done + len(part)] = part
            done += len(part)
        return spectra

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Spectra of a recording that comes in blocks of any length, in bounded memory; see `BeamSpectraStream`.

        Shapes:
            blocks: arrays (channels, samples), pascal.
            Yields: spectra of up to `block_frames` frames.
        """
        stream = BeamSpectraStream(self)
        for block in blocks:
            yield from stream.completed(block)
        yield from stream.ended()

    def form(self, heard: np.ndarray) -> np.ndarray:
        """Spectra of some frames.

        Args:
            heard: by the working microphones, from half a hop before the first frame to half a hop after the last.

        Shapes:
            heard: (working channels, frames * samples_per_frame + hop) float32, pascal.
            Output: (frames, steps, rows, columns, bins, 2) float16.

        Raises:
            AcoustillError: if the result is more than half precision holds.
        """
        steps, rows, columns, bins = self.shape
        with full_precision(self.threads):
            spectra = torch.stft(
                torch.from_numpy(heard),
                2 * self.hop,
                self.hop,
                window=self._window,
                center=False,
                return_complex=True,
            )
            beams = torch.bmm(self._weights, spectra.permute(1, 0, 2).contiguous())
            stored = torch.view_as_real(beams.permute(2, 1, 0).contiguous()).half()
            if not torch.isfinite(stored).all():
                expected = f"beams of at most {math.floor(65504 * UNIT_PA)} Pa a bin, which half precision holds"
                raise bad_input("beam spectra", "sound", "louder than that", expected)
        return stored.view(-1, steps, rows, columns, bins, 2).numpy()


class BeamSpectraStream:
    """Spectra of beams of sound that is still coming in, in bounded memory.

    Whatever the lengths of the blocks, frames are worked on in the same groups: their spectra are the same to the bit.

    Args:
        spectra: forms them.
    """

    def __init__(self, spectra: BeamSpectra) -> None:
        self._spectra = spectra
        self._before = spectra.hop // 2  # zeros that the first window begins with
        self._rest = np.zeros((len(spectra.rig.working), self._before), np.float32)
        self._come = 0

    def completed(self, block: np.ndarray) -> Iterator[np.ndarray]:
        """Spectra that can be formed with this block, a group of frames at a time; all must be taken before the next.

        Shapes:
            block: (channels, samples), pascal; any number of samples.
            Yields: (frames, steps, rows, columns, bins, 2) float16.

        Raises:
            AcoustillError: if the number of channels is not the rig's, a sample is not finite, or it is too loud.
        """
        spectra, rig = self._spectra, self._spectra.rig
        check_channels(block, rig, "signals", self._come)
        self._come += block.shape[1]
        step, overlap = spectra.block_frames * rig.samples_per_frame, spectra.hop
        start = 0
        while start < block.shape[1]:  # a piece at a time, lest a long recording be copied as a whole
            stop = start + step + overlap - self._rest.shape[1]
            with np.errstate(over="ignore"):  # what is too loud becomes infinite, and is refused
                piece = block[rig.working, start:stop].astype(np.float32)
            self._rest = np.concatenate([self._rest, piece], axis=1)
            start += piece.shape[1]
            if self._rest.shape[1] == step + overlap:
                yield spectra.form(self._rest)
                self._rest = self._rest[:, step:].copy()

    def ended(self) -> Iterator[np.ndarray]:
        """Spectra of the frames that are left: the last windows hear zeros beyond the end, if they reach so far."""
        length, overlap = self._spectra.rig.samples_per_frame, self._spectra.hop
        held = self._rest.shape[1]
        first = self._come + self._before - held  # sample of the first frame that is left
        frames = self._come // length - first // length
        if frames:
            wanted = frames * length + overlap
            ending = np.zeros((len(self._rest), max(0, wanted - held)), np.float32)
            yield self._spectra.form(np.concatenate([self._rest[:, :wanted], ending], axis=1))


def beam_power(beams: Tensor) -> Tensor:
    """Squared pressure in every bin of every beam.

    Shapes:
        beams: (..., bins, 2) of any real type, as an archive holds them.
        Output: (..., bins) float32, Pa^2.
    """
    return beams.float().mul(UNIT_PA).square().sum(dim=-1)

"""The ways from spectra to energies: exact, and by skeletons in single or in half precision."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch

from acoustill.imaging.skeleton import SkeletonGroup
from acoustill.imaging.spectra import Workspace
from acoustill.imaging.steering import FilterAndSum


class EnergyPath(Protocol):
    """Energies of every pixel from the spectra of frames.

    Shapes:
        spectra: (2 T, F, 2 M), see `FrameSpectra`.
        pooling: (K, F) float64, weights that sum bins to bands; every entry 0 or more.
        out of `pooled`: (K, T, H, W), contiguous.
        out of `energies`: (F, T, H, W), each bin contiguous.
        out of `add_up`: (F, H, W), contiguous.

    Attributes:
        bins: F, how many bins it knows, from the first above 0 Hz.
    """

    bins: int

    def pooled(self, spectra: torch.Tensor, pooling: np.ndarray, out: torch.Tensor) -> torch.Tensor:
        """Squared pressures summed over bins, for each row of the pooling matrix."""

    def energies(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """Squared pressures of every bin and frame."""

    def add_up(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """Adds the squared pressures of all frames to those in `out`."""


class ExactPath:
    """The direct sum in single precision: one real matrix product a bin over every pixel.

    Bins are visited one by one, so that neither a table of all weights nor the energies of all bins are kept.
    """

    def __init__(self, beamformer: FilterAndSum, step_hz: float, bins: int, workspace: Workspace) -> None:
        self.bins = bins
        self._beamformer, self._step_hz, self._workspace = beamformer, step_hz, workspace

    def pooled(self, spectra: torch.Tensor, pooling: np.ndarray, out: torch.Tensor) -> torch.Tensor:
        """See `EnergyPath.pooled`."""
        out.zero_()
        flat = out.flatten(2)
        wanted: np.ndarray = np.any(pooling, axis=0)
        for i, energies in self._beams(spectra, wanted):
            for row in np.flatnonzero(pooling[:, i]):
                flat[row].add_(energies, alpha=float(pooling[row, i]))
        return out

    def energies(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """See `EnergyPath.energies`."""
        for i, energies in self._beams(spectra, np.ones(self.bins, dtype=bool)):
            out[i].view(energies.shape).copy_(energies)

    def add_up(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """See `EnergyPath.add_up`."""
        for i, energies in self._beams(spectra, np.ones(self.bins, dtype=bool)):
            out[i].view(-1).add_(energies.sum(dim=0))

    def _beams(self, spectra: torch.Tensor, wanted: np.ndarray) -> Iterator[tuple[int, torch.Tensor]]:
        """Energies (T, P) of the wanted bins, each valid until the next."""
        frames = len(spectra) // 2
        beams = self._workspace.take("beams", 2 * frames, len(self._beamformer.points_m))
        count = int(np.flatnonzero(wanted)[-1]) + 1
        sweep = self._beamformer.sweep(self._step_hz, self._step_hz, count, spectra.device)
        for i, weights in enumerate(sweep):
            if not wanted[i]:
                continue
            torch.mm(spectra[:, i], torch.view_as_real(weights).flatten(1).T, out=beams)
            beams.square_()
            yield i, beams[:frames].add_(beams[frames:])


class SkeletonPath:
    """Beams in few pixels only; energies are pooled there and interpolated to all, see `skeleton`.

    Args:
        groups: consecutive groups of bins from the first.
        workspace: memory to use.
        dtype: of weights and beams; with bfloat16 the result has a relative error of a few thousandths,
            whatever the skeletons' own.
    """

    def __init__(self, groups: Sequence[SkeletonGroup], workspace: Workspace, dtype: torch.dtype) -> None:
        device = workspace.device
        self.bins = groups[-1].stop
        self._groups = groups
        self._weights = [_as_real(group.weights).to(device, dtype) for group in groups]
        self._from_rows = [torch.from_numpy(group.from_rows).to(device) for group in groups]
        self._from_columns = [torch.from_numpy(group.from_columns).to(device) for group in groups]
        self._workspace, self._dtype = workspace, dtype

    def pooled(self, spectra: torch.Tensor, pooling: np.ndarray, out: torch.Tensor) -> torch.Tensor:
        """See `EnergyPath.pooled`; bands are summed before they are interpolated."""
        frames = len(spectra) // 2
        out.zero_()
        for g, group in enumerate(self._groups):
            bands = pooling[:, group.start : group.stop]
            touched = np.flatnonzero(bands.any(axis=1))
            if not len(touched):
                continue
            beams = self._squared_beams(g, spectra)
            summing = torch.from_numpy(bands[touched]).to(beams)
            halves = self._workspace.take("halves", len(touched), 2, frames, group.points, dtype=self._dtype)
            torch.mm(summing, beams.flatten(1), out=halves.view(len(touched), -1))
            pooled = self._workspace.take("pooled", len(touched), frames, group.points)
            torch.add(halves[:, 0], halves[:, 1], out=pooled)
            wide = self._widen(g, pooled)
            for run in _consecutive(touched):
                target = out[touched[run][0] : touched[run][-1] + 1].flatten(0, 1)
                part = wide.view(len(touched), frames, *wide.shape[1:])[run].flatten(0, 1)
                torch.baddbmm(target, self._from_rows[g].expand(len(part), -1, -1), part, out=target)
        return out.clamp_min_(0)  # interpolation undershoots where it is dark

    def energies(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """See `EnergyPath.energies`."""
        frames = len(spectra) // 2
        for g, group in enumerate(self._groups):
            wide = self._widen(g, self._energies(g, spectra)).unflatten(0, (-1, frames))
            for i, bin_wide in enumerate(wide, start=group.start):
                torch.matmul(self._from_rows[g], bin_wide, out=out[i])
                out[i].clamp_min_(0)

    def add_up(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """See `EnergyPath.add_up`; frames are summed before they are interpolated."""
        for g, group in enumerate(self._groups):
            sums = self._energies(g, spectra).sum(dim=1, keepdim=True)
            out[group.start : group.stop].add_((self._from_rows[g] @ self._widen(g, sums)).clamp_min_(0))

    def _energies(self, g: int, spectra: torch.Tensor) -> torch.Tensor:
        """Energies in the chosen pixels, (bins, T, points)."""
        beams = self._squared_beams(g, spectra)
        frames = len(spectra) // 2
        energies = self._workspace.take("energies", len(beams), frames, self._groups[g].points)
        return torch.add(beams[:, :frames], beams[:, frames:], out=energies)

    def _squared_beams(self, g: int, spectra: torch.Tensor) -> torch.Tensor:
        """Squares of real and imaginary parts, (bins, 2 T, points)."""
        group = self._groups[g]
        beams = self._workspace.take("beams", group.stop - group.start, len(spectra), group.points, dtype=self._dtype)
        torch.bmm(spectra[:, group.start : group.stop].transpose(0, 1), self._weights[g].mT, out=beams)
        return beams.square_()

    def _widen(self, g: int, energies: torch.Tensor) -> torch.Tensor:
        """From the chosen columns to all, (..., T, points) to (... x T, chosen rows, W)."""
        rows, width = len(self._groups[g].rows), len(self._from_columns[g])
        wide = self._workspace.take("wide", energies.shape[0] * energies.shape[1] * rows, width)
        torch.mm(energies.view(len(wide), -1), self._from_columns[g].T, out=wide)
        return wide.view(-1, rows, width)


def _as_real(weights: np.ndarray) -> torch.Tensor:
    """(F, points, M) complex to (F, points, 2 M), real and imaginary parts side by side."""
    return torch.view_as_real(torch.from_numpy(weights)).flatten(2)


def _consecutive(indices: np.ndarray) -> list[slice]:
    """Slices of `indices` within which each is one more than the one before."""
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    edges = [0, *breaks.tolist(), len(indices)]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]

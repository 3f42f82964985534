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
        out of `accumulate`: (F, H, W), contiguous.
    """

    def pooled(self, spectra: torch.Tensor, pooling: np.ndarray, out: torch.Tensor) -> None:
        """Squared pressures summed over bins, for each row of the pooling matrix."""

    def energies(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """Squared pressures of every bin and frame."""

    def accumulate(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """Adds the squared pressures of all frames to those in `out`."""


class ExactPath:
    """The direct sum: one real matrix product a bin over every pixel.

    Bins are visited one by one, so that neither a table of all weights nor the energies of all bins are kept.

    Args:
        beamformer: weights of every pixel.
        frequencies_hz: of the bins, evenly spaced.
        workspace: memory to use.
    """

    def __init__(self, beamformer: FilterAndSum, frequencies_hz: np.ndarray, workspace: Workspace) -> None:
        self._beamformer, self._frequencies_hz, self._workspace = beamformer, frequencies_hz, workspace

    def pooled(self, spectra: torch.Tensor, pooling: np.ndarray, out: torch.Tensor) -> None:
        """See `EnergyPath.pooled`."""
        out.zero_()
        flat = out.flatten(2)
        wanted: np.ndarray = np.any(pooling, axis=0)
        for i, energies in self._of_bins(spectra, wanted):
            for row in np.flatnonzero(pooling[:, i]):
                flat[row].add_(energies, alpha=float(pooling[row, i]))

    def energies(self, spectra: torch.Tensor, out: torch.Tensor, wanted: np.ndarray | None = None) -> None:
        """See `EnergyPath.energies`; only of the `wanted` bins (F,), if given."""
        for _ in self._of_bins(spectra, np.ones(len(out), dtype=bool) if wanted is None else wanted, out):
            pass  # each is written in its place

    def accumulate(self, spectra: torch.Tensor, out: torch.Tensor, wanted: np.ndarray | None = None) -> None:
        """See `EnergyPath.accumulate`; only of the `wanted` bins (F,), if given."""
        for i, energies in self._of_bins(spectra, np.ones(len(out), dtype=bool) if wanted is None else wanted):
            out[i].view(-1).add_(energies.sum(dim=0))

    def _of_bins(
        self, spectra: torch.Tensor, wanted: np.ndarray, out: torch.Tensor | None = None
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """The number of each wanted bin and its energies (T, P).

        They are written to `out` (F, T, H, W), or, without one, to memory that the next bin overwrites.
        """
        frames = len(spectra) // 2
        if not wanted.any():
            return
        first, last = np.flatnonzero(wanted)[[0, -1]]
        hertz = self._frequencies_hz
        step_hz = float(hertz[1] - hertz[0]) if len(hertz) > 1 else float(hertz[0])
        beams = self._workspace.take("beams", 2 * frames, len(self._beamformer.points_m), dtype=spectra.dtype)
        energies = self._workspace.take("energies", frames, len(self._beamformer.points_m))
        sweep = self._beamformer.sweep(float(hertz[first]), step_hz, int(last - first) + 1, spectra.device)
        for i, weights in enumerate(sweep, start=int(first)):
            if not wanted[i]:
                continue
            real = torch.view_as_real(weights).flatten(1).to(spectra.dtype)
            torch.mm(spectra[:, i], real.T, out=beams)
            beams.square_()
            target = energies if out is None else out[i].view(energies.shape)
            yield i, torch.add(beams[:frames], beams[frames:], out=target)


class SkeletonPath:
    """Beams in few pixels only; energies are pooled there and interpolated to all, see `skeleton`.

    Where it is dark, interpolation errs by about the tolerance times the mean over the image, and may even fall
    below 0: nothing is given that is smaller than that.

    Args:
        groups: consecutive groups of bins from the first.
        tolerance: that they were planned for.
        direct: for groups that take all pixels.
        workspace: memory to use.
        dtype: of weights and beams; with bfloat16 the result has a relative error of a few thousandths,
            whatever the skeletons' own.
    """

    def __init__(
        self,
        groups: Sequence[SkeletonGroup],
        tolerance: float,
        direct: ExactPath,
        workspace: Workspace,
        dtype: torch.dtype,
    ) -> None:
        device = workspace.device
        self._direct, self._tolerance = direct, tolerance
        self._groups = [group for group in groups if group.weights.size]
        self._direct_bins = np.ones(groups[-1].stop, dtype=bool)
        for group in self._groups:
            self._direct_bins[group.start : group.stop] = False
        self._weights = [_as_real(group.weights).to(device, dtype) for group in self._groups]
        self._from_rows = [torch.from_numpy(group.from_rows).to(device) for group in self._groups]
        self._from_columns = [torch.from_numpy(group.from_columns).to(device) for group in self._groups]
        # A mean over all pixels is a sum over the chosen ones.
        self._means = [
            torch.outer(rows.mean(dim=0), columns.mean(dim=0)).flatten()
            for rows, columns in zip(self._from_rows, self._from_columns, strict=True)
        ]
        self._workspace, self._dtype = workspace, dtype

    def pooled(self, spectra: torch.Tensor, pooling: np.ndarray, out: torch.Tensor) -> None:
        """See `EnergyPath.pooled`; bands are summed before they are interpolated."""
        self._direct.pooled(spectra, pooling * self._direct_bins, out)
        frames = len(spectra) // 2
        means = self._workspace.take("means", len(pooling), frames).zero_()
        for g, group in enumerate(self._groups):
            bands = pooling[:, group.start : group.stop]
            touched = np.flatnonzero(bands.any(axis=1))
            if not len(touched):
                continue
            beams = self._squared_beams(g, spectra)
            summing = torch.from_numpy(bands[touched]).to(beams)
            halves = self._workspace.take("halves", len(touched), 2, frames, group.points)
            torch.mm(summing, beams.flatten(1), out=halves.view(len(touched), -1))
            pooled = self._workspace.take("pooled", len(touched), frames, group.points)
            torch.add(halves[:, 0], halves[:, 1], out=pooled)
            means[touched] += pooled @ self._means[g]
            wide = self._widen(g, pooled).unflatten(0, (len(touched), frames))
            for run in _consecutive(touched):
                target = out[touched[run][0] : touched[run][-1] + 1].flatten(0, 1)
                part = wide[run].flatten(0, 1)
                torch.baddbmm(target, self._from_rows[g].expand(len(part), -1, -1), part, out=target)
        self._brighten(out, means)

    def energies(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """See `EnergyPath.energies`."""
        self._direct.energies(spectra, out, self._direct_bins)
        for g, group in enumerate(self._groups):
            energies = self._few_energies(g, spectra)
            means = energies @ self._means[g]
            wide = self._widen(g, energies).unflatten(0, energies.shape[:2])
            for i, bin_wide, mean in zip(range(group.start, group.stop), wide, means, strict=True):
                torch.matmul(self._from_rows[g], bin_wide, out=out[i])
                self._brighten(out[i], mean)

    def accumulate(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """See `EnergyPath.accumulate`; frames are summed before they are interpolated."""
        self._direct.accumulate(spectra, out, self._direct_bins)
        for g, group in enumerate(self._groups):
            sums = self._few_energies(g, spectra).sum(dim=1, keepdim=True)
            every = self._from_rows[g] @ self._widen(g, sums)
            out[group.start : group.stop].add_(self._brighten(every, (sums @ self._means[g])[:, 0]))

    def _brighten(self, energies: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
        """Raises what is smaller than the error: energies (..., H, W), their means (...)."""
        darkest = (means * self._tolerance).clamp_min_(0)
        return torch.maximum(energies, darkest[..., None, None], out=energies)

    def _few_energies(self, g: int, spectra: torch.Tensor) -> torch.Tensor:
        """Energies in the chosen pixels, (bins, T, points)."""
        beams = self._squared_beams(g, spectra)
        frames = len(spectra) // 2
        energies = self._workspace.take("few", len(beams), frames, self._groups[g].points)
        return torch.add(beams[:, :frames], beams[:, frames:], out=energies)

    def _squared_beams(self, g: int, spectra: torch.Tensor) -> torch.Tensor:
        """Squares of real and imaginary parts, (bins, 2 T, points) float32."""
        group = self._groups[g]
        shape = group.stop - group.start, len(spectra), group.points
        beams = self._workspace.take("beams", *shape, dtype=self._dtype)
        torch.bmm(spectra[:, group.start : group.stop].transpose(0, 1), self._weights[g].mT, out=beams)
        if self._dtype != torch.float32:  # sums of squares rounded to 8 bits would be off by what they share
            beams = self._workspace.take("single", *shape).copy_(beams)
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

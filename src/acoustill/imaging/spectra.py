"""Spectra of video frames, laid out as an operand of real matrix products."""

from __future__ import annotations

import math

import numpy as np
import torch

CACHE_BYTES = 6_000_000  # of transforms at a time: what is still in the cache when it is put in its place


class Workspace:
    """Memory that is used again and again: taking fresh pages costs about as much as the arithmetic on them."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._pieces: dict[str, torch.Tensor] = {}

    def take(self, name: str, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """An uninitialised tensor; it overwrites what was taken under the same name before.

        Shapes:
            Output: `shape`.
        """
        size = math.prod(shape)
        piece = self._pieces.get(name)
        if piece is None or piece.numel() < size or piece.dtype != dtype:
            piece = self._pieces[name] = torch.empty(size, dtype=dtype, device=self.device)
        return piece[:size].view(shape)


class FrameSpectra:
    """One-sided spectra of rectangular blocks, such that |w X|^2 is a squared pressure.

    Row t of a bin is conj(X) of frame t and row T + t is j conj(X), real and imaginary parts side by side.
    The product of a row with complex weights w, laid out likewise, is then Re(w X) or Im(w X): a complex
    product with the arithmetic of one real one, and without a copy of the weights for each part.

    Args:
        channels: which channels of the signals to take.
        length: samples in a block, N.
        workspace: where the result is kept; the next call overwrites it.
        dtype: of the result.
    """

    def __init__(self, channels: np.ndarray, length: int, workspace: Workspace, dtype: torch.dtype) -> None:
        self._channels, self._length = channels, length
        self._workspace, self._dtype = workspace, dtype
        self._staging = Workspace(torch.device("cpu"))

    def __call__(self, signals: np.ndarray) -> torch.Tensor:
        """Spectra of T whole blocks.

        Shapes:
            signals: (channels, T N), pascal.
            Output: (2 T, N / 2, 2 M); the bin at 0 Hz is left out. A sample that is not finite makes every bin
                of its frame so.
        """
        frames, bins = signals.shape[1] // self._length, self._length // 2 + 1
        # The bin at 0 Hz stays in memory: without it, rows would lie a power of two apart and share cache lines.
        operand = self._workspace.take("operand", 2 * frames, bins, len(self._channels), dtype=torch.complex64)
        step = max(1, CACHE_BYTES // (8 * bins * len(self._channels)))
        for start in range(0, frames, step):
            part = slice(start, min(start + step, frames))
            torch.mul(self._transformed(signals, part).permute(1, 2, 0), math.sqrt(2), out=operand[part])
        torch.mul(operand[:frames], 1j, out=operand[frames:])
        real = torch.view_as_real(operand).flatten(2)
        if self._dtype != torch.float32:
            real = self._workspace.take("rounded", *real.shape, dtype=self._dtype).copy_(real)
        return real[:, 1:]

    def _transformed(self, signals: np.ndarray, part: slice) -> torch.Tensor:
        """conj(X) / N of some frames, (M, T, N / 2 + 1)."""
        shape = len(self._channels), part.stop - part.start, self._length
        blocks = self._staging.take("blocks", *shape)
        for row, channel in zip(blocks.numpy(), self._channels, strict=True):
            row.reshape(-1)[:] = signals[channel, part.start * self._length : part.stop * self._length]
        spectra = self._workspace.take("spectra", *shape[:2], self._length // 2 + 1, dtype=torch.complex64)
        return torch.fft.ihfft(blocks.to(self._workspace.device), out=spectra)

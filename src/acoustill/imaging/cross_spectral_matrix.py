"""Cross spectra: what the microphones of an array have in common, bin by bin, averaged over a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from acoustill.errors import bad_input

Window = Literal["hann", "rectangular"]
SPECTRA_BYTES = 64e6  # of the spectra that are held at a time


@dataclass(frozen=True)
class CrossSpectra:
    """Cross-spectral matrices of M microphones at F frequencies.

    The scaling is that of one-sided squared pressure: weights w (a row) hear the squared pressure w C w^H in a
    bin, and the sum over all bins of C[m, m] is the mean square of microphone m.

    Attributes:
        frequencies_hz: of the bins.
        matrices: C = mean over blocks of X X^H times the scaling, Hermitian.
        blocks: how many blocks were averaged; the rank of C is at most that.

    Shapes:
        frequencies_hz: (F,) float64.
        matrices: (F, M, M) complex128.

    Raises:
        AcoustillError: if the shapes do not fit together or a number is not finite.
    """

    frequencies_hz: np.ndarray
    matrices: np.ndarray
    blocks: int

    def __post_init__(self) -> None:
        matrices = np.asarray(self.matrices, dtype=np.complex128)
        frequencies = np.asarray(self.frequencies_hz, dtype=np.float64)
        if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or frequencies.shape != matrices.shape[:1]:
            found = f"of shapes {matrices.shape} and {frequencies.shape}"
            raise bad_input("cross spectra", "matrices and frequencies", found, "(F, M, M) and (F,)")
        if not (np.isfinite(matrices).all() and np.isfinite(frequencies).all()):
            raise bad_input("cross spectra", "a matrix or a frequency", "not finite", "finite numbers")
        object.__setattr__(self, "matrices", matrices)
        object.__setattr__(self, "frequencies_hz", frequencies)

    @property
    def microphones(self) -> int:
        """M."""
        return self.matrices.shape[1]

    def keep(self, channels: Sequence[int] | np.ndarray) -> CrossSpectra:
        """Those of some channels only, in the order given: to leave out broken microphones."""
        rows = np.asarray(channels, dtype=np.intp)
        return CrossSpectra(self.frequencies_hz, self.matrices[:, rows[:, None], rows], self.blocks)


def cross_spectra(
    signals: np.ndarray,
    sample_rate: float,
    block: int,
    window: Window = "hann",
    overlap: float = 0.5,
    lowest_hz: float = 0.0,
    highest_hz: float | None = None,
) -> CrossSpectra:
    """Cross spectra by averaging over windowed blocks (Welch 1967).

    C = 2 / (N sum(v^2)) mean X X^H for the spectra X of blocks of N samples under the window v; in the bin at half
    the sample rate, which has no counterpart at negative frequencies, half of it. The bin at 0 Hz is left out: no
    microphone hears it. Samples after the last whole block are left out as well.

    Acoular's `PowerSpectra.csm` is the same matrix, not its conjugate, where the recording is a whole number of
    blocks; it counts the bin at half the sample rate twice, and its Hann window is symmetric, while this one is
    periodic, as it should be for spectra (Harris 1978).

    Args:
        signals: pascal.
        sample_rate: in hertz.
        block: N, even.
        window: `hann` or `rectangular`.
        overlap: share of a block that it has in common with the next; 0.5 is right for the Hann window.
        lowest_hz: the lowest bin is at this frequency or above it.
        highest_hz: the highest is at this one or below it; None is half the sample rate.

    Shapes:
        signals: (M, samples).

    Raises:
        AcoustillError: if the signals are shorter than one block or not finite, or a parameter is out of range.
    """
    signals = np.asarray(signals)
    if signals.ndim != 2 or not len(signals):
        raise bad_input("cross spectra", "shape of the signals", signals.shape, "(microphones, samples)")
    if block < 2 or block % 2:
        raise bad_input("cross spectra", "block", block, "an even number of samples")
    if signals.shape[1] < block:
        raise bad_input("cross spectra", "length", f"{signals.shape[1]} samples", f"at least one block of {block}")
    if not np.isfinite(signals).all():
        raise bad_input("cross spectra", "a sample", "not finite", "finite numbers")
    if window not in ("hann", "rectangular"):
        raise bad_input("cross spectra", "window", repr(window), "hann or rectangular")
    if not 0 <= overlap < 1:
        raise bad_input("cross spectra", "overlap", overlap, "at least 0 and below 1")
    frequencies = np.arange(block // 2 + 1) * (sample_rate / block)
    highest = sample_rate / 2 if highest_hz is None else highest_hz
    wanted = np.flatnonzero((frequencies > 0) & (frequencies >= lowest_hz) & (frequencies <= highest))
    if not len(wanted):
        raise bad_input(
            "cross spectra", "frequency range", f"{lowest_hz:g} to {highest:g} Hz", "at least one bin in it"
        )
    bins = slice(wanted[0], wanted[-1] + 1)

    taper = np.ones(block) if window == "rectangular" else 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(block) / block)
    blocks = np.lib.stride_tricks.sliding_window_view(signals, block, axis=1)
    blocks = blocks[:, :: max(1, round(block * (1 - overlap)))]  # (M, blocks, N), a view
    matrices = np.zeros((len(wanted), len(signals), len(signals)), np.complex128)
    at_a_time = max(1, int(SPECTRA_BYTES / (16 * len(signals) * (block // 2 + 1))))
    for start in range(0, blocks.shape[1], at_a_time):
        spectra = np.fft.rfft(blocks[:, start : start + at_a_time] * taper)[..., bins]
        spectra = np.ascontiguousarray(spectra.transpose(2, 0, 1))
        matrices += spectra @ spectra.conj().swapaxes(1, 2)
    matrices *= 1 / (block * np.square(taper).sum() * blocks.shape[1])
    matrices += matrices.conj().swapaxes(1, 2)  # one-sided, and Hermitian to the last digit
    if wanted[-1] == block // 2:
        matrices[-1] /= 2
    return CrossSpectra(frequencies[wanted], matrices, blocks.shape[1])


def average(parts: Sequence[CrossSpectra]) -> CrossSpectra:
    """Cross spectra of parts of a recording, each counting by its blocks.

    Raises:
        AcoustillError: if there is none, or they are not of the same bins and number of microphones.
    """
    if not parts:
        raise bad_input("cross spectra", "number of parts", 0, "at least one")
    first = parts[0]
    blocks = sum(part.blocks for part in parts)
    mean = np.zeros_like(first.matrices)
    for part in parts:
        same = np.array_equal(part.frequencies_hz, first.frequencies_hz) and part.microphones == first.microphones
        if not same:
            raise bad_input("cross spectra", "parts", "of different bins or microphones", "parts of one recording")
        mean += part.matrices * (part.blocks / blocks)
    return CrossSpectra(first.frequencies_hz, mean, blocks)

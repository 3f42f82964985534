"""Log-mel spectrograms whose frames look at the past alone, in batches and in streams."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from acoustill.errors import bad_input
from acoustill.imaging.mel import LOWEST_HZ, mel_filterbank
from acoustill.models.spectrogram import FLOOR_PA2, FRAMES_PER_SECOND, by_pieces, decibels

LOWEST_RATE, HIGHEST_RATE = 8000, 96000


class LogMel(nn.Module):
    """Energies of mel bands in decibel: Hann windows of 20 ms every 10 ms, at the native sample rate.

    The hop is 10 ms to the nearest sample and a window two hops, so that the distance of two frames in seconds,
    `hop_s`, differs from 10 ms by half a sample at most. Frame i covers the samples from i hops on and is there as
    soon as they are: nothing is padded, no frame needs a later sample, none depends on the length or level of the
    clip. The FFT has the power of two of samples that holds a window. Filters: `imaging.mel.mel_filterbank`.

    Args:
        sample_rate: of the audio, in hertz, 8 to 96 kHz.
        bands: number of mel bands.
        lowest_hz: where the first band starts.
        highest_hz: where the last band ends; half the sample rate where that is less.

    Shapes:
        Input: (..., samples), pascal.
        Output: (..., frames, bands), decibel relative to 1 Pa^2, at least -120.

    Raises:
        AcoustillError: if the sample rate is outside its range, or the bands are not possible.

    Example:
        >>> LogMel(12288, bands=40)(torch.zeros(2, 12288)).shape
        torch.Size([2, 98, 40])
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self, sample_rate: int, bands: int = 64, lowest_hz: float = LOWEST_HZ, highest_hz: float = 10000.0
    ) -> None:
        super().__init__()
        if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
            raise bad_input("log-mel", "sample rate", f"{sample_rate} Hz", f"{LOWEST_RATE} to {HIGHEST_RATE} Hz")
        self.sample_rate = sample_rate
        self.bands = bands
        self.hop = round(sample_rate / FRAMES_PER_SECOND)
        self.length = 2 * self.hop
        self.fft_length = 1 << (self.length - 1).bit_length()
        self.lowest_hz = lowest_hz
        self.highest_hz = min(sample_rate / 2, highest_hz)
        frequencies = np.fft.rfftfreq(self.fft_length, 1 / sample_rate)
        filters = mel_filterbank(frequencies, bands, lowest_hz, self.highest_hz).T
        window = torch.hann_window(self.length)
        # The window's power goes into the filters: energies are in Pa^2 whatever the window.
        self.register_buffer(
            "filters", torch.tensor(filters, dtype=torch.float32) / window.square().sum(), persistent=False
        )
        self.register_buffer("window", window, persistent=False)

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop / self.sample_rate

    @property
    def length_s(self) -> float:
        """Seconds that a frame covers."""
        return self.length / self.sample_rate

    def frames(self, samples: int) -> int:
        """How many whole frames so many samples hold."""
        return max(0, 1 + (samples - self.length) // self.hop)

    def forward(self, audio: Tensor) -> Tensor:
        """See the class."""
        if audio.shape[-1] < self.length:
            return self.filters.new_zeros((*audio.shape[:-1], 0, self.bands))
        return by_pieces(self._levels, audio) if self.training else self._levels(audio)

    def _levels(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            # pieces as long as the FFT, their ends set to zero by the window: filling up each would copy all of them
            audio = pad(audio.float(), (0, self.fft_length - self.length))
            pieces = audio.unfold(-1, self.fft_length, self.hop) * pad(self.window, (0, self.fft_length - self.length))
            spectra = torch.fft.rfft(pieces)
            energies = (spectra.real.square() + spectra.imag.square()) @ self.filters
            return decibels(energies)

    def to_json(self) -> dict[str, float | int | str]:
        """What a specification says of these features."""
        return {
            "kind": "log-mel",
            "bands": self.bands,
            "lowest_hz": self.lowest_hz,
            "highest_hz": self.highest_hz,
            "hop_samples": self.hop,
            "window_samples": self.length,
            "fft_samples": self.fft_length,
            "floor_pa2": FLOOR_PA2,
        }


class LogMelStream:
    """The frames of a `LogMel` while audio arrives in pieces of any length.

    Args:
        log_mel: whose frames.
    """

    def __init__(self, log_mel: LogMel) -> None:
        self.log_mel = log_mel
        self._rest: Tensor | None = None

    def push(self, samples: Tensor) -> Tensor:
        """The frames that these samples complete: those of all pieces together are those of the whole audio.

        Shapes:
            samples: (..., samples), pascal; the leading axes are those of the first piece.
            Output: (..., frames, bands), decibel; 0 frames where none is complete.
        """
        audio = samples if self._rest is None else torch.cat([self._rest, samples], dim=-1)
        frames = self.log_mel.frames(audio.shape[-1])
        self._rest = audio[..., frames * self.log_mel.hop :].clone()
        return self.log_mel(audio)

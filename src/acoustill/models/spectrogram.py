"""Log spectrograms at the native sample rate."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

FLOOR_PA2 = 1e-12
FRAMES_PER_SECOND = 100
IN_CACHE = 2  # clips


def decibels(energies: Tensor) -> Tensor:
    """Levels re 1 Pa^2 of squared pressures, not below -120; of the shape given."""
    return 10 * energies.clamp_min(FLOOR_PA2).log10()


def by_pieces(function: Callable[[Tensor], Tensor], clips: Tensor) -> Tensor:
    """What a function makes of each clip, of a few at a time on processors: what it reads again is in their cache."""
    if clips.device.type != "cpu" or clips.ndim < 2:
        return function(clips)
    return torch.cat([function(piece) for piece in clips.split(IN_CACHE)])


class LogSpectrogram(nn.Module):
    """Short-time power spectra in decibel: windows of 20 ms every 10 ms.

    The paper's students see linear magnitudes of audio that was resampled from 12,288 to 22,050 Hz, which
    leaves 44 % of the bins empty. Here the rate stays as it is and the FFT's length keeps the paper's 257
    bins. The hop is rounded down to whole samples, so that there are at least 100 frames a second; the first
    100 of each second asked for are given.

    Args:
        sample_rate: of the audio, in hertz.
        clip_samples: length of a clip.

    Shapes:
        Input: (B, samples).
        Output: (B, 100 frames a second, bins), decibel.
    """

    window: Tensor

    def __init__(self, sample_rate: int, clip_samples: int) -> None:
        super().__init__()
        length = round(0.02 * sample_rate)
        self.sample_rate = sample_rate
        self.hop = sample_rate // FRAMES_PER_SECOND
        self.fft_length = max(512, 1 << (length - 1).bit_length())
        self.bins = self.fft_length // 2 + 1
        self.frames = clip_samples * FRAMES_PER_SECOND // sample_rate
        self.register_buffer("window", torch.hann_window(length), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """See the class."""
        return by_pieces(self._levels, audio) if self.training else self._levels(audio)

    def _levels(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            spectrum = torch.stft(
                audio.float(),
                self.fft_length,
                self.hop,
                len(self.window),
                self.window,
                center=True,
                pad_mode="constant",
                return_complex=True,
            )
        frames = audio.shape[1] * FRAMES_PER_SECOND // self.sample_rate
        parts = spectrum.transpose(1, 2)[:, :frames]
        power = (parts.real.square() + parts.imag.square()) / self.window.square().sum()
        return decibels(power)

    def to_json(self) -> dict[str, float | int | str]:
        """What a specification says of these features."""
        return {
            "kind": "log spectrogram",
            "bins": self.bins,
            "hop_samples": self.hop,
            "window_samples": len(self.window),
            "fft_samples": self.fft_length,
            "floor_pa2": FLOOR_PA2,
        }

"""The paper's code resampled 12,288 Hz to 22,050 Hz: 44 % of the bins were empty, then amplified by normalisation.

Students see spectra at the native rate: noise fills every bin up to half the sample rate.
"""

from __future__ import annotations

import pytest
import torch

from acoustill.models.spectrogram import LogSpectrogram


@pytest.mark.parametrize("sample_rate", [12288, 16000, 48000])
def test_noise_fills_every_bin(sample_rate: int) -> None:
    torch.manual_seed(0)
    spectrogram = LogSpectrogram(sample_rate, 2 * sample_rate)
    levels = spectrogram(torch.randn(1, 2 * sample_rate))[0].mean(dim=0)
    assert len(levels) == spectrogram.bins
    assert levels.max() - levels.min() < 6
    assert levels[1:-1].std() < 1


def test_the_highest_bin_is_half_the_sample_rate() -> None:
    spectrogram = LogSpectrogram(12288, 12288)
    tone = torch.cos(torch.pi * torch.arange(12288))[None]
    assert int(spectrogram(tone)[0].mean(dim=0).argmax()) == spectrogram.bins - 1 == 256

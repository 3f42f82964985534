from __future__ import annotations

import pytest
import torch

from acoustill.errors import AcoustillError
from acoustill.models.mel_spectrogram import LogMel, LogMelStream

RATES = (8000, 11025, 12288, 16000, 22050, 44100, 48000, 96000)


@pytest.mark.parametrize("rate", RATES)
def test_frames_are_20_ms_long_and_10_ms_apart_at_any_rate(rate: int) -> None:
    log_mel = LogMel(rate)
    assert log_mel.hop_s == pytest.approx(0.01, abs=0.501 / rate)
    assert log_mel.length_s == 2 * log_mel.hop_s
    assert log_mel.highest_hz == min(rate / 2, 10000.0)
    frames = log_mel(torch.randn(2, rate))
    assert frames.shape == (2, log_mel.frames(rate), 64)
    assert 98 <= frames.shape[1] <= 100
    assert log_mel(torch.zeros(2, log_mel.length - 1)).shape == (2, 0, 64)


@pytest.mark.parametrize("rate", [8000, 12288, 48000])
def test_a_frame_hears_its_own_samples_alone(rate: int) -> None:
    log_mel = LogMel(rate)
    audio = torch.randn(rate)
    own = torch.zeros(rate, dtype=torch.bool)
    own[30 * log_mel.hop : 30 * log_mel.hop + log_mel.length] = True
    assert torch.equal(log_mel(torch.where(own, audio, 100.0))[30], log_mel(audio)[30])
    assert not torch.allclose(log_mel(torch.where(own, 100.0, audio))[30], log_mel(audio)[30])


def test_levels_are_pascal_squared_and_the_floor_is_silence() -> None:
    log_mel = LogMel(12288, bands=48)
    assert torch.all(log_mel(torch.zeros(12288)) == -120)
    audio = 0.02 * torch.randn(122880, generator=torch.Generator().manual_seed(0))
    louder = log_mel(10 * audio) - log_mel(audio)
    assert torch.allclose(louder, torch.tensor(20.0), atol=1e-3)
    # White noise of p Pa has p^2 Pa^2 in each bin, and filters weigh the bins.
    energies = (10 ** (log_mel(audio) / 10)).mean(dim=0)
    expected = 0.02**2 * log_mel.filters.sum(dim=0) * log_mel.window.square().sum()
    assert torch.allclose(energies, expected, rtol=0.1)


def test_a_tone_is_in_its_band() -> None:
    log_mel = LogMel(16000, bands=40)
    edges = torch.linspace(0, 1, 42)
    low, high = (2595 * torch.log10(torch.tensor(1 + hertz / 700)) for hertz in (100.0, 8000.0))
    centres = 700 * (10 ** ((low + (high - low) * edges[1:-1]) / 2595) - 1)
    for band in (10, 20, 35):
        tone = torch.sin(2 * torch.pi * centres[band] * torch.arange(8000) / 16000)
        assert int(log_mel(tone)[20].argmax()) == band


@pytest.mark.parametrize("rate", [12288, 16000, 44100])
def test_stream_equals_batch(rate: int) -> None:
    log_mel = LogMel(rate)
    audio = 0.02 * torch.randn(2, rate)
    stream = LogMelStream(log_mel)
    pieces, start = [], 0
    for length in (1, log_mel.length - 2, 1, 1, 5000, 17, rate):
        pieces.append(stream.push(audio[:, start : start + length]))
        start += length
    assert [piece.shape[1] for piece in pieces[:4]] == [0, 0, 1, 0]
    assert torch.allclose(torch.cat(pieces, dim=1), log_mel(audio), atol=1e-5)


@pytest.mark.parametrize("rate", [7999, 96001])
def test_other_rates_are_refused(rate: int) -> None:
    with pytest.raises(AcoustillError, match="sample rate"):
        LogMel(rate)

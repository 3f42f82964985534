"""Sound files, checked before anything is computed from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from acoustill.errors import AcoustillError
from acoustill.imaging import check_signals, read_signals
from acoustill.rig import Rig


@pytest.fixture
def samples(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-0.5, 0.5, (400, 8)).astype(np.float32)


@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "FLOAT"), ("a.wav", "PCM_24"), ("a.flac", "PCM_24")])
def test_every_channel_is_read(name: str, subtype: str, samples: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / name, samples, 8000, subtype)
    signals, rate = read_signals(tmp_path / name)
    assert rate == 8000
    assert signals.shape == (8, 400)
    assert signals.dtype == np.float32
    np.testing.assert_allclose(signals, samples.T, atol=1e-6)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "FLOAT"), ("a.wav", "PCM_16"), ("a.flac", "PCM_16")])
def test_truncated_files_are_refused(name: str, subtype: str, kept: float, samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / name
    soundfile.write(path, samples, 8000, subtype)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(AcoustillError, match=rf"{name}: (truncated|not a readable sound file)"):
        read_signals(path)


def test_further_chunks_before_and_after_the_samples_do_no_harm(samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, samples[:, :1], 8000, "PCM_16")
    whole = path.read_bytes()
    note = b"note" + (3).to_bytes(4, "little") + b"abc\0"  # of odd length, so padded
    body = whole[12:36] + note + whole[36:] + note
    path.write_bytes(b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WAVE" + body)
    signals, _ = read_signals(path)
    np.testing.assert_allclose(signals[0], samples[:, 0], atol=1e-4)


def test_a_stream_of_unknown_length_is_taken_as_it_is(samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, samples[:, :1], 8000, "PCM_16")
    whole = bytearray(path.read_bytes())
    start = whole.index(b"data")
    whole[start + 4 : start + 8] = whole[4:8] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(whole))
    assert read_signals(path)[0].shape == (1, 400)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"no sound at all" * 9])
def test_what_is_no_sound_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AcoustillError, match=r"a.wav: not a readable sound file"):
        read_signals(path)


def test_an_empty_recording_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 2)), 8000)
    with pytest.raises(AcoustillError, match="length is 0 samples"):
        read_signals(tmp_path / "a.wav")
    with pytest.raises(AcoustillError, match="no such sound file"):
        read_signals(tmp_path)


def test_what_the_rig_cannot_have_recorded_is_refused(small_rig: Rig, samples: np.ndarray) -> None:
    signals = samples.T
    check_signals(signals, 8000, small_rig, "a.wav")
    with pytest.raises(AcoustillError, match=r"a.wav: sample rate is 16000 Hz, expected 8000 Hz"):
        check_signals(signals, 16000, small_rig, "a.wav")
    with pytest.raises(AcoustillError, match=r"a.wav: number of channels is 2, expected 8"):
        check_signals(signals[:2], 8000, small_rig, "a.wav")
    with pytest.raises(AcoustillError, match="length is 63 samples, expected at least one frame of 64"):
        check_signals(signals[:, :63], 8000, small_rig, "a.wav")
    silent = np.zeros_like(signals)
    silent[[2, 5]] = 1  # the broken channels
    with pytest.raises(AcoustillError, match="every sample is zero"):
        check_signals(silent, 8000, small_rig, "a.wav")


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64"])
def test_truncated_files_are_refused_and_whole_ones_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "take.wav"
    samples = np.random.default_rng(0).uniform(-1, 1, (10_000, 2)).astype(np.float32)
    soundfile.write(path, samples, 8000, format=kind, subtype="FLOAT")
    signals, rate = read_signals(path)
    np.testing.assert_array_equal(signals, samples.T)
    assert rate == 8000
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AcoustillError, match="truncated"):
        read_signals(path)

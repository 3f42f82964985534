"""Recordings from sound files, checked before anything is computed from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from acoustill.errors import AcoustillError, bad_input
from acoustill.rig.rig import Rig


def read_signals(path: str | Path) -> tuple[np.ndarray, int]:
    """Reads every channel of a WAV, FLAC or other libsndfile file.

    Returns:
        Signals in full scale, (channels, samples) float32, and the sample rate in hertz.

    Raises:
        AcoustillError: if the file is missing, is no sound file, is empty, or ends before the length that
            its header states.
    """
    path = Path(path)
    if not path.is_file():
        raise AcoustillError(f"{path}: no such sound file")
    missing = _missing_bytes(path)
    if missing > 0:
        raise AcoustillError(f"{path}: truncated, {missing} bytes of samples that its header states are missing")
    try:
        with soundfile.SoundFile(path) as file:
            stated, rate = file.frames, file.samplerate
            signals = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AcoustillError(f"{path}: not a readable sound file ({error})") from error
    if len(signals) != stated:
        raise AcoustillError(f"{path}: truncated, {len(signals)} of {stated} samples can be read")
    if not len(signals):
        raise bad_input(path, "length", "0 samples", "at least one sample")
    return np.ascontiguousarray(signals.T), rate


def _missing_bytes(path: Path) -> int:
    """How many bytes a WAV, RF64 or W64 file is shorter than it states; 0 or less for whole and other files.

    libsndfile reads a truncated file of these as if it were whole. Streams of unknown length, which state 0
    or the largest number, are taken as they are.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(28)
        if header[:4] == b"RF64" and header[12:16] == b"ds64":
            stated = int.from_bytes(header[20:28], "little")
            return stated + 8 - size if 0 < stated < 1 << 63 else 0
        if header[:4] == b"riff":  # W64, whose length counts its own header
            return int.from_bytes(header[16:24], "little") - size
        if header[:4] != b"RIFF" or header[8:12] != b"WAVE":
            return 0
        file.seek(12)
        while len(chunk := file.read(8)) == 8:
            stated = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                unknown = stated in (0, 0xFFFFFFFF, 0x7FFFFFFF)
                return 0 if unknown else file.tell() + stated - size
            file.seek(stated + stated % 2, 1)
    return 0


def check_channels(signals: np.ndarray, rig: Rig, where: str | Path) -> None:
    """Refuses signals of another shape than the rig's, or with samples that are not finite.

    Shapes:
        signals: (channels, samples).

    Raises:
        AcoustillError: naming the first channel and sample that is at fault.
    """
    if signals.ndim != 2 or signals.shape[0] != rig.channels:
        found = f"{signals.shape[0]}" if signals.ndim == 2 else f"of an array of shape {signals.shape}"
        raise bad_input(where, "number of channels", found, f"{rig.channels}, those of rig {rig.name}")
    finite = np.isfinite(signals)
    if not finite.all():
        channel, sample = np.argwhere(~finite)[0]
        value = signals[channel, sample]
        raise bad_input(where, f"sample {sample} of channel {channel}", value, "a finite number")


def check_signals(signals: np.ndarray, sample_rate: int, rig: Rig, where: str | Path) -> None:
    """Refuses a recording that the rig cannot have made, or from which nothing can be seen.

    Shapes:
        signals: (channels, samples).

    Raises:
        AcoustillError: if rate or channels are not the rig's, a sample is not finite, every working channel
            is silent, or there is not one whole frame.
    """
    if sample_rate != rig.sample_rate:
        raise bad_input(where, "sample rate", f"{sample_rate} Hz", f"{rig.sample_rate} Hz, that of rig {rig.name}")
    check_channels(signals, rig, where)
    if signals.shape[1] < rig.samples_per_frame:
        found = f"{signals.shape[1]} samples"
        raise bad_input(where, "length", found, f"at least one frame of {rig.samples_per_frame} samples")
    if not signals[rig.working].any():
        raise bad_input(where, "every sample", "zero", "sound in at least one working channel")

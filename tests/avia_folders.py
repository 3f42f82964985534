"""Writes the folders of frames in which AVIA and ACIVW come, with frames of noise."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import scipy.io
import simplejpeg

from small_archives import SAMPLES_PER_FRAME

CHANNELS = 4


class Take(NamedTuple):
    """What a recording holds.

    Shapes:
        maps: (frames, 36, 48, 12) float32, or a list of maps.
        audio: (channels, samples) int32.
        pictures: files, one for each frame.
    """

    maps: Sequence[np.ndarray]
    audio: np.ndarray
    pictures: Sequence[bytes]


def noise_take(seed: int, frames: int = 3, channels: int = CHANNELS, samples: int = SAMPLES_PER_FRAME) -> Take:
    """A take of noise; integers are of any size that int32 has."""
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((frames, 36, 48, 12)).astype(np.float32)
    audio = rng.integers(-(2**31), 2**31, (channels, frames * samples), dtype=np.int32)
    return Take(maps, audio, [jpeg(rng) for _ in range(frames)])


def jpeg(rng: np.random.Generator, height: int = 16, width: int = 24) -> bytes:
    """A picture of noise as a file."""
    return simplejpeg.encode_jpeg(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), quality=90)


def bitmap(rgb: np.ndarray, bottom_up: bool = True) -> bytes:
    """A picture as a BMP file of 24 bits a pixel."""
    height, width, _ = rgb.shape
    rows = np.zeros((height, -(-3 * width // 4) * 4), np.uint8)
    rows[:, : 3 * width] = rgb[..., ::-1].reshape(height, -1)
    pixels = (rows[::-1] if bottom_up else rows).tobytes()
    signed_height = height if bottom_up else -height
    header = struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54)
    return header + struct.pack("<IiiHHIIiiII", 40, width, signed_height, 1, 24, 0, len(pixels), 0, 0, 0, 0) + pixels


def write_mat(path: Path, array: object, kind: str = "v7", variable: str = "MFCC") -> Path:
    """Writes a MATLAB file.

    Args:
        path: of the file.
        array: what the variable holds; for v7.3, an array.
        kind: v5 is not compressed, v7 is, v7.3 is HDF5.
        variable: its name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind != "v7.3":
        scipy.io.savemat(path, {variable: array}, do_compression=kind == "v7")
        return path
    values = np.asarray(array)
    with h5py.File(path, "w", userblock_size=512) as file:
        dataset = file.create_dataset(variable, data=values.T)  # MATLAB's first axis is the fastest
        dataset.attrs["MATLAB_class"] = np.bytes_({"f8": "double", "f4": "single"}[values.dtype.str[1:]])
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def write_maps(folder: Path, maps: Sequence[np.ndarray], kind: str = "v5") -> Path:
    """`Data_1.mat`, ..., without padding; double precision, as MATLAB's own."""
    for number, one in enumerate(maps, start=1):
        write_mat(folder / f"Data_{number}.mat", np.asarray(one, np.float64), kind)
    return folder


def write_audio(folder: Path, audio: np.ndarray, samples: int = SAMPLES_PER_FRAME, ending: str = ".npy") -> Path:
    """`A_000001.npy`, ..., or `.dc`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, audio.shape[1], samples), start=1):
        frame = audio[:, start : start + samples]
        path = folder / f"A_{number:06d}{ending}"
        if ending == ".dc":
            path.write_bytes(frame.astype("<i4").tobytes(order="F"))
        else:
            np.save(path, frame)
    return folder


def write_pictures(folder: Path, pictures: Sequence[bytes], ending: str = ".jpeg") -> Path:
    """`I_000001.jpeg`, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures, start=1):
        (folder / f"I_{number:06d}{ending}").write_bytes(picture)
    return folder


def write_avia(root: Path, take: Take, place: str = "Location_01/Subject_01/Action_00", kind: str = "v5") -> None:
    """All three streams of a recording, where AVIA has them."""
    samples = take.audio.shape[1] // len(take.pictures)
    write_maps(root / "matfiles" / place / "MFCC_Image", take.maps, kind)
    write_audio(root / "sync" / place / "audio", take.audio, samples)
    write_pictures(root / "sync" / place / "video", take.pictures)


def write_acivw(folder: Path, take: Take, audio: str = ".dc", pictures: str = ".jpeg") -> None:
    """All three streams of a recording, where ACIVW has them."""
    samples = take.audio.shape[1] // len(take.pictures)
    write_maps(folder / "MFCC_Image", take.maps)
    write_audio(folder / "audio", take.audio, samples, audio)
    write_pictures(folder / "video", take.pictures, pictures)
    (folder / "video_time.txt").write_text("video time: 1")


def put_pipe(path: Path) -> None:
    """Puts a named pipe, which nobody ever writes to, where a file is."""
    path.unlink()
    os.mkfifo(path)


@contextmanager
def ending_soon(seconds: float = 10.0) -> Iterator[None]:
    """Fails what waits for ever."""

    def give_up(*_: object) -> None:
        raise AssertionError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

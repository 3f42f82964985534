"""A small rig and takes of it, for tests of commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from acoustill.rig import Camera, Rig, save_rig
from free_field import free_field

RATE, FRAME_RATE, FRAME = 8000, 20.0, 400


def take_rig() -> Rig:
    """16 microphones 0.3 m wide, one of them broken, 8,000 Hz, 20 frames/s, a camera of 96 x 72 pixels."""
    x, y = np.meshgrid(np.linspace(-0.15, 0.15, 4), np.linspace(-0.15, 0.15, 4))
    positions = np.column_stack([x.ravel(), y.ravel(), np.zeros(16)])
    return Rig("take", positions, RATE, FRAME_RATE, (6,), Camera.with_field_of_view(96, 72, 1.0))


def rig_file(folder: Path) -> Path:
    save_rig(take_rig(), folder / "rig.yaml")
    return folder / "rig.yaml"


def noise_at(pixel: tuple[float, float], seconds: float, distance_m: float = 2.0, seed: int = 0) -> np.ndarray:
    """Signals (channels, samples) of white noise at a pixel of the camera's frame, and weak noise of the sensors."""
    rig, rng = take_rig(), np.random.default_rng(seed)
    point = rig.camera.unproject(np.array(pixel), distance_m)
    signals = free_field(rig.positions_m, tuple(point), rng.standard_normal(round(seconds * RATE)), RATE)
    return (0.02 * (signals + 0.03 * rng.standard_normal(signals.shape))).astype(np.float32)


def write_take(path: Path, signals: np.ndarray) -> Path:
    soundfile.write(path, signals.T, RATE, "FLOAT")
    return path

"""Archives of a few short recordings, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.archive import Archive, ImageHeader, create_archive, finish_archive, write_recording
from acoustill.files import file_hash
from acoustill.imaging import ImageSpecification, extent_grid
from acoustill.rig import Camera, Rig

FRAMES, SAMPLES_PER_FRAME = 12, 100
IMAGE_SPECIFICATION = ImageSpecification(features="mel", bands=2)


def little_rig() -> Rig:
    """Four microphones, 1,200 Hz, 12 frames/s, a camera of 24 x 16 pixels."""
    positions = np.array([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [-0.1, 0.1, 0.0], [0.1, 0.1, 0.0]])
    return Rig("little", positions, 1200, 12.0, camera=Camera.with_field_of_view(24, 16, 1.0))


def streams(seed: int, frames: int = FRAMES) -> dict[str, Any]:
    """Arguments of `write_recording`: noise in every stream."""
    rng = np.random.default_rng(seed)
    return {
        "frames": frames,
        "audio": rng.standard_normal((2, frames * SAMPLES_PER_FRAME)).astype(np.float32),
        "microphones": (0, 3),
        "image": rng.standard_normal((frames, 3, 4, 2)).astype(np.float16),
        "video": rng.integers(0, 256, (frames, 16, 24, 3), dtype=np.uint8),
    }


def start_archive(path: Path) -> Path:
    """An archive without recordings."""
    create_archive(path, little_rig(), ImageHeader(IMAGE_SPECIFICATION, extent_grid((-1, 1, -1, 1), 3, 4, 2.0)))
    return path


def small_archive(path: Path, recordings: Iterable[dict[str, Any]] = ({}, {}, {})) -> Archive:
    """An archive; each dictionary holds what `write_recording` shall take in place of the usual."""
    start_archive(path)
    for number, given in enumerate(recordings):
        arguments = {"label": "clap", "scenario": "office", "subject": "s1", **streams(number)} | given
        write_recording(path, arguments.pop("id", f"r{number:03d}"), **arguments)
    finish_archive(path)
    return Archive(path)


def rewrite_entries(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes what an archive says of its recordings, in the manifest and in the sidecars.

    Args:
        path: of the archive.
        change: is given each entry; files of streams that it takes out are no longer stated.
    """
    lines = [json.loads(line) for line in (path / "manifest.jsonl").read_text().splitlines()]
    for line in lines:
        sidecar = path / "recordings" / line["id"] / "recording.json"
        content = json.loads(sidecar.read_text())
        change(line)
        change(content["entry"])
        content["files"] = {stream: file for stream, file in content["files"].items() if stream in line["streams"]}
        sidecar.write_text(json.dumps(content))
        line["sidecar"] = file_hash(sidecar)
    (path / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

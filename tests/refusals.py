"""Running a command that must refuse what it is given."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

Command = Callable[..., Any]


def state(folder: Path) -> dict[str, str]:
    """Every file below a folder, and a hash of it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def refuses(run: Command, place: Path, *arguments: object, says: str) -> None:
    """Runs a command that must end with one sentence and leave everything as it was."""
    before = state(place)
    ended = run(*arguments)
    assert ended.status == 2, ended
    assert "Traceback" not in ended.err
    (line,) = ended.err.splitlines()
    assert line.startswith("acoustill: ")
    assert re.search(says, line), line
    assert not ended.out
    assert state(place) == before
    assert not list(place.rglob("*.part"))


def sound(path: Path, channels: int = 16, samples: int = 8000, rate: int = 48000, level: float = 0.1) -> Path:
    noise = level * np.random.default_rng(0).standard_normal((samples, channels))
    soundfile.write(path, noise.astype(np.float32), rate, "FLOAT")
    return path

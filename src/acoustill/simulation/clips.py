"""Real clips in place of synthetic actions: which files there are, and how a take is made of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from acoustill.archive.importers.avia_names import ACTIONS
from acoustill.archive.importers.sound_folders import ENDINGS, sound_files
from acoustill.archive.importers.sounds import find_sound, find_table, read_sound_table
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.signals.opening import read_signals
from acoustill.imaging.signals.source import readable
from acoustill.jobs import SetAside
from acoustill.simulation.performance import Performance, draw_level
from acoustill.simulation.sound_onsets import find_events
from acoustill.simulation.synthesis import Array, active_level

ALSO_CALLED = {
    "keyboard typing": "typing",
    "mouse click": "clicking",
    "door wood knock": "knocking",
}
"""Classes of ESC-50 that are one of AVIA's actions under another name."""

_BLOCK_S = 0.01
_SILENT_DB = -45.0  # below the loudest block of a clip: cut off at its ends
_EDGE_S = 0.005
_SHORTEST_S = 0.05  # of a clip that is cut off by the end of the take
_LEAD_S = (0.02, 0.4)
_PAUSE_S = (0.25, 1.0)
_BETWEEN_CLIPS_DB = 1.5


def find_clips(folder: str | Path) -> dict[str, tuple[Path, ...]]:
    """The sound files that a folder holds of each action.

    Two layouts are known. Either every folder in it is named after an action, with spaces, hyphens or underscores
    ("paper shaking", "paper-shaking", "paper_shaking"), and holds sounds, also in folders of its own. Or there is a
    table (`metadata.csv`, or the only CSV file in `meta/`), as ESC-50 has, of which the rows are taken whose class
    is an action; ESC-50's classes `keyboard_typing`, `mouse_click` and `door_wood_knock` are.

    Args:
        folder: of the clips.

    Returns:
        Files by action, in the order of `ACTIONS` and of the files' names; actions without a clip are left out.

    Raises:
        AcoustillError: if there is no such folder, a folder in it is named after no action or holds no sounds, a sound
            is of a format that cannot be read, or no action is found at all.
    """
    folder = Path(folder)
    with readable(folder):
        if not folder.is_dir():
            raise AcoustillError(f"{folder}: no such folder of clips")
        has_table = (folder / "metadata.csv").is_file() or any(folder.glob("meta/*.csv"))
    found = _listed(folder) if has_table else _in_folders(folder)
    if not found:
        raise AcoustillError(f"{folder}: holds clips of no action, expected some of {', '.join(ACTIONS)}")
    return {action: tuple(sorted(found[action])) for action in ACTIONS if action in found}


def _listed(folder: Path) -> dict[str, set[Path]]:
    """The files of a table's rows whose class is an action."""
    table = read_sound_table(find_table(folder))
    found: dict[str, set[Path]] = {}
    for number, row, wrong in zip(table.numbers, table.rows, table.wrong, strict=True):
        if wrong is not None:
            raise AcoustillError(f"{table.path}: row {number}: {wrong}")
        action = _action_of(row[str(table.label_column)])
        if action is not None:
            found.setdefault(action, set()).add(find_sound(folder, row["filename"], table.path))
    return found


def _in_folders(folder: Path) -> dict[str, set[Path]]:
    """The files in folders that are named after actions."""
    found: dict[str, set[Path]] = {}
    with readable(folder):
        below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in below:
        action = _action_of(path.name)
        if action is None:
            names = [*ACTIONS, *ALSO_CALLED]
            closest = difflib.get_close_matches(_plain(path.name), names, 1, cutoff=0.0)[0]
            expected = f"an action; the closest is {ALSO_CALLED.get(closest, closest)!r}"
            raise bad_input(folder, "name of a folder in it", repr(path.name), expected)
        aside: list[SetAside] = []
        files = set(sound_files(path, aside))
        if aside:
            raise AcoustillError(aside[0].why)
        if not files:
            raise AcoustillError(f"{path}: holds no sounds ({', '.join(ENDINGS)})")
        found.setdefault(action, set()).update(files)
    return found


def _action_of(name: str) -> str | None:
    plain = _plain(name)
    plain = ALSO_CALLED.get(plain, plain)
    return plain if plain in ACTIONS else None


def _plain(name: str) -> str:
    """A name in lower case with single spaces for hyphens and underscores."""
    return " ".join(name.lower().replace("-", " ").replace("_", " ").split())


def play_clips(paths: Sequence[str], seconds: float, sample_rate: int, rng: np.random.Generator) -> Performance:
    """A take made of real clips: one after the other with pauses, in an order drawn at random, none of them twice.

    Silence at the ends of a clip is cut off. Clips are brought to about the same level, and the whole to one drawn
    as those of synthetic actions are. Where the clips end before the take, it ends in silence.

    Args:
        paths: sound files of one action, by one person if they are several.
        seconds: length of the take.
        sample_rate: hertz.
        rng: the source of order, pauses and level.

    Returns:
        The sound at 1 m, and the onsets that are heard in it as events.

    Shapes:
        signal: (samples,) with samples = round(seconds x sample_rate), in pascal.

    Raises:
        AcoustillError: naming the file that cannot be read or is silent, or if there is none.
    """
    if not paths:
        raise AcoustillError("simulation: there are no clips to play")
    samples = round(seconds * sample_rate)
    whole = np.zeros(samples)
    stretches: list[tuple[int, int]] = []
    start = 0
    for number, index in enumerate(rng.permutation(len(paths))):
        clip = _read_clip(paths[index], sample_rate)
        if number:
            start += round(float(rng.uniform(*_PAUSE_S)) * sample_rate)
        else:
            room = max(0.0, (samples - len(clip)) / sample_rate)  # a clip that fills the take begins at once
            start = round(min(float(rng.uniform(*_LEAD_S)), room) * sample_rate)
        if number and start > samples - _SHORTEST_S * sample_rate:
            break
        end = min(start + len(clip), samples)
        part = clip[: end - start]
        level = active_level(part, sample_rate) + _BETWEEN_CLIPS_DB * float(rng.standard_normal())
        whole[start:end] = part * 10 ** (-level / 20)
        stretches.append((start, end))
        start = end
    whole *= 10 ** ((draw_level(rng) - active_level(whole, sample_rate)) / 20)
    return Performance(whole.astype(np.float32), find_events(whole, stretches, sample_rate))


def _read_clip(path: str, sample_rate: int) -> Array:
    """The mean of a file's channels at another rate, without offset and without the silence at its ends.

    Raises:
        AcoustillError: if it cannot be read or is silent.
    """
    signals, rate = read_signals(path)
    silent = AcoustillError(f"{path}: the sound is silent or not finite")
    if not np.isfinite(signals).all() or not signals.any():
        raise silent
    mono = signals.mean(axis=0, dtype=np.float64)
    sound = np.asarray(soxr.resample(mono - mono.mean(), rate, sample_rate, quality="VHQ"), np.float64)
    if not len(sound) or np.abs(sound).max() <= 1e-6 * np.abs(signals).max():
        raise silent  # nothing but an offset, or channels that cancel
    kept = _within_silence(sound, sample_rate)
    edge = max(1, min(round(_EDGE_S * sample_rate), len(kept) // 2))
    ramp = np.sin(np.pi / 2 * (np.arange(edge) + 0.5) / edge) ** 2
    kept[:edge] *= ramp
    kept[-edge:] *= ramp[::-1]
    return kept


def _within_silence(sound: Array, sample_rate: int) -> NDArray[np.float64]:
    """A copy of a sound from a block before the first that is heard to a block after the last."""
    block = max(1, round(_BLOCK_S * sample_rate))
    power = np.add.reduceat(sound**2, np.arange(0, len(sound), block))
    heard = np.flatnonzero(power >= 10 ** (_SILENT_DB / 10) * power.max())
    return sound[max(0, int(heard[0]) - 1) * block : (int(heard[-1]) + 2) * block].copy()

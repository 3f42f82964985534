"""What is checked and noted down before takes are simulated: nothing is written for what is refused."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, json_hash, only_writer
from acoustill.jobs import SetAside
from acoustill.simulation.clips import play_clips
from acoustill.simulation.plan import LOUDSPEAKER, Take, check_length, check_scenarios

SIMULATION = 1
"""Raised by hand whenever the same seed gives other bytes: a folder that an older one began is not gone on with."""

SHORTEST_CLIP_S = 0.05
NAMED = 3  # of bad clips, the others are counted


def check_takes(path: Path, takes: Sequence[Take], sample_rate: int) -> None:
    """Refuses takes that cannot be simulated together.

    Clips that stand for people's actions are read, each once. The sounds of a collection are not: a bad one costs its
    own take, which is set aside.

    Args:
        path: where they are to go.
        takes: all of them.
        sample_rate: of the rig, in hertz.

    Raises:
        AcoustillError: if that is a file, there is no take, two have one name, a length or a scenario makes no sense,
            or clips cannot be played.
    """
    if path.exists() and not path.is_dir():
        raise bad_input(path, "OUT", "a file", "a new folder, or one to go on with")
    if not takes:
        raise AcoustillError(f"{path}: there is nothing to simulate")
    twice = [recording for recording, count in Counter(take.id for take in takes).items() if count > 1]
    if twice:
        raise AcoustillError(f"simulation: two takes are called {twice[0]!r}; give each sound once")
    check_scenarios(sorted({take.scenario for take in takes}))
    for seconds in {take.seconds for take in takes}:
        check_length(seconds)
    _check_clips(sorted({sound for take in takes if take.action != LOUDSPEAKER for sound in take.sounds}), sample_rate)


def _check_clips(sounds: Sequence[str], sample_rate: int) -> None:
    bad = [why for sound in sounds if (why := _wrong_with(sound, sample_rate)) is not None]
    if bad:
        more = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        count = f"{len(bad)} of {len(sounds)} clips cannot be played"
        raise AcoustillError(f"simulation: {count}: {'; '.join(bad[:NAMED])}{more}; mend them or take them away")


def _wrong_with(sound: str, sample_rate: int) -> str | None:
    """Why a clip cannot be played, or None."""
    try:
        played = play_clips([sound], 1.0, sample_rate, np.random.default_rng(0)).signal
    except AcoustillError as error:
        return str(error)
    heard = np.flatnonzero(played)
    heard_s = (int(heard[-1]) - int(heard[0]) + 1) / sample_rate if len(heard) else 0.0
    if heard_s < SHORTEST_CLIP_S:
        return f"{sound}: {1000 * heard_s:.0f} ms are heard, expected {1000 * SHORTEST_CLIP_S:.0f} ms or more"
    return None


def maker(takes: Sequence[Take], microphones: int) -> dict[str, Any]:
    """What made recordings of these takes; going on needs the same.

    What people set stands in plain text, so that a refusal can name it; the rest is hashed. Of sound files, their
    content counts, not where they lie.
    """
    sounds = {sound: _content(sound) for sound in sorted({sound for take in takes for sound in take.sounds})}
    content = [asdict(take) | {"sounds": [sounds[sound] for sound in take.sounds]} for take in takes]
    labelled = [take for take in takes if take.label is not None]
    return {
        "command": "simulate",
        "simulation": SIMULATION,
        "seed": _one_of(str(take.seed[0]) for take in takes),
        "seconds": _one_of(f"{take.seconds:g}" for take in takes),
        "recordings": len(labelled),
        "scenarios": _one_of(take.scenario for take in labelled),
        "unlabelled": len(takes) - len(labelled),
        "microphones": microphones,
        "sounds": json_hash(sorted(sounds.values())) if sounds else "synthetic",
        "takes": json_hash(content),
    }


def _one_of(values: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(values))


def _content(sound: str) -> str:
    """The hash of a file; of one that cannot be read, its name: its take will be set aside."""
    try:
        return file_hash(Path(sound))
    except OSError:
        return Path(sound).name


@contextmanager
def writing_into(out: Path) -> Iterator[None]:
    """Makes the folder and lets no other process write there; see `only_writer`.

    Raises:
        AcoustillError: if it cannot be made, or another process writes it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AcoustillError(f"{out}: the folder cannot be made ({error.strerror}); give another one") from error
    with only_writer(out):
        yield


def refuse_nothing(out: Path, takes: Sequence[Take], aside: Sequence[SetAside], was_there: bool) -> None:
    """Refuses to go on if every take was set aside, and leaves no folder that was not there before.

    Raises:
        AcoustillError: with the reason of the first.
    """
    if len(aside) == len(takes):
        if not was_there:
            shutil.rmtree(out, ignore_errors=True)
        raise AcoustillError(f"{out}: no take could be simulated; {aside[0].name}: {aside[0].why}")

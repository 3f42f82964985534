"""What is to be recorded: one Take a recording, of AVIA-Sim's actions or of a folder of real sounds.

All chance follows from tuples that begin with the data set's seed and what is drawn, one of the numbers below.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from acoustill.archive.importers.sounds import find_sound, find_table, read_sound_table
from acoustill.errors import AcoustillError, bad_input
from acoustill.simulation.dealing import Clips, Dealt, deal_clips
from acoustill.simulation.scenes import SCENARIOS
from acoustill.simulation.sources import ACTIONS

LOUDSPEAKER = "loudspeaker"
RIG, TAKE, SUBJECT, OTHER_TAKE, OTHER_PERSON = 0, 1, 2, 3, 4
SOUND_TAKE, SOUND_PERSON, SOUND_ORDER, SOUND_OTHER_TAKE, SOUND_RIG = 5, 6, 7, 8, 12
CLIPS_DEALT, CLIPS_SHUFFLED, OTHER_ACTIONS = 9, 10, 11
NOISE_TAKE, NOISE_PERSON = 13, 14
SECONDS = (0.5, 3600.0)
LARGEST_SEED = 2**32 - 1  # a larger one is split into words, and would be that of another data set
TINY_ACTIONS = ("clapping", "hammering", "knocking", "speaking", "typing", "whistling")


@dataclass(frozen=True)
class Take:
    """One recording to be simulated.

    Attributes:
        id: of the recording.
        seed: from which everything random of the take is drawn.
        rig_seed: from which the errors of the rig's microphones are drawn; one for all takes of a data set.
        seconds: length.
        scenario: where, see `draw_scene`.
        subject: who acts.
        subject_seed: from which the subject's style and looks are drawn.
        action: what is seen, and heard unless there are `sounds`: one of `ACTIONS`, or a loudspeaker.
        label: what the archive says; None for an unlabelled take.
        sounds: files that are heard in turn in place of the synthetic action.
        columns: further columns of the manifest.
    """

    id: str
    seed: tuple[int, ...]
    rig_seed: tuple[int, ...]
    seconds: float
    scenario: str
    subject: str
    subject_seed: tuple[int, ...]
    action: str
    label: str | None
    sounds: tuple[str, ...] = ()
    columns: dict[str, str | int | float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The size of a simulated data set.

    Attributes:
        actions: which are performed.
        subjects: how many people perform each.
        takes: how often each of them does, in each scenario.
        seconds: length of a take.
        scenarios: where.
    """

    actions: tuple[str, ...]
    subjects: int
    takes: int
    seconds: float
    scenarios: tuple[str, ...] = SCENARIOS


PRESETS: dict[str, Plan] = {
    "tiny": Plan(TINY_ACTIONS, 6, 1, 4.0),
    "small": Plan(ACTIONS, 9, 1, 10.0),
    "full": Plan(ACTIONS, 9, 1, 30.0),
}


def plan_avia_sim(
    plan: Plan, seed: int, unlabelled: int = 0, clips: Mapping[str, Sequence[Path]] | None = None
) -> list[Take]:
    """Takes of AVIA-Sim: every action by every subject in every scenario, then unlabelled ones.

    Each unlabelled take is one of the plan's actions, by a person who is no subject, in a place of its own.

    Args:
        plan: how many of each.
        seed: of all that is random.
        unlabelled: how many takes without a label.
        clips: real recordings of some actions, which are heard in place of the synthetic ones. No clip is heard from
            two subjects, nor from a subject and in an unlabelled take.

    Raises:
        AcoustillError: if an action or a scenario is unknown, one stands there twice, the seed or the length makes no
            sense, or there are too few clips of an action.
    """
    check_size(plan.seconds, seed, plan.scenarios)
    unknown = sorted(set(plan.actions) - set(ACTIONS))
    if unknown:
        raise bad_input("simulation", "action", repr(unknown[0]), f"one of {', '.join(ACTIONS)}")
    if clips is not None and not set(clips) & set(plan.actions):
        raise AcoustillError(f"simulation: there are clips of {', '.join(sorted(clips))}, and of no action of the plan")
    dealt = {
        action: deal_clips(
            action, clips[action], plan.subjects, unlabelled > 0, (seed, CLIPS_DEALT, ACTIONS.index(action))
        )
        for action in plan.actions
        if clips and action in clips
    }
    return [*_labelled(plan, seed, dealt), *_unlabelled(plan, seed, unlabelled, dealt)]


def _labelled(plan: Plan, seed: int, dealt: Mapping[str, Dealt]) -> Iterator[Take]:
    """Every action by every subject in every scenario."""
    for s, scenario in enumerate(plan.scenarios):
        for subject in range(plan.subjects):
            for a, action in enumerate(plan.actions):
                for number in range(plan.takes):
                    own = (seed, TAKE, s, subject, a, number)
                    yield Take(
                        id=f"{scenario}-s{subject + 1:02d}-{action.replace(' ', '-')}-t{number + 1:02d}",
                        seed=own,
                        rig_seed=(seed, RIG),
                        seconds=plan.seconds,
                        scenario=scenario,
                        subject=f"s{subject + 1:02d}",
                        subject_seed=(seed, SUBJECT, subject),
                        action=action,
                        label=action,
                        sounds=_shuffled(dealt[action].subjects[subject], own) if action in dealt else (),
                    )


def _unlabelled(plan: Plan, seed: int, count: int, dealt: Mapping[str, Dealt]) -> Iterator[Take]:
    """One action each, by a person who is no subject, in a place of its own.

    Every action comes equally often, in an order that is shuffled anew in every round: ids do not tell it.
    """
    order: list[str] = []
    while len(order) < count:
        round_seed = (seed, OTHER_ACTIONS, len(order))
        order += [plan.actions[i] for i in np.random.default_rng(round_seed).permutation(len(plan.actions))]
    for i, action in enumerate(order[:count]):
        own = (seed, OTHER_TAKE, i)
        yield Take(
            id=f"place-{i + 1:04d}",
            seed=own,
            rig_seed=(seed, RIG),
            seconds=plan.seconds,
            scenario=f"place-{seed}-{i + 1:04d}",
            subject=f"p{i + 1:04d}",
            subject_seed=(seed, OTHER_PERSON, i),
            action=action,
            label=None,
            sounds=_shuffled(dealt[action].unlabelled, own) if action in dealt else (),
        )


def plan_noise(count: int, seconds: float, seed: int) -> list[Take]:
    """Takes of which the noise is kept: what a rig hears in many places while nobody acts, see `simulate_noise`.

    Each is in a place of its own, in which neither labelled nor unlabelled takes are. The noise of a place is as loud
    as it is beside an action, so each take is one of an action, in turn, that is then left out. The rig is the one of
    AVIA-Sim's takes of the same seed: its microphones err alike.

    Args:
        count: how many.
        seconds: length of each.
        seed: of all that is random.

    Raises:
        AcoustillError: if the length or the seed makes no sense.
    """
    check_length(seconds)
    check_seed(seed)
    return [
        Take(
            id=f"noise-{i + 1:04d}",
            seed=(seed, NOISE_TAKE, i),
            rig_seed=(seed, RIG),
            seconds=seconds,
            scenario=f"place-noise-{seed}-{i + 1:04d}",
            subject=f"n{i + 1:04d}",
            subject_seed=(seed, NOISE_PERSON, i),
            action=ACTIONS[i % len(ACTIONS)],
            label=None,
        )
        for i in range(count)
    ]


def check_size(seconds: float, seed: int, scenarios: Sequence[str]) -> None:
    """Refuses settings of a data set that make no sense.

    Raises:
        AcoustillError: naming the first.
    """
    check_length(seconds)
    check_seed(seed)
    check_scenarios(scenarios)


def check_seed(seed: int) -> None:
    """Refuses a seed.

    Raises:
        AcoustillError: if it is negative or too large.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise bad_input("simulation", "seed", seed, f"a number from 0 to {LARGEST_SEED}")


def check_length(seconds: float) -> None:
    """Refuses a length of a take.

    Raises:
        AcoustillError: if it is not from half a second to an hour.
    """
    if not SECONDS[0] <= seconds <= SECONDS[1]:  # so neither nan
        raise bad_input("simulation", "seconds", f"{seconds:g}", f"from {SECONDS[0]:g} to {SECONDS[1]:g}")


def check_scenarios(scenarios: Sequence[str]) -> None:
    """Refuses scenarios that cannot be simulated together.

    Raises:
        AcoustillError: if there is none, one is unknown, or one stands there twice.
    """
    for name in scenarios or ("",):
        if name not in SCENARIOS and not re.fullmatch(r"place-[A-Za-z0-9._-]+", name):
            raise bad_input("simulation", "scenario", repr(name), f"one of {', '.join(SCENARIOS)}, or place-NUMBER")
    twice = [name for name, count in Counter(scenarios).items() if count > 1]
    if twice:
        raise AcoustillError(f"simulation: scenario {twice[0]!r} stands there twice; give each once")


def _shuffled(clips: Clips, seed: tuple[int, ...]) -> Clips:
    """The clips of a take, in an order of its own: short takes do not all play the same first ones."""
    return tuple(clips[i] for i in np.random.default_rng((*seed, CLIPS_SHUFFLED)).permutation(len(clips)))


def plan_sounds(
    folder: str | Path,
    scenarios: tuple[str, ...],
    seconds: float,
    seed: int,
    limit: int | None = None,
    unlabelled: int = 0,
) -> list[Take]:
    """Takes of real sounds in ESC-50's layout, each played once in one of the scenarios in turn.

    The folder holds the sound files and a table (`metadata.csv`, or the only CSV file in `meta/`) with the
    columns `filename` and one of `class`, `category`, `label`. A column `fold` is kept, and `freesound_id` or
    `src_file` tell which clips were cut from one original: that is the take's subject.

    Args:
        folder: of the collection.
        scenarios: where the sounds are played.
        seconds: length of a take; longer sounds are cut, shorter ones end earlier.
        seed: of all that is random.
        limit: at most so many sounds of each class.
        unlabelled: so many takes without a label, of the same sounds in turn, each in a place of its own.

    Raises:
        AcoustillError: if the folder or table is missing or empty, a column is missing, a file is not there, or a
            scenario, the length or the seed makes no sense.
    """
    check_size(seconds, seed, scenarios)
    takes = [
        _played(sound, seconds, seed, scenarios[sound.position % len(scenarios)])
        for sound in _sounds(Path(folder), limit)
    ]
    order = np.random.default_rng((seed, SOUND_ORDER)).permutation(len(takes))
    again = []
    for i in range(unlabelled):
        played = takes[order[i % len(order)]]
        again.append(
            dataclasses.replace(  # subject and fold stay: protocols leave out what is of a tested original
                played,
                id=f"place-{i + 1:04d}-{played.id}",
                seed=(seed, SOUND_OTHER_TAKE, i),
                scenario=f"place-sounds-{seed}-{i + 1:04d}",
                label=None,
            )
        )
    return [*takes, *again]


class _Sound(NamedTuple):
    """A row of a collection's table: its number, and how many of its class came before."""

    number: int
    position: int
    file: Path
    label: str
    original: str
    columns: dict[str, str | int | float | None]


def _sounds(folder: Path, limit: int | None) -> Iterator[_Sound]:
    """The rows of a collection's table, at most so many of each class."""
    table = read_sound_table(find_table(folder))
    counts: Counter[str] = Counter()
    for number, row in enumerate(table.rows):
        name, label = row["filename"], row[str(table.label_column)]
        if not name or not label:
            raise bad_input(table.path, f"row {number + 1}", row, f"filename and {table.label_column}")
        if limit is not None and counts[label] >= limit:
            continue
        counts[label] += 1
        file = find_sound(folder, name, table.path)
        columns: dict[str, str | int | float | None] = {"fold": row["fold"]} if row.get("fold") else {}
        yield _Sound(number, counts[label], file, label, row[table.original_column] or name, columns)


def _played(sound: _Sound, seconds: float, seed: int, scenario: str) -> Take:
    """The take in which a sound is played; what is cut from one original is played by one loudspeaker."""
    digest = hashlib.sha256(sound.original.encode("utf-8", "surrogateescape")).digest()
    return Take(
        id=re.sub(r"[^A-Za-z0-9._-]", "-", sound.file.stem),
        seed=(seed, SOUND_TAKE, sound.number),
        rig_seed=(seed, SOUND_RIG),
        seconds=seconds,
        scenario=scenario,
        subject=sound.original,
        subject_seed=(seed, SOUND_PERSON, *(int.from_bytes(digest[i : i + 4]) for i in (0, 4))),
        action=LOUDSPEAKER,
        label=sound.label,
        sounds=(str(sound.file),),
        columns=sound.columns,
    )

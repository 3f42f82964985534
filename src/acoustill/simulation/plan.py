"""What is to be recorded: one Take a recording, from a preset or a folder of real sounds."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from acoustill.archive.importers.sounds import find_sound, find_table, read_sound_table
from acoustill.errors import bad_input
from acoustill.simulation.scenes import SCENARIOS
from acoustill.simulation.sources import ACTIONS


@dataclass(frozen=True)
class Take:
    """One recording to be simulated.

    Attributes:
        id: of the recording.
        seed: from which everything random of the take is drawn.
        seconds: length.
        scenario: where, see `draw_scene`.
        subject: who acts; styles and looks are drawn from `subject_seed`.
        subject_seed: likewise.
        action: what is performed; None if a sound file is played.
        label: what the archive says; None for an unlabelled take.
        sound: file that a loudspeaker plays in place of a synthetic action.
        columns: further columns of the manifest.
    """

    id: str
    seed: tuple[int, ...]
    seconds: float
    scenario: str
    subject: str
    subject_seed: tuple[int, ...]
    action: str | None
    label: str | None
    sound: str | None = None
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
    "tiny": Plan(("clapping", "hammering", "knocking", "speaking", "typing", "whistling"), 6, 1, 4.0),
    "small": Plan(ACTIONS, 9, 1, 10.0),
}


def plan_actions(plan: Plan, seed: int, unlabelled: int = 0) -> list[Take]:
    """Takes of synthetic actions: every action by every subject in every scenario, then unlabelled ones.

    Each unlabelled take is one of the plan's actions, by a person who is no subject, in a place of its own.

    Raises:
        AcoustillError: if an action is unknown.
    """
    unknown = sorted(set(plan.actions) - set(ACTIONS))
    if unknown:
        raise bad_input("simulation", "action", repr(unknown[0]), f"one of {', '.join(ACTIONS)}")
    takes = []
    for s, scenario in enumerate(plan.scenarios):
        for subject in range(plan.subjects):
            for a, action in enumerate(plan.actions):
                for take in range(plan.takes):
                    takes.append(
                        Take(
                            f"{scenario}-s{subject + 1:02d}-{action}-t{take + 1:02d}",
                            (seed, 1, s, subject, a, take),
                            plan.seconds,
                            scenario,
                            f"s{subject + 1:02d}",
                            (seed, 2, subject),
                            action,
                            action,
                        )
                    )
    for i in range(unlabelled):
        takes.append(
            Take(
                f"place-{i + 1:04d}",
                (seed, 3, i),
                plan.seconds,
                f"place-{seed}-{i + 1:04d}",
                f"p{i + 1:04d}",
                (seed, 4, i),
                plan.actions[i % len(plan.actions)],
                None,
            )
        )
    return takes


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
        AcoustillError: if the folder or table is missing or empty, a column is missing, or a file is not there.
    """
    folder = Path(folder)
    table = read_sound_table(find_table(folder))
    label_column, original_column = str(table.label_column), table.original_column
    takes: list[Take] = []
    counts: dict[str, int] = {}
    for number, row in enumerate(table.rows):
        label = row[label_column]
        if not row["filename"] or not label:
            raise bad_input(table.path, f"row {number + 1}", row, f"filename and {label_column}")
        if limit is not None and counts.get(label, 0) >= limit:
            continue
        position = counts[label] = counts.get(label, 0) + 1
        columns: dict[str, str | int | float | None] = {"fold": row["fold"]} if row.get("fold") else {}
        takes.append(
            Take(
                re.sub(r"[^A-Za-z0-9._-]", "-", Path(row["filename"]).stem),
                (seed, 5, number),
                seconds,
                scenarios[position % len(scenarios)],
                row[original_column] or row["filename"],
                (seed, 6, number),
                None,
                label,
                str(find_sound(folder, row["filename"], table.path)),
                columns,
            )
        )
    order = np.random.default_rng((seed, 7)).permutation(len(takes))
    for i in range(unlabelled):
        played = takes[order[i % len(order)]]
        where = f"place-{seed}-{i + 1:04d}"
        takes.append(
            dataclasses.replace(
                played, id=f"place-{i + 1:04d}-{played.id}", seed=(seed, 8, i), scenario=where, label=None
            )
        )
    return takes

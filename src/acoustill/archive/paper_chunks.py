"""The split of Perez et al. (WACV 2020), exactly, for comparison with their numbers only: it leaks.

Their code counts every recording as 30 files of one second, deals chunks of ten consecutive files at random, 80 % to
training, 10 % to validation and the rest to test, and looks neither at recordings nor at classes. About nine in ten
test chunks are of recordings that are also trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from acoustill.archive.archive import Archive
from acoustill.archive.clips import Clip, frames_of
from acoustill.archive.entry import Entry
from acoustill.archive.importers.avia_names import ACTIONS, SCENARIOS, avia_id
from acoustill.archive.splits import AVIA_IMPORTERS, Split
from acoustill.errors import bad_input

CHUNK_SECONDS = 10
SEED = 42
TRAIN, VALIDATION = 0.8, 0.1
AVIA_SECONDS = 30  # shorter recordings were looped to this length and longer ones cut
SUBJECTS = 9


def split_paper_chunks(archive: Archive, labelled: Sequence[Entry], scenario: str | None) -> Split:
    """The split that the paper's code draws for the recordings of an archive, in the order of their ids.

    The draw goes by the number of recordings. For AVIA it is made over all that the paper had at the locations that
    are there, of 9 subjects and 14 actions each; chunks of recordings that are missing here, and those that reach
    beyond the end of their recording, are left out after the draw, so that all others lie where the paper had them:
    its code looped short recordings, and we never do.

    Args:
        archive: the recordings.
        labelled: those with a label.
        scenario: use the recordings of this scenario alone, as the paper does for each location; None uses all.

    Raises:
        AcoustillError: if there is no such scenario, or there are too few chunks for three sides.
    """
    scenarios = sorted({entry.scenario for entry in labelled if entry.scenario is not None})
    if scenario is not None and scenario not in scenarios:
        raise bad_input(archive.path, "protocol.scenario", repr(scenario), f"one of {scenarios}")
    chosen = [entry for entry in labelled if scenario is None or entry.scenario == scenario]
    chunks = [
        (recording, number)
        for recording, seconds in _drawn_from(archive, chosen).items()
        for number in range(seconds // CHUNK_SECONDS)
    ]
    files = CHUNK_SECONDS * len(chunks)
    order = list(range(len(chunks)))
    np.random.RandomState(SEED).shuffle(order)
    trained = int(files * TRAIN / CHUNK_SECONDS)
    validated = int(files * VALIDATION / CHUNK_SECONDS)
    if not validated:
        found = f"{len(chunks)}, of {CHUNK_SECONDS} s each"
        raise bad_input(archive.path, "number of chunks for protocol paper-chunks", found, "at least 10")
    dealt = {
        "train": order[:trained],
        "validation": order[trained : trained + validated],
        "test": order[trained + validated :],
    }
    frames = frames_of(CHUNK_SECONDS, archive.rig.frame_rate)
    lengths = {entry.id: entry.frames for entry in chosen}
    sides = {
        side: [
            Clip(recording, number * frames, frames)
            for recording, number in (chunks[i] for i in sorted(numbers))
            if (number + 1) * frames <= lengths.get(recording, 0)
        ]
        for side, numbers in dealt.items()
    }
    return Split.of_chunks(sides, left_out=len(chunks) - sum(len(side) for side in sides.values()))


def _drawn_from(archive: Archive, chosen: Sequence[Entry]) -> dict[str, int]:
    """The recordings that the paper's code would deal, in its order, and their lengths in seconds as it sees them."""
    ids = sorted(entry.id for entry in chosen)
    numbers = product(range(1, len(SCENARIOS) + 1), range(1, SUBJECTS + 1), range(len(ACTIONS)))
    whole = {avia_id(*each): each[0] for each in numbers}
    if archive.maker.get("importer") in AVIA_IMPORTERS and set(ids) <= set(whole):
        locations = {whole[recording] for recording in ids}
        return {recording: AVIA_SECONDS for recording, location in whole.items() if location in locations}
    rig = archive.rig
    return {i: archive.entries[i].frames * rig.samples_per_frame // rig.sample_rate for i in ids}

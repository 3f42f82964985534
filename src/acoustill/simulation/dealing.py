"""Real clips are dealt to subjects, so that none is heard on two sides of a split."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acoustill.errors import bad_input

Clips = tuple[str, ...]
ESC50_NAME = re.compile(r"[0-9]-([0-9]+)-[A-Z]-[0-9]+")  # fold, original, part of it, class


@dataclass(frozen=True)
class Dealt:
    """Whose the clips of one action are.

    Attributes:
        subjects: the files of each subject.
        unlabelled: those of unlabelled takes.
    """

    subjects: tuple[Clips, ...]
    unlabelled: Clips


def deal_clips(action: str, files: Sequence[Path], subjects: int, for_unlabelled: bool, seed: tuple[int, ...]) -> Dealt:
    """Deals the clips of an action, evenly and at random.

    Clips that were cut from one original stay together, where names of ESC-50's form tell it
    (`fold-original-part-class`). Unlabelled takes get as many as a subject.

    Args:
        action: for the message.
        files: its clips.
        subjects: how many there are.
        for_unlabelled: whether there are unlabelled takes.
        seed: of who gets which.

    Raises:
        AcoustillError: if there are not enough for everybody.
    """
    originals: dict[str, list[str]] = defaultdict(list)
    for file in sorted(files):
        match = ESC50_NAME.fullmatch(file.stem)
        originals[match[1] if match else str(file)].append(str(file))
    shares: list[list[str]] = [[] for _ in range(subjects + for_unlabelled)]
    if len(originals) < len(shares):
        asked = f"{subjects} subjects" + (" and one for unlabelled takes" if for_unlabelled else "")
        expected = f"one for each of {asked}; give more clips, fewer --subjects, or leave the action's folder out"
        raise bad_input(f"clips of {action}", "number of originals", len(originals), expected)
    names = sorted(originals)
    for i in np.random.default_rng(seed).permutation(len(names)):
        min(shares, key=len).extend(originals[names[i]])
    dealt = tuple(tuple(share) for share in shares)
    return Dealt(dealt[:subjects], dealt[subjects] if for_unlabelled else ())

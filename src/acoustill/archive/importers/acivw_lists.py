"""The lists by which ACIVW was published: which of its videos train, validate and test.

They are facts of the public repository IIT-PAVIS/acoustic-images-self-supervision, commit
27d19f7e507855a45d64c4536e8fb27cae2d94a0, files `lists/validation.txt` and `lists/testing.txt`, which name every
second of 46 videos (2,424 s) and of 98 (2,798 s). No video is in two lists. Every other video of the ten classes is
taken to be one of the 122 of `lists/training.txt` (13,256 s).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from acoustill.archive.importers.frame_files import read_whole
from acoustill.errors import AcoustillError

ListName = Literal["train", "validation", "test"]
Video = tuple[int, int]

VALIDATION: dict[int, tuple[int, ...]] = {
    0: (0, 9, 15, 17, 20, 23, 32, 33, 35, 39, 40, 43),
    1: (1,),
    2: (7, 13, 21),
    3: (0, 4, 5, 6, 8),
    4: (2, 3, 11, 19),
    5: (0, 1, 14, 20, 30),
    6: (8, 10, 17),
    7: (2, 17, 18),
    8: (5, 9),
    9: (6, 10, 12, 17, 19, 22, 26, 41),
}
"""Numbers of the videos of each class in `validation.txt`."""

TEST: dict[int, tuple[int, ...]] = {
    0: (1, 5, 6, 8, 10, 16, 19, 21, 24, 26, 27, 28, 29, 30, 31, 34, 36, 42, 44, 45, 48, 49, 54, 55, 57, 60),
    1: (3, 4, 5),
    2: (1, 4, 5, 6, 8, 9, 10, 16, 20),
    3: (1, 2, 3, 7, 9, 11),
    4: (0, 1, 4, 5, 6, 15, 18),
    5: (2, 3, 4, 6, 7, 8, 9, 12, 13, 18, 29),
    6: (0, 1, 3, 4, 5, 15),
    7: (0, 3, 4, 5, 6, 7, 8),
    8: (6, 7, 8, 13),
    9: (0, 3, 7, 8, 14, 18, 21, 24, 25, 27, 28, 29, 31, 33, 35, 37, 38, 39, 42),
}
"""Numbers of the videos of each class in `testing.txt`."""

FILES: dict[str, ListName] = {"training.txt": "train", "validation.txt": "validation", "testing.txt": "test"}
NAMED_VIDEO = re.compile(r"class_([0-9]{1,4})[/\\]+data_([0-9]{1,6})(?![0-9])", re.IGNORECASE)


def published_list(video: Video) -> ListName:
    """In which of the published lists a video is.

    Args:
        video: number of the class, and of the video in it.

    Example:
        >>> published_list((0, 15)), published_list((0, 6)), published_list((0, 2))
        ('validation', 'test', 'train')
    """
    class_index, number = video
    if number in VALIDATION.get(class_index, ()):
        return "validation"
    return "test" if number in TEST.get(class_index, ()) else "train"


def read_lists(folder: Path) -> dict[Video, ListName]:
    """The lists in a folder's `training.txt`, `validation.txt` and `testing.txt`.

    Each line names a file of a video, as `/Dataset/class_0/data_015/Data_001.tfrecord`, or its folder.

    Raises:
        AcoustillError: if a list is missing, a line names no video, or a video is in two lists.
    """
    listed: dict[Video, ListName] = {}
    for name, which in FILES.items():
        path = folder / name
        lines = read_whole(path).decode(errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            match = NAMED_VIDEO.search(line)
            if match is None:
                raise AcoustillError(f"{path}: line {number} names no video, expected .../class_0/data_015/...")
            video = int(match[1]), int(match[2])
            if listed.setdefault(video, which) != which:
                where = f"line {number}: class_{video[0]}/data_{video[1]:03d}"
                raise AcoustillError(f"{path}: {where} is in the list of {listed[video]} as well")
    return listed

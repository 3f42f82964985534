"""Imports ACIVW, the audio-visually correlated videos of Sanguineti et al. 2020, from the folders that it comes in.

    ROOT/class_0/data_015/MFCC_Image/Data_1.mat
    ROOT/class_0/data_015/audio/A_000001.dc       or .npy
    ROOT/class_0/data_015/video/I_000001.bmp      or .jpeg

Classes and videos count from 0, frames from 1. The rig is AVIA's. Other files and folders of ROOT are left alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from acoustill.archive.importers.acivw_lists import ListName, Video, published_list, read_lists
from acoustill.archive.importers.avia_names import ACIVW_CLASSES, acivw_id
from acoustill.archive.importers.frame_folders import FrameOptions, FrameRecording, select_streams
from acoustill.archive.importers.importing import ImportPlan
from acoustill.archive.importers.numbered import name_below, numbered_folders
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import json_hash
from acoustill.jobs import SetAside

LEVELS = (
    re.compile(r"class_([0-9]{1,4})", re.IGNORECASE),
    re.compile(r"data_([0-9]{1,6})", re.IGNORECASE),
)


@dataclass(frozen=True)
class AcivwOptions(FrameOptions):
    """How ACIVW is imported; what is not said here is as in `FrameOptions`.

    Attributes:
        flip: whether stored images are turned over, left to right and top to bottom, as the loaders of the data set's
            authors do to make them fit the video.
        jpeg_quality: in which frames that come as bitmaps are kept, from 1 to 100; None keeps every bit of them, as
            PNG. JPEG files are kept as they come.
        lists: folder with `training.txt`, `validation.txt` and `testing.txt` that fills the column `list`; None
            takes the published lists.
    """

    flip: bool = True
    jpeg_quality: int | None = None
    lists: Path | None = None

    def checked(self) -> Self:
        """See `FrameOptions.checked`."""
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise bad_input("import", "jpeg_quality", self.jpeg_quality, "1 to 100, or none to lose nothing")
        return super().checked()


def plan_acivw(root: Path, options: AcivwOptions | None = None) -> ImportPlan:
    """Finds the recordings of ACIVW; folders are listed, and no frame is opened.

    Every recording gets a column `list` that is `train`, `validation` or `test`.

    Args:
        root: the folder that holds `class_0`, `class_1`, ...
        options: how to import them.

    Raises:
        AcoustillError: if an option makes no sense, or there is no such folder or no recording in it.
    """
    options = (options or AcivwOptions()).checked()
    if not root.is_dir():
        raise AcoustillError(f"{root}: no such folder")
    listed = None if options.lists is None else read_lists(options.lists)
    below = numbered_folders(root, LEVELS)
    why = "its name is not of the form class_0/data_000"
    aside = [SetAside(name_below(root, path), why) for path in below.strange if path.parent != root]
    places: dict[tuple[int, ...], list[Path]] = defaultdict(list)
    unknown: dict[tuple[int, ...], str] = {}
    for numbers, path in below.found:
        if numbers[0] < len(ACIVW_CLASSES):
            places[numbers].append(path)
        else:
            unknown[numbers] = f"class is {numbers[0]}, expected 0 to {len(ACIVW_CLASSES) - 1}"
    if not places:
        strange = "".join(f"; {acivw_id(*numbers)}: {problem}" for numbers, problem in sorted(unknown.items())[:1])
        expected = f"folders as class_0/data_000{strange}"
        raise AcoustillError(f"{root}: not ACIVW (no recording is there, expected {expected})")
    selection = select_streams(places, options, root)
    aside += [SetAside(acivw_id(*numbers), why) for numbers, why in sorted((unknown | selection.problems).items())]
    sources = []
    for numbers, folders in sorted(selection.folders.items()):
        class_index, number = numbers
        which = _list_of((class_index, number), listed)
        sources.append(
            FrameRecording(
                acivw_id(class_index, number),
                "acivw",
                name_below(root, places[numbers][0]),
                folders,
                options,
                label=ACIVW_CLASSES[class_index],
                columns={"class": class_index, "data": number} | ({} if which is None else {"list": which}),
                notes=(*selection.notes(numbers), *(() if which is not None else ("in none of the lists",))),
                jpeg_quality=options.jpeg_quality,
            )
        )
    return ImportPlan(
        {"importer": "acivw", **options.to_json(selection.streams), **_maker(options, listed)},
        options.recorder,
        options.image_header("ACIVW", selection.streams),
        tuple(sources),
        tuple(aside),
    )


def _list_of(video: Video, listed: dict[Video, ListName] | None) -> ListName | None:
    return published_list(video) if listed is None else listed.get(video)


def _maker(options: AcivwOptions, listed: dict[Video, ListName] | None) -> dict[str, Any]:
    content = "published" if listed is None else json_hash(sorted([*video, which] for video, which in listed.items()))
    return {"jpeg_quality": options.jpeg_quality, "lists": content}

"""The two folder layouts of TFRecord files, and what their names say of a recording; no file is opened."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acoustill.archive.importers.acivw_lists import published_list
from acoustill.archive.importers.avia_names import ACIVW_CLASSES, ACTIONS, LAST_SUBJECT, SCENARIOS, acivw_id, avia_id
from acoustill.archive.importers.numbered import name_below, numbered_files, numbered_folders, sub_folders
from acoustill.errors import AcoustillError, bad_input
from acoustill.jobs import SetAside

AVIA_SECONDS = 30  # of every recording, after it was cut or repeated


@dataclass(frozen=True)
class TfrecordFolder:
    """The folder of one recording.

    Attributes:
        name: its path in the data set, with forward slashes.
        id: of the recording.
        files: names of its files, one a second, in order.
        context: what each of them must say of itself.
        columns: of the archive.
        label: what is heard.
        scenario: where it was recorded; None where nobody tells.
        subject: who acted; None where nobody did.
    """

    name: str
    id: str
    files: tuple[str, ...]
    context: dict[str, int]
    columns: dict[str, str | int | float | None]
    label: str
    scenario: str | None = None
    subject: str | None = None


@dataclass(frozen=True)
class Layout:
    """How a data set is laid out.

    Attributes:
        name: of the data set.
        levels: what the folders of each level are called, in front of `_` and a number.
        example: of a recording's folder.
        describe: makes a TfrecordFolder of its name, its files and the numbers in its name.
        evened: whether the converter made all equally large: repeated short recordings, put zeros before short maps.
        flipped: whether acoustic images stand upside down and left to right against the video.
        video_size: width and height to which the converter brought the video; None for the camera's own.
    """

    name: str
    levels: tuple[str, ...]
    example: str
    describe: Callable[[str, tuple[str, ...], tuple[int, ...]], TfrecordFolder]
    evened: bool
    flipped: bool
    video_size: tuple[int, int] | None = None


def _avia(name: str, files: tuple[str, ...], numbers: tuple[int, ...]) -> TfrecordFolder:
    location, subject, action = numbers[0], numbers[1], numbers[2] - 1  # the files count actions from 0, as we do
    _check(name, "location", location, 1, len(SCENARIOS))
    _check(name, "subject", subject, 1, LAST_SUBJECT)
    _check(name, "action", numbers[2], 1, len(ACTIONS))
    return TfrecordFolder(
        name,
        avia_id(location, subject, action),
        files,
        {"action": action, "location": location - 1, "subject": subject - 1},
        {"location": location, "subject": subject, "action": action},
        ACTIONS[action],
        SCENARIOS[location - 1],
        f"subject-{subject:02d}",
    )


def _acivw(name: str, files: tuple[str, ...], numbers: tuple[int, ...]) -> TfrecordFolder:
    class_index, data = numbers
    _check(name, "class", class_index, 0, len(ACIVW_CLASSES) - 1)
    return TfrecordFolder(
        name,
        acivw_id(class_index, data),
        files,
        {"classes": class_index, "location": data},
        {"class": class_index, "data": data, "list": published_list((class_index, data))},
        ACIVW_CLASSES[class_index],
    )


def _check(name: str, what: str, number: int, lowest: int, highest: int) -> None:
    if not lowest <= number <= highest:
        raise bad_input(name, what, number, f"{lowest} to {highest}")


LAYOUTS = (
    Layout(
        "AVIA",
        ("Location", "Subject", "Action"),
        "Location_01/Subject_01/Action_001",
        _avia,
        evened=True,
        flipped=False,
    ),
    Layout("ACIVW", ("class", "data"), "class_0/data_000", _acivw, evened=False, flipped=True, video_size=(298, 224)),
)


def find_recordings(root: Path) -> tuple[Layout, list[TfrecordFolder], tuple[SetAside, ...]]:
    """The layout of a data set, its recordings in the order of their ids, and folders that hold none.

    Raises:
        AcoustillError: if the folder is missing, or holds neither data set, or both.
    """
    if not root.is_dir():
        raise AcoustillError(f"{root}: no such folder")
    patterns = {layout: _patterns(layout) for layout in LAYOUTS}
    there = [one for one in LAYOUTS if any(patterns[one][0].fullmatch(child.name) for child in sub_folders(root))]
    if len(there) != 1:
        both = "folders of both" if there else "neither"
        raise bad_input(root, "layout", both, f"folders as {LAYOUTS[0].example}, or as {LAYOUTS[1].example}")
    layout = there[0]
    found, strange = numbered_folders(root, patterns[layout])
    aside = [
        SetAside(name_below(root, path), f"its name is not of the form {layout.example}")
        for path in strange
        if path.parent != root  # where lists and statistics lie
    ]
    aside += [
        SetAside(name_below(root, path), f"there is nothing in it, expected folders as {layout.example}")
        for depth in range(1, len(layout.levels))
        for _, path in numbered_folders(root, patterns[layout][:depth]).found
        if not sub_folders(path)
    ]
    folders: dict[str, TfrecordFolder] = {}
    for numbers, path in found:
        name = name_below(root, path)
        try:
            files = numbered_files(path, "Data", (".tfrecord",))
            folder = layout.describe(name, tuple(file.name for file in files), numbers)
            if folder.id in folders:
                raise AcoustillError(f"{path}: the same recording as {folders[folder.id].name}, which is taken")
            folders[folder.id] = folder
        except AcoustillError as error:
            aside.append(SetAside(name, str(error)))
    return layout, [folders[one] for one in sorted(folders)], tuple(aside)


def _patterns(layout: Layout) -> list[re.Pattern[str]]:
    return [re.compile(rf"{level}_([0-9]{{1,4}})", re.IGNORECASE) for level in layout.levels]

"""One sheet with a picture of each class of an archive."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acoustill.archive.archive import Archive
from acoustill.archive.entry import Entry
from acoustill.archive.pictures import encode_picture
from acoustill.commands.tiles import HEIGHT, WIDTH, picture_of
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import replacing
from acoustill.imaging.specification import ForeignImages
from acoustill.imaging.video.colour_bar import PANEL, draw_text

MOST_PAIRS = 60  # of class and scenario; where there are more, each class has one picture
MOST_TILES = 100
TRIED = 3  # recordings of a class, if the first ones are broken
GAP = 6
QUALITY = 88
DOT = 2


@dataclass(frozen=True)
class Tile:
    """A picture of the sheet.

    Attributes:
        number: written in its corner.
        label: class of the recording; None if it is not labelled.
        scenario: of the recording.
        recording: its id.
        second: that the picture shows; None for all of the recording.
        shows: what is to be seen, or why nothing is.
    """

    number: int
    label: str | None
    scenario: str | None
    recording: str
    second: float | None
    shows: str


@dataclass(frozen=True)
class Sheet:
    """A sheet that was written.

    Attributes:
        file: the JPEG file.
        tiles: from left to right, row by row.
        remarks: what one should know of them.
    """

    file: str
    tiles: tuple[Tile, ...]
    remarks: tuple[str, ...]


def check_sheet_name(out: Path) -> None:
    """Refuses what is no name of a JPEG file.

    Raises:
        AcoustillError: naming what was given.
    """
    if out.suffix.lower() not in (".jpg", ".jpeg"):
        raise bad_input("info", "--pictures", str(out), "a file name that ends in .jpg")


def write_contact_sheet(archive: Archive, out: Path) -> Sheet:
    """Draws one recording of each class, and in each scenario where these are few; see `picture_of`.

    Args:
        archive: whose recordings.
        out: the JPEG file to write.

    Raises:
        AcoustillError: if it cannot be written.
    """
    check_sheet_name(out)
    places, left_out = _places(archive)
    columns = max(len(row) for row in places)
    canvas = np.tile(PANEL, (len(places) * (HEIGHT + GAP) + GAP, columns * (WIDTH + GAP) + GAP, 1))
    tiles: list[Tile] = []
    for row, groups in enumerate(places):
        for column, candidates in enumerate(groups):
            if candidates:
                tile, pixels = _tile(archive, len(tiles) + 1, candidates)
                _draw(canvas, tile.number, pixels, GAP + row * (HEIGHT + GAP), GAP + column * (WIDTH + GAP))
                tiles.append(tile)
    with replacing(out) as beside:
        beside.write_bytes(encode_picture(canvas, QUALITY))
    return Sheet(str(out), tuple(tiles), tuple(_remarks(archive, tiles, left_out)))


Places = list[list[list[Entry]]]


def _places(archive: Archive) -> tuple[Places, int]:
    """Possible recordings of each tile, row by row; and how many classes found no room.

    Classes stand below each other and scenarios beside each other, if these are few enough for that. Recordings
    without a label come last, and often from many places: they get one row at most.
    """
    labelled = [entry for entry in archive.entries.values() if entry.label is not None]
    unlabelled = [entry for entry in archive.entries.values() if entry.label is None]
    labels = sorted({entry.label for entry in labelled if entry.label is not None})
    scenarios = sorted({entry.scenario for entry in labelled}, key=_last_if_none)
    others = _by_scenario(unlabelled)
    if len(scenarios) > 1 and len(labels) * len(scenarios) <= MOST_PAIRS:
        rows = [
            [
                [entry for entry in labelled if (entry.label, entry.scenario) == (label, scenario)]
                for scenario in scenarios
            ]
            for label in labels
        ]
        return [*rows, *([others[: len(scenarios)]] if others else [])], 0
    by_label: dict[str | None, list[Entry]] = {}
    for entry in labelled:
        by_label.setdefault(entry.label, []).append(entry)
    shown = labels[:MOST_TILES]
    groups = [by_label[label] for label in shown] + (others[:1] if labels else others[:MOST_PAIRS])
    columns = math.ceil(math.sqrt(len(groups)))
    return [groups[start : start + columns] for start in range(0, len(groups), columns)], len(labels) - len(shown)


def _by_scenario(entries: list[Entry]) -> list[list[Entry]]:
    groups: dict[str | None, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.scenario, []).append(entry)
    return [groups[scenario] for scenario in sorted(groups, key=_last_if_none)]


def _last_if_none(name: str | None) -> tuple[bool, str]:
    return name is None, name or ""


def _draw(canvas: np.ndarray, number: int, pixels: np.ndarray | None, top: int, left: int) -> None:
    """A picture, if there is one, and its number."""
    if pixels is not None:
        canvas[top : top + HEIGHT, left : left + WIDTH] = pixels
    digits = str(number)
    canvas[top : top + 9 * DOT, left : left + (6 * len(digits) + 1) * DOT] = PANEL
    draw_text(canvas, digits, top + DOT, left + DOT, DOT)


def _tile(archive: Archive, number: int, candidates: list[Entry]) -> tuple[Tile, np.ndarray | None]:
    """The picture of the first recording that has the most to show and can be read."""
    candidates = sorted(candidates, key=lambda entry: (-len({"image", "video"} & set(entry.streams)), entry.id))
    why = ""
    for entry in candidates[:TRIED]:
        try:
            picture = picture_of(archive, entry.id)
        except (AcoustillError, OSError) as error:
            why = why or f"nothing, for {error}"
            continue
        return Tile(number, entry.label, entry.scenario, entry.id, picture.second, picture.shows), picture.pixels
    first = candidates[0]
    return Tile(number, first.label, first.scenario, first.id, None, why), None


def _remarks(archive: Archive, tiles: list[Tile], left_out: int) -> Iterator[str]:
    specification = archive.image_specification
    if isinstance(specification, ForeignImages) and any("acoustic image" in tile.shows for tile in tiles):
        what = "first coefficient" if specification.features == "mfcc" else specification.features
        yield f"the colours show the {what} of {specification.origin}'s images as a level, in a scale that is not known"
    if left_out:
        yield f"{left_out} more classes found no room"

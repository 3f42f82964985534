"""Reading an archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from acoustill.archive.entry import FORMAT, READABLE, VERSION, Entry
from acoustill.archive.mirror import open_mirror
from acoustill.archive.recording import Recording
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, first_problem, json_hash, read_json, read_json_lines
from acoustill.imaging.grid import Grid
from acoustill.imaging.specification import ForeignImages, ImageSpecification, specification_from_json
from acoustill.rig.file import load_rig
from acoustill.rig.rig import Rig

MANIFEST = "manifest.jsonl"


class ImageHeader(NamedTuple):
    """What the acoustic images of an archive are.

    Attributes:
        specification: of their channels.
        grid: where their pixels point; None where nobody knows.
    """

    specification: ImageSpecification | ForeignImages
    grid: Grid | None


class Archive:
    """The recordings of one rig, opened for reading.

    Args:
        path: the archive's folder, or any address that fsspec reads, as `s3://bucket/archive`: its files are then
            fetched when they are first needed and kept in `$ACOUSTILL_CACHE`, see `docs/archive.md`.

    Attributes:
        path: the folder; that of the copies for an archive that is far away.
        entries: the manifest, by recording id.

    Raises:
        AcoustillError: if the folder is missing, is no archive, is unfinished or empty, or its manifest is broken.
    """

    def __init__(self, path: str | Path) -> None:
        self._mirror = open_mirror(path)
        self.path = Path(path) if self._mirror is None else self._mirror.folder
        self._header = read_header(self.path)
        manifest = self.path / MANIFEST
        if not manifest.exists():
            missing = "unfinished, for its manifest.jsonl is missing"
            raise AcoustillError(f"{self.path}: {missing}; give the command that makes the archive once more")
        lines = read_json_lines(manifest)
        try:
            entries = TypeAdapter(list[Entry]).validate_python(lines)
        except ValidationError as error:
            problem = error.errors()[0]
            line = problem["loc"][0] if problem["loc"] else 0
            raise AcoustillError(f"{manifest}: entry {line} of the manifest: {first_problem(error)}") from error
        self.entries = {entry.id: entry for entry in entries}
        if len(self.entries) < len(entries):
            raise AcoustillError(f"{manifest}: a recording id stands there twice")
        if not entries:
            raise AcoustillError(f"{self.path}: the archive holds no recording")

    @cached_property
    def id(self) -> str:
        """A hash of manifest, header and rig: equal for archives of equal content, made in the same way."""
        entries = [entry.model_dump(mode="json") for entry in self.entries.values()]
        return json_hash([self._header, file_hash(self.path / "rig.yaml"), entries])

    @cached_property
    def rig(self) -> Rig:
        """The rig that made the recordings."""
        return load_rig(self.path / "rig.yaml")

    @property
    def maker(self) -> dict[str, Any]:
        """What made the archive, and with which settings."""
        maker = self._header.get("maker")
        return maker if isinstance(maker, dict) else {}

    @property
    def created_by(self) -> str:
        """The software and its version."""
        return str(self._header.get("created_by", "unknown"))

    @cached_property
    def image_header(self) -> ImageHeader | None:
        """What the acoustic images are and where their pixels point; None if there are no images.

        Raises:
            AcoustillError: if the header does not say it in a way that can be read.
        """
        return read_image_header(self.path, self._header)

    @property
    def image_specification(self) -> ImageSpecification | ForeignImages | None:
        """What the channels of the acoustic images are; None if there are no images."""
        return None if self.image_header is None else self.image_header.specification

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({entry.label for entry in self.entries.values() if entry.label is not None}))

    @property
    def aside(self) -> list[dict[str, str]]:
        """What an import could not take: `name` and `why` of each."""
        path = self.path / "set-aside.jsonl"
        return read_json_lines(path) if path.is_file() else []

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, recording: str) -> Recording:
        if recording not in self.entries:
            raise AcoustillError(f"{self.path}: there is no recording {recording!r}")
        fetch = None if self._mirror is None else self._mirror.fetch
        return Recording(self.path / "recordings" / recording, fetch)

    def with_streams(self, recordings: Iterable[str], streams: Sequence[str]) -> list[Entry]:
        """The entries of some recordings, which must all hold the streams asked for.

        Raises:
            AcoustillError: naming the first recording that lacks a stream.
        """
        chosen = [self.entries[recording] for recording in recordings]
        for entry in chosen:
            missing = [stream for stream in streams if stream not in entry.streams]
            if missing:
                raise bad_input(f"{self.path}: recording {entry.id}", "streams", list(entry.streams), f"also {missing}")
        return chosen


def read_header(path: Path) -> dict:
    """The content of an archive's `archive.json`.

    Raises:
        AcoustillError: if the folder is missing or is no archive of a version that we read.
    """
    if not path.is_dir():
        raise AcoustillError(f"{path}: no such folder")
    header = path / "archive.json"
    if not header.is_file():
        raise AcoustillError(f"{path}: not an archive (it has no archive.json)")
    content = read_json(header)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise bad_input(header, "format", content.get("format") if isinstance(content, dict) else "none", FORMAT)
    if content.get("version") not in READABLE:
        raise bad_input(header, "version", content.get("version"), f"{VERSION}, the one this acoustill reads")
    return content


def read_image_header(path: Path, header: dict) -> ImageHeader | None:
    """What a header says of the acoustic images; None if there are none.

    Args:
        path: of the archive, for messages.
        header: the content of its `archive.json`.

    Raises:
        AcoustillError: if it cannot be read.
    """
    image = header.get("image")
    if image is None:
        return None
    try:
        stated, points = image["specification"], image["grid_m"]
        grid = None if points is None else Grid(np.asarray(points, dtype=np.float64))
        return ImageHeader(specification_from_json(stated), grid)
    except ValidationError as error:
        raise AcoustillError(f"{path / 'archive.json'}: image.specification: {first_problem(error)}") from error
    except (TypeError, KeyError, ValueError) as error:
        raise AcoustillError(f"{path / 'archive.json'}: image is not a specification ({error})") from error

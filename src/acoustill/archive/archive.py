"""Reading an archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from acoustill.archive.entry import FORMAT, READABLE, VERSION, Entry, ManifestLine
from acoustill.archive.mirror import open_mirror
from acoustill.archive.recording import Recording
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, first_problem, json_hash, read_json, read_json_lines
from acoustill.imaging.beam_specification import BeamSpecification, beams_from_json
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
        sidecars: SHA-256 of each sidecar, by recording id; None in archives of version 1.

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
            read = TypeAdapter(list[ManifestLine]).validate_python(lines)
        except ValidationError as error:
            problem = error.errors()[0]
            line = problem["loc"][0] if problem["loc"] else 0
            raise AcoustillError(f"{manifest}: entry {line} of the manifest: {first_problem(error)}") from error
        self.sidecars = {line.id: line.sidecar for line in read}
        self.entries = {line.id: _entry_of(line) for line in read}
        if len(self.entries) < len(read):
            raise AcoustillError(f"{manifest}: a recording id stands there twice")
        if not read:
            raise AcoustillError(f"{self.path}: the archive holds no recording")

    @cached_property
    def id(self) -> str:
        """A hash of header, rig and manifest, which holds the hash of every sidecar, which holds that of every stream.

        Equal for archives of equal content, made in the same way; those of version 1 hold the hash of one stream.
        """
        entries = [entry.model_dump(mode="json") for entry in self.entries.values()]
        return json_hash(
            [self._header, file_hash(self.path / "rig.yaml"), entries, *filter(None, self.sidecars.values())]
        )

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
    def beams_specification(self) -> BeamSpecification | None:
        """What the beam spectra are; None if there are none.

        Raises:
            AcoustillError: if the header does not say it in a way that can be read.
        """
        return read_beams(self.path, self._header)

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
        opened = self.open_unchecked(recording)
        sidecar, stated = opened.folder / "recording.json", self.sidecars[recording]
        if stated is not None and file_hash(sidecar) != stated:
            raise AcoustillError(f"{sidecar}: was changed since the manifest was written; see `acoustill validate`")
        if opened.entry != self.entries[recording]:
            raise AcoustillError(f"{sidecar}: does not say what the manifest says; see `acoustill validate`")
        return opened

    def open_unchecked(self, recording: str) -> Recording:
        """A recording as its sidecar has it, whatever the manifest says: for those who look for faults.

        Raises:
            AcoustillError: if there is no such recording, or its sidecar cannot be read.
        """
        if recording not in self.entries:
            raise AcoustillError(f"{self.path}: there is no recording {recording!r}")
        folder = self.path / "recordings" / recording
        if self._mirror is None:
            return Recording(folder)
        self._mirror.fetch(folder / "recording.json", self.sidecars[recording])
        return Recording(folder, self._mirror.fetch)

    def with_streams(self, recordings: Iterable[str], streams: Sequence[str]) -> list[Entry]:
        """The entries of some recordings, which must all hold the streams asked for.

        The direction of a source is no stream of a file; whether a recording knows it is seen when it is read.

        Raises:
            AcoustillError: naming the first recording that lacks a stream.
        """
        chosen = [self.entries[recording] for recording in recordings]
        for entry in chosen:
            missing = [stream for stream in streams if stream not in (*entry.streams, "direction")]
            if missing:
                raise bad_input(f"{self.path}: recording {entry.id}", "streams", list(entry.streams), f"also {missing}")
        return chosen


def _entry_of(line: ManifestLine) -> Entry:
    """The entry of a line that is valid already."""
    return Entry.model_construct(**{name: getattr(line, name) for name in Entry.model_fields})


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
        raise bad_input(header, "version", content.get("version"), f"1 to {VERSION}, which this acoustill reads")
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
    with _refusing(path, "image", "image.specification"):
        stated, points = image["specification"], image["grid_m"]
        grid = None if points is None else Grid(np.asarray(points, dtype=np.float64))
        return ImageHeader(specification_from_json(stated), grid)


def read_beams(path: Path, header: dict) -> BeamSpecification | None:
    """What a header says of the beam spectra; None if there are none.

    Args:
        path: of the archive, for messages.
        header: the content of its `archive.json`.

    Raises:
        AcoustillError: if it cannot be read.
    """
    beams = header.get("beams")
    if beams is None:
        return None
    with _refusing(path, "beams", "beams"):
        return beams_from_json(beams)


@contextmanager
def _refusing(path: Path, key: str, specification: str) -> Iterator[None]:
    """Says of what cannot be read in a header where it stands: under which key, and where its specification does."""
    header = path / "archive.json"
    try:
        yield
    except ValidationError as error:
        raise AcoustillError(f"{header}: {specification}: {first_problem(error)}") from error
    except (AcoustillError, TypeError, KeyError, ValueError) as error:
        raise AcoustillError(f"{header}: {key} is not a specification ({error})") from error

"""Reading an archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import simplejpeg
from pydantic import TypeAdapter, ValidationError

from acoustill.archive.entry import FORMAT, VERSION, Entry, Sidecar, StreamFile
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, first_problem, json_hash, read_json, read_json_lines
from acoustill.imaging.grid import Grid
from acoustill.imaging.specification import ImageSpecification
from acoustill.rig.file import load_rig
from acoustill.rig.rig import Rig


class Archive:
    """The recordings of one rig, opened for reading.

    Args:
        path: the archive's folder.

    Attributes:
        path: the archive's folder.
        entries: the manifest, by recording id.

    Raises:
        AcoustillError: if the folder is missing, is no archive, is unfinished or empty, or its manifest is broken.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._header = read_header(self.path)
        if not (self.path / "manifest.jsonl").exists():
            missing = "unfinished, for its manifest.jsonl is missing"
            raise AcoustillError(f"{self.path}: {missing}; give the command that makes the archive once more")
        lines = read_json_lines(self.path / "manifest.jsonl")
        try:
            entries = TypeAdapter(list[Entry]).validate_python(lines)
        except ValidationError as error:
            problem = error.errors()[0]
            line = problem["loc"][0] if problem["loc"] else 0
            raise AcoustillError(
                f"{self.path / 'manifest.jsonl'}: entry {line} of the manifest: {first_problem(error)}"
            ) from error
        self.entries = {entry.id: entry for entry in entries}
        if len(self.entries) < len(entries):
            raise AcoustillError(f"{self.path / 'manifest.jsonl'}: a recording id stands there twice")
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

    @cached_property
    def image_specification(self) -> ImageSpecification | None:
        """What the channels of the acoustic images are; None if there are no images."""
        image = self._header.get("image")
        if image is None:
            return None
        try:
            return ImageSpecification(**image["specification"])
        except (TypeError, KeyError) as error:
            raise AcoustillError(f"{self.path / 'archive.json'}: image is not a specification ({error})") from error

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({entry.label for entry in self.entries.values() if entry.label is not None}))

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, recording: str) -> Recording:
        if recording not in self.entries:
            raise AcoustillError(f"{self.path}: there is no recording {recording!r}")
        return Recording(self.path / "recordings" / recording)

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


class Recording:
    """One recording of an archive; its arrays are memory maps, opened when they are asked for.

    Args:
        folder: the recording's own.

    Raises:
        AcoustillError: if the sidecar is missing or broken, or (on access) a stream is not as stated there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        sidecar = folder / "recording.json"
        try:
            self.sidecar = Sidecar.model_validate(read_json(sidecar))
        except ValidationError as error:
            raise AcoustillError(f"{sidecar}: {first_problem(error)}") from error

    @property
    def entry(self) -> Entry:
        """Labels and length."""
        return self.sidecar.entry

    @cached_property
    def audio(self) -> np.ndarray:
        """(microphones, samples) float32, pascal; read only."""
        return self._map("audio")

    @cached_property
    def image(self) -> np.ndarray:
        """(frames, H, W, C) float16 or float32; read only."""
        return self._map("image")

    @cached_property
    def _jpegs(self) -> tuple[np.ndarray, tuple[int, ...]]:
        stated = self._stated("video")
        path = self.folder / stated.file
        offsets = stated.offsets or ()
        whole = len(offsets) == self.entry.frames + 1 and offsets[-1] > 0
        if not whole or not path.is_file() or path.stat().st_size != offsets[-1]:
            raise AcoustillError(f"{path}: missing, or not as long as its sidecar states")
        return np.memmap(path, np.uint8, mode="r"), offsets

    def frame(self, index: int) -> np.ndarray:
        """One video frame, (h, w, 3) uint8 RGB.

        Raises:
            AcoustillError: if the JPEG is broken or there is no such frame.
        """
        jpegs, offsets = self._jpegs
        if not 0 <= index < len(offsets) - 1:
            raise bad_input(self.folder, "frame", index, f"0 to {len(offsets) - 2}")
        try:
            return simplejpeg.decode_jpeg(jpegs[offsets[index] : offsets[index + 1]], colorspace="RGB")
        except ValueError as error:
            raise AcoustillError(f"{self.folder}: frame {index} of the video is broken ({error})") from error

    def video(self, start: int = 0, stop: int | None = None, step: int = 1) -> np.ndarray:
        """Video frames start, start + step, ... before stop: (frames, h, w, 3) uint8 RGB."""
        stop = self.entry.frames if stop is None else stop
        return np.stack([self.frame(i) for i in range(start, stop, step)])

    def _stated(self, stream: str) -> StreamFile:
        stated = self.sidecar.files.get(stream)  # type: ignore[call-overload]
        if stated is None:
            raise AcoustillError(f"{self.folder}: the recording has no {stream}")
        return stated

    def _map(self, stream: str) -> np.ndarray:
        stated = self._stated(stream)
        path = self.folder / stated.file
        try:
            array = np.lib.format.open_memmap(path, mode="r")  # never unpickles
        except (OSError, ValueError) as error:
            raise AcoustillError(f"{path}: missing or not an array ({error})") from error
        if array.shape != stated.shape or str(array.dtype) != stated.dtype:
            found = f"{array.dtype} {array.shape}"
            raise bad_input(path, "array", found, f"{stated.dtype} {stated.shape}, as its sidecar states")
        return array


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
    if content.get("version") != VERSION:
        raise bad_input(header, "version", content.get("version"), f"{VERSION}, the one this acoustill reads")
    return content


def image_grid(header: dict) -> Grid | None:
    """The grid of an archive's acoustic images; None if there are no images."""
    image = header.get("image")
    return None if image is None else Grid(np.asarray(image["grid_m"], dtype=np.float64))

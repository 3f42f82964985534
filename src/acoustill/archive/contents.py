"""What is in an archive, as data: counts, lengths, sizes; nothing of the streams themselves is read."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from acoustill.archive.archive import Archive
from acoustill.archive.entry import STREAMS, Entry, Sidecar, StreamFile
from acoustill.archive.protocols import column_text
from acoustill.errors import AcoustillError
from acoustill.files import read_json_lines
from acoustill.jobs import SetAside

MOST_VALUES = 8  # of a column of the user's own that are counted one by one
SET_ASIDE = "set-aside.jsonl"
FIRST = 5  # of what was set aside or cannot be read
MOST_FRAMES = 1 << 53  # whatever a manifest says: more are no number of a float
AT_ONCE = 8  # sidecars: those of an archive that is far away are waited for

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class StreamContents:
    """What is there of a stream.

    Attributes:
        recordings: how many hold it.
        bytes: of its values, without the headers of files; as stored for video.
        types: of the values, with the number of recordings.
        shapes: of a frame, or `N microphones`, with the number of recordings.
    """

    recordings: int
    bytes: int
    types: dict[str, int]
    shapes: dict[str, int]


@dataclass(frozen=True)
class KeptMicrophones:
    """Which channels of the rig the audio of some recordings holds."""

    channels: tuple[int, ...]
    recordings: int


@dataclass(frozen=True)
class RigContents:
    """The rig that made the recordings: its channels, which are broken, and its rates."""

    name: str
    microphones: int
    broken: tuple[int, ...]
    sample_rate: int
    frame_rate: float


@dataclass(frozen=True)
class Lengths:
    """Lengths of the recordings in seconds."""

    shortest: float
    median: float
    longest: float


@dataclass(frozen=True)
class ColumnContents:
    """A column of the user's own.

    Attributes:
        recordings: how many have a value there.
        distinct: how many different values.
        values: with the number of recordings, if they are at most eight.
    """

    recordings: int
    distinct: int
    values: dict[str, int] | None


@dataclass(frozen=True)
class AsideContents:
    """What an import could not take, or what cannot be read: how many, and the first few."""

    count: int
    first: tuple[SetAside, ...]


@dataclass(frozen=True)
class ArchiveContents:
    """What is in an archive.

    Attributes:
        id: see `Archive.id`.
        created_by: the software and its version.
        maker: what made it, with which settings.
        recordings: how many.
        seconds: all together.
        labelled: recordings with a label.
        unlabelled: recordings without.
        lengths: of the recordings.
        streams: audio, image, video and beams, those that there are.
        microphones: that were kept, the most frequent choice first.
        rig: that made the recordings.
        image: specification or origin of the acoustic images, and `grid`, its rows and columns; None without images.
        beams: specification of the beam spectra; None without.
        labels: recordings of each label.
        subjects: recordings of each subject.
        scenarios: recordings of each scenario.
        labels_by_scenario: recordings of each label in each scenario; those that are in none are left out.
        unlabelled_by_scenario: the same for recordings without a label.
        columns: of the user's own.
        notes: what was mended by an import, with the number of recordings, the most frequent first.
        set_aside: what an import could not take.
        duplicates: recordings whose content an earlier one has, too.
        unreadable: recordings whose sidecar cannot be read, or is not the one of the manifest, which sizes and notes
            are without; and the list of what was set aside, if it is broken.
    """

    id: str
    created_by: str
    maker: dict[str, Any]
    recordings: int
    seconds: float
    labelled: int
    unlabelled: int
    lengths: Lengths
    streams: dict[str, StreamContents]
    microphones: tuple[KeptMicrophones, ...]
    rig: RigContents
    image: dict[str, Any] | None
    beams: dict[str, Any] | None
    labels: dict[str, int]
    subjects: dict[str, int]
    scenarios: dict[str, int]
    labels_by_scenario: dict[str, dict[str, int]]
    unlabelled_by_scenario: dict[str, int]
    columns: dict[str, ColumnContents]
    notes: dict[str, int]
    set_aside: AsideContents
    duplicates: int
    unreadable: AsideContents

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the attributes as keys."""
        return asdict(self)


def describe_archive(archive: Archive) -> ArchiveContents:
    """What is in an archive, from its manifest and one pass over the sidecars.

    Raises:
        AcoustillError: if header or rig cannot be read.
    """
    entries = list(archive.entries.values())
    sidecars, unreadable = _sidecars(archive)
    aside, broken = read_set_aside(archive)
    unreadable += [SetAside(SET_ASIDE, what) for what in broken]
    rig = archive.rig
    seconds = sorted(min(entry.frames, MOST_FRAMES) / rig.frame_rate for entry in entries)
    labelled = [entry for entry in entries if entry.label is not None]
    unlabelled = [entry for entry in entries if entry.label is None]
    kept = Counter(
        audio.microphones
        for sidecar in sidecars
        if (audio := sidecar.files.get("audio")) is not None and audio.microphones is not None
    )
    scenarios = _counts(entry.scenario for entry in entries)
    labels = _counts(entry.label for entry in labelled)
    pairs = Counter((entry.label, entry.scenario) for entry in entries)
    return ArchiveContents(
        id=archive.id,
        created_by=archive.created_by,
        maker=archive.maker,
        recordings=len(entries),
        seconds=round(math.fsum(seconds), 6),
        labelled=len(labelled),
        unlabelled=len(unlabelled),
        lengths=Lengths(*(round(one, 6) for one in (seconds[0], statistics.median(seconds), seconds[-1]))),
        streams=_streams(entries, sidecars),
        microphones=tuple(KeptMicrophones(channels, count) for channels, count in _by_frequency(kept).items()),
        rig=RigContents(rig.name, rig.channels, rig.broken, rig.sample_rate, rig.frame_rate),
        image=_image(archive),
        beams=None if archive.beams_specification is None else archive.beams_specification.to_json(),
        labels=labels,
        subjects=_counts(entry.subject for entry in entries),
        scenarios=scenarios,
        labels_by_scenario={
            label: {scenario: pairs[label, scenario] for scenario in scenarios if pairs[label, scenario]}
            for label in labels
        },
        unlabelled_by_scenario={scenario: pairs[None, scenario] for scenario in scenarios if pairs[None, scenario]},
        columns=_columns(entries),
        notes=_by_frequency(Counter(note for sidecar in sidecars for note in sidecar.notes)),
        set_aside=AsideContents(len(aside), tuple(aside[:FIRST])),
        duplicates=len(entries) - len({entry.content for entry in entries}),
        unreadable=AsideContents(len(unreadable), tuple(unreadable[:FIRST])),
    )


def _sidecars(archive: Archive) -> tuple[list[Sidecar], list[SetAside]]:
    """Of all recordings, without the offsets of videos but for the last; and those that cannot be read."""

    def read(recording: str) -> Sidecar | SetAside:
        try:
            sidecar = archive[recording].sidecar
        except (AcoustillError, OSError) as error:
            return SetAside(recording, str(error))
        slim = {
            name: file.model_copy(update={"offsets": (file.offsets or ())[-1:]}) for name, file in sidecar.files.items()
        }
        return sidecar.model_copy(update={"files": slim, "provenance": {}})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        read_ones = list(pool.map(read, archive.entries))
    sidecars = [one for one in read_ones if isinstance(one, Sidecar)]
    return sidecars, [one for one in read_ones if isinstance(one, SetAside)]


def _streams(entries: Sequence[Entry], sidecars: Sequence[Sidecar]) -> dict[str, StreamContents]:
    contents = {}
    for stream in STREAMS:
        recordings = sum(stream in entry.streams for entry in entries)
        files = [sidecar.files[stream] for sidecar in sidecars if stream in sidecar.files]
        if recordings or files:
            contents[stream] = StreamContents(
                recordings=recordings,
                bytes=sum(_bytes(stream, file) for file in files),
                types=_by_frequency(Counter(file.dtype for file in files)),
                shapes=_by_frequency(Counter(_shape(stream, file) for file in files)),
            )
    return contents


def _bytes(stream: str, file: StreamFile) -> int:
    if stream == "video":
        return file.offsets[-1] if file.offsets else 0
    return math.prod(file.shape) * np.dtype(file.dtype).itemsize


def _shape(stream: str, file: StreamFile) -> str:
    if stream == "audio":
        return f"{file.shape[0]} microphone{'s' if file.shape[0] != 1 else ''}" if file.shape else "no microphones"
    return " x ".join(str(size) for size in (file.shape[1:3] if stream == "video" else file.shape[1:]))


def _image(archive: Archive) -> dict[str, Any] | None:
    header = archive.image_header
    if header is None:
        return None
    grid = header.grid and [header.grid.rows, header.grid.columns]
    return {**header.specification.to_json(), "grid": grid}


def _columns(entries: Sequence[Entry]) -> dict[str, ColumnContents]:
    """Counted by the text that protocols go by, to which 1, 1.0 and "1" are one value."""
    values: dict[str, Counter[str]] = {}
    for entry in entries:
        for name in entry.columns:
            if (text := column_text(entry, name)) is not None:
                values.setdefault(name, Counter())[text] += 1
    return {
        name: ColumnContents(
            counted.total(),
            len(counted),
            {value: counted[value] for value in sorted(counted, key=_order)} if len(counted) <= MOST_VALUES else None,
        )
        for name, counted in values.items()
    }


def _order(value: str) -> tuple[bool, float, str]:
    """Numbers by size, and before words."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return (True, 0.0, value) if math.isnan(number) else (False, number, value)


def read_set_aside(archive: Archive) -> tuple[list[SetAside], list[str]]:
    """What an import could not take, and what is wrong with the list of it, in words.

    Of an archive that is far away the list is not fetched.
    """
    path = archive.path / SET_ASIDE
    if not path.exists():
        return [], []
    try:
        rows = read_json_lines(path)
    except (AcoustillError, OSError) as error:
        return [], [str(error)]
    aside, broken = [], []
    for number, row in enumerate(rows, start=1):
        if isinstance(row, dict) and row.keys() == {"name", "why"} and all(isinstance(row[key], str) for key in row):
            aside.append(SetAside(row["name"], row["why"]))
        else:
            broken.append(f"{path}: line {number} is {str(row)[:60]!r}, expected a name and why, both text")
    return aside, broken


def _counts(names: Iterable[str | None]) -> dict[str, int]:
    counted = Counter(name for name in names if name is not None)
    return {name: counted[name] for name in sorted(counted)}


def _by_frequency(counted: Counter[Key]) -> dict[Key, int]:
    by_name: Callable[[tuple[Key, int]], Any] = lambda item: (-item[1], item[0])  # noqa: E731
    return dict(sorted(counted.items(), key=by_name))

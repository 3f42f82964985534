"""Collections of single-microphone sounds: ESC-50's layout, or one folder a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import soundfile

from acoustill.archive.importers.importing import ImportPlan
from acoustill.archive.importers.sound_folders import ENDINGS, sound_files
from acoustill.archive.importers.stored_samples import check_length, open_stored
from acoustill.archive.importers.table_cells import Cell, read_table
from acoustill.archive.recording_ids import path_id
from acoustill.archive.writer import writing_recording
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import json_hash
from acoustill.imaging.signals.source import HIGHEST_RATE, readable
from acoustill.jobs import SetAside
from acoustill.rig.rig import Rig

LABEL_COLUMNS = ("class", "category", "label")
ORIGINAL_COLUMNS = ("freesound_id", "src_file")
LARGEST_FRAME_RATE = 12


@dataclass(frozen=True)
class SoundsOptions:
    """How a collection of sounds is imported.

    Attributes:
        sample_rate: of the archive in hertz; None is that of most files. Others are resampled.
        channels: what is kept of files with several channels: their `mean`, or the `first`.
        unlabelled: whether the sounds are imported without labels.
    """

    sample_rate: int | None = None
    channels: Literal["first", "mean"] = "mean"
    unlabelled: bool = False


class SoundTable(NamedTuple):
    """The table of a collection in ESC-50's layout.

    Attributes:
        path: of the table.
        rows: by column; cells may be empty.
        label_column: which says what is heard; None if none does.
        original_column: which tells the clips that were cut from one original; `filename` if none does.
        numbers: of the rows; the header is row 1.
        wrong: why a row cannot be read, or None.
        further: by column, what the other columns hold.
    """

    path: Path
    rows: list[dict[str, str]]
    label_column: str | None
    original_column: str
    numbers: list[int]
    wrong: list[str | None]
    further: dict[str, list[Cell]]


@dataclass(frozen=True)
class SoundRecording:
    """One sound file.

    Attributes:
        id: of the recording.
        path: of the file.
        file: its path below the collection's folder.
        rate: of the archive, in hertz.
        channels: see `SoundsOptions`.
        label: what is heard; None where nobody said.
        subject: the original that it was cut from; None if nobody knows.
        columns: further columns of the table.
    """

    id: str
    path: Path
    file: str
    rate: int
    channels: Literal["first", "mean"]
    label: str | None = None
    subject: str | None = None
    columns: dict[str, Cell] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Changes with all that the recording follows from."""
        try:
            size = self.path.stat().st_size
        except OSError:
            size = None
        return json_hash([self.file, size, self.rate, self.channels, self.label, self.subject, self.columns])

    def write(self, archive: Path) -> None:
        """Writes the recording; see `Source.write`.

        Raises:
            AcoustillError: if the file cannot be read or is shorter than a frame.
        """
        stored = open_stored(self.path)
        source = stored.source
        samples = stored.samples_at(self.rate)
        samples_per_frame = round(self.rate / frame_rate_of(self.rate))
        check_length(stored, samples, samples_per_frame)
        kept_as_stored = source.rate == self.rate and (source.channels == 1 or self.channels == "first")
        dtype, scale = (stored.dtype, stored.scale) if kept_as_stored else (np.dtype(np.float32), 1.0)
        with writing_recording(
            archive,
            self.id,
            samples_per_frame,
            label=self.label,
            subject=self.subject,
            origin=self.subject,
            columns=self.columns,
            provenance={"imported": {"importer": "sounds", "file": self.file, "fingerprint": self.fingerprint}},
        ) as writer:
            if source.channels > 1:
                writer.note(f"{self.channels} of {source.channels} channels")
            if source.rate != self.rate:
                writer.note(f"resampled from {source.rate} Hz")
            audio = writer.audio([0], samples, dtype, scale)
            heard = range(1 if self.channels == "first" else source.channels)
            if kept_as_stored:
                blocks = stored.blocks(0, samples, finite=heard)
            else:
                blocks = stored.full_scale(self.rate, 0, samples, finite=heard)
            for block in blocks:
                mixed = block[:1] if self.channels == "first" else block.mean(axis=0, keepdims=True, dtype=np.float64)
                audio.append_columns(mixed if block.shape[0] > 1 else block)


def plan_sounds_archive(root: str | Path, options: SoundsOptions) -> ImportPlan:
    """What a collection of sounds holds.

    Two layouts are known. Either the folder has a table (`metadata.csv`, or the only CSV file in `meta/`), as ESC-50
    has: `filename`, one of `class`, `category`, `label`, and perhaps `fold` and one of `freesound_id`, `src_file`,
    which tells the clips that were cut from one original: that is the subject and the origin. Or each folder in it is a
    class of the folder's name; the sounds may lie in folders in these. Links are followed; hidden files and those that
    are not sounds are left out, and sounds in formats that cannot be read are set aside.

    The archive's rig is one microphone at the origin. Its frame rate is the largest up to 12 at which a frame holds a
    whole number of samples. Integers are kept as they are where nothing had to be computed.

    Args:
        root: the collection's folder.
        options: of the import.

    Raises:
        AcoustillError: if an option makes no sense, the folder holds no sounds, or its table cannot be used.
    """
    root = Path(root)
    if options.channels not in ("first", "mean"):
        raise bad_input("import sounds", "channels", repr(options.channels), "first or mean")
    if options.sample_rate is not None and not 0 < options.sample_rate <= HIGHEST_RATE:
        raise bad_input("import sounds", "sample rate", f"{options.sample_rate} Hz", "a positive number of hertz")
    if not root.is_dir():
        raise AcoustillError(f"{root}: no such folder of sounds")
    aside: list[SetAside] = []
    has_table = (root / "metadata.csv").is_file() or any(root.glob("meta/*.csv"))
    found = list(_listed(root, options, aside) if has_table else _in_folders(root, options, aside))
    if not found and not aside:
        raise AcoustillError(f"{root}: holds no sounds ({', '.join(ENDINGS)}), neither in folders nor in a table")
    found = _named_apart(found, root, aside)
    rates = _rates(found, aside)
    found = [sound for sound in found if sound.path in rates]
    most = Counter(rates.values())
    rate = options.sample_rate or max(most, key=lambda one: (most[one], one), default=LARGEST_FRAME_RATE)
    sources = [
        SoundRecording(
            sound.id,
            sound.path,
            _below(sound.path, root),
            rate,
            options.channels,
            sound.label,
            sound.subject,
            sound.columns,
        )
        for sound in found
    ]
    sources.sort(key=lambda source: source.id)
    maker = {"importer": "sounds", "channels": options.channels, "unlabelled": options.unlabelled}
    rig = Rig("single microphone", np.zeros((1, 3)), rate, float(frame_rate_of(rate)))
    return ImportPlan(maker, rig, None, tuple(sources), tuple(aside))


def frame_rate_of(sample_rate: int) -> int:
    """The largest whole number of frames a second, up to 12, of which each has a whole number of samples.

    Example:
        >>> [frame_rate_of(rate) for rate in (12288, 16000, 22050, 44100)]
        [12, 10, 10, 12]
    """
    return max(rate for rate in range(1, LARGEST_FRAME_RATE + 1) if sample_rate % rate == 0)


def find_table(folder: Path) -> Path:
    """The table of a collection in ESC-50's layout.

    Raises:
        AcoustillError: if there is no folder, or not one table.
    """
    if not folder.is_dir():
        raise AcoustillError(f"{folder}: no such folder of sounds")
    tables = [folder / "metadata.csv"] if (folder / "metadata.csv").is_file() else sorted(folder.glob("meta/*.csv"))
    if len(tables) != 1:
        raise bad_input(folder, "table of sounds", f"{len(tables)} files", "metadata.csv, or one CSV file in meta/")
    return tables[0]


def read_sound_table(table: Path, labelled: bool = True) -> SoundTable:
    """Reads the table of a collection in ESC-50's layout.

    Args:
        table: the file.
        labelled: whether labels are needed.

    Raises:
        AcoustillError: if it is not a table, is empty, or a column is missing.
    """
    content = read_table(table)
    if not content.rows:
        raise bad_input(table, "number of rows", 0, "one a sound")
    label_column = next((column for column in LABEL_COLUMNS if column in content.names), None)
    if "filename" not in content.names or (labelled and label_column is None):
        expected = "filename and one of " + ", ".join(LABEL_COLUMNS)
        raise bad_input(table, "header (row 1)", ",".join(content.names), expected)
    original_column = next((column for column in ORIGINAL_COLUMNS if column in content.names), "filename")
    known = {"filename", label_column, original_column}
    return SoundTable(
        table,
        [row.cells for row in content.rows],
        label_column,
        original_column,
        [row.number for row in content.rows],
        [row.wrong for row in content.rows],
        {name: content.values(name) for name in content.names if name not in known},
    )


def find_sound(folder: Path, name: str, table: Path) -> Path:
    """The file that a table names.

    Raises:
        AcoustillError: if it is not there.
    """
    return _find(folder, name, f"{table}: ")


def _find(folder: Path, name: str, before: str = "") -> Path:
    """The file of a name; `before` begins the message if there is none."""
    for path in (folder / name, folder / "audio" / name):
        with readable(path):
            if path.is_file():
                return path
    expected = f"a file in {folder} or its audio folder"
    raise AcoustillError(f"{before}filename is {name}, which is not there, expected {expected}")


@dataclass(frozen=True)
class _Sound:
    """A file and what is said of it."""

    id: str
    name: str
    path: Path
    label: str | None
    subject: str | None = None
    columns: dict[str, Cell] = field(default_factory=dict)


def _listed(root: Path, options: SoundsOptions, aside: list[SetAside]) -> Iterator[_Sound]:
    """The sounds of a table; those that cannot be used are set aside."""
    table = read_sound_table(find_table(root), labelled=not options.unlabelled)
    seen: dict[Path, int] = {}
    for i, (number, row) in enumerate(zip(table.numbers, table.rows, strict=True)):
        name = row["filename"]
        label = row[table.label_column] if table.label_column else ""
        try:
            if (wrong := table.wrong[i]) is not None:
                raise AcoustillError(wrong)
            if not name:
                raise AcoustillError("column filename is empty, expected a file")
            if not label and not options.unlabelled:
                raise AcoustillError(f"column {table.label_column} is empty, expected a label")
            path = _find(root, name)
            if (other := seen.setdefault(path, number)) != number:
                raise AcoustillError(f"filename is {name}, that of row {other}, expected another file")
        except AcoustillError as error:
            aside.append(SetAside(name or f"row {number}", f"{table.path}: row {number}: {error}"))
            continue
        subject = None if table.original_column == "filename" else row[table.original_column] or None
        columns = {column: values[i] for column, values in table.further.items()}
        yield _Sound(path_id(name, root), name, path, None if options.unlabelled else label, subject, columns)


def _in_folders(root: Path, options: SoundsOptions, aside: list[SetAside]) -> Iterator[_Sound]:
    """The sounds of folders that are classes; those in no folder are set aside unless there are no labels."""
    for path in sound_files(root, aside):
        below = path.relative_to(root)
        name = below.as_posix()
        if options.unlabelled:
            yield _Sound(path_id(below, root), name, path, None)
        elif len(below.parts) > 1:
            yield _Sound(path_id(below, root), name, path, below.parts[0])
        else:
            expected = "one folder a class, a table (metadata.csv), or an import without labels"
            aside.append(SetAside(name, bad_input(path, "its folder", "no class", expected).args[0]))


def _named_apart(sounds: list[_Sound], root: Path, aside: list[SetAside]) -> list[_Sound]:
    """The sounds whose ids no sound before them has; some file systems take names that differ in case for one."""
    taken: dict[str, str] = {}
    apart = []
    for sound in sounds:
        if (other := taken.setdefault(sound.id.casefold(), sound.name)) == sound.name:
            apart.append(sound)
        else:
            why = f"{root / sound.name}: its id would be {sound.id}, that of {other}, expected another name of the file"
            aside.append(SetAside(sound.name, why))
    return apart


def _rates(sounds: list[_Sound], aside: list[SetAside]) -> dict[Path, int]:
    """The sample rates of files; those that are no sound files are set aside."""
    rates = {}
    for sound in sounds:
        try:
            rates[sound.path] = int(soundfile.info(sound.path).samplerate)
        except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
            aside.append(SetAside(sound.name, f"{sound.path}: not a readable sound file ({error})"))
    return rates


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name

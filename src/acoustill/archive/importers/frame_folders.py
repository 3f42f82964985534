"""Recordings that are folders of frames, as AVIA and ACIVW have them: what their two importers share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from acoustill.archive.archive import ImageHeader
from acoustill.archive.importers.avia_names import avia_rig
from acoustill.archive.importers.frame_files import read_audio, read_bitmap, read_whole
from acoustill.archive.importers.numbered import numbered_files, sub_folders
from acoustill.archive.importers.stored_maps import (
    ALIGNMENTS,
    COLUMNS,
    MENDED,
    ROWS,
    SHAPE,
    ShortMaps,
    align_map,
    read_map,
    shape_text,
)
from acoustill.archive.writer import RecordingWriter, writing_recording
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.grid import camera_grid
from acoustill.imaging.signals.source import scaled
from acoustill.imaging.specification import ForeignImages, ImageSpecification
from acoustill.rig.rig import Rig

if TYPE_CHECKING:
    from acoustill.imaging.imager import Imager

SCALE = 2.0**-31  # from int32 to full scale
BLOCK_FRAMES = 24  # 12 MB of the audio of 128 microphones

Stream = Literal["maps", "audio", "video"]
STREAM_OF_FOLDER: dict[str, Stream] = {"mfcc_image": "maps", "audio": "audio", "video": "video"}
NAMES: dict[Stream, str] = {"maps": "acoustic images (MFCC_Image)", "audio": "audio", "video": "video"}
FILES: dict[Stream, tuple[str, tuple[str, ...]]] = {
    "maps": ("Data", (".mat",)),
    "audio": ("A", (".npy", ".dc")),
    "video": ("I", (".jpeg", ".jpg", ".bmp")),
}


@dataclass(frozen=True)
class FrameOptions:
    """How recordings that are folders of frames are imported.

    Attributes:
        images: `stored` takes the acoustic images of the data set, `formed` forms them anew from the audio of all
            microphones, `none` leaves them out. The true places of the microphones are not public: formed images
            show true places only with a `rig` that has them.
        short_maps: what becomes of stored images smaller than 36 x 48 x 12: `resample` stretches them to the full
            view; `pad-front` puts zeros before every axis, as the paper's converter does, which moves the image;
            `pad-end` puts them behind; `set-aside` sets the recording aside.
        trim: whether streams of different length are cut at their ends to the shortest; else the recording is set
            aside.
        incomplete: whether recordings that lack a stream which others have are taken without it; else they are set
            aside.
        microphones: whose audio is kept, by their numbers from 0; None keeps all that are there. Files of one channel
            hold microphone 0.
        flip: whether stored images are turned over, left to right and top to bottom.
        rig: that recorded; None is DualCam.
        distance_m: from the camera to the plane that formed images show, in metres.
    """

    images: Literal["stored", "formed", "none"] = "stored"
    short_maps: ShortMaps = "resample"
    trim: bool = False
    incomplete: bool = False
    microphones: tuple[int, ...] | None = None
    flip: bool = False
    rig: Rig | None = None
    distance_m: float = 2.0

    @property
    def recorder(self) -> Rig:
        """The rig that recorded."""
        return self.rig or avia_rig()

    def checked(self) -> Self:
        """The same settings with the rig that they mean, which takes a tenth of a second to lay out.

        Raises:
            AcoustillError: naming the first setting that makes no sense.
        """
        rig = self.recorder
        if self.images not in ("stored", "formed", "none"):
            raise bad_input("import", "images", repr(self.images), "stored, formed or none")
        if self.short_maps not in ALIGNMENTS:
            raise bad_input("import", "short_maps", repr(self.short_maps), f"one of {', '.join(ALIGNMENTS)}")
        if not 0 < self.distance_m < np.inf:
            raise bad_input("import", "distance", f"{self.distance_m} m", "a positive number of metres")
        if self.microphones is not None:
            known = all(0 <= microphone < rig.channels for microphone in self.microphones)
            if not self.microphones or not known or len(set(self.microphones)) < len(self.microphones):
                expected = f"some of 0 to {rig.channels - 1}, each once"
                raise bad_input("import", "microphones", self.microphones, expected)
        return replace(self, rig=rig)

    def to_json(self, streams: Sequence[Stream]) -> dict[str, Any]:
        """What changes the content of an archive of these streams, but for its rig."""
        content: dict[str, Any] = {"streams": list(streams), "images": self.images}
        content |= {"trim": self.trim, "incomplete": self.incomplete}
        if "maps" in streams:
            content |= {"short_maps": self.short_maps, "flip": self.flip}
        if self.images == "formed":
            content["distance_m"] = self.distance_m
        if "audio" in streams:
            content["microphones"] = None if self.microphones is None else list(self.microphones)
        return content

    def image_header(self, origin: str, streams: Sequence[Stream]) -> ImageHeader | None:
        """What the acoustic images of an archive of these streams are."""
        if self.images == "formed":
            return ImageHeader(ImageSpecification(), camera_grid(self.recorder.camera, ROWS, COLUMNS, self.distance_m))
        return ImageHeader(ForeignImages(origin, "mfcc"), None) if "maps" in streams else None


@dataclass(frozen=True)
class FrameRecording:
    """One recording whose streams are folders of frames; see `acoustill.archive.importers.importing.Source`.

    Attributes:
        id: in the archive.
        importer: for the provenance.
        folder: where it lies in the data set, for the provenance.
        streams: the folder of each stream.
        options: what to do with them.
        label: see `Entry`, as are the next three.
        scenario: where.
        subject: who.
        columns: of the archive.
        notes: on the recording.
        jpeg_quality: in which bitmaps are kept; None loses nothing.
    """

    id: str
    importer: str
    folder: str
    streams: Mapping[Stream, Path]
    options: FrameOptions
    label: str | None = None
    scenario: str | None = None
    subject: str | None = None
    columns: dict[str, str | int | float | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    jpeg_quality: int | None = None

    def write(self, archive: Path) -> None:
        """Writes the recording into an archive; see `Source`.

        Raises:
            AcoustillError: if it cannot be taken.
        """
        files = {stream: numbered_files(path, *FILES[stream]) for stream, path in self.streams.items()}
        counts = {stream: len(paths) for stream, paths in files.items()}
        frames = min(counts.values())
        is_cut = max(counts.values()) > frames
        if is_cut and not self.options.trim:
            found = ", ".join(f"{stream} {count}" for stream, count in counts.items())
            expected = "the same in each (--trim cuts them to the shortest)"
            raise bad_input(self.folder, "number of frames", found, expected)
        imported: dict[str, Any] = {"importer": self.importer, "folder": self.folder, "frames": frames}
        if is_cut:
            imported["trimmed_from"] = counts
        if "maps" in files:
            imported |= {"short_maps": self.options.short_maps, "flipped": self.options.flip}
        with writing_recording(
            archive,
            self.id,
            self.options.recorder.samples_per_frame,
            label=self.label,
            scenario=self.scenario,
            subject=self.subject,
            columns=self.columns,
            provenance={"imported": imported},
        ) as writer:
            for note in self.notes:
                writer.note(note)
            if self.options.images == "formed" and "audio" not in files:
                writer.note("no acoustic images, which are formed from audio")
            if is_cut:
                writer.note("streams of unequal length cut to the shortest")
            if "maps" in files:
                self._write_maps(writer, files["maps"][:frames])
            if "audio" in files:
                self._write_audio(writer, files["audio"][:frames])
            if "video" in files:
                self._write_video(writer, files["video"][:frames])

    def _write_maps(self, writer: RecordingWriter, files: Sequence[Path]) -> None:
        images = writer.image(len(files), SHAPE)
        for path in files:
            image = read_map(path)
            aligned = align_map(image, self.options.short_maps, path)
            if image.shape != SHAPE:
                mended = MENDED[self.options.short_maps]
                writer.note(f"maps of {shape_text(image.shape)} {mended} {shape_text(SHAPE)}")
            images.append((aligned[::-1, ::-1] if self.options.flip else aligned)[None])

    def _write_audio(self, writer: RecordingWriter, files: Sequence[Path]) -> None:
        rig, forms_images = self.options.recorder, self.options.images == "formed"
        channels = len(read_audio(files[0], rig.samples_per_frame, {1, rig.channels}))
        if forms_images and channels != rig.channels:
            expected = f"the {rig.channels} of the rig, which forming images takes"
            raise bad_input(files[0], "number of channels", channels, expected)
        wanted = self.options.microphones
        kept = list(range(channels) if wanted is None else wanted)
        if max(kept) >= channels:
            raise bad_input(files[0], "number of channels", channels, f"more, for microphone {max(kept)} is asked for")
        audio = writer.audio(kept, len(files) * rig.samples_per_frame, np.int32, SCALE)

        def passing() -> Iterator[np.ndarray]:
            for block in _audio_blocks(files, rig.samples_per_frame, channels):
                audio.append_columns(block if wanted is None else block[kept])
                yield block

        if not forms_images:
            for _ in passing():
                pass
            return
        imager = _imager(rig, self.options.distance_m)
        images = writer.image(len(files), (ROWS, COLUMNS, imager.channels), np.float16)
        for formed in imager.stream(scaled(block, SCALE) for block in passing()):
            images.append(formed.features)

    def _write_video(self, writer: RecordingWriter, files: Sequence[Path]) -> None:
        video = writer.video()
        for path in files:
            is_bitmap = path.suffix.lower() == ".bmp"
            picture = read_bitmap(path) if is_bitmap else read_whole(path)
            try:
                if isinstance(picture, bytes):
                    video.append_encoded(picture)
                else:
                    video.append(picture, self.jpeg_quality)
            except AcoustillError as error:
                raise AcoustillError(f"{path}: {error}") from error


@dataclass(frozen=True)
class Selection:
    """Which streams an archive will have, and what is known of each recording by its numbers.

    Attributes:
        streams: that some recording has and that are wanted.
        folders: of the streams of each recording that can be taken.
        problems: why others cannot be taken.
    """

    streams: tuple[Stream, ...]
    folders: dict[tuple[int, ...], dict[Stream, Path]]
    problems: dict[tuple[int, ...], str]

    def notes(self, numbers: tuple[int, ...]) -> tuple[str, ...]:
        """What to say of the streams that a recording lacks."""
        lacking = [stream for stream in self.streams if stream not in self.folders[numbers]]
        return tuple(f"no {NAMES[stream]}, which other recordings have" for stream in lacking)


def select_streams(places: Mapping[tuple[int, ...], Sequence[Path]], options: FrameOptions, root: Path) -> Selection:
    """Finds the folders of the streams of all recordings.

    A stream that no recording has is left out of the archive; a recording that lacks one that others have is taken
    only if the options say so.

    Args:
        places: by the numbers of a recording, the folders in which its streams lie.
        options: which images are wanted, and whether incomplete recordings are.
        root: of the data set, for messages.

    Raises:
        AcoustillError: if no recording has a stream that is wanted.
    """
    found: dict[tuple[int, ...], dict[Stream, list[Path]]] = {}
    problems: dict[tuple[int, ...], str] = {}
    for numbers, folders in places.items():
        of_recording = found.setdefault(numbers, {})
        for folder in folders:
            try:
                children = sub_folders(folder)
            except AcoustillError as error:
                problems[numbers] = str(error)
                continue
            for child in children:
                stream = STREAM_OF_FOLDER.get(child.name.lower())
                if stream is not None:
                    of_recording.setdefault(stream, []).append(child)
    there = {stream for of_recording in found.values() for stream in of_recording}
    if options.images != "stored":
        there.discard("maps")
    streams = tuple(stream for stream in NAMES if stream in there)
    if options.images == "formed" and "audio" not in streams:
        raise AcoustillError(f"{root}: no recording has audio, from which images could be formed")
    if not streams:
        raise AcoustillError(f"{root}: no recording has a folder MFCC_Image, audio or video that is wanted")
    chosen: dict[tuple[int, ...], dict[Stream, Path]] = {}
    for numbers, of_recording in found.items():
        problem = problems.get(numbers) or _problem(of_recording, streams, options.incomplete)
        if problem is None:
            chosen[numbers] = {stream: of_recording[stream][0] for stream in streams if stream in of_recording}
        else:
            problems[numbers] = problem
    return Selection(streams, chosen, problems)


def _problem(of_recording: Mapping[Stream, Sequence[Path]], streams: Sequence[Stream], incomplete: bool) -> str | None:
    """Why a recording cannot be taken."""
    if not any(stream in of_recording for stream in streams):
        return f"it has none of the streams of other recordings: {', '.join(NAMES[stream] for stream in streams)}"
    for stream in streams:
        folders = of_recording.get(stream, ())
        if not folders and not incomplete:
            return f"it has no {NAMES[stream]}, which other recordings have (--incomplete takes it without)"
        if len(folders) > 1:
            return f"its {NAMES[stream]} lies in two folders, {folders[0]} and {folders[1]}"
    return None


def _audio_blocks(files: Sequence[Path], samples: int, channels: int) -> Iterator[np.ndarray]:
    """The audio of some frames at a time, (channels, samples) int32."""
    for start in range(0, len(files), BLOCK_FRAMES):
        frames = [read_audio(path, samples, {channels}) for path in files[start : start + BLOCK_FRAMES]]
        yield np.concatenate(frames, axis=1)


def _imager(rig: Rig, distance_m: float) -> Imager:
    """An imager for one recording; setting one up takes a tenth of a second.

    It uses one thread, so that the images do not depend on how many recordings are in work at a time.
    """
    from acoustill.imaging.imager import Imager

    grid = camera_grid(rig.camera, ROWS, COLUMNS, distance_m)
    return Imager(rig, grid, ImageSpecification(), threads=1)

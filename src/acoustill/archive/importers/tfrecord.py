"""Imports the GZIP TFRecord files that the software of the paper, and that of ACIVW, made of their recordings.

One file holds one second: `Location_01/Subject_01/Action_001/Data_001.tfrecord` of AVIA, of which every recording was
cut or repeated to 30 s, or `class_0/data_000/Data_001.tfrecord` of ACIVW, of which all whole seconds were kept.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.archive.archive import ImageHeader
from acoustill.archive.importers.avia_names import avia_rig
from acoustill.archive.importers.importing import ImportPlan
from acoustill.archive.importers.loops import source_length
from acoustill.archive.importers.sequence_examples import SequenceExample, read_sequence_examples
from acoustill.archive.importers.stored_maps import ALIGNMENTS, MENDED, SHAPE, ShortMaps, align_map, shape_text
from acoustill.archive.importers.tfrecord_layouts import AVIA_SECONDS, Layout, TfrecordFolder, find_recordings
from acoustill.archive.writer import RecordingWriter, writing_recording
from acoustill.errors import bad_input
from acoustill.imaging.specification import ForeignImages
from acoustill.rig.camera import Camera
from acoustill.rig.rig import Rig

FRAMES_PER_SECOND = 12
SAMPLES_PER_FRAME = 1024
MICROPHONES = 128
SCALE = 2.0**-31  # of int32 samples, to full scale: the microphones' sensitivity is not published

LOOPED = "looped: the converter repeated it to 30 s; kept its own length"
STILL = "every frame is the same; kept whole"
SHORT = "fewer files than the 30 that the converter wrote for every recording"


@dataclass(frozen=True)
class TfrecordOptions:
    """How TFRecord files are imported.

    Attributes:
        microphones: which of the recorded microphones are kept, by channel from 0; None keeps all.
        jpeg_quality: of the video, from 1 to 100; None keeps every bit, in PNG files.
        short_maps: what becomes of acoustic images smaller than 36 x 48 x 12. AVIA's converter put zeros before
            every axis of them, which are found by that they are zeros and taken away; the rest is what `FrameOptions`
            says of it. So `resample` stretches it to the full view, and `pad-front` keeps the zeros, which have moved
            the image.
        flip: whether acoustic images are turned left to right and upside down, so that they lie on the video; None
            does it where the data set needs it: ACIVW does, AVIA does not.
    """

    microphones: tuple[int, ...] | None = None
    jpeg_quality: int | None = None
    short_maps: ShortMaps = "resample"
    flip: bool | None = None


def plan_tfrecord(root: Path, options: TfrecordOptions | None = None) -> ImportPlan:
    """What to import of a folder of TFRecord files; it only lists folders.

    Args:
        root: the folder that holds `Location_01`, ... or `class_0`, ...; upper and lower case are the same.
        options: see there.

    Raises:
        AcoustillError: if an option is impossible, or the folder is missing or holds neither of them, or both.
    """
    options = options or TfrecordOptions()
    _check(options)
    layout, folders, aside = find_recordings(root)
    options = replace(options, flip=layout.flipped if options.flip is None else options.flip)
    kept = None if options.microphones is None else list(options.microphones)
    maker: dict[str, Any] = {"importer": "tfrecord", "dataset": layout.name, "microphones": kept}
    maker |= {"jpeg_quality": options.jpeg_quality, "short_maps": options.short_maps, "flip": options.flip}
    sources = tuple(TfrecordSource(root / one.name, one, layout.evened, options) for one in folders)
    return ImportPlan(maker, _rig(layout), ImageHeader(ForeignImages(layout.name, "mfcc"), None), sources, aside)


def _check(options: TfrecordOptions) -> None:
    kept, quality = options.microphones, options.jpeg_quality
    if options.short_maps not in ALIGNMENTS:
        raise bad_input("tfrecord", "short_maps", repr(options.short_maps), f"one of {', '.join(ALIGNMENTS)}")
    known = range(MICROPHONES)
    if kept is not None and (not kept or len(set(kept)) < len(kept) or not set(kept) <= set(known)):
        raise bad_input("tfrecord", "microphones", kept, f"distinct channels from 0 to {known[-1]}, at least one")
    if quality is not None and not 1 <= quality <= 100:
        raise bad_input("tfrecord", "jpeg_quality", quality, "1 to 100, or none for PNG")


def _rig(layout: Layout) -> Rig:
    """The rig, with a camera of the size to which the converter brought the video."""
    rig = avia_rig()
    if layout.video_size is None:
        return rig
    width, height = layout.video_size
    across, down = width / rig.camera.width, height / rig.camera.height
    fx, fy = rig.camera.focal_px
    return replace(rig, camera=Camera(width, height, (fx * across, fy * down), (width / 2, height / 2)))


@dataclass(frozen=True)
class _Stream:
    """One of the streams that a file may hold.

    Attributes:
        name: in an archive.
        steps: name of the list whose steps are frames.
        sizes: names of the context that give the shape of a frame.
        dtype: of its values.
    """

    name: str
    steps: str
    sizes: tuple[str, ...]
    dtype: str


STREAMS = (
    _Stream("audio", "audio/data", ("audio_data/mics", "audio_data/samples"), "<i4"),
    _Stream("image", "audio/image", ("audio_image/height", "audio_image/width", "audio_image/depth"), "<f4"),
    _Stream("video", "video/image", ("video/height", "video/width", "video/depth"), "|u1"),
)

Second = dict[str, list[np.ndarray]]  # frames by stream, as they lie in the file


class _SeenBeforeError(Exception):
    """The first frame came again: the recording may be looped."""


@dataclass(frozen=True)
class TfrecordSource:
    """One recording, in as many files as it has seconds.

    Attributes:
        path: of its folder.
        folder: what was found there.
        evened: see `Layout`.
        options: of the import; `flip` is set.
    """

    path: Path
    folder: TfrecordFolder
    evened: bool
    options: TfrecordOptions = field(default_factory=TfrecordOptions)

    @property
    def id(self) -> str:
        """The id in the archive."""
        return self.folder.id

    def write(self, archive: Path) -> None:
        """Writes the recording, without the seconds that repeat others; a second at a time is in memory.

        Files take long to inflate, and most recordings are not looped. So it is taken for one that is not, until its
        first frame comes again; only then are all files read to find its length, and once more to write it.

        Raises:
            AcoustillError: if a file is broken, or contradicts its folder, itself or the file before.
        """
        frames = FRAMES_PER_SECOND * len(self.folder.files)
        notes = [SHORT] if self.evened and len(self.folder.files) < AVIA_SECONDS else []
        try:
            self._copy(archive, frames, frames, notes, watch=self.evened)
        except _SeenBeforeError:
            hashes = [one for _, second in self._seconds() for one in _hashes(second)]
            length = source_length(hashes)
            if length < frames:
                notes = [*notes, LOOPED]
            elif len(set(hashes)) == 1:
                notes = [*notes, STILL]
            self._copy(archive, length, frames, notes, watch=False)

    def _copy(self, archive: Path, frames: int, frames_read: int, notes: list[str], watch: bool) -> None:
        """Writes the first frames; stops if the very first comes again and somebody watches for it."""
        imported = {
            "importer": "tfrecord",
            "folder": self.folder.name,
            "files": len(self.folder.files),
            "frames_dropped": frames_read - frames,
        }
        with writing_recording(
            archive,
            self.id,
            SAMPLES_PER_FRAME,
            label=self.folder.label,
            scenario=self.folder.scenario,
            subject=self.folder.subject,
            columns=self.folder.columns,
            provenance={"imported": imported},
        ) as writer:
            for note in notes:
                writer.note(note)
            copier, first, times_seen, left = None, b"", 0, frames
            for path, second in self._seconds():
                if watch:
                    hashes = _hashes(second)
                    first = first or hashes[0]
                    times_seen += hashes.count(first)
                    if times_seen > 1:
                        raise _SeenBeforeError
                copier = copier or _Copier(writer, self, second, frames)
                copier.append(path, {name: steps[:left] for name, steps in second.items()})
                left -= FRAMES_PER_SECOND
                if left <= 0:
                    break

    def _seconds(self) -> Iterator[tuple[Path, Second]]:
        """The files and what they hold, in order."""
        shapes_before: dict[str, tuple[int, ...]] = {}
        for name in self.folder.files:
            path = self.path / name
            second = _read_second(path, self.folder.context)
            shapes = {stream: steps[0].shape for stream, steps in second.items()}
            if shapes_before and shapes != shapes_before:
                expected = f"{_listed(shapes_before)}, as in the files before"
                raise bad_input(path, "what it holds", _listed(shapes), expected)
            shapes_before = shapes
            yield path, second


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{stream} {shape_text(shape)}" for stream, shape in shapes.items())


def _read_second(path: Path, context: dict[str, int]) -> Second:
    """The streams of one file.

    Args:
        path: of the file.
        context: what it must say of itself.

    Raises:
        AcoustillError: if it is broken, or is not what its folder says.
    """
    examples = list(itertools.islice(read_sequence_examples(path), 2))
    if len(examples) != 1:
        found = "2 or more" if examples else "0"
        raise bad_input(path, "number of records", found, "1, a second of the recording")
    example = examples[0]
    for name, number in context.items():
        if _number(path, example, name) != number:
            expected = f"{number}, for that is what its folder says"
            raise bad_input(path, f"context {name}", example.context[name], expected)
    second = {stream.name: _frames(path, example, stream) for stream in STREAMS if stream.steps in example.lists}
    if not second:
        names = " or ".join(stream.steps for stream in STREAMS)
        raise bad_input(path, "lists", ", ".join(example.lists) or "none", names)
    return second


def _frames(path: Path, example: SequenceExample, stream: _Stream) -> list[np.ndarray]:
    steps = example.lists[stream.steps]
    if len(steps) != FRAMES_PER_SECOND:
        raise bad_input(path, f"number of frames in {stream.steps}", len(steps), f"{FRAMES_PER_SECOND}, a second")
    shape = tuple(_number(path, example, name) for name in stream.sizes)
    if stream.name == "audio" and (shape[0] not in (1, MICROPHONES) or shape[1] != SAMPLES_PER_FRAME):
        expected = f"1 or {MICROPHONES} microphones of {SAMPLES_PER_FRAME} samples"
        raise bad_input(path, "audio_data", f"{shape[0]} microphones of {shape[1]} samples", expected)
    if min(shape) < 1 or (stream.name == "video" and shape[2] != 3):
        expected = "1 or more of each, and a depth of 3 for video"
        raise bad_input(path, f"shape of {stream.steps}", shape_text(shape), expected)
    whole = math.prod(shape) * np.dtype(stream.dtype).itemsize
    for number, step in enumerate(steps):
        if len(step) != whole:
            expected = f"{whole}, those of {shape_text(shape)} values"
            raise bad_input(path, f"bytes of frame {number} in {stream.steps}", len(step), expected)
    frames = [np.frombuffer(step, stream.dtype).reshape(shape) for step in steps]
    for number, frame in enumerate(frames):
        if frame.dtype.kind == "f" and not np.isfinite(frame).all():
            raise bad_input(path, f"frame {number} in {stream.steps}", "not finite", "finite values")
    return frames


def _number(path: Path, example: SequenceExample, name: str) -> int:
    value = example.context.get(name)
    if not isinstance(value, int):
        found = "missing" if value is None else "not one number"
        raise bad_input(path, f"context {name}", found, "a whole number")
    return value


def _hashes(second: Second) -> list[bytes]:
    """One for each frame, of all its streams."""
    hashes = []
    for frame in zip(*second.values(), strict=True):
        of_frame = hashlib.sha256()
        for array in frame:
            of_frame.update(array)
        hashes.append(of_frame.digest())
    return hashes


def _without_padding(image: np.ndarray) -> np.ndarray:
    """The map to which AVIA's converter added leading rows, columns and coefficients of zeros, as no map has."""
    if image.shape != SHAPE or not image.any():
        return image
    return image[tuple(slice(int(places.min()), None) for places in np.nonzero(image))]


class _Copier:
    """Brings frames as they lie in the files to the streams of an archive."""

    def __init__(self, writer: RecordingWriter, source: TfrecordSource, first: Second, frames: int) -> None:
        self._writer, self._source = writer, source
        if "audio" in first:
            recorded = len(first["audio"][0])
            self._kept = source.options.microphones or tuple(range(recorded))
            missing = [one for one in self._kept if one >= recorded]
            if missing:
                expected = f"also channel {missing[0]}, which is to be kept"
                raise bad_input(source.path, "number of microphones", recorded, expected)
            self._audio = writer.audio(self._kept, frames * SAMPLES_PER_FRAME, np.int32, SCALE)
        if "image" in first:
            height, width, channels = first["image"][0].shape
            self._image = writer.image(frames, (height, width, channels), np.float32)
        if "video" in first:
            self._video = writer.video()

    def append(self, path: Path, second: Second) -> None:
        """The next frames of every stream, and the file that holds them."""
        if "audio" in second:
            kept = list(self._kept)
            self._audio.append_columns(np.concatenate([frame[kept] for frame in second["audio"]], axis=1))
        if "image" in second:
            images = np.stack([self._mended(path, image) for image in second["image"]])
            self._image.append(images[:, ::-1, ::-1] if self._source.options.flip else images)
        for bgr in second.get("video", []):
            self._video.append(bgr[..., ::-1], self._source.options.jpeg_quality)

    def _mended(self, path: Path, image: np.ndarray) -> np.ndarray:
        short = _without_padding(image) if self._source.evened else image
        if short.shape == image.shape:
            return image
        aligned = align_map(short, self._source.options.short_maps, path)
        mended = MENDED[self._source.options.short_maps]
        self._writer.note(f"maps of {shape_text(short.shape)} {mended} {shape_text(SHAPE)}")
        return aligned

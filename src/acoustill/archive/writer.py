"""Writing recordings into an archive: one writer each, nothing half there, in bounded memory."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from acoustill.archive.array_writer import ArrayWriter
from acoustill.archive.entry import STREAMS, Entry, Sidecar, StreamFile
from acoustill.archive.pictures import decode_picture, encode_picture
from acoustill.archive.recording import Recording
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import first_problem, replacing_folder, write_json

JPEG_QUALITY = 85
AUDIO_TYPES = (np.dtype(np.float32), np.dtype(np.int16), np.dtype(np.int32))
IMAGE_TYPES = (np.dtype(np.float16), np.dtype(np.float32))


@contextmanager
def writing_recording(
    archive: Path,
    recording: str,
    samples_per_frame: int,
    *,
    label: str | None = None,
    scenario: str | None = None,
    subject: str | None = None,
    origin: str | None = None,
    columns: dict[str, str | int | float | None] | None = None,
    provenance: dict[str, Any] | None = None,
) -> Iterator[RecordingWriter]:
    """Writes one recording, whole or not at all, while its streams come.

    Args:
        archive: its folder.
        recording: its id.
        samples_per_frame: of the rig.
        label: see `Entry`, as are the next four.
        scenario: where.
        subject: who.
        origin: what it was cut from.
        columns: of the user's own.
        provenance: where the recording came from.

    Raises:
        AcoustillError: if the id or a label is not one that the manifest takes, a stream is not whole, or streams do
            not hold the same number of frames.
    """
    try:
        entry = Entry(
            id=recording,
            label=label,
            scenario=scenario,
            subject=subject,
            origin=origin,
            columns=columns or {},
            frames=1,
            streams=STREAMS,  # type: ignore[arg-type]
            content="0" * 64,
        )
    except ValidationError as error:
        raise AcoustillError(f"recording {recording!r}: {first_problem(error)}") from error
    # What was left by a writer that was killed is removed when the archive is gone on with or finished.
    with replacing_folder(archive / "recordings" / recording, clean=False) as folder:
        writer = RecordingWriter(folder, recording, samples_per_frame, provenance or {})
        try:
            yield writer
        except BaseException:
            writer.abandon()
            raise
        files, frames = writer.finish()
        streams = tuple(name for name in STREAMS if name in files)
        entry = entry.model_copy(update={"frames": frames, "streams": streams, "content": files[streams[0]].sha256})
        sidecar = Sidecar(entry=entry, files=files, notes=tuple(writer.notes), provenance=writer.provenance)  # type: ignore[arg-type]
        write_json(folder / "recording.json", sidecar.model_dump(mode="json", exclude_defaults=True))


class RecordingWriter:
    """Takes the streams of one recording, block by block; see `writing_recording`.

    Attributes:
        notes: what was mended.
        provenance: where the recording came from.
    """

    def __init__(self, folder: Path, recording: str, samples_per_frame: int, provenance: dict[str, Any]) -> None:
        self.notes: list[str] = []
        self.provenance = dict(provenance)
        self._folder, self._recording, self._samples_per_frame = folder, recording, samples_per_frame
        self._audio: tuple[ArrayWriter, tuple[int, ...], float] | None = None
        self._image: ArrayWriter | None = None
        self._video: FrameWriter | None = None
        self._beams: ArrayWriter | None = None

    def audio(
        self, microphones: Sequence[int], samples: int, dtype: np.dtype | type = np.float32, scale: float = 1.0
    ) -> ArrayWriter:
        """Starts the audio; its blocks go to `append_columns`.

        Args:
            microphones: which channels of the rig come.
            samples: of each.
            dtype: float32, int16 or int32.
            scale: what a value is multiplied by, to pascal or full scale.

        Raises:
            AcoustillError: if there are no samples.
        """
        assert np.dtype(dtype) in AUDIO_TYPES
        if samples < 1 or not len(microphones):
            raise bad_input(self._recording, "audio", f"{len(microphones)} channels of {samples} samples", "some")
        self._check_space(len(microphones) * samples * np.dtype(dtype).itemsize)
        writer = ArrayWriter(self._folder / "audio.npy", (len(microphones), samples), dtype)
        self._audio = writer, tuple(int(one) for one in microphones), float(scale)
        return writer

    def image(self, frames: int, shape: tuple[int, int, int], dtype: np.dtype | type = np.float32) -> ArrayWriter:
        """Starts the acoustic images; blocks of frames go to `append`.

        Args:
            frames: how many will come.
            shape: (H, W, C).
            dtype: float16 or float32.
        """
        assert np.dtype(dtype) in IMAGE_TYPES
        self._check_space(frames * math.prod(shape) * np.dtype(dtype).itemsize)
        self._image = ArrayWriter(self._folder / "image.npy", (frames, *shape), dtype)
        return self._image

    def beams(self, frames: int, shape: tuple[int, int, int, int]) -> ArrayWriter:
        """Starts the beam spectra; blocks of frames go to `append`.

        Args:
            frames: how many will come.
            shape: (steps, rows, columns, bins) of a frame, see `BeamSpecification.shape`.
        """
        self._check_space(2 * frames * math.prod(shape) * np.dtype(np.float16).itemsize)
        self._beams = ArrayWriter(self._folder / "beams.npy", (frames, *shape, 2), np.float16)
        return self._beams

    def _check_space(self, size: int) -> None:
        """Refuses what cannot fit before hours are spent on it: a file can state any length."""
        free = shutil.disk_usage(self._folder).free
        if size > free:
            raise bad_input(self._recording, "size", f"{size / 1e9:.1f} GB", f"at most the {free / 1e9:.1f} GB free")

    def video(self) -> FrameWriter:
        """Starts the video."""
        self._video = FrameWriter(self._folder / "video.jpegs", self._recording)
        return self._video

    def note(self, text: str) -> None:
        """Says what was mended, once."""
        if text not in self.notes:
            self.notes.append(text)

    def abandon(self) -> None:
        """Closes the files; the folder goes."""
        for writer in (self._audio and self._audio[0], self._image, self._video, self._beams):
            if writer is not None:
                writer.close()

    def finish(self) -> tuple[dict[str, StreamFile], int]:
        """What the sidecar says of each stream, and the length in frames.

        Raises:
            AcoustillError: if a stream is not whole or of another length, or there is none.
        """
        self.abandon()
        files: dict[str, StreamFile] = {}
        frames: dict[str, int] = {}
        if self._audio is not None:
            writer, microphones, scale = self._audio
            files["audio"] = _described(writer, self._recording, microphones=microphones, scale=scale)
            frames["audio"] = writer.shape[1] // self._samples_per_frame
        if self._image is not None:
            files["image"] = _described(self._image, self._recording)
            frames["image"] = self._image.shape[0]
        if self._video is not None:
            files["video"] = self._video.described()
            frames["video"] = len(self._video)
        if self._beams is not None:
            files["beams"] = _described(self._beams, self._recording)
            frames["beams"] = self._beams.shape[0]
        if not frames or min(frames.values()) < 1:
            raise bad_input(self._recording, "frames", frames or "no stream", "at least one frame of a stream")
        if len(set(frames.values())) > 1:
            counts = ", ".join(f"{stream} {count}" for stream, count in frames.items())
            raise bad_input(self._recording, "number of frames", counts, "the same in every stream")
        return files, min(frames.values())


class FrameWriter:
    """The frames of a video, each a picture of its own, one after the other in one file."""

    def __init__(self, path: Path, recording: str) -> None:
        self._path, self._recording = path, recording
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        self._offsets = [0]
        self._shape: tuple[int, ...] = (0, 0, 3)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def append(self, rgb: np.ndarray, quality: int | None = JPEG_QUALITY) -> None:
        """The next frame.

        Args:
            rgb: its pixels.
            quality: of a JPEG, from 1 to 100; None keeps every bit in a PNG, which takes five times the disk.

        Shapes:
            rgb: (h, w, 3) uint8.

        Raises:
            AcoustillError: if it is of another size than the frames before.
        """
        self._check(rgb.shape)
        self._write(encode_picture(rgb, quality))

    def append_encoded(self, picture: bytes) -> None:
        """The next frame, a JPEG or PNG file that is kept as it is.

        Raises:
            AcoustillError: if it is broken or of another size than the frames before.
        """
        self._check(decode_picture(picture, "the picture").shape)
        self._write(picture)

    def _check(self, shape: tuple[int, ...]) -> None:
        if len(self) == 0:
            self._shape = shape
        elif shape != self._shape:
            raise bad_input(self._recording, "shape of a video frame", shape, f"{self._shape}, that of those before")

    def _write(self, picture: bytes) -> None:
        self._file.write(picture)
        self._hash.update(picture)
        self._offsets.append(self._offsets[-1] + len(picture))

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def described(self) -> StreamFile:
        """What the sidecar says of the video."""
        return StreamFile(
            file=self._path.name,
            shape=(len(self), *self._shape),
            dtype="uint8",
            sha256=self._hash.hexdigest(),
            offsets=tuple(self._offsets),
        )


def _described(writer: ArrayWriter, recording: str, **more: Any) -> StreamFile:
    name = writer.path.stem
    if not writer.whole:
        raise AcoustillError(f"{recording}: the {name} ended before its {writer.shape} values had come")
    if not writer.finite:
        expected = "finite values" + ("; float16 holds them up to 65504" if writer.dtype == np.float16 else "")
        raise bad_input(recording, name, "not finite", expected)
    dtype = str(writer.dtype)
    return StreamFile(file=writer.path.name, shape=writer.shape, dtype=dtype, sha256=writer.sha256(), **more)  # type: ignore[arg-type]


def write_recording(
    archive: str | Path,
    recording: str,
    *,
    frames: int,
    audio: np.ndarray | None = None,
    microphones: Sequence[int] = (),
    scale: float | None = None,
    image: np.ndarray | None = None,
    video: np.ndarray | None = None,
    beams: np.ndarray | None = None,
    label: str | None = None,
    scenario: str | None = None,
    subject: str | None = None,
    columns: dict[str, str | int | float | None] | None = None,
    provenance: dict[str, Any] | None = None,
) -> Entry:
    """Writes one recording that is in memory, whole or not at all.

    Args:
        archive: its folder.
        recording: its id.
        frames: length in video frames.
        audio: of some microphones; int16 and int32 are kept as they are, all else as float32.
        microphones: which channels of the rig they are.
        scale: what integer audio is multiplied by, to pascal or full scale (2**-15 and 2**-31 are full scale).
        image: acoustic images.
        video: frames, kept as JPEG.
        beams: beam spectra, see `BeamSpectra`; kept in float16.
        label: see `Entry`, as are the next three.
        scenario: where.
        subject: who.
        columns: of the user's own.
        provenance: where the recording came from.

    Shapes:
        audio: (microphones, samples), a whole number of samples per frame.
        image: (frames, H, W, C); kept in float16 if it comes so, else in float32.
        video: (frames, h, w, 3) uint8 RGB.
        beams: (frames, steps, rows, columns, bins, 2).

    Raises:
        AcoustillError: see `writing_recording`.
    """
    if frames < 1:
        raise bad_input(f"recording {recording!r}", "frames", frames, "at least 1")
    if audio is not None and (audio.ndim != 2 or audio.shape[0] != len(microphones) or audio.shape[1] % frames):
        found = f"of shape {audio.shape}"
        raise bad_input(recording, "audio", found, f"{len(microphones)} channels, {frames} whole frames")
    if audio is not None and audio.dtype.kind in "iu" and scale is None:
        raise bad_input(recording, "scale", "not given", f"what {audio.dtype} audio is multiplied by")
    for name, stream in (("image", image), ("video", video), ("beams", beams)):
        if stream is not None and len(stream) != frames:
            raise bad_input(recording, f"number of {name} frames", len(stream), f"{frames}")
    archive = Path(archive)
    with writing_recording(
        archive,
        recording,
        1 if audio is None else audio.shape[1] // frames,
        label=label,
        scenario=scenario,
        subject=subject,
        columns=columns,
        provenance=provenance,
    ) as writer:
        if audio is not None:
            kept = audio if audio.dtype in AUDIO_TYPES else audio.astype(np.float32)
            writer.audio(microphones, audio.shape[1], kept.dtype, 1.0 if scale is None else scale).append_columns(kept)
        if image is not None:
            images = image if image.dtype == np.float16 else image.astype(np.float32)
            writer.image(frames, image.shape[1:], images.dtype).append(images)
        if video is not None:
            pictures = writer.video()
            for frame in video:
                pictures.append(frame)
        if beams is not None:
            if beams.ndim != 6 or beams.shape[-1] != 2:
                expected = "(frames, steps, rows, columns, bins, 2)"
                raise bad_input(recording, "shape of the beams", beams.shape, expected)
            writer.beams(frames, beams.shape[1:5]).append(beams)
    return Recording(archive / "recordings" / recording).entry

"""Arrays and recordings that are written while they come, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from acoustill.archive.entry import Entry
from acoustill.archive.writer import describe_array, write_sidecar
from acoustill.files import replacing_folder


class ArrayWriter:
    """A `.npy` file of a known shape, as `numpy.save` writes it, in blocks.

    It is written by ordinary writes and not through a memory map: a full disk is then an error, and no crash.

    Args:
        path: of the file.
        shape: of the whole array.
        dtype: of the array.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype | type) -> None:
        self._file = path.open("wb")
        self._shape, self._dtype = shape, np.dtype(dtype)
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._start = self._file.tell()
        self._rows = self._columns = 0

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, rows: np.ndarray) -> None:
        """The next rows, along the first axis."""
        assert rows.shape[1:] == self._shape[1:]
        assert self._rows + len(rows) <= self._shape[0]
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).tobytes())
        self._rows += len(rows)

    def append_columns(self, block: np.ndarray) -> None:
        """The next columns of a matrix; what goes beyond its end is left out."""
        rows, columns = self._shape
        block = np.ascontiguousarray(block[:, : columns - self._columns], dtype=self._dtype)
        for row in range(rows):
            self._file.seek(self._start + (row * columns + self._columns) * self._dtype.itemsize)
            self._file.write(block[row].tobytes())
        self._columns += block.shape[1]


class RecordingWriter(NamedTuple):
    """An unlabelled recording of an archive, written block by block.

    Attributes:
        audio: takes (channels, samples) by `append_columns`.
        image: takes (frames, H, W, C) by `append`.
    """

    audio: ArrayWriter
    image: ArrayWriter


@contextmanager
def streamed_recording(
    archive: Path,
    recording: str,
    *,
    frames: int,
    samples_per_frame: int,
    channels: int,
    image: tuple[tuple[int, int, int], np.dtype],
    provenance: dict[str, Any],
) -> Iterator[RecordingWriter]:
    """Writes a recording with all channels and its images into an archive, whole or not at all.

    As `write_recording`, for takes that do not fit into memory.

    Args:
        archive: the archive's folder.
        recording: its id.
        frames: length in video frames.
        samples_per_frame: of the rig.
        channels: of the rig.
        image: shape (H, W, C) and type of an acoustic image.
        provenance: where it came from.

    Raises:
        AcoustillError: if the id is not one that the manifest takes.
    """
    shape, dtype = image
    with replacing_folder(archive / "recordings" / recording) as folder:
        audio_shape, image_shape = (channels, frames * samples_per_frame), (frames, *shape)
        with (
            ArrayWriter(folder / "audio.npy", audio_shape, np.float32) as audio,
            ArrayWriter(folder / "image.npy", image_shape, dtype) as images,
        ):
            yield RecordingWriter(audio, images)
        every = tuple(range(channels))
        files = {
            "audio": describe_array(folder / "audio.npy", audio_shape, np.dtype(np.float32), every),
            "image": describe_array(folder / "image.npy", image_shape, dtype),
        }
        entry = Entry(id=recording, frames=frames, streams=("audio", "image"), content=files["audio"].sha256)
        write_sidecar(folder, entry, files, provenance)

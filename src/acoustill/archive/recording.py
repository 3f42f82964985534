"""Reading one recording of an archive."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from acoustill.archive.entry import Entry, Sidecar, StreamFile
from acoustill.archive.pictures import decode_picture, resize_picture
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import first_problem, read_json
from acoustill.rig.camera import Camera

Fetch = Callable[[Path, str | None], None]


class Recording:
    """One recording of an archive; its arrays are memory maps, opened when they are asked for.

    Args:
        folder: the recording's own, with its sidecar.
        fetch: is called with a file and the hash that it should have before the file is opened, and sees to it that
            it is there: archives that are far away are read so.

    Raises:
        AcoustillError: if the sidecar is missing or broken, or (on access) a stream is not as stated there.
    """

    def __init__(self, folder: Path, fetch: Fetch | None = None) -> None:
        self.folder = folder
        self._fetch = fetch
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
        """(microphones, samples) as stored, to be multiplied by the scale of the stream; read only."""
        audio = self._map("audio")
        if audio.ndim != 2:
            raise bad_input(self.file("audio"), "shape", audio.shape, "(microphones, samples)")
        return audio

    def signals(self, start: int = 0, stop: int | None = None, rows: Sequence[int] | slice = slice(None)) -> np.ndarray:
        """What some of the microphones recorded.

        Args:
            start: first sample.
            stop: the one after the last; None for all.
            rows: which of the stored microphones.

        Shapes:
            Output: (rows, samples) float32, pascal, or full scale where the sensitivity is not known.
        """
        stored = self.audio[rows, start:stop]
        scale = self._stated("audio").scale
        if scale == 1.0 and stored.dtype == np.float32:
            return np.array(stored)
        return np.multiply(stored, np.float64(scale), dtype=np.float64).astype(np.float32)

    @cached_property
    def image(self) -> np.ndarray:
        """(frames, H, W, C) float16 or float32; read only."""
        image = self._map("image")
        if image.ndim != 4:
            raise bad_input(self.file("image"), "shape", image.shape, "(frames, H, W, C)")
        return image

    @cached_property
    def beams(self) -> np.ndarray:
        """(frames, steps, rows, columns, bins, 2) float16, see `BeamSpectra`; read only."""
        beams = self._map("beams")
        if beams.ndim != 6 or beams.shape[-1] != 2:
            raise bad_input(self.file("beams"), "shape", beams.shape, "(frames, steps, rows, columns, bins, 2)")
        return beams

    def direction(self, camera: Camera, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Where in the camera's view the source is in the middle of each frame, as whoever simulated it wrote it down.

        Args:
            camera: of the rig that recorded.
            start: first frame.
            stop: the one after the last; None for all.

        Shapes:
            Output: (frames, 2) float32: column / width and row / height, from 0 to 1 inside the view.

        Raises:
            AcoustillError: if the recording does not know it.
        """
        simulated = self.sidecar.provenance.get("simulated")
        known = simulated if isinstance(simulated, dict) else {}
        stated = known.get("pixels", known.get("pixel"))
        if stated is None:
            raise AcoustillError(
                f"{self.folder}: nobody knows in which direction its source is; only simulated actions do"
            )
        frames = self.entry.frames
        try:
            pixels = np.asarray(stated, dtype=np.float64)
        except (TypeError, ValueError):
            pixels = np.empty(0)
        if pixels.shape not in ((2,), (frames, 2)) or not np.isfinite(pixels).all():
            expected = f"one pixel (column, row), or one for each of {frames} frames"
            raise bad_input(self.folder / "recording.json", "direction of its source", str(stated)[:60], expected)
        first, after, _ = slice(start, stop).indices(frames)
        seen = pixels[first:after] if pixels.ndim == 2 else np.broadcast_to(pixels, (after - first, 2))
        return (seen / (camera.width, camera.height)).astype(np.float32)

    @cached_property
    def _pictures(self) -> tuple[np.ndarray, tuple[int, ...]]:
        stated = self._stated("video")
        path = self.file("video")
        offsets = stated.offsets or ()
        whole = len(offsets) == self.entry.frames + 1 and offsets[-1] > 0
        if not whole or not path.is_file() or path.stat().st_size != offsets[-1]:
            raise AcoustillError(f"{path}: missing, or not as long as its sidecar states")
        return np.memmap(path, np.uint8, mode="r"), offsets

    def encoded_frame(self, index: int) -> bytes:
        """One video frame as it is stored, a JPEG or PNG file.

        Raises:
            AcoustillError: if there is no such frame.
        """
        pictures, offsets = self._pictures
        if not 0 <= index < len(offsets) - 1:
            raise bad_input(self.folder, "frame", index, f"0 to {len(offsets) - 2}")
        return pictures[offsets[index] : offsets[index + 1]].tobytes()

    def frame(self, index: int, shape: tuple[int, int] | None = None) -> np.ndarray:
        """One video frame, (h, w, 3) uint8 RGB, brought to a shape (h, w) if one is given.

        Raises:
            AcoustillError: if the frame is broken or there is no such frame.
        """
        name = f"{self.folder}: frame {index} of the video"
        picture = decode_picture(self.encoded_frame(index), name, shape)
        return picture if shape is None else resize_picture(picture, shape)

    def video(
        self, start: int = 0, stop: int | None = None, step: int = 1, shape: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Video frames start, start + step, ... before stop: (frames, h, w, 3) uint8 RGB.

        Args:
            start: first frame.
            stop: the one after the last; None for all.
            step: from one frame to the next.
            shape: (h, w) that all of the picture is brought to while it is decoded; None keeps it as stored.
        """
        stop = self.entry.frames if stop is None else stop
        try:
            return np.stack([self.frame(i, shape) for i in range(start, stop, step)])
        except ValueError as error:
            raise AcoustillError(f"{self.folder}: its video frames are not of one size, or there are none") from error

    def file(self, stream: str) -> Path:
        """The file of a stream, which is there if it can be.

        Raises:
            AcoustillError: if the recording has no such stream.
        """
        stated = self._stated(stream)
        path = self.folder / stated.file
        if self._fetch is not None:
            self._fetch(path, stated.sha256)
        return path

    def _stated(self, stream: str) -> StreamFile:
        stated = self.sidecar.files.get(stream)  # type: ignore[call-overload]
        if stated is None:
            raise AcoustillError(f"{self.folder}: the recording has no {stream}")
        return stated

    def _map(self, stream: str) -> np.ndarray:
        stated, path = self._stated(stream), self.file(stream)
        try:
            offset = array_offset(path, stated.shape, np.dtype(stated.dtype))
            return np.memmap(path, stated.dtype, mode="r", offset=offset, shape=stated.shape)
        except (OSError, ValueError, OverflowError) as error:
            raise AcoustillError(f"{path}: missing or not an array ({error})") from error


def array_offset(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Where the values of a `.npy` file begin, which must hold an array of this shape and type and nothing else.

    The header is compared with the one that there must be, and not parsed: nothing in a file is ever evaluated.

    Raises:
        AcoustillError: if it holds another one.
        ValueError: if it is no such file.
        OSError: if it cannot be read.
    """
    expected = f"{dtype} {shape}, as its sidecar states"
    with path.open("rb") as file:
        start = file.read(10)
        if len(start) < 10 or start[:8] != b"\x93NUMPY\x01\x00":
            raise ValueError("it does not begin as one")
        length = int.from_bytes(start[8:], "little")
        header = file.read(length)
        size = file.seek(0, 2)
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    wanted = "{" + "".join(f"'{name}': {value!r}, " for name, value in described.items()) + "}"
    if header.strip() != wanted.encode():
        raise bad_input(path, "array", header.decode("latin1").strip()[:100], expected)
    if size != 10 + length + math.prod(shape) * dtype.itemsize:
        raise bad_input(path, "length", f"{size} bytes", expected)
    return 10 + length

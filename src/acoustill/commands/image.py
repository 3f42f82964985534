"""What `acoustill image` does."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.archive.archive import ImageHeader
from acoustill.archive.making import create_archive, finish_archive
from acoustill.archive.recording import Recording
from acoustill.archive.recording_ids import recording_ids
from acoustill.commands.arguments import band_of, bar, naming, positive_decibels, refuse_overwriting
from acoustill.commands.image_outputs import Output, nothing, npy_output, npz_output, recording_output, video_output
from acoustill.commands.setting import Setting
from acoustill.commands.takes import BLOCK_FRAMES
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, json_hash, only_writer
from acoustill.imaging.bands import lowest_resolved_hz
from acoustill.imaging.imager import Imager
from acoustill.imaging.mel import LOWEST_HZ
from acoustill.imaging.peaks import Peak, find_peaks
from acoustill.imaging.signals.opening import checked_blocks
from acoustill.imaging.signals.source import SignalSource, readable
from acoustill.imaging.specification import ImageSpecification
from acoustill.jobs import SetAside
from acoustill.rig.rig import Rig

OUTPUTS = "a file name that ends in .npz, .npy or .mp4, or a folder (a name without an ending)"


@dataclass(frozen=True)
class ImageOptions:
    """The options of `acoustill image`; see its `--help`."""

    setting: Setting
    features: str = "mfcc"
    beamformer: str = "delay-and-sum"
    white_noise_gain_db: float = 6.0
    band: str | None = None
    path: str | None = None
    tolerance: float | None = None
    device: str = "cpu"
    threads: int | None = None
    peaks: int = 5
    range_db: float = 10.0
    out: Path | None = None


def image_recordings(recordings: Sequence[Path], options: ImageOptions) -> tuple[list[dict[str, Any]], list[SetAside]]:
    """Images of recordings and their strongest sources, in bounded memory.

    Returns:
        For each recording a JSON object: `recording`, `frames`, `rows`, `columns`, `channels`, `peaks` (see
        `Peak.to_json`), `scaling`, `out`, and whether it `was_there` already. And, if there are several, those
        that could not be imaged.

    Raises:
        AcoustillError: if an argument cannot be used, or if no recording can.
    """
    _check_numbers(options)
    kind = _output_kind(options.out)
    refuse_overwriting("image", options.out, [*recordings, *options.setting.inputs])
    if len(recordings) > 1 and kind not in ("folder", "nothing"):
        raise bad_input("image", "--out", f"{options.out} for {len(recordings)} recordings", "a folder")
    ids = recording_ids(list(recordings), "image") if kind == "folder" else [path.name for path in recordings]
    was_there = options.out is not None and options.out.exists()
    work = _Work(options, kind)
    alone = only_writer(options.out) if kind == "folder" and options.out is not None else nullcontext()
    summaries: list[dict[str, Any]] = []
    aside: list[SetAside] = []
    try:
        with alone:
            for path, recording in zip(recordings, ids, strict=True):
                try:
                    summaries.append(work.image(path, recording))
                except AcoustillError as error:
                    if len(recordings) == 1:
                        raise
                    aside.append(SetAside(str(path), str(error)))
            if not summaries:
                raise AcoustillError(f"image: none of {len(recordings)} recordings can be imaged; {aside[0].why}")
            if kind == "folder":
                assert options.out is not None
                finish_archive(options.out)
    except (AcoustillError, OSError):
        if kind == "folder" and options.out is not None and not was_there and not summaries:
            shutil.rmtree(options.out, ignore_errors=True)
        raise
    return summaries, aside


class _Work:
    """Images recordings with one imager after the other; makes the rig's only once."""

    def __init__(self, options: ImageOptions, kind: str) -> None:
        self.options, self.kind = options, kind
        self._rig = options.setting.load_rig()
        self._imager: Imager | None = None
        self._there: dict[str, str] | None = None

    def image(self, path: Path, recording: str) -> dict[str, Any]:
        options = self.options
        source, rig = self._open(path)
        blocks = checked_blocks(source, rig, BLOCK_FRAMES * rig.samples_per_frame)
        if self._imager is None or self._imager.rig is not rig:
            grid = options.setting.pixels(rig)
            # A video shows places, for which the lowest frequencies are of no use.
            lowest = lowest_resolved_hz(rig, grid) if self.kind == "mp4" else LOWEST_HZ
            lowest, highest = band_of(options.band, "image", lowest, None)
            specification = ImageSpecification(
                features=options.features,  # type: ignore[arg-type]
                lowest_hz=lowest,
                highest_hz=highest,
                beamformer=options.beamformer,
                white_noise_gain_db=options.white_noise_gain_db,
            )
            self._imager = Imager(
                rig,
                grid,
                specification,
                path=options.path,
                tolerance=options.tolerance,
                device=options.device,
                threads=options.threads,
            )
        imager = self._imager
        frames = source.samples // rig.samples_per_frame
        total = np.zeros((imager.grid.rows, imager.grid.columns))
        output = self._output(path, recording, source, imager, frames)
        peaks: list[Peak] = []
        if output is not None:
            with naming(path, self.options.out), output as out, bar(f"imaging {recording}", frames) as advance:
                for images in imager.stream(_heard(blocks, out.hear)):
                    out.see(images)
                    total += images.energy.sum(axis=0, dtype=np.float64)
                    for _ in range(len(images.energy)):
                        advance()
                # Before the output is in its place: a recording that shows nothing is set aside.
                peaks = find_peaks(total / frames, imager.grid, options.peaks, options.range_db)
        return {
            "recording": str(path),
            "frames": frames,
            "rows": imager.grid.rows,
            "columns": imager.grid.columns,
            "channels": imager.channels,
            "scaling": source.scaling,
            "peaks": [peak.to_json() for peak in peaks],
            "out": None if options.out is None else str(options.out),
            "was_there": output is None,
        }

    def _open(self, path: Path) -> tuple[SignalSource, Rig]:
        source, rig = self.options.setting.open(path, self._rig)
        if self._imager is None or self._rig is not None:
            return source, rig
        known = self._imager.rig
        if known.sample_rate == rig.sample_rate:  # of the same geometry: the imager can be used again
            return source, known
        if self.kind == "folder":
            raise bad_input(path, "sample rate", f"{rig.sample_rate} Hz", f"{known.sample_rate} Hz, as of the others")
        return source, rig

    def _output(
        self, path: Path, recording: str, source: SignalSource, imager: Imager, frames: int
    ) -> AbstractContextManager[Output] | None:
        """What takes the images; None if the archive has them already."""
        out = self.options.out
        if out is None:
            return nothing()
        if self.kind in ("npz", "npy"):
            return npz_output(out, imager) if self.kind == "npz" else npy_output(out, imager, frames)
        if self.kind == "mp4":
            if self.options.setting.extent is not None:
                raise AcoustillError("image: a video shows the camera's view; give --out x.mp4 without --extent")
            return video_output(out, imager, frames)
        maker = {"command": "image"}
        create_archive(out, imager.rig, ImageHeader(imager.specification, imager.grid), maker)
        if self._there is None:
            self._there = _imaged(out)
        with readable(path):
            content = _content_hash(path)
        if content in self._there:  # whatever its id: that follows from what else was imaged with it
            return None
        if (out / "recordings" / recording / "recording.json").is_file():
            raise bad_input(out, f"recording {recording}", "there, of another source", f"a new folder for {path}")
        provenance = {"imaged": {"source": path.name, "sha256": content}}
        return self._remembering(recording_output(out, recording, imager, frames, provenance), content, recording)

    @contextmanager
    def _remembering(self, output: AbstractContextManager[Output], content: str, recording: str) -> Iterator[Output]:
        with output as out:
            yield out
        assert self._there is not None
        self._there[content] = recording


def _imaged(archive: Path) -> dict[str, str]:
    """The ids of the recordings in an archive by the hashes of what they were imaged from."""
    there = {}
    for sidecar in sorted((archive / "recordings").glob("*/recording.json")):
        recording = Recording(sidecar.parent)
        imaged = (recording.sidecar.provenance or {}).get("imaged")
        if isinstance(imaged, dict) and "sha256" in imaged:
            there[str(imaged["sha256"])] = recording.entry.id
    return there


def _check_numbers(options: ImageOptions) -> None:
    positive_decibels(options.range_db, "image")
    if not math.isfinite(options.white_noise_gain_db):
        expected = "a finite number of decibels"
        raise bad_input("image", "--white-noise-gain", f"{options.white_noise_gain_db} dB", expected)
    most = 4 * (os.cpu_count() or 1)
    if options.threads is not None and not 1 <= options.threads <= most:
        raise bad_input("image", "--threads", options.threads, f"1 to {most}, four for each core")


def _heard(blocks: Iterator[np.ndarray], hear: Callable[[np.ndarray], None]) -> Iterator[np.ndarray]:
    for block in blocks:
        hear(block)
        yield block


def _content_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's files."""
    if path.is_file():
        return file_hash(path)
    return json_hash([[file.name, file_hash(file)] for file in sorted(path.glob("A_*.npy"))])


def _output_kind(out: Path | None) -> str:
    """`nothing`, `npz`, `npy`, `mp4` or `folder`."""
    if out is None:
        return "nothing"
    if out.suffix in (".npz", ".npy", ".mp4"):
        return out.suffix[1:]
    if out.suffix and not out.is_dir():
        raise bad_input("image", "--out", str(out), OUTPUTS)
    return "folder"

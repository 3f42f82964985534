"""Writing an archive: one writer a recording, nothing half there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from pydantic import ValidationError

from acoustill.archive.archive import Recording, read_header
from acoustill.archive.entry import FORMAT, STREAMS, VERSION, Entry, Sidecar, StreamFile
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, first_problem, replacing_folder, write_json, write_json_lines, write_text
from acoustill.imaging.grid import Grid
from acoustill.imaging.specification import ImageSpecification
from acoustill.rig.file import rig_to_text
from acoustill.rig.rig import Rig
from acoustill.version import __version__

JPEG_QUALITY = 85


def create_archive(
    path: str | Path,
    rig: Rig,
    image: tuple[ImageSpecification, Grid] | None = None,
    maker: dict[str, Any] | None = None,
) -> None:
    """Starts an archive, or goes on with one that was started in the same way.

    Args:
        path: the folder; it may hold recordings of an earlier, interrupted call.
        rig: what records.
        image: what the acoustic images are and where their pixels point; None if there will be none.
        maker: what makes the archive and with which settings; going on needs equal ones.

    Raises:
        AcoustillError: if the folder holds something else, or an archive made in another way.
    """
    path = Path(path)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "created_by": f"acoustill {__version__}",
        "maker": maker or {},
        "image": image and {"specification": image[0].to_json(), "grid_m": image[1].points_m.round(6).tolist()},
    }
    rig_text = rig_to_text(rig)
    if path.exists() and any(path.iterdir()):
        old = read_header(path)
        same_rig = (path / "rig.yaml").read_text(encoding="utf-8") == rig_text
        if old != header or not same_rig:
            raise AcoustillError(f"{path}: an archive made with other settings is there; give another folder")
        for unfinished in (path / "recordings").glob(".*.part"):
            shutil.rmtree(unfinished)
        return
    (path / "recordings").mkdir(parents=True, exist_ok=True)
    write_text(path / "rig.yaml", rig_text)
    write_json(path / "archive.json", header)


def write_recording(
    archive: Path,
    recording: str,
    *,
    frames: int,
    audio: np.ndarray,
    microphones: Sequence[int],
    image: np.ndarray | None = None,
    video: np.ndarray | None = None,
    label: str | None = None,
    scenario: str | None = None,
    subject: str | None = None,
    columns: dict[str, str | int | float | None] | None = None,
    provenance: dict[str, Any] | None = None,
) -> Entry:
    """Writes one recording, whole or not at all.

    Shapes:
        audio: (microphones, samples), a whole number of samples per frame.
        image: (frames, H, W, C); kept in float16 if it comes so, else in float32.
        video: (frames, h, w, 3) uint8 RGB.

    Raises:
        AcoustillError: if the id or a label is not one that the manifest takes, streams do not hold the same
            number of frames, or a value is not finite.
    """
    streams = {"audio": audio, "image": image, "video": video}
    try:
        entry = Entry(
            id=recording,
            label=label,
            scenario=scenario,
            subject=subject,
            columns=columns or {},
            frames=frames,
            streams=tuple(name for name in STREAMS if streams[name] is not None),  # type: ignore[misc]
            content="0" * 64,
        )
    except ValidationError as error:
        raise AcoustillError(f"recording {recording!r}: {first_problem(error)}") from error
    if not np.isfinite(audio).all():
        raise bad_input(recording, "audio", "not finite", "finite samples")
    if audio.ndim != 2 or audio.shape[0] != len(microphones) or audio.shape[1] % frames:
        found = f"of shape {audio.shape}"
        raise bad_input(recording, "audio", found, f"{len(microphones)} channels, {frames} whole frames")
    for name, stream in (("image", image), ("video", video)):
        if stream is not None and len(stream) != frames:
            raise bad_input(recording, f"number of {name} frames", len(stream), f"{frames}, that of the audio")
    if image is not None and not np.isfinite(image).all():
        raise bad_input(recording, "image", "not finite", "finite values; float16 holds them up to 65504")
    with replacing_folder(archive / "recordings" / recording) as folder:
        files = {"audio": _write_array(folder, "audio", audio.astype(np.float32), tuple(microphones))}
        if image is not None:
            kept = image if image.dtype == np.float16 else image.astype(np.float32)
            files["image"] = _write_array(folder, "image", kept)
        if video is not None:
            files["video"] = _write_video(folder, video)
        entry = entry.model_copy(update={"content": files["audio"].sha256})
        write_sidecar(folder, entry, files, provenance or {})
    return entry


def finish_archive(path: str | Path) -> int:
    """Writes the manifest from the sidecars; gives the number of recordings.

    Raises:
        AcoustillError: if a sidecar is broken or there is no recording.
    """
    path = Path(path)
    folders = sorted((path / "recordings").glob("[!.]*"))
    entries = [Recording(folder).entry for folder in folders]
    if not entries:
        raise AcoustillError(f"{path}: no recording was written")
    write_json_lines(path / "manifest.jsonl", [entry.model_dump(mode="json") for entry in entries])
    return len(entries)


def _write_array(
    folder: Path, stream: str, array: np.ndarray, microphones: tuple[int, ...] | None = None
) -> StreamFile:
    path = folder / f"{stream}.npy"
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)
    return describe_array(path, array.shape, array.dtype, microphones)


def describe_array(
    path: Path, shape: tuple[int, ...], dtype: np.dtype, microphones: tuple[int, ...] | None = None
) -> StreamFile:
    """What the sidecar says of a `.npy` file of this shape and type that lies at `path`."""
    return StreamFile(file=path.name, shape=shape, dtype=str(dtype), sha256=file_hash(path), microphones=microphones)


def write_sidecar(folder: Path, entry: Entry, files: dict[str, StreamFile], provenance: dict[str, Any]) -> None:
    """Writes what makes a folder of streams a recording."""
    sidecar = Sidecar(entry=entry, files=files, provenance=provenance)  # type: ignore[arg-type]
    write_json(folder / "recording.json", sidecar.model_dump(mode="json", exclude_none=True))


def _write_video(folder: Path, video: np.ndarray) -> StreamFile:
    path = folder / "video.jpegs"
    offsets = [0]
    with path.open("wb") as file:
        for frame in video:
            jpeg = simplejpeg.encode_jpeg(
                np.ascontiguousarray(frame), quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="420"
            )
            file.write(jpeg)
            offsets.append(offsets[-1] + len(jpeg))
    return StreamFile(file=path.name, shape=video.shape, dtype="uint8", sha256=file_hash(path), offsets=tuple(offsets))

"""Starting and finishing archives; what comes between is written recording by recording, see `writer`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from acoustill.archive.archive import MANIFEST, ImageHeader, read_header
from acoustill.archive.entry import FORMAT, VERSION, WITHOUT_BEAMS, ManifestLine
from acoustill.errors import AcoustillError
from acoustill.files import file_hash, first_problem, read_json, write_json, write_json_lines, write_text
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.jobs import SetAside
from acoustill.rig.file import rig_to_text
from acoustill.rig.rig import Rig
from acoustill.version import __version__


def create_archive(
    path: str | Path,
    rig: Rig,
    image: ImageHeader | None = None,
    maker: dict[str, Any] | None = None,
    beams: BeamSpecification | None = None,
) -> None:
    """Starts an archive, or goes on with one that was started in the same way.

    Args:
        path: the folder; it may hold recordings of an earlier, interrupted call.
        rig: what records.
        image: what the acoustic images are and where their pixels point; None if there will be none.
        maker: what makes the archive and with which settings; going on needs equal ones.
        beams: what the beam spectra are; None if there will be none.

    Raises:
        AcoustillError: if the folder holds something else, or an archive made in another way.
    """
    path = Path(path)
    points = None if image is None or image.grid is None else image.grid.points_m.round(6).tolist()
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": WITHOUT_BEAMS if beams is None else VERSION,
        "created_by": f"acoustill {__version__}",
        "maker": maker or {},
        "image": image and {"specification": image.specification.to_json(), "grid_m": points},
    }
    if beams is not None:
        header["beams"] = beams.to_json()
    rig_text = rig_to_text(rig)
    recordings = path / "recordings"
    if not _is_a_start(path):
        _refuse_other(path, header, rig_text)
        _remove_unfinished(path)
        return
    recordings.mkdir(parents=True, exist_ok=True)
    write_text(path / "rig.yaml", rig_text)
    write_json(path / "archive.json", header)  # the last: an archive without it was never started


def _remove_unfinished(path: Path) -> None:
    """Removes what writers that were killed left; there is no other writer, see `only_writer`."""
    for unfinished in (path / "recordings").glob(".*.part"):
        shutil.rmtree(unfinished, ignore_errors=True)


def _is_a_start(path: Path) -> bool:
    """Whether a folder is missing, empty, or holds only an archive without recordings, or a part of one."""
    if not path.is_dir():
        return True
    left = {entry.name for entry in path.iterdir() if not entry.name.endswith(".part")}
    return left <= {"recordings", "rig.yaml", "archive.json"} and not any(path.glob("recordings/[!.]*"))


def _refuse_other(path: Path, header: dict[str, Any], rig_text: str) -> None:
    """Refuses to go on with an archive that was made in another way, and says what differs."""
    old = read_header(path)
    other = f"{path}: an archive made with other settings is there"
    refuse_other_settings(other, old.get("maker"), header["maker"])
    if old.get("beams") != header.get("beams"):
        raise AcoustillError(f"{other}: its beam spectra are others; give another folder")
    if old.get("version") != header["version"]:
        versions = f"its version was {old.get('version')} and is {header['version']}"
        raise AcoustillError(f"{other}: {versions}; give another folder")
    if old.get("image") != header["image"]:
        raise AcoustillError(f"{other}: its acoustic images are others; give another folder")
    if (path / "rig.yaml").read_text(encoding="utf-8") != rig_text:
        raise AcoustillError(f"{other}: its rig is another one; give another folder")


def refuse_other_settings(other: str, found: object, wanted: dict[str, Any]) -> None:
    """Refuses to go on with what was made with other settings, and names the first that differs.

    Args:
        other: beginning of the message.
        found: the settings that are kept there; of a file, so they may be anything.
        wanted: those of now.

    Raises:
        AcoustillError: if one of them differs.
    """
    if found == wanted:
        return
    for key in sorted({*found, *wanted} if isinstance(found, dict) else wanted):
        before, now = (one.get(key) if isinstance(one, dict) else one for one in (found, wanted))
        if before != now:
            raise AcoustillError(f"{other}: {key} was {before!r} and is {now!r}; give another folder")


def finish_archive(path: str | Path, aside: Sequence[SetAside] = ()) -> int:
    """Writes the manifest from the sidecars; gives the number of recordings.

    Args:
        path: of the archive.
        aside: what could not be taken, to be kept beside.

    Raises:
        AcoustillError: if a sidecar is broken or there is no recording.
    """
    path = Path(path)
    _remove_unfinished(path)
    folders = sorted(folder for folder in (path / "recordings").glob("[!.]*") if folder.is_dir())
    lines = [_line(folder) for folder in folders]
    if not lines:
        raise AcoustillError(f"{path}: no recording was written")
    if aside:
        rows = [{"name": one.name, "why": one.why} for one in aside]
        write_json_lines(path / "set-aside.jsonl", rows)
    else:
        (path / "set-aside.jsonl").unlink(missing_ok=True)
    write_json_lines(path / MANIFEST, [line.model_dump(mode="json") for line in lines])
    return len(lines)


def _line(folder: Path) -> ManifestLine:
    """The line of the manifest for a recording; of its sidecar only the entry is checked, for the rest can be long."""
    sidecar = folder / "recording.json"
    content = read_json(sidecar)
    entry = content.get("entry") if isinstance(content, dict) else None
    try:
        return ManifestLine.model_validate(
            {**(entry if isinstance(entry, dict) else {}), "sidecar": file_hash(sidecar)}
        )
    except ValidationError as error:
        raise AcoustillError(f"{sidecar}: {first_problem(error)}") from error

"""Takes become recordings in the folders in which AVIA comes."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

from acoustill.archive.exporters.avia import (
    FULL_SCALE_PA,
    AviaNumbers,
    avia_numbers,
    is_whole,
    start_avia,
    stream_folders,
    to_int32,
    write_avia,
)
from acoustill.archive.importers.stored_maps import SHAPE
from acoustill.archive.pictures import encode_picture
from acoustill.archive.writer import JPEG_QUALITY
from acoustill.errors import AcoustillError
from acoustill.imaging.specification import ImageSpecification
from acoustill.jobs import SetAside
from acoustill.rig.rig import Rig
from acoustill.simulation.costs import Cost, bytes_per_second, measuring
from acoustill.simulation.plan import Take
from acoustill.simulation.preparing import check_takes, maker
from acoustill.simulation.production import Production, Tell
from acoustill.simulation.recording import record_take
from acoustill.simulation.studio import open_studio


def simulate_avia_folders(
    root: str | Path, rig: Rig, takes: Sequence[Take], *, jobs: int = 1, tell: Tell = lambda _: None
) -> list[SetAside]:
    """Simulates takes into AVIA's own folders, with the audio of every microphone.

    The integers of the audio are pressures: 2^31 is 100 Pa, as `about.json` says beside the two trees. Acoustic images
    are rounded to half precision as in an archive.

    Args:
        root: where the folders go.
        rig: what records.
        takes: what happens in front of it, all labelled, in AVIA's three scenarios.
        jobs: number of processes; it changes nothing in the result.
        tell: see `simulate_archive`.

    Returns:
        The takes that could not be simulated, and why.

    Raises:
        AcoustillError: if AVIA has no place for a take, the folder holds something else, the disk has no room, or no
            take could be simulated.
    """
    root = Path(root)
    check_takes(root, takes, rig.sample_rate)
    places: dict[AviaNumbers, str] = {}
    for take in takes:
        first = places.setdefault(_numbers(take), take.id)
        if first != take.id:
            raise AcoustillError(f"{root}: {first} and {take.id} are one recording in AVIA's layout")
    made_by = maker(takes, rig.channels)
    production = Production(
        root,
        takes,
        [take for take in takes if not _is_there(root, take, rig)],
        bytes_per_second(rig, rig.channels, math.prod(SHAPE), 8),
        lambda take: record_take(take, *open_studio(root, ImageSpecification())),
        functools.partial(_simulate_take, root=root),
    )
    return production.complete(lambda: start_avia(root, rig, made_by, FULL_SCALE_PA), jobs, tell)


def _is_there(root: Path, take: Take, rig: Rig) -> bool:
    frames = round(take.seconds * rig.frame_rate)
    return all(is_whole(folder, frames) for folder in _folders(root, take))


def _numbers(take: Take) -> AviaNumbers:
    return avia_numbers(f"take {take.id}", take.scenario, take.subject, take.label)


def _folders(root: Path, take: Take) -> list[Path]:
    return list(stream_folders(root, _numbers(take)).values())


def _simulate_take(take: Take, root: Path) -> Cost:
    rig, imager = open_studio(root, ImageSpecification())
    with measuring(_folders(root, take)) as cost:
        recorded = record_take(take, rig, imager)
        write_avia(
            root,
            _numbers(take),
            image=iter(recorded.image),
            audio=to_int32(recorded.signals, FULL_SCALE_PA, rig.samples_per_frame, f"take {take.id}"),
            video=(encode_picture(frame, JPEG_QUALITY) for frame in recorded.video),
        )
    return cost()

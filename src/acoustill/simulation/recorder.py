"""Takes become recordings of an archive."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from acoustill.archive.archive import ImageHeader, read_beams, read_header, read_image_header
from acoustill.archive.making import create_archive, finish_archive
from acoustill.archive.writer import write_recording
from acoustill.errors import AcoustillError
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.imaging.beam_spectra import BeamSpectra
from acoustill.imaging.grid import Grid
from acoustill.imaging.specification import ImageSpecification
from acoustill.jobs import SetAside
from acoustill.rig.rig import Rig
from acoustill.simulation.costs import Cost, bytes_per_second, measuring
from acoustill.simulation.plan import Take
from acoustill.simulation.preparing import check_takes, maker
from acoustill.simulation.production import Production, Tell
from acoustill.simulation.recording import image_grid, record_take
from acoustill.simulation.studio import open_beams, open_studio


def simulate_archive(
    path: str | Path,
    rig: Rig,
    takes: Sequence[Take],
    *,
    microphones: int = 4,
    all_microphones: bool = False,
    image: ImageSpecification | None = None,
    beams: BeamSpecification | None = None,
    jobs: int = 1,
    tell: Tell = lambda _: None,
) -> list[SetAside]:
    """Simulates takes into an archive; goes on where an earlier call with equal settings stopped.

    Args:
        path: the archive's folder.
        rig: what records.
        takes: what happens in front of it.
        microphones: how many microphones' audio is kept, spread over the array.
        all_microphones: keep every microphone's, so that images can be formed anew.
        image: what the acoustic images are; the default is 12 MFCC in 36 x 48 pixels at 2 m.
        beams: what the beam spectra are; None keeps none.
        jobs: number of processes; it changes nothing in the result.
        tell: takes what is to be told before the work, a line at a time: how many recordings, disk, time.

    Returns:
        The takes that could not be simulated, and why.

    Raises:
        AcoustillError: if the folder holds something else, the disk has no room, or no take could be simulated.
    """
    path = Path(path)
    specification = image or ImageSpecification()
    kept = rig.channels if all_microphones else microphones
    check_takes(path, takes, rig.sample_rate)
    spread_microphones(rig, kept)  # too many are refused before anything is written
    made_by = maker(takes, kept)
    grid = image_grid(rig)
    header = ImageHeader(specification, grid)
    if beams is not None:
        BeamSpectra(rig, beams, threads=1)  # what this array cannot form, likewise
    production = Production(
        path,
        takes,
        missing_takes(path, takes),
        _bytes_per_second(rig, kept, specification, grid, beams),
        lambda take: record_take(take, *open_studio(path, specification), open_beams(path, beams)),
        functools.partial(simulate_take, archive=path, microphones=kept),
    )
    return production.complete(
        lambda: create_archive(path, rig, header, made_by, beams), jobs, tell, finish=lambda: finish_archive(path)
    )


def _bytes_per_second(
    rig: Rig, microphones: int, specification: ImageSpecification, grid: Grid, beams: BeamSpecification | None
) -> float:
    values = grid.rows * grid.columns * specification.channels(rig.samples_per_frame // 2 + 1)
    return bytes_per_second(rig, microphones, values, 2 if specification.features == "mfcc" else 4, beams)


def simulate_take(take: Take, archive: Path, microphones: int) -> Cost:
    """Simulates one take, writes its recording into an archive that was started, and tells what it cost.

    Raises:
        AcoustillError: if its sound file cannot be read.
    """
    stated = read_header(archive)
    image = read_image_header(archive, stated)
    assert image is not None
    assert isinstance(image.specification, ImageSpecification)
    rig, imager = open_studio(archive, image.specification)
    kept = spread_microphones(rig, microphones)
    with measuring([archive / "recordings" / take.id]) as cost:
        recorded = record_take(take, rig, imager, open_beams(archive, read_beams(archive, stated)))
        write_recording(
            archive,
            take.id,
            frames=recorded.frames,
            audio=recorded.signals[kept],
            microphones=kept,
            image=recorded.image,
            video=recorded.video,
            beams=recorded.beams,
            label=take.label,
            scenario=take.scenario,
            subject=take.subject,
            columns=take.columns,
            provenance=recorded.provenance,
        )
    return cost()


def missing_takes(archive: Path, takes: Sequence[Take]) -> list[Take]:
    """Those whose recordings are not in an archive yet."""
    return [take for take in takes if not (archive / "recordings" / take.id / "recording.json").is_file()]


def spread_microphones(rig: Rig, count: int) -> list[int]:
    """Working channels that lie far from each other, the most central one first.

    Raises:
        AcoustillError: if the rig has fewer channels.

    Example:
        >>> from acoustill.rig import preset
        >>> len(spread_microphones(preset("uma16"), 4))
        4
    """
    if count == rig.channels:
        return list(range(count))
    working = rig.working
    if not 1 <= count <= len(working):
        raise AcoustillError(f"rig {rig.name}: cannot keep {count} of {len(working)} working microphones")
    positions = rig.positions_m[working]
    chosen = [int(np.linalg.norm(positions - positions.mean(axis=0), axis=1).argmin())]
    while len(chosen) < count:
        gaps = np.linalg.norm(positions[:, None] - positions[None, chosen], axis=-1).min(axis=1)
        chosen.append(int(gaps.argmax()))
    return [int(working[i]) for i in chosen]

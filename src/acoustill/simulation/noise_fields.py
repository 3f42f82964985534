"""What a rig hears while nobody acts: noise of many places, to be mixed into recordings of others."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.archive.archive import read_beams, read_header
from acoustill.archive.making import create_archive, finish_archive
from acoustill.archive.writer import write_recording
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.imaging.beam_spectra import BeamSpectra
from acoustill.jobs import SetAside
from acoustill.rig.rig import Rig
from acoustill.simulation.costs import Cost, measuring, sound_bytes_per_second
from acoustill.simulation.plan import Take
from acoustill.simulation.preparing import check_takes, maker
from acoustill.simulation.production import Production, Tell
from acoustill.simulation.recorder import missing_takes, spread_microphones
from acoustill.simulation.recording import describe_interferences, describe_place, one_thread, stage_take
from acoustill.simulation.studio import open_beams, open_rig


@dataclass(frozen=True)
class RecordedNoise:
    """What a rig recorded of a place.

    Attributes:
        signals: (channels, samples) float32, pascal; broken channels are zero.
        beams: (frames, steps, rows, columns, bins, 2) float16, see `BeamSpectra`; None if nobody asked for them.
        frames: length in video frames.
        provenance: how it came about, for the sidecar.
    """

    signals: np.ndarray
    beams: np.ndarray | None
    frames: int
    provenance: dict[str, Any]


def record_noise(take: Take, rig: Rig, beams: BeamSpectra | None = None) -> RecordedNoise:
    """Simulates a take (`stage_take`) and keeps all that is heard but the action.

    Args:
        take: what happens; see `plan_noise`.
        rig: what records.
        beams: of this rig; forms the beam spectra.

    Raises:
        AcoustillError: if nobody fits into the room in front of the camera.
    """
    staged = stage_take(take, rig)
    signals = staged.captured.noise
    signals[list(staged.captured.broken)] = 0.0
    with one_thread():
        spectra = None if beams is None else beams(signals)
    content = {
        **describe_place(staged.scene),
        "seed": list(take.seed),
        "interferences": [one[:3] for one in describe_interferences(rig, staged.captured)],  # levels are of no action
    }
    return RecordedNoise(signals, spectra, len(staged.points_m), {"simulated": content})


def simulate_noise(
    path: str | Path,
    rig: Rig,
    takes: Sequence[Take],
    *,
    microphones: int = 4,
    all_microphones: bool = False,
    beams: BeamSpecification | None = None,
    jobs: int = 1,
    tell: Tell = lambda _: None,
) -> list[SetAside]:
    """Simulates noise fields into an archive of audio and, if asked for, beam spectra; see `simulate_archive`.

    There is no label, no subject, no image and no video.

    Args:
        path: the archive's folder.
        rig: what records.
        takes: of which the noise is kept, see `plan_noise`.
        microphones: how many microphones' audio is kept, spread over the array.
        all_microphones: keep every microphone's.
        beams: what the beam spectra are; None keeps none.
        jobs: number of processes; it changes nothing in the result.
        tell: see `simulate_archive`.

    Returns:
        The takes that could not be simulated, and why.

    Raises:
        AcoustillError: if the folder holds something else, the disk has no room, or no take could be simulated.
    """
    path = Path(path)
    kept = rig.channels if all_microphones else microphones
    check_takes(path, takes, rig.sample_rate)
    spread_microphones(rig, kept)  # too many are refused before anything is written
    if beams is not None:
        BeamSpectra(rig, beams, threads=1)  # what this array cannot form, likewise
    made_by = maker(takes, kept) | {"command": "simulate noise", "recordings": len(takes), "scenarios": "one each"}
    production = Production(
        path,
        takes,
        missing_takes(path, takes),
        sound_bytes_per_second(rig, kept, beams),
        lambda take: record_noise(take, open_rig(path), open_beams(path, beams)),
        functools.partial(_simulate_one, archive=path, microphones=kept),
    )
    return production.complete(
        lambda: create_archive(path, rig, None, made_by, beams), jobs, tell, finish=lambda: finish_archive(path)
    )


def _simulate_one(take: Take, archive: Path, microphones: int) -> Cost:
    """Writes the noise of one take into an archive that was started, and tells what it cost."""
    rig = open_rig(archive)
    beams = open_beams(archive, read_beams(archive, read_header(archive)))
    kept = spread_microphones(rig, microphones)
    with measuring([archive / "recordings" / take.id]) as cost:
        recorded = record_noise(take, rig, beams)
        write_recording(
            archive,
            take.id,
            frames=recorded.frames,
            audio=recorded.signals[kept],
            microphones=kept,
            beams=recorded.beams,
            scenario=take.scenario,
            provenance=recorded.provenance,
        )
    return cost()

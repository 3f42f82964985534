"""The rig of a folder that takes are recorded into, and what forms acoustic images and beams for it."""

from __future__ import annotations

import functools
from pathlib import Path

from acoustill.files import file_hash
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.imaging.beam_spectra import BeamSpectra
from acoustill.imaging.imager import Imager
from acoustill.imaging.specification import ImageSpecification
from acoustill.rig.file import load_rig
from acoustill.rig.rig import Rig
from acoustill.simulation.recording import image_grid, one_thread


def open_rig(folder: Path) -> Rig:
    """The rig of a folder, read once as long as it stays the same.

    Args:
        folder: holds `rig.yaml`.
    """
    return _rig(folder, file_hash(folder / "rig.yaml"))


@functools.lru_cache(maxsize=1)
def _rig(folder: Path, _hash: str) -> Rig:
    """The hash tells the rig from another one in the same place."""
    return load_rig(folder / "rig.yaml")


def open_studio(folder: Path, specification: ImageSpecification) -> tuple[Rig, Imager]:
    """The rig and an imager for it, kept for the next take: an imager takes 0.1 s and more to set up.

    Args:
        folder: holds `rig.yaml`.
        specification: what the acoustic images are.
    """
    return _studio(folder, file_hash(folder / "rig.yaml"), specification)


@functools.lru_cache(maxsize=1)
def _studio(folder: Path, rig_hash: str, specification: ImageSpecification) -> tuple[Rig, Imager]:
    rig = _rig(folder, rig_hash)
    with one_thread():
        return rig, Imager(rig, image_grid(rig), specification, threads=1)


def open_beams(folder: Path, specification: BeamSpecification | None) -> BeamSpectra | None:
    """What forms beam spectra for the rig, kept for the next take; None where none are wanted.

    Args:
        folder: holds `rig.yaml`.
        specification: what the beams are.
    """
    if specification is None:
        return None
    return _beams(folder, file_hash(folder / "rig.yaml"), specification)


@functools.lru_cache(maxsize=1)
def _beams(folder: Path, rig_hash: str, specification: BeamSpecification) -> BeamSpectra:
    return BeamSpectra(_rig(folder, rig_hash), specification, threads=1)

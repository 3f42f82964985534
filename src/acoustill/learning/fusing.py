"""Trained networks that become parts of one: see `FusedNet`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acoustill.archive.archive import Archive
from acoustill.archive.splits import Split
from acoustill.errors import AcoustillError, bad_input
from acoustill.learning.runs import Run
from acoustill.learning.teachers import TeacherRun, load_teacher, overlap_of
from acoustill.models.fusednet import FusedNet
from acoustill.models.store import load_network


def load_part(folder: str | Path, archive: Archive, split: Split) -> TeacherRun:
    """A trained network that becomes a part of another one, whose parts are weighed on validation clips.

    Raises:
        AcoustillError: as `load_teacher`; or if it learnt from what is validated, where it would then know the answers
            by heart.
    """
    part, run = load_teacher(folder, archive, split), Run(folder)
    there = archive if run.archive_id == archive.id else run.open_archive()
    overlap = overlap_of(there, run.split.parts(there, "train"), archive, split.parts(archive, "validation"))
    if overlap is not None:
        raise AcoustillError(
            f"{folder}: it learnt from {overlap[0].recording}, which its weight beside other networks is fitted to; "
            "train it with the same protocol and fold"
        )
    return part


def fused_settings(name: str, settings: dict[str, Any], folders: Sequence[str | Path]) -> dict[str, Any]:
    """Settings of a network whose parts are those of some runs, unless they are given.

    Args:
        name: of the network.
        settings: as in the experiment.
        folders: of the runs.

    Raises:
        AcoustillError: if the network has no parts.
    """
    if name != FusedNet.name:
        raise bad_input(name, "pretrained", [str(folder) for folder in folders], "one file or folder")
    networks = [load_network(folder) for folder in folders]
    return {"parts": [{"network": one.name, "settings": one.settings} for one in networks], **settings}


def fuse(network: FusedNet, folders: Sequence[str | Path]) -> str:
    """Sets the parts of a network from runs that trained them.

    Args:
        network: fresh.
        folders: of the runs, one for each part in its order; they are not needed once the network is saved.

    Returns:
        What was loaded from where: one sentence.

    Raises:
        AcoustillError: if its parts are other ones than were trained. It is then as it was.
    """
    if len(folders) != len(network.parts):
        raise bad_input(network.name, "number of pretrained runs", len(folders), f"{len(network.parts)}, one a part")
    given = [load_network(folder) for folder in folders]
    for (name, part), one, folder in zip(network.parts.items(), given, folders, strict=True):
        for what in ("name", "settings", "specification"):
            found, wanted = getattr(one, what), getattr(part, what)
            if found != wanted:
                raise bad_input(folder, f"{what} of the network", found, f"{wanted}, that of part {name}")
    for part, one in zip(network.parts.values(), given, strict=True):
        part.load_state_dict(one.state_dict())
    return "made of " + ", ".join(f"{name} of {folder}" for name, folder in zip(network.parts, folders, strict=True))

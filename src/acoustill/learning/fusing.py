"""Trained networks that become parts of one: see `FusedNet`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acoustill.archive.archive import Archive
from acoustill.archive.splits import LABELLED_SIDES, Split
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import read_json
from acoustill.learning.runs import Run
from acoustill.models.fusednet import FusedNet
from acoustill.models.network import Network
from acoustill.models.specification import Specification
from acoustill.models.store import build_network, load_network


def load_parts(folders: Sequence[str | Path], archive: Archive, split: Split, noise: str | None) -> list[Network]:
    """Networks of finished runs that learnt from what the whole is said to have learnt from, and from nothing else.

    So nothing that is validated, where they are weighed, or tested was trained on, and whoever learns from the whole is
    told by its data alone what it knows.

    Args:
        folders: of the runs.
        archive: the recordings.
        split: of these.
        noise: the archive of noise of the whole, if any.

    Raises:
        AcoustillError: if a run is not finished, or was trained on another archive, split or noise.
    """
    heard = None if noise is None else Archive(noise).id
    networks = []
    for folder in folders:
        run = Run(folder)
        if run.archive_id != archive.id:
            expected = f"{archive.id[:12]}, that of {archive.path}: train it there"
            raise bad_input(folder, "id of the archive", run.archive_id[:12], expected)
        if any(run.split.parts(archive, side) != split.parts(archive, side) for side in LABELLED_SIDES):
            raise AcoustillError(f"{folder}: it learnt from another split; train it with the same protocol and fold")
        stated = read_json(Path(folder) / "data.json").get("noise")
        if stated is not None and stated["archive_id"] != heard:
            expected = f"{noise}, that of the whole: give both the same"
            raise bad_input(folder, "noise that it was trained with", run.experiment.noise, expected)
        networks.append(load_network(folder))
    return networks


def fuse(
    network: str,
    specification: Specification,
    settings: dict[str, Any],
    folders: Sequence[str | Path],
    parts: Sequence[Network],
) -> FusedNet:
    """One network of several trained ones.

    Args:
        network: name of a kind of FusedNet.
        specification: of the whole.
        settings: as in the experiment; none, for the parts are given.
        folders: of the parts' runs, for errors.
        parts: the networks.

    Raises:
        AcoustillError: if there are settings, a network cannot be a part, or one was trained for other clips.
    """
    if settings:
        raise bad_input(network, "settings", settings, "none beside pretrained, which says what the parts are")
    given = [{"network": part.name, "settings": part.settings} for part in parts]
    whole = build_network(network, specification, {"parts": given})
    assert isinstance(whole, FusedNet)
    for mine, part, folder in zip(whole.networks, parts, folders, strict=True):
        for field in Specification.model_fields:
            found, wanted = getattr(part.specification, field), getattr(mine.specification, field)
            if found != wanted:
                raise bad_input(folder, f"{field} of the network", found, f"{wanted}, that of the whole")
        mine.load_state_dict(part.state_dict())
    return whole

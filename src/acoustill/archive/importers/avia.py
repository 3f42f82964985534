"""Imports AVIA, the audio-visually indicated actions of Perez et al. 2020, from the folders that it comes in.

    ROOT/matfiles/Location_01/Subject_01/Action_00/MFCC_Image/Data_1.mat
    ROOT/sync/Location_01/Subject_01/Action_00/audio/A_000001.npy
    ROOT/sync/Location_01/Subject_01/Action_00/video/I_000001.jpeg

Locations, subjects and frames count from 1, actions from 0. An older release, which the paper's own converter reads,
calls the folders `Location_1/01_Name/data_000`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from acoustill.archive.importers.avia_names import ABOUT, ACTIONS, LAST_SUBJECT, SCENARIOS, avia_id
from acoustill.archive.importers.frame_folders import FrameOptions, FrameRecording, select_streams
from acoustill.archive.importers.importing import ImportPlan
from acoustill.archive.importers.numbered import name_below, numbered_folders, sub_folders
from acoustill.errors import AcoustillError
from acoustill.files import read_json
from acoustill.jobs import SetAside
from acoustill.rig.file import load_rig
from acoustill.rig.rig import Rig

TREES = ("matfiles", "sync")
LEVELS = (
    re.compile(r"location_([0-9]{1,4})", re.IGNORECASE),
    re.compile(r"subject_([0-9]{1,4})|([0-9]{1,2})_.+", re.IGNORECASE),
    re.compile(r"(?:action|data)_([0-9]{1,4})", re.IGNORECASE),
)


def plan_avia(root: Path, options: FrameOptions | None = None) -> ImportPlan:
    """Finds the recordings of AVIA; folders are listed, and no frame is opened.

    Args:
        root: the folder that holds `matfiles`, `sync`, or both.
        options: how to import them.

    Raises:
        AcoustillError: if an option makes no sense, or there is no such folder or no recording in it.
    """
    options = options or FrameOptions()
    if options.rig is None:
        options = replace(options, rig=_rig_beside(root))
    options = options.checked()
    if not root.is_dir():
        raise AcoustillError(f"{root}: no such folder")
    trees = [folder for folder in sub_folders(root) if folder.name.lower() in TREES]
    if not trees:
        raise AcoustillError(f"{root}: not AVIA (it has neither a folder matfiles nor a folder sync)")
    places: dict[tuple[int, ...], list[Path]] = defaultdict(list)
    aside: list[SetAside] = []
    for tree in trees:
        below = numbered_folders(tree, LEVELS)
        for numbers, path in below.found:
            places[numbers].append(path)
        form = "its name is not of the form Location_01/Subject_01/Action_00"
        aside += [SetAside(name_below(root, path), form) for path in below.strange]
    unknown = {numbers: why for numbers in places if (why := _unknown(*numbers)) is not None}
    for numbers in unknown:
        del places[numbers]
    if not places:
        why = "".join(f"; {avia_id(*numbers)}: {problem}" for numbers, problem in sorted(unknown.items())[:1])
        expected = f"folders as {trees[0].name}/Location_01/Subject_01/Action_00"
        raise AcoustillError(f"{root}: no recording is there, expected {expected}{why}")
    selection = select_streams(places, options, root)
    aside += [SetAside(avia_id(*numbers), why) for numbers, why in sorted((unknown | selection.problems).items())]
    sources = []
    for numbers, folders in sorted(selection.folders.items()):
        location, subject, action = numbers
        sources.append(
            FrameRecording(
                avia_id(location, subject, action),
                "avia",
                name_below(root, places[numbers][0]),
                folders,
                options,
                label=ACTIONS[action],
                scenario=SCENARIOS[location - 1],
                subject=f"subject-{subject:02d}",
                columns={"location": location, "subject": subject, "action": action},
                notes=selection.notes(numbers),
            )
        )
    return ImportPlan(
        {"importer": "avia", **options.to_json(selection.streams)},
        options.recorder,
        options.image_header("AVIA", selection.streams),
        tuple(sources),
        tuple(aside),
    )


def _rig_beside(root: Path) -> Rig | None:
    """The rig that stands beside the folders where they were written here; AVIA itself comes without."""
    about, rig = root / ABOUT, root / "rig.yaml"
    if not about.is_file() or not rig.is_file():
        return None
    content = read_json(about)
    ours = isinstance(content, dict) and content.get("layout") == "AVIA"
    return load_rig(rig) if ours else None


def _unknown(location: int, subject: int, action: int) -> str | None:
    """Why a recording of these numbers is none of AVIA."""
    if not 1 <= location <= len(SCENARIOS):
        return f"location is {location}, expected 1 to {len(SCENARIOS)}"
    if not 1 <= subject <= LAST_SUBJECT:
        return f"subject is {subject}, expected 1 to {LAST_SUBJECT}"
    if action >= len(ACTIONS):
        return f"action is {action}, expected 0 to {len(ACTIONS) - 1}"
    return None

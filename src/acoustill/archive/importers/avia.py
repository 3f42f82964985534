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
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acoustill.archive.importers.avia_names import ACTIONS, SCENARIOS, avia_id
from acoustill.archive.importers.frame_folders import FrameOptions, FrameRecording, select_streams
from acoustill.archive.importers.importing import ImportPlan
from acoustill.archive.importers.numbered import numbered_folders, sub_folders
from acoustill.archive.importers.stored_maps import ShortMaps
from acoustill.errors import AcoustillError
from acoustill.jobs import SetAside
from acoustill.rig.rig import Rig

TREES = ("matfiles", "sync")
LEVELS = (
    re.compile(r"location_([0-9]{1,4})", re.IGNORECASE),
    re.compile(r"subject_([0-9]{1,4})|([0-9]{1,2})_.+", re.IGNORECASE),
    re.compile(r"(?:action|data)_([0-9]{1,4})", re.IGNORECASE),
)


@dataclass(frozen=True)
class AviaOptions(FrameOptions):
    """How AVIA is imported.

    Attributes:
        images: `stored` takes the acoustic images of the data set, `formed` forms them anew from the audio of all
            microphones, `none` leaves them out. The true places of the microphones are not public: formed images
            show true places only with a `rig` that has them.
        short_maps: what becomes of stored images smaller than 36 x 48 x 12: `resample` stretches them to the full
            view; `pad-front` puts zeros before every axis, as the paper's converter does, which moves the image;
            `pad-end` puts them behind; `set-aside` sets the recording aside.
        trim: whether streams of different length are cut at their ends to the shortest; else the recording is set
            aside.
        microphones: whose audio is kept, by their numbers from 0; None keeps all that are there. Files of one channel
            hold microphone 0.
        flip: whether stored images are turned over, left to right and top to bottom.
        rig: that recorded; None is DualCam.
        distance_m: from the camera to the plane that formed images show, in metres.
    """

    images: Literal["stored", "formed", "none"] = "stored"
    short_maps: ShortMaps = "resample"
    trim: bool = False
    microphones: tuple[int, ...] | None = None
    flip: bool = False
    rig: Rig | None = None
    distance_m: float = 2.0


def plan_avia(root: Path, options: AviaOptions | None = None) -> ImportPlan:
    """Finds the recordings of AVIA; folders are listed, and no frame is opened.

    Args:
        root: the folder that holds `matfiles`, `sync`, or both.
        options: how to import them.

    Raises:
        AcoustillError: if an option makes no sense, or there is no such folder or no recording in it.
    """
    options = (options or AviaOptions()).checked()
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
        aside += [SetAside(path.relative_to(root).as_posix(), form) for path in below.strange]
    unknown = {numbers: why for numbers in places if (why := _unknown(*numbers)) is not None}
    for numbers in unknown:
        del places[numbers]
    if not places:
        raise AcoustillError(f"{root}: no recording is there, expected folders as Location_01/Subject_01/Action_00")
    selection = select_streams(places, options, root)
    aside += [SetAside(avia_id(*numbers), why) for numbers, why in sorted((unknown | selection.problems).items())]
    sources = []
    for numbers, folders in sorted(selection.folders.items()):
        location, subject, action = numbers
        sources.append(
            FrameRecording(
                avia_id(location, subject, action),
                "avia",
                places[numbers][0].relative_to(root).as_posix(),
                folders,
                options,
                label=ACTIONS[action],
                scenario=SCENARIOS[location - 1],
                subject=f"subject-{subject:02d}",
                columns={"location": location, "subject": subject, "action": action},
            )
        )
    return ImportPlan(
        {"importer": "avia", **options.to_json(selection.streams)},
        options.recorder,
        options.image_header("AVIA", selection.streams),
        tuple(sources),
        tuple(aside),
    )


def _unknown(location: int, subject: int, action: int) -> str | None:
    """Why a recording of these numbers is none of AVIA."""
    if not 1 <= location <= len(SCENARIOS):
        return f"location is {location}, expected 1 to {len(SCENARIOS)}"
    if subject < 1:
        return f"subject is {subject}, expected at least 1"
    if action >= len(ACTIONS):
        return f"action is {action}, expected 0 to {len(ACTIONS) - 1}"
    return None

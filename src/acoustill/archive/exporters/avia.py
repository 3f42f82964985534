"""Writes the folders in which AVIA comes, frame by frame; the opposite of `acoustill.archive.importers.avia`.

    ROOT/matfiles/Location_01/Subject_01/Action_00/MFCC_Image/Data_1.mat  variable MFCC, 36 x 48 x 12, double
    ROOT/sync/Location_01/Subject_01/Action_00/audio/A_000001.npy         (channels, 1024) int32
    ROOT/sync/Location_01/Subject_01/Action_00/video/I_000001.jpeg
    ROOT/about.json, ROOT/rig.yaml                                        what AVIA does not say of itself

Locations, subjects and frames count from 1, actions from 0.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.io

from acoustill.archive.importers.avia_names import ABOUT, ACTIONS, LAST_SUBJECT, SCENARIOS
from acoustill.archive.importers.stored_maps import SHAPE, VARIABLE, shape_text
from acoustill.archive.making import refuse_other_settings
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import read_json, replacing_folder, write_json, write_text
from acoustill.rig.file import rig_to_text
from acoustill.rig.rig import Rig
from acoustill.version import __version__

FULL_SCALE_PA = 100.0
"""The pressure of 2^31 where pascals become integers: 134 dB, with steps far below the noise of any microphone."""

LOCATIONS = {"anechoic": 1, "office": 2, "outdoor": 3} | {name: i for i, name in enumerate(SCENARIOS, start=1)}
SUBJECT = re.compile(r"(?:s|subject[-_ ]?)?0*([1-9][0-9]?)", re.IGNORECASE)
MAT_HEADER = b"MATLAB 5.0 MAT-file, written by acoustill".ljust(116)  # scipy would write the time of day


class AviaNumbers(NamedTuple):
    """What AVIA calls a recording.

    Attributes:
        location: from 1.
        subject: from 1.
        action: from 0.
    """

    location: int
    subject: int
    action: int

    @property
    def place(self) -> str:
        """Its folder in either tree."""
        return f"Location_{self.location:02d}/Subject_{self.subject:02d}/Action_{self.action:02d}"


def avia_numbers(name: str, scenario: str | None, subject: str | None, label: str | None) -> AviaNumbers:
    """The numbers of a recording.

    Args:
        name: of the recording, for messages.
        scenario: one of AVIA's three, by AVIA's name or that of the simulation.
        subject: ends with its number, as `s01` or `subject-01`.
        label: one of AVIA's 14 actions.

    Raises:
        AcoustillError: if AVIA has no number for one of them.
    """
    if label not in ACTIONS:
        raise bad_input(name, "label", repr(label), f"one of AVIA's actions: {', '.join(ACTIONS)}")
    if scenario not in LOCATIONS:
        raise bad_input(name, "scenario", repr(scenario), f"one of AVIA's: {', '.join(LOCATIONS)}")
    match = SUBJECT.fullmatch(subject or "")
    if match is None:
        raise bad_input(name, "subject", repr(subject), f"a number from 1 to {LAST_SUBJECT}, as s01 or subject-01")
    return AviaNumbers(LOCATIONS[scenario], int(match[1]), ACTIONS.index(label))


def start_avia(root: Path, rig: Rig, maker: dict[str, Any], full_scale: float) -> None:
    """Starts the folders, or goes on with those that were started in the same way.

    Args:
        root: where they go.
        rig: what recorded.
        maker: what writes them and with which settings; going on needs equal ones.
        full_scale: what 2^31 stands for, in pascal or full scale.

    Raises:
        AcoustillError: if the folder holds something else.
    """
    about = {
        "layout": "AVIA",
        "created_by": f"acoustill {__version__}",
        "maker": maker,
        "sample_rate": rig.sample_rate,
        "frame_rate": rig.frame_rate,
        "audio": {"dtype": "int32", "full_scale": full_scale, "pascal_per_unit": full_scale / 2**31},
        "rig": "rig.yaml",
    }
    held = {path.name for path in root.iterdir() if not path.name.endswith(".part")} if root.is_dir() else set()
    rig_text = rig_to_text(rig)
    rig_is_ours = "rig.yaml" in held and (root / "rig.yaml").read_bytes() == rig_text.encode()
    if ABOUT in held:
        _refuse_other(root, about, rig_is_ours)
        return
    if held and not (held == {"rig.yaml"} and rig_is_ours):
        raise bad_input(root, "folder", f"not empty and holds no {ABOUT}", "a new folder")
    write_text(root / "rig.yaml", rig_text)
    write_json(root / ABOUT, about)  # the last: folders without it were never started


def _refuse_other(root: Path, about: dict[str, Any], rig_is_ours: bool) -> None:
    """Refuses to go on with folders that were written in another way, and says what differs."""
    other = f"{root}: recordings made with other settings are there"
    content = read_json(root / ABOUT)
    refuse_other_settings(other, _settings(content if isinstance(content, dict) else {}), _settings(about))
    if not rig_is_ours:
        raise AcoustillError(f"{other}: its rig is another one; give another folder")


def _settings(about: dict[str, Any]) -> dict[str, Any]:
    """What `about.json` says in one level, without who wrote it."""
    found = {key: value for key, value in about.items() if key not in ("created_by", "maker")}
    maker = about.get("maker")
    return found | (maker if isinstance(maker, dict) else {})


def stream_folders(root: Path, numbers: AviaNumbers) -> dict[str, Path]:
    """Where the streams of a recording lie: image, audio and video."""
    sync = root / "sync" / numbers.place
    return {
        "image": root / "matfiles" / numbers.place / "MFCC_Image",
        "audio": sync / "audio",
        "video": sync / "video",
    }


def is_whole(folder: Path, frames: int) -> bool:
    """Whether a stream's folder holds as many files as there are frames."""
    return folder.is_dir() and sum(not file.name.startswith(".") for file in os.scandir(folder)) == frames


def write_avia(
    root: Path,
    numbers: AviaNumbers,
    *,
    image: Iterable[np.ndarray] | None = None,
    audio: Iterable[np.ndarray] | None = None,
    video: Iterable[bytes] | None = None,
) -> None:
    """Writes the streams of one recording, each of them whole or not at all.

    Args:
        root: of the data set.
        numbers: of the recording.
        image: the acoustic image of each frame.
        audio: what the microphones recorded in each frame, see `to_int32`.
        video: a JPEG file for each frame.

    Shapes:
        image: (36, 48, 12), of any type.
        audio: (channels, samples per frame) int32.

    Raises:
        AcoustillError: if an image is of another shape, or the disk is full.
    """
    folders = stream_folders(root, numbers)
    if image is not None:
        _write_files(folders["image"], "Data_{}.mat", map(_mat_file, image))
    if audio is not None:
        _write_files(folders["audio"], "A_{:06d}.npy", map(_npy_file, audio))
    if video is not None:
        _write_files(folders["video"], "I_{:06d}.jpeg", video)


def to_int32(signals: np.ndarray, full_scale: float, samples_per_frame: int, where: object) -> Iterator[np.ndarray]:
    """Pressure as integers, frame by frame.

    Args:
        signals: in pascal or full scale.
        full_scale: what 2^31 stands for.
        samples_per_frame: how many to give at a time.
        where: the recording, for the message.

    Shapes:
        signals: (channels, samples).
        Output: (channels, samples_per_frame) int32 each.

    Raises:
        AcoustillError: if a sample goes beyond full scale: none is ever clipped.
    """
    for start in range(0, signals.shape[1], samples_per_frame):
        block = np.rint(signals[:, start : start + samples_per_frame].astype(np.float64) * (2**31 / full_scale))
        if np.abs(block).max() >= 2**31:
            loudest = f"{np.abs(block).max() / 2**31 * full_scale:g}"
            raise bad_input(where, "largest sample", loudest, f"less than {full_scale:g}, which is full scale")
        yield block.astype(np.int32)


def _write_files(folder: Path, name: str, contents: Iterable[bytes]) -> None:
    with replacing_folder(folder) as beside:
        for number, content in enumerate(contents, start=1):
            (beside / name.format(number)).write_bytes(content)


def _mat_file(image: np.ndarray) -> bytes:
    if image.shape != SHAPE:
        raise bad_input("AVIA", "shape of an acoustic image", shape_text(image.shape), shape_text(SHAPE))
    file = BytesIO()
    scipy.io.savemat(file, {VARIABLE: image.astype(np.float64)})
    return MAT_HEADER + file.getvalue()[len(MAT_HEADER) :]


def _npy_file(block: np.ndarray) -> bytes:
    assert block.dtype == np.int32
    file = BytesIO()
    np.save(file, block)
    return file.getvalue()

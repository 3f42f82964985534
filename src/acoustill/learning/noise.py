"""Recorded noise that clips are mixed with: which of it is trained with, and what must not be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.archive.archive import Archive
from acoustill.archive.clips import Clip, parts_of
from acoustill.archive.groups import groups_of
from acoustill.archive.splits import Split, find_overlap, values_of
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import read_json
from acoustill.learning.runs import Run, is_finished
from acoustill.learning.sampling import NoiseClips
from acoustill.learning.scene_augmentation import MIXED
from acoustill.learning.teachers import stream_places

SAME_PLACE_M = 1e-4
KEPT = 4  # every so many-th recording is kept for validation


@dataclass(frozen=True)
class Noise:
    """An archive of noise, split.

    Attributes:
        archive: the recordings.
        train: ids of those that are trained with.
        validation: ids of those that are kept for validation.
        streams: those that noise is added to, of audio and beams.
        warnings: what to say of it to whoever trains with it, in sentences.
    """

    archive: Archive
    train: tuple[str, ...]
    validation: tuple[str, ...]
    streams: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def clips(self, side: str, frames: int) -> NoiseClips:
        """Crops of a side, train or validation.

        Raises:
            AcoustillError: if a recording is shorter than a crop.
        """
        return NoiseClips(self.archive, self.train if side == "train" else self.validation, self.streams, frames)

    def to_json(self) -> dict[str, Any]:
        """What a run says of it."""
        split = {"train": list(self.train), "validation": list(self.validation)}
        return {"archive": str(self.archive.path), "archive_id": self.archive.id, "split": split}


def open_noise(path: str, archive: Archive, split: Split, streams: Sequence[str]) -> Noise | None:
    """The noise that a network is trained with; None if it has no stream that noise is added to.

    Recordings are split by a fixed rule: in the order of their ids, every fourth is kept for validation. What must not
    be separated, for its content is equal, or it was cut from one recording or made in one scenario, counts as one.
    Where there are fewer scenarios than four, those of validation are trained with, too, and a warning says so.

    Args:
        path: of the archive of noise.
        archive: of the recordings that it is mixed with.
        split: of these.
        streams: of the network.

    Raises:
        AcoustillError: if another rig made it, recordings of it are labelled or lack a stream, there are fewer than
            four, or it holds what is validated or tested, or was cut from what that was cut from, or was made in a
            scenario that is held from training.
    """
    streams = tuple(stream for stream in streams if stream in MIXED)
    if not streams:
        return None
    noise = Archive(path)
    _refuse_other_rig(noise, archive, streams)
    for entry in noise.entries.values():
        if entry.label is not None:
            found = f"{entry.label!r} of recording {entry.id}"
            raise bad_input(noise.path, "label", found, "none: clips are mixed with noise, not with what they may be")
    noise.with_streams(noise.entries, streams)
    refuse_leak(noise, archive, split.train, {side: split.parts(archive, side) for side in ("test", "validation")})
    warnings = [*_other_errors(noise, archive), *_unknown_places(noise, archive, split)]
    entries = [noise.entries[recording] for recording in sorted(noise.entries)]
    groups = groups_of(entries, also=("scenario",))
    if len(set(groups.values())) < KEPT:
        groups = groups_of(entries)
        warnings.append(f"{noise.path}: noise of validation is of scenarios that are also trained with: add scenarios")
    order = {group: number for number, group in enumerate(dict.fromkeys(groups.values()))}
    if len(order) < KEPT:
        expected = f"at least {KEPT}: every fourth is kept for validation"
        raise bad_input(noise.path, "number of recordings apart from each other", len(order), expected)
    kept = {recording: order[group] % KEPT == KEPT - 1 for recording, group in groups.items()}
    train = tuple(recording for recording in groups if not kept[recording])
    return Noise(noise, train, tuple(recording for recording in groups if kept[recording]), streams, tuple(warnings))


def teachers_noise(folder: Path, archive: Archive, split: Split) -> tuple[str, ...]:
    """What to say of the noise that a teacher was trained with, and its own teachers as far as they are still there.

    Args:
        folder: of the teacher's run.
        archive: of its student's recordings.
        split: of these.

    Raises:
        AcoustillError: if that noise holds what the student is tested on, see `open_noise`.
    """
    run = Run(folder)
    before = [Path(teacher["folder"]) for teacher in run.teachers]
    told = [sentence for one in before if is_finished(one) for sentence in teachers_noise(one, archive, split)]
    return (*_own_noise(run, archive, split), *told)


def _own_noise(run: Run, archive: Archive, split: Split) -> tuple[str, ...]:
    folder = run.folder
    stated = read_json(folder / "data.json").get("noise")
    if stated is None or run.experiment.noise is None:
        return ()
    path = run.experiment.noise
    try:
        noise = Archive(path)
    except AcoustillError:
        noise = None
    if noise is None or noise.id != stated["archive_id"]:
        what = "is gone" if noise is None else "was changed since"
        return (
            f"{folder}: the noise that the teacher was trained with, {path}, {what}: see that it holds nothing that "
            "its student is tested on",
        )
    try:
        refuse_leak(noise, archive, (*split.train, *split.validation), {"test": split.parts(archive, "test")})
    except AcoustillError as error:
        raise AcoustillError(
            f"{folder}: the teacher was trained with noise that must be kept from it: {error}"
        ) from error
    return ()


def refuse_leak(noise: Archive, archive: Archive, trained: Sequence[str], judged: Mapping[str, Sequence[Clip]]) -> None:
    """Refuses noise that holds what is judged on, or that is of a scenario or a subject that is held from training.

    Args:
        noise: the archive of it.
        archive: the recordings.
        trained: ids of those whose scenarios and subjects may be known.
        judged: by side, what must stay unheard.
    """
    heard = stream_places(noise, parts_of(noise, noise.entries))
    origins = {entry.origin: entry.id for entry in noise.entries.values() if entry.origin is not None}
    for side, parts in judged.items():
        overlap = find_overlap(heard, stream_places(archive, parts))
        if overlap is not None:
            raise AcoustillError(
                f"{noise.path}: {overlap[0].recording} holds the same as {overlap[1].recording} of {side}"
            )
        for part in parts:
            origin = archive.entries[part.recording].origin
            if origin in origins:
                raise AcoustillError(
                    f"{noise.path}: {origins[origin]} and {part.recording} of {side} were cut from one recording, "
                    f"{origin}"
                )
    names = [part.recording for parts in judged.values() for part in parts]
    for column, told in (("scenario", "was recorded in scenario"), ("subject", "is of subject")):
        held = values_of(archive, names, column) - values_of(archive, trained, column)
        for entry in noise.entries.values():
            if (value := getattr(entry, column)) in held:
                raise AcoustillError(f"{noise.path}: {entry.id} {told} {value!r}, which is held from training")


def _unknown_places(noise: Archive, archive: Archive, split: Split) -> list[str]:
    """That noise may be of a scenario that is held from training, if its scenario is not known."""
    unknown = sum(entry.scenario is None for entry in noise.entries.values())
    held = split.held_scenarios(archive)
    if not held or not unknown:
        return []
    return [
        f"{noise.path}: of {unknown} of {len(noise.entries)} recordings the scenario is not known: see that none was "
        f"made in {held[0]!r}, which is held from training"
    ]


def _other_errors(noise: Archive, archive: Archive) -> list[str]:
    """That microphones of two simulations err apart, if they do."""
    drawn = []
    for one in (noise, archive):
        command = str(one.maker.get("command", ""))
        if not command.startswith("simulate"):
            return []
        # rigs that loudspeakers are played to draw their errors apart from those of actions and of noise
        drawn.append((one.maker.get("seed"), command == "simulate sounds"))
    if drawn[0] == drawn[1]:
        return []
    return [
        f"{noise.path}: its simulated microphones have other errors than those of {archive.path}; give both "
        "simulations the same seed for the same rig"
    ]


def _refuse_other_rig(noise: Archive, archive: Archive, streams: Sequence[str]) -> None:
    compared: list[tuple[str, Any, Any]] = [
        ("sample rate", noise.rig.sample_rate, archive.rig.sample_rate),
        ("samples in a video frame", noise.rig.samples_per_frame, archive.rig.samples_per_frame),
        ("number of microphones", noise.rig.channels, archive.rig.channels),
        ("broken channels", list(noise.rig.broken), list(archive.rig.broken)),
    ]
    if "beams" in streams:
        specifications = (noise.beams_specification, archive.beams_specification)
        found, wanted = (beams and beams.to_json() for beams in specifications)
        compared.append(("beam specification", found, wanted))
        compared.append(("speed of sound", noise.rig.speed_of_sound, archive.rig.speed_of_sound))
        compared.append(("camera", noise.rig.camera, archive.rig.camera))
    for name, found, wanted in compared:
        if found != wanted:
            raise bad_input(noise.path, name, found, f"{wanted}, that of {archive.path}: noise of the same rig")
    apart_m = np.linalg.norm(noise.rig.positions_m - archive.rig.positions_m, axis=1)
    if apart_m.max() > SAME_PLACE_M:
        worst = int(apart_m.argmax())
        found, wanted = (np.round(one.rig.positions_m[worst], 4).tolist() for one in (noise, archive))
        raise bad_input(
            noise.path,
            f"position of microphone {worst}",
            found,
            f"{wanted}, that of {archive.path}: noise of the same rig",
        )

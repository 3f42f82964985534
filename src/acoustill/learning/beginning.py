"""The network that a training begins with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from acoustill.archive.archive import Archive
from acoustill.archive.clips import all_clips, frames_of
from acoustill.archive.splits import Split
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, json_hash, read_json
from acoustill.learning.configuration import Experiment, Student, Teacher
from acoustill.learning.fusing import fuse, load_parts
from acoustill.learning.loading import specified_clip_loader
from acoustill.learning.runs import Role, Run, is_finished
from acoustill.models.fusednet import FusedNet
from acoustill.models.network import Network, Views
from acoustill.models.pretrained import initialise_from, pretrained_settings
from acoustill.models.pretrained.huggingface import SIZE
from acoustill.models.specification import Specification
from acoustill.models.store import WEIGHTS, build_network, network_class

NORMALISATION_CLIPS = 128  # of 454, means then moved by 6 % of a deviation at most, deviations by 3 %


def fresh_network(experiment: Experiment, role: Role, archive: Archive, split: Split) -> tuple[Network, list[str]]:
    """A network drawn from the experiment's seed or begun with given weights, and what to say of these.

    Its input statistics are taken from the training side.
    """
    options = experiment.teacher if role == "teacher" else experiment.student
    streams = network_class(options.network).streams
    archive.with_streams(split.train, streams)
    clip_frames = frames_of(experiment.clip_seconds, archive.rig.frame_rate)
    image = archive.image_specification if "image" in streams else None
    beams = archive.beams_specification if "beams" in streams else None
    specification = Specification(
        streams=streams,  # type: ignore[arg-type]
        classes=archive.classes,
        sample_rate=archive.rig.sample_rate,
        samples_per_frame=archive.rig.samples_per_frame,
        clip_frames=clip_frames,
        image_shape=archive[split.train[0]].image.shape[1:] if image else None,
        image=image.to_json() if image else None,
        beams_shape=beams.shape(archive.rig) if beams else None,
        beams=beams.to_json() if beams else None,
        video_shape=experiment.teacher.video_shape if "video" in streams else None,
    )
    _refuse_far_shifts(options, specification)
    torch.manual_seed(experiment.seed)
    given = options.pretrained
    of_parts = issubclass(network_class(options.network), FusedNet)
    if given is not None and isinstance(given, tuple) != of_parts:
        found = given if isinstance(given, str) else list(given)
        raise bad_input(options.network, "pretrained", found, "a list of runs" if of_parts else "one file or folder")
    if isinstance(given, tuple):
        parts = load_parts(given, archive, split, experiment.noise)
        # the parts have their input statistics
        fused = fuse(options.network, specification, options.settings, given, parts)
        return fused, ["made of " + ", ".join(f"{name} of {run}" for name, run in zip(fused.parts, given, strict=True))]
    settings = pretrained_settings(options.network, options.settings, given)
    network = build_network(options.network, specification, settings)
    sentences = [] if given is None else [initialise_from(network, given), *_small_pictures(network, archive)]
    clips = all_clips(archive, split.parts(archive, "train"), clip_frames)
    count = min(len(clips), NORMALISATION_CLIPS)
    chosen = [clips[i * len(clips) // count] for i in range(count)]
    batches = specified_clip_loader(specification, archive, chosen, rank=0, world_size=1)
    network.fit_normalisation(_Views(batches))
    return network, sentences


@dataclass(frozen=True)
class _Views:
    """The views of batches, as often as they are asked for."""

    batches: DataLoader

    def __iter__(self) -> Iterator[Views]:
        return (batch["views"] for batch in self.batches)


def pretrained_json(given: str | tuple[str, ...], folder: Path) -> dict[str, Any] | list[dict[str, Any]]:
    """Where weights came from, and a hash of the file, or of the files of the folder; a finished run knows them.

    Args:
        given: file or folder of weights, or the runs of several networks, of which only the weights count.
        folder: of the run that begins with them.

    Raises:
        AcoustillError: if there is nothing.
    """
    kept = read_json(folder / "data.json").get("pretrained") if is_finished(folder) else None
    known = {one["path"]: one for one in ([kept] if isinstance(kept, dict) else kept or [])}
    found = []
    for path in [given] if isinstance(given, str) else given:
        weights = Path(path) if isinstance(given, str) else Path(path) / WEIGHTS
        if path in known and not weights.exists():
            found.append(known[path])
            continue
        if not isinstance(given, str):
            Run(path)  # says what is missing where it is not finished
        found.append({"path": path, "sha256": _hash(weights)})
    return found[0] if isinstance(given, str) else found


def _hash(path: Path) -> str:
    """Of a file, or of all files of a folder with their names."""
    if not path.exists():
        raise AcoustillError(f"{path}: no such file or folder of pretrained weights")
    if not path.is_dir():
        return file_hash(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return json_hash([[str(file.relative_to(path)), file_hash(file)] for file in files])


def _small_pictures(network: Network, archive: Archive) -> list[str]:
    """What to say if frames are far smaller than the pictures that weights were trained on."""
    shape, camera = network.specification.video_shape, archive.rig.camera
    if shape is None or camera is None:
        return []
    rows, columns = network.settings.get("size", (SIZE, SIZE))
    if 2 * min(shape) >= min(rows, columns):
        return []
    whole = [max(1, round(columns * camera.height / camera.width)), columns]
    return [
        f"warning: its weights know pictures of {rows} x {columns} pixels, and frames are brought to {shape[0]} x "
        f"{shape[1]} before it sees them; teacher.video_shape={whole} shows it more, and takes longer"
    ]


def _refuse_far_shifts(options: Teacher | Student, specification: Specification) -> None:
    """Refuses shifts by more than half of the view: of some clips nothing would be left but a repeated border."""
    if not isinstance(options, Teacher):
        return
    how = options.augmentation
    for stream, pixels in (("image", how.shift_pixels), ("video", how.video.shift_pixels)):
        if stream in specification.streams:
            smallest = min(specification.view_shape(stream)[1:3])
            if 2 * pixels > smallest:
                found = f"{pixels} of {smallest} pixels of {stream}"
                raise bad_input(options.network, "shift_pixels", found, "at most half of them")

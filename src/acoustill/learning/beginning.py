"""The network that a training begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from acoustill.archive.archive import Archive
from acoustill.archive.clips import all_clips, frames_of
from acoustill.archive.splits import Split
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, json_hash, read_json
from acoustill.learning.configuration import Experiment, Student, Teacher
from acoustill.learning.loading import regular_clip_loader
from acoustill.learning.runs import Role, is_finished
from acoustill.models.network import Network
from acoustill.models.pretrained import initialise_from, pretrained_settings
from acoustill.models.specification import Specification
from acoustill.models.store import build_network, network_class

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
    settings = pretrained_settings(options.network, options.settings, options.pretrained)
    network = build_network(options.network, specification, settings)
    sentences = []
    if options.pretrained is not None:
        sentences.append(initialise_from(network, options.pretrained))
    clips = all_clips(archive, split.parts(archive, "train"), clip_frames)
    count = min(len(clips), NORMALISATION_CLIPS)
    chosen = [clips[i * len(clips) // count] for i in range(count)]
    batches = regular_clip_loader(
        archive,
        chosen,
        streams,
        experiment.clip_seconds,
        16,
        video_shape=specification.video_shape,
        rank=0,
        world_size=1,
    )
    network.fit_normalisation(batch["views"] for batch in batches)
    return network, sentences


def pretrained_json(path: str, folder: Path) -> dict[str, Any]:
    """Where weights came from, and a hash of the file, or of the files of the folder; a finished run knows it.

    Raises:
        AcoustillError: if there is nothing.
    """
    given = Path(path)
    if not given.exists():
        kept = read_json(folder / "data.json").get("pretrained") if is_finished(folder) else None
        if kept is not None and kept["path"] == path:
            return dict(kept)
        raise AcoustillError(f"{given}: no such file or folder of pretrained weights")
    files = sorted(file for file in given.rglob("*") if file.is_file()) if given.is_dir() else [given]
    hashes = [[str(file.relative_to(given)), file_hash(file)] for file in files]
    return {"path": path, "sha256": json_hash(hashes) if given.is_dir() else hashes[0][1]}


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

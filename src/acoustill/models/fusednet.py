"""FusedNet: whole teachers together, such as of steered beams, acoustic images and video."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from acoustill.errors import bad_input
from acoustill.models.acousticnet import AcousticNet
from acoustill.models.beamnet import BeamNet, HearingBeamNet, LoudestBeamNet, SteeringNetwork
from acoustill.models.hf_frames import HuggingFaceFrames
from acoustill.models.motionnet import MotionNet
from acoustill.models.network import FrameNetwork, Views
from acoustill.models.resnet_frames import ResNetFrames
from acoustill.models.specification import ReceptiveField, Specification
from acoustill.models.temporal_resnet import TemporalResNet

STREAMS = ("beams", "video")
CAN_BE_PARTS: dict[str, type[FrameNetwork]] = {
    network.name: network
    for network in (
        BeamNet,
        HearingBeamNet,
        LoudestBeamNet,
        AcousticNet,
        MotionNet,
        ResNetFrames,
        TemporalResNet,
        HuggingFaceFrames,
    )
}
DEFAULT = ("beamnet", "acousticnet", "motionnet")
HEARING = ("beamnet-heard", "acousticnet")


class FusedNet(SteeringNetwork):
    """Several networks that each learn for itself; what each of them has seen or heard counts as evidence.

    Learning together, the one that learns by heart first would leave nothing to learn for the others. What is said in
    the end are their logits, added up with weights that are fitted to validation clips, where nobody knows the answers
    by heart, though the best round of each may have been chosen on them. It is of trained networks (`pretrained` takes
    their runs), or they are trained side by side. Networks of one kind, trained from several seeds, are an ensemble. A
    part whose stream is missing is left out.

    Args:
        specification: with the streams `beams` and `video`.
        parts: a list; of each its `network` and `settings`, as in an experiment, or its name alone.

    Attributes:
        parts: the networks by name, and number where a name occurs more than once.

    Shapes:
        Input: `beams` (B, frames, steps, rows, columns, bins, 2) or `video` (B, frames, h, w, 3) uint8, or both.
        Output: (B, classes).

    Raises:
        AcoustillError: if the specification is of other streams, there is no part, or one is none of `CAN_BE_PARTS`,
            needs another stream or has an impossible setting.
    """

    name = "fusednet"
    streams: ClassVar[tuple[str, ...]] = STREAMS
    optional: ClassVar[tuple[str, ...]] = STREAMS
    weights: Tensor

    def __init__(self, specification: Specification, parts: Sequence[str | Mapping[str, Any]] = DEFAULT) -> None:
        self.check_streams(specification)
        if isinstance(parts, str | Mapping) or not parts:
            raise bad_input(self.name, "parts", repr(parts), "a list of at least one network")
        networks = [_build_part(part, specification) for part in parts]
        named = dict(zip(_numbered([network.name for network in networks]), networks, strict=True))
        field = _widest([network.specification.receptive_field for network in networks])
        super().__init__(
            specification.model_copy(update={"features": _features(named), "receptive_field": field}),
            {"parts": [{"network": network.name, "settings": network.settings} for network in networks]},
        )
        self.parts = nn.ModuleDict(named)
        self.register_buffer("weights", torch.ones(len(networks)))

    @property
    def networks(self) -> list[FrameNetwork]:
        """The parts in their order."""
        return list(self.parts.values())  # type: ignore[arg-type]

    @property
    def steers(self) -> bool:
        """Whether a part steers beams."""
        return any(isinstance(part, SteeringNetwork) for part in self.networks)

    def part_logits(self, views: Views) -> dict[str, Tensor]:
        """Logits of every frame, by each part that can answer.

        Shapes:
            views: as `Network.forward`.
            Output: (B, frames, classes) each.
        """
        self.check(views)
        parts = zip(self.parts, self.networks, strict=True)
        return {name: part.frame_logits(views) for name, part in parts if part.can_answer(views)}

    def frame_logits(self, views: Views) -> Tensor:
        """Sum of the parts' logits by their weights."""
        answers = self.part_logits(views)
        weights = dict(zip(self.parts, self.weights, strict=True))
        return torch.stack([weights[name] * logits.float() for name, logits in answers.items()]).sum(dim=0)

    def logits_of_parts(self, views: Views) -> tuple[Tensor, ...]:
        """Those of each part, averaged over the frames."""
        return tuple(logits.mean(dim=1) for logits in self.part_logits(views).values())

    def attention(self, views: Views) -> Tensor:
        """That of the first part that steers beams."""
        for part in self.networks:
            if isinstance(part, SteeringNetwork):
                return part.attention(views)
        raise bad_input(self.name, "parts", list(self.parts), "one that steers beams among them")

    def can_answer(self, streams: Collection[str]) -> bool:
        """Whether these streams are enough for one of the parts."""
        return any(part.can_answer(streams) for part in self.networks)

    def check(self, views: Views) -> None:
        """As `Network.check`; somebody must be able to answer.

        Raises:
            AcoustillError: naming what was found and what was expected.
        """
        super().check(views)
        if not self.can_answer(views):
            raise bad_input(self.name, "input", sorted(views), "beams, video or both, as its parts need")

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Those of the parts.

        Args:
            batches: are gone through once for each part.
        """
        for part in self.networks:
            part.fit_normalisation(batches)


class HearingFusedNet(FusedNet):
    """FusedNet of networks that hear alone, for rigs without a camera.

    Args:
        specification: with the stream `beams` alone.
        parts: as those of FusedNet, of networks of beams alone.

    Shapes:
        Input: `beams` (B, frames, steps, rows, columns, bins, 2).
        Output: (B, classes).
    """

    name = "fusednet-heard"
    streams = ("beams",)
    optional: ClassVar[tuple[str, ...]] = ()

    def __init__(self, specification: Specification, parts: Sequence[str | Mapping[str, Any]] = HEARING) -> None:
        super().__init__(specification, parts)


def part_specification(specification: Specification, streams: tuple[str, ...]) -> Specification:
    """What a part is given of what the whole is given."""
    unseen: dict[str, Any] = {"streams": streams, "features": {}, "receptive_field": None}
    if "beams" not in streams:
        unseen |= {"beams": None, "beams_shape": None}
    if "video" not in streams:
        unseen |= {"video_shape": None}
    return specification.model_copy(update=unseen)


def _build_part(part: str | Mapping[str, Any], specification: Specification) -> FrameNetwork:
    given: dict[str, Any] = {"network": part} if isinstance(part, str) else dict(part)
    name, settings = given.pop("network", None), given.pop("settings", {})
    there = set(specification.streams)
    known = [one for one, kind in CAN_BE_PARTS.items() if there.issuperset(kind.streams)]
    if name not in known or given or not isinstance(settings, dict):
        raise bad_input(FusedNet.name, "part", repr(part), f"the network, one of {', '.join(known)}, and settings")
    kind = CAN_BE_PARTS[name]
    return kind(part_specification(specification, kind.streams), **settings)


def _numbered(names: Sequence[str]) -> list[str]:
    """Names that occur more than once with a number: all the same, each is one."""
    return [name if names.count(name) == 1 else f"{name}-{names[: i + 1].count(name)}" for i, name in enumerate(names)]


def _features(parts: Mapping[str, FrameNetwork]) -> dict[str, Any]:
    """What the parts make of each stream; `every_frame` is the distance of frames that all parts look at."""
    features: dict[str, Any] = {}
    for stream in STREAMS:
        made = {name: part.specification.features.get(stream) for name, part in parts.items()}
        features[stream] = {name: one for name, one in made.items() if one is not None}
        strides = [one["every_frame"] for one in features[stream].values() if "every_frame" in one]
        if strides:
            features[stream]["every_frame"] = math.lcm(*strides)
    return {stream: made for stream, made in features.items() if made}


def _widest(fields: Sequence[ReceptiveField | None]) -> ReceptiveField:
    """The field that holds all of these; one that is not known is the clip."""
    known = [field for field in fields if field is not None]
    before = [field.before_s for field in known if field.before_s is not None]
    after = [field.after_s for field in known if field.after_s is not None]
    return ReceptiveField(
        before_s=max(before) if len(before) == len(fields) else None,
        after_s=max(after) if len(after) == len(fields) else None,
    )

"""FusedNet: steered beams, acoustic images and video together; it goes on when one of the streams is missing."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from acoustill.errors import bad_input
from acoustill.models.acousticnet import AcousticFeatures
from acoustill.models.beam_features import BeamEnergies
from acoustill.models.beamnet import SteeredSound, Steering, SteeringNetwork
from acoustill.models.motionnet import MotionFeatures, MotionMaps
from acoustill.models.network import CombinedNetwork, Views
from acoustill.models.specification import ReceptiveField, Specification

PARTS = ("sound", "image", "motion")


class FusedNet(CombinedNetwork, SteeringNetwork):
    """Three teachers in one: what each of them has seen or heard counts as evidence, see `CombinedNetwork`.

    The parts are those of BeamNet, AcousticNet and MotionNet; what moves also steers the beam. While training, the
    steering of some clips is blind (modality dropout), so that it works by ear, too: a stream that is missing later is
    left out of the views.

    Args:
        specification: with the streams `beams` and `video`.
        bands: mel bands.
        width: features of a frame of the steered sound.
        image_width: features of a frame of the acoustic images.
        dropout: before the classes.
        modality_dropout: how often a clip's steering does not see.

    Shapes:
        Input: `beams` (B, frames, steps, rows, columns, bins, 2) or `video` (B, frames, h, w, 3) uint8, or both.
        Output: (B, classes).

    Raises:
        AcoustillError: if the specification is of other streams, or a setting is impossible.
    """

    name = "fusednet"
    streams = ("beams", "video")

    def __init__(
        self,
        specification: Specification,
        bands: int = 40,
        width: int = 128,
        image_width: int = 48,
        dropout: float = 0.3,
        modality_dropout: float = 0.3,
    ) -> None:
        energies = BeamEnergies(specification, bands)
        features = {"beams": energies.to_json(), "video": {"kind": "frame differences"}}
        whole = ReceptiveField(before_s=None, after_s=None)
        settings = {
            "bands": bands,
            "width": width,
            "image_width": image_width,
            "dropout": dropout,
            "modality_dropout": modality_dropout,
        }
        super().__init__(
            specification.model_copy(update={"features": features, "receptive_field": whole}), settings, PARTS
        )
        self.modality_dropout = modality_dropout
        self.energies = energies
        place = energies.rows, energies.columns
        self.maps = MotionMaps()
        self.steering = Steering(*place, bands, self.maps.channels)
        self.sound = SteeredSound(bands, width)
        self.image = AcousticFeatures(*place, energies.steps, bands, image_width)
        self.motion = MotionFeatures()
        sizes = {"sound": width, "image": image_width, "motion": self.maps.channels}
        self.classify = nn.ModuleDict(
            {
                part: nn.Sequential(nn.Dropout(dropout), nn.Linear(sizes[part], len(specification.classes)))
                for part in PARTS
            }
        )

    def part_logits(self, views: Views) -> dict[str, Tensor]:
        """See `CombinedNetwork.part_logits`."""
        self.check(views)
        maps, features = None, {}
        if "video" in views:
            maps = self.maps(views["video"])
            features["motion"] = self.motion(maps)
            if self.training:
                seen = torch.rand(len(maps), 1, 1, 1, 1, device=maps.device) >= self.modality_dropout
                maps = maps * seen
        if "beams" in views:
            energies = self.energies(views["beams"])
            features["sound"] = self.sound(energies, self.steering(energies, self.energies.steps, maps))
            features["image"] = self.image(energies, views["beams"].shape[1])
        return {part: self.classify[part](one) for part, one in features.items()}

    def attention(self, views: Views) -> Tensor:
        """See `SteeringNetwork.attention`."""
        self.check(views)
        if "beams" not in views:
            raise bad_input(self.name, "input", sorted(views), "beams, which it steers")
        maps = self.maps(views["video"]) if "video" in views else None
        shares = self.steering(self.energies(views["beams"]), self.energies.steps, maps)
        return shares.unflatten(2, (self.energies.rows, self.energies.columns))

    def check(self, views: Views) -> None:
        """As `Network.check`, but for streams that are missing: one of the two is enough.

        Raises:
            AcoustillError: naming what was found and what was expected.
        """
        given = tuple(stream for stream in self.streams if stream in views)
        if not given:
            raise bad_input(self.name, "input", sorted(views), "beams, video or both")
        self._check_shapes(views, given)

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Those of the steered sound; the other parts need none."""
        self.sound.fit_normalisation(self.energies(views["beams"]) for views in batches)

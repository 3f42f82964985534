"""BeamNet: what a microphone close to the action would have heard, out of beams that learn where to listen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool1d, one_hot, relu

from acoustill.models.beam_features import BeamEnergies
from acoustill.models.motionnet import MotionMaps
from acoustill.models.network import FrameNetwork, Standardise, Views, check_settings
from acoustill.models.specification import ReceptiveField, Specification
from acoustill.models.spectrogram import decibels
from acoustill.models.trunks import Masking, OverTime, SpectrogramTrunk

DIRECTION_FEATURES = 32
LOUDNESS = 0.4  # score of a decibel above the mean of all directions, before anything is learnt
LOUDEST_OVER_S = 1.0  # a direction that is loud for a moment is none


class Steering(nn.Module):
    """Attention over the directions of the beams: a share for each of them in every video frame, that sum to 1.

    A direction is judged by how its bands stand out against the other directions and against the rest of the clip,
    by what is around it and before and after it, and by what is seen to move there. The scores of a moment and their
    mean over the clip count alike, so that in a pause the steering stays where the action was.

    It begins with what is loudest and learns from there.

    Args:
        rows: of directions.
        columns: of directions.
        bands: mel bands.
        seen: channels of the maps of what is seen; 0 is blind.
    """

    def __init__(self, rows: int, columns: int, bands: int, seen: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        self.heard = nn.Conv2d(2 * bands, DIRECTION_FEATURES, 1)
        # without a bias: a picture in which nothing is seen must be the same as none
        self.seen = nn.Conv2d(seen, DIRECTION_FEATURES, 1, bias=False) if seen else None
        self.around = nn.Conv2d(DIRECTION_FEATURES, DIRECTION_FEATURES, 3, padding=1)
        self.over_time = OverTime(DIRECTION_FEATURES, 5)
        self.score = nn.Conv2d(DIRECTION_FEATURES, 1, 1)
        self.loudness = nn.Linear(bands, 1, bias=False)
        nn.init.constant_(self.loudness.weight, LOUDNESS / bands)

    def forward(self, energies: Tensor, steps: int, maps: Tensor | None) -> Tensor:
        """Shares of the directions.

        Shapes:
            energies: (B, frames * steps, directions, bands), squared pascal.
            maps: (B, frames, seen, h, w); None where nothing is seen.
            Output: (B, frames, directions).
        """
        levels = decibels(energies.unflatten(1, (-1, steps)).mean(dim=2))
        batch, frames = levels.shape[:2]
        among, over = levels - levels.mean(2, keepdim=True), levels - levels.mean((1, 2), keepdim=True)
        grid = torch.cat([among, over], dim=-1).div(10).unflatten(2, (self.rows, self.columns))
        features = relu(self.heard(grid.flatten(0, 1).permute(0, 3, 1, 2)))
        if self.seen is not None and maps is not None:
            features = features + adaptive_avg_pool2d(self.seen(maps.flatten(0, 1)), (self.rows, self.columns))
        features = self.over_time(relu(features + self.around(features)), frames)
        scores = self.score(features).flatten(1).unflatten(0, (batch, frames)).float()
        scores = scores + self.loudness(among).squeeze(-1).float()
        return torch.softmax(scores + scores.mean(dim=1, keepdim=True), dim=2)


class SteeredSound(nn.Module):
    """Features of the sound of one direction, and of nothing else.

    Shares weight directions and add up their energies, which is what a beam of that pattern would have measured of
    sounds that do not hang together. The mean of all directions is not given beside it: the action is heard in that,
    too, so that the steering may as well learn to listen to the noise around it, and often does.

    Args:
        bands: mel bands.
        width: features of a frame.
    """

    def __init__(self, bands: int, width: int) -> None:
        super().__init__()
        self.standardise = Standardise(bands)
        self.masking = Masking()
        self.trunk = SpectrogramTrunk(1, width)

    def forward(self, energies: Tensor, shares: Tensor) -> Tensor:
        """See the class.

        Shapes:
            energies: (B, frames * steps, directions, bands), squared pascal.
            shares: (B, frames, directions), that sum to 1.
            Output: (B, frames, width).
        """
        spectrograms = self.standardise(self._levels(energies, shares))[:, None]
        return self.trunk(self.masking(spectrograms), shares.shape[1]).transpose(1, 2)

    def fit_normalisation(self, batches: Iterable[Tensor]) -> None:
        """Mean and deviation of each band, those of the mean of all directions.

        Args:
            batches: of energies.
        """

        def levels() -> Iterable[Tensor]:
            for energies in batches:
                directions = energies.shape[2]
                yield self._levels(energies, energies.new_full((len(energies), 1, directions), 1 / directions))

        self.standardise.fit(levels())

    def _levels(self, energies: Tensor, shares: Tensor) -> Tensor:
        """Levels of what is listened to, (B, T, bands)."""
        steered = torch.einsum("bftdm,bfd->bftm", energies.unflatten(1, (shares.shape[1], -1)), shares)
        return decibels(steered.flatten(1, 2))


class SteeringNetwork(FrameNetwork):
    """A network that tells where it listens."""

    @property
    def steers(self) -> bool:
        """Whether there is something to tell."""
        return True

    def attention(self, views: Views) -> Tensor:
        """For each video frame a share for every direction of the beams.

        Shapes:
            Output: (B, frames, rows, columns).
        """
        raise NotImplementedError


class _SteeredNetwork(SteeringNetwork):
    """A classifier of the sound of one direction.

    Args:
        specification: with the shape of the beam spectra.
        bands: mel bands.
        width: features of a frame.
        dropout: before the classes.
    """

    def __init__(self, specification: Specification, bands: int = 40, width: int = 128, dropout: float = 0.3) -> None:
        whole = ReceptiveField(before_s=None, after_s=None)
        energies = BeamEnergies(specification, bands)
        features = {"beams": energies.to_json()}
        super().__init__(
            specification.model_copy(update={"features": features, "receptive_field": whole}),
            {"bands": bands, "width": width, "dropout": dropout},
        )
        self.energies = energies
        self.sound = SteeredSound(bands, width)
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, len(specification.classes)))

    def shares(self, energies: Tensor, views: Views) -> Tensor:
        """What share each direction has in what is listened to.

        Shapes:
            energies: (B, frames * steps, directions, bands), squared pascal.
            Output: (B, frames, directions).
        """
        raise NotImplementedError

    def attention(self, views: Views) -> Tensor:
        """See `SteeringNetwork.attention`."""
        self.check(views)
        shares = self.shares(self.energies(views["beams"]), views)
        return shares.unflatten(2, (self.energies.rows, self.energies.columns))

    def frame_logits(self, views: Views) -> Tensor:
        """Logits of every frame, (B, frames, classes)."""
        self.check(views)
        energies = self.energies(views["beams"])
        return self.classify(self.sound(energies, self.shares(energies, views)))

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Those of `SteeredSound`."""
        self.sound.fit_normalisation(self.energies(views["beams"]) for views in batches)


class BeamNet(_SteeredNetwork):
    """A beam that is steered by what sees and hears the action, as log-mel spectrogram at 10 ms.

    The steering (`Steering`) has no teacher of its own: it learns from labels alone, end to end. While training, it is
    blind for some clips, so that it works by ear, too, where the views hold no video. Archives must have it.

    Args:
        specification: with the streams `beams` and `video`.
        bands: mel bands.
        width: features of a frame.
        dropout: before the classes.
        modality_dropout: how often it is blind for a clip.

    Shapes:
        Input: `beams` (B, frames, steps, rows, columns, bins, 2), `video` (B, frames, h, w, 3) uint8 if there is one.
        Output: (B, classes).
    """

    name = "beamnet"
    streams = ("beams", "video")
    optional = ("video",)

    def __init__(
        self,
        specification: Specification,
        bands: int = 40,
        width: int = 128,
        dropout: float = 0.3,
        modality_dropout: float = 0.3,
    ) -> None:
        super().__init__(specification, bands, width, dropout)
        self.settings |= {"modality_dropout": modality_dropout}
        check_settings(self.name, self.settings)
        self.modality_dropout = modality_dropout
        self.motion = MotionMaps()
        self.steering = Steering(self.energies.rows, self.energies.columns, bands, self.motion.channels)

    def shares(self, energies: Tensor, views: Views) -> Tensor:
        """See `_SteeredNetwork.shares`."""
        maps = self.motion(views["video"]) if "video" in views else None
        if maps is not None and self.training:
            maps = maps * (torch.rand(len(maps), 1, 1, 1, 1, device=maps.device) >= self.modality_dropout)
        return self.steering(energies, self.energies.steps, maps)


class HearingBeamNet(_SteeredNetwork):
    """BeamNet that is steered by what it hears, and sees nothing."""

    name = "beamnet-heard"
    streams = ("beams",)

    def __init__(self, specification: Specification, bands: int = 40, width: int = 128, dropout: float = 0.3) -> None:
        super().__init__(specification, bands, width, dropout)
        self.steering = Steering(self.energies.rows, self.energies.columns, bands, 0)

    def shares(self, energies: Tensor, views: Views) -> Tensor:
        """See `_SteeredNetwork.shares`."""
        return self.steering(energies, self.energies.steps, None)


class LoudestBeamNet(_SteeredNetwork):
    """BeamNet that listens to the direction that is loudest within about a second: what steering has to beat."""

    name = "beamnet-loudest"
    streams = ("beams",)

    def shares(self, energies: Tensor, views: Views) -> Tensor:
        """See `_SteeredNetwork.shares`."""
        of_frames = energies.sum(dim=3).unflatten(1, (views["beams"].shape[1], -1)).mean(dim=2)
        reach = round(LOUDEST_OVER_S * self.specification.frame_rate / 2)
        smooth = avg_pool1d(of_frames.transpose(1, 2), 2 * reach + 1, 1, reach).transpose(1, 2)
        return one_hot(smooth.argmax(dim=2), energies.shape[2]).to(energies.dtype)


class TrueBeamNet(_SteeredNetwork):
    """BeamNet that is told the direction of the action, which only simulated recordings know: the bound of steering."""

    name = "beamnet-true"
    streams: ClassVar[tuple[str, ...]] = ("beams", "direction")

    def shares(self, energies: Tensor, views: Views) -> Tensor:
        """See `_SteeredNetwork.shares`."""
        cells = torch.tensor([self.energies.columns, self.energies.rows], device=energies.device)
        nearest = (views["direction"].float() * cells).floor().long()
        column, row = nearest.clamp_min(0).minimum(cells - 1).unbind(dim=-1)
        return one_hot(row * self.energies.columns + column, energies.shape[2]).to(energies.dtype)

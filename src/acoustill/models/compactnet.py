"""CompactNet, a small student that streams."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.mel import LOWEST_HZ
from acoustill.models.causal import (
    CausalSequence,
    Convolution,
    State,
    inverted_residual,
    one_band,
    temporal_residual,
)
from acoustill.models.dropout import Dropout
from acoustill.models.mel_spectrogram import LogMel, LogMelStream
from acoustill.models.network import Standardise, StepNetwork, Views
from acoustill.models.specification import ReceptiveField, Specification
from acoustill.models.trunks import WIDE_MASKS, Masking

CHANNELS = (16, 32, 64)  # of the first convolution and of the two that halve both axes again, at a width of 1


class FoldBands(nn.Module):
    """Bands become channels, (B, channels, frames, bands) to (B, bands * channels, frames, 1).

    All channels of a band, then those of the next: as they lie in memory where channels are last.
    """

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return one_band(x.permute(0, 2, 3, 1).flatten(2))


class CompactTrunk(nn.Module):
    """From spectrograms to one vector of features a step, by convolutions that know the past alone.

    Over time and frequency first: a convolution and two depthwise ones, each of which halves both axes, then inverted
    residual blocks in the manner of MobileNetV2 and CP-Mobile (Schmid et al. 2023). Then the bands are folded into
    channels, because in spectra, unlike in pictures, it matters where on the axis something is; time is halved once
    more, and residual convolutions over time alone follow.

    Args:
        in_channels: spectrograms beside each other: of microphones, beams or derivatives.
        bands: of each spectrogram.
        features: of each step.
        width: factor on the channels of the first part.
        depth: inverted residual blocks of the first part that keep its shape.
        dropout: of features, between the two parts.

    Attributes:
        features: of each step.
        stride: frames of the spectrogram in a step, 16.
        reach: frames that a step depends on, up to its own last.

    Shapes:
        Input: (B, in_channels, frames, bands), standardised.
        Output: (B, frames // stride, features).
    """

    def __init__(
        self,
        in_channels: int,
        bands: int,
        features: int = 128,
        width: float = 1.0,
        depth: int = 2,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        few, more, many = (8 * max(1, round(width * channels / 8)) for channels in CHANNELS)
        folded = many * -(-bands // 8)
        self.layers = CausalSequence(
            Convolution(in_channels, few, (3, 3), (2, 2)),
            inverted_residual(few, more, 1, (3, 3), (2, 2)),
            inverted_residual(more, many, 1, (3, 3), (2, 2)),
            *(inverted_residual(many, many, 1) for _ in range(depth)),
            FoldBands(),
            Convolution(folded, features, (2, 1), (2, 1), rectify=False),
            Dropout(dropout),
            *(temporal_residual(features, dilation) for dilation in (1, 1, 2)),
            nn.ReLU(),
        )
        self.features = features
        self.stride, self.reach = self.layers.stride, self.layers.reach

    def forward(self, spectrograms: Tensor) -> Tensor:
        """See the class."""
        return self.step(spectrograms, None)[0]

    def step(self, spectrograms: Tensor, state: State) -> tuple[Tensor, State]:
        """The steps that these frames complete, and the state for the next ones, see `causal`."""
        # Channels last: depthwise and pointwise convolutions take half the time on processors.
        x, state = self.layers.step(spectrograms.contiguous(memory_format=torch.channels_last), state)
        return x.squeeze(3).transpose(1, 2), state


class CompactNet(StepNetwork):
    """Log-mel energies, a `CompactTrunk`, one linear layer a step; a clip's logits are the mean over its steps.

    About 0.3 M parameters and, for 5 s at 12,288 Hz, 20 M multiply-adds, a tenth of HearNet's. It takes audio of any
    length from a clip's on, knows the past alone and normalises nothing by the clip: `stream` gives the logits of a
    clip while it is heard.

    Args:
        specification: with the stream `audio` alone; 8 to 96 kHz.
        bands: of the mel spectrogram.
        lowest_hz: where the first band starts.
        highest_hz: where the last band ends; half the sample rate where that is less.
        features: see `CompactTrunk`.
        width: see `CompactTrunk`.
        depth: see `CompactTrunk`.
        dropout: of the trunk's features, between its parts and before the linear layer.

    Shapes:
        Input: `audio` (B, samples), pascal.
        Output: (B, classes).

    Raises:
        AcoustillError: if the sample rate is not possible or a clip shorter than a step, 0.17 s.
    """

    name = "compactnet"
    streams = ("audio",)

    def __init__(
        self,
        specification: Specification,
        bands: int = 48,
        lowest_hz: float = LOWEST_HZ,
        highest_hz: float = 10000.0,
        features: int = 128,
        width: float = 1.0,
        depth: int = 2,
        dropout: float = 0.2,
    ) -> None:
        log_mel = LogMel(specification.sample_rate, bands, lowest_hz, highest_hz)
        trunk = CompactTrunk(1, bands, features, width, depth, dropout)
        if log_mel.frames(specification.clip_samples) < trunk.stride:
            found = f"{specification.clip_frames / specification.frame_rate:g} s"
            raise bad_input(self.name, "length of a clip", found, f"at least {trunk.stride + 1} hops of 10 ms")
        own = {
            "features": {**specification.features, "audio": log_mel.to_json()},
            "receptive_field": ReceptiveField(
                before_s=(trunk.reach - 1) * log_mel.hop_s + log_mel.length_s, after_s=0.0
            ),
        }
        settings = {
            "bands": bands,
            "lowest_hz": lowest_hz,
            "highest_hz": highest_hz,
            "features": features,
            "width": width,
            "depth": depth,
            "dropout": dropout,
        }
        super().__init__(specification.model_copy(update=own), settings)
        self.log_mel = log_mel
        self.standardise = Standardise(bands)
        self.masking = Masking(*WIDE_MASKS)
        self.trunk = trunk
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(features, len(specification.classes)))

    def step_logits(self, views: Views) -> Tensor:
        """Logits of every step of 16 frames."""
        self.check(views)
        return self.step(self.log_mel(views["audio"]), None)[0]

    def step(self, frames: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits of the steps that these frames complete, and the state for the next ones, see `causal`.

        Shapes:
            frames: (B, frames, bands), decibel, as `log_mel` gives them.
            Output: (B, steps, classes).
        """
        steps, state = self.trunk.step(self.masking(self.standardise(frames).unsqueeze(1)), state)
        return self.head(steps), state

    def step_end_s(self, step: int) -> float:
        """When the last frame of a step ends."""
        return ((step + 1) * self.trunk.stride - 1) * self.log_mel.hop_s + self.log_mel.length_s

    def fit_normalisation(self, batches: Iterable[Views]) -> None:
        """Mean and deviation of each band in decibel."""
        self.standardise.fit(self.log_mel(views["audio"]) for views in batches)

    def stream(self) -> Stream:
        """A listener to audio that arrives in pieces, from its start on.

        Raises:
            AcoustillError: if the network is in training mode.
        """
        return Stream(self)


class Stream:
    """What a `CompactNet` answers to audio that arrives in pieces of any length.

    Args:
        network: in evaluation mode.

    Attributes:
        steps: how many steps were heard.

    Raises:
        AcoustillError: if the network is in training mode.
    """

    def __init__(self, network: CompactNet) -> None:
        if network.training:
            raise AcoustillError(f"{network.name}: a stream needs the network in evaluation mode, call eval() first")
        self.network = network
        self.steps = 0
        self._frames = LogMelStream(network.log_mel)
        self._state: State = None
        self._total: Tensor | None = None
        self._batch: int | None = None

    def push(self, audio: Tensor) -> Tensor:
        """Logits of all audio so far: those that the network gives for the whole of it.

        Shapes:
            audio: (B, samples), pascal; 0 samples or more, of the same batch every time.
            Output: (B, classes); zeros until the first step is complete.
        """
        self.push_steps(audio)
        assert self._total is not None
        return self._total / max(1, self.steps)

    @torch.no_grad()
    def push_steps(self, audio: Tensor) -> Tensor:
        """Logits of each step that these samples complete.

        Shapes:
            audio: as `push`.
            Output: (B, steps, classes).

        Raises:
            AcoustillError: if this is no batch of finite samples in pascal, or not as many clips as before.
        """
        if audio.ndim != 2 or self._batch not in (None, len(audio)):
            expected = f"({'batch' if self._batch is None else self._batch}, samples)"
            raise bad_input(self.network.name, "shape of the audio", tuple(audio.shape), expected)
        if not audio.is_floating_point():  # as a sound card gives it
            raise bad_input(self.network.name, "type of the audio", audio.dtype, "floating point, in pascal")
        if not torch.isfinite(audio).all():
            raise bad_input(self.network.name, "audio", "not finite", "finite values")
        self._batch = len(audio)
        logits, self._state = self.network.step(self._frames.push(audio), self._state)
        self.steps += logits.shape[1]
        self._total = logits.sum(dim=1) + (0 if self._total is None else self._total)
        return logits

"""Networks written out the plain way: what their fast paths are compared with, in time and in value.

Each function answers with the weights of a network of ours, in torch's own layers and default layout, one after the
other as the architecture is told. Networks that are not here are written so themselves, but for the parts that `plain`
puts in place of theirs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv1d, conv2d, dropout, max_pool1d, max_pool2d, pad, relu

from acoustill.models import CompactNet, DualCamNet, HearNet, Network
from acoustill.models.beam_features import BeamEnergies
from acoustill.models.causal import CausalConv2d, Residual
from acoustill.models.compactnet import FoldBands
from acoustill.models.mel_spectrogram import LogMel
from acoustill.models.network import Views
from acoustill.models.small_maps import SmallMapConv2d
from acoustill.models.soundnet import SoundNet
from acoustill.models.spectrogram import FLOOR_PA2, LogSpectrogram

Answer = Callable[[Views], Tensor]


def plain(network: Network) -> Answer:
    """The same network, written out; it shares all weights and statistics."""
    for kind, written in ((DualCamNet, dualcamnet), (HearNet, hearnet), (CompactNet, compactnet), (SoundNet, soundnet)):
        if isinstance(network, kind):
            return lambda views: written(network, views)  # type: ignore[operator]
    for module in network.modules():
        for kind, written in ((BeamEnergies, energies), (LogMel, log_mel), (SmallMapConv2d, nn.Conv2d.forward)):
            if isinstance(module, kind):
                module.forward = functools.partial(written, module)  # type: ignore[method-assign, arg-type]
    return network


def dualcamnet(network: DualCamNet, views: Views) -> Tensor:
    images = views["image"].to(network.first.weight.dtype)
    batch, frames = images.shape[:2]
    maps = network.standardise(images).permute(0, 4, 1, 2, 3)
    maps = relu(network.over_time(maps)).transpose(1, 2).flatten(0, 1)
    maps = relu(max_pool2d(network.first(maps), 2))
    maps = relu(max_pool2d(network.second(maps), 2))
    return _head(network.head, maps.flatten(1)).unflatten(0, (batch, frames)).mean(dim=1)


def hearnet(network: HearNet, views: Views) -> Tensor:
    spectra = network.standardise(log_spectrogram(network.spectrogram, views["audio"]))
    maps = spectra.transpose(1, 2)
    for layer in network.features:
        if isinstance(layer, nn.Conv1d):
            maps = relu(conv1d(maps, layer.weight, layer.bias, padding=layer.padding))  # type: ignore[arg-type]
        elif isinstance(layer, nn.MaxPool2d):
            maps = max_pool1d(maps, layer.kernel_size[1])  # type: ignore[index]
    return _head(network.head, maps.transpose(1, 2)).mean(dim=1)


def soundnet(network: SoundNet, views: Views) -> Tensor:
    maps = network.scale * network.standardise(network.resample(views["audio"]).unsqueeze(-1)).transpose(1, 2)
    for number, layer in enumerate(network._built, 1):
        convolution, norm = network.get_submodule(f"conv{number}"), network.get_submodule(f"bn{number}")
        maps = conv1d(maps, convolution.weight, convolution.bias, layer.stride, layer.padding)  # type: ignore[arg-type]
        maps = relu(_norm(norm, maps))
        if layer.pooling > 1:
            maps = max_pool1d(maps, layer.pooling)
    return _head(network.head, maps.transpose(1, 2)).mean(dim=1)


def compactnet(network: CompactNet, views: Views) -> Tensor:
    spectrograms = network.standardise(log_mel(network.log_mel, views["audio"])).unsqueeze(1)
    maps = _causal(network.trunk.layers, network.masking(spectrograms))
    return _head(network.head, maps.squeeze(3).transpose(1, 2)).mean(dim=1)


def log_spectrogram(made: LogSpectrogram, audio: Tensor) -> Tensor:
    settings: dict[str, Any] = {"center": True, "pad_mode": "constant", "return_complex": True}
    spectrum = torch.stft(audio, made.fft_length, made.hop, len(made.window), made.window, **settings)
    power = spectrum.abs().square()[..., : made.frames] / made.window.square().sum()
    return 10 * power.clamp_min(FLOOR_PA2).log10().transpose(1, 2)


def log_mel(made: LogMel, audio: Tensor) -> Tensor:
    spectra = torch.fft.rfft(audio.unfold(-1, made.length, made.hop) * made.window, made.fft_length)
    return 10 * ((spectra.abs().square()) @ made.filters).clamp_min(FLOOR_PA2).log10()


def energies(made: BeamEnergies, beams: Tensor) -> Tensor:
    spectra = beams.float().flatten(5)
    return ((spectra * spectra) @ made.filters).flatten(3, 4).flatten(1, 2)


def _causal(block: nn.Module, maps: Tensor) -> Tensor:
    """A block of `acoustill.models.causal`, for a whole clip."""
    if isinstance(block, Residual):
        return maps + _causal(block.block, maps)
    if isinstance(block, CausalConv2d):
        maps = pad(maps, (0, 0, block.reach - block.stride, 0))
        stride, padding = (block.stride, block.band_stride), (0, block.weight.shape[3] // 2)
        return conv2d(maps, block.weight, None, stride, padding, (block.dilation, 1), block.groups)
    if isinstance(block, nn.BatchNorm2d):
        return _norm(block, maps)
    if isinstance(block, FoldBands):
        return maps.permute(0, 3, 1, 2).flatten(1, 2).unsqueeze(3)  # all channels of a band, then those of the next
    if isinstance(block, nn.Dropout):
        return dropout(maps, block.p, block.training)
    if isinstance(block, nn.ReLU):
        return relu(maps)
    for one in block.blocks:  # type: ignore[union-attr]
        maps = _causal(one, maps)
    return maps


def _norm(norm: Any, maps: Tensor) -> Tensor:
    given = norm.running_mean, norm.running_var, norm.weight, norm.bias
    return batch_norm(maps, *given, norm.training, norm.momentum, norm.eps)


def _head(head: nn.Module, features: Tensor) -> Tensor:
    for layer in head:  # type: ignore[attr-defined]
        features = dropout(features, layer.p, layer.training) if isinstance(layer, nn.Dropout) else layer(features)
    return features

"""Networks by name, and in a folder: `model.safetensors` for the weights, `model.json` for the rest."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from acoustill.errors import AcoustillError, bad_input
from acoustill.files import first_problem, read_json, replacing, write_json
from acoustill.models.acousticnet import AcousticNet
from acoustill.models.avnet import AVNet
from acoustill.models.beamnet import BeamNet, HearingBeamNet, LoudestBeamNet, TrueBeamNet
from acoustill.models.compactnet import CompactNet
from acoustill.models.dualcamnet import DualCamNet
from acoustill.models.fusednet import FusedNet, HearingFusedNet
from acoustill.models.hearnet import HearNet
from acoustill.models.hf_frames import HuggingFaceFrames
from acoustill.models.micnet import MicNet
from acoustill.models.motionnet import MotionNet
from acoustill.models.network import Network, check_settings
from acoustill.models.resnet_frames import ResNetFrames
from acoustill.models.soundnet import SoundNet5, SoundNet8
from acoustill.models.specification import Specification
from acoustill.models.temporal_resnet import TemporalResNet

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
NETWORKS: dict[str, type[Network]] = {
    network.name: network
    for network in (
        DualCamNet,
        ResNetFrames,
        TemporalResNet,
        AVNet,
        HuggingFaceFrames,
        BeamNet,
        HearingBeamNet,
        LoudestBeamNet,
        TrueBeamNet,
        AcousticNet,
        MotionNet,
        FusedNet,
        HearingFusedNet,
        HearNet,
        SoundNet5,
        SoundNet8,
        CompactNet,
        MicNet,
    )
}


def network_class(name: str) -> type[Network]:
    """The network of that name.

    Raises:
        AcoustillError: if there is none.
    """
    if name not in NETWORKS:
        raise bad_input("model", "name", repr(name), f"one of {', '.join(NETWORKS)}")
    return NETWORKS[name]


def build_network(name: str, specification: Specification, settings: dict[str, Any] | None = None) -> Network:
    """A network with fresh weights, drawn from torch's global generator.

    Raises:
        AcoustillError: if there is no such network, it has no such setting, a setting has a value that makes no
            sense, or the streams are not its own or have no shape.
    """
    network, given = network_class(name), settings or {}
    try:
        inspect.signature(network).bind(specification, **given)
    except TypeError as error:
        raise AcoustillError(f"{name}: a setting is not known ({error})") from error
    network.check_streams(specification)
    check_settings(name, given)
    try:
        return network(specification, **given)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        why = " ".join(str(error).split())[:200]
        raise AcoustillError(f"{name}: a network with the settings {given} is not possible ({why})") from error


def save_network(network: Network, folder: Path, temperature: float = 1.0) -> None:
    """Writes weights and specification, each whole or not at all.

    Args:
        network: to be kept.
        folder: where.
        temperature: that its logits are to be divided by before they are read as probabilities.
    """
    with replacing(folder / WEIGHTS) as beside:
        save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, beside)
    content = {
        "network": network.name,
        "settings": network.settings,
        "specification": network.specification.model_dump(mode="json"),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "temperature": temperature,
    }
    write_json(folder / DESCRIPTION, content)


def read_temperature(folder: str | Path) -> float:
    """What the logits of a run's network are divided by to be calibrated; 1 where nothing is said of it.

    Raises:
        AcoustillError: if it is no number above 0.
    """
    description = Path(folder) / DESCRIPTION
    temperature = read_json(description).get("temperature", 1.0)
    if not isinstance(temperature, int | float) or not temperature > 0:
        raise bad_input(description, "temperature", repr(temperature), "a number above 0")
    return float(temperature)


def load_network(folder: str | Path) -> Network:
    """The network of a run folder, ready to answer.

    Raises:
        AcoustillError: if a file is missing or does not hold what it should, or the weights were learnt with features
            that this version would make in another way.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AcoustillError(f"{folder}: no such run folder")
    description = folder / DESCRIPTION
    content = read_json(description)
    try:
        specification = Specification.model_validate(content["specification"])
        network = build_network(content["network"], specification, content["settings"])
    except (KeyError, TypeError) as error:
        raise AcoustillError(f"{description}: not the description of a network ({error!r})") from error
    except ValidationError as error:
        raise AcoustillError(f"{description}: {first_problem(error)}") from error
    if specification.features and specification.features != network.specification.features:
        raise bad_input(description, "features", specification.features, f"{network.specification.features}")
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except FileNotFoundError as error:
        raise AcoustillError(f"{folder / 'model.safetensors'}: no such file") from error
    except (SafetensorError, RuntimeError) as error:
        why = " ".join(str(error).split())[:300]
        raise AcoustillError(f"{folder / 'model.safetensors'}: not the weights of this network ({why})") from error
    return network.eval()

"""Networks by name, and in a folder: `model.safetensors` for the weights, `model.json` for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from acoustill.errors import AcoustillError, bad_input
from acoustill.files import first_problem, read_json, replacing, write_json
from acoustill.models.dualcamnet import DualCamNet
from acoustill.models.hearnet import HearNet
from acoustill.models.network import Network
from acoustill.models.specification import Specification

NETWORKS: dict[str, type[Network]] = {network.name: network for network in (DualCamNet, HearNet)}


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
        AcoustillError: if there is no such network, it has no such setting, or the stream is not its own.
    """
    network = network_class(name)
    try:
        return network(specification, **(settings or {}))
    except TypeError as error:
        raise AcoustillError(f"{name}: a setting is not known ({error})") from error


def save_network(network: Network, folder: Path) -> None:
    """Writes weights and specification, each whole or not at all."""
    with replacing(folder / "model.safetensors") as beside:
        save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, beside)
    content = {
        "network": network.name,
        "settings": network.settings,
        "specification": network.specification.model_dump(mode="json"),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
    write_json(folder / "model.json", content)


def load_network(folder: str | Path) -> Network:
    """The network of a run folder, ready to answer.

    Raises:
        AcoustillError: if a file is missing or does not hold what it should.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AcoustillError(f"{folder}: no such run folder")
    description = folder / "model.json"
    content = read_json(description)
    try:
        specification = Specification.model_validate(content["specification"])
        network = build_network(content["network"], specification, content["settings"])
    except (KeyError, TypeError) as error:
        raise AcoustillError(f"{description}: not the description of a network ({error!r})") from error
    except ValidationError as error:
        raise AcoustillError(f"{description}: {first_problem(error)}") from error
    try:
        network.load_state_dict(load_file(folder / "model.safetensors"))
    except FileNotFoundError as error:
        raise AcoustillError(f"{folder / 'model.safetensors'}: no such file") from error
    except (SafetensorError, RuntimeError) as error:
        why = " ".join(str(error).split())[:300]
        raise AcoustillError(f"{folder / 'model.safetensors'}: not the weights of this network ({why})") from error
    return network.eval()

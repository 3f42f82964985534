"""A fresh network from pretrained weights in local files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acoustill.errors import AcoustillError, bad_input
from acoustill.models.network import Network
from acoustill.models.pretrained.huggingface import load_backbone
from acoustill.models.pretrained.soundnet import LAYERS, SAMPLE_RATE, load_soundnet
from acoustill.models.pretrained.torchvision_resnet import load_torchvision_resnet
from acoustill.models.resnet import ResNet

HUGGING_FACE = "hf-image"


def initialise_from(network: Network, path: str | Path) -> str:
    """Sets what a file has of a network's weights; the rest stays as it was drawn.

    | network | file |
    | --- | --- |
    | `resnet50`, `temporal-resnet50`, `avnet` and others with a ResNet | torchvision's names; .safetensors, .pth, .pt |
    | `soundnet5`, `soundnet8` | the authors' .t7, or `sound8.npy` |
    | `hf-image` | folder of a Hugging Face backbone |

    Args:
        network: fresh.
        path: file or folder; it is not needed once the network is saved.

    Returns:
        What was loaded from where, what of the file was left out and what in the network is new: one sentence.

    Raises:
        AcoustillError: if the file is broken, or is not of this network, with the list of what differs; or if there
            are no pretrained weights for this network. The network is then as it was.
    """
    path = Path(path)
    if not path.exists():
        raise AcoustillError(f"{path}: no such file or folder of pretrained weights")
    if network.name == HUGGING_FACE:
        return str(load_backbone(network, path))
    if path.is_dir():
        raise bad_input(path, "kind", "a folder", f"a file of weights for network {network.name}")
    if network.name in LAYERS:
        return str(load_soundnet(network, path))
    if any(isinstance(module, ResNet) for module in network.modules()):
        return str(load_torchvision_resnet(network, path))
    raise bad_input(network.name, "pretrained", path, "nothing: no pretrained weights are read for this network")


def pretrained_settings(name: str, settings: dict[str, Any], path: str | Path | None) -> dict[str, Any]:
    """Settings that build a network which `initialise_from` can set.

    What the weights ask for is set unless it is given: the architecture of `hf-image`, which is in the folder of its
    weights, and the sample rate of SoundNet's. Settings of other networks stay as they are.

    Args:
        name: of the network.
        settings: as in the experiment.
        path: of the pretrained weights; None without any.
    """
    if path is None:
        return settings
    asked: dict[str, Any] = {"pretrained_rate": SAMPLE_RATE} if name in LAYERS else {}
    if name == HUGGING_FACE:
        asked = {"backbone": str(path)}
    return {**asked, **settings}

"""A state dictionary in torchvision's names into our ResNet."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from acoustill.errors import bad_input
from acoustill.files import file_hash
from acoustill.models.pretrained.difference import Loaded, load_weights, parts
from acoustill.models.pretrained.tensor_files import read_tensors
from acoustill.models.resnet import ResNet

CLASSIFIER = "fc."


def load_torchvision_resnet(network: nn.Module, path: str | Path) -> Loaded:
    """Sets the ResNet within a network; the file's classifier is left out.

    Args:
        network: with one ResNet in it, as teachers on video have.
        path: a `.safetensors`, `.pth` or `.pt` file of a ResNet of the same depth; see `read_tensors`.

    Raises:
        AcoustillError: see `read_tensors` and `load_weights`; or if there is no ResNet, or more than one.
    """
    path = Path(path)
    inside = {name: module for name, module in network.named_modules() if isinstance(module, ResNet)}
    if len(inside) != 1:
        raise bad_input(type(network).__name__, "number of ResNets in it", len(inside), "1")
    ((place, resnet),) = inside.items()
    tensors = read_tensors(path)
    loaded = load_weights(resnet, tensors, path, allow_unexpected=(CLASSIFIER,))
    left_out = parts(name for name in tensors if name.startswith(CLASSIFIER))
    beside = (name for name, _ in network.named_parameters() if not name.startswith(f"{place}."))
    return Loaded(path.name, file_hash(path), len(loaded), left_out, parts(beside))

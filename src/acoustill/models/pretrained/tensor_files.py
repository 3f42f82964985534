"""Reading files of named tensors."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from acoustill.errors import AcoustillError, bad_input

WRAPPED_AS = ("state_dict", "model")  # names under which checkpoints of training scripts keep the weights


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors`, `.pth` or `.pt` file by name, on the CPU.

    A checkpoint that keeps them under `state_dict` or `model` is opened; `module.`, which training on several devices
    puts in front of all names, is taken off.

    Args:
        path: of the file. A pickle is read by `torch.load(weights_only=True)`, which runs nothing.

    Raises:
        AcoustillError: if there is no such file, it is of another kind or corrupt, or holds anything but tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise AcoustillError(f"{path}: no such file")
    if path.suffix == ".safetensors":
        try:
            content: Any = load_file(path)
        except SafetensorError as error:
            raise AcoustillError(f"{path}: not a safetensors file ({error})") from error
    elif path.suffix in (".pth", ".pt"):
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise AcoustillError(f"{path}: holds more than tensors, or is corrupt; it was not run") from error
        except Exception as error:  # a corrupt file may end in nearly any of them
            raise AcoustillError(f"{path}: not a file of torch.save ({_one_line(error)})") from error
    else:
        raise bad_input(path, "kind of file", repr(path.suffix), ".safetensors, .pth or .pt")
    for name in WRAPPED_AS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping):
        raise bad_input(path, "content", type(content).__name__, "tensors by name")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise bad_input(path, "content", f"{type(value).__name__} under {name!r}", "tensors by name")
    if content and all(name.startswith("module.") for name in content):
        return {name.removeprefix("module."): tensor for name, tensor in content.items()}
    return dict(content)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]

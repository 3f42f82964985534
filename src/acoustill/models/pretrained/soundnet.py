"""SoundNet's weights, from its authors' Torch7 file or the usual `sound8.npy`, into our SoundNet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acoustill.errors import bad_input
from acoustill.files import file_hash
from acoustill.models.network import Network
from acoustill.models.pretrained.difference import Loaded, load_weights, parts
from acoustill.models.pretrained.numpy_pickle import read_array_dictionary
from acoustill.models.pretrained.torch7 import LuaTable, read_torch7

# Layers that the authors trained and that a classifier of other classes keeps; behind them stand their two outputs.
LAYERS = {"soundnet5": 4, "soundnet8": 7}
SAMPLE_RATE = 22050  # of what they were trained on
IN_NUMPY = {"weights": "weight", "biases": "bias"}
NORMS_IN_NUMPY = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}
CONVOLUTIONS = ("SpatialConvolution", "SpatialConvolutionMM")
NORMS = ("SpatialBatchNormalization", "BatchNormalization")
OUTPUTS = ("ConcatTable", "ParallelTable")


def load_soundnet(network: Network, path: str | Path) -> Loaded:
    """Sets the convolutions of a SoundNet, and their batch norms, that its authors trained.

    Those are the first four of SoundNet5 and the first seven of SoundNet8. The outputs for objects and scenes are left
    out.

    Args:
        network: `soundnet5` or `soundnet8`.
        path: `soundnet5_final.t7` or `soundnet8_final.t7` of the authors, or `sound8.npy`.

    Raises:
        AcoustillError: if the file is broken or of another kind, see `read_torch7` and `read_array_dictionary`; or if
            its layers are not those of the network, see `load_weights`.
    """
    path = Path(path)
    if path.suffix == ".npy":
        tensors, left_out = _of_numpy(read_array_dictionary(path), path)
    elif path.suffix == ".t7":
        tensors, left_out = _of_torch7(read_torch7(path), path, network.get_submodule("bn1").eps)  # type: ignore[arg-type]
    else:
        raise bad_input(path, "kind of file", repr(path.suffix), ".t7 or .npy")
    kept = tuple(f"{layer}{n}." for n in range(1, LAYERS[network.name] + 1) for layer in ("conv", "bn"))
    others = tuple(name for name in network.state_dict() if not name.startswith(kept))
    loaded = load_weights(network, tensors, path, allow_missing=others)
    new = parts(name for name, _ in network.named_parameters() if name in others)
    return Loaded(path.name, file_hash(path), len(loaded), left_out, new)


def _of_numpy(content: Mapping[Any, Any], where: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Tensors of `{"conv1": {"weights": ..., "gamma": ...}, ...}`; the outputs are what has no batch norm."""
    tensors: dict[str, Tensor] = {}
    outputs = []
    for layer, arrays in content.items():
        found = re.fullmatch(r"conv(\d+)(_\d+)?", str(layer))
        if found is None or not isinstance(arrays, dict):
            raise bad_input(where, "content", f"an entry {layer!r}", "entries conv1, conv2 ... of named arrays")
        if not set(arrays) & set(NORMS_IN_NUMPY):
            outputs.append(str(layer))
            continue
        for name, array in arrays.items():
            if name not in (IN_NUMPY | NORMS_IN_NUMPY) or not isinstance(array, np.ndarray):
                expected = f"arrays {', '.join(IN_NUMPY | NORMS_IN_NUMPY)}"
                raise bad_input(where, f"content of {layer}", repr(name), expected)
            if name == "weights":
                array = _kernels_of_tensorflow(array, f"{where}: {layer}")
            place = f"conv{found[1]}.{IN_NUMPY[name]}" if name in IN_NUMPY else f"bn{found[1]}.{NORMS_IN_NUMPY[name]}"
            tensors[place] = _tensor(array)
    return tensors, tuple(outputs)


def _kernels_of_tensorflow(array: np.ndarray, where: str) -> np.ndarray:
    """(k, 1, in, out) to (out, in, k)."""
    if array.ndim != 4 or array.shape[1] != 1:
        raise bad_input(where, "shape of weights", array.shape, "(steps, 1, in, out)")
    return array[:, 0].transpose(2, 1, 0)


def _of_torch7(content: Any, where: Path, eps: float) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Tensors of the convolutions and batch norms of a Sequential, numbered in their order.

    Args:
        content: of the file.
        where: the file.
        eps: that the network adds to variances.
    """
    if _kind(content) != "Sequential":
        found = content.name or "a table" if isinstance(content, LuaTable) else type(content).__name__
        raise bad_input(where, "content", found, "nn.Sequential, a network")
    tensors: dict[str, Tensor] = {}
    outputs: list[str] = []
    number = 0
    for module in _modules(content, where):
        kind = _kind(module)
        if kind in OUTPUTS:
            outputs.append("the outputs for objects and scenes")
            break
        if kind in CONVOLUTIONS:
            number += 1
            tensors[f"conv{number}.weight"] = _tensor(_kernels_of_torch7(module, f"{where}: conv{number}"))
            tensors[f"conv{number}.bias"] = _field(module, "bias", f"{where}: conv{number}")
        elif kind in NORMS:
            at = f"{where}: batch norm {number}"
            for name in ("weight", "bias", "running_mean"):
                tensors[f"bn{number}.{name}"] = _field(module, name, at)
            tensors[f"bn{number}.running_var"] = _variance(module, at, eps)
        elif isinstance(module.entries.get("weight"), np.ndarray):
            raise bad_input(where, "a layer", module.name, "convolutions and batch norms")
    return tensors, tuple(outputs)


def _modules(sequential: LuaTable, where: Path) -> Iterator[LuaTable]:
    """The modules of a Sequential and of those within it, in their order."""
    waiting, entered = [sequential], set()
    while waiting:
        module = waiting.pop()
        if _kind(module) != "Sequential":
            yield module
            continue
        if id(module) in entered:
            raise bad_input(where, "content", "an nn.Sequential in itself or in two places", "every layer once")
        entered.add(id(module))
        inside = module.entries.get("modules")
        listed = inside.listed() if isinstance(inside, LuaTable) else []
        waiting.extend(one for one in reversed(listed) if isinstance(one, LuaTable))


def _kind(value: Any) -> str:
    """Name of a class without its package: `nn` and `cudnn` have the same layers."""
    return value.name.rpartition(".")[2] if isinstance(value, LuaTable) else ""


def _kernels_of_torch7(module: LuaTable, where: str) -> np.ndarray:
    """(out, in, k, 1) or, as a matrix, (out, in * k), to (out, in, k)."""
    weights = module.entries.get("weight")
    if not isinstance(weights, np.ndarray) or weights.ndim not in (2, 4):
        found = weights.shape if isinstance(weights, np.ndarray) else type(weights).__name__
        raise bad_input(where, "shape of weights", found, "(out, in, steps, 1) or (out, in x steps)")
    if weights.ndim == 4:
        entering, across = weights.shape[1], min(weights.shape[2:])
    else:
        sizes = [module.entries.get(name) for name in ("nInputPlane", "kH", "kW")]
        if not all(isinstance(size, float) and size >= 1 for size in sizes):
            raise bad_input(where, "nInputPlane, kH and kW", sizes, "numbers from 1")
        entering, across = int(sizes[0]), int(min(sizes[1:]))  # type: ignore[arg-type, type-var]
    if across != 1 or weights[0].size % entering:
        raise bad_input(where, "shape of weights", weights.shape, "kernels along time alone")
    return weights.reshape(len(weights), entering, -1)


def _variance(module: LuaTable, where: str, eps: float) -> Tensor:
    """What gives the file's divisors once the network has added its eps, which its saved weights do not hold.

    That is `running_var` and the file's eps, where it has one; old versions kept 1 / sqrt(variance + eps) instead, as
    `running_std`.
    """
    if "running_std" in module.entries:
        return _field(module, "running_std", where).double().pow(-2).sub(eps).clamp_min(0)
    of_file = module.entries.get("eps", eps)
    if not isinstance(of_file, float):
        raise bad_input(where, "eps", of_file, "a number")
    return _field(module, "running_var", where).double().add(of_file - eps).clamp_min(0)


def _field(module: LuaTable, name: str, where: str) -> Tensor:
    value = module.entries.get(name)
    if not isinstance(value, np.ndarray):
        raise bad_input(where, name, "missing" if value is None else type(value).__name__, "a tensor")
    return _tensor(value)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")).copy())

"""Lightning's checkpoints without pickle: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO
from safetensors.torch import load_file, save_file
from torch import Tensor

from acoustill.errors import AcoustillError
from acoustill.files import read_json, replacing_folder, write_json

_KEYS = {"tensor", "dict", "tuple"}


class SafetensorsCheckpointIO(CheckpointIO):
    """A checkpoint is a folder with `tensors.safetensors` and `state.json`, written whole or not at all."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Writes a checkpoint."""
        tensors: dict[str, Tensor] = {}
        state = _encode(checkpoint, tensors)
        with replacing_folder(Path(path)) as folder:
            save_file(tensors, folder / "tensors.safetensors")
            write_json(folder / "state.json", state)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Reads a checkpoint.

        Raises:
            AcoustillError: if it is not one of ours.
        """
        folder = Path(path)
        try:
            tensors = load_file(folder / "tensors.safetensors")
            return _decode(read_json(folder / "state.json"), tensors)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise AcoustillError(f"{folder}: not a checkpoint of a run ({error})") from error

    def remove_checkpoint(self, path: Any) -> None:
        """Deletes a checkpoint."""
        for name in ("tensors.safetensors", "state.json"):
            (Path(path) / name).unlink(missing_ok=True)
        Path(path).rmdir()


def _encode(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        key = str(len(tensors))
        tensors[key] = value.detach().cpu().clone().contiguous()
        return {"tensor": key}
    if isinstance(value, dict):
        return {"dict": [[key, _encode(item, tensors)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_encode(item, tensors) for item in value]
    json.dumps(value)  # raises TypeError for what JSON cannot hold
    return value


def _decode(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _decode(item, tensors) for key, item in content}
    if kind == "tuple":
        return tuple(_decode(item, tensors) for item in content)
    raise ValueError(f"unknown kind {kind!r}")


def cpu_multiplies_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware (AVX-512 BF16 or AMX).

    With either, all networks that benchmarks/training.py measures learnt faster in bf16 than in float32.
    """
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))

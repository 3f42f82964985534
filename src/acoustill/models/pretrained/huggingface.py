"""Image backbones in the layout of Hugging Face: a folder with `config.json` and `model.safetensors`.

Nothing is ever fetched, no code of a folder is run, and no pickle is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from acoustill.errors import AcoustillError, bad_input
from acoustill.files import file_hash, json_hash, read_json
from acoustill.models.network import Network
from acoustill.models.pretrained.difference import Difference, Loaded, load_weights, parts
from acoustill.models.video_features import DEVIATION, MEAN

SIZE = 224  # of ImageNet's pictures, where a folder says nothing else
# Of the configuration, what says nothing of the network: names of classes, and where and how it was written.
NOT_KEPT = ("id2label", "label2id", "architectures", "_name_or_path", "dtype", "torch_dtype", "problem_type")
LOCAL = {"local_files_only": True, "trust_remote_code": False}


def backbone_settings(folder: str | Path) -> dict[str, Any]:
    """What a folder says of its backbone, as settings of the network `hf-image`; weights are not read.

    Args:
        folder: with `config.json` and, if there is one, `preprocessor_config.json`; ImageNet's values without.

    Returns:
        `backbone`, the configuration as JSON; `size`, rows and columns; `mean` and `deviation` of red, green and blue
        from 0 to 1, which stand for all that the folder does to colours.

    Raises:
        AcoustillError: if a file is missing or broken, or transformers does not know the network.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise AcoustillError(f"{folder}: no folder with a config.json, as Hugging Face's save_pretrained writes it")
    read_json(folder / "config.json")
    with _transformers() as transformers:
        try:
            config = transformers.AutoConfig.from_pretrained(folder, **LOCAL)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AcoustillError(f"{folder / 'config.json'}: not known to transformers ({_one_line(error)})") from error
    backbone = json.loads(config.to_json_string(use_diff=False))
    pictures = folder / "preprocessor_config.json"
    given = read_json(pictures) if pictures.is_file() else {}
    if not isinstance(given, dict):
        raise bad_input(pictures, "content", type(given).__name__, "keys and values")
    size = given.get("crop_size", given.get("size", backbone.get("image_size")))
    mean, deviation = _statistics(given, pictures)
    return {
        "backbone": {name: value for name, value in backbone.items() if name not in NOT_KEPT},
        "size": _rows_and_columns(SIZE if size is None else size, pictures),
        "mean": mean,
        "deviation": deviation,
    }


def build_backbone(config: dict[str, Any]) -> nn.Module:
    """The backbone of a configuration, with fresh weights, in float32.

    Where a vision transformer has a dense layer over its first token, it is taken off: it was trained for one task, is
    missing from most files, and classifiers of the family do without it.

    Raises:
        AcoustillError: if transformers does not know it, or it does not take RGB pictures.
    """
    with _transformers() as transformers:
        try:
            known = transformers.AutoConfig.for_model(**config)
            backbone = transformers.AutoModel.from_config(known, dtype=torch.float32, trust_remote_code=False)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AcoustillError(f"hf-image: not a backbone that transformers knows ({_one_line(error)})") from error
    if backbone.main_input_name != "pixel_values" or getattr(known, "num_channels", 3) != 3:
        raise bad_input("hf-image", "backbone", repr(config.get("model_type")), "a network of RGB pictures")
    pooler = getattr(backbone, "pooler", None)
    if isinstance(pooler, nn.Module) and any(isinstance(layer, nn.Linear) for layer in pooler.modules()):
        backbone.pooler = None
    return backbone


def pooled_features(backbone: nn.Module, pictures: Tensor) -> Tensor:
    """One vector a picture: what the backbone pools, else its first token, else the mean over its map.

    Shapes:
        pictures: (N, 3, rows, columns), as the backbone expects them.
        Output: (N, features).
    """
    output = backbone(pixel_values=pictures)
    pooled = getattr(output, "pooler_output", None)
    if pooled is not None:
        return pooled.flatten(1)
    last = output.last_hidden_state
    return last[:, 0] if last.ndim == 3 else last.mean(dim=(2, 3))


def load_backbone(network: Network, folder: str | Path) -> Loaded:
    """Sets the backbone of a network `hf-image` from `model.safetensors`; a classifier in it is left out.

    Args:
        network: with `backbone`, and `settings` as `backbone_settings` gives them.
        folder: of a backbone of the same configuration.

    Raises:
        AcoustillError: if a file is missing or broken, the configuration is another one, or names or shapes differ.
    """
    folder = Path(folder)
    wanted, found = network.settings["backbone"], backbone_settings(folder)["backbone"]
    for key in ["model_type", *sorted((wanted.keys() | found.keys()) - {"transformers_version"})]:
        if wanted.get(key) != found.get(key):
            raise bad_input(folder / "config.json", key, found.get(key), f"{wanted.get(key)}, as in the network")
    backbone = network.get_submodule("backbone")
    files = _weight_files(folder)
    with _transformers() as transformers:
        try:
            pretrained, report = transformers.AutoModel.from_pretrained(
                folder,
                **LOCAL,
                use_safetensors=True,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # they come with the report, all at once
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise AcoustillError(f"{folder}: the weights cannot be read ({_one_line(error)})") from error
    tensors, names = pretrained.state_dict(), backbone.state_dict()
    left_out = _beside_the_backbone(report["unexpected_keys"], files, pretrained.base_model_prefix)
    unused = {name for name in tensors if name not in names}  # of the dense layer that `build_backbone` takes off
    differs = Difference(
        tuple(sorted(set(report["missing_keys"]) - unused)),
        tuple(sorted(report["unexpected_keys"] - left_out)),
        tuple(sorted((name, tuple(file), tuple(ours)) for name, file, ours in report["mismatched_keys"])),
    )
    if differs:
        raise AcoustillError(f"{folder}: not the weights of its config.json: {differs}")
    loaded = load_weights(backbone, tensors, folder, allow_unexpected=unused)
    present = unused - set(report["missing_keys"])
    others = (name for name, _ in network.named_parameters() if not name.startswith("backbone."))
    sha256 = file_hash(files[0]) if len(files) == 1 else json_hash([file_hash(file) for file in files])
    return Loaded(folder.name, sha256, len(loaded), parts(sorted(left_out | present)), parts(others))


def _weight_files(folder: Path) -> list[Path]:
    """`model.safetensors`, or the parts that an index lists."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.is_file():
        return [whole]
    listed = read_json(index).get("weight_map") if index.is_file() else None
    if not isinstance(listed, dict):
        raise AcoustillError(f"{folder}: no model.safetensors; files of other kinds are not read")
    return [folder / Path(name).name for name in sorted(set(listed.values()))]


def _beside_the_backbone(unexpected: set[str], files: list[Path], prefix: str) -> set[str]:
    """Of unexpected names, those of a classifier: they lack the prefix that the backbone's have beside one."""
    names: set[str] = set()
    for file in files:
        with safe_open(file, "pt") as tensors:
            names |= set(tensors.keys())
    if not any(name.startswith(f"{prefix}.") for name in names):
        return set()
    return {name for name in unexpected if not name.startswith(f"{prefix}.")}


def _rows_and_columns(size: Any, where: Path) -> list[int]:
    """One number is a square; the shorter edge too: all of a frame is seen, whatever its shape."""
    if isinstance(size, dict):
        size = [size["height"], size["width"]] if {"height", "width"} <= set(size) else size.get("shortest_edge")
    rows = [size, size] if isinstance(size, int) else size
    if not isinstance(rows, list) or len(rows) != 2 or not all(isinstance(n, int) and n > 0 for n in rows):
        raise bad_input(where, "size", repr(size), "height and width, or shortest_edge")
    return rows


def _statistics(given: dict[str, Any], where: Path) -> tuple[list[float], list[float]]:
    """Mean and deviation of colours from 0 to 1 that do what a folder does to those from 0 to 255.

    It multiplies them by `rescale_factor`, 1 / 255 unless it says otherwise, or by nothing without `do_rescale`; then
    it takes off `image_mean` and divides by `image_std`, or does not without `do_normalize`.
    """
    factor = given.get("rescale_factor", 1 / 255)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
        raise bad_input(where, "rescale_factor", repr(factor), "a number above 0")
    mean, deviation = [0.0] * 3, [1.0] * 3
    if given.get("do_normalize", True):
        mean = _three(given.get("image_mean", list(MEAN)), "image_mean", where)
        deviation = _three(given.get("image_std", list(DEVIATION)), "image_std", where)
    white = 255 * (factor if given.get("do_rescale", True) else 1)  # what 1 becomes
    return [value / white for value in mean], [value / white for value in deviation]


def _three(values: Any, name: str, where: Path) -> list[float]:
    if not isinstance(values, list) or len(values) != 3 or not all(isinstance(value, int | float) for value in values):
        raise bad_input(where, name, repr(values), "three numbers, for red, green and blue")
    if name == "image_std" and min(values) <= 0:
        raise bad_input(where, name, values, "numbers above 0")
    return [float(value) for value in values]


@contextmanager
def _transformers() -> Iterator[ModuleType]:
    """The package, which says nothing and shows no bars of its own inside the block."""
    try:
        import transformers
    except ImportError as error:
        raise AcoustillError("network hf-image needs transformers: pip install 'acoustill[hf]'") from error
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield transformers
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]

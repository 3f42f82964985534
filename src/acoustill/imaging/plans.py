"""Skeletons kept on disk, so that a geometry is set up once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from acoustill.errors import AcoustillError
from acoustill.files import cache_folder, replacing
from acoustill.imaging.skeleton import (
    ALLOWED,
    GROUP_BINS,
    KIND,
    LARGEST_SHARE,
    MOST_POINTS,
    SAMPLED_BINS,
    SkeletonGroup,
    plan_skeleton,
)
from acoustill.imaging.steering import FilterAndSum

VERSION = 2  # of the method: a change of it makes kept skeletons unfindable
LARGEST_BYTES = 2_000_000_000  # of all kept skeletons; the longest unused go first
_PARTS = ("span", "rows", "columns", "from_rows", "from_columns", "weights")
_log = logging.getLogger(__name__)


def skeleton_for(
    beamformer: FilterAndSum,
    height: int,
    width: int,
    frequencies_hz: np.ndarray,
    tolerance: float,
    folder: Path | None,
) -> list[SkeletonGroup]:
    """`plan_skeleton`, kept in a folder under a hash of all that it follows from.

    Args:
        beamformer: see `plan_skeleton`, as are the next four.
        height: rows.
        width: columns.
        frequencies_hz: bins.
        tolerance: relative.
        folder: where skeletons are kept; None keeps nothing. One that cannot be read is planned anew, one
            that cannot be written is used all the same.
    """
    if folder is None:
        return plan_skeleton(beamformer, height, width, frequencies_hz, tolerance)
    content = {
        "version": [VERSION, GROUP_BINS, SAMPLED_BINS, KIND, *ALLOWED, LARGEST_SHARE, MOST_POINTS],
        "shape": [height, width],
        "frequencies_hz": frequencies_hz,
        "tolerance": tolerance,
        **beamformer.identity(),
    }
    path = folder / f"{content_hash(content)}.safetensors"
    kept = _load(path)
    if kept is not None and kept[-1].stop == len(frequencies_hz):
        with contextlib.suppress(OSError):
            os.utime(path)  # used now: the last to be removed
        return kept
    groups = plan_skeleton(beamformer, height, width, frequencies_hz, tolerance)
    _save(groups, path)
    return groups


def skeletons_folder() -> Path:
    """Where skeletons are kept."""
    return cache_folder() / "skeletons"


def content_hash(content: Mapping[str, object]) -> str:
    """SHA-256 over names and values; of an array every byte counts, and its shape and type.

    Example:
        >>> a = content_hash({"positions": np.zeros(3)})
        >>> a == content_hash({"positions": np.zeros(3)}), a == content_hash({"positions": np.array([0, 0, 1e-300])})
        (True, False)
    """
    digest = hashlib.sha256()
    for name in sorted(content):
        value = content[name]
        if isinstance(value, np.ndarray):
            digest.update(f"{name}:{value.dtype.str}:{value.shape}:".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        else:
            digest.update(f"{name}={json.dumps(value)};".encode())
    return digest.hexdigest()


def _load(path: Path) -> list[SkeletonGroup] | None:
    try:
        tensors = load_file(path)
        groups = [_group([tensors[f"{i}.{part}"] for part in _PARTS]) for i in range(len(tensors) // len(_PARTS))]
        if not groups:
            raise KeyError("no group")
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        _log.warning("%s: not a readable skeleton (%s); it is made anew", path, error)
        return None
    return groups


def _group(parts: list[np.ndarray]) -> SkeletonGroup:
    span, rows, columns, from_rows, from_columns, weights = parts
    start, stop = span.tolist()
    return SkeletonGroup(start, stop, rows, columns, from_rows, from_columns, weights.view(np.complex64))


def _save(groups: list[SkeletonGroup], path: Path) -> None:
    tensors = {}
    for i, group in enumerate(groups):
        parts = (
            np.array([group.start, group.stop]),
            group.rows,
            group.columns,
            group.from_rows,
            group.from_columns,
            group.weights.view(np.float32),
        )
        tensors.update({f"{i}.{name}": np.ascontiguousarray(part) for name, part in zip(_PARTS, parts, strict=True)})
    try:
        with replacing(path) as beside:
            save_file(tensors, beside)
        _prune(path.parent)
    except (OSError, AcoustillError, SafetensorError) as error:
        _log.warning("%s: the skeleton cannot be kept (%s)", path, error)


def _prune(folder: Path) -> None:
    kept = []
    for path in folder.glob("*.safetensors"):
        try:
            kept.append((path.stat().st_mtime, path.stat().st_size, path))
        except FileNotFoundError:  # another process pruned it
            continue
    total = 0
    for _, size, path in sorted(kept, reverse=True):
        total += size
        if total > LARGEST_BYTES:
            path.unlink(missing_ok=True)

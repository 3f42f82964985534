"""The rig file, `rig.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from acoustill.errors import AcoustillError, bad_input
from acoustill.files import first_problem, write_text
from acoustill.rig.camera import IDENTITY, Camera, Vector
from acoustill.rig.geometry import read_geometry
from acoustill.rig.presets import PRESETS, preset
from acoustill.rig.rig import SPEED_OF_SOUND, Rig


class _CameraFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int
    height: int
    focal_px: tuple[float, float]
    principal_point_px: tuple[float, float]
    position_m: Vector = (0.0, 0.0, 0.0)
    rotation: tuple[Vector, Vector, Vector] = IDENTITY
    distortion: tuple[float, ...] = ()


class _RigFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    sample_rate: int
    frame_rate: float
    speed_of_sound: float = SPEED_OF_SOUND
    broken: tuple[int, ...] = ()
    camera: _CameraFile
    positions_m: list[Vector] | None = None
    geometry: str | None = None


def rig_to_text(rig: Rig) -> str:
    """The rig as the text of a `rig.yaml`; numbers survive the round trip exactly."""
    camera = rig.camera
    content: dict[str, Any] = {
        "name": rig.name,
        "sample_rate": rig.sample_rate,
        "frame_rate": rig.frame_rate,
        "speed_of_sound": rig.speed_of_sound,
        "broken": list(rig.broken),
        "camera": {
            "width": camera.width,
            "height": camera.height,
            "focal_px": list(camera.focal_px),
            "principal_point_px": list(camera.principal_point_px),
            "position_m": list(camera.position_m),
            "rotation": [list(row) for row in camera.rotation],
        },
        "positions_m": rig.positions_m.tolist(),
    }
    if camera.distortion:  # left out without one: the file, and with it an archive's id, stays as it was
        content["camera"]["distortion"] = list(camera.distortion)
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)


def save_rig(rig: Rig, path: str | Path) -> None:
    """Writes `rig.yaml`."""
    write_text(Path(path), rig_to_text(rig))


def load_rig(source: str | Path) -> Rig:
    """A rig from a `rig.yaml`, or a preset by name.

    The file holds the microphones either as `positions_m` or as `geometry`, a CSV or XML file beside it.

    Raises:
        AcoustillError: if the file is missing, is not YAML, or has a field that is unknown, missing or wrong.
    """
    if str(source) in PRESETS:
        return preset(str(source))
    path = Path(source)
    if not path.is_file():
        raise AcoustillError(f"{path}: no such rig file, and no preset of that name ({', '.join(PRESETS)})")
    try:
        content = _RigFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise AcoustillError(f"{path}: {first_problem(error)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise AcoustillError(f"{path}: not a YAML file ({' '.join(str(error).split())})") from error
    if (content.positions_m is None) == (content.geometry is None):
        raise AcoustillError(f"{path}: give either positions_m or geometry")
    if content.geometry is not None:
        positions, channels = read_geometry(path.parent / content.geometry)
        if sorted(channels) != list(range(len(channels))):
            expected = f"each of 0 to {len(channels) - 1}: a rig's channels are those of its recordings"
            raise bad_input(path.parent / content.geometry, "channel column", channels, expected)
        positions = positions[np.argsort(channels)]
    else:
        positions = np.asarray(content.positions_m)
    return Rig(
        content.name,
        positions,
        content.sample_rate,
        content.frame_rate,
        content.broken,
        Camera(**content.camera.model_dump()),
        content.speed_of_sound,
    )

"""What `acoustill listen` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from acoustill.commands.arguments import bar, numbers
from acoustill.commands.takes import BLOCK_FRAMES, View, beam_of, look, open_take
from acoustill.errors import AcoustillError, bad_input
from acoustill.files import replacing
from acoustill.imaging.track import track_loudest
from acoustill.spool import Spool


def listen_to(
    path: Path,
    recording: str | None,
    *,
    out: Path,
    rig: str | None,
    sample_rate: int | None,
    pixel: str | None,
    point: str | None,
    loudest: bool,
    view: View,
) -> dict[str, Any]:
    """Writes the sound of one place; see `acoustill listen --help` for the arguments.

    Returns:
        A JSON object: `out`, `seconds`, `sample_rate`, `point_m` (of a fixed place), `path` (of the loudest, see
        `Track.to_json`; None for a fixed place) and `scaling` (of integer samples).

    Raises:
        AcoustillError: if an argument or a file cannot be used.
    """
    if (pixel is not None) + (point is not None) + loudest != 1:
        raise AcoustillError("listen: give one of --pixel column,row, --point x,y,z and --loudest")
    if out.suffix != ".wav":
        raise bad_input("listen", "--out", str(out), "a file name that ends in .wav")
    if not view.distance_m > 0:
        raise bad_input("listen", "--distance", f"{view.distance_m} m", "a positive number of metres")
    take = open_take("listen", path, recording, rig, sample_rate)
    source, camera = take.all_channels(), take.rig.camera
    blocks = -(-source.samples // (BLOCK_FRAMES * take.rig.samples_per_frame))
    with replacing(out) as beside:
        track = None
        if loudest:
            with Spool(out.parent) as maps:
                pixels = look(take, view, maps)
                track = track_loudest(maps.array(), pixels, take.rig.frame_rate)
            place = track.points_m
        elif point is not None:
            place = np.array(numbers(point, "listen", "--point", ",", 3, float))
        else:
            assert pixel is not None
            column, row = numbers(pixel, "listen", "--pixel", ",", 2, float)
            if not (0 <= column <= camera.width and 0 <= row <= camera.height):
                expected = f"within 0,0 to {camera.width},{camera.height}, the camera's frame"
                raise bad_input("listen", "--pixel", f"{column:g},{row:g}", expected)
            place = camera.unproject(np.array([column, row]), view.distance_m)
        with (
            soundfile.SoundFile(beside, "w", take.rig.sample_rate, channels=1, format="WAV", subtype="FLOAT") as file,
            bar("listening", blocks + 1) as advance,
        ):
            for part in beam_of(take, place, view.beamformer):
                file.write(part)
                advance()
    return {
        "out": str(out),
        "seconds": round(source.samples / take.rig.sample_rate, 3),
        "sample_rate": take.rig.sample_rate,
        "point_m": None if track else [round(float(value), 4) for value in place],
        "path": track and track.to_json(take.rig.frame_rate),
        "scaling": source.scaling,
    }

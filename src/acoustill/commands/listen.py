"""What `acoustill listen` does."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from acoustill.commands.arguments import bar, point_of, positive_metres, refuse_overwriting
from acoustill.commands.takes import BLOCK_FRAMES, View, beam_of, look, open_take, pixel_of, point_of_pixel
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
    positive_metres(view.distance_m, "listen")
    refuse_overwriting("listen", out, [path, None if rig is None else Path(rig)])
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
            place = point_of(point, "listen")
        else:
            assert pixel is not None
            seen = pixel_of(camera, pixel, "listen", "--pixel")
            place = point_of_pixel(camera, seen, view.distance_m)
        with _sound_file(beside, out, take.rig.sample_rate) as write, bar("listening", blocks + 1) as advance:
            for part in beam_of(take, place, view.beamformer):
                write(part)
                advance()
    return {
        "out": str(out),
        "seconds": round(source.samples / take.rig.sample_rate, 3),
        "sample_rate": take.rig.sample_rate,
        "point_m": None if track else [round(float(value), 4) for value in place],
        "path": track and track.to_json(take.rig.frame_rate),
        "scaling": source.scaling,
    }


@contextmanager
def _sound_file(path: Path, out: Path, rate: int) -> Iterator[Callable[[np.ndarray], None]]:
    """Gives a function that appends samples (n,) to a new WAV file of 32-bit floats.

    Raises:
        OSError: naming `out`, if it cannot be written.
    """

    def write(samples: np.ndarray) -> None:
        try:
            file.write(samples)
        except (soundfile.LibsndfileError, AssertionError) as error:  # it asserts that all samples were written
            raise _unwritable(out) from error

    try:
        with soundfile.SoundFile(path, "w", rate, channels=1, format="WAV", subtype="FLOAT") as file:
            yield write
    except soundfile.LibsndfileError as error:
        raise _unwritable(out) from error


def _unwritable(out: Path) -> OSError:
    return OSError(errno.EIO, "cannot be written; is the disk full, or the folder protected?", str(out))

"""What an array's recordings are imaged with: the array, and the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acoustill.commands.arguments import LARGEST_M, image_size, numbers, positive_metres, read_depth
from acoustill.errors import AcoustillError, bad_input
from acoustill.imaging.grid import Grid, camera_grid, extent_grid
from acoustill.imaging.signals import open_signals
from acoustill.imaging.signals.source import ChannelSource, SignalSource
from acoustill.rig.file import load_rig
from acoustill.rig.geometry import read_geometry
from acoustill.rig.rig import Rig


@dataclass(frozen=True)
class Setting:
    """Options that `acoustill image` and `acoustill map` share; see their `--help`.

    Attributes:
        command: for messages.
        rig: `--rig`, a rig file or preset.
        geometry: `--geometry`, in place of a rig.
        distance_m: `--distance`.
        depth: `--depth`, a file; None for a plane.
        extent: `--extent`; None is the camera's view.
        grid: `--grid`, columns x rows.
        frame_samples: `--frame-samples`, with a geometry.
        sample_rate: `--sample-rate`, of files that do not say it.

    Raises:
        AcoustillError: if there is not either a rig or a geometry, or the distance is out of range.
    """

    command: str
    rig: str | None = None
    geometry: Path | None = None
    distance_m: float = 2.0
    depth: Path | None = None
    extent: str | None = None
    grid: str = "48x36"
    frame_samples: int = 1024
    sample_rate: int | None = None

    def __post_init__(self) -> None:
        if (self.rig is None) == (self.geometry is None):
            raise AcoustillError(f"{self.command}: give either --rig or --geometry")
        positive_metres(self.distance_m, self.command)

    @property
    def inputs(self) -> list[Path | None]:
        """The files that are read beside the recordings."""
        return [None if self.rig is None else Path(self.rig), self.geometry, self.depth]

    def load_rig(self) -> Rig | None:
        """The rig, if one is named: it is the same for every recording."""
        return None if self.rig is None else load_rig(self.rig)

    def open(self, path: Path, rig: Rig | None) -> tuple[SignalSource, Rig]:
        """The signals of a recording's microphones, and the array.

        Args:
            path: the recording.
            rig: what `load_rig` gave. If None, the array is that of the geometry, at the recording's rate.

        Raises:
            AcoustillError: if the recording or the geometry cannot be used.
        """
        if rig is not None:
            return open_signals(path, rig, sample_rate=self.sample_rate), rig
        assert self.geometry is not None
        positions, channels = read_geometry(self.geometry)
        source = open_signals(path, sample_rate=self.sample_rate, channels=max(channels) + 1)
        if max(channels) >= source.channels:
            expected = f"at least {max(channels) + 1}, as {self.geometry} says"
            raise bad_input(path, "number of channels", source.channels, expected)
        array = Rig(self.geometry.stem, positions, source.rate, source.rate / self.frame_samples)
        return ChannelSource(source, channels), array

    def pixels(self, rig: Rig) -> Grid:
        """The points that are imaged.

        Raises:
            AcoustillError: if an option cannot be used, or there is no camera and no extent.
        """
        columns, rows = image_size(self.grid, self.command)
        if self.extent is not None:
            if self.depth is not None:
                raise AcoustillError(f"{self.command}: --depth is for the camera's view; give it without --extent")
            x_min, x_max, y_min, y_max = numbers(self.extent, self.command, "--extent", ",", 4, float)
            if not (-LARGEST_M <= x_min < x_max <= LARGEST_M and -LARGEST_M <= y_min < y_max <= LARGEST_M):
                expected = f"x_min < x_max and y_min < y_max, of {LARGEST_M:g} m at most"
                raise bad_input(self.command, "--extent", repr(self.extent), expected)
            return extent_grid((x_min, x_max, y_min, y_max), rows, columns, self.distance_m)
        if self.rig is None:
            raise AcoustillError(f"{self.command}: --geometry has no camera; give --extent x_min,x_max,y_min,y_max")
        return camera_grid(rig.camera, rows, columns, self.distance_m if self.depth is None else read_depth(self.depth))

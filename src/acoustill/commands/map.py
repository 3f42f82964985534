"""What `acoustill map` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.commands.arguments import band_of, bar
from acoustill.commands.setting import Setting
from acoustill.errors import bad_input
from acoustill.files import replacing
from acoustill.imaging.cross_spectral_matrix import CrossSpectra, average, cross_spectra
from acoustill.imaging.grid import Grid
from acoustill.imaging.maps import map_method
from acoustill.imaging.mel import LOWEST_HZ
from acoustill.imaging.peaks import Peak, find_peaks
from acoustill.imaging.signals import checked_blocks
from acoustill.imaging.signals.source import SignalSource
from acoustill.rig.rig import Rig

PART_BLOCKS = 64  # read at a time


@dataclass(frozen=True)
class MapOptions:
    """The options of `acoustill map`; see its `--help`."""

    setting: Setting
    method: str = "clean-sc"
    parameters: Sequence[str] = ()
    formulation: str = "true level"
    block: int = 256
    band: str | None = None
    peaks: int = 5
    range_db: float = 10.0
    out: Path | None = None


def map_recording(path: Path, options: MapOptions) -> dict[str, Any]:
    """A map of a whole recording, in bounded memory, and its strongest sources.

    Returns:
        A JSON object: `recording`, `method`, `lowest_hz` and `highest_hz` of the bins, `blocks`, `peaks` (see
        `Peak.to_json`), `scaling`, `out`.

    Raises:
        AcoustillError: if an argument or the recording cannot be used.
    """
    if options.out is not None and options.out.suffix not in (".npz", ".png"):
        raise bad_input("map", "--out", str(options.out), "a file name that ends in .npz or .png")
    source, rig = options.setting.open(path, options.setting.load_rig())
    grid = options.setting.pixels(rig)
    points_m = grid.points_m.reshape(-1, 3)
    method = map_method(
        options.method,
        rig.positions_m[rig.working],
        points_m,
        options.formulation,
        rig.speed_of_sound,
        **_parameters(options.parameters),
    )
    spectra = _spectra(source, rig, options)
    energies = method(spectra).reshape(-1, grid.rows, grid.columns)
    peaks = find_peaks(energies.sum(axis=0), grid, options.peaks, options.range_db)
    if options.out is not None:
        with replacing(options.out) as beside:
            if options.out.suffix == ".png":
                _draw(beside, energies.sum(axis=0), grid, peaks, options)
            else:
                with beside.open("wb") as file:
                    np.savez(file, map=energies, frequencies_hz=spectra.frequencies_hz, points_m=grid.points_m)
    return {
        "recording": str(path),
        "method": options.method,
        "lowest_hz": float(spectra.frequencies_hz[0]),
        "highest_hz": float(spectra.frequencies_hz[-1]),
        "blocks": spectra.blocks,
        "peaks": [peak.to_json() for peak in peaks],
        "scaling": source.scaling,
        "out": None if options.out is None else str(options.out),
    }


def _spectra(source: SignalSource, rig: Rig, options: MapOptions) -> CrossSpectra:
    """Cross spectra of the working microphones; blocks overlap by half, but for those where parts meet."""
    low, high = band_of(options.band, "map", LOWEST_HZ, rig.sample_rate / 2)
    length = PART_BLOCKS * options.block
    parts: list[CrossSpectra] = []
    with bar(f"listening to {source.path.name}", -(-source.samples // length)) as advance:
        for signals in checked_blocks(source, rig, length):
            if not parts or signals.shape[1] >= options.block:  # a rest shorter than a block is left out
                working = signals[rig.working]
                parts.append(cross_spectra(working, rig.sample_rate, options.block, lowest_hz=low, highest_hz=high))
                parts = [average(parts)]
            advance()
    return parts[0]


def _parameters(given: Sequence[str]) -> dict[str, Any]:
    """`name=value` pairs; values are numbers, true or false."""
    parameters: dict[str, Any] = {}
    for text in given:
        name, _, value = text.partition("=")
        if value in ("true", "false"):
            parameters[name] = value == "true"
            continue
        try:
            parameters[name] = int(value) if value.isdigit() else float(value)
        except ValueError as error:
            raise bad_input("map", "--set", repr(text), "name=number, name=true or name=false") from error
    return parameters


def _draw(path: Path, energy: np.ndarray, grid: Grid, peaks: list[Peak], options: MapOptions) -> None:
    """The map in decibels below its summit, with numbered sources, in the axes of the rig."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.add_subplot()
    levels = 10 * np.log10(np.maximum(energy / energy.max(), 1e-12))
    x, y = grid.points_m[..., 0], grid.points_m[..., 1]
    shown = axes.pcolormesh(x, y, levels, cmap="inferno", vmin=-options.range_db, vmax=0, shading="nearest")
    for number, peak in enumerate(peaks, start=1):
        axes.plot(*peak.point_m[:2], "o", color="white", fillstyle="none", markersize=10)
        axes.annotate(
            f"{number}: {peak.level_db:.1f} dB", peak.point_m[:2], (8, 8), textcoords="offset points", color="w"
        )
    axes.set(xlabel="x, m (right)", ylabel="y, m (down)", title=options.method, aspect="equal")
    axes.invert_yaxis()
    figure.colorbar(shown, ax=axes, label="dB below the strongest", shrink=0.8)
    figure.savefig(path, format="png", dpi=120)

"""What `acoustill map` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.commands.arguments import band_of, bar, naming, positive_decibels, refuse_overwriting
from acoustill.commands.setting import Setting
from acoustill.errors import bad_input
from acoustill.files import replacing
from acoustill.imaging.bands import beam_width_rad, lowest_resolved_hz
from acoustill.imaging.cross_spectral_matrix import CrossSpectra, average, cross_spectra
from acoustill.imaging.grid import Grid
from acoustill.imaging.maps import CleanScMap, MapMethod, map_method, sources_of_points
from acoustill.imaging.peaks import Peak, find_peaks
from acoustill.imaging.signals import checked_blocks
from acoustill.imaging.signals.source import SignalSource
from acoustill.rig.rig import Rig

PART_BLOCKS = 64  # read at a time
LARGEST_BYTES = 2e9  # of all matrices, of which there are a few copies, and of the map


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
    refuse_overwriting("map", options.out, [path, *options.setting.inputs])
    positive_decibels(options.range_db, "map")
    if options.block % 2:
        raise bad_input("map", "--block", options.block, "an even number of samples")
    parameters = _parameters(options.parameters)
    source, rig = options.setting.open(path, options.setting.load_rig())
    grid = options.setting.pixels(rig)
    points_m, microphones_m = grid.points_m.reshape(-1, 3), rig.positions_m[rig.working]
    method = map_method(
        options.method, microphones_m, points_m, options.formulation, rig.speed_of_sound, parameters=parameters
    )
    low, high = band_of(options.band, "map", lowest_resolved_hz(rig, grid), rig.sample_rate / 2)
    with naming(path, "map: --"):
        _check_size(path, source, rig, grid, options.block, high - low)
        spectra = _spectra(source, rig, options.block, low, high)
        energies = _energies(method, spectra).reshape(-1, grid.rows, grid.columns)
        peaks = _sources(method, energies, spectra.frequencies_hz, rig, grid, options)
    if options.out is not None:
        with replacing(options.out) as beside:
            if options.out.suffix == ".png":
                title = f"{path.name}, {options.method}, {_range(spectra)}"
                _draw(beside, energies.sum(axis=0), grid, peaks, title, options.range_db)
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


def _check_size(path: Path, source: SignalSource, rig: Rig, grid: Grid, block: int, width_hz: float) -> None:
    """Refuses blocks that are longer than the recording, or whose matrices and maps would fill the memory."""
    if source.samples < block:
        raise bad_input(path, "length", f"{source.samples} samples", f"at least one block of {block}")
    bins = min(block / 2, width_hz / rig.sample_rate * block + 1)
    size = bins * max(16 * len(rig.working) ** 2, 8 * grid.rows * grid.columns)
    if size > LARGEST_BYTES:
        found = f"{block}, which takes {size / 1e9:.0f} GB"
        raise bad_input("map", "--block", found, f"at most {LARGEST_BYTES / 1e9:g} GB (or a narrower --band)")


def _spectra(source: SignalSource, rig: Rig, block: int, low: float, high: float) -> CrossSpectra:
    """Cross spectra of the working microphones; blocks overlap by half, but for those where parts meet."""
    length = PART_BLOCKS * block
    parts: list[CrossSpectra] = []
    with bar(f"listening to {source.path.name}", -(-source.samples // length)) as advance:
        for signals in checked_blocks(source, rig, length):
            if not parts or signals.shape[1] >= block:  # a rest shorter than a block is left out
                working = signals[rig.working]
                parts.append(cross_spectra(working, rig.sample_rate, block, lowest_hz=low, highest_hz=high))
                parts = [average(parts)]
            advance()
    return parts[0]


def _energies(method: MapMethod, spectra: CrossSpectra) -> np.ndarray:
    """The map of every bin, (F, P), one after the other to show how far it is."""
    energies = []
    with bar("mapping", len(spectra.matrices)) as advance:
        for i in range(len(spectra.matrices)):
            one = CrossSpectra(spectra.frequencies_hz[i : i + 1], spectra.matrices[i : i + 1], spectra.blocks)
            energies.append(method(one))
            advance()
    return np.concatenate(energies)


def _sources(
    method: MapMethod, energies: np.ndarray, frequencies_hz: np.ndarray, rig: Rig, grid: Grid, options: MapOptions
) -> list[Peak]:
    """The strongest sources of the sum of all bins, (F, H, W)."""
    image = energies.sum(axis=0)
    if not (isinstance(method, CleanScMap) and method.gives_points and image.any()):
        return find_peaks(image, grid, options.peaks, options.range_db)
    mean_hz = float(energies.sum(axis=(1, 2)) @ frequencies_hz / image.sum())
    return sources_of_points(image, grid, beam_width_rad(rig, mean_hz), options.peaks, options.range_db)


def _range(spectra: CrossSpectra) -> str:
    return f"{spectra.frequencies_hz[0]:g} to {spectra.frequencies_hz[-1]:g} Hz"


def _parameters(given: Sequence[str]) -> dict[str, float | bool | None]:
    """`name=value` pairs."""
    parameters: dict[str, float | bool | None] = {}
    words = {"true": True, "false": False, "none": None}
    for text in given:
        name, _, value = text.partition("=")
        if value in words:
            parameters[name] = words[value]
            continue
        try:
            parameters[name] = float(value) if set(value) & set(".eEnN") else int(value)
        except ValueError as error:
            raise bad_input("map", "--set", repr(text), "name=number, name=true, name=false or name=none") from error
    return parameters


def _draw(path: Path, energy: np.ndarray, grid: Grid, peaks: list[Peak], title: str, range_db: float) -> None:
    """The map in decibels below its summit, with numbered sources, in the axes of the rig."""
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.add_subplot()
    levels = 10 * np.log10(np.maximum(energy / energy.max(), 1e-12))
    x, y = grid.points_m[..., 0], grid.points_m[..., 1]
    shown = axes.pcolormesh(x, y, levels, cmap="inferno", vmin=-range_db, vmax=0, shading="nearest")
    outline = [withStroke(linewidth=3, foreground="black")]
    for number, peak in enumerate(peaks, start=1):
        right, low = peak.column > 0.7 * (grid.columns - 1), peak.row > 0.8 * (grid.rows - 1)
        axes.plot(*peak.point_m[:2], "o", color="white", fillstyle="none", markersize=10, path_effects=outline)
        axes.annotate(
            f"{number}: {peak.level_db:.1f} dB",
            peak.point_m[:2],
            (-8 if right else 8, 8 if low else -8),
            textcoords="offset points",
            ha="right" if right else "left",
            va="bottom" if low else "top",
            color="white",
            path_effects=outline,
        )
    axes.set(xlabel="x, m (right)", ylabel="y, m (down)", aspect="equal")
    axes.set_title(title.replace("$", r"\$"), wrap=True)
    axes.invert_yaxis()
    figure.colorbar(shown, ax=axes, label="dB below the strongest", shrink=0.8)
    figure.savefig(path, format="png", dpi=120)

"""Acoustic imaging against its peers and its limit, in one process.

    python benchmarks/imaging.py                      # one thread, about two minutes
    python benchmarks/imaging.py --results results.json

The task: 128 microphones in a square of 0.45 m, 36 x 48 pixels in a plane at 2 m, 12,288 Hz, 12 frames a second,
512 bins. On the same samples, medians of CPU time:

- Acoular by its public interface: a map for each frame and bin (timed on a few bins and frames, and scaled: it
  is a loop over both), and, what it is made for, one map of all frames;
- the plain way in torch: one batched complex matrix product for all bins, its memory used again;
- acoustill's paths, set-up (anew, and kept on a disk whose cache is warm), images frame by frame as they arrive,
  and peak memory.

The limit is the direct sum, 8 F P M T floating-point operations, at the rate at which this machine multiplies
two 1024 x 1024 matrices, measured between the others. Errors are relative (Frobenius) to sums in float64: of the
energies of each bin, or, for MFCC, of the mel energies behind them. Two sources in the image are heard with noise of
the microphones; the last lines tell the errors for other sounds.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before numpy: the pools of threads are made when it is imported
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import numpy as np
import torch

from acoustill.imaging import Grid, Imager, ImageSpecification, ImageStream, extent_grid
from acoustill.rig import Rig

RATE, BLOCK, MICROPHONES, BINS, SPEED = 12288, 1024, 128, 512, 343.0
EXTENT_M = (-1.175, 1.175, -0.875, 0.875)
SOURCES_M = ((0.3, -0.2, 2.0), (-0.6, 0.4, 2.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acoular-bins", type=int, default=16, help="bins that Acoular is timed on")
    parser.add_argument("--acoular-frames", type=int, default=2, help="frames that Acoular is timed on")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--results", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--profile", action="store_true", help="only tell where the exact path spends its time")
    parser.add_argument("--memory-of", choices=["skeleton", "exact", "bf16"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if arguments.memory_of:
        print(peak_memory(arguments.memory_of))
        return
    if arguments.profile:
        print("\n".join(profile_of_exact()))
        return
    figures = measure(arguments)
    print("\n".join(lines(figures)))
    if arguments.results:
        arguments.results.write_text(json.dumps(figures, indent=1) + "\n")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every figure of the page."""
    rig, grid = reference_rig(), extent_grid(EXTENT_M, 36, 48, 2.0)
    short, long = recording(rig, 12), recording(rig, 120)
    reference = Reference(rig, grid, short)
    rates: list[float] = []

    def timed(work: Callable[[], object]) -> float:
        rates.append(sgemm_rate())
        return median_seconds(work, arguments.repeats)

    rows: dict[str, dict[str, Any]] = {}
    per_frame, averaged = timed_acoular(rig, short, arguments)
    rows["acoular, per frame"] = {"frames": 12, "seconds": per_frame}
    rows["acoular, one map of 1 s"] = {"frames": 12, "seconds": averaged}
    rows["torch, complex batched product"] = plain_row(rig, grid, short, reference, timed)
    energies = ImageSpecification(features="energy")
    for name, tolerance in (("exact", 0.0), ("skeleton 1e-6", 1e-6), ("skeleton 2e-5", 2e-5)):
        imager = Imager(rig, grid, energies, tolerance=tolerance)
        for signals, frames in ((short, 12), (long, 120)):
            out = np.empty((BINS, frames, 36, 48), np.float32)
            row = {"frames": frames, "seconds": timed(functools.partial(imager.energies, signals, out))}
            row |= reference.bin_errors(out.reshape(BINS, frames, -1).transpose(1, 0, 2)) if frames == 12 else {}
            rows[f"{BINS} bins, {name}, {frames // 12} s"] = row
        del imager, out
    imager = Imager(rig, grid, energies)
    mean = reference.energies.mean(axis=0)[None]
    row = {"frames": 12, "seconds": timed(functools.partial(imager.mean_energies, short))}
    rows["exact, one map of 1 s"] = row | errors(imager.mean_energies(short).reshape(mean.shape), mean)
    for path in ("exact", "skeleton", "bf16"):
        row = {"frames": 120} | reference.mel_errors(Imager(rig, grid, ImageSpecification(features="mel"), path=path))
        imager = Imager(rig, grid, path=path)
        row["seconds"] = timed(functools.partial(imager, long))
        row["peak_mb"] = float(subprocess.check_output([sys.executable, __file__, "--memory-of", path]))
        rows[f"MFCC, {path}, 10 s"] = row
    imager, arriving = Imager(rig, grid), np.split(short, 12, axis=1)
    stream = ImageStream(imager)
    seconds = timed(lambda: [stream.push(frame) for frame in arriving]) / 12
    rows["MFCC, skeleton, frame by frame"] = {"frames": 1, "seconds": seconds}
    others = {name: other_sound_errors(rig, grid, name) for name in OTHER_SOUNDS}
    setup = {"anew": cpu_seconds(lambda: Imager(rig, grid, use_cache=False))}
    Imager(rig, grid)
    setup["kept"] = cpu_seconds(lambda: Imager(rig, grid))
    rates.append(sgemm_rate())
    return {
        "machine": machine(),
        "sgemm_gflops": statistics.median(rates) / 1e9,
        "sgemm_gflops_lowest_and_highest": [min(rates) / 1e9, max(rates) / 1e9],
        "setup_seconds": setup,
        "other_sounds": others,
        "rows": summarised(rows, statistics.median(rates)),
    }


def summarised(rows: dict[str, dict[str, Any]], rate: float) -> dict[str, dict[str, Any]]:
    """Rows with their ratios: to Acoular per frame, to the direct sum, to real time."""
    of_acoular = rows["acoular, per frame"]["seconds"] / 12
    for row in rows.values():
        per_frame = row["seconds"] / row["frames"]
        direct = 8 * BINS * 36 * 48 * MICROPHONES / rate
        row |= {"over_acoular": of_acoular / per_frame, "over_limit": direct / per_frame}
        row["over_real_time"] = BLOCK / RATE / per_frame
    return rows


def lines(figures: dict[str, Any]) -> list[str]:
    """The table of the figures."""
    found = [f"{figures['machine']}; SGEMM {figures['sgemm_gflops']:.0f} GFLOP/s"]
    found.append(
        f"{'one thread, CPU time':34s}{'s':>9s}{'x Acoular':>11s}{'x direct sum':>14s}{'x real time':>13s}"
        f"{'error':>10s}{'p99 dB':>8s}{'MB':>6s}"
    )
    for name, row in figures["rows"].items():
        line = f"{name:34s}{row['seconds']:9.4f}{row['over_acoular']:11.0f}{row['over_limit']:14.2f}"
        line += f"{row['over_real_time']:13.1f}"
        line += f"{row['error']:10.1e}{row['p99_db']:8.3f}" if "error" in row else " " * 18
        found.append(line + (f"{row['peak_mb']:6.0f}" if "peak_mb" in row else ""))
    for name, by_path in figures["other_sounds"].items():
        told = "; ".join(f"{path} {e['error']:.1e}, p99 {e['p99_db']:.3f} dB" for path, e in by_path.items())
        found.append(f"mel energies, {name}: {told}")
    setup = figures["setup_seconds"]
    found.append(f"set-up of a geometry: {setup['anew']:.2f} s, kept on disk: {setup['kept']:.2f} s")
    return found


def reference_rig() -> Rig:
    """128 microphones in a square of 0.45 m, none broken."""
    rng = np.random.default_rng(1)
    plane = np.zeros((0, 2))
    while len(plane) < MICROPHONES:
        place = rng.uniform(-0.225, 0.225, 2)
        if not len(plane) or np.linalg.norm(plane - place, axis=1).min() > 0.025:
            plane = np.vstack([plane, place])
    return Rig("benchmark", np.column_stack([plane, np.zeros(MICROPHONES)]), RATE, RATE / BLOCK)


def recording(rig: Rig, frames: int) -> np.ndarray:
    """Two sources of white noise and noise of the microphones, (M, samples) float32."""
    rng = np.random.default_rng(0)
    samples, lead = frames * BLOCK, 1024
    signals = 0.05 * rng.standard_normal((MICROPHONES, samples))
    for place in SOURCES_M:
        signals += heard(rig, place, rng.standard_normal(samples + lead))[:, lead:]
    return signals.astype(np.float32)


class Reference:
    """Energies of every bin by sums in float64."""

    def __init__(self, rig: Rig, grid: Grid, signals: np.ndarray) -> None:
        self._signals = signals
        blocks = signals.astype(np.float64).reshape(MICROPHONES, -1, BLOCK)
        spectra = np.fft.rfft(blocks)[..., 1:] * np.sqrt(2) / BLOCK
        weights = weights_at(rig, grid)
        self.energies = np.stack([np.abs(spectra[..., i].T @ weights(i).T) ** 2 for i in range(BINS)], axis=1)

    def bin_errors(self, energies: np.ndarray) -> dict[str, float]:
        """Shapes: energies (T, F, P)."""
        return errors(energies, self.energies)

    def mel_errors(self, imager: Imager) -> dict[str, float]:
        """Of mel-pooled energies, (T, H, W, bands)."""
        pooling = imager.specification.pooling(imager.frequencies_hz, RATE)[:-1]
        expected = np.einsum("kf,tfp->tpk", pooling, self.energies, optimize=True)
        return errors(imager(self._signals).reshape(expected.shape), expected)


def errors(found: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    decibels = np.abs(10 * np.log10(np.maximum(found.astype(np.float64), 1e-30) / expected))
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    return {"error": float(error), "p99_db": float(np.quantile(decibels, 0.99))}


OTHER_SOUNDS = ("a tone in the image", "a source outside the image", "noise of the microphones alone")


def other_sound_errors(rig: Rig, grid: Grid, name: str) -> dict[str, dict[str, float]]:
    """Errors of mel energies by path for sounds that are harder than the benchmark's."""
    rng, samples = np.random.default_rng(5), 12 * BLOCK
    if name == "a tone in the image":
        signals = heard(rig, (0.3, -0.2, 2.0), np.cos(2 * np.pi * 3000 * np.arange(samples) / RATE))
        signals += 0.005 * rng.standard_normal(signals.shape)
    elif name == "a source outside the image":
        signals = heard(rig, (3.0, 0.0, 2.0), rng.standard_normal(samples))
    else:
        signals = rng.standard_normal((MICROPHONES, samples))
    signals = signals.astype(np.float32)
    of_sound = Reference(rig, grid, signals)
    specification = ImageSpecification(features="mel")
    return {path: of_sound.mel_errors(Imager(rig, grid, specification, path=path)) for path in ("skeleton", "bf16")}


def heard(rig: Rig, place: tuple[float, float, float], signal: np.ndarray) -> np.ndarray:
    """What the microphones hear of a source, (M, samples)."""
    distances = np.linalg.norm(rig.positions_m - place, axis=1)[:, None]
    turns = np.fft.rfftfreq(len(signal), 1 / RATE) * distances / SPEED
    return np.fft.irfft(np.fft.rfft(signal) * np.exp(-2j * np.pi * turns) / distances, len(signal), axis=1)


def weights_at(rig: Rig, grid: Grid) -> Callable[[int], np.ndarray]:
    """Delay-and-sum weights (P, M) complex128 of the i-th bin, written out once more as a reference."""
    points = grid.points_m.reshape(-1, 3)
    to_microphones = np.linalg.norm(points[:, None] - rig.positions_m, axis=-1)
    delays = (to_microphones - np.linalg.norm(points, axis=1)[:, None]) / SPEED
    return lambda i: np.exp(2j * np.pi * (i + 1) * RATE / BLOCK * delays) / MICROPHONES


def plain_row(
    rig: Rig, grid: Grid, signals: np.ndarray, reference: Reference, timed: Callable[[Callable[[], object]], float]
) -> dict[str, Any]:
    """Time and error of the plain way; its table of weights is gone when this returns."""
    plain = plain_torch(rig, grid, 12)
    row = {"frames": 12, "seconds": timed(lambda: plain(signals))}
    return row | reference.bin_errors(plain(signals).permute(2, 0, 1).numpy())


def plain_torch(rig: Rig, grid: Grid, frames: int) -> Callable[[np.ndarray], torch.Tensor]:
    """One batched complex matrix product, with a table of all weights (906 MB) and memory that is used again."""
    weights = weights_at(rig, grid)
    table = torch.stack([torch.from_numpy(weights(i).astype(np.complex64)) for i in range(BINS)])
    packed = torch.empty(BINS, MICROPHONES, frames, dtype=torch.complex64)
    beams = torch.empty(BINS, table.shape[1], frames, dtype=torch.complex64)
    found = torch.empty(BINS, table.shape[1], frames)

    def energies(signals: np.ndarray) -> torch.Tensor:
        spectra = torch.fft.rfft(torch.from_numpy(signals).reshape(MICROPHONES, frames, BLOCK))
        torch.mul(spectra[..., 1:].permute(2, 0, 1), 2**0.5 / BLOCK, out=packed)
        torch.bmm(table, packed, out=beams)
        return torch.sum(torch.view_as_real(beams).square_(), dim=-1, out=found)

    return energies


def timed_acoular(rig: Rig, signals: np.ndarray, arguments: argparse.Namespace) -> tuple[float, float]:
    """Seconds by Acoular's objects, used as its guide does, for 512 maps of each of 12 frames, and of all at once."""
    import acoular

    acoular.config.global_caching = "none"
    x_min, x_max, y_min, y_max = EXTENT_M
    points = acoular.RectGrid(x_min=x_min, x_max=x_max, y_min=y_min, y_max=y_max, z=2.0, increment=0.05)
    steer = acoular.SteeringVector(grid=points, mics=acoular.MicGeom(pos_total=rig.positions_m.T), steer_type="classic")
    picked = np.linspace(1, BINS, arguments.acoular_bins).round() * RATE / BLOCK

    def seconds(part: np.ndarray) -> float:
        source = acoular.TimeSamples(data=np.ascontiguousarray(part.T, dtype=np.float64), sample_freq=RATE)
        spectra = acoular.PowerSpectra(source=source, block_size=BLOCK, window="Rectangular", cached=False)
        beamformer = acoular.BeamformerBase(freq_data=spectra, steer=steer, r_diag=False, cached=False)
        matrices = cpu_seconds(lambda: spectra.csm)
        beamformer.synthetic(picked[0], 0)  # sets the objects up
        maps = cpu_seconds(lambda: [beamformer.synthetic(f, 0) for f in picked[1:]])
        return matrices + maps * BINS / (len(picked) - 1)

    seconds(signals[:, :BLOCK])  # compiles
    frames = [seconds(signals[:, k * BLOCK : (k + 1) * BLOCK]) for k in range(arguments.acoular_frames)]
    return 12 * statistics.median(frames), statistics.median(seconds(signals) for _ in range(2))


def profile_of_exact() -> list[str]:
    """The operations that 512 bins of 12 frames spend most time in."""
    rig, grid = reference_rig(), extent_grid(EXTENT_M, 36, 48, 2.0)
    imager, signals = Imager(rig, grid, ImageSpecification(features="energy")), recording(rig, 12)
    out = imager.energies(signals)
    found = [f"SGEMM of 1024 x 1024: {sgemm_rate() / 1e9:.0f} GFLOP/s; of (24, 256) x (256, 1728), as in each bin: "]
    a, b, c = torch.randn(24, 256), torch.randn(1728, 256), torch.empty(24, 1728)
    found[0] += f"{2 * c.numel() * 256 / median_seconds(lambda: torch.mm(a, b.T, out=c), 999) / 1e9:.0f} GFLOP/s"
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for _ in range(5):
            imager.energies(signals, out)
    events = sorted(profile.key_averages(), key=lambda event: -event.self_cpu_time_total)
    whole = sum(event.self_cpu_time_total for event in events)
    return found + [f"{event.self_cpu_time_total / whole:6.1%}  {event.key}" for event in events[:8]]


def peak_memory(path: str) -> float:
    """Megabytes above the imports that MFCC images of 10 s take, set-up and result included; Linux only."""
    rig, grid = reference_rig(), extent_grid(EXTENT_M, 36, 48, 2.0)
    signals = recording(rig, 120)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _memory_mb("VmRSS")
    Imager(rig, grid, path=path, use_cache=False)(signals)
    return _memory_mb("VmHWM") - before


def _memory_mb(field: str) -> float:
    lines_of_status = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines_of_status if line.startswith(field))


def sgemm_rate() -> float:
    a, b, out = torch.randn(1024, 1024), torch.randn(1024, 1024), torch.empty(1024, 1024)
    return 2 * 1024**3 / median_seconds(lambda: torch.mm(a, b, out=out), 9)


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    work()
    return statistics.median(cpu_seconds(work) for _ in range(repeats))


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def machine() -> str:
    """What the figures depend on."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{model} ({capability}), torch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} thread"


if __name__ == "__main__":
    main()

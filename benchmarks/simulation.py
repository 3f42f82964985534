"""Simulated sound against pyroomacoustics, and what takes cost, in one process.

    python -m benchmarks.simulation                      # one thread, half a minute
    python -m benchmarks.simulation --results results.json
    python -m benchmarks.simulation --takes 14           # also whole takes: sound, video, acoustic images, archive
    python -m benchmarks.simulation --takes 14 --results benchmarks/results/simulation.json \
        --write-docs docs/avia-sim.md

The task: 128 microphones in a square of 0.45 m hear 10 s of a source in a room of 6 x 5 x 3 m, RT60 0.4 s, at
12,288 Hz, with a diffuse field of noise. Medians of CPU time of one thread:

- pyroomacoustics with the same absorption, image sources up to order 25 (22,151 images); its convolution; it has no
  diffuse noise;
- acoustill with the same images, and as its simulations are made: with every image of the first 45 dB of the decay;
- a source that walks through the room at 1 m/s.

Ratios are those of responses and convolution, without the diffuse field, which only acoustill has.

Errors are relative (Euclidean norm of the spectra) to sums of complex exponentials in float64, at a few microphones:
over the whole band below 0.9 of half the sample rate, where acoustill's responses begin to fade out, and below half of
half the sample rate, where fractional delays of 81 taps are good; always above 50 Hz, with neither's high-pass filter.

With --takes, so many takes of each scenario of `small` (the actions by turns) are simulated into a temporary archive
in one process, and the minutes for whole presets on two cores follow from their CPU time.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before numpy: the pools of threads are made when it is imported
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import numpy as np
import pyroomacoustics
import torch
from benchmarks import pages
from benchmarks.imaging import cpu_seconds, machine, median_seconds, reference_rig

from acoustill.rig import preset
from acoustill.simulation import PRESETS, plan_avia_sim, simulate_archive
from acoustill.simulation.acoustics import Place, impulse_responses, propagate, propagate_moving
from acoustill.simulation.diffuse import diffuse_field
from acoustill.simulation.image_sources import Images, image_responses, room_images
from acoustill.simulation.reverberation import absorption_for

RATE, SPEED, SAMPLES, BLOCK, ORDER = 12288, 343.0, 122880, 1024, 25
PLACE = Place("room", (6.0, 5.0, 3.0), rt60_s=0.4, rig_position_m=(0.6, 2.4, 1.4))
SOURCE = np.array([3.0, 3.1, 1.3])
MEASURED = (0, 40, 80, 127)  # microphones whose spectra are compared
OURS, PEER = "acoustill, same images", "pyroomacoustics, order 25"
MADE = "acoustill, as simulated"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--takes", type=int, default=0, help="whole takes of each scenario that are timed")
    parser.add_argument("--results", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--write-docs", type=Path, help="page whose block 'speed' is replaced")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    pyroomacoustics.constants.set("num_threads", 1)
    figures = measure(arguments.repeats) | {"takes": takes(arguments.takes) if arguments.takes else {}}
    print("\n".join(lines(figures)))
    if arguments.results:
        arguments.results.write_text(json.dumps(figures, indent=1) + "\n")
    if arguments.write_docs:
        pages.write_block(arguments.write_docs, "speed", lines(figures))


def measure(repeats: int) -> dict[str, Any]:
    """Every figure but those of whole takes."""
    microphones = PLACE.from_rig(reference_rig().positions_m)
    rng = np.random.default_rng(0)
    signal = rng.standard_normal(SAMPLES).astype(np.float32)
    noise = rng.standard_normal((len(microphones), SAMPLES), dtype=np.float32)
    calibration = cpu_seconds(lambda: absorption_for(PLACE.size_m, PLACE.rt60_s, RATE, SPEED))
    first_field = cpu_seconds(lambda: diffuse_field(noise, microphones, RATE, SPEED))
    absorption = absorption_for(PLACE.size_m, PLACE.rt60_s, RATE, SPEED)
    images = room_images(PLACE.size_m, SOURCE, microphones.mean(axis=0), ORDER * max(PLACE.size_m) + 10)
    images = images.select(images.reflections <= ORDER)
    makers: dict[str, Callable[[], np.ndarray]] = {
        PEER: lambda: peer_responses(absorption, microphones),
        OURS: lambda: image_responses(images, absorption, microphones, RATE, SPEED),
        MADE: lambda: impulse_responses(PLACE, microphones, SOURCE, RATE, SPEED),
    }
    field_seconds = median_seconds(lambda: diffuse_field(noise, microphones, RATE, SPEED), repeats)
    rows = {}
    for name, make in makers.items():
        responses = make()
        row: dict[str, Any] = {"responses": median_seconds(make, repeats)}
        if name == PEER:
            row["convolution"] = median_seconds(functools.partial(peer_convolution, responses, signal), repeats)
        else:
            row["convolution"] = median_seconds(functools.partial(propagate, [(signal, responses)], SAMPLES), repeats)
            row["diffuse field"] = field_seconds
        if name != MADE:
            row |= spectral_errors(responses, images, absorption, microphones)
        rows[name] = row
    of_peer = rows[PEER]["responses"] + rows[PEER]["convolution"]
    for row in rows.values():
        row["total"] = row["responses"] + row["convolution"] + row.get("diffuse field", 0.0)
        row["over_pyroomacoustics"] = of_peer / (row["responses"] + row["convolution"])
    way = SOURCE + np.column_stack([np.zeros(120), np.sin(np.arange(120) / 12), np.zeros(120)])
    moving = {}
    for kind in ("free", "ground", "room"):
        place = Place(kind, PLACE.size_m, PLACE.rt60_s)
        walk = functools.partial(propagate_moving, place, microphones, way, signal, BLOCK, RATE, SPEED)
        moving[kind] = median_seconds(walk, repeats)
    return {
        "machine": machine(),
        "images": len(images.reflections),
        "absorption": absorption,
        "rows": rows,
        "moving_source_seconds": moving,
        "setup_seconds": {
            "absorption of a room": calibration,
            "factors of a diffuse field": first_field - field_seconds,
        },
    }


def peer_responses(absorption: float, microphones: np.ndarray) -> np.ndarray:
    """The responses of pyroomacoustics from when the source sounds, (M, taps)."""
    pyroomacoustics.constants.set("rir_hpf_enable", False)
    room = pyroomacoustics.ShoeBox(
        PLACE.size_m, fs=RATE, materials=pyroomacoustics.Material(absorption), max_order=ORDER
    )
    room.set_sound_speed(SPEED)
    room.add_source(SOURCE)
    room.add_microphone_array(microphones.T)
    room.compute_rir()
    latency = pyroomacoustics.constants.get("frac_delay_length") // 2
    taps = max(len(response) for (response,) in room.rir)
    responses = np.zeros((len(microphones), taps - latency), np.float32)
    for row, (response,) in zip(responses, room.rir, strict=True):
        row[: len(response) - latency] = response[latency:]
    return responses


def peer_convolution(responses: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """As `pyroomacoustics.Room.simulate` convolves, given responses."""
    room = pyroomacoustics.AnechoicRoom(3, fs=RATE)
    room.add_source(SOURCE, signal=signal)
    room.add_microphone_array(np.zeros((3, len(responses))))
    room.rir = [[response] for response in responses]
    room.simulate(recompute_rir=False)
    return room.mic_array.signals


def spectral_errors(
    responses: np.ndarray, images: Images, absorption: float, microphones: np.ndarray
) -> dict[str, float]:
    """Relative errors to sums of exponentials in float64."""
    length = 8192
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    used = (frequencies > 50) & (frequencies < 0.9 * RATE / 2)
    frequencies = frequencies[used]
    found = np.fft.rfft(responses[list(MEASURED)].astype(np.float64), length)[:, used]
    expected = np.zeros_like(found)
    for row, number in zip(expected, MEASURED, strict=True):
        distances = np.linalg.norm(images.positions_m - microphones[number], axis=1)
        gains = (1 - absorption) ** (images.reflections / 2) / distances
        for i in range(0, len(frequencies), 64):
            some = frequencies[i : i + 64]
            row[i : i + 64] = gains @ np.exp(-2j * np.pi * np.outer(distances / SPEED, some))

    def error(band: np.ndarray) -> float:
        return float(np.linalg.norm((found - expected)[:, band]) / np.linalg.norm(expected[:, band]))

    return {"error": error(frequencies > 0), "error_in_lower_half": error(frequencies < RATE / 4)}


def takes(count: int) -> dict[str, Any]:
    """CPU seconds of a whole take in each scenario, and minutes of presets on two cores."""
    rig = preset("dualcam")
    seconds: dict[str, float] = {}
    plan = PRESETS["small"]
    for scenario in plan.scenarios:
        planned = [take for take in plan_avia_sim(plan, 0) if take.scenario == scenario]
        chosen = planned[:: max(1, len(planned) // count - 1)][:count]
        with tempfile.TemporaryDirectory() as folder:
            simulate_archive(Path(folder) / "first", rig, chosen[:1])  # set-up, once a process
            spent = cpu_seconds(functools.partial(simulate_archive, Path(folder) / "timed", rig, chosen))
        seconds[scenario] = spent / len(chosen)
    mean = sum(seconds.values()) / len(seconds)
    minutes = {
        name: mean * PRESETS[name].seconds / plan.seconds * len(plan_avia_sim(PRESETS[name], 0)) / 60 / 2
        for name in ("small", "full")
    }
    return {"seconds_a_take": seconds, "take_s": plan.seconds, "minutes_on_two_cores": minutes}


def lines(figures: dict[str, Any]) -> list[str]:
    """The table of the figures."""
    found = [f"{figures['machine']}; {figures['images']} images, absorption {figures['absorption']:.3f}"]
    found.append(
        f"{'128 microphones, 10 s, CPU time':32s}{'responses':>10s}{'convolution':>12s}{'diffuse':>9s}{'total':>8s}"
        f"{'x peer':>8s}{'error':>9s}{'lower half':>11s}"
    )
    for name, row in figures["rows"].items():
        line = f"{name:32s}{row['responses']:10.3f}{row['convolution']:12.3f}"
        line += f"{row['diffuse field']:9.3f}" if "diffuse field" in row else f"{'none':>9s}"
        line += f"{row['total']:8.3f}{row['over_pyroomacoustics']:8.1f}"
        found.append(line + (f"{row['error']:9.1e}{row['error_in_lower_half']:11.1e}" if "error" in row else ""))
    told = ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in figures["moving_source_seconds"].items())
    found.append(f"a source that moves: {told}")
    told = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in figures["setup_seconds"].items())
    found.append(f"once for a place or a rig: {told}")
    if figures["takes"]:
        told = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in figures["takes"]["seconds_a_take"].items())
        found.append(f"a take of {figures['takes']['take_s']:g} s with video and acoustic images: {told}")
        minutes = figures["takes"]["minutes_on_two_cores"]
        found.append("presets on two cores: " + ", ".join(f"{name} {m:.0f} min" for name, m in minutes.items()))
    return found


if __name__ == "__main__":
    main()

"""Delay-and-sum against Acoular, an independent implementation (Sarradj and Herold 2017)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acoular_runs import run_acoular
from acoustill.imaging import FORMULATIONS, Grid, Imager, ImageSpecification
from acoustill.rig import Rig
from free_field import free_field

SAMPLE_RATE, BLOCK, FRAMES, DISTANCE_M = 12288, 1024, 4, 1.5
BINS = [9, 100, 257, 420, 511]

ACOULAR = """
import sys
import acoular as ac
import numpy as np
ac.config.global_caching = "none"
given = np.load("given.npz")
grid = ac.RectGrid(x_min=-0.6, x_max=0.6, y_min=-0.4, y_max=0.5, z=float(given["distance"]), increment=0.3)
maps = {}
for formulation in given["formulations"]:
    source = ac.TimeSamples(data=given["signals"].T, sample_freq=float(given["sample_rate"]))
    spectra = ac.PowerSpectra(source=source, block_size=int(given["block"]), window="Rectangular", cached=False)
    steer = ac.SteeringVector(grid=grid, mics=ac.MicGeom(pos_total=given["positions"].T), steer_type=str(formulation))
    steer.env.c = 343.0
    beamformer = ac.BeamformerBase(freq_data=spectra, steer=steer, r_diag=False, cached=False)
    hertz = given["bins"] * float(given["sample_rate"]) / int(given["block"])
    maps[str(formulation)] = np.stack([beamformer.synthetic(f, 0) for f in hertz])
np.savez("maps.npz", points=grid.pos.T, shape=grid.shape, **maps)
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rig, np.ndarray, dict[str, np.ndarray]]:
    """An array of 24 microphones, what it hears of two sources in noise, and Acoular's maps of it."""
    rng = np.random.default_rng(5)
    positions = np.column_stack([rng.uniform(-0.22, 0.22, (24, 2)), rng.uniform(-0.02, 0.02, 24)])
    rig = Rig("irregular", positions, SAMPLE_RATE, SAMPLE_RATE / BLOCK)
    signals = 0.05 * rng.standard_normal((24, FRAMES * BLOCK))
    for place in ((0.3, -0.2, DISTANCE_M), (-0.5, 0.4, DISTANCE_M)):
        signals += free_field(positions, place, rng.standard_normal(FRAMES * BLOCK), SAMPLE_RATE)
    signals = signals.astype(np.float32)
    folder = tmp_path_factory.mktemp("acoular")
    np.savez(
        folder / "given.npz",
        positions=positions, signals=signals.astype(np.float64), sample_rate=SAMPLE_RATE, block=BLOCK, bins=BINS,
        distance=DISTANCE_M, formulations=FORMULATIONS,
    )  # fmt: skip
    run_acoular(ACOULAR, folder)
    with np.load(Path(folder) / "maps.npz") as maps:
        return rig, signals, dict(maps)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_mean_over_frames_is_acoulars_map(
    formulation: str, case: tuple[Rig, np.ndarray, dict[str, np.ndarray]]
) -> None:
    rig, signals, maps = case
    columns, rows = maps["shape"]
    points = maps["points"].reshape(columns, rows, 3).transpose(1, 0, 2)  # Acoular counts columns first
    imager = Imager(rig, Grid(points), ImageSpecification(features="energy", formulation=formulation))
    found = imager(signals).mean(axis=0)[..., np.array(BINS) - 1]
    expected = maps[formulation].reshape(len(BINS), columns, rows).transpose(2, 1, 0)
    assert found.shape == (4, 5, len(BINS))
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) < 1e-5

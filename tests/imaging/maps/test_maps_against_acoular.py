"""Maps from cross spectra against Acoular, an independent implementation (Sarradj and Herold 2017)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acoular_runs import run_acoular
from acoustill.imaging.cross_spectral_matrix import CrossSpectra, cross_spectra
from acoustill.imaging.maps import map_method
from free_field import free_field

POSITIONS = np.random.default_rng(7).uniform(-0.35, 0.35, (24, 3)) * (1, 1, 0.1)
RATE, BLOCK, BLOCKS = 12288, 256, 64  # more blocks than microphones: Acoular's MVDR has no loading
BINS = [19, 40, 83]

ACOULAR = """
import acoular as ac
import numpy as np
ac.config.global_caching = "none"
given = np.load("given.npz")
grid = ac.RectGrid(x_min=-0.6, x_max=0.6, y_min=-0.4, y_max=0.4, z=1.2, increment=0.1)
source = ac.TimeSamples(data=given["signals"].T, sample_freq=float(given["rate"]))
spectra = ac.PowerSpectra(source=source, block_size=int(given["block"]), window="Rectangular", cached=False)
found = {"points": grid.pos.T, "csm": spectra.csm}
makers = {
    "base": (ac.BeamformerBase, {"r_diag": False}),
    "base without diagonal": (ac.BeamformerBase, {"r_diag": True}),
    "capon": (ac.BeamformerCapon, {}),
    "functional": (ac.BeamformerFunctional, {"gamma": 5}),
    "clean-sc": (ac.BeamformerCleansc, {"r_diag": True, "n_iter": 10, "damp": 0.6}),
}
for formulation in ("classic", "true level"):
    steer = ac.SteeringVector(grid=grid, mics=ac.MicGeom(pos_total=given["positions"].T), steer_type=formulation)
    steer.env.c = 343.0
    for name, (maker, parameters) in makers.items():
        beamformer = maker(freq_data=spectra, steer=steer, cached=False, **parameters)
        maps = [beamformer.synthetic(f, 0).ravel() for f in given["hertz"]]
        found[f"{name}, {formulation}"] = np.stack(maps)
np.savez("found.npz", **found)
"""


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    """Two sources and noise."""
    rng = np.random.default_rng(11)
    signals = 0.2 * rng.standard_normal((len(POSITIONS), BLOCKS * BLOCK))
    for place, level in (((-0.6, -0.4, 1.2), 0.7), ((0.1, 0.0, 1.2), 1.0)):
        signals += free_field(POSITIONS, place, level * rng.standard_normal(BLOCKS * BLOCK), RATE)
    return signals


@pytest.fixture(scope="module")
def acoulars(recording: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What Acoular makes of the recording."""
    folder = tmp_path_factory.mktemp("acoular")
    hertz = np.array(BINS) * RATE / BLOCK
    np.savez(folder / "given.npz", signals=recording, positions=POSITIONS, rate=RATE, block=BLOCK, hertz=hertz)
    run_acoular(ACOULAR, folder)
    with np.load(Path(folder) / "found.npz") as found:
        return dict(found)


def test_the_cross_spectra_are_acoulars(recording: np.ndarray, acoulars: dict[str, np.ndarray]) -> None:
    found = cross_spectra(recording, RATE, BLOCK, "rectangular", overlap=0.0).matrices
    np.testing.assert_allclose(found[:-1], acoulars["csm"][1:-1], rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize(
    ("theirs", "ours", "parameters", "formulations"),
    [
        ("base", "delay-and-sum", {}, ("classic", "true level")),
        ("base without diagonal", "delay-and-sum", {"remove_diagonal": True}, ("classic", "true level")),
        # Acoular scales MVDR by M^2, which is 1 / |w|^4 in "classic" alone.
        ("capon", "mvdr", {"loading": 1e-9}, ("classic",)),
        ("functional", "functional", {"exponent": 5.0}, ("classic", "true level")),
        (
            "clean-sc",
            "clean-sc",
            {"remove_diagonal": True, "iterations": 10, "range_db": 100.0},
            ("classic", "true level"),
        ),
    ],
)
def test_the_maps_are_acoulars(
    theirs: str,
    ours: str,
    parameters: dict[str, float],
    formulations: tuple[str, ...],
    recording: np.ndarray,
    acoulars: dict[str, np.ndarray],
) -> None:
    spectra = cross_spectra(recording, RATE, BLOCK, "rectangular", overlap=0.0)
    wanted = np.array(BINS) - 1
    spectra = CrossSpectra(spectra.frequencies_hz[wanted], spectra.matrices[wanted], spectra.blocks)
    for formulation in formulations:
        found = map_method(ours, POSITIONS, acoulars["points"], formulation, parameters=parameters)(spectra)
        expected = acoulars[f"{theirs}, {formulation}"]
        assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)

"""`acoustill map`: one map of a whole recording."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from takes_for_tests import RATE, noise_at, rig_file, take_rig, write_take

from acoustill.commands import map as module
from acoustill.imaging import MAP_METHODS, camera_grid, cross_spectra, map_method

SIZE = ("--grid", "12x9")
PIXEL = (76.0, 18.0)  # right and up


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    return rig_file(tmp_path)


@pytest.fixture
def signals() -> np.ndarray:
    return noise_at(PIXEL, 1.02)


@pytest.fixture
def take(signals: np.ndarray, tmp_path: Path) -> Path:
    return write_take(tmp_path / "take.wav", signals)


@pytest.mark.parametrize("method", MAP_METHODS)
def test_every_method_finds_the_source(method: str, take: Path, rig: Path, command) -> None:
    ended = command("map", take, "--rig", rig, *SIZE, "--method", method, "--band", "2000,3000", "--json")
    assert ended.status == 0, ended.err
    found = json.loads(ended.out)
    assert found["method"] == method
    assert 2000 <= found["lowest_hz"] < found["highest_hz"] <= 3000
    peak = found["peaks"][0]
    seen = take_rig().camera.project(np.array([peak["x_m"], peak["y_m"], peak["z_m"]]))
    np.testing.assert_allclose(seen, PIXEL, atol=6)  # pixels of the image are 8 of the frame


def test_the_map_is_that_of_the_method(
    take: Path, signals: np.ndarray, rig: Path, tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "map.npz"
    arguments = ("map", take, "--rig", rig, *SIZE, "--method", "functional", "--set", "exponent=4", "--block", "128")
    ended = command(*arguments, "--out", out)
    assert ended.status == 0, ended.err
    assert f"written to {out}" in ended.out
    array = take_rig()
    grid = camera_grid(array.camera, 9, 12, 2.0)
    positions = array.positions_m[array.working]
    method = map_method("functional", positions, grid.points_m.reshape(-1, 3), exponent=4)
    spectra = cross_spectra(signals[array.working], RATE, 128, lowest_hz=100)
    written = np.load(out)
    np.testing.assert_array_equal(written["frequencies_hz"], spectra.frequencies_hz)
    np.testing.assert_allclose(written["map"].reshape(len(spectra.frequencies_hz), -1), method(spectra), rtol=1e-6)
    np.testing.assert_array_equal(written["points_m"], grid.points_m)
    # Read in parts, blocks that would lie across two parts are missing, and nothing else.
    monkeypatch.setattr(module, "PART_BLOCKS", 16)
    assert command(*arguments, "--out", out).status == 0
    parts = np.load(out)["map"]
    assert 0 < np.linalg.norm(parts - written["map"]) / np.linalg.norm(written["map"]) < 0.1


def test_a_picture(take: Path, rig: Path, tmp_path: Path, command) -> None:
    out = tmp_path / "map.png"
    assert command("map", take, "--rig", rig, *SIZE, "--out", out).status == 0
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--method", "guess"], "method is 'guess', expected one of delay-and-sum, superdirective, mvdr"),
        (["--method", "mvdr", "--set", "gain=1"], "a parameter is 'gain', expected one of loading"),
        (["--set", "gain"], "--set is 'gain', expected name=number, name=true or name=false"),
        (["--set", "gain=high"], "--set is 'gain=high'"),
        (["--formulation", "mine"], "formulation is 'mine'"),
        (["--band", "3000,2000"], "--band is '3000,2000'"),
        (["--band", "2001,2002"], "frequency range"),
        (["--block", "255"], "block is 255, expected an even number"),
        (["--block", "16384"], "at least one block"),
        (["--out", "map.pdf"], "--out is map.pdf, expected a file name that ends in .npz or .png"),
        (["--geometry", "x.csv"], "give either --rig or --geometry"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    arguments: list[str], says: str, take: Path, rig: Path, command
) -> None:
    ended = command("map", take, "--rig", rig, *SIZE, *arguments)
    assert ended.status == 2
    assert says in ended.err
    assert len(ended.err.splitlines()) == 1

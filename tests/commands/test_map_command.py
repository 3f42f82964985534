"""`acoustill map`: one map of a whole recording."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from takes_for_tests import RATE, noise_at, rig_file, take_rig, write_take

from acoustill.commands import map as module
from acoustill.imaging import MAP_METHODS, camera_grid, cross_spectra, map_method
from acoustill.imaging.bands import lowest_resolved_hz
from refusals import refuses

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
    arguments += ("--band", "100,4000")
    ended = command(*arguments, "--out", out)
    assert ended.status == 0, ended.err
    assert f"written to {out}" in ended.out
    array = take_rig()
    grid = camera_grid(array.camera, 9, 12, 2.0)
    positions = array.positions_m[array.working]
    method = map_method("functional", positions, grid.points_m.reshape(-1, 3), parameters={"exponent": 4.0})
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
        (["--set", "gain"], "--set is 'gain', expected name=number, name=true, name=false or name=none"),
        (["--set", "gain=high"], "--set is 'gain=high'"),
        (["--set", "iterations=2.5"], "iterations is 2.5, expected a whole number or none"),
        (["--set", "iterations=1e3"], "iterations is 1000.0, expected a whole number or none"),
        (["--set", "name=3"], "a parameter is 'name', expected one of gain"),
        (["--set", "formulation=1"], "a parameter is 'formulation'"),
        (["--set", "positions_m=1"], "a parameter is 'positions_m'"),
        (["--set", "reference_m=1"], "a parameter is 'reference_m'"),
        (["--set", "gain=true"], "gain is true, expected a number"),
        (["--set", "gain=inf"], "gain is inf, expected above 0 and at most 1"),
        (["--set", "remove_diagonal=2"], "remove_diagonal is 2, expected true or false"),
        (["--set", "=1"], "a parameter is ''"),
        (["--range", "0"], "map: --range is 0.0 dB, expected a positive number"),
        (["--range", "inf"], "map: --range is inf dB"),
        (["--range", "nan"], "map: --range is nan dB"),
        (["--distance", "nan"], "map: --distance is nan m"),
        (["--grid", "2000x2000"], "map: --grid is '2000x2000'"),
        (["--formulation", "mine"], "formulation is 'mine'"),
        (["--band", "3000,2000"], "--band is '3000,2000'"),
        (["--band", "2001,2002"], "take.wav: cross spectra: frequency range"),
        (["--block", "255"], "block is 255, expected an even number"),
        (["--block", "16384"], "take.wav: length is 8160 samples, expected at least one block of 16384"),
        (["--block", "4096", "--grid", "1000x999", "--band", "100,4000"], "--block is 4096, which takes 16 GB"),
        (["--out", "map.pdf"], "--out is map.pdf, expected a file name that ends in .npz or .png"),
        (["--geometry", "x.csv"], "give either --rig or --geometry"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    arguments: list[str], says: str, take: Path, rig: Path, tmp_path: Path, command
) -> None:
    refuses(command, tmp_path, "map", take, "--rig", rig, *SIZE, *arguments, says=re.escape(says))


def test_the_band_by_default_is_what_the_array_can_place(take: Path, rig: Path, command) -> None:
    found = json.loads(command("map", take, "--rig", rig, *SIZE, "--json").out)
    lowest = lowest_resolved_hz(take_rig(), camera_grid(take_rig().camera, 9, 12, 2.0))
    assert lowest <= found["lowest_hz"] < lowest + RATE / 256
    assert found["highest_hz"] == RATE / 2


def test_parameters_may_be_none(take: Path, rig: Path, command) -> None:
    arguments = ("map", take, "--rig", rig, *SIZE)
    assert command(*arguments, "--set", "beam_width_m=none", "--set", "iterations=none").out == command(*arguments).out
    assert command(*arguments, "--set", "beam_width_m=0.3", "--set", "remainder=true").status == 0


def test_clean_sc_tells_each_source_once_and_at_its_level(rig: Path, tmp_path: Path, command) -> None:
    """One source on a pixel of the image, an equal one in the corner of four: columns and rows are 8 pixels apart."""
    on, between = (20.0, 20.0), (72.0, 56.0)
    signals = noise_at(on, 1.5) + noise_at(between, 1.5, seed=1)
    take = write_take(tmp_path / "two.wav", signals)
    arguments = ("--band", "1800,2800")
    peaks = json.loads(command("map", take, "--rig", rig, *SIZE, *arguments, "--json").out)["peaks"]
    assert len(peaks) == 2
    assert peaks[1]["level_db"] > -0.5
    for place in (on, between):
        seen = [take_rig().camera.project(np.array([peak[f"{axis}_m"] for axis in "xyz"])) for peak in peaks]
        assert min(np.abs(np.subtract(place, one)).max() for one in seen) < 4


def test_the_labels_of_a_picture_lie_inside_of_it(take: Path, rig: Path, tmp_path: Path, command, monkeypatch) -> None:
    from matplotlib.figure import Figure

    drawn = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: object, **named: object) -> None:
        save(figure, *arguments, **named)
        drawn.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    for pixel in ((4.0, 4.0), (92.0, 4.0), (4.0, 68.0), (92.0, 68.0)):
        write_take(take, noise_at(pixel, 0.5))
        assert command("map", take, "--rig", rig, *SIZE, "--out", tmp_path / "map.png").status == 0
        axes = drawn[-1].axes[0]
        assert axes.get_title() == "take.wav, clean-sc, 2000 to 4000 Hz"
        frame = axes.get_window_extent()
        for label in axes.texts:
            box = label.get_window_extent()
            assert frame.x0 <= box.x0 < box.x1 <= frame.x1
            assert frame.y0 <= box.y0 < box.y1 <= frame.y1
            assert label.get_path_effects()

"""Recordings of real arrays through the command line."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from acoustill.imaging import Grid, Imager, ImageSpecification, extent_grid, find_peaks, read_signals
from acoustill.imaging.cross_spectral_matrix import CrossSpectra, cross_spectra
from acoustill.imaging.maps import map_method
from acoustill.rig import Rig, read_geometry

SIDE_M = 0.73242936
PLANE = ("--distance", "0.7375", "--extent=-0.73,0.73,-0.73,0.73")


def test_both_sources_are_within_3_cm_of_the_strongest_peaks(arrays: Path, tmp_path: Path, command) -> None:  # type: ignore[no-untyped-def]
    folder, out = arrays / "planar64_miracle", tmp_path / "maps.npz"
    ended = command(
        "image", folder / "recording.wav", "--geometry", folder / "geometry.csv", *PLANE, "--grid", "64x64",
        "--out", out, "--json",
    )  # fmt: skip
    assert (ended.status, ended.err) == (0, "")
    summary = json.loads(ended.out)
    assert (summary["rows"], summary["columns"], summary["frames"], summary["channels"]) == (64, 64, 15, 12)
    assert summary["out"] == str(out)
    with (folder / "sources.csv").open() as file:
        sources = [tuple(float(row[axis]) for axis in ("x_m", "y_m", "z_m")) for row in csv.DictReader(file)]
    found = [(peak["x_m"], peak["y_m"], peak["z_m"]) for peak in summary["peaks"]]
    assert len(sources) == 2
    assert math.dist(found[0], sources[0]) < 0.03
    assert math.dist(found[1], sources[1]) < 0.03
    assert summary["peaks"][0]["level_db"] == 0 > summary["peaks"][1]["level_db"]

    with np.load(out, allow_pickle=False) as maps:
        assert maps["images"].shape == (15, 64, 64, 12)
        assert maps["energy"].shape == (15, 64, 64)
        assert maps["points_m"].shape == (64, 64, 3)
        row, column = np.unravel_index(maps["energy"].mean(axis=0).argmax(), (64, 64))
        assert math.dist(maps["points_m"][row, column], sources[0]) < 0.03
        assert np.isfinite(maps["images"]).all()
    assert [path.name for path in tmp_path.iterdir()] == ["maps.npz"]


def test_words_say_the_same_as_json(arrays: Path, command) -> None:  # type: ignore[no-untyped-def]
    folder = arrays / "planar64_miracle"
    line = ("image", folder / "recording.wav", "--geometry", folder / "geometry.csv", *PLANE, "--grid", "32x24")
    words, summary = (
        command(*line, "--band", "1000,8000"),
        json.loads(command(*line, "--band", "1000,8000", "--json").out),
    )
    first, *rest = words.out.splitlines()
    assert first.endswith("recording.wav: 15 frames of 24 x 32 pixels")
    assert len(rest) == len(summary["peaks"]) > 0
    for line_, peak in zip(rest, summary["peaks"], strict=True):
        assert f"x {peak['x_m']:+.3f} m" in line_
        assert f"{peak['level_db']:+.1f} dB" in line_


def test_our_map_is_the_reference_librarys(arrays: Path) -> None:
    """The map that the data's authors computed with another library: 1 kHz, blocks of 256 with a Hann window.

    Our frames have no window and do not overlap, so the maps agree in shape, not in every digit.
    """
    folder = arrays / "planar64_miracle"
    reference = np.load(folder / "reference_sourcemap_1000hz.npy", allow_pickle=False).T
    signals, rate = read_signals(folder / "recording.wav")
    positions, _ = read_geometry(folder / "geometry.csv")
    rig = Rig("vogel", positions, rate, rate / 256, speed_of_sound=344.7)
    grid = extent_grid((-SIDE_M, SIDE_M, -SIDE_M, SIDE_M), 64, 64, 0.7375)
    specification = ImageSpecification(features="energy", lowest_hz=990, highest_hz=1010, formulation="true level")
    found = Imager(rig, grid, specification).images(signals).energy.mean(axis=0)
    assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.98


def test_a_quiet_capture_with_further_channels_is_read(arrays: Path, tmp_path: Path, command) -> None:  # type: ignore[no-untyped-def]
    """Six channels of a device, of which the geometry names four; 57 dB below full scale."""
    folder, out = arrays / "respeaker4_raw", tmp_path / "maps.npz"
    ended = command(
        "image", folder / "capture.flac", "--geometry", folder / "geometry.csv", "--extent=-1,1,-1,1",
        "--grid", "16x12", "--features", "mel", "--out", out, "--json",
    )  # fmt: skip
    assert (ended.status, ended.err) == (0, "")
    summary = json.loads(ended.out)
    samples, rate = soundfile.read(folder / "capture.flac", dtype="float32")
    assert (samples.shape[1], rate) == (6, 16000)
    assert summary["frames"] == len(samples) // 1024
    assert summary["channels"] == 40
    assert summary["peaks"]
    with np.load(out, allow_pickle=False) as maps:
        level_db = 10 * np.log10(maps["energy"].mean())
        assert -90 < level_db < -50
        loudest_channel = 10 * np.log10(np.mean(samples[:, 2:] ** 2, axis=0).max())
        assert level_db < loudest_channel + 1


def test_a_capture_without_the_geometrys_channels_is_refused(arrays: Path, tmp_path: Path, command) -> None:  # type: ignore[no-untyped-def]
    folder, few = arrays / "respeaker4_raw", tmp_path / "few.wav"
    samples, rate = soundfile.read(folder / "capture.flac", dtype="float32")
    soundfile.write(few, samples[:, 2:], rate)
    ended = command("image", few, "--geometry", folder / "geometry.csv", "--extent=-1,1,-1,1")
    assert ended.status == 2
    assert ended.err.startswith(f"acoustill: {few}: number of channels is 4, expected at least 6, as {folder}")


def test_a_rigid_sphere_hears_the_loudspeaker_on_its_side(arrays: Path) -> None:
    """The Eigenmike's impulse response from the left (+y in its axes): louder from there than from the right."""
    folder = arrays / "eigenmike32_ir"
    signals, rate = read_signals(folder / "ir_az+90_3m.wav")
    positions, _ = read_geometry(folder / "geometry.csv")
    onset = int(np.abs(signals).max(axis=0).argmax())
    signals = signals[:, onset - 64 : onset + 192]  # the direct sound, before the room answers
    rig = Rig("eigenmike", positions, rate, rate / 256)
    left_and_right = Grid(np.array([[[0.0, 3.0, 0.0], [0.0, -3.0, 0.0]]]))
    specification = ImageSpecification(features="energy", lowest_hz=500, highest_hz=4000)
    left, right = Imager(rig, left_and_right, specification).images(signals).energy[0, 0]
    assert left > 1.5 * right


class Planar64(NamedTuple):
    """The recording of two loudspeakers by 64 microphones, with what its authors say of it."""

    signals: np.ndarray
    rate: int
    positions_m: np.ndarray
    sources_m: np.ndarray
    grid: Grid
    reference: np.ndarray

    def spectra(self, frequency_hz: float) -> CrossSpectra:
        """One bin, as the authors took it: blocks of 256 with a Hann window, overlapping by half."""
        return cross_spectra(self.signals, self.rate, 256, lowest_hz=frequency_hz - 1, highest_hz=frequency_hz + 1)

    def map(self, name: str, frequency_hz: float, speed_of_sound: float = 344.7, **parameters: float) -> np.ndarray:
        points, reference = self.grid.points_m.reshape(-1, 3), tuple(self.positions_m[63].tolist())
        method = map_method(
            name, self.positions_m, points, "true level", speed_of_sound, reference, parameters=parameters
        )
        return method(self.spectra(frequency_hz))[0].reshape(64, 64)

    def errors_m(self, image: np.ndarray) -> list[float]:
        """How far the strongest and the second peak are from the louder and the other source, in any order."""
        found = [peak.point_m for peak in find_peaks(image, self.grid, count=2)]
        if len(found) < 2:
            return [math.inf, math.inf]
        orders = (found, found[::-1])
        return min(([math.dist(*pair) for pair in zip(self.sources_m, o, strict=True)] for o in orders), key=sum)


@pytest.fixture(scope="module")
def planar64(arrays: Path) -> Planar64:
    folder = arrays / "planar64_miracle"
    signals, rate = read_signals(folder / "recording.wav")
    positions, _ = read_geometry(folder / "geometry.csv")
    with (folder / "sources.csv").open() as file:
        sources = np.array([[float(row[axis]) for axis in ("x_m", "y_m", "z_m")] for row in csv.DictReader(file)])
    grid = extent_grid((-SIDE_M, SIDE_M, -SIDE_M, SIDE_M), 64, 64, 0.7375)
    reference = np.load(folder / "reference_sourcemap_1000hz.npy", allow_pickle=False).T
    return Planar64(signals.astype(np.float64) * 16, rate, positions, sources, grid, reference)  # in pascal


@pytest.mark.parametrize(("speed_of_sound", "correlation"), [(344.7, 0.9995), (343.0, 0.999)])
def test_the_conventional_map_is_the_reference_librarys(
    speed_of_sound: float, correlation: float, planar64: Planar64
) -> None:
    found = planar64.map("delay-and-sum", 1000.0, speed_of_sound)
    assert np.corrcoef(found.ravel(), planar64.reference.ravel())[0, 1] > correlation
    assert found.max() == pytest.approx(planar64.reference.max(), rel=0.02)


@pytest.mark.parametrize("name", ["delay-and-sum", "superdirective", "mvdr", "functional"])
@pytest.mark.parametrize("frequency", [2000.0, 4000.0, 6000.0, 8000.0])
def test_both_loudspeakers_are_found_within_2_cm_in_single_bins(
    name: str, frequency: float, planar64: Planar64
) -> None:
    assert max(planar64.errors_m(planar64.map(name, frequency))) < 0.02


def test_clean_sc_takes_them_apart_at_1_khz(planar64: Planar64) -> None:
    clean = planar64.map("clean-sc", 1000.0).ravel()
    points = planar64.grid.points_m.reshape(-1, 3)[np.argsort(-clean)[:2]]
    louder, other = (math.dist(point, source) for point, source in zip(points, planar64.sources_m, strict=True))
    assert louder < 0.02
    assert other < 0.01


def test_at_500_hz_they_are_one_peak_of_delay_and_sum_but_two_of_sharper_methods(planar64: Planar64) -> None:
    merged = find_peaks(planar64.map("delay-and-sum", 500.0), planar64.grid, range_db=10.0)
    assert len(merged) == 1
    assert max(planar64.errors_m(planar64.map("mvdr", 500.0))) < 0.05
    assert max(planar64.errors_m(planar64.map("functional", 500.0))) < 0.07
    # The loudspeakers do not radiate evenly over an array as wide as this, so that a moderate limit is needed.
    assert max(planar64.errors_m(planar64.map("superdirective", 500.0, white_noise_gain_db=10.0))) < 0.06


def test_mvdr_does_not_give_levels_of_real_sources(planar64: Planar64) -> None:
    """Why its documentation says so: the loudspeakers' directivity is not in the steering vectors."""
    conventional, adaptive = (planar64.map(name, 1000.0).max() for name in ("delay-and-sum", "mvdr"))
    assert adaptive < 0.1 * conventional

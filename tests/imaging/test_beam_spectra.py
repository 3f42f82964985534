"""Spectra of beams: against a slow sum, and against what physics says of sources, levels and sums."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from acoustill.errors import AcoustillError
from acoustill.imaging import BeamSpecification, BeamSpectra, Superdirective, camera_grid
from acoustill.imaging.beam_specification import UNIT_PA, beams_from_json
from acoustill.imaging.beam_spectra import BeamSpectraStream, beam_power
from acoustill.rig import Camera, Rig, preset
from free_field import free_field

SPECIFICATION = BeamSpecification(rows=2, columns=3, distance_m=1.5, steps=4, white_noise_gain_db=3.0)


@pytest.fixture(scope="module")
def dualcam() -> BeamSpectra:
    return BeamSpectra(preset("dualcam"), threads=1)


def noise(rig: Rig, frames: float, rng: np.random.Generator, level_pa: float = 0.1) -> np.ndarray:
    samples = round(frames * rig.samples_per_frame)
    return (level_pa * rng.standard_normal((rig.channels, samples))).astype(np.float32)


def slow_spectra(signals: np.ndarray, rig: Rig, specification: BeamSpecification) -> np.ndarray:
    """The definition, number by number in double precision: (frames, steps, rows, columns, bins) complex, Pa."""
    block = rig.samples_per_frame
    hop = block // specification.steps
    n = np.arange(2 * hop)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / (2 * hop))
    grid = camera_grid(rig.camera, specification.rows, specification.columns, specification.distance_m)
    gain = specification.white_noise_gain_db
    place = rig.positions_m[rig.working], grid.points_m.reshape(-1, 3), "true level", rig.speed_of_sound
    beamformer = Superdirective(*place, white_noise_gain_db=gain)
    frames = signals.shape[1] // block
    found = np.zeros((frames, *specification.shape(rig)), complex)
    for frame, step in np.ndindex(frames, specification.steps):
        first = frame * block + step * hop - hop // 2
        heard = np.zeros((rig.channels, 2 * hop))
        for i in range(2 * hop):
            if 0 <= first + i < signals.shape[1]:
                heard[:, i] = signals[:, first + i]
        for k in range(1, hop + 1):
            x = (heard[rig.working] * window * np.exp(-2j * np.pi * k * n / (2 * hop))).sum(axis=1)
            weights = beamformer.at(k * rig.sample_rate / (2 * hop))
            y = weights @ x / np.sqrt(np.square(window).sum())
            found[frame, step, :, :, k] = y.reshape(specification.rows, specification.columns)
    return found


def complex_pa(stored: np.ndarray) -> np.ndarray:
    return UNIT_PA * (stored[..., 0].astype(float) + 1j * stored[..., 1])


def decibels(wrong: np.ndarray, right: np.ndarray) -> float:
    return float(10 * np.log10(np.square(np.abs(wrong)).sum() / np.square(np.abs(right)).sum()))


@pytest.mark.parametrize(("steps", "rest"), [(4, 0), (4, 5), (4, 40), (64, 0), (1, 0)])
def test_spectra_are_those_of_the_definition(steps: int, rest: int, small_rig: Rig, rng: np.random.Generator) -> None:
    """With an even hop, an odd one, and a rest that the last window hears a part of."""
    specification = dataclasses.replace(SPECIFICATION, steps=steps)
    signals = noise(small_rig, 3 + rest / 64, rng)
    stored = BeamSpectra(small_rig, specification)(signals)
    assert (stored.dtype, stored.shape) == (np.float16, (3, *specification.shape(small_rig), 2))
    expected = slow_spectra(signals, small_rig, specification)
    assert decibels(complex_pa(stored) - expected, expected) < -68
    assert not stored[..., 0, :].any()  # at 0 Hz


def test_blocks_of_any_length_give_the_same_bits(
    small_rig: Rig, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acoustill.imaging.beam_spectra.WORKSPACE_BYTES", 150_000)
    spectra = BeamSpectra(small_rig, SPECIFICATION)
    assert spectra.block_frames == 9
    signals = noise(small_rig, 31.7, rng)
    whole = spectra(signals)
    for cuts in ([1, 2, 900], list(range(7, 2000, 7)), [576, 584, 1152, 1168]):
        parts = [*spectra.stream(np.split(signals, cuts, axis=1))]
        assert max(map(len, parts)) <= 9
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_nothing_but_whole_frames(small_rig: Rig, rng: np.random.Generator) -> None:
    spectra = BeamSpectra(small_rig, SPECIFICATION)
    assert spectra(noise(small_rig, 0, rng)).shape == (0, *spectra.shape, 2)
    assert spectra(noise(small_rig, 63 / 64, rng)).shape == (0, *spectra.shape, 2)
    assert not list(BeamSpectraStream(spectra).ended())


@pytest.mark.parametrize("corner", [(0, 0), (0, 7), (5, 0), (5, 7)])
def test_a_source_in_a_corner_lights_its_beam_and_has_its_level(
    corner: tuple[int, int], dualcam: BeamSpectra, rng: np.random.Generator
) -> None:
    """White noise of 0.2 Pa at the rig's origin, from where the beam is steered to."""
    rig = dualcam.rig
    source = camera_grid(rig.camera, 6, 8, 2.0).points_m[corner]
    signal = 0.2 * rng.standard_normal(24 * rig.samples_per_frame)
    beams = dualcam(free_field(rig.positions_m, tuple(source), signal, rig.sample_rate))
    power = beam_power(torch.from_numpy(beams)).mean(dim=(0, 1)).numpy()
    assert np.unravel_index(power.sum(axis=-1).argmax(), (6, 8)) == corner
    assert 10 * np.log10(power[corner][1:-1].mean() / 0.04) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("distance_m", [0.8, 2.0, 5.0])
def test_the_level_is_true_near_and_far(distance_m: float, rng: np.random.Generator) -> None:
    rig = preset("uma16")
    spectra = BeamSpectra(rig, BeamSpecification(3, 3, distance_m))
    source = camera_grid(rig.camera, 3, 3, distance_m).points_m[1, 1]
    tone = 0.1 * np.sqrt(2) * np.sin(2 * np.pi * 3000 * np.arange(8 * rig.samples_per_frame) / rig.sample_rate)
    beams = spectra(free_field(rig.positions_m, tuple(source), tone, rig.sample_rate))
    power = 2 * beam_power(torch.from_numpy(beams))[2:-2, :, 1, 1].sum(dim=-1) / (2 * spectra.hop)  # Parseval
    np.testing.assert_allclose(10 * np.log10(power.numpy() / 0.01), 0, atol=0.1)


def test_beams_of_a_sum_are_the_sum_of_beams(dualcam: BeamSpectra, rng: np.random.Generator) -> None:
    """At 70 dB or so: the roundings of three arrays to half precision. Also where one is 40 dB below the other."""
    one, other = noise(dualcam.rig, 12, rng), noise(dualcam.rig, 12, rng)
    for gain in (1.0, 0.01):
        both = complex_pa(dualcam(one + np.float32(gain) * other))
        summed = complex_pa(dualcam(one)) + complex_pa(dualcam(np.float32(gain) * other))
        assert -80 < decibels(both - summed, both) < -69


def test_quiet_and_loud_sound_is_held(dualcam: BeamSpectra, rng: np.random.Generator) -> None:
    """From 0 dB re 20 micropascal, far below the microphones' own noise, to 110 dB."""
    signals = noise(dualcam.rig, 2, rng, 1.0)
    expected = complex_pa(dualcam(signals))
    for level_pa in (2e-5, 6.3):
        beams = complex_pa(dualcam(np.float32(level_pa) * signals))
        assert decibels(beams - level_pa * expected, level_pa * expected) < -60


def test_broken_microphones_are_ignored(dualcam: BeamSpectra, rng: np.random.Generator) -> None:
    signals = noise(dualcam.rig, 2, rng)
    broken = signals.copy()
    broken[list(dualcam.rig.broken)] = np.nan
    np.testing.assert_array_equal(dualcam(broken), dualcam(signals))


def test_what_is_set_in_torch_changes_nothing_and_is_left(small_rig: Rig, rng: np.random.Generator) -> None:
    signals = noise(small_rig, 2, rng)
    expected = BeamSpectra(small_rig, SPECIFICATION)(signals)
    with torch.inference_mode(), torch.autocast("cpu"):
        torch.set_float32_matmul_precision("medium")
        try:
            np.testing.assert_array_equal(BeamSpectra(small_rig, SPECIFICATION, threads=1)(signals), expected)
            assert torch.get_float32_matmul_precision() == "medium"
        finally:
            torch.set_float32_matmul_precision("highest")


def test_power_takes_batches() -> None:
    beams = torch.tensor([[3.0, 4.0], [0.0, 1.0]], dtype=torch.float16).expand(5, 2, 2)
    power = beam_power(beams)
    assert power.dtype == torch.float32
    torch.testing.assert_close(power, torch.tensor([25e-6, 1e-6]).expand(5, 2))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"steps": 5}, "steps is 5, expected a divisor of the 64 samples of a video frame"),
        ({"steps": 0}, "steps is 0, expected at least 1"),
        ({"rows": 0}, "rows is 0, expected at least 1"),
        ({"distance_m": float("nan")}, "distance is nan m, expected a positive number of metres"),
        ({"white_noise_gain_db": float("inf")}, "white noise gain is inf dB, expected a number"),
        ({"white_noise_gain_db": 12.0}, "white noise gain is 12 dB, expected at most 7.69 dB for this array"),
    ],
)
def test_what_cannot_be_formed_is_refused(change: dict, says: str, small_rig: Rig) -> None:
    with pytest.raises(AcoustillError, match=says):
        BeamSpectra(small_rig, BeamSpecification(**{**SPECIFICATION.to_json(), **change}))


def test_signals_that_cannot_be_used_are_refused(small_rig: Rig, rng: np.random.Generator) -> None:
    spectra = BeamSpectra(small_rig, SPECIFICATION)
    signals = noise(small_rig, 2, rng)
    with pytest.raises(AcoustillError, match="number of channels is 7, expected 8, those of rig small"):
        spectra(signals[1:])
    with pytest.raises(AcoustillError, match="sound is louder than that, expected beams of at most 65 Pa a bin"):
        spectra(signals * np.float32(1e4))
    stream = BeamSpectraStream(spectra)
    list(stream.completed(signals))
    signals[3, 17] = np.nan
    with pytest.raises(AcoustillError, match="sample 145 of channel 3 is nan, expected a finite number"):
        list(stream.completed(signals))


def test_specifications_are_read_back() -> None:
    assert beams_from_json(SPECIFICATION.to_json()) == SPECIFICATION  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'kind' is not known"):
        beams_from_json({"kind": 1})
    with pytest.raises(ValueError, match="rows"):
        beams_from_json({"rows": "six"})
    camera = Camera.with_field_of_view(24, 16, 1.0)
    rig = Rig("pair", np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]), 1200, 12.0, camera=camera)
    assert BeamSpecification(steps=10).shape(rig) == (10, 6, 8, 11)

"""The imager against obvious code in float64, and the physics that it must keep."""

from __future__ import annotations

import cmath
import dataclasses
import math

import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.imaging import FORMULATIONS, Grid, Imager, ImageSpecification, camera_grid, energy_map, extent_grid
from acoustill.imaging.imager import FLOOR_PA2
from acoustill.rig import Rig
from free_field import free_field, periodic_noise

FRAMES = 3


def reference_energies(signals: np.ndarray, rig: Rig, grid: Grid, formulation: str) -> np.ndarray:
    """(frames, H, W, bins): a loop over frames, bins, pixels and microphones."""
    block = rig.samples_per_frame
    frames = signals.shape[1] // block
    spectra = np.fft.rfft(signals[:, : frames * block].astype(np.float64).reshape(len(signals), frames, block))
    energies = np.zeros((frames, grid.rows, grid.columns, block // 2))
    working = [m for m in range(rig.channels) if m not in rig.broken]
    for row in range(grid.rows):
        for column in range(grid.columns):
            point = grid.points_m[row, column]
            distances = {m: math.dist(point, rig.positions_m[m]) for m in working}
            to_origin = math.dist(point, (0, 0, 0))
            sum_of_inverse_squares = sum(r**-2 for r in distances.values())
            for number in range(1, block // 2 + 1):
                wave_number = 2 * math.pi * number * rig.sample_rate / block / rig.speed_of_sound
                steered = np.zeros(frames, complex)
                for m in working:
                    r = distances[m]
                    amplitude = {
                        "classic": 1 / len(working),
                        "inverse": r / to_origin / len(working),
                        "true level": 1 / (r * to_origin * sum_of_inverse_squares),
                        "true location": 1 / (r * math.sqrt(len(working) * sum_of_inverse_squares)),
                    }[formulation]
                    steered += amplitude * cmath.exp(1j * wave_number * (r - to_origin)) * spectra[m, :, number]
                energies[:, row, column, number - 1] = 2 * np.abs(steered) ** 2 / block**2
    return energies


def reference_mel(energies: np.ndarray, frequencies: np.ndarray, bands: int, low: float, high: float) -> np.ndarray:
    """Sums under triangles that stand evenly on the mel scale."""

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    corners = [mel(low) + i * (mel(high) - mel(low)) / (bands + 1) for i in range(bands + 2)]
    corners = [700 * (10 ** (corner / 2595) - 1) for corner in corners]
    pooled = np.zeros((*energies.shape[:-1], bands))
    for band in range(bands):
        lower, centre, upper = corners[band : band + 3]
        weights = [max(0, min((f - lower) / (centre - lower), (upper - f) / (upper - centre))) for f in frequencies]
        if not any(weights):
            weights[int(np.argmin(np.abs(frequencies - centre)))] = 1
        pooled[..., band] = (energies * weights).sum(-1)
    return pooled


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.fixture(params=["camera", "extent"])
def grid(request: pytest.FixtureRequest, small_rig: Rig) -> Grid:
    if request.param == "camera":
        return camera_grid(small_rig.camera, 4, 5, 1.5)
    return extent_grid((-0.5, 0.4, -0.3, 0.6), 5, 3, 0.8)


@pytest.fixture
def signals(small_rig: Rig, rng: np.random.Generator) -> np.ndarray:
    block = small_rig.samples_per_frame
    noise = 0.3 * rng.standard_normal((small_rig.channels, FRAMES * block + 17))
    source = free_field(small_rig.positions_m, (0.2, -0.1, 1.2), rng.standard_normal(noise.shape[1]), 8000)
    return (noise + source).astype(np.float32)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_energies_are_those_of_a_loop(formulation: str, small_rig: Rig, grid: Grid, signals: np.ndarray) -> None:
    specification = ImageSpecification(features="energy", lowest_hz=1000, highest_hz=3000, formulation=formulation)
    images = Imager(small_rig, grid, specification).images(signals)
    expected = reference_energies(signals, small_rig, grid, formulation)
    assert images.features.shape == (FRAMES, grid.rows, grid.columns, 32)
    assert images.features.dtype == np.float32
    assert relative_error(images.features, expected) < 1e-5
    # Bins are 125 Hz apart: 1,000 Hz is the eighth and 3,000 Hz the twenty-fourth.
    assert relative_error(images.energy, expected[..., 7:24].sum(-1)) < 1e-5


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_mel_and_cepstrum_are_those_of_a_loop(
    formulation: str, small_rig: Rig, grid: Grid, signals: np.ndarray
) -> None:
    settings = {"bands": 9, "coefficients": 7, "lowest_hz": 200.0, "highest_hz": 3500.0, "formulation": formulation}
    energies = reference_energies(signals, small_rig, grid, formulation)
    mel = reference_mel(energies, 125.0 * np.arange(1, 33), 9, 200.0, 3500.0)
    cepstrum = scipy.fft.dct(10 * np.log10(mel), norm="ortho")[..., :7]
    found = Imager(small_rig, grid, ImageSpecification(features="mel", **settings))(signals)
    assert relative_error(found, mel) < 1e-5
    found = Imager(small_rig, grid, ImageSpecification(features="mfcc", **settings))(signals)
    assert np.abs(found - cepstrum).max() < 1e-3
    assert relative_error(found, cepstrum) < 1e-5


def test_bands_narrower_than_a_bin_take_the_nearest_bin(small_rig: Rig, grid: Grid, signals: np.ndarray) -> None:
    energies = reference_energies(signals, small_rig, grid, "classic")
    mel = reference_mel(energies, 125.0 * np.arange(1, 33), 40, 100.0, 4000.0)
    found = Imager(small_rig, grid, ImageSpecification(features="mel"))(signals)
    assert relative_error(found, mel) < 1e-5
    assert (found > 0).all()


def test_weights_keep_their_accuracy_over_512_bins(rng: np.random.Generator) -> None:
    """Weights are swept from bin to bin in float32: errors must not add up at the frame length of the paper."""
    rig = Rig("wide", rng.uniform(-0.2, 0.2, (5, 3)) * (1, 1, 0), 12288, 12.0)
    grid = extent_grid((-1, 1, -1, 1), 2, 2, 2.0)
    signals = rng.standard_normal((5, 1024)).astype(np.float32)
    found = Imager(rig, grid, ImageSpecification(features="energy"))(signals)
    assert relative_error(found, reference_energies(signals, rig, grid, "classic")) < 1e-5


def test_broken_channels_change_nothing(small_rig: Rig, grid: Grid, signals: np.ndarray) -> None:
    noisy = signals.copy()
    noisy[[2, 5]] = 1e3
    imager = Imager(small_rig, grid)
    np.testing.assert_array_equal(imager(signals), imager(noisy))
    without = Rig("six", small_rig.positions_m[small_rig.working], 8000, 125.0)
    np.testing.assert_array_equal(imager(signals), Imager(without, grid)(signals[small_rig.working]))


@pytest.mark.parametrize("features", ["energy", "mel", "mfcc"])
@given(cuts=st.lists(st.integers(0, 300), max_size=12))
def test_a_stream_of_any_blocks_gives_the_batch(features: str, cuts: list[int]) -> None:
    rng = np.random.default_rng(1)
    rig = Rig("four", rng.uniform(-0.1, 0.1, (4, 3)), 8000, 125.0, (1,))
    imager = Imager(
        rig, extent_grid((-1, 1, -1, 1), 2, 3, 1.0), ImageSpecification(features=features, bands=6, coefficients=3)
    )  # type: ignore[arg-type]
    signals = rng.standard_normal((4, 300)).astype(np.float32)
    whole = imager.images(signals)
    parts = list(imager.stream(np.split(signals, sorted(cuts), axis=1)))
    np.testing.assert_allclose(np.concatenate([part.features for part in parts]), whole.features, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.concatenate([part.energy for part in parts]), whole.energy, rtol=1e-5)
    assert sum(len(part.energy) for part in parts) == 300 // 64


def test_a_long_block_is_imaged_in_parts_of_bounded_size(rng: np.random.Generator) -> None:
    rig = Rig("two", [[0, 0, 0], [0.1, 0, 0]], 1600, 100.0)
    imager = Imager(rig, extent_grid((-1, 1, -1, 1), 1, 2, 1.0), ImageSpecification(features="energy"))
    signals = rng.standard_normal((2, 16 * 250)).astype(np.float32)
    parts = list(imager.stream([signals]))
    assert [len(part.energy) for part in parts] == [120, 120, 10]
    expected = reference_energies(signals, rig, imager.grid, "classic")
    assert relative_error(imager(signals), expected) < 1e-5


@given(factor=st.floats(1e-3, 1e3))
def test_energies_scale_with_the_square_of_the_amplitude(factor: float) -> None:
    rng = np.random.default_rng(2)
    rig = Rig("four", rng.uniform(-0.1, 0.1, (4, 3)), 8000, 125.0)
    grid = extent_grid((-1, 1, -1, 1), 2, 2, 1.0)
    signals = rng.standard_normal((4, 128)).astype(np.float32)
    imager = Imager(rig, grid, ImageSpecification(features="mel", bands=5))
    first, scaled = imager.images(signals), imager.images((factor * signals).astype(np.float32))
    np.testing.assert_allclose(scaled.features, factor**2 * first.features, rtol=1e-4)
    np.testing.assert_allclose(scaled.energy, factor**2 * first.energy, rtol=1e-4)
    cepstrum = Imager(rig, grid, ImageSpecification(bands=5, coefficients=4))
    rise = cepstrum((factor * signals).astype(np.float32)) - cepstrum(signals)
    np.testing.assert_allclose(rise[..., 0], math.sqrt(5) * 20 * math.log10(factor), atol=2e-2)
    np.testing.assert_allclose(rise[..., 1:], 0, atol=2e-2)


@pytest.mark.parametrize("formulation", ["inverse", "true level"])
def test_energy_at_the_source_is_its_mean_square_at_the_reference(
    formulation: str, small_rig: Rig, rng: np.random.Generator
) -> None:
    """Parseval: these two formulations give the level that the source has at the origin."""
    block = small_rig.samples_per_frame
    grid = extent_grid((-0.4, 0.4, -0.3, 0.3), 3, 5, 1.1)
    source = tuple(grid.points_m[2, 3])
    signal = 0.7 * periodic_noise(block, FRAMES, rng)
    signals = free_field(small_rig.positions_m, source, signal, small_rig.sample_rate)
    specification = ImageSpecification(features="energy", formulation=formulation, lowest_hz=0)
    images = Imager(small_rig, grid, specification).images(signals)
    assert images.features[:, 2, 3].sum(-1) == pytest.approx(np.mean(signal**2), rel=1e-4)
    assert images.energy[:, 2, 3] == pytest.approx(np.mean(signal**2), rel=1e-4)


def test_a_plane_wave_keeps_its_mean_square_in_every_formulation(rng: np.random.Generator) -> None:
    rig = Rig("eight", rng.uniform(-0.1, 0.1, (8, 3)), 8000, 125.0)
    far = (30.0, -20.0, 100.0)
    grid = Grid(np.array([[far]]))
    signal = periodic_noise(64, 2, rng)
    signals = free_field(rig.positions_m, far, signal, 8000)
    for formulation in FORMULATIONS:
        images = Imager(rig, grid, ImageSpecification(features="energy", lowest_hz=0, formulation=formulation))
        assert images.images(signals).energy == pytest.approx(np.mean(signal**2), rel=1e-2)


def test_energy_of_white_noise_obeys_parseval_up_to_the_edges_of_the_spectrum(rng: np.random.Generator) -> None:
    rig = Rig("one", [[0, 0, 0]], 8000, 8000 / 1024)
    signal = rng.standard_normal((1, 8 * 1024)).astype(np.float32)
    imager = Imager(rig, Grid(np.array([[[0, 0, 1.0]]])), ImageSpecification(features="energy"))
    expected = signal.reshape(8, 1024).var(axis=1)
    np.testing.assert_allclose(imager(signal).sum(-1)[:, 0, 0], expected, rtol=0.01)


def test_silence_gives_the_floor(small_rig: Rig, grid: Grid) -> None:
    silence = np.zeros((8, 64), np.float32)
    imager = Imager(small_rig, grid, ImageSpecification(bands=10, coefficients=10))
    images = imager.images(silence)
    floor_db = 10 * math.log10(FLOOR_PA2)
    np.testing.assert_allclose(images.features[..., 0], math.sqrt(10) * floor_db, rtol=1e-5)
    np.testing.assert_allclose(images.features[..., 1:], 0, atol=1e-3)
    assert not images.energy.any()
    np.testing.assert_allclose(energy_map(images.features, imager.specification), 10 * FLOOR_PA2, rtol=1e-3)


def test_energy_maps_come_back_from_every_feature(small_rig: Rig, grid: Grid, signals: np.ndarray) -> None:
    settings = {"bands": 12, "coefficients": 12}
    mel = Imager(small_rig, grid, ImageSpecification(features="mel", **settings))
    mfcc = Imager(small_rig, grid, ImageSpecification(features="mfcc", **settings))
    expected = mel(signals).sum(-1)
    np.testing.assert_allclose(energy_map(mel(signals), mel.specification), expected, rtol=1e-5)
    # As many coefficients as bands: nothing is lost but float32 decimals of decibels.
    np.testing.assert_allclose(energy_map(mfcc(signals), mfcc.specification), expected, rtol=1e-3)


def test_less_than_a_frame_gives_no_image(small_rig: Rig, grid: Grid) -> None:
    images = Imager(small_rig, grid).images(np.ones((8, 63), np.float32))
    assert images.features.shape == (0, grid.rows, grid.columns, 12)
    assert images.energy.shape == (0, grid.rows, grid.columns)


def test_signals_are_not_changed(small_rig: Rig, grid: Grid, signals: np.ndarray) -> None:
    kept = signals.copy()
    Imager(small_rig, grid)(signals)
    np.testing.assert_array_equal(signals, kept)


def test_the_reference_image_is_that_of_the_paper() -> None:
    from acoustill.rig import preset

    imager = Imager(preset("dualcam"))
    assert (imager.grid.rows, imager.grid.columns, imager.channels) == (36, 48, 12)
    assert len(imager.frequencies_hz) == 512
    assert imager.frequencies_hz[-1] == 6144


def test_a_specification_survives_json() -> None:
    specification = ImageSpecification("mel", 7, 5, 50.0, 900.0, "inverse")
    assert ImageSpecification(**specification.to_json()) == specification  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"features": "cepstra"}, "features is 'cepstra', expected energy, mel or mfcc"),
        ({"formulation": "best"}, "formulation is 'best'"),
        ({"highest_hz": 5000.0}, "frequency range is 100 to 5000 Hz, expected within 0 to 4000 Hz"),
        ({"highest_hz": 0.0}, "frequency range is 100 to 0 Hz"),
        ({"lowest_hz": 2000.0, "highest_hz": 1000.0}, "frequency range"),
        ({"lowest_hz": 2010.0, "highest_hz": 2020.0}, "narrower than one bin"),
        ({"lowest_hz": math.nan}, "frequency range"),
        ({"bands": 5, "coefficients": 6}, "number of coefficients is 6, expected 1 to 5"),
        ({"features": "mel", "bands": 0}, "0 bands"),
    ],
)
def test_specifications_that_cannot_be_met_are_refused(
    settings: dict[str, object], complaint: str, small_rig: Rig
) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        Imager(small_rig, None, dataclasses.replace(ImageSpecification(), **settings))  # type: ignore[arg-type]


def test_signals_of_another_array_are_refused(small_rig: Rig, grid: Grid, signals: np.ndarray) -> None:
    imager = Imager(small_rig, grid)
    with pytest.raises(AcoustillError, match="number of channels is 7, expected 8"):
        imager(signals[:7])
    with pytest.raises(AcoustillError, match=r"of an array of shape \(64,\)"):
        imager(signals[0, :64])
    signals[3, 20] = np.inf
    with pytest.raises(AcoustillError, match="sample 20 of channel 3 is inf"):
        imager(signals)

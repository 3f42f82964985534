"""The imager's paths against each other: exact, skeleton, bf16; batch, buffer, mean and stream."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.imaging import Grid, Imager, ImageSpecification, ImageStream, camera_grid, extent_grid
from acoustill.imaging import imager as imager_module
from acoustill.rig import Camera, Rig
from free_field import free_field

FRAMES = 7
POSITIONS = np.column_stack([np.random.default_rng(4).uniform(-0.2, 0.2, (32, 2)), np.zeros(32)])
RIG = Rig("plane", POSITIONS, 12288, 48.0, (3, 17), Camera.with_field_of_view(64, 48, 1.0))
GRID = camera_grid(RIG.camera, 12, 16, 2.0)
MEL = ImageSpecification(features="mel", bands=20)


@pytest.fixture(scope="module")
def signals() -> np.ndarray:
    """Two sources in noise."""
    rng = np.random.default_rng(1)
    samples = FRAMES * RIG.samples_per_frame + 31
    heard = 0.05 * rng.standard_normal((RIG.channels, samples)).astype(np.float32)
    for place in ((0.3, -0.2, 2.0), (-0.5, 0.4, 2.0)):
        heard += free_field(POSITIONS, place, rng.standard_normal(samples), RIG.sample_rate)
    heard[list(RIG.broken)] = np.nan  # a broken microphone may say anything
    return heard


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def p99_db(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.quantile(np.abs(10 * np.log10(found / expected)), 0.99))


def float64_energies(signals: np.ndarray, grid: Grid = GRID) -> np.ndarray:
    """(F, T, H, W)."""
    block = RIG.samples_per_frame
    frames = signals.shape[1] // block
    blocks = signals[RIG.working, : frames * block].astype(np.float64).reshape(-1, frames, block)
    spectra = np.fft.rfft(blocks)[..., 1:] * np.sqrt(2) / block
    points = grid.points_m.reshape(-1, 3)
    delays = np.linalg.norm(points[:, None] - POSITIONS[RIG.working], axis=-1) - np.linalg.norm(points, axis=1)[:, None]
    hertz = np.arange(1, block // 2 + 1) * RIG.sample_rate / block
    weights = np.exp(2j * np.pi * hertz[:, None, None] * delays / 343.0) / len(RIG.working)
    energies = np.abs(np.einsum("fpm,mtf->ftp", weights, spectra)) ** 2
    return energies.reshape(len(hertz), frames, grid.rows, grid.columns)


@pytest.mark.parametrize(
    ("path", "largest", "largest_db"), [("exact", 1e-6, 1e-4), ("skeleton", 1e-4, 0.02), ("bf16", 5e-3, 0.5)]
)
def test_each_path_keeps_its_error(path: str, largest: float, largest_db: float, signals: np.ndarray) -> None:
    imager = Imager(RIG, GRID, MEL, path=path)
    expected = np.einsum("kf,fthw->thwk", MEL.pooling(imager.frequencies_hz, 12288)[:-1], float64_energies(signals))
    images = imager.images(signals)
    assert error(images.features, expected) < largest
    assert p99_db(images.features, expected) < largest_db
    heard = float64_energies(signals)[imager.frequencies_hz >= 100].sum(axis=0)
    assert error(images.energy, heard) < largest


@pytest.mark.parametrize(("tolerance", "largest"), [(0.0, 1e-6), (2e-5, 2e-5), (1e-3, 1e-3)])
def test_energies_of_every_bin_keep_the_tolerance(tolerance: float, largest: float, signals: np.ndarray) -> None:
    imager = Imager(RIG, GRID, ImageSpecification(features="energy"), tolerance=tolerance)
    expected = float64_energies(signals)
    buffer = np.empty(expected.shape, np.float32)
    assert imager.energies(signals, buffer) is buffer
    assert error(buffer, expected) < largest
    assert (buffer >= 0).all()
    images = imager.images(signals)
    np.testing.assert_array_equal(images.features, np.moveaxis(buffer, 0, -1))
    assert error(images.energy, expected[imager.frequencies_hz >= 100].sum(axis=0)) < largest
    assert error(imager.mean_energies(signals), expected.mean(axis=1)) < largest


def test_superdirective_images_agree_between_paths(signals: np.ndarray) -> None:
    specification = ImageSpecification(features="mel", bands=20, beamformer="superdirective", formulation="true level")
    exact, skeleton = (Imager(RIG, GRID, specification, path=path)(signals) for path in ("exact", "skeleton"))
    assert error(skeleton, exact) < 1e-4
    broad = Imager(RIG, GRID, MEL, path="exact")(signals)
    assert error(broad, exact) > 0.1  # and they are other images than those of delay-and-sum


def test_frames_by_parts_are_those_of_the_whole(signals: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Imager(RIG, GRID).images(signals)
    energies = Imager(RIG, GRID).energies(signals)
    monkeypatch.setattr(imager_module, "WORKSPACE_BYTES", 1)
    imager = Imager(RIG, GRID)
    assert imager.block_frames == 1
    parts = imager.images(signals)
    np.testing.assert_allclose(parts.features, whole.features, atol=1e-3)  # decibels
    np.testing.assert_allclose(parts.energy, whole.energy, rtol=1e-5)
    np.testing.assert_allclose(imager.energies(signals), energies, rtol=1e-3, atol=1e-6 * energies.max())


@pytest.mark.parametrize("path", ["exact", "skeleton"])
@given(cuts=st.lists(st.integers(0, FRAMES * 256 + 31), max_size=8))
def test_pushed_blocks_give_the_images_of_the_whole(path: str, cuts: list[int]) -> None:
    rng = np.random.default_rng(6)
    grid = camera_grid(RIG.camera, 4, 5, 2.0)
    samples = rng.standard_normal((RIG.channels, FRAMES * 256 + 31)).astype(np.float32)
    imager = Imager(RIG, grid, path=path)
    whole = imager.images(samples)
    stream = ImageStream(imager)
    arrived = [stream.push(block) for block in np.split(samples, sorted(cuts), axis=1)]
    for pushed, edge in zip(
        np.cumsum([len(part.energy) for part in arrived]), [*sorted(cuts), FRAMES * 256], strict=True
    ):
        assert pushed == edge // 256  # a frame comes with the block that completes it
    np.testing.assert_allclose(np.concatenate([part.features for part in arrived]), whole.features, atol=1e-3)
    np.testing.assert_allclose(np.concatenate([part.energy for part in arrived]), whole.energy, rtol=1e-5)


def test_a_refused_block_leaves_the_stream_as_it_was(signals: np.ndarray) -> None:
    imager = Imager(RIG, GRID)
    stream = ImageStream(imager)
    first = stream.push(signals[:, :300])
    bad = signals[:, 300:].copy()
    bad[5, 11] = np.inf
    with pytest.raises(AcoustillError, match="sample 311 of channel 5 is inf"):
        stream.push(bad)
    with pytest.raises(AcoustillError, match="number of channels is 31"):
        stream.push(signals[:31, 300:])
    bad[5, 11] = 3e38
    with pytest.raises(AcoustillError, match="too high"):
        stream.push(bad)
    with pytest.raises(AcoustillError, match="sample 311 of channel 5 is inf"):
        stream.push(np.where(np.isnan(bad), 0, bad.astype(np.float64) * 1e10))
    rest = stream.push(signals[:, 300:])
    np.testing.assert_allclose(np.concatenate([first.energy, rest.energy]), imager.images(signals).energy, rtol=1e-5)


def test_a_bad_sample_is_named_by_its_place_in_the_recording(signals: np.ndarray) -> None:
    signals = signals.copy()
    signals[9, 1000] = np.nan
    with pytest.raises(AcoustillError, match="sample 1000 of channel 9 is nan, expected a finite number"):
        Imager(RIG, GRID)(signals)
    signals[9, 1000] = 3e38
    with pytest.raises(AcoustillError, match="too high for single precision"):
        Imager(RIG, GRID)(signals)
    tone = 1e20 * np.cos(2 * np.pi * 50 * np.arange(RIG.samples_per_frame) / RIG.samples_per_frame)
    with pytest.raises(AcoustillError, match="too high for single precision"):  # though one bin alone holds it
        Imager(RIG, GRID)(np.tile(tone, (RIG.channels, 1)))


@pytest.mark.parametrize("place", [(0.0, 2.5, 0.5), (3.0, 0.0, 2.0), (0.5, 0.3, -2.0)])
def test_sounds_outside_the_image_are_seen_by_their_side_lobes(place: tuple[float, float, float]) -> None:
    """The hardest case for skeletons: the image is faint, and no pixel of it is the source's."""
    noise = np.random.default_rng(3).standard_normal(FRAMES * RIG.samples_per_frame)
    heard = free_field(POSITIONS, place, noise, RIG.sample_rate)
    exact, skeleton = (Imager(RIG, GRID, MEL, path=path)(heard) for path in ("exact", "skeleton"))
    assert error(skeleton, exact) < 1e-3
    assert max(error(skeleton[..., band], exact[..., band]) for band in range(MEL.bands)) < 3e-3
    assert p99_db(skeleton, exact) < 0.5
    levels = [Imager(RIG, GRID, path=path)(heard) for path in ("exact", "skeleton")]
    assert np.abs(levels[0] - levels[1]).max() < 10  # of coefficients that are hundreds of decibels


@pytest.mark.parametrize("bin_", [9, 40, 111])
def test_bf16_keeps_its_error_on_tones(bin_: int) -> None:
    """Nothing averages out in a single bin."""
    tone = np.cos(2 * np.pi * bin_ * np.arange(FRAMES * RIG.samples_per_frame) / RIG.samples_per_frame)
    heard = free_field(POSITIONS, (0.2, 0.1, 2.0), tone, RIG.sample_rate)
    exact, rounded = (Imager(RIG, GRID, MEL, path=path)(heard) for path in ("exact", "bf16"))
    assert error(rounded, exact) < 5e-3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (6, 1), (2, 2), (3, 40)])
def test_images_of_any_size(height: int, width: int, signals: np.ndarray) -> None:
    grid = camera_grid(RIG.camera, height, width, 2.0)
    exact, skeleton = (Imager(RIG, grid, MEL, path=path)(signals) for path in ("exact", "skeleton"))
    assert skeleton.shape == (FRAMES, height, width, 20)
    assert error(skeleton, exact) < 1e-4


def test_depths_without_order_take_the_direct_sum(signals: np.ndarray) -> None:
    depths = 2.0 + np.random.default_rng(0).uniform(-0.3, 0.3, (12, 16))
    grid = Grid(RIG.camera.unproject(RIG.camera.pixels(12, 16), depths))
    exact, skeleton = (Imager(RIG, grid, MEL, path=path) for path in ("exact", "skeleton"))
    assert error(skeleton(signals), exact(signals)) < 1e-4
    np.testing.assert_allclose(skeleton.energies(signals)[-1], exact.energies(signals)[-1], rtol=1e-5)  # no skeleton
    assert error(skeleton.mean_energies(signals), exact.mean_energies(signals)) < 1e-4
    assert error(Imager(RIG, grid, MEL, path="bf16")(signals), exact(signals)) < 5e-3


@pytest.mark.parametrize("path", ["exact", "skeleton", "bf16"])
def test_only_bins_that_are_used_are_computed(path: str, signals: np.ndarray) -> None:
    specification = ImageSpecification(features="mel", bands=3, lowest_hz=2000, highest_hz=2500)
    imager = Imager(RIG, GRID, specification, path=path)
    assert 2000 <= imager.energies_hz[0] < imager.energies_hz[-1] <= 2500
    expected = float64_energies(signals)[(imager.frequencies_hz >= 2000) & (imager.frequencies_hz <= 2500)]
    assert error(imager.energies(signals), expected) < {"exact": 1e-6, "skeleton": 1e-4, "bf16": 5e-3}[path]
    pooling = specification.pooling(imager.frequencies_hz, 12288)[:-1]
    expected = np.einsum("kf,fthw->thwk", pooling, float64_energies(signals))
    assert error(imager(signals), expected) < {"exact": 1e-6, "skeleton": 1e-4, "bf16": 5e-3}[path]


@pytest.mark.parametrize("path", ["exact", "skeleton"])
def test_what_the_caller_set_in_torch_changes_nothing(path: str, signals: np.ndarray) -> None:
    expected = Imager(RIG, GRID, path=path)(signals)
    mean = Imager(RIG, GRID, path=path).mean_energies(signals)
    precision = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        with torch.inference_mode():
            imager = Imager(RIG, GRID, path=path)
            np.testing.assert_array_equal(imager(signals), expected)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            np.testing.assert_array_equal(imager(signals), expected)
            np.testing.assert_array_equal(imager.mean_energies(signals), mean)
        assert imager.mean_energies(signals).dtype == np.float32
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision(precision)


@pytest.mark.parametrize(
    ("features", "arguments", "path", "tolerance"),
    [
        ("mfcc", {}, "skeleton", 1e-4),
        ("mel", {}, "skeleton", 1e-4),
        ("energy", {}, "exact", 0.0),
        ("energy", {"tolerance": 1e-3}, "skeleton", 1e-3),
        ("mfcc", {"tolerance": 1e-7}, "exact", 0.0),
        ("mfcc", {"tolerance": 0}, "exact", 0.0),
        ("mfcc", {"path": "bf16"}, "bf16", 1e-3),
        ("mfcc", {"path": "exact"}, "exact", 0.0),
        ("mfcc", {"path": "skeleton", "tolerance": 0.01}, "skeleton", 0.01),
    ],
)
def test_the_path_follows_from_name_or_tolerance(
    features: str, arguments: dict[str, object], path: str, tolerance: float
) -> None:
    grid = extent_grid((-1, 1, -1, 1), 2, 3, 2.0)
    imager = Imager(RIG, grid, ImageSpecification(features=features), **arguments)  # type: ignore[arg-type]
    assert (imager.path, imager.tolerance) == (path, tolerance)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"path": "fast"}, "path is 'fast', expected one of exact, skeleton, bf16"),
        ({"path": "exact", "tolerance": 1e-3}, "tolerance of the exact path is 0.001"),
        ({"path": "skeleton", "tolerance": 0.0}, "tolerance is 0.0"),
        ({"tolerance": 2.0}, "tolerance is 2.0"),
        ({"tolerance": -1e-3}, "tolerance is -0.001"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"device": "meta"}, "device is 'meta'"),
        ({"threads": 0}, "threads is 0"),
        ({"device": "abacus"}, "device is 'abacus'"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        Imager(RIG, GRID, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "buffer",
    [np.empty((128, FRAMES, 12, 15), np.float32), np.empty((128, FRAMES, 12, 16)), np.empty((1, 1), np.float32)],
)
def test_buffers_of_another_shape_are_refused(buffer: np.ndarray, signals: np.ndarray) -> None:
    imager = Imager(RIG, GRID, ImageSpecification(features="energy"))
    with pytest.raises(AcoustillError, match=r"out is .* expected contiguous and writeable float32 \(128, 7, 12, 16\)"):
        imager.energies(signals, buffer)


def test_the_number_of_threads_is_put_back(signals: np.ndarray) -> None:
    before = torch.get_num_threads()
    imager = Imager(RIG, GRID, threads=2)
    np.testing.assert_allclose(imager(signals), Imager(RIG, GRID)(signals), atol=1e-3)
    assert torch.get_num_threads() == before
    bad = signals.copy()
    bad[0, 0] = np.nan
    with pytest.raises(AcoustillError):
        imager(bad)
    assert torch.get_num_threads() == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize(("path", "largest"), [("exact", 1e-6), ("skeleton", 1e-4), ("bf16", 5e-3)])
def test_a_gpu_sees_the_same(path: str, largest: float, signals: np.ndarray) -> None:
    expected = Imager(RIG, GRID, MEL, path="exact").images(signals)
    found = Imager(RIG, GRID, MEL, path=path, device="cuda").images(signals)
    assert error(found.features, expected.features) < largest
    assert error(found.energy, expected.energy) < largest


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_hours_of_sound_take_no_more_memory_than_seconds() -> None:
    imager = Imager(RIG, extent_grid((-1, 1, -1, 1), 4, 5, 2.0))
    stream = ImageStream(imager)
    block = np.random.default_rng(0).standard_normal((RIG.channels, 5000)).astype(np.float32)

    def resident_mb() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    for _ in range(20):
        stream.push(block)
    before = resident_mb()
    frames = sum(len(stream.push(block).energy) for _ in range(500))
    assert frames > 500 * 5000 // RIG.samples_per_frame - 2
    assert resident_mb() - before < 20  # the sound alone is 320 MB

"""The rig and those that ship with acoustill."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acoustill.errors import AcoustillError
from acoustill.rig import PRESETS, Rig, preset


def test_dualcam_is_the_reference_rig() -> None:
    rig = preset("dualcam")
    assert (rig.channels, rig.sample_rate, rig.frame_rate, rig.samples_per_frame) == (128, 12288, 12.0, 1024)
    assert rig.broken == (79, 105)
    assert len(rig.working) == 126
    assert not {79, 105} & set(rig.working)
    spread = np.ptp(rig.positions_m, axis=0)
    assert spread[2] == 0
    assert (spread[:2] <= 0.45).all()
    assert (spread[:2] > 0.40).all()
    assert np.abs(rig.positions_m.mean(axis=0)).max() < 0.005
    assert (rig.camera.width, rig.camera.height) == (640, 480)


def test_dualcam_is_irregular_with_room_between_microphones() -> None:
    positions = preset("dualcam").positions_m
    gaps = np.linalg.norm(positions[:, None] - positions, axis=-1)
    nearest = gaps[gaps > 0].reshape(128, 127).min(axis=1)
    assert nearest.min() > 0.01
    assert nearest.max() < 0.06
    assert len(np.unique(positions[:, 0])) > 120
    np.testing.assert_array_equal(positions, preset("dualcam").positions_m)


def test_uma16_counts_row_by_row_from_the_top_left() -> None:
    rig = preset("uma16")
    assert (rig.channels, rig.sample_rate, rig.broken) == (16, 48000, ())
    np.testing.assert_allclose(rig.positions_m[0], (-0.063, -0.063, 0))
    np.testing.assert_allclose(rig.positions_m[1] - rig.positions_m[0], (0.042, 0, 0), atol=1e-12)
    np.testing.assert_allclose(rig.positions_m[4] - rig.positions_m[0], (0, 0.042, 0), atol=1e-12)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_look_ahead(name: str) -> None:
    rig = preset(name)
    assert rig.name == name
    np.testing.assert_allclose(rig.camera.project([0, 0, 2.0]), (320, 240))


def test_unknown_presets_are_refused_with_the_known_ones() -> None:
    with pytest.raises(AcoustillError, match="preset is 'kinect', expected one of dualcam, uma16"):
        preset("kinect")


def test_positions_cannot_be_changed_behind_the_rigs_back() -> None:
    mine = np.zeros((2, 3))
    mine[1, 0] = 0.1
    rig = Rig("two", mine, 8000, 10.0)
    mine[0] = 9
    assert not rig.positions_m[0].any()
    with pytest.raises(ValueError, match="read-only"):
        rig.positions_m[0, 0] = 1.0


def test_broken_channels_are_sorted_and_left_out_of_the_aperture() -> None:
    rig = Rig("three", [[0, 0, 0], [0.1, 0, 0], [0.5, 0, 0]], 8000, 10.0, broken=(2, 2))
    assert rig.broken == (2,)
    assert rig.aperture_m == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"positions_m": np.zeros((0, 3))}, r"positions_m is of shape \(0, 3\)"),
        ({"positions_m": np.zeros((4, 2))}, r"positions_m is of shape \(4, 2\)"),
        ({"positions_m": [[0, 0, math.nan]]}, "positions_m is not finite"),
        ({"positions_m": [[0, 0, 0], [0, 0, 1e-9]]}, "the same for two microphones"),
        ({"broken": (2,)}, r"broken is \[2\], expected channels 0 to 1"),
        ({"broken": (-1,)}, r"broken is \[-1\]"),
        ({"broken": (0, 1)}, "every channel"),
        ({"sample_rate": 0}, "not positive"),
        ({"frame_rate": -12.0}, "not positive"),
        ({"frame_rate": math.nan}, "not positive"),
        ({"frame_rate": math.inf}, "not positive"),
        ({"speed_of_sound": 0.0}, "not positive"),
        ({"speed_of_sound": math.nan}, "not positive"),
        ({"frame_rate": 7.0}, "samples per frame is 1142.86, expected a whole number"),
        ({"frame_rate": 1e12}, "samples per frame"),
    ],
)
def test_impossible_rigs_are_refused(changed: dict[str, object], complaint: str) -> None:
    possible = {"name": "two", "positions_m": [[0, 0, 0], [0.1, 0, 0]], "sample_rate": 8000, "frame_rate": 10.0}
    Rig(**possible)  # type: ignore[arg-type]
    with pytest.raises(AcoustillError, match=complaint):
        Rig(**(possible | changed))  # type: ignore[arg-type]

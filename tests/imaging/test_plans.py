"""Skeletons on disk: found again when everything is the same, never when anything is not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from acoustill.imaging import DelayAndSum, Superdirective, extent_grid, plans
from acoustill.imaging.plans import content_hash, skeleton_for, skeletons_folder
from acoustill.imaging.skeleton import SkeletonGroup
from acoustill.imaging.steering import FilterAndSum

POSITIONS = np.random.default_rng(2).uniform(-0.2, 0.2, (12, 3))
POINTS = extent_grid((-0.5, 0.5, -0.5, 0.5), 5, 6, 1.0).points_m.reshape(-1, 3)
FREQUENCIES = np.array([500.0, 1000.0, 1500.0])


def kept(folder: Path, beamformer: FilterAndSum | None = None, tolerance: float = 1e-3) -> list[SkeletonGroup]:
    return skeleton_for(beamformer or DelayAndSum(POSITIONS, POINTS), 5, 6, FREQUENCIES, tolerance, folder)


def assert_equal(one: list[SkeletonGroup], other: list[SkeletonGroup]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.start, a.stop) == (b.start, b.stop)
        for name in ("rows", "columns", "from_rows", "from_columns", "weights"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
            assert getattr(a, name).dtype == getattr(b, name).dtype


def test_a_skeleton_is_planned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kept(tmp_path)
    monkeypatch.setattr(plans, "plan_skeleton", lambda *_: pytest.fail("planned again"))
    assert_equal(kept(tmp_path), first)


def test_whatever_changes_is_planned_anew(tmp_path: Path) -> None:
    """Content is hashed, not what it prints: neither a tenth digit nor the middle of a long array is lost."""
    moved = POSITIONS.copy()
    moved[6, 1] += 1e-10
    further = POINTS.copy()
    further[13, 2] *= 1 + 1e-12
    for beamformer in (
        DelayAndSum(POSITIONS, POINTS),
        DelayAndSum(moved, POINTS),
        DelayAndSum(POSITIONS, further),
        DelayAndSum(POSITIONS, POINTS, "true level"),
        DelayAndSum(POSITIONS, POINTS, speed_of_sound=344.0),
        Superdirective(POSITIONS, POINTS),
        Superdirective(POSITIONS, POINTS, white_noise_gain_db=1.0),
    ):
        kept(tmp_path, beamformer)
    kept(tmp_path, tolerance=2e-3)
    skeleton_for(DelayAndSum(POSITIONS, POINTS), 5, 6, FREQUENCIES * 2, 1e-3, tmp_path)
    skeleton_for(DelayAndSum(POSITIONS, POINTS), 6, 5, FREQUENCIES, 1e-3, tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 10


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    first = kept(tmp_path)
    path = next(tmp_path.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:100])
    assert_equal(kept(tmp_path), first)
    assert path.stat().st_size > 100


def test_a_file_of_something_else_is_made_anew(tmp_path: Path) -> None:
    first = kept(tmp_path)
    path = next(tmp_path.glob("*.safetensors"))
    for tensors in ({"0.span": np.array([0, 3])}, {"other": np.zeros(3)}):
        save_file(tensors, path)
        assert_equal(kept(tmp_path), first)


def test_a_full_disk_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("no space left")

    monkeypatch.setattr(plans, "save_file", full)
    assert_equal(kept(tmp_path), kept(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_may_only_be_read_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    kept(tmp_path)
    monkeypatch.setattr(os, "utime", forbidden)
    monkeypatch.setattr(plans, "plan_skeleton", lambda *_: pytest.fail("planned again"))
    assert kept(tmp_path)


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert_equal(kept(tmp_path / "file"), kept(tmp_path / "folder"))


def test_nothing_is_kept_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_save", lambda *_: pytest.fail("kept"))
    assert skeleton_for(DelayAndSum(POSITIONS, POINTS), 5, 6, FREQUENCIES, 1e-3, None)


def test_the_longest_unused_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path, tolerance=1e-3)
    oldest = next(tmp_path.glob("*.safetensors"))
    os.utime(oldest, (1, 1))
    kept(tmp_path, tolerance=2e-3)
    (used,) = set(tmp_path.glob("*.safetensors")) - {oldest}
    os.utime(used, (2, 2))
    kept(tmp_path, tolerance=2e-3)  # found, so that it is the newest now
    assert used.stat().st_mtime > 2
    monkeypatch.setattr(plans, "LARGEST_BYTES", 2.5 * used.stat().st_size)
    kept(tmp_path, tolerance=3e-3)
    assert not oldest.exists()
    assert used.exists()
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACOUSTILL_CACHE", "/chosen")
    assert skeletons_folder() == Path("/chosen/skeletons")
    monkeypatch.delenv("ACOUSTILL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/users")
    assert skeletons_folder() == Path("/users/acoustill/skeletons")


def test_hashes_tell_shapes_and_types_apart() -> None:
    flat = np.arange(6.0)
    hashes = {
        content_hash({"a": value})
        for value in (
            flat,
            flat.reshape(2, 3),
            flat.reshape(3, 2),
            flat.astype(np.float32),
            flat.view(np.int64),
            "a",
            1,
        )
    }
    assert len(hashes) == 7
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})

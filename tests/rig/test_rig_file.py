"""The rig file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from acoustill.errors import AcoustillError
from acoustill.rig import PRESETS, Camera, Rig, load_rig, preset, save_rig
from acoustill.rig.file import rig_to_text

finite = st.floats(-10, 10)
rigs = st.builds(
    lambda name, points, broken, turn, place, speed, lens: Rig(
        name,
        np.array(points),
        48000,
        48000 / 4096,
        tuple(b for b in broken if b < len(points) - 1),
        Camera(33, 21, (17.3, 19.1), (3.0, 4.0), place, Rotation.from_euler("xyz", turn).as_matrix().tolist(), lens),
        speed,
    ),
    st.text(min_size=1, max_size=20),
    st.lists(
        st.tuples(finite, finite, finite), min_size=1, max_size=6, unique_by=lambda p: tuple(round(v, 4) for v in p)
    ),
    st.lists(st.integers(0, 5), max_size=3),
    st.tuples(finite, finite, finite),
    st.tuples(finite, finite, finite),
    st.floats(300, 1500),
    st.one_of(st.just(()), st.tuples(*[st.floats(0, 0.01)] * 4), st.tuples(*[st.floats(0, 0.01)] * 5)),
)


def assert_same(one: Rig, other: Rig) -> None:
    np.testing.assert_array_equal(one.positions_m, other.positions_m)
    assert (one.name, one.sample_rate, one.frame_rate, one.broken, one.speed_of_sound) == (
        other.name, other.sample_rate, other.frame_rate, other.broken, other.speed_of_sound
    )  # fmt: skip
    for name in ("width", "height", "focal_px", "principal_point_px", "position_m", "distortion"):
        assert tuple(np.atleast_1d(getattr(one.camera, name))) == tuple(np.atleast_1d(getattr(other.camera, name)))
    np.testing.assert_array_equal(one.camera.rotation, other.camera.rotation)


@given(rigs)
def test_what_is_written_is_read_back_exactly(tmp_path: Path, rig: Rig) -> None:
    path = tmp_path / "rig.yaml"
    save_rig(rig, path)
    assert_same(load_rig(path), rig)
    assert rig_to_text(load_rig(path)) == rig_to_text(rig)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_the_file(name: str, tmp_path: Path) -> None:
    save_rig(preset(name), tmp_path / "rig.yaml")
    assert_same(load_rig(tmp_path / "rig.yaml"), preset(name))
    assert_same(load_rig(name), preset(name))


def test_files_without_distortion_stay_as_they_were(tmp_path: Path) -> None:
    text = rig_to_text(preset("dualcam"))
    assert "distortion" not in text
    (tmp_path / "rig.yaml").write_text(text)
    assert load_rig(tmp_path / "rig.yaml").camera.distortion == ()


def test_distortion_is_read_in_the_order_of_opencv(tmp_path: Path) -> None:
    described = yaml.safe_load(rig_to_text(preset("uma16")))
    described["camera"]["distortion"] = [-0.1, 0.02, 0.001, -0.002, 0]
    (tmp_path / "rig.yaml").write_text(yaml.safe_dump(described))
    assert load_rig(tmp_path / "rig.yaml").camera.distortion == (-0.1, 0.02, 0.001, -0.002, 0.0)


def with_geometry(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content)
    described = yaml.safe_load(rig_to_text(preset("uma16")))
    del described["positions_m"]
    described["geometry"] = name
    path = folder / "rig.yaml"
    path.write_text(yaml.safe_dump(described))
    return path


def test_microphones_may_stand_in_a_file_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = with_geometry(tmp_path, "array.csv", "x_m,y_m,z_m\n0,0,0\n0.25,0,0\n")
    assert load_rig(path).channels == 2
    monkeypatch.chdir(tmp_path.parent)
    assert load_rig(os.path.relpath(path)).channels == 2
    path = with_geometry(tmp_path, "array.xml", '<MicArray><pos Name="1" x="0" y="0.5" z="0"/></MicArray>')
    np.testing.assert_array_equal(load_rig(path).positions_m, [[0, 0.5, 0]])


def test_a_channel_column_is_followed_or_refused(tmp_path: Path) -> None:
    path = with_geometry(tmp_path, "array.csv", "channel,x_m,y_m,z_m\n1,0.1,0,0\n0,0.2,0,0\n")
    np.testing.assert_array_equal(load_rig(path).positions_m[:, 0], [0.2, 0.1])
    path = with_geometry(tmp_path, "array.csv", "channel,x_m,y_m,z_m\n2,0.1,0,0\n3,0.2,0,0\n")
    with pytest.raises(AcoustillError, match=r"array.csv: channel column is \[2, 3\], expected each of 0 to 1"):
        load_rig(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"geometry": "array.csv"}, "give either positions_m or geometry"),
        ({"positions_m": None}, "give either positions_m or geometry"),
        ({"positions_m": [[0, 0]]}, r"positions_m.0.2 is missing"),
        ({"positions_m": []}, r"positions_m is of shape \(0,\)"),
        ({"camera": None}, "camera is None: Input should be"),
        ({"camera": {"width": 3}}, "camera.height is missing"),
        ({"name": 5}, "name is 5: Input should be a valid string"),
        (
            {"camera": {"width": 3, "height": 2, "focal_px": [1, 1], "principal_point_px": [1, 1], "distortion": "x"}},
            "camera.distortion is 'x': Input should be a valid tuple",
        ),
    ],
)
def test_fields_that_cannot_be_used_are_named(change: dict[str, object], complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(rig_to_text(preset("uma16"))) | change))
    with pytest.raises(AcoustillError, match=complaint):
        load_rig(path)


@given(st.one_of(st.text(max_size=60).map(str.encode), st.binary(max_size=60)))
def test_any_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rig.yaml"
    path.write_bytes(content)
    with pytest.raises(AcoustillError) as caught:
        load_rig(path)
    assert "\n" not in str(caught.value)


def test_code_in_yaml_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text(f"name: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n")
    with pytest.raises(AcoustillError, match="not a YAML file"):
        load_rig(path)
    assert not (tmp_path / "made").exists()

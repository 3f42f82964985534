"""Readers of microphone positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.rig import read_geometry


@given(st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 3), min_size=1, max_size=9))
def test_numbers_come_back_exactly(tmp_path: Path, points: list[tuple[float, float, float]]) -> None:
    csv, xml = tmp_path / "array.csv", tmp_path / "array.xml"
    csv.write_text("x_m,y_m,z_m\n" + "".join(f"{x!r},{y!r},{z!r}\n" for x, y, z in points))
    xml.write_text(
        "<MicArray>" + "".join(f'<pos x="{x!r}" y="{y!r}" z="{z!r}"/>' for x, y, z in points) + "</MicArray>"
    )
    for path in (csv, xml):
        positions, channels = read_geometry(path)
        np.testing.assert_array_equal(positions, points)
        assert channels == list(range(len(points)))


@pytest.mark.parametrize(
    "content",
    [
        "x_m,y_m,z_m\n1,2,3\n",
        "\ufeffx_m,y_m,z_m\n1,2,3\n",  # as spreadsheets write it
        "x_m,y_m,z_m\r\n1,2,3\r\n",
        "z_m,name,x_m,y_m\n3,front,1,2\n",
        "x_m,y_m,z_m\n 1.0 ,2e0,3\n\n",
        '"x_m","y_m","z_m"\n"1","2","3"\n',
    ],
)
def test_odd_tables_are_read(content: str, tmp_path: Path) -> None:
    path = tmp_path / "array.CSV"
    path.write_text(content, encoding="utf-8", newline="")
    np.testing.assert_array_equal(read_geometry(path)[0], [[1, 2, 3]])


def test_channels_say_which_of_the_recordings_are_microphones(tmp_path: Path) -> None:
    path = tmp_path / "array.csv"
    path.write_text("channel,x_m,y_m,z_m\n4,0,0,0\n2,1,0,0\n")
    positions, channels = read_geometry(path)
    assert channels == [4, 2]
    np.testing.assert_array_equal(positions[:, 0], [0, 1])


def test_acoulars_own_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "array_4.xml"
    path.write_text(
        '<?xml version="1.1" encoding="utf-8"?>\n<MicArray name="array_4">\n'
        ' <pos Name="Point 1" x="0.1" y="-0.2" z="0" />\n <pos Name="Point 2" x="-0.1" y="0.2" z="0"/>\n</MicArray>\n'
    )
    positions, _ = read_geometry(path)
    np.testing.assert_array_equal(positions, [[0.1, -0.2, 0], [-0.1, 0.2, 0]])


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("array.txt", "0 0 0", "file type is .txt, expected a .csv or an Acoular .xml file"),
        ("array", "0 0 0", "file type is none"),
        ("array.csv", "x_m,y_m,z_m\n", "header is empty|number of microphones is 0"),
        ("array.csv", "x_m,y_m,z_m\n1,2\n", "a row does not hold numbers"),
        ("array.csv", "x_m,y_m,z_m\n1,2,inf\n", "position of microphone 0"),
        ("array.csv", "channel,x_m,y_m,z_m\n1.5,1,2,3\n", "a row does not hold numbers"),
        ("array.csv", "channel,x_m,y_m,z_m\n-1,1,2,3\n", "channel column"),
        ("array.xml", "<MicArray>", "not an Acoular geometry file"),
        ("array.xml", "<MicArray/>", "number of microphones is 0"),
        ("array.xml", '<MicArray><pos x="1" y="2"/></MicArray>', "not an Acoular geometry file"),
        ("array.xml", '<MicArray><pos x="1" y="2" z="far"/></MicArray>', "not an Acoular geometry file"),
        ("array.xml", '<!DOCTYPE x [<!ENTITY a "b">]><MicArray/>', "content is XML with a document type"),
    ],
)
def test_files_that_hold_no_positions_are_refused(name: str, content: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(AcoustillError, match=f"{name}: ({complaint})"):
        read_geometry(path)
    with pytest.raises(AcoustillError, match="no such geometry file"):
        read_geometry(tmp_path / "nowhere.csv")


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: b"x_m,y_m,z_m\n" + text.encode())))
def test_any_bytes_give_positions_or_one_error(tmp_path: Path, content: bytes) -> None:
    for name in ("array.csv", "array.xml"):
        path = tmp_path / name
        path.write_bytes(content)
        try:
            positions, channels = read_geometry(path)
        except AcoustillError:
            continue
        assert positions.shape == (len(channels), 3)
        assert np.isfinite(positions).all()

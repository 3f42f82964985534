"""`acoustill image`: files of every kind in, files of every kind out."""

from __future__ import annotations

import json
import re
import tracemalloc
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
import soundfile
from takes_for_tests import FRAME, FRAME_RATE, RATE, noise_at, rig_file, take_rig, write_take

from acoustill.archive import Archive, validate_archive
from acoustill.commands.image import ImageOptions, image_recordings
from acoustill.commands.setting import Setting
from acoustill.errors import AcoustillError
from acoustill.imaging import Imager, ImageSpecification, camera_grid
from refusals import refuses

SIZE = ("--grid", "12x9")


@pytest.fixture
def signals() -> np.ndarray:
    return noise_at((20.0, 15.0), 1.01)


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    return rig_file(tmp_path)


def test_npz_npy_and_the_library_give_the_same(signals: np.ndarray, rig: Path, tmp_path: Path, command) -> None:
    take = write_take(tmp_path / "take.wav", signals)
    for name in ("a.npz", "a.npy"):
        ended = command("image", take, "--rig", rig, *SIZE, "--out", tmp_path / name)
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.splitlines()[0] == f"{take}: 20 frames of 9 x 12 pixels"
    expected = Imager(take_rig(), camera_grid(take_rig().camera, 9, 12, 2.0)).images(signals)
    with np.load(tmp_path / "a.npz") as maps:
        np.testing.assert_allclose(maps["images"], expected.features, atol=0.01)
        np.testing.assert_allclose(maps["energy"], expected.energy, rtol=1e-4)
        assert maps["points_m"].shape == (9, 12, 3)
        np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), maps["images"])


@pytest.mark.parametrize("kind", ["flac", "h5", "npy", "folder", "int32 folder"])
def test_every_kind_of_file_shows_the_same_source(
    kind: str, signals: np.ndarray, rig: Path, tmp_path: Path, command
) -> None:
    path = tmp_path / f"take.{kind}"
    if kind == "flac":
        soundfile.write(path, signals.T[:, :8], RATE, "PCM_24")  # libsndfile writes FLAC of at most 8 channels
        positions = "\n".join(",".join(map(str, place)) for place in take_rig().positions_m[:8])
        (tmp_path / "array.csv").write_text("x_m,y_m,z_m\n" + positions)
        extent = ["--extent=-1,1,-0.75,0.75", "--frame-samples", FRAME]
        ended = command("image", path, "--geometry", tmp_path / "array.csv", *extent, *SIZE, "--json")
    else:
        if kind == "h5":
            with h5py.File(path, "w") as file:
                file.create_dataset("time_data", data=signals.T).attrs["sample_freq"] = float(RATE)
        elif kind == "npy":
            np.save(path, signals.T)
        else:
            path.mkdir()
            for i in range(20):
                frame = signals.T[FRAME * i : FRAME * i + FRAME]
                integers = (frame * 2.0**31).astype(np.int32)
                np.save(path / f"A_{i:06d}.npy", integers if kind == "int32 folder" else frame)
        ended = command("image", path, "--rig", rig, *SIZE, "--json")
    assert (ended.status, ended.err) == (0, "")
    summary = json.loads(ended.out)
    assert summary["frames"] == 20
    assert (summary["scaling"] is not None) == (kind == "int32 folder")
    if kind != "flac":
        source = take_rig().camera.unproject(np.array([20.0, 15.0]), 2.0)
        found = [summary["peaks"][0][f"{axis}_m"] for axis in "xyz"]
        assert np.linalg.norm(source - found) < 0.06


def test_what_was_done_to_integers_is_said(signals: np.ndarray, rig: Path, tmp_path: Path, command) -> None:
    np.save(tmp_path / "take.npy", (signals * 2**15).astype(np.int16))
    ended = command("image", tmp_path / "take.npy", "--rig", rig, *SIZE)
    assert ended.out.splitlines()[1] == "  int16 samples divided by 32768, full scale"


def test_a_folder_becomes_an_archive_of_unlabelled_recordings(rig: Path, tmp_path: Path, command) -> None:
    takes = [write_take(tmp_path / f"take {i}.wav", noise_at((20.0 + 9 * i, 30.0), 0.6, seed=i)) for i in range(3)]
    out = tmp_path / "archive"
    ended = command("image", *takes, "--rig", rig, *SIZE, "--out", out)
    assert (ended.status, ended.err) == (0, "")
    archive = Archive(out)
    assert list(archive.entries) == ["take-0", "take-1", "take-2"]
    assert validate_archive(out) == []
    assert command("validate", out).status == 0
    assert archive.classes == ()
    entry, recording = archive.entries["take-1"], archive["take-1"]
    assert (entry.label, entry.frames, entry.streams) == (None, 12, ("audio", "image"))
    np.testing.assert_array_equal(recording.audio, soundfile.read(takes[1], dtype="float32")[0].T[:, : 12 * FRAME])
    assert recording.image.dtype == np.float16
    expected = Imager(take_rig(), camera_grid(take_rig().camera, 9, 12, 2.0))(recording.audio)
    np.testing.assert_allclose(recording.image, expected, rtol=2e-3, atol=0.02)

    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    again = command("image", *takes, "--rig", rig, *SIZE, "--out", out)
    assert again.out.count("is in the archive already") == 3
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    write_take(takes[0], noise_at((9.0, 30.0), 0.6))
    changed = command("image", takes[0], "--rig", rig, *SIZE, "--out", out)
    assert changed.status == 2
    assert "recording take-0 is there, of another source" in changed.err
    other = command("image", takes[0], "--rig", rig, "--grid", "8x6", "--out", out)
    assert "an archive made with other settings is there" in other.err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_bad_recordings_are_set_aside_and_listed(rig: Path, tmp_path: Path, command) -> None:
    good = write_take(tmp_path / "good.wav", noise_at((20.0, 30.0), 0.3))
    broken = noise_at((20.0, 30.0), 0.3)
    broken[3, 2000] = np.nan
    bad = write_take(tmp_path / "bad.wav", broken)
    silent = write_take(tmp_path / "silent.wav", 0 * broken[:, :900])
    out = tmp_path / "archive"
    ended = command("image", bad, good, silent, "--rig", rig, *SIZE, "--out", out)
    assert ended.status == 1
    assert ended.err.splitlines() == [
        "2 set aside:",
        f"  {bad}: {bad}: sample 2000 of channel 3 is nan, expected a finite number",
        f"  {silent}: {silent}: every sample is zero, expected sound in at least one working channel",
    ]
    assert list(Archive(out).entries) == ["good"]
    assert validate_archive(out) == []
    nothing = command("image", bad, silent, "--rig", rig, *SIZE, "--out", tmp_path / "none")
    assert nothing.status == 2
    assert "none of 2 recordings can be imaged" in nothing.err
    assert not (tmp_path / "none").exists()


def test_a_broken_channel_may_hold_anything(rig: Path, tmp_path: Path, command) -> None:
    signals = noise_at((20.0, 30.0), 0.3)
    (broken,) = take_rig().broken
    signals[broken, 1000:1010] = np.nan
    take, out = write_take(tmp_path / "take.wav", signals), tmp_path / "archive"
    assert command("image", take, "--rig", rig, *SIZE, "--out", out).status == 0
    kept = np.array(Archive(out)["take"].audio)
    assert not kept[broken, 1000:1010].any()
    signals[broken, 1000:1010] = 0.0
    np.testing.assert_array_equal(kept, signals[:, : kept.shape[1]])


def test_names_that_cannot_be_read_do_not_stop_the_others(rig: Path, tmp_path: Path, command) -> None:
    good = write_take(tmp_path / "good.wav", noise_at((20.0, 30.0), 0.3))
    locked, long = tmp_path / "locked.npy", tmp_path / ("x" * 300)
    locked.symlink_to(locked)
    out = tmp_path / "archive"
    ended = command("image", long, good, locked, "--rig", rig, *SIZE, "--out", out)
    assert ended.status == 1
    assert "cannot be read (File name too long)" in ended.err
    assert list(Archive(out).entries) == ["good"]


def test_what_is_set_aside_at_the_last_step_is_not_written(
    rig: Path, tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = [write_take(tmp_path / f"{name}.wav", noise_at((20.0, 30.0), 0.3)) for name in "ab"]
    takes[0].write_bytes(takes[1].read_bytes()[:-4] + b"\0\0\0\0")
    found = iter([AcoustillError("map: energy is zero or not finite, expected positive energies"), []])

    def find(*_: object) -> list[object]:
        answer = next(found)
        if isinstance(answer, AcoustillError):
            raise answer
        return answer

    monkeypatch.setattr("acoustill.commands.image.find_peaks", find)
    ended = command("image", *takes, "--rig", rig, *SIZE, "--out", tmp_path / "archive")
    assert ended.status == 1
    assert (
        ended.err.splitlines()[1]
        == f"  {takes[0]}: {takes[0]}: map: energy is zero or not finite, expected positive energies"
    )
    assert list(Archive(tmp_path / "archive").entries) == ["b"]
    assert [path.name for path in (tmp_path / "archive/recordings").iterdir()] == ["b"]


def test_a_take_is_imaged_once_whatever_it_is_called(rig: Path, tmp_path: Path, command) -> None:
    takes = []
    for seed, folder in enumerate("ab"):
        (tmp_path / folder).mkdir()
        takes.append(write_take(tmp_path / folder / "take.wav", noise_at((20.0, 30.0), 0.3, seed=seed)))
    arguments = ["--rig", rig, *SIZE, "--out", tmp_path / "archive"]
    assert command("image", takes[0], *arguments).status == 0
    ended = command("image", *takes, *arguments)
    assert (ended.status, ended.out.count("is in the archive already")) == (0, 1)
    assert list(Archive(tmp_path / "archive").entries) == ["b-take", "take"]
    assert validate_archive(tmp_path / "archive") == []


def test_several_recordings_without_a_file_to_write(rig: Path, tmp_path: Path, command) -> None:
    takes = [write_take(tmp_path / f"{name}.wav", noise_at((20.0, 30.0), 0.3)) for name in "ab"]
    summaries = json.loads(command("image", *takes, "--rig", rig, *SIZE, "--json").out)
    assert [summary["recording"] for summary in summaries] == [str(take) for take in takes]
    refused = command("image", *takes, "--rig", rig, "--out", tmp_path / "x.npz")
    assert refused.status == 2
    assert "x.npz for 2 recordings, expected a folder" in refused.err
    twice = command("image", takes[0], takes[0], "--rig", rig, "--out", tmp_path / "x")
    assert "expected one that no other recording gets" in twice.err


def test_a_video_is_written(signals: np.ndarray, rig: Path, tmp_path: Path, command) -> None:
    take = write_take(tmp_path / "take.wav", signals)
    assert command("image", take, "--rig", rig, *SIZE, "--out", tmp_path / "x.mp4").status == 0
    with av.open(str(tmp_path / "x.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.streams.video[0].frames == 20
        assert container.streams.video[0].average_rate == FRAME_RATE


def test_a_depth_map_takes_the_place_of_the_distance(rig: Path, tmp_path: Path, command) -> None:
    take = write_take(tmp_path / "take.wav", noise_at((24.0, 36.0), 0.3, distance_m=0.5))
    np.save(tmp_path / "depth.npy", np.full((18, 24), 0.5))
    arguments = ["--rig", rig, *SIZE, "--json"]
    near = json.loads(command("image", take, *arguments, "--depth", tmp_path / "depth.npy").out)
    assert near["peaks"][0]["z_m"] == 0.5
    assert near["peaks"] == json.loads(command("image", take, *arguments, "--distance", "0.5").out)["peaks"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "a.mat"], r"--out is a.mat, expected a file name that ends in .npz, .npy or .mp4, or a folder"),
        (["--sample-rate", "16000"], "sample rate is 8000 Hz, expected 16000 Hz, the one given"),
        (["--sample-rate", "-3"], "sample rate given is -3 Hz"),
        (["--depth", "none.npy"], "none.npy: no such depth map"),
        (["--depth", "rig.yaml"], "rig.yaml: not a depth map"),
        (["--beamformer", "loudest"], "beamformer is 'loudest'"),
        (["--extent=-1,1,-1,1", "--out", "x.mp4"], "a video shows the camera's view"),
        (["--extent=-1,1,-1,1", "--depth", "d.npy"], "--depth is for the camera's view"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: list[str], says: str, signals: np.ndarray, rig: Path, tmp_path: Path, command, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_take(tmp_path / "take.wav", signals)
    refuses(command, tmp_path, "image", "take.wav", "--rig", rig, *arguments, says=re.escape(says))


@pytest.mark.parametrize("out", ["x.npy", "x.npz", "archive"])
def test_a_long_recording_does_not_fill_memory(out: str, rig: Path, tmp_path: Path) -> None:
    seconds = 120
    noise = np.random.default_rng(0).integers(-9999, 9999, (16, RATE), dtype=np.int16)
    long = np.lib.format.open_memmap(tmp_path / "take.npy", "w+", np.int16, (16, seconds * RATE))
    for second in range(seconds):
        long[:, second * RATE : (second + 1) * RATE] = noise
    options = ImageOptions(Setting("image", str(rig), grid="12x9"), out=tmp_path / out)
    image_recordings([tmp_path / "take.npy"], ImageOptions(options.setting))  # what is built only once
    tracemalloc.start()
    try:
        image_recordings([tmp_path / "take.npy"], options)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 0.5 * 4 * 16 * seconds * RATE  # the signals alone would be twice as many bytes


def test_the_beamformer_can_be_chosen(signals: np.ndarray, rig: Path, tmp_path: Path, command) -> None:
    take = write_take(tmp_path / "take.wav", signals)
    arguments = ["image", take, "--rig", rig, *SIZE, "--beamformer", "superdirective", "--out", tmp_path / "s.npy"]
    assert command(*arguments).status == 0
    specification = ImageSpecification(beamformer="superdirective")
    expected = Imager(take_rig(), camera_grid(take_rig().camera, 9, 12, 2.0), specification)(signals)
    np.testing.assert_allclose(np.load(tmp_path / "s.npy"), expected, atol=0.01)

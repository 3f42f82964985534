"""AVIA's own folders: what is written there is what the importer reads."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from acoustill.archive import Archive, create_archive, finish_archive, write_recording
from acoustill.archive.archive import ImageHeader
from acoustill.archive.exporters import avia
from acoustill.archive.exporters.avia import FULL_SCALE_PA, avia_numbers, to_int32, write_avia
from acoustill.archive.exporters.avia_archive import export_avia
from acoustill.archive.importers.avia import plan_avia
from acoustill.archive.importers.avia_names import ACTIONS, SCENARIOS
from acoustill.archive.importers.frame_folders import FrameOptions
from acoustill.archive.importers.importing import run_import
from acoustill.archive.writer import writing_recording
from acoustill.errors import AcoustillError
from acoustill.imaging.beam_specification import BeamSpecification
from acoustill.imaging.specification import ForeignImages
from acoustill.rig import Camera, Rig
from avia_folders import noise_take
from avia_folders import write_avia as write_noise

FRAMES, SAMPLES, CHANNELS = 3, 64, 8
TAKES = [("anechoic", "s01", "clapping"), ("office", "s02", "paper shaking"), ("outdoor", "s09", "stick dropping")]


@pytest.fixture
def rig() -> Rig:
    positions = np.random.default_rng(3).uniform(-0.15, 0.15, (CHANNELS, 3)) * (1, 1, 0.2)
    return Rig("eight", positions, 12 * SAMPLES, 12.0, (2,), Camera.with_field_of_view(64, 48, 1.0))


@pytest.fixture
def archive(rig: Rig, tmp_path: Path) -> Archive:
    path = tmp_path / "archive"
    create_archive(path, rig, ImageHeader(ForeignImages("noise"), None))
    for number, (scenario, subject, label) in enumerate(TAKES):
        rng = np.random.default_rng(number)
        write_recording(
            path,
            f"take-{number}",
            frames=FRAMES,
            audio=rng.normal(0, 1, (CHANNELS, FRAMES * SAMPLES)).astype(np.float32),
            microphones=range(CHANNELS),
            image=rng.normal(0, 30, (FRAMES, 36, 48, 12)).astype(np.float16),
            video=rng.integers(0, 256, (FRAMES, 48, 64, 3), dtype=np.uint8),
            label=label,
            scenario=scenario,
            subject=subject,
        )
    finish_archive(path)
    return Archive(path)


def content(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def content_times(path: Path) -> dict[str, int]:
    return {str(file.relative_to(path)): file.stat().st_mtime_ns for file in path.rglob("*.npy")}


def reimported(folders: Path, rig: Rig, path: Path) -> Archive:
    result = run_import(plan_avia(folders, FrameOptions(rig=rig)), path)
    assert not result.aside
    assert result.archive is not None
    return result.archive


def test_what_was_exported_is_imported_again(archive: Archive, rig: Rig, tmp_path: Path) -> None:
    assert export_avia(archive, tmp_path / "avia") == []
    again = reimported(tmp_path / "avia", rig, tmp_path / "again")
    assert len(again) == 3
    for number, (scenario, subject, label) in enumerate(TAKES):
        location = ("anechoic", "office", "outdoor").index(scenario) + 1
        name = f"location-{location:02d}-subject-{int(subject[1:]):02d}-action-{ACTIONS.index(label):02d}"
        before, after = archive[f"take-{number}"], again[name]
        assert after.entry.label == label
        assert after.entry.scenario == SCENARIOS[location - 1]
        assert after.entry.subject == f"subject-{int(subject[1:]):02d}"
        assert (after.image == before.image).all()  # half precision is kept whole in double
        # Half a step of the integers, and half a bit of single precision.
        heard = after.audio.astype(np.float64) * FULL_SCALE_PA / 2**31
        assert np.abs(heard - before.audio).max() <= 0.5 * FULL_SCALE_PA / 2**31 * (1 + 1e-9)
        assert [after.encoded_frame(i) for i in range(FRAMES)] == [before.encoded_frame(i) for i in range(FRAMES)]


def test_what_was_imported_is_exported_bit_for_bit(rig: Rig, tmp_path: Path) -> None:
    """Integer samples and JPEG files; images in single precision."""
    noise = noise_take(0, FRAMES, CHANNELS, SAMPLES)
    write_noise(tmp_path / "avia", noise, "Location_02/Subject_03/Action_04")
    once = reimported(tmp_path / "avia", rig, tmp_path / "once")
    assert export_avia(once, tmp_path / "again") == []
    for stream in ("audio", "video"):
        before, after = (content(tmp_path / root / "sync") for root in ("avia", "again"))
        assert before == after, stream
    maps = tmp_path / "again/matfiles/Location_02/Subject_03/Action_04/MFCC_Image"
    for number, one in enumerate(noise.maps, start=1):
        stored = scipy.io.loadmat(maps / f"Data_{number}.mat")["MFCC"]
        assert stored.dtype == np.float64
        assert (stored == one).all()
    assert json.loads((tmp_path / "again/about.json").read_text())["audio"]["full_scale"] == 1.0


def test_goes_on_where_it_stopped_with_equal_bytes(archive: Archive, tmp_path: Path) -> None:
    export_avia(archive, tmp_path / "whole")
    export_avia(archive, tmp_path / "killed")
    audio = tmp_path / "killed/sync/Location_02/Subject_02/Action_12/audio"
    for file in audio.iterdir():
        file.unlink()
    audio.rmdir()
    next((tmp_path / "killed/sync/Location_01/Subject_01/Action_00/video").iterdir()).unlink()
    next((tmp_path / "killed/matfiles/Location_03/Subject_09/Action_13/MFCC_Image").iterdir()).unlink()
    export_avia(archive, tmp_path / "killed", jobs=2)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_samples_after_the_last_frame_stay_behind(rig: Rig, tmp_path: Path) -> None:
    """As there are in what was imported from a rig's files; AVIA has as many files of audio as of images."""
    audio = np.arange(CHANNELS * (FRAMES * SAMPLES + 5)).reshape(CHANNELS, -1) / 100
    labels = dict(zip(("scenario", "subject", "label"), TAKES[0], strict=True))
    for kind, scale in ((np.float32, 1.0), (np.int32, 1e-9)):
        path, out = tmp_path / kind.__name__, tmp_path / f"{kind.__name__}-avia"
        create_archive(path, rig)
        with writing_recording(path, "one", SAMPLES, **labels) as writer:
            writer.audio(range(CHANNELS), audio.shape[1], kind, scale).append_columns(audio.astype(kind))
            film = writer.video()
            for picture in np.zeros((FRAMES, 48, 64, 3), np.uint8):
                film.append(picture, None)
        finish_archive(path)
        assert not export_avia(Archive(path), out)
        (entry,) = reimported(out, rig, tmp_path / f"{kind.__name__}-again").entries.values()
        assert entry.frames == FRAMES
        touched = content_times(out)
        assert not export_avia(Archive(path), out)
        assert content_times(out) == touched


def test_an_archive_with_beams_is_exported_without_them_and_twice(rig: Rig, tmp_path: Path) -> None:
    beams = BeamSpecification(rows=2, columns=3)
    create_archive(tmp_path / "archive", rig, None, None, beams)
    spectra = np.zeros((FRAMES, *beams.shape(rig), 2), np.float16)
    for number, (scenario, subject, label) in enumerate(TAKES[:2]):
        labels = {"label": label, "scenario": scenario, "subject": subject}
        heard = {"audio": np.zeros((1, FRAMES * SAMPLES), np.float32), "microphones": (0,)} if number else {}
        write_recording(tmp_path / "archive", f"take-{number}", frames=FRAMES, beams=spectra, **heard, **labels)
    finish_archive(tmp_path / "archive")
    for _ in range(2):
        (aside,) = export_avia(Archive(tmp_path / "archive"), tmp_path / "out")
        assert (aside.name, "beams alone" in aside.why) == ("take-0", True)


def test_an_archive_at_an_address_is_exported(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACOUSTILL_CACHE", str(tmp_path / "cache"))
    assert not export_avia(Archive(f"file://{archive.path}"), tmp_path / "far", jobs=2)
    assert not export_avia(archive, tmp_path / "near")
    assert content(tmp_path / "far") == content(tmp_path / "near")


def test_other_folders_are_refused(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(AcoustillError, match=r"not empty and holds no about\.json"):
        export_avia(archive, tmp_path / "mine")
    assert content(tmp_path / "mine") == {"thesis.txt": b"years of work"}
    export_avia(archive, tmp_path / "avia")
    about = tmp_path / "avia/about.json"
    about.write_text(about.read_text().replace('"full_scale": 100.0', '"full_scale": 1.0'))
    with pytest.raises(AcoustillError, match=r"other settings are there: audio was .*1\.0"):
        export_avia(archive, tmp_path / "avia")


def test_a_start_that_was_killed_is_gone_on_with(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rig comes first and about.json last, so that folders with it were started in whole."""
    with monkeypatch.context() as patch:
        patch.setattr(avia, "write_json", stopped)
        with pytest.raises(KeyboardInterrupt):
            export_avia(archive, tmp_path / "avia")
    assert list(content(tmp_path / "avia")) == ["rig.yaml"]
    export_avia(archive, tmp_path / "avia")
    export_avia(archive, tmp_path / "whole")
    assert content(tmp_path / "avia") == content(tmp_path / "whole")


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_rig_beside_is_taken_unless_another_is_given(archive: Archive, rig: Rig, tmp_path: Path) -> None:
    export_avia(archive, tmp_path / "avia")
    assert plan_avia(tmp_path / "avia").rig.name == "eight"
    other = Rig("other", rig.positions_m, rig.sample_rate, 12.0, (), rig.camera)
    assert plan_avia(tmp_path / "avia", FrameOptions(rig=other)).rig.name == "other"
    (tmp_path / "avia/about.json").unlink()  # AVIA itself has none
    assert plan_avia(tmp_path / "avia").rig.channels == 128


@pytest.mark.parametrize(
    ("label", "scenario", "subject", "says"),
    [
        (None, "office", "s01", "label is None, expected one of AVIA's actions"),
        ("dog", "office", "s01", "label is 'dog'"),
        ("typing", "place-0-0001", "s01", "scenario is 'place-0-0001', expected one of AVIA's: anechoic"),
        ("typing", "office", "ann", "subject is 'ann', expected a number from 1 to 99"),
        ("typing", "office", "s100", "subject is 's100'"),
        ("typing", "office", "s00", "subject is 's00'"),
    ],
)
def test_what_avia_has_no_number_for(label: str | None, scenario: str, subject: str, says: str) -> None:
    with pytest.raises(AcoustillError, match=says):
        avia_numbers("x", scenario, subject, label)


def test_numbers_count_as_avia_does() -> None:
    for subject in ("s01", "subject-01", "1"):
        assert avia_numbers("x", "anechoic chamber", subject, "clapping") == (1, 1, 0)
    assert avia_numbers("x", "outdoor", "s12", "stick dropping").place == "Location_03/Subject_12/Action_13"


def test_nothing_is_clipped() -> None:
    loud = np.array([[0.0, FULL_SCALE_PA, 1.0, 2.0]])
    with pytest.raises(AcoustillError, match="largest sample is 100, expected less than 100"):
        list(to_int32(loud, FULL_SCALE_PA, 2, "x"))
    loud[0, 1] = -FULL_SCALE_PA * (1 - 2.0**-31)
    first, second = to_int32(loud, FULL_SCALE_PA, 2, "x")
    assert first.tolist() == [[0, 1 - 2**31]]
    assert second.tolist() == [[round(2**31 / 100), round(2**31 / 50)]]


def test_files_hold_nothing_of_the_day(tmp_path: Path) -> None:
    write_avia(tmp_path, avia_numbers("x", "office", "1", "typing"), image=[np.ones((36, 48, 12))])
    raw = next(tmp_path.rglob("*.mat")).read_bytes()
    assert raw.startswith(b"MATLAB 5.0 MAT-file, written by acoustill")
    assert (scipy.io.loadmat(io.BytesIO(raw))["MFCC"] == 1).all()
    with pytest.raises(AcoustillError, match="shape of an acoustic image is 35 x 48 x 12, expected 36 x 48 x 12"):
        write_avia(tmp_path, avia_numbers("x", "office", "2", "typing"), image=[np.ones((35, 48, 12))])


def test_two_takes_of_one_place_are_refused(archive: Archive, rig: Rig, tmp_path: Path) -> None:
    path = archive.path
    write_recording(
        path,
        "second-take",
        frames=1,
        video=np.zeros((1, 48, 64, 3), np.uint8),
        label="clapping",
        scenario="anechoic",
        subject="s01",
    )
    finish_archive(path)
    with pytest.raises(AcoustillError, match=r"second-take and take-0 would both be Location_01/Subject_01/Action_00"):
        export_avia(Archive(path), tmp_path / "avia")


def test_recordings_without_a_number_are_set_aside(archive: Archive, tmp_path: Path, command) -> None:
    path = archive.path
    write_recording(path, "place-0001", frames=1, video=np.zeros((1, 48, 64, 3), np.uint8), scenario="place-0-0001")
    finish_archive(path)
    ended = command("export", "avia", path, tmp_path / "avia")
    assert ended.status == 1
    assert ended.out == f"{tmp_path / 'avia'}: 3 recordings in AVIA's layout\n"
    assert "place-0001: recording place-0001: label is None" in ended.err

"""Noise fields: what a take holds besides its action, reproducible, in places of their own; and beams of takes."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from acoustill.archive import Archive, Clip, read_clip, validate_archive
from acoustill.errors import AcoustillError
from acoustill.imaging import BeamSpecification, BeamSpectra
from acoustill.imaging.beam_spectra import beam_power
from acoustill.rig import Camera, Rig
from acoustill.simulation import Plan, noise_fields, plan_avia_sim, plan_noise, simulate_archive, simulate_noise
from acoustill.simulation.costs import bytes_per_second, sound_bytes_per_second
from acoustill.simulation.preparing import SIMULATION
from acoustill.simulation.recording import stage_take
from acoustill.simulation.sources import ACTIONS

SPECIFICATION = BeamSpecification(3, 4)
TAKES = plan_noise(3, 1.0, seed=0)


@pytest.fixture(scope="module")
def rig() -> Rig:
    side = np.linspace(-0.2, 0.2, 4)
    x, y = np.meshgrid(side, side)
    positions = np.column_stack([x.ravel(), y.ravel(), np.zeros(16)])
    return Rig("four-by-four", positions, 12288, 12.0, (7,), Camera(160, 120, (140.0, 140.0), (80.0, 60.0)))


@pytest.fixture(scope="module")
def archive(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("noise") / "archive"
    assert simulate_noise(path, rig, TAKES, all_microphones=True, beams=SPECIFICATION) == []
    return path


def content(path: Path) -> dict[str, str]:
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_every_take_is_in_a_place_of_its_own() -> None:
    takes = plan_noise(30, 2.0, seed=7)
    assert [take.scenario for take in takes[:2]] == ["place-noise-7-0001", "place-noise-7-0002"]
    assert {take.action for take in takes} == set(ACTIONS)
    others = plan_avia_sim(Plan(ACTIONS, 1, 1, 2.0), 7, unlabelled=30)
    for one in ("id", "seed", "scenario", "subject_seed"):
        assert len({getattr(take, one) for take in takes}) == 30
        assert not {getattr(take, one) for take in takes} & {getattr(take, one) for take in others}
    assert {take.rig_seed for take in takes} == {take.rig_seed for take in others}  # the same rig
    assert plan_noise(5, 2.0, seed=7) == takes[:5]  # more can be made later
    with pytest.raises(AcoustillError, match="seed is -1, expected"):
        plan_noise(1, 2.0, seed=-1)


def test_the_archive_holds_noise_and_beams_and_nothing_else(archive: Path, rig: Rig) -> None:
    assert validate_archive(archive) == []
    opened = Archive(archive)
    assert (len(opened), opened.classes, opened.image_header) == (3, (), None)
    assert opened.beams_specification == SPECIFICATION
    for entry in opened.entries.values():
        assert (entry.label, entry.subject, entry.streams) == (None, None, ("audio", "beams"))
        recording = opened[entry.id]
        simulated = recording.sidecar.provenance["simulated"]
        assert set(simulated) == {"rt60_s", "seed", "interferences"}
        assert all(len(one) == 3 for one in simulated["interferences"])
        with pytest.raises(AcoustillError, match="nobody knows in which direction its source is"):
            recording.direction(rig.camera)
    assert opened.maker["command"] == "simulate noise"
    assert opened.maker["simulation"] == SIMULATION


def test_it_is_the_noise_of_the_staged_take(archive: Path, rig: Rig) -> None:
    captured = stage_take(TAKES[1], rig).captured
    noise = captured.noise.copy()
    noise[7] = 0
    recording = Archive(archive)["noise-0002"]
    np.testing.assert_array_equal(recording.audio, noise)
    np.testing.assert_array_equal(recording.beams, BeamSpectra(rig, SPECIFICATION)(noise))


def test_equal_bytes_whatever_the_number_of_processes_and_threads(archive: Path, rig: Rig, tmp_path: Path) -> None:
    torch.set_num_threads(2)
    try:
        simulate_noise(tmp_path / "two", rig, TAKES, all_microphones=True, beams=SPECIFICATION, jobs=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert content(tmp_path / "two") == content(archive)


def test_it_goes_on_where_it_stopped(archive: Path, rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, made = noise_fields.record_noise, []

    def stopped(take, *arguments):
        if len(made) == 2:
            raise KeyboardInterrupt
        if take.id in {one.id for one in TAKES} and take.scenario != "place-rehearsal":
            made.append(take.id)
        return record(take, *arguments)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(noise_fields, "record_noise", stopped)
        with pytest.raises(KeyboardInterrupt):
            simulate_noise(out, rig, TAKES, all_microphones=True, beams=SPECIFICATION)
    assert not (out / "manifest.jsonl").exists()
    told: list[str] = []
    simulate_noise(out, rig, TAKES, all_microphones=True, beams=SPECIFICATION, tell=told.append)
    assert "2 are there already" in told[0]
    assert content(out) == content(archive)


def test_other_settings_are_refused(archive: Path, rig: Rig) -> None:
    with pytest.raises(AcoustillError, match="its beam spectra are others"):
        simulate_noise(archive, rig, TAKES, all_microphones=True)
    with pytest.raises(AcoustillError, match="microphones was 16 and is 4"):
        simulate_noise(archive, rig, TAKES, beams=SPECIFICATION)
    with pytest.raises(AcoustillError, match="command was 'simulate noise' and is 'simulate'"):
        simulate_archive(archive, rig, TAKES, all_microphones=True, beams=SPECIFICATION)


def test_what_the_array_cannot_form_is_refused_before_anything_is_written(rig: Rig, tmp_path: Path) -> None:
    for beams, says in (
        (BeamSpecification(steps=5), "expected a divisor of the 1024"),
        (BeamSpecification(white_noise_gain_db=13.0), "expected at most 11"),
    ):
        with pytest.raises(AcoustillError, match=says):
            simulate_noise(tmp_path / "out", rig, TAKES, beams=beams)
        with pytest.raises(AcoustillError, match=says):
            simulate_archive(tmp_path / "out", rig, plan_avia_sim(Plan(("clapping",), 1, 1, 1.0), 0), beams=beams)
    assert not (tmp_path / "out").exists()


def test_sizes_that_are_told_are_those_on_disk(archive: Path, rig: Rig) -> None:
    told = sound_bytes_per_second(rig, 16, SPECIFICATION)
    recordings = [*(archive / "recordings").glob("*/*.npy")]
    assert sum(file.stat().st_size for file in recordings) == 3 * told + 128 * len(recordings)
    beams = bytes_per_second(rig, 4, 100, 2, BeamSpecification()) - bytes_per_second(rig, 4, 100, 2)
    assert beams == 12 * 8 * 48 * 129 * 4  # 2.4 MB


def test_takes_have_beams_beside_images_and_know_their_direction(rig: Rig, tmp_path: Path) -> None:
    takes = plan_avia_sim(Plan(("whistling",), 1, 1, 1.0, ("anechoic",)), 0)
    specification = dataclasses.replace(SPECIFICATION, rows=6, columns=8)
    assert simulate_archive(tmp_path / "archive", rig, takes, all_microphones=True, beams=specification) == []
    assert validate_archive(tmp_path / "archive") == []
    opened = Archive(tmp_path / "archive")
    (name,) = opened.entries
    assert opened.entries[name].streams == ("audio", "image", "video", "beams")
    np.testing.assert_array_equal(opened[name].beams, BeamSpectra(rig, specification)(opened[name].signals()))
    views = read_clip(opened[name], Clip(name, 0, 12), ["beams", "direction"], 1024, camera=rig.camera)
    power = beam_power(torch.from_numpy(views["beams"])).sum(dim=(0, 1, 4)).numpy()
    row, column = np.unravel_index(power.argmax(), power.shape)
    x, y = views["direction"].mean(axis=0)
    assert abs((column + 0.5) / 8 - x) < 0.15
    assert abs((row + 0.5) / 6 - y) < 0.2

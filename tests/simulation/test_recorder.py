from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from acoustill.archive import Archive, validate_archive
from acoustill.errors import AcoustillError
from acoustill.imaging import energy_map
from acoustill.rig import Camera, Rig
from acoustill.simulation import Plan, plan_actions, plan_sounds, simulate_archive
from acoustill.simulation.recorder import spread_microphones
from acoustill.simulation.scenes import SCENARIOS, draw_scene

PLAN = Plan(("clapping", "whistling"), 1, 1, 1.0)


@pytest.fixture(scope="module")
def rig() -> Rig:
    side = np.linspace(-0.2, 0.2, 5)
    x, y = np.meshgrid(side, side)
    positions = np.column_stack([x.ravel(), y.ravel(), np.zeros(25)])
    return Rig("five-by-five", positions, 12288, 12.0, (7,), Camera(160, 120, (140.0, 140.0), (80.0, 60.0)))


@pytest.fixture(scope="module")
def archive(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "archive"
    assert simulate_archive(path, rig, plan_actions(PLAN, 0, unlabelled=1), all_microphones=True) == []
    return path


def content(path: Path) -> dict[str, str]:
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_archive_is_sound_and_holds_what_was_planned(archive: Path) -> None:
    assert validate_archive(archive) == []
    opened = Archive(archive)
    assert len(opened) == 7
    assert opened.classes == ("clapping", "whistling")
    assert {entry.scenario for entry in opened.entries.values() if entry.label} == set(SCENARIOS)
    assert sum(entry.label is None for entry in opened.entries.values()) == 1


def test_equal_bytes_whatever_the_number_of_processes(archive: Path, rig: Rig, tmp_path: Path) -> None:
    simulate_archive(tmp_path / "two", rig, plan_actions(PLAN, 0, unlabelled=1), all_microphones=True, jobs=2)
    assert content(tmp_path / "two") == content(archive)


def test_goes_on_where_it_stopped_and_refuses_other_settings(archive: Path, rig: Rig, tmp_path: Path) -> None:
    takes = plan_actions(dataclasses.replace(PLAN, scenarios=("anechoic",)), 0)
    path = tmp_path / "archive"
    simulate_archive(path, rig, takes)
    before = content(path)
    victim = path / "recordings" / takes[0].id
    for file in victim.iterdir():
        file.unlink()
    victim.rmdir()
    (path / "recordings" / f".{takes[1].id}.1.part").mkdir()
    (path / "manifest.jsonl").unlink()
    simulate_archive(path, rig, takes)
    assert content(path) == before
    with pytest.raises(AcoustillError, match="other settings"):
        simulate_archive(path, rig, takes[:1])
    assert content(path) == before


def test_the_sound_is_seen_where_it_is_heard(archive: Path) -> None:
    """The pixel that is loudest in the anechoic chamber is that of the source."""
    opened = Archive(archive)
    for name in ("anechoic-s01-clapping-t01", "anechoic-s01-whistling-t01"):
        recording = opened[name]
        column, row = recording.sidecar.provenance["simulated"]["pixel"]
        assert opened.image_specification is not None
        maps = energy_map(recording.image, opened.image_specification)
        loudest = maps.reshape(len(maps), -1).max(axis=1).argmax()
        place = np.unravel_index(maps[loudest].argmax(), maps.shape[1:])
        assert place == pytest.approx((row / 120 * 36 - 0.5, column / 160 * 48 - 0.5), abs=3.0)


def test_broken_channels_are_silent_and_noise_is_as_loud_as_asked(rig: Rig, archive: Path) -> None:
    recording = Archive(archive)["office-s01-clapping-t01"]
    assert not recording.audio[7].any()
    assert recording.audio[np.delete(np.arange(25), 7)].any(axis=1).all()
    quiet = np.sort(np.square(recording.audio[0]).reshape(12, -1).mean(axis=1))
    snr_db = recording.sidecar.provenance["simulated"]["snr_db"]
    assert -4 <= snr_db <= 8
    assert quiet[0] > 0.05 * quiet[-1]  # in the noise of the office no frame is far below the loudest


def test_kept_microphones_work_and_lie_apart(rig: Rig) -> None:
    kept = spread_microphones(rig, 4)
    assert len(set(kept)) == 4
    assert 7 not in kept
    gaps = np.linalg.norm(rig.positions_m[kept][:, None] - rig.positions_m[kept][None], axis=-1)
    assert gaps[gaps > 0].min() > 0.15
    with pytest.raises(AcoustillError, match="cannot keep 26"):
        spread_microphones(rig, 26)


def test_places_differ_from_each_other_but_not_from_themselves() -> None:
    rng = np.random.default_rng(0)
    first, again, other = (draw_scene(name, rng).place for name in ("place-0-0001", "place-0-0001", "place-0-0002"))
    assert first == again
    assert first != other
    with pytest.raises(AcoustillError, match="kitchen"):
        draw_scene("kitchen", rng)


def write_sounds(folder: Path, rate: int = 16000) -> None:
    (folder / "audio").mkdir(parents=True)
    rows = ["filename,category,fold,src_file"]
    for number in range(6):
        name = f"{number}.wav"
        tone = 0.3 * np.sin(2 * np.pi * (300 + 200 * (number % 2)) * np.arange(rate // 2) / rate)
        soundfile.write(folder / "audio" / name, tone, rate)
        rows.append(f"{name},{('low', 'high')[number % 2]},{number % 3 + 1},original{number}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")


def test_real_sounds_take_the_place_of_actions(rig: Rig, tmp_path: Path) -> None:
    write_sounds(tmp_path / "sounds")
    (tmp_path / "sounds/audio/5.wav").write_bytes(b"RIFF")
    takes = plan_sounds(tmp_path / "sounds", SCENARIOS, 1.0, 0, unlabelled=2)
    aside = simulate_archive(tmp_path / "archive", rig, takes)
    assert "5" in [one.name for one in aside]  # a broken file is set aside, the rest goes on
    opened = Archive(tmp_path / "archive")
    assert opened.classes == ("high", "low")
    entry = opened.entries["2"]
    assert (entry.subject, entry.columns, entry.frames) == ("original2", {"fold": "3"}, 12)
    unlabelled = [entry for entry in opened.entries.values() if entry.label is None]
    assert all(str(entry.subject).startswith("original") for entry in unlabelled)
    # The tone is heard: 300 Hz in the anechoic chamber, where class `low` comes third.
    heard = next(e for e in opened.entries.values() if e.label == "low" and e.scenario == "anechoic")
    spectrum = np.abs(np.fft.rfft(opened[heard.id].audio[0][: 12288 // 2]))
    assert 2 * spectrum.argmax() == pytest.approx(300, abs=5)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("name,category\na.wav,x\n", "header"),
        ("filename,category\n", "number of rows"),
        ("filename,category\nmissing.wav,x\n", "missing.wav"),
    ],
)
def test_bad_tables_of_sounds_are_refused(tmp_path: Path, table: str, complaint: str) -> None:
    (tmp_path / "metadata.csv").write_text(table)
    with pytest.raises(AcoustillError, match=complaint):
        plan_sounds(tmp_path, SCENARIOS, 1.0, 0)


def test_two_takes_of_one_name_are_refused(rig: Rig, tmp_path: Path) -> None:
    takes = plan_actions(dataclasses.replace(PLAN, scenarios=("anechoic", "anechoic")), 0)
    with pytest.raises(AcoustillError, match="two takes are called"):
        simulate_archive(tmp_path / "archive", rig, takes)
    assert not (tmp_path / "archive").exists()


def test_where_nothing_could_be_simulated_the_reason_is_told(rig: Rig, tmp_path: Path) -> None:
    write_sounds(tmp_path / "sounds")
    for file in (tmp_path / "sounds/audio").iterdir():
        file.write_bytes(b"RIFF")
    takes = plan_sounds(tmp_path / "sounds", SCENARIOS, 1.0, 0)
    with pytest.raises(AcoustillError, match=r"no take could be simulated; 0: .*0\.wav: not a readable sound file"):
        simulate_archive(tmp_path / "archive", rig, takes)

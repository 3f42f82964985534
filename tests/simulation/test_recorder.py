from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from acoustill.archive import Archive, Protocol, split_archive, validate_archive
from acoustill.archive.importers.avia import plan_avia
from acoustill.archive.importers.frame_folders import FrameOptions
from acoustill.archive.importers.importing import run_import
from acoustill.errors import AcoustillError
from acoustill.imaging import energy_map
from acoustill.rig import Camera, Rig
from acoustill.simulation import (
    Plan,
    Take,
    costs,
    find_clips,
    plan_avia_sim,
    plan_sounds,
    preparing,
    recorder,
    simulate_archive,
    simulate_avia_folders,
)
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
    assert simulate_archive(path, rig, plan_avia_sim(PLAN, 0, unlabelled=1), all_microphones=True) == []
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


def test_equal_bytes_whatever_the_number_of_processes_and_threads(archive: Path, rig: Rig, tmp_path: Path) -> None:
    takes = plan_avia_sim(PLAN, 0, unlabelled=1)
    torch.set_num_threads(2)
    try:
        simulate_archive(tmp_path / "two", rig, takes, all_microphones=True, jobs=2)
        assert torch.get_num_threads() == 2  # whoever calls it keeps their threads
    finally:
        torch.set_num_threads(1)
    assert content(tmp_path / "two") == content(archive)


def test_sidecars_say_what_was_simulated(archive: Path, rig: Rig) -> None:
    opened = Archive(archive)
    for entry in opened.entries.values():
        simulated = opened[entry.id].sidecar.provenance["simulated"]
        assert len(simulated["events"]) >= 1
        times = [time for time, _, _ in simulated["events"]]
        assert times == sorted(times)
        assert 0 <= times[0] < 1.0
        assert rig.camera.project(np.array(simulated["source_m"])) == pytest.approx(simulated["pixel"], abs=1.0)
        if "pixels" in simulated:
            assert np.mean(simulated["pixels"], axis=0) == pytest.approx(simulated["pixel"], abs=0.02)
            assert len(simulated["pixels"]) == entry.frames
        assert all(len(other) == 4 for other in simulated["interferences"])
    assert opened["office-s01-clapping-t01"].sidecar.provenance["simulated"]["rt60_s"] > 0.1
    assert opened["outdoor-s01-clapping-t01"].sidecar.provenance["simulated"]["rt60_s"] is None


def test_the_microphones_of_a_data_set_err_alike(rig: Rig, archive: Path) -> None:
    """Gains of the channels, from the anechoic takes of two actions: the errors are the rig's, not the take's."""
    opened = Archive(archive)
    gains = []
    for action in ("clapping", "whistling"):
        recording = opened[f"anechoic-s01-{action}-t01"]
        simulated = recording.sidecar.provenance["simulated"]
        if "pixels" in simulated:
            continue
        distances = np.linalg.norm(rig.positions_m - simulated["source_m"], axis=1)
        levels = 20 * np.log10(np.delete(recording.audio.std(axis=1) * distances, 7))
        gains.append(levels - levels.mean())
    assert all(0.1 < gain.std() < 2.0 for gain in gains)
    for gain in gains[1:]:
        assert np.corrcoef(gains[0], gain)[0, 1] > 0.8


def test_goes_on_where_it_stopped_and_refuses_other_settings(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = plan_avia_sim(dataclasses.replace(PLAN, scenarios=("anechoic",)), 0)
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
    for other, says in (
        (takes[:1], "recordings was 2 and is 1"),
        (plan_avia_sim(dataclasses.replace(PLAN, scenarios=("anechoic",)), 1), "seed was '0' and is '1'"),
        (plan_avia_sim(dataclasses.replace(PLAN, scenarios=("outdoor",)), 0), "scenarios was 'anechoic' and is 'outd"),
    ):
        with pytest.raises(AcoustillError, match=f"other settings is there: {says}"):
            simulate_archive(path, rig, other)
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "SIMULATION", preparing.SIMULATION + 1)
        with pytest.raises(AcoustillError, match=r"simulation was [0-9]+ and is"):
            simulate_archive(path, rig, takes)
    assert content(path) == before


CALL = """
import sys
from acoustill.rig import load_rig
from acoustill.simulation import Plan, plan_avia_sim, simulate_archive

takes = plan_avia_sim(Plan(("clapping", "whistling"), 1, 1, 1.0), 0, unlabelled=1)
simulate_archive(sys.argv[1], load_rig(sys.argv[2]), takes, all_microphones=True, jobs=2)
"""


def simulating(archive: Path, out: Path) -> subprocess.Popen[bytes]:
    """Makes the recordings of an archive once more, in processes of their own."""
    line = [sys.executable, "-c", CALL, str(out), str(archive / "rig.yaml")]
    return subprocess.Popen(line, stderr=subprocess.DEVNULL, start_new_session=True)


def there(out: Path) -> int:
    return len([*out.glob("recordings/[!.]*/recording.json")])


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(archive: Path, rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    with simulating(archive, out) as running:
        while running.poll() is None and there(out) < 2:
            time.sleep(0.01)
        assert running.poll() is None, "it ended before it could be killed"
        os.killpg(running.pid, signal.SIGKILL)
    assert 2 <= there(out) < 7
    simulate_archive(out, rig, plan_avia_sim(PLAN, 0, unlabelled=1), all_microphones=True)
    assert content(out) == content(archive)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the worker by /proc")
def test_a_worker_that_is_killed_is_replaced(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    with simulating(archive, out) as running:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        while running.poll() is None and there(out) < 5:  # four are made by the parent
            time.sleep(0.01)
        workers = [int(child) for child in children.read_text().split() if works(int(child))]
        assert workers, "there was no worker"
        os.kill(workers[0], signal.SIGKILL)
        assert running.wait(120) == 0
    assert content(out) == content(archive)


def works(process: int) -> bool:
    """Whether it is one of the pool's, and not what cleans up after it."""
    return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()


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
        if "pixels" in recording.sidecar.provenance["simulated"]:
            column, row = recording.sidecar.provenance["simulated"]["pixels"][loudest]
        assert place == pytest.approx((row / 120 * 36 - 0.5, column / 160 * 48 - 0.5), abs=3.0)


def test_broken_channels_are_silent(archive: Path) -> None:
    recording = Archive(archive)["office-s01-clapping-t01"]
    assert not recording.audio[7].any()
    assert recording.audio[np.delete(np.arange(25), 7)].any(axis=1).all()


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


def write_sounds(folder: Path, rate: int = 16000, count: int = 6) -> None:
    (folder / "audio").mkdir(parents=True)
    rows = ["filename,category,fold,src_file"]
    for number in range(count):
        name = f"{number}.wav"
        tone = 0.3 * np.sin(2 * np.pi * (300 + 200 * (number % 2)) * np.arange(rate // 2) / rate)
        soundfile.write(folder / "audio" / name, tone, rate)
        rows.append(f"{name},{('low', 'high')[number % 2]},{number // 2 % 3 + 1},original{number}")
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
    assert (entry.subject, entry.columns, entry.frames) == ("original2", {"fold": "2"}, 12)
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
    takes = plan_avia_sim(dataclasses.replace(PLAN, scenarios=("anechoic",)), 0)
    with pytest.raises(AcoustillError, match="two takes are called"):
        simulate_archive(tmp_path / "archive", rig, [*takes, takes[0]])
    assert not (tmp_path / "archive").exists()


def test_where_nothing_could_be_simulated_the_reason_is_told(rig: Rig, tmp_path: Path) -> None:
    write_sounds(tmp_path / "sounds")
    for file in (tmp_path / "sounds/audio").iterdir():
        file.write_bytes(b"RIFF")
    takes = plan_sounds(tmp_path / "sounds", SCENARIOS, 1.0, 0)
    with pytest.raises(AcoustillError, match=r"no take could be simulated; 0: .*0\.wav: not a readable sound file"):
        simulate_archive(tmp_path / "archive", rig, takes)
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize(
    "protocol",
    [
        Protocol(name="subjects"),
        Protocol(name="fixed"),
        Protocol(name="recordings"),
        Protocol(name="scenarios", held_out="office", seed=9),
    ],
    ids=lambda protocol: protocol.name,
)
def test_nobody_learns_from_a_tested_sound_that_is_played_elsewhere(protocol: Protocol, played: Path) -> None:
    opened = Archive(played)
    unlabelled = [entry for entry in opened.entries.values() if entry.label is None]
    assert len(unlabelled) == 8
    folds = 0
    for fold in range(3):
        split = split_archive(opened, protocol.model_copy(update={"fold": fold}))
        held = {opened.entries[name].subject for name in (*split.validation, *split.test)}
        taught = {opened.entries[name].subject for name in split.unlabelled}
        assert held & {entry.subject for entry in unlabelled}  # so that leaving them out can be seen
        assert not held & taught
        folds += bool(taught)
    assert folds == 3


@pytest.fixture(scope="module")
def played(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sounds of two classes and twelve originals, eight of them played again, without label, in other places."""
    folder = tmp_path_factory.mktemp("played")
    write_sounds(folder / "sounds", count=12)
    takes = plan_sounds(folder / "sounds", ("anechoic", "office"), 0.5, 0, unlabelled=8)
    assert simulate_archive(folder / "archive", rig, takes) == []
    return folder / "archive"


# what is told before the work --------------------------------------------------------------------------------


def told_of(path: Path, rig: Rig, takes: list[Take], **settings: object) -> list[str]:
    lines: list[str] = []
    simulate_archive(path, rig, takes, tell=lines.append, **settings)  # type: ignore[arg-type]
    return lines


def test_disk_and_time_are_measured_before_the_work(rig: Rig, tmp_path: Path) -> None:
    takes = plan_avia_sim(dataclasses.replace(PLAN, takes=3, scenarios=("anechoic", "outdoor")), 0)
    first, second = told_of(tmp_path / "archive", rig, takes)
    beginning = "12 recordings of 1 s (anechoic, outdoor), 12 s in all"
    roughly = re.fullmatch(re.escape(beginning) + "; roughly ([0-9]+) MB to write, now measured", first)
    assert roughly, first
    match = re.fullmatch(
        r"10 more to make: about ([0-9]+) MB \([0-9.]+ GB free\), about ([0-9]+) s on 1 process; "
        r"(anechoic|outdoor) is the slowest, [0-9.]+ s each",
        second,
    )
    assert match, second
    written = sum(file.stat().st_size for file in (tmp_path / "archive/recordings").rglob("*") if file.is_file())
    assert int(match[1]) * 1e6 == pytest.approx(written * 10 / 12, rel=0.25, abs=1e6)
    assert int(roughly[1]) * 1e6 == pytest.approx(written, rel=0.35, abs=1e6)
    assert told_of(tmp_path / "archive", rig, takes) == [f"{beginning}: all are there already"]


def test_a_disk_that_is_too_small_is_refused_and_nothing_is_lost(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = plan_avia_sim(dataclasses.replace(PLAN, scenarios=("anechoic",), takes=2), 0)
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
        with pytest.raises(AcoustillError, match=r"the 4 recordings still to be made take about \d+ MB, and 1 MB are"):
            simulate_archive(tmp_path / "archive", rig, takes)
        assert not (tmp_path / "archive").exists()  # arithmetic knows it before anything is made
        patch.setattr(recorder, "bytes_per_second", lambda *_: 1.0)
        with pytest.raises(AcoustillError, match=r"the 3 recordings still to be made take about \d+ MB, and 1 MB are"):
            simulate_archive(tmp_path / "archive", rig, takes)
    assert [path.name for path in (tmp_path / "archive/recordings").iterdir()] == [takes[0].id]
    assert "; 1 are there already; roughly" in told_of(tmp_path / "archive", rig, takes)[0]
    assert len(Archive(tmp_path / "archive")) == 4


def test_an_hour_of_every_take_is_refused_at_once(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    takes = plan_avia_sim(dataclasses.replace(PLAN, seconds=3600.0, takes=9), 0)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**9))
    for simulate, size in ((simulate_archive, r"\d+\.\d GB"), (simulate_avia_folders, r"\d+\.\d GB")):
        if simulate is simulate_avia_folders:
            takes = [take for take in takes if take.id.endswith("t01")]
        with pytest.raises(AcoustillError, match=f"take about {size}, and 1.0 GB are free"):
            simulate(tmp_path / "new", rig, takes)  # type: ignore[operator]
        assert not (tmp_path / "new").exists()


def test_more_processes_than_cores_do_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "available_cores", lambda: 2)
    alone = costs.minutes_of_work(600.0, 100, 1, 3.0)
    assert alone == pytest.approx(10.0)
    two, eight = (costs.minutes_of_work(600.0, 100, jobs, 3.0) for jobs in (2, 8))
    assert two == pytest.approx(5.0 + (3.0 + costs.IMPORTS_S) / 60)
    assert eight == pytest.approx(5.0 + 4 * (3.0 + costs.IMPORTS_S) / 60)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 3601.0, 0.1])
def test_lengths_that_make_no_sense_are_refused(seconds: float, rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match=r"seconds is .*, expected from 0\.5 to 3600"):
        plan_avia_sim(dataclasses.replace(PLAN, seconds=seconds), 0)
    takes = [dataclasses.replace(take, seconds=seconds) for take in plan_avia_sim(PLAN, 0)]
    with pytest.raises(AcoustillError, match=r"seconds is .*, expected from 0\.5 to 3600"):
        simulate_archive(tmp_path / "archive", rig, takes)
    assert not (tmp_path / "archive").exists()


def test_folders_that_cannot_be_made_are_named(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    takes = plan_avia_sim(PLAN, 0)
    for simulate in (simulate_archive, simulate_avia_folders):
        with pytest.raises(AcoustillError, match=r"file: OUT is a file, expected a new folder"):
            simulate(tmp_path / "file", rig, takes)  # type: ignore[operator]
        with pytest.raises(AcoustillError, match=r"below: the folder cannot be made \(Not a directory\)"):
            simulate(tmp_path / "file/below", rig, takes)  # type: ignore[operator]
    assert (tmp_path / "file").read_text() == "mine"


# AVIA's own folders ------------------------------------------------------------------------------------------


def test_the_folders_of_avia_hold_what_an_archive_does(rig: Rig, archive: Path, tmp_path: Path) -> None:
    takes = plan_avia_sim(PLAN, 0)
    folders = tmp_path / "avia"
    assert simulate_avia_folders(folders, rig, takes) == []
    result = run_import(plan_avia(folders, FrameOptions()), tmp_path / "again")
    assert not result.aside
    opened, again = Archive(archive), Archive(tmp_path / "again")
    assert len(again) == 6
    assert (again.rig.name, again.rig.channels) == ("five-by-five", 25)  # by the file beside
    for take in takes:
        location = SCENARIOS.index(take.scenario) + 1
        action = {"clapping": 0, "whistling": 3}[take.action]
        before, after = opened[take.id], again[f"location-{location:02d}-subject-01-action-{action:02d}"]
        assert after.entry.label == take.label
        assert (after.image == before.image).all()
        assert after.encoded_frame(5) == before.encoded_frame(5)
        heard = after.audio.astype(np.float64) * 100.0 / 2**31
        assert np.abs(heard - before.audio).max() <= 50.0 / 2**31 * (1 + 1e-9)
    before = content(folders)
    shutil.rmtree(folders / "sync/Location_02/Subject_01/Action_03/video")
    (folders / "sync/Location_01/Subject_01/Action_00/audio/A_000007.npy").unlink()
    simulate_avia_folders(folders, rig, takes)
    assert content(folders) == before
    (folders / "about.json").unlink()  # as if it had been killed between the two files
    with pytest.raises(AcoustillError, match=r"not empty and holds no about\.json"):
        simulate_avia_folders(folders, rig, takes)
    for tree in ("sync", "matfiles"):
        shutil.rmtree(folders / tree)
    assert [path.name for path in folders.iterdir()] == ["rig.yaml"]
    with pytest.raises(AcoustillError, match="not empty and holds no about"):
        simulate_avia_folders(folders, dataclasses.replace(rig, name="other"), takes)
    simulate_avia_folders(folders, rig, takes[:1])
    assert before["rig.yaml"] == content(folders)["rig.yaml"]
    with pytest.raises(AcoustillError, match="other settings are there: recordings was 1 and is 6; give another"):
        simulate_avia_folders(folders, rig, takes)


def test_what_avia_has_no_place_for_is_refused(rig: Rig, tmp_path: Path) -> None:
    for takes, says in (
        (plan_avia_sim(PLAN, 0, unlabelled=1), "take place-0001: label is None"),
        (plan_avia_sim(dataclasses.replace(PLAN, scenarios=("place-7",)), 0), "scenario is 'place-7'"),
        (plan_avia_sim(dataclasses.replace(PLAN, takes=2), 0), "t01 and .*t02 are one recording in AVIA's layout"),
    ):
        with pytest.raises(AcoustillError, match=says):
            simulate_avia_folders(tmp_path / "avia", rig, takes)
    assert not (tmp_path / "avia").exists()


# real clips in place of synthetic sounds ---------------------------------------------------------------------


def test_clips_are_heard_and_the_action_is_seen(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "clips/whistling"
    folder.mkdir(parents=True)
    tone = 0.3 * np.sin(2 * np.pi * 700 * np.arange(8000) / 16000)
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", tone, 16000)
    plan = dataclasses.replace(PLAN, actions=("whistling",), subjects=2, scenarios=("anechoic",))
    takes = plan_avia_sim(plan, 0, clips=find_clips(tmp_path / "clips"))
    assert simulate_archive(tmp_path / "archive", rig, takes) == []
    heard = Archive(tmp_path / "archive")["anechoic-s02-whistling-t01"].audio[0]
    spectrum = np.abs(np.fft.rfft(heard))
    assert spectrum.argmax() == pytest.approx(700, abs=10)


def clips_of(folder: Path, count: int, hertz: float = 700.0) -> list[Path]:
    folder.mkdir(parents=True)
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(8000) / 16000)
    files = [folder / f"{number}.wav" for number in range(count)]
    for file in files:
        soundfile.write(file, tone, 16000)
    return files


def test_clips_that_cannot_be_played_are_all_named_before_anything_is_written(rig: Rig, tmp_path: Path) -> None:
    files = clips_of(tmp_path / "clips/whistling", 8)
    files[1].write_bytes(b"RIFF")
    soundfile.write(files[3], np.zeros(8000), 16000)
    soundfile.write(files[4], 0.3 * np.sin(np.arange(400)), 16000)  # 25 ms
    files[6].write_bytes(b"")
    plan = dataclasses.replace(PLAN, subjects=2, scenarios=("anechoic",))
    takes = plan_avia_sim(plan, 0, clips=find_clips(tmp_path / "clips"))
    says = (
        r"4 of 8 clips cannot be played: .*1\.wav.*3\.wav: the sound is silent.*4\.wav: [0-9]+ ms are heard.*and 1 more"
    )
    for simulate in (simulate_archive, simulate_avia_folders):
        with pytest.raises(AcoustillError, match=says):
            simulate(tmp_path / "out", rig, takes)  # type: ignore[operator]
        assert not (tmp_path / "out").exists()


def test_clips_of_other_content_are_not_mixed_with_those_before(rig: Rig, tmp_path: Path) -> None:
    first, second = clips_of(tmp_path / "clips/whistling", 1)[0], clips_of(tmp_path / "other", 1, 900.0)[0]
    plan = dataclasses.replace(PLAN, actions=("whistling",), scenarios=("anechoic",))
    takes = plan_avia_sim(plan, 0, clips=find_clips(tmp_path / "clips"))
    simulate_archive(tmp_path / "out", rig, takes)
    moved = shutil.move(tmp_path / "clips", tmp_path / "moved")
    again = plan_avia_sim(plan, 0, clips=find_clips(moved))
    assert told_of(tmp_path / "out", rig, again)[0].endswith("all are there already")  # where they lie is all the same
    shutil.copy(second, Path(moved) / "whistling" / first.name)
    with pytest.raises(AcoustillError, match=r"sounds was '.*' and is '"):
        simulate_archive(tmp_path / "out", rig, again)

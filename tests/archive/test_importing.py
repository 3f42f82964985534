"""What every importer does the same way."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acoustill.archive import Archive, ImageHeader, finish_archive, validate_archive
from acoustill.archive.importers.importing import ImportPlan, run_import
from acoustill.errors import AcoustillError
from acoustill.files import file_hash, only_writer
from acoustill.jobs import SetAside
from small_archives import IMAGE_SPECIFICATION, little_rig
from toy_imports import ToySource, toy_plan

ROOT = Path(__file__).resolve().parents[1]


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): file_hash(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def test_recordings_are_imported_and_described(tmp_path: Path) -> None:
    result = run_import(toy_plan(4), tmp_path / "out")
    assert list(result.archive.entries) == ["r000", "r001", "r002", "r003"]
    assert result.written == 4
    assert not result.aside
    assert result.notes == {"an even number": 2}
    assert result.archive.maker == {"importer": "toy"}
    assert not validate_archive(tmp_path / "out")


def test_what_cannot_be_taken_is_set_aside_and_tried_again(tmp_path: Path) -> None:
    plan = toy_plan(4, broken=(1,), aside=(SetAside("r9", "is a thesis"),))
    result = run_import(plan, tmp_path / "out")
    assert list(result.archive.entries) == ["r000", "r002", "r003"]
    assert [one.name for one in result.aside] == ["r9", "r001"]
    assert result.archive.aside == [
        {"name": "r9", "why": "is a thesis"},
        {"name": "r001", "why": "r001: the file is broken"},
    ]
    again = run_import(toy_plan(4), tmp_path / "out")
    assert again.written == 1
    assert len(again.archive) == 4
    assert again.archive.aside == []
    assert bytes_of(tmp_path / "out") == bytes_of(run_import(toy_plan(4), tmp_path / "at once").archive.path)


def test_nothing_at_all_is_refused_and_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(AcoustillError, match=r"none of 2 recordings could be taken; r000: r000: the file is broken"):
        run_import(toy_plan(2, broken=(0, 1)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(AcoustillError, match=r"nothing to import; x: is empty"):
        run_import(toy_plan(0, aside=(SetAside("x", "is empty"),)), tmp_path / "out")


def test_two_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    plan = ImportPlan({}, little_rig(), None, (ToySource("r", 0), ToySource("r", 1)))
    with pytest.raises(AcoustillError, match="two recordings would be called 'r'"):
        run_import(plan, tmp_path / "out")


def test_other_settings_are_not_mixed_in(tmp_path: Path) -> None:
    run_import(toy_plan(2), tmp_path / "out")
    plan = toy_plan(3)
    other = ImportPlan({"importer": "toy", "microphones": 2}, plan.rig, plan.image, plan.sources)
    with pytest.raises(AcoustillError, match="made with other settings"):
        run_import(other, tmp_path / "out")


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    run_import(toy_plan(5, broken=(3,)), tmp_path / "one", jobs=1)
    run_import(toy_plan(5, broken=(3,)), tmp_path / "two", jobs=2)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_two_imports_into_one_folder_at_once_are_refused(tmp_path: Path) -> None:
    with only_writer(tmp_path / "out"), pytest.raises(AcoustillError, match="another process is writing it"):
        run_import(toy_plan(2), tmp_path / "out")
    run_import(toy_plan(2), tmp_path / "out")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_import_goes_on_to_the_same_bytes(jobs: int, tmp_path: Path) -> None:
    whole = run_import(toy_plan(12), tmp_path / "whole").archive.path
    line = [sys.executable, str(ROOT / "toy_imports.py"), str(tmp_path / "out"), "12", str(jobs)]
    rng = random.Random(jobs)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TOY_SECONDS": "0.15"}
    for done in (0, 2, 5, 8):  # each time in the middle of the recording that comes then
        with subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL, start_new_session=True) as running:
            while running.poll() is None and len([*(tmp_path / "out").glob("recordings/[!.]*")]) < done:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.2))
            assert running.poll() is None, "the import ended before it could be killed"
            os.killpg(running.pid, signal.SIGKILL)
    subprocess.run(line, env=environment, check=True, stderr=subprocess.DEVNULL)
    assert bytes_of(tmp_path / "out") == bytes_of(whole)
    assert not validate_archive(tmp_path / "out")


def test_integers_come_back_as_they_were(tmp_path: Path) -> None:
    archive = run_import(toy_plan(1), tmp_path / "out").archive
    recording = archive["r000"]
    stored = ToySource("r000", 0).audio()
    assert recording.audio.dtype == np.int32
    np.testing.assert_array_equal(recording.audio, stored)
    np.testing.assert_allclose(recording.signals(), stored / 2.0**31, atol=1e-9)
    np.testing.assert_array_equal(recording.signals(3, 9, [1]), (stored[1:, 3:9] / 2.0**31).astype(np.float32))
    np.testing.assert_array_equal(recording.video(), ToySource("r000", 0).frames())  # PNG: every bit


def test_an_image_header_without_a_grid_is_kept(tmp_path: Path) -> None:
    plan = toy_plan(1)
    with_images = ImportPlan(plan.maker, plan.rig, ImageHeader(IMAGE_SPECIFICATION, None), plan.sources)
    assert Archive(run_import(with_images, tmp_path / "out").archive.path).image_header == with_images.image


def test_a_folder_that_lost_what_it_held_is_imported_again(tmp_path: Path) -> None:
    """After a power cut, say."""
    whole = bytes_of(run_import(toy_plan(4), tmp_path / "out").archive.path)
    folder = tmp_path / "out" / "recordings"
    (folder / "r000" / "recording.json").write_text("")
    audio = folder / "r001" / "audio.npy"
    audio.write_bytes(audio.read_bytes()[:200])
    (folder / "r002" / "video.jpegs").unlink()
    assert run_import(toy_plan(4), tmp_path / "out").written == 3
    assert bytes_of(tmp_path / "out") == whole


def test_a_source_that_changed_is_imported_again(tmp_path: Path) -> None:
    run_import(toy_plan(3), tmp_path / "out")
    plan = toy_plan(3)
    changed = replace(plan, sources=(plan.sources[0], replace(plan.sources[1], label="knock"), plan.sources[2]))
    result = run_import(changed, tmp_path / "out")
    assert result.written == 1
    assert [entry.label for entry in result.archive.entries.values()] == ["clap", "knock", "clap"]


def test_a_source_that_changed_and_cannot_be_taken_is_not_kept_as_it_was(tmp_path: Path) -> None:
    run_import(toy_plan(3), tmp_path / "out")
    plan = toy_plan(3)
    broken = replace(plan.sources[1], label="knock", broken=True)
    result = run_import(replace(plan, sources=(plan.sources[0], broken, plan.sources[2])), tmp_path / "out")
    assert [one.name for one in result.aside] == ["r001"]
    assert list(result.archive.entries) == ["r000", "r002"]
    assert not validate_archive(tmp_path / "out")


def test_what_is_no_more_in_the_source_is_not_kept_in_silence(tmp_path: Path) -> None:
    run_import(toy_plan(3), tmp_path / "out")
    with pytest.raises(AcoustillError, match=r"a recording is there that cannot be imported any more, 'r002' first"):
        run_import(toy_plan(2), tmp_path / "out")
    assert len(Archive(tmp_path / "out")) == 3


def test_names_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    plan = ImportPlan({}, little_rig(), None, (ToySource("R", 0), ToySource("r", 1)))
    with pytest.raises(AcoustillError, match="two recordings would be called 'R'"):
        run_import(plan, tmp_path / "out")


def test_a_failed_first_try_does_not_block_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(AcoustillError, match="none of 1 recordings"):
        run_import(replace(toy_plan(1, broken=(0,)), maker={"importer": "toy", "microphones": 5}), tmp_path / "out")
    assert len(run_import(toy_plan(1), tmp_path / "out").archive) == 1


def test_the_setting_that_differs_is_named(tmp_path: Path) -> None:
    run_import(toy_plan(1), tmp_path / "out")
    with pytest.raises(AcoustillError, match=r"other settings is there: microphones was None and is 2"):
        run_import(replace(toy_plan(1), maker={"importer": "toy", "microphones": 2}), tmp_path / "out")


def test_a_stray_file_among_the_recordings_does_not_stop_the_end(tmp_path: Path) -> None:
    run_import(toy_plan(1), tmp_path / "out")
    (tmp_path / "out" / "recordings" / "Thumbs.db").write_text("mine")
    assert finish_archive(tmp_path / "out") == 1


def test_names_that_are_no_text_are_printable_when_set_aside() -> None:
    one = SetAside(b"dog-\xff.wav".decode("utf-8", "surrogateescape"), "is \udcff")
    assert (one.name, one.why) == (r"dog-\udcff.wav", r"is \udcff")


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    whole = run_import(toy_plan(8), tmp_path / "whole").archive.path
    line = [sys.executable, str(ROOT / "toy_imports.py"), str(tmp_path / "out"), "8", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TOY_SECONDS": "0.3"}
    with subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL, start_new_session=True) as running:
        while running.poll() is None and not [*(tmp_path / "out").glob("recordings/[!.]*")]:
            time.sleep(0.01)
        writing = [folder.stem for folder in (tmp_path / "out").glob("recordings/.*.part")]
        assert writing, "nobody was writing"
        os.kill(int(writing[0].rpartition("-")[2]), signal.SIGKILL)
        assert running.wait(60) == 0
    assert bytes_of(tmp_path / "out") == bytes_of(whole)


def test_ctrl_c_ends_at_once_with_several_processes(tmp_path: Path) -> None:
    line = [sys.executable, str(ROOT / "toy_imports.py"), str(tmp_path / "out"), "8", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TOY_SECONDS": "60"}
    with subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL, start_new_session=True) as running:
        while running.poll() is None and not [*(tmp_path / "out").glob("recordings/.*.part")]:
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(20) != 0

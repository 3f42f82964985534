"""A writer that dies leaves nothing that could be taken for whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from acoustill.archive import Archive, finish_archive, validate_archive, write_recording, writer
from acoustill.archive.array_writer import ArrayWriter
from acoustill.archive.writer import FrameWriter
from acoustill.errors import AcoustillError
from acoustill.files import _place
from small_archives import small_archive, start_archive, streams

STAGES = [(ArrayWriter, "append_columns"), (ArrayWriter, "append"), (FrameWriter, "append"), (writer, "write_json")]


@pytest.mark.parametrize(("owner", "stage"), STAGES)
def test_an_exception_in_the_middle_leaves_no_recording(
    owner: object, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = start_archive(tmp_path / "archive")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, stage, fail)
        with pytest.raises(OSError, match="No space left"):
            write_recording(archive, "r", **streams(0))
    assert not list((archive / "recordings").iterdir())
    write_recording(archive, "r", **streams(0))
    finish_archive(archive)
    assert not validate_archive(archive)


def test_a_recording_that_is_there_survives_a_failed_replacement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = small_archive(tmp_path / "archive")
    with monkeypatch.context() as patch:
        patch.setattr(FrameWriter, "append", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_recording(archive.path, "r000", **streams(9))
    assert not validate_archive(archive.path)
    write_recording(archive.path, "r000", **streams(9))
    finish_archive(archive.path)
    assert not validate_archive(archive.path)
    np.testing.assert_array_equal(Archive(archive.path)["r000"].audio, streams(9)["audio"])


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from small_archives import start_archive, streams
from acoustill.archive import write_recording, writer
archive = start_archive(Path(sys.argv[1]))
write_recording(archive, "r000", **streams(0))
def wait(self, frame):
    self._file.write(b"half a frame")
    self._file.flush()
    print("writing", flush=True)
    time.sleep(60)
writer.FrameWriter.append = wait
write_recording(archive, "r001", **streams(1))
"""


def test_a_killed_writer_is_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    line = [sys.executable, "-c", KILLED, str(path), str(Path(__file__).resolve().parents[1])]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as writing:
        assert writing.stdout is not None
        assert writing.stdout.readline() == "writing\n"
        os.kill(writing.pid, signal.SIGKILL)
        writing.wait(10)
    left = sorted(folder.name for folder in (path / "recordings").iterdir())
    assert "r000" in left
    assert "r001" not in left
    assert any(name.endswith(".part") for name in left), "the test did not kill in the middle of a write"

    finish_archive(path)  # what is whole can be used
    assert list(Archive(path).entries) == ["r000"]
    assert not validate_archive(path)

    start_archive(path)  # the same command again
    for number in range(2):
        if not (path / "recordings" / f"r{number:03d}").exists():
            write_recording(path, f"r{number:03d}", **streams(number))
    finish_archive(path)
    assert list(Archive(path).entries) == ["r000", "r001"]
    assert not validate_archive(path)
    assert sorted(folder.name for folder in (path / "recordings").iterdir()) == ["r000", "r001"]


OPENED = """
import sys
from acoustill.archive import Archive
archive = Archive(sys.argv[1])
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(len(archive), peak, "torch" in sys.modules)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's own memory is read from /proc")
def test_ten_thousand_recordings_open_in_little_memory_and_without_torch(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    line = (archive.path / "manifest.jsonl").read_text().splitlines()[0]
    lines = [line.replace('"r000"', f'"r{i:06d}"') for i in range(10_000)]
    (archive.path / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-c", OPENED, str(archive.path)]
    opened, kilobytes, torch = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(opened) == 10_000
    assert int(kilobytes) < 200_000
    assert torch == "False"


def test_a_start_that_was_killed_is_started_anew(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    (path / "recordings").mkdir(parents=True)
    (path / "rig.yaml").write_text("half a r")
    (path / f".archive.json.{_place()}-999999999.part").write_text("{")
    small_archive(path)
    assert not validate_archive(path)


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.mkdir()
    (path / "rig.yaml").write_text("mine")
    (path / "thesis.txt").write_text("mine")
    with pytest.raises(AcoustillError, match="not an archive"):
        start_archive(path)
    assert (path / "rig.yaml").read_text() == "mine"

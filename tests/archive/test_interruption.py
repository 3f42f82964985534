"""A writer that dies leaves nothing that could be taken for whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from acoustill.archive import Archive, finish_archive, validate_archive, write_recording, writer
from small_archives import small_archive, start_archive, streams


@pytest.mark.parametrize("stage", ["_write_array", "_write_video", "write_json"])
def test_an_exception_in_the_middle_leaves_no_recording(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = start_archive(tmp_path / "archive")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer, stage, fail)
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
        patch.setattr(writer, "_write_video", lambda *_: 1 / 0)
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
def wait(*arguments):
    (arguments[0] / "video.jpegs").write_bytes(b"half a frame")
    print("writing", flush=True)
    time.sleep(60)
writer._write_video = wait
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


def test_a_manifest_of_ten_thousand_recordings_opens_in_seconds(tmp_path: Path) -> None:
    archive = small_archive(tmp_path / "archive")
    line = (archive.path / "manifest.jsonl").read_text().splitlines()[0]
    lines = [line.replace('"r000"', f'"r{i:06d}"') for i in range(10_000)]
    (archive.path / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    started = time.process_time()
    opened = Archive(archive.path)
    assert len(opened) == 10_000
    assert time.process_time() - started < 5

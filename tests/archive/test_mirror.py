"""Archives that are not on the local disk."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pytest

from acoustill.archive import Archive, validate_archive
from acoustill.archive.mirror import Mirror
from acoustill.errors import AcoustillError
from acoustill.files import locked
from small_archives import small_archive


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACOUSTILL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def in_memory(archive: Archive, address: str) -> str:
    """Copies an archive into a file system that is not the disk."""
    files = fsspec.filesystem("memory")
    if files.exists(address):
        files.rm(address, recursive=True)
    files.put(str(archive.path), address, recursive=True)
    return f"memory://{address}"


def test_an_archive_elsewhere_reads_as_the_local_one(tmp_path: Path) -> None:
    local = small_archive(tmp_path / "local")
    far = Archive(in_memory(local, "/bucket/far"))
    assert far.id == local.id
    assert far.entries == local.entries
    np.testing.assert_array_equal(far["r001"].audio, local["r001"].audio)
    np.testing.assert_array_equal(far["r001"].image, local["r001"].image)
    np.testing.assert_array_equal(far["r001"].video(), local["r001"].video())
    assert not validate_archive(in_memory(local, "/bucket/far"))


def test_only_what_is_asked_for_is_fetched_and_only_once(tmp_path: Path, cache: Path) -> None:
    address = in_memory(small_archive(tmp_path / "local"), "/bucket/once")
    far = Archive(address)
    _ = far["r001"].audio
    fetched = {path.name for path in cache.rglob("*") if path.is_file() and path.suffix in (".npy", ".jpegs")}
    assert fetched == {"audio.npy"}
    fsspec.filesystem("memory").rm("/bucket/once/recordings", recursive=True)
    np.testing.assert_array_equal(Archive(address)["r001"].audio, far["r001"].audio)  # from the copy
    with pytest.raises(AcoustillError, match=r"memory://.*r001/image.npy: no such file"):
        _ = Archive(address)["r001"].image


def test_a_changed_archive_is_not_mixed_with_older_copies(tmp_path: Path) -> None:
    address = in_memory(small_archive(tmp_path / "one"), "/bucket/changing")
    before = Archive(address)
    _ = before["r000"].audio
    other = small_archive(tmp_path / "two", [{"audio": np.ones((2, 1200), np.float32)}])
    assert in_memory(other, "/bucket/changing") == address
    after = Archive(address)
    assert after.path != before.path
    assert (after["r000"].audio == 1).all()


def test_a_damaged_file_is_refused_and_not_kept(tmp_path: Path) -> None:
    local = small_archive(tmp_path / "local")
    address = in_memory(local, "/bucket/damaged")
    files = fsspec.filesystem("memory")
    whole = files.cat_file("/bucket/damaged/recordings/r000/audio.npy")
    files.pipe_file("/bucket/damaged/recordings/r000/audio.npy", whole[:-4] + b"\0\0\0\0")
    with pytest.raises(AcoustillError, match="was changed: its hash is not the one of the sidecar"):
        _ = Archive(address)["r000"].audio
    files.pipe_file("/bucket/damaged/recordings/r000/audio.npy", whole)
    np.testing.assert_array_equal(Archive(address)["r000"].audio, local["r000"].audio)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("memory:///bucket/nothing", "not an archive, for its archive.json is missing"),
        ("nosuchprotocol://bucket/a", "cannot be read from"),
    ],
)
def test_what_is_no_archive_is_refused(address: str, complaint: str) -> None:
    with pytest.raises(AcoustillError, match=complaint):
        Archive(address)


def test_an_unfinished_archive_is_refused(tmp_path: Path) -> None:
    address = in_memory(small_archive(tmp_path / "local"), "/bucket/unfinished")
    fsspec.filesystem("memory").rm("/bucket/unfinished/manifest.jsonl")
    with pytest.raises(AcoustillError, match=r"unfinished, for its manifest.jsonl is missing"):
        Archive(address)


def _read(address: str, counted: Path, turn: int) -> float:
    """A worker that reads all recordings and leaves a mark for every file that it fetched itself."""
    copy = Mirror._copy

    def counting(self: Mirror, name: str, to: Path) -> None:
        (counted / f"{turn}-{name.replace('/', '-')}").touch()
        copy(self, name, to)

    Mirror._copy = counting  # type: ignore[method-assign]
    archive = Archive(address)
    return float(sum(archive[recording].audio.sum(dtype=np.float64) for recording in archive.entries))


@pytest.mark.parametrize("start", ["spawn", "fork"])
def test_several_workers_share_one_copy(start: str, tmp_path: Path) -> None:
    local = small_archive(tmp_path / "local", [{} for _ in range(6)])
    counted = tmp_path / "counted"
    counted.mkdir()
    address = f"file://{local.path}"
    with multiprocessing.get_context(start).Pool(4) as pool:
        sums = pool.starmap(_read, [(address, counted, turn) for turn in range(4)])
    assert len(set(sums)) == 1
    fetched = [path.name.split("-", 1)[1] for path in counted.iterdir()]
    assert len(fetched) == len(set(fetched)) == 2 * 6  # a sidecar and the audio of each, by whoever came first


def test_an_open_archive_can_be_handed_to_other_processes(tmp_path: Path) -> None:
    local = small_archive(tmp_path / "local")
    far = pickle.loads(pickle.dumps(Archive(f"file://{local.path}")))
    np.testing.assert_array_equal(far["r002"].audio, local["r002"].audio)


def test_a_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path / "locks" / "one"):
        waiting = multiprocessing.get_context("spawn").Process(target=_mark, args=(tmp_path,))
        waiting.start()
        waiting.join(1.5)
        assert waiting.is_alive()
        assert not (tmp_path / "mark").exists()
    waiting.join(20)
    assert (tmp_path / "mark").exists()


def _mark(folder: Path) -> None:
    with locked(folder / "locks" / "one"):
        (folder / "mark").touch()


def test_copies_outlive_the_original(tmp_path: Path) -> None:
    local = small_archive(tmp_path / "local")
    far = Archive(f"file://{local.path}")
    audio = np.array(far["r000"].audio)
    shutil.rmtree(local.path / "recordings")
    np.testing.assert_array_equal(far["r000"].audio, audio)

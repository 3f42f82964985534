"""Files that are never half there: write beside, then rename; and their hashes."""

from __future__ import annotations

import errno
import functools
import glob
import hashlib
import json
import math
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from acoustill.errors import AcoustillError

ABANDONED_S = 86400  # since it was written to, after which what another machine left is taken for a dead process's


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives the path of a temporary neighbour, renamed to `path` when the block ends well.

    What a process that was killed left of such neighbours is removed.

    Raises:
        AcoustillError: if a file cannot stand at `path`.
        OSError: naming `path`, if it cannot be written, as on a full disk.
    """
    _make_parent(path)
    if path.is_dir():
        raise AcoustillError(f"{path}: is a folder, expected the name of a file to write")
    for left in _left_behind(path, ".part"):
        left.unlink(missing_ok=True)
    beside = path.with_name(f".{path.name}.{_writer()}.part")
    try:
        with _naming(path, beside):
            yield beside
            _flush(beside)
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, clean: bool = True) -> Iterator[Path]:
    """Gives an empty temporary folder, renamed to `path` when the block ends well.

    What stood at `path` is replaced; if the block fails, it is left as it was. What a process that was killed left
    of such folders is removed, but for one moved aside of which nothing stands at `path`: see `recover_folder`.

    Args:
        path: of the folder.
        clean: whether to look for what was left, which takes time where thousands of folders are.

    Raises:
        AcoustillError: if a folder cannot stand at `path`.
        OSError: naming `path`, if it cannot be written, as on a full disk.
    """
    _make_parent(path)
    endings = ([".part", ".old.part"] if path.exists() else [".part"]) if clean else []
    for left in (left for ending in endings for left in _left_behind(path, ending)):
        shutil.rmtree(left, ignore_errors=True)
    beside = path.with_name(f".{path.name}.{_writer()}.part")
    before = path.with_name(f".{path.name}.{_writer()}.old.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with _naming(path, beside):
            beside.mkdir()
            yield beside
            for file in beside.iterdir():
                _flush(file)
            if path.exists():
                os.replace(path, before)
            os.replace(beside, path)
    finally:
        if before.exists() and not path.exists():
            os.replace(before, path)
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Puts back what stood at `path` if a process died in `replacing_folder`, between its two renames."""
    if path.exists():
        return
    for before in path.parent.glob(f".{glob.escape(path.name)}.*.old.part"):
        os.replace(before, path)
        return


def _flush(path: Path) -> None:
    """Sees to it that a file is on the disk before its name is: after a power cut it is whole, or not there."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _writer() -> str:
    """What this process calls itself in names of files, so that no other one does that shares the folder."""
    return f"{_place()}-{os.getpid()}"


@functools.cache
def _place() -> str:
    """The machine or container within which numbers of processes tell them apart."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _left_behind(path: Path, ending: str) -> list[Path]:
    """The temporary neighbours of `path` whose processes are no more."""
    named = re.compile(rf"\.{re.escape(path.name)}\.([0-9a-f]{{8}})-(\d+){re.escape(ending)}")
    found = filter(None, map(named.fullmatch, os.listdir(path.parent)))
    return [beside for match in found if _is_abandoned(beside := path.with_name(match[0]), match[1], int(match[2]))]


def _is_abandoned(beside: Path, place: str, process: int) -> bool:
    if place == _place():
        return not _runs(process)
    try:
        return time.time() - beside.stat().st_mtime > ABANDONED_S
    except OSError:  # it is done
        return False


def _runs(process: int) -> bool:
    """Whether there is a process of that number; where it cannot be known, there is."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@contextmanager
def _naming(path: Path, beside: Path) -> Iterator[None]:
    """Lets errors of the system name the file that was wanted: they name its temporary neighbour, or nothing."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and not os.fsdecode(error.filename).startswith(str(beside)):
            raise
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AcoustillError(f"{path}: its folder cannot be made ({error.strerror})") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Waits for its turn, and lets no other process in until the block ends; a process that dies lets go.

    Args:
        path: of the lock's file, which is made; on file systems without locks, nobody waits.
    """
    _make_parent(path)
    with path.open("a") as file:
        _lock(file.fileno(), wait=True)
        yield


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Refuses a second process that writes into a folder at the same time; it leaves nothing there.

    Raises:
        AcoustillError: if another process is in such a block.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY) if os.name == "posix" else -1
    try:
        if descriptor >= 0 and not _lock(descriptor, wait=False):
            raise AcoustillError(f"{folder}: another process is writing it; wait for it, or give another folder")
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _lock(descriptor: int, wait: bool) -> bool:
    """Takes the lock of a file; False if somebody else has it. Without locks (Windows, some networks), True."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def cache_folder() -> Path:
    """Where things are kept that can be made or fetched again: `$ACOUSTILL_CACHE`, or the user's cache folder."""
    chosen = os.environ.get("ACOUSTILL_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "acoustill"


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Writes JSON, indented, keys in the order given, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        AcoustillError: if the file is missing or is not JSON.
    """
    try:
        return _parse_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AcoustillError(f"{path}: no such file") from error
    except (ValueError, RecursionError, IsADirectoryError) as error:
        raise AcoustillError(f"{path}: not a JSON file ({error})") from error


def _parse_json(text: str) -> Any:
    """JSON without what Python takes beyond it: NaN and infinities."""
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def read_json_lines(path: Path) -> list[Any]:
    """Reads a JSON-lines file, one value a line.

    Raises:
        AcoustillError: if the file is missing, or naming the first line that is not JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AcoustillError(f"{path}: no such file") from error
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise AcoustillError(f"{path}: not a text file") from error
    values = []
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        try:
            values.append(_parse_json(line))
        except (ValueError, RecursionError) as error:
            raise AcoustillError(f"{path}: line {number} is not JSON ({error})") from error
    return values


def write_json_lines(path: Path, values: list[Any]) -> None:
    """Writes a JSON-lines file whole or not at all."""
    write_text(path, "".join(json.dumps(v, ensure_ascii=False, allow_nan=False) + "\n" for v in values))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_hash(content: Any) -> str:
    """SHA-256 of a JSON value written in one way only: keys sorted, no spaces."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def first_problem(error: ValidationError) -> str:
    """The first complaint of pydantic as part of a sentence: field, what was found, what is wrong."""
    problem = error.errors()[0]
    field = " ".join(".".join(str(part) for part in problem["loc"]).split()) or "the content"
    if problem["type"] == "extra_forbidden":
        return f"{field} is not a known field"
    if problem["type"] == "missing":
        return f"{field} is missing"
    found = repr(problem["input"])
    return f"{field} is {found if len(found) < 80 else found[:77] + '...'}: {problem['msg']}"

"""Archives that are not on the local disk, read through local copies.

An archive at any address of fsspec is opened by fetching its header, rig and manifest; the files of a recording are
fetched when they are first needed, checked against the hash that the sidecar states, and kept. Several workers, of
one or of several machines that share the folder, fetch each file once: who comes second waits for the lock and finds
the file there. Copies of an archive that was changed at its address are not mixed with older ones: the folder's name
holds a hash of address, header, rig and manifest.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from acoustill.errors import AcoustillError
from acoustill.files import cache_folder, file_hash, locked, replacing

HEAD = ("archive.json", "rig.yaml", "manifest.jsonl")


class Mirror:
    """Local copies of an archive elsewhere.

    Args:
        address: of the archive.

    Attributes:
        folder: where the copies are.

    Raises:
        AcoustillError: if there is no such place, or no finished archive.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._process = -1
        self._files: Any = None
        head = {name: self._read(name) for name in HEAD}
        key = hashlib.sha256(repr([self.address, *head.values()]).encode()).hexdigest()[:24]
        self.folder = cache_folder() / "archives" / key
        for name, content in head.items():
            if not (self.folder / name).is_file():
                with replacing(self.folder / name) as beside:
                    beside.write_bytes(content)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_process": -1, "_files": None}

    def fetch(self, path: Path, sha256: str | None) -> None:
        """Sees to it that a file of the folder is there.

        Args:
            path: of the file in the folder.
            sha256: that it must have.

        Raises:
            AcoustillError: if it cannot be fetched, or is another one than was stated.
        """
        if path.is_file():
            return
        name = path.relative_to(self.folder).as_posix()
        with locked(self.folder / ".locks" / hashlib.sha256(name.encode()).hexdigest()[:16]):
            if path.is_file():
                return
            with replacing(path) as beside:
                self._copy(name, beside)
                if sha256 is not None and file_hash(beside) != sha256:
                    raise AcoustillError(f"{self.address}/{name}: was changed: its hash is not the one of the sidecar")

    def _open(self) -> tuple[Any, str]:
        """The file system and the archive's path in it; made anew in a forked process, whose connections are dead."""
        import fsspec

        if self._process != os.getpid():
            try:
                self._files = fsspec.core.url_to_fs(self.address)
            except (ValueError, ImportError, OSError) as error:
                raise AcoustillError(f"{self.address}: cannot be read from ({error})") from error
            self._process = os.getpid()
        return self._files

    def _read(self, name: str) -> bytes:
        files, root = self._open()
        try:
            return files.cat_file(f"{root}/{name}")
        except FileNotFoundError as error:
            missing = "unfinished, for its manifest.jsonl" if name == HEAD[-1] else f"not an archive, for its {name}"
            raise AcoustillError(f"{self.address}: {missing} is missing") from error
        except Exception as error:  # every kind of file system has its own errors
            raise AcoustillError(f"{self.address}/{name}: cannot be read ({error})") from error

    def _copy(self, name: str, to: Path) -> None:
        files, root = self._open()
        try:
            files.get_file(f"{root}/{name}", str(to))
        except FileNotFoundError as error:
            raise AcoustillError(f"{self.address}/{name}: no such file") from error
        except Exception as error:  # every kind of file system has its own errors
            raise AcoustillError(f"{self.address}/{name}: cannot be read ({error})") from error


def open_mirror(path: str | Path) -> Mirror | None:
    """A mirror if the path is an address (`protocol://...`); None for a folder of the local disk."""
    address = str(path)
    if isinstance(path, Path) or "://" not in address:
        return None
    return Mirror(address)

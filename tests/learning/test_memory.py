"""Freed memory is kept where the C library can be told to."""

from __future__ import annotations

import platform
import subprocess
import sys

from acoustill.learning import memory


def test_glibc_takes_the_settings() -> None:
    """In a process of its own: they cannot be taken back."""
    command = "from acoustill.learning.memory import keep_freed_memory; print(keep_freed_memory())"
    said = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True).stdout.strip()
    assert said in ("True", "False")
    if platform.libc_ver()[0] == "glibc":
        assert said == "True"


def test_other_systems_are_left_alone(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.keep_freed_memory() is False

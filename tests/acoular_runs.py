"""Running Acoular, an independent implementation (Sarradj and Herold 2017), for comparison."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

THREADS = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def run_acoular(code: str, folder: Path) -> None:
    """Runs code in a folder, or skips the test where Acoular is not installed.

    In a process of its own: Acoular sets thread counts for the process, warns when numpy came first, and leaves a
    cache folder where it runs.
    """
    if importlib.util.find_spec("acoular") is None:
        pytest.skip("acoular is not installed")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder, env=os.environ | THREADS, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from acoustill.rig import Camera, Rig

settings.register_profile(
    "acoustill",
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("acoustill")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tests run side by side; more threads only make them wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor fill the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACOUSTILL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def small_rig() -> Rig:
    """Eight microphones, two of them broken, 64 samples a frame."""
    positions = np.random.default_rng(3).uniform(-0.15, 0.15, (8, 3)) * (1, 1, 0.2)
    return Rig("small", positions, 8000, 125.0, (2, 5), Camera.with_field_of_view(64, 48, 1.0))


@pytest.fixture(scope="session")
def arrays() -> Path:
    """The folder of real array recordings."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ACOUSTILL_SHARED_DATA", beside)) / "arrays"
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set ACOUSTILL_SHARED_DATA to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def small_simulation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `simulate_small`."""
    from tests.small_simulations import simulate_small

    return simulate_small(tmp_path_factory.mktemp("simulated") / "archive")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; whatever a test puts there must be the same, and alone, at its end."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command line in this process, as the installed program would."""
    from acoustill.__main__ import main

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["acoustill", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
            status = 0
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        out, err = capfd.readouterr()
        return Ended(status, out, err)

    return run


@pytest.fixture
def process() -> Command:
    """Runs the command line in a process of its own."""

    def run(*arguments: object) -> Ended:
        line = [sys.executable, "-m", "acoustill", *map(str, arguments)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
        return Ended(done.returncode, done.stdout, done.stderr)

    return run

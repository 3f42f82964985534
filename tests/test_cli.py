from __future__ import annotations

import subprocess
import sys

import pytest

from acoustill.cli import app
from acoustill.cli.exporting import export_app
from acoustill.cli.importing import import_app
from acoustill.cli.simulating import simulate_app
from acoustill.version import __version__

COMMANDS = [
    "validate", "info", "image", "map", "overlay", "listen", "calibrate", "train", "distill", "evaluate",
    "report", "demo",
]  # fmt: skip
IMPORTERS = ["avia", "acivw", "tfrecord", "rig", "sounds"]
SIMULATIONS = ["avia-sim", "sounds", "noise"]
GROUPS = [
    *(f"simulate {one}" for one in SIMULATIONS),
    "export avia",
    *(f"import {one}" for one in IMPORTERS),
]


def test_version_needs_no_heavy_import() -> None:
    """What makes a command slow is not loaded before it is needed."""
    code = (
        "import sys\n"
        "sys.argv = ['acoustill', '--version']\n"
        "from acoustill.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'numpy', 'lightning', 'scipy', 'matplotlib', 'pydantic', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"acoustill {__version__}"


def test_help_teaches_the_workflow(command) -> None:
    ended = command("--help")
    assert ended.status == 0
    places = [ended.out.index(f" {name} ") for name in ("simulate", "train", "distill", "evaluate", "report")]
    assert places == sorted(places)
    registered = {one.name or one.callback.__name__ for one in app.registered_commands}
    assert registered == set(COMMANDS)
    groups = {"simulate": simulate_app, "export": export_app, "import": import_app}
    below = {
        f"{name} {one.name or one.callback.__name__}"
        for name, group in groups.items()
        for one in group.registered_commands
    }
    assert below == set(GROUPS)


@pytest.mark.parametrize("name", [*COMMANDS, "import", "export", "simulate", *GROUPS])
def test_every_command_has_help(name: str, command) -> None:
    ended = command(*name.split(), "--help")
    assert ended.status == 0
    assert "Usage" in ended.out
    assert len(ended.out.splitlines()) > 8


def test_public_names_are_importable() -> None:
    import acoustill

    for name in acoustill.__all__:
        assert getattr(acoustill, name) is not None
    assert set(acoustill.__all__) <= set(dir(acoustill))
    with pytest.raises(AttributeError):
        _ = acoustill.no_such_name

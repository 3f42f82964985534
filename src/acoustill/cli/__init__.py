"""The command line. Each command imports what it needs when it runs: `--version` and `--help` answer at once."""

from acoustill.cli import archives, arrays, exporting, importing, learning, simulating
from acoustill.cli.app import app

__all__ = ["app", "archives", "arrays", "exporting", "importing", "learning", "simulating"]

"""Entry of the command line: bad input ends with one sentence and status 2, Ctrl-C with status 130."""

from __future__ import annotations

import sys

EXTRAS = {"lightning": "train", "pyroomacoustics": "sim", "matplotlib": "viz", "jinja2": "viz"}


def main() -> None:
    """Runs the command line."""
    from acoustill.cli import app
    from acoustill.errors import AcoustillError

    try:
        app()
    except AcoustillError as error:
        print(f"acoustill: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        print(f"acoustill: {error.name} is missing: pip install 'acoustill[{EXTRAS[error.name]}]'", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        print("acoustill: interrupted; the same command goes on where it stopped", file=sys.stderr)  # noqa: T201
        sys.exit(130)


if __name__ == "__main__":
    main()

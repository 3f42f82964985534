"""Entry of the command line: bad input ends with one sentence and status 2, Ctrl-C with 130, SIGTERM with 143."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

EXTRAS = {"lightning": "train", "matplotlib": "viz", "jinja2": "viz"}
INTERRUPTED, TERMINATED = 130, 143
RESUMING = ("simulate", "import", "export", "train", "distill", "demo")


def main() -> None:
    """Runs the command line."""
    from typer import BadParameter

    from acoustill.cli import app
    from acoustill.errors import AcoustillError

    signals: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        """Ends as Ctrl-C does, so that nothing half-written stays."""
        signals.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    usage_error: type[Any] = BadParameter.__mro__[1]  # typer names only this subclass of it
    try:
        status = app(standalone_mode=False)
        if status == INTERRUPTED:  # typer's answer to Ctrl-C
            raise KeyboardInterrupt
        sys.exit(status)
    except AcoustillError as error:
        _end(str(error), 2)
    except usage_error as error:
        message = error.format_message()
        if not message:  # no command was given, and the help is printed already
            sys.exit(0)
        _end(f"{message.rstrip('.')}. See --help.", 2)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        _end(f"{error.name} is missing: pip install 'acoustill[{EXTRAS[error.name]}]'", 2)
    except OSError as error:
        _end(f"{error.filename}: {error.strerror}" if error.filename else str(error), 2)
    except MemoryError as error:
        _end(
            f"there is not enough memory for this; {error}" if str(error) else "there is not enough memory for this", 2
        )
    except KeyboardInterrupt:
        resumes = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "") in RESUMING
        more = "; the same command goes on where it stopped" if resumes else ""
        _end(f"interrupted{more}", TERMINATED if signals else INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _end(message: str, status: int) -> None:
    print(f"acoustill: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(status)


if __name__ == "__main__":
    main()

"""The one exception that users are meant to read."""

from __future__ import annotations


class AcoustillError(Exception):
    """Input that cannot be used; the message is one sentence that says what to do.

    The command line prints the message without a traceback and exits with status 2. Library users catch
    this class to tell bad input from a fault of ours.
    """


def bad_input(where: object, field: str, found: object, expected: str) -> AcoustillError:
    """Builds the error of one field in one file.

    Args:
        where: the file, folder or object that holds the field.
        field: what is wrong there.
        found: its value.
        expected: what would have been right, or what to do.

    Example:
        >>> print(bad_input("a.wav", "sample rate", "44100 Hz", "12288 Hz, that of the rig"))
        a.wav: sample rate is 44100 Hz, expected 12288 Hz, that of the rig
    """
    return AcoustillError(f"{where}: {field} is {found}, expected {expected}")

"""How the C library hands out memory while a network learns on the processor."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of mallopt(3)
LARGEST = 2**31 - 1
GROWTH = 1 << 28


def keep_freed_memory() -> bool:
    """Lets this process keep the memory that it frees, for the next tensors of the same step.

    glibc gives blocks of more than some megabytes back to the system at once, and the system clears each page of the
    next one: for tensors of a training step that takes as long as the arithmetic. Kept memory halves the time of a
    step of small networks on large inputs. Elsewhere than on Linux with glibc, nothing is done.

    Returns:
        Whether the C library took the settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST), (M_TOP_PAD, GROWTH))
    taken = [mallopt(name, value) == 1 for name, value in settings]
    return all(taken)

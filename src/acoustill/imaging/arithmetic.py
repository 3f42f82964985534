"""What callers may have set in torch, set as imaging needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision(threads: int | None = None) -> Iterator[None]:
    """Computes in single precision as it is, without gradients or autocast; at the end all is as it was.

    Args:
        threads: that torch may use on the CPU meanwhile; None leaves its setting.
    """
    before, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("highest")
        with (
            torch.inference_mode(False),
            torch.no_grad(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
        ):
            yield
    finally:
        torch.set_num_threads(before)
        torch.set_float32_matmul_precision(precision)

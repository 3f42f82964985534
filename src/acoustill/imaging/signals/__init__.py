"""Recordings from files of many kinds, checked before anything is computed from them."""

from acoustill.imaging.signals.opening import (
    check_channels,
    check_shape,
    check_signals,
    checked_blocks,
    open_signals,
    read_signals,
)
from acoustill.imaging.signals.source import SignalSource

__all__ = [
    "SignalSource",
    "check_channels",
    "check_shape",
    "check_signals",
    "checked_blocks",
    "open_signals",
    "read_signals",
]

"""Pressure signals in, acoustic images out."""

from acoustill.imaging.grid import Grid, camera_grid, extent_grid
from acoustill.imaging.imager import Imager, ImageSpecification
from acoustill.imaging.levels import energy_map
from acoustill.imaging.overlay import overlay
from acoustill.imaging.peaks import Peak, find_peaks
from acoustill.imaging.signals import check_signals, read_signals
from acoustill.imaging.steering import FORMULATIONS, DelayAndSum

__all__ = [
    "FORMULATIONS",
    "DelayAndSum",
    "Grid",
    "ImageSpecification",
    "Imager",
    "Peak",
    "camera_grid",
    "check_signals",
    "energy_map",
    "extent_grid",
    "find_peaks",
    "overlay",
    "read_signals",
]

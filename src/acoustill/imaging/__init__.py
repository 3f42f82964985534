"""Pressure signals in, acoustic images out."""

from acoustill.imaging.beam import BeamStream, steer
from acoustill.imaging.cross_spectral_matrix import CrossSpectra, cross_spectra
from acoustill.imaging.grid import Grid, camera_grid, extent_grid
from acoustill.imaging.imager import Imager, Images, ImageStream
from acoustill.imaging.levels import energy_map
from acoustill.imaging.localisation import Localisation, Localiser
from acoustill.imaging.maps import MAP_METHODS, map_method
from acoustill.imaging.peaks import Peak, find_peaks
from acoustill.imaging.signals import check_signals, checked_blocks, open_signals, read_signals
from acoustill.imaging.specification import ImageSpecification
from acoustill.imaging.steering import FORMULATIONS, DelayAndSum, FilterAndSum
from acoustill.imaging.superdirective import Superdirective
from acoustill.imaging.track import Track, track_loudest
from acoustill.imaging.video import OverlayStyle, overlay, write_overlay_video

__all__ = [
    "FORMULATIONS",
    "MAP_METHODS",
    "BeamStream",
    "CrossSpectra",
    "DelayAndSum",
    "FilterAndSum",
    "Grid",
    "ImageSpecification",
    "ImageStream",
    "Imager",
    "Images",
    "Localisation",
    "Localiser",
    "OverlayStyle",
    "Peak",
    "Superdirective",
    "Track",
    "camera_grid",
    "check_signals",
    "checked_blocks",
    "cross_spectra",
    "energy_map",
    "extent_grid",
    "find_peaks",
    "map_method",
    "open_signals",
    "overlay",
    "read_signals",
    "steer",
    "track_loudest",
    "write_overlay_video",
]

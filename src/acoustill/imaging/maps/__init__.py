"""Maps of squared pressure, averaged over a recording, from its cross spectra."""

from acoustill.imaging.maps.adaptive import FunctionalMap, MvdrMap
from acoustill.imaging.maps.beams import BeamMap
from acoustill.imaging.maps.clean_sc import CleanScMap
from acoustill.imaging.maps.method import MapMethod
from acoustill.imaging.maps.registry import MAP_METHODS, map_method
from acoustill.imaging.maps.sources import sources_of_points

__all__ = [
    "MAP_METHODS",
    "BeamMap",
    "CleanScMap",
    "FunctionalMap",
    "MapMethod",
    "MvdrMap",
    "map_method",
    "sources_of_points",
]

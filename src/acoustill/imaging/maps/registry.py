"""Map methods by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from acoustill.errors import bad_input
from acoustill.imaging.maps.adaptive import FunctionalMap, MvdrMap
from acoustill.imaging.maps.beams import BeamMap
from acoustill.imaging.maps.clean_sc import CleanScMap
from acoustill.imaging.maps.method import MapMethod
from acoustill.imaging.steering import DelayAndSum
from acoustill.imaging.superdirective import Superdirective


class Steering(NamedTuple):
    """The arguments that `DelayAndSum` and `Superdirective` share."""

    positions_m: np.ndarray
    points_m: np.ndarray
    formulation: str
    speed_of_sound: float
    reference_m: tuple[float, float, float]


def _delay_and_sum(steering: Steering, remove_diagonal: bool = False) -> MapMethod:
    return BeamMap(DelayAndSum(*steering), remove_diagonal)


def _superdirective(steering: Steering, white_noise_gain_db: float = 0.0) -> MapMethod:
    return BeamMap(Superdirective(*steering, white_noise_gain_db))


def _mvdr(steering: Steering, loading: float = 0.1) -> MapMethod:
    return MvdrMap(DelayAndSum(*steering), loading)


def _functional(steering: Steering, exponent: float = 8.0) -> MapMethod:
    return FunctionalMap(DelayAndSum(*steering), exponent)


def _clean_sc(
    steering: Steering,
    gain: float = 0.6,
    iterations: int | None = None,
    range_db: float = 40.0,
    beam_width_m: float | None = None,
    remainder: bool = False,
    remove_diagonal: bool = False,
) -> MapMethod:
    beamformer = DelayAndSum(*steering)
    return CleanScMap(beamformer, gain, iterations, range_db, beam_width_m, remainder, remove_diagonal)


MAP_METHODS: dict[str, Callable[..., MapMethod]] = {
    "delay-and-sum": _delay_and_sum,
    "superdirective": _superdirective,
    "mvdr": _mvdr,
    "functional": _functional,
    "clean-sc": _clean_sc,
}


def map_method(
    name: str,
    positions_m: np.ndarray,
    points_m: np.ndarray,
    formulation: str = "true level",
    speed_of_sound: float = 343.0,
    reference_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    **parameters: float | bool | None,
) -> MapMethod:
    """The method of that name, for an array and points.

    Args:
        name: one of MAP_METHODS.
        positions_m: microphones.
        points_m: points of the map.
        formulation: steering formulation, see `DelayAndSum`.
        speed_of_sound: in metres per second.
        reference_m: where levels are referred to; the origin of the rig by default.
        **parameters: the method's own: `remove_diagonal` of "delay-and-sum"; `white_noise_gain_db` of
            "superdirective"; `loading` of "mvdr"; `exponent` of "functional"; `gain`, `iterations`, `range_db`,
            `beam_width_m`, `remainder` and `remove_diagonal` of "clean-sc".

    Shapes:
        positions_m: (M, 3).
        points_m: (P, 3).
        reference_m: (3,).

    Raises:
        AcoustillError: if there is no such method, it has no such parameter, or an argument is out of range.

    Example:
        >>> line = np.column_stack([np.linspace(-0.2, 0.2, 8), np.zeros((8, 2))])
        >>> map_method("mvdr", line, np.array([[0.0, 0.0, 1.0]]), loading=0.1)
        <acoustill.imaging.maps.adaptive.MvdrMap object at ...>
    """
    if name not in MAP_METHODS:
        raise bad_input("map", "method", repr(name), f"one of {', '.join(MAP_METHODS)}")
    known = list(inspect.signature(MAP_METHODS[name]).parameters)[1:]
    for parameter in parameters:
        if parameter not in known:
            raise bad_input(f"map method {name}", "a parameter", repr(parameter), f"one of {', '.join(known)}")
    return MAP_METHODS[name](Steering(positions_m, points_m, formulation, speed_of_sound, reference_m), **parameters)

"""Map methods by name."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import NamedTuple, get_args, get_type_hints

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


def _superdirective(steering: Steering, white_noise_gain_db: float = 6.0) -> MapMethod:
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
    *,
    parameters: Mapping[str, float | bool | None] | None = None,
) -> MapMethod:
    """The method of that name, for an array and points.

    Args:
        name: one of MAP_METHODS.
        positions_m: microphones.
        points_m: points of the map.
        formulation: steering formulation, see `DelayAndSum`.
        speed_of_sound: in metres per second.
        reference_m: where levels are referred to; the origin of the rig by default.
        parameters: the method's own: `remove_diagonal` of "delay-and-sum"; `white_noise_gain_db` of
            "superdirective"; `loading` of "mvdr"; `exponent` of "functional"; `gain`, `iterations`, `range_db`,
            `beam_width_m`, `remainder` and `remove_diagonal` of "clean-sc". Those that are left out, or all if
            None, have their defaults.

    Shapes:
        positions_m: (M, 3).
        points_m: (P, 3).
        reference_m: (3,).

    Raises:
        AcoustillError: if there is no such method, it has no such parameter, or an argument is of another type or out
            of range.

    Example:
        >>> line = np.column_stack([np.linspace(-0.2, 0.2, 8), np.zeros((8, 2))])
        >>> map_method("mvdr", line, np.array([[0.0, 0.0, 1.0]]), parameters={"loading": 0.1})
        <acoustill.imaging.maps.adaptive.MvdrMap object at ...>
    """
    if name not in MAP_METHODS:
        raise bad_input("map", "method", repr(name), f"one of {', '.join(MAP_METHODS)}")
    given = parameters or {}
    known = {key: kind for key, kind in get_type_hints(MAP_METHODS[name]).items() if key not in ("steering", "return")}
    for parameter in given:
        if parameter not in known:
            raise bad_input(f"map method {name}", "a parameter", repr(parameter), f"one of {', '.join(known)}")
    for parameter, value in given.items():
        _check_type(f"map method {name}", parameter, value, known[parameter])
    return MAP_METHODS[name](Steering(positions_m, points_m, formulation, speed_of_sound, reference_m), **given)


def _check_type(where: str, parameter: str, value: object, annotation: object) -> None:
    """Refuses a value that is not of the type that a factory is annotated with."""
    kinds = get_args(annotation) or (annotation,)
    kind = next(one for one in kinds if one is not types.NoneType)
    if value is None and types.NoneType in kinds:
        return
    expected, numbers = {
        bool: ("true or false", bool),
        int: ("a whole number", Integral),
        float: ("a number", Real),
    }[kind]
    if not isinstance(value, numbers) or (isinstance(value, bool) and kind is not bool):
        more = " or none" if types.NoneType in kinds else ""
        raise bad_input(where, parameter, repr(value).lower(), expected + more)

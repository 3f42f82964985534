"""In another system: maps of one geometry given for another, from a cache keyed by what an array prints.

Skeletons on disk are found by a hash of every byte that they follow from.
"""

from __future__ import annotations

import numpy as np

from acoustill.imaging import Imager, ImageSpecification, extent_grid
from acoustill.imaging.plans import content_hash
from acoustill.rig import Rig


def rig_of(positions: np.ndarray) -> Rig:
    return Rig("large", positions, 8000, 125.0)


def test_a_microphone_in_the_middle_of_a_large_array_is_not_overlooked() -> None:
    rng = np.random.default_rng(1)
    positions = np.column_stack([rng.uniform(-0.5, 0.5, (400, 2)), np.zeros(400)])
    moved = positions.copy()
    moved[150:250] *= 0.5
    assert str(positions) == str(moved)  # numpy prints the ends
    assert content_hash({"positions": positions}) != content_hash({"positions": moved})
    grid = extent_grid((-1, 1, -1, 1), 12, 16, 2.0)
    signals = rng.standard_normal((400, 2 * 64)).astype(np.float32)
    specification = ImageSpecification(features="mel", bands=5)
    first = Imager(rig_of(positions), grid, specification)(signals)
    second = Imager(rig_of(moved), grid, specification)(signals)  # beside the first one's skeleton
    exact = Imager(rig_of(moved), grid, specification, path="exact")(signals)
    assert np.linalg.norm(second - exact) < 1e-3 * np.linalg.norm(exact)
    assert np.linalg.norm(first - exact) > 0.1 * np.linalg.norm(exact)

"""Windows of recordings in which a source was seen."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np

from acoustill.commands.sightings import Sighting, cut_windows
from acoustill.rig import preset


def test_long_recordings_are_not_held_in_memory(tmp_path: Path) -> None:
    """Overlapping windows in any order, out of a recording of 100 MB."""
    uma, seconds = preset("uma16"), 36
    path = tmp_path / "take.npy"
    ramp = np.lib.format.open_memmap(path, "w+", np.float32, (uma.channels, seconds * uma.sample_rate))
    ramp[:] = np.arange(ramp.shape[1])
    ramp.flush()
    starts = [30.0, 0.0, 7.3, 7.4, 20.0, 7.25, 33.9]
    sightings = [Sighting(path, start, start + 1 + i % 2, (0.0, 0.0), f"line {i}") for i, start in enumerate(starts)]
    outside = [Sighting(path, start, start + 1, (0.0, 0.0), None) for start in (-0.5, 35.5)]
    tracemalloc.start()
    found = {}
    for sighting, window in cut_windows(sightings + outside, uma):
        found[sighting] = window if window is None else (window[3, 0], window.shape)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # a window of two seconds is 6 MB
    assert len(found) == len(sightings + outside)
    for sighting in sightings:
        length = round((sighting.end_s - sighting.start_s) * uma.sample_rate)
        assert found[sighting] == (round(sighting.start_s * uma.sample_rate), (uma.channels, length))
    assert [found[sighting] for sighting in outside] == [None, None]

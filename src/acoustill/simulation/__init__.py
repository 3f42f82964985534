"""Recordings of a rig that were never made: rooms, sources, noise, video."""

from acoustill.simulation.avia_folders import simulate_avia_folders
from acoustill.simulation.clips import find_clips
from acoustill.simulation.noise_fields import simulate_noise
from acoustill.simulation.plan import PRESETS, Plan, Take, plan_avia_sim, plan_noise, plan_sounds
from acoustill.simulation.recorder import simulate_archive, simulate_take

__all__ = [
    "PRESETS",
    "Plan",
    "Take",
    "find_clips",
    "plan_avia_sim",
    "plan_noise",
    "plan_sounds",
    "simulate_archive",
    "simulate_avia_folders",
    "simulate_noise",
    "simulate_take",
]

"""Recordings of a rig that were never made: rooms, sources, noise, video."""

from acoustill.simulation.plan import PRESETS, Plan, Take, plan_actions, plan_sounds
from acoustill.simulation.recorder import simulate_archive, simulate_take

__all__ = ["PRESETS", "Plan", "Take", "plan_actions", "plan_sounds", "simulate_archive", "simulate_take"]

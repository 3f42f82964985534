"""Where the microphones and the camera are: geometry, camera model, rig file, presets."""

from acoustill.rig.calibration import Calibration, calibrate_camera
from acoustill.rig.camera import Camera
from acoustill.rig.file import load_rig, save_rig
from acoustill.rig.geometry import read_geometry
from acoustill.rig.presets import PRESETS, preset
from acoustill.rig.rig import Rig

__all__ = [
    "PRESETS",
    "Calibration",
    "Camera",
    "Rig",
    "calibrate_camera",
    "load_rig",
    "preset",
    "read_geometry",
    "save_rig",
]

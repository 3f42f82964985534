"""Acoustic images drawn over the camera's video."""

from acoustill.imaging.video.mp4 import VideoTrack
from acoustill.imaging.video.overlay import heat_colours, overlay
from acoustill.imaging.video.overlay_video import OverlayStyle, Sound, dark_picture, write_overlay_video

__all__ = ["OverlayStyle", "Sound", "VideoTrack", "dark_picture", "heat_colours", "overlay", "write_overlay_video"]

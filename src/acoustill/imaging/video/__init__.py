"""Acoustic images drawn over the camera's video."""

from acoustill.imaging.video.overlay import heat_colours, overlay
from acoustill.imaging.video.overlay_video import OverlayStyle, Sound, dark_picture, write_overlay_video
from acoustill.imaging.video.reading import VideoReader, VideoTrack

__all__ = [
    "OverlayStyle",
    "Sound",
    "VideoReader",
    "VideoTrack",
    "dark_picture",
    "heat_colours",
    "overlay",
    "write_overlay_video",
]

"""Networks: teachers that see acoustic images, students that hear one microphone."""

from acoustill.models.dualcamnet import DualCamNet
from acoustill.models.hearnet import HearNet
from acoustill.models.network import FrameNetwork, Network
from acoustill.models.specification import Specification
from acoustill.models.store import NETWORKS, build_network, load_network, save_network

__all__ = [
    "NETWORKS",
    "DualCamNet",
    "FrameNetwork",
    "HearNet",
    "Network",
    "Specification",
    "build_network",
    "load_network",
    "save_network",
]

"""Networks: teachers that see acoustic images, students that hear one microphone."""

from acoustill.models.compactnet import CompactNet
from acoustill.models.costs import Cost, cost_of
from acoustill.models.dualcamnet import DualCamNet
from acoustill.models.hearnet import HearNet
from acoustill.models.network import FrameNetwork, Network
from acoustill.models.specification import Specification
from acoustill.models.store import NETWORKS, build_network, load_network, read_temperature, save_network

__all__ = [
    "NETWORKS",
    "CompactNet",
    "Cost",
    "DualCamNet",
    "FrameNetwork",
    "HearNet",
    "Network",
    "Specification",
    "build_network",
    "cost_of",
    "load_network",
    "read_temperature",
    "save_network",
]

"""The paper's code fed frames in the order blue, green, red to a network trained on red, green, blue.

Here video is RGB from the writer to the reader, in overlays too, and where the networks' convolutions begin.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from acoustill.archive import Clip, read_clip
from acoustill.imaging import overlay
from acoustill.models import Specification, build_network
from small_archives import FRAMES, SAMPLES_PER_FRAME, small_archive


@pytest.mark.parametrize("colour", [(230, 20, 20), (20, 200, 20), (20, 20, 230)])
def test_colours_survive_the_archive(colour: tuple[int, int, int], tmp_path: Path) -> None:
    video = np.full((FRAMES, 16, 24, 3), colour, np.uint8)
    recording = small_archive(tmp_path / "archive", [{"video": video}])["r000"]
    seen = read_clip(recording, Clip("r000", 2, 3), ["video"], SAMPLES_PER_FRAME)["video"]
    np.testing.assert_allclose(seen.mean((0, 1, 2)), colour, atol=6)


def test_colours_survive_a_silent_overlay() -> None:
    frame = np.full((4, 4, 3), (230, 20, 10), np.uint8)
    np.testing.assert_array_equal(overlay(frame, np.zeros((2, 2))), frame)


@pytest.mark.parametrize("name", ["resnet50", "temporal-resnet50", "avnet"])
def test_red_reaches_the_channel_that_the_weights_know_as_red(name: str, tmp_path: Path) -> None:
    """From a recording to the first convolution, with ImageNet's statistics of each colour."""
    colour, shape = (230, 120, 20), (8, 12)
    video = np.full((FRAMES, 16, 24, 3), colour, np.uint8)
    recording = small_archive(tmp_path / "archive", [{"video": video}])["r000"]
    streams = ("image", "video") if name == "avnet" else ("video",)
    views = read_clip(recording, Clip("r000", 2, 3), ["image", "video"], SAMPLES_PER_FRAME, video_shape=shape)
    specification = Specification(
        streams=streams, classes=("a", "b"), sample_rate=1200, samples_per_frame=SAMPLES_PER_FRAME, clip_frames=3,
        video_shape=shape, image_shape=(8, 12, 2),
    )  # fmt: skip
    network = build_network(name, specification, {"depth": 18}).eval()
    given: list[torch.Tensor] = []
    network.video.resnet.conv1.register_forward_hook(lambda _, pictures, __: given.append(pictures[0]))
    network({"video": torch.from_numpy(views["video"])[None], "image": torch.zeros(1, 3, 8, 12, 2)})
    expected = (np.array(colour) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    np.testing.assert_allclose(given[0].mean((0, 2, 3)), expected, atol=6 / 255 / 0.22)

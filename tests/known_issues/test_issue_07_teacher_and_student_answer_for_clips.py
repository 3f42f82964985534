"""The paper's code counted a teacher's accuracy per frame and a student's per clip.

Both networks are given the same clips and answer once for each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from acoustill.archive.clips import all_clips
from acoustill.learning.sampling import EvaluationClips
from acoustill.models.specification import Specification
from acoustill.models.store import build_network
from small_archives import small_archive


def test_one_answer_a_clip(tmp_path: Path) -> None:
    recordings = [
        {
            "label": label,
            "frames": 24,
            "audio": np.ones((2, 2400), np.float32),
            "video": None,
            "image": np.ones((24, 4, 4, 2)),
        }
        for label in ("clap", "door")
    ]
    archive = small_archive(tmp_path / "archive", recordings)
    clips = all_clips(archive, tuple(archive.entries), 12)
    labels = []
    for network, stream in (("dualcamnet", "image"), ("hearnet", "audio")):
        specification = Specification(
            streams=(stream,), classes=archive.classes, sample_rate=1200, samples_per_frame=100, clip_frames=12,
            image_shape=(4, 4, 2) if stream == "image" else None,
        )  # fmt: skip
        samples = EvaluationClips(archive, clips, [stream])
        views = torch.stack([samples[i]["views"][stream] for i in range(len(samples))])
        assert build_network(network, specification).eval()({stream: views.float()}).shape == (4, 2)
        labels.append([int(samples[i]["label"]) for i in range(len(samples))])
    assert labels == [[0, 0, 1, 1]] * 2

"""The paper's code divided each clip by its peak: level was lost, and streaming differed from batch.

Features follow the level of the sound, and the spectrum of an instant does not depend on the rest of the clip.
"""

from __future__ import annotations

import numpy as np
import torch

from acoustill.imaging import Imager, ImageSpecification, extent_grid
from acoustill.models.spectrogram import LogSpectrogram
from acoustill.rig import Rig


def test_twice_the_pressure_is_six_decibel_more() -> None:
    torch.manual_seed(0)
    spectrogram, audio = LogSpectrogram(12288, 12288), 0.1 * torch.randn(1, 12288)
    rise = spectrogram(2 * audio) - spectrogram(audio)
    torch.testing.assert_close(rise, torch.full_like(rise, 6.0206), atol=1e-3, rtol=0)


def test_a_bang_later_in_the_clip_does_not_change_what_came_before() -> None:
    torch.manual_seed(0)
    spectrogram, audio = LogSpectrogram(12288, 12288), 0.1 * torch.randn(1, 12288)
    with_bang = audio.clone()
    with_bang[0, 10000] = 100.0
    torch.testing.assert_close(spectrogram(audio)[:, :70], spectrogram(with_bang)[:, :70])


def test_images_of_a_frame_do_not_depend_on_other_frames() -> None:
    rng = np.random.default_rng(0)
    rig = Rig("four", rng.uniform(-0.1, 0.1, (4, 3)), 8000, 125.0)
    imager = Imager(rig, extent_grid((-1, 1, -1, 1), 2, 2, 1.0), ImageSpecification(bands=6, coefficients=4))
    signals = rng.standard_normal((4, 640)).astype(np.float32)
    louder = signals.copy()
    louder[:, 320:] *= 1000
    np.testing.assert_allclose(imager(louder)[:5], imager(signals)[:5], rtol=1e-5, atol=1e-4)
    assert (imager(louder)[5:, ..., 0] > imager(signals)[5:, ..., 0] + 100).all()

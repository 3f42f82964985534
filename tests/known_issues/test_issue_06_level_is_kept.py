"""The paper's code divided each clip by its peak: level was lost, and streaming differed from batch.

Features follow the level of the sound, and the spectrum of an instant does not depend on the rest of the clip. The
networks on the waveform divide by one number, fitted on the training set.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from acoustill.imaging import Imager, ImageSpecification, extent_grid
from acoustill.models import Specification, build_network
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


@pytest.mark.parametrize("name", ["soundnet5", "soundnet8"])
@pytest.mark.parametrize("pretrained_rate", [None, 22050])
def test_the_waveform_reaches_the_first_layer_at_its_level(name: str, pretrained_rate: int | None) -> None:
    specification = Specification(
        streams=("audio",), classes=("a", "b"), sample_rate=12288, samples_per_frame=1024, clip_frames=12
    )
    network = build_network(name, specification, {"pretrained_rate": pretrained_rate}).eval()
    rng = torch.Generator().manual_seed(0)
    quiet = 0.01 * torch.randn(1, 12288, generator=rng)
    network.fit_normalisation([{"audio": torch.cat([quiet, 3 * quiet])}])
    given: list[torch.Tensor] = []
    network.get_submodule("conv1").register_forward_hook(lambda _, maps, __: given.append(maps[0]))
    with_bang = quiet.clone()
    with_bang[0, 10000] = 100.0
    for audio in (quiet, 2 * quiet, with_bang):
        network({"audio": audio})
    zero = -network.scale * network.standardise.mean / network.standardise.deviation
    torch.testing.assert_close(given[1] - zero, 2 * (given[0] - zero), rtol=1e-5, atol=1e-4)
    before = 9000 * given[0].shape[-1] // 12288
    torch.testing.assert_close(given[2][..., :before], given[0][..., :before])

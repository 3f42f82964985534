from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from acoustill.errors import AcoustillError
from acoustill.imaging.beam_specification import UNIT_PA
from acoustill.learning.teachers import blocks_of
from acoustill.models import FrameNetwork, Network, Specification, build_network, load_network, save_network
from acoustill.models.beam_features import BeamEnergies
from acoustill.models.beamnet import BeamNet, SteeringNetwork
from acoustill.models.fusednet import FusedNet
from acoustill.models.motionnet import MotionNet
from acoustill.models.spectrogram import decibels
from acoustill.models.store import NETWORKS
from acoustill.models.trunks import Masking

ROWS, COLUMNS, STEPS, BINS = 3, 4, 8, 129
STEERING = ("beamnet", "beamnet-heard", "beamnet-loudest", "beamnet-true", "fusednet", "fusednet-heard")
TEACHERS = (*STEERING, "acousticnet", "motionnet", "micnet")


def specification(name: str, classes: int = 14, frames: int = 12) -> Specification:
    return Specification(
        streams=NETWORKS[name].streams,
        classes=tuple(f"class{i}" for i in range(classes)),
        sample_rate=12288,
        samples_per_frame=1024,
        clip_frames=frames,
        beams_shape=(STEPS, ROWS, COLUMNS, BINS),
        beams={},
        video_shape=(24, 32),
    )


def build(name: str, classes: int = 14, frames: int = 12, **settings: float) -> FrameNetwork:
    torch.manual_seed(0)
    network = build_network(name, specification(name, classes, frames), settings)
    assert isinstance(network, FrameNetwork)
    return network


def noise_views(network: Network, batch: int = 2, frames: int | None = None) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    views = {}
    for stream in network.streams:
        shape = (batch, *network.specification.view_shape(stream, frames))  # type: ignore[arg-type]
        if stream == "video":
            views[stream] = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        else:
            views[stream] = torch.rand(shape, generator=generator)
    if "beams" in views:
        views["beams"] = (views["beams"] - 0.5).half()
    return views


@pytest.mark.parametrize("name", TEACHERS)
def test_teachers_answer_for_frames_and_for_clips_by_their_mean(name: str) -> None:
    network = build(name).eval()
    for frames in (12, 20):
        views = noise_views(network, 2, frames)
        logits = network.frame_logits(views)
        assert logits.shape == (2, frames, 14)
        assert torch.allclose(network(views), logits.mean(dim=1), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "thousands"),
    [
        ("beamnet", 539),
        ("beamnet-heard", 470),
        ("beamnet-true", 453),
        ("acousticnet", 89),
        ("motionnet", 105),
        ("fusednet", 733),
        ("fusednet-heard", 559),
        ("micnet", 453),
    ],
)
def test_teachers_have_the_size_that_the_docs_state(name: str, thousands: int) -> None:
    assert round(sum(parameter.numel() for parameter in build(name).parameters()) / 1e3) == thousands


@pytest.mark.parametrize("name", TEACHERS)
def test_teachers_come_back_from_a_folder(name: str, tmp_path) -> None:
    network = build(name).eval()
    network.fit_normalisation([noise_views(network, 4)])
    save_network(network, tmp_path)
    again = load_network(tmp_path)
    views = noise_views(network)
    assert torch.equal(network(views), again(views))
    assert again.specification == network.specification


def test_energies_are_those_of_the_spectra() -> None:
    """In float64, band by band: units, order of directions and of time."""
    energies = BeamEnergies(specification("beamnet-heard"), 40)
    beams = noise_views(build("beamnet-heard"))["beams"]
    found = energies(beams)
    assert found.shape == (2, 12 * STEPS, ROWS * COLUMNS, 40)
    spectrum = beams[1, 3, 5, 2, 1].double() * UNIT_PA
    expected = spectrum.square().sum(dim=-1) @ (energies.filters[::2].double() / UNIT_PA**2)
    assert torch.allclose(found[1, 3 * STEPS + 5, 2 * COLUMNS + 1].double(), expected, rtol=1e-5)


def action(cells: torch.Tensor, loud: torch.Tensor, frames: int = 12) -> torch.Tensor:
    """Beams of a tone in one direction, of another pitch in each class, among noise in all of them."""
    batch = len(cells)
    generator = torch.Generator().manual_seed(int(cells.sum()))
    beams = torch.randn(batch, frames, STEPS, ROWS * COLUMNS, BINS, 2, generator=generator)
    for i in range(batch):
        beams[i, :, ::2, cells[i], 10 + 20 * int(loud[i])] += 12.0
    return beams.unflatten(3, (ROWS, COLUMNS))


@pytest.mark.parametrize("seed", [0, 2])
def test_beamnet_learns_where_to_listen_from_labels_alone(seed: int) -> None:
    """Someone else performs as well: the class is told by the one who does not hum, wherever that one stands.

    It may not listen around the action instead, as it did from these seeds when it heard all directions besides.
    """
    torch.manual_seed(seed)
    network = build_network("beamnet-heard", specification("beamnet-heard", classes=4, frames=4), {"width": 32})
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(5 + seed)
    directions = ROWS * COLUMNS

    def draw(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        cells = torch.randint(directions, (count,), generator=generator)
        others = (cells + 5) % directions
        labels, performed = torch.randint(4, (2, count), generator=generator)
        beams = torch.randn(count, 4, STEPS, directions, BINS, 2, generator=generator)
        for i in range(count):
            beams[i, :, ::2, cells[i], 10 + 12 * int(labels[i])] += 12
            beams[i, :, ::2, others[i], 10 + 12 * int(performed[i])] += 12
            beams[i, :, :, others[i], 70:90] += 4
        return beams.unflatten(3, (ROWS, COLUMNS)), labels, cells, others

    network.fit_normalisation([{"beams": draw(16)[0]}])
    for _ in range(80):
        beams, labels, _, _ = draw(16)
        loss = cross_entropy(network({"beams": beams}), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    beams, labels, cells, others = draw(32)
    assert (network({"beams": beams}).argmax(dim=1) == labels).float().mean() > 0.85
    assert isinstance(network, SteeringNetwork)
    shares = network.attention({"beams": beams}).flatten(2).mean(dim=1)
    assert shares.gather(1, cells[:, None]).mean() > 4 / directions
    assert shares.gather(1, others[:, None]).mean() < 0.2 / directions


@pytest.mark.parametrize("name", STEERING)
def test_shares_of_directions_sum_to_one(name: str) -> None:
    network = build(name).eval()
    assert isinstance(network, SteeringNetwork)
    shares = network.attention(noise_views(network))
    assert shares.shape == (2, 12, ROWS, COLUMNS)
    assert torch.allclose(shares.sum(dim=(2, 3)), torch.ones(2, 12), atol=1e-5)


def test_the_loudest_and_the_true_direction_are_listened_to() -> None:
    cells = torch.tensor([7, 2])
    beams = action(cells, torch.tensor([0, 1]))
    loudest, true = build("beamnet-loudest").eval(), build("beamnet-true").eval()
    assert isinstance(loudest, SteeringNetwork)
    assert isinstance(true, SteeringNetwork)
    assert (loudest.attention({"beams": beams}).flatten(2).argmax(dim=2) == cells[:, None]).all()
    places = torch.stack([(cells % COLUMNS + 0.4) / COLUMNS, (cells // COLUMNS + 0.9) / ROWS], dim=1)
    direction = places[:, None].expand(-1, 12, -1)
    assert (true.attention({"beams": beams, "direction": direction}).flatten(2).argmax(dim=2) == cells[:, None]).all()


def test_a_direction_outside_the_view_is_the_nearest_inside() -> None:
    network = build("beamnet-true").eval()
    assert isinstance(network, SteeringNetwork)
    views = noise_views(network, 1)
    views["direction"] = torch.tensor([[[1.2, -0.3]]]).expand(1, 12, 2)
    assert network.attention(views)[0, 0, 0, COLUMNS - 1] == 1


def test_acoustic_images_are_normalised_per_recording() -> None:
    """Level and colour of the microphones make no difference; what happens where, and when, does."""
    network = build("acousticnet").eval()
    beams = noise_views(network)["beams"].float() + 0.01
    coloured = beams * torch.linspace(0.5, 4, BINS)[:, None]
    same = network({"beams": 7 * beams})
    assert torch.allclose(network({"beams": beams}), same, atol=1e-3)
    assert (network({"beams": coloured}) - same).abs().mean() < (network({"beams": beams.flip(4)}) - same).abs().mean()


def test_motionnet_tells_directions_of_movement_apart() -> None:
    """One picture would not do: every frame of either class occurs in the other."""
    network = build("motionnet", classes=2, frames=8)
    assert isinstance(network, MotionNet)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(3)

    def draw(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.randint(2, (count,), generator=generator)
        starts = torch.randint(32, (count,), generator=generator)
        video = torch.zeros(count, 8, 24, 32, 3, dtype=torch.uint8)
        for i in range(count):
            for frame in range(8):
                column = int(starts[i] + 3 * frame * (1 if labels[i] else -1)) % 32
                video[i, frame, 8:16, column : column + 6] = 200
        return video, labels

    for _ in range(40):
        video, labels = draw(16)
        loss = cross_entropy(network({"video": video}), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    video, labels = draw(64)
    assert (network.eval()({"video": video}).argmax(dim=1) == labels).float().mean() > 0.9


def test_fused_teacher_goes_on_without_a_stream_and_adds_up_evidence() -> None:
    network = build("fusednet").eval()
    assert isinstance(network, FusedNet)
    network.weights.copy_(torch.tensor([0.5, 2.0, 3.0]))
    views = noise_views(network)
    parts = network.part_logits(views)
    assert set(parts) == {"beamnet", "acousticnet", "motionnet"}
    summed = 0.5 * parts["beamnet"] + 2 * parts["acousticnet"] + 3 * parts["motionnet"]
    assert torch.allclose(network.frame_logits(views), summed, atol=1e-5)
    deaf = network.frame_logits({"video": views["video"]})
    assert torch.allclose(deaf, 3 * parts["motionnet"], atol=1e-5)
    blind = network.part_logits({"beams": views["beams"]})
    assert set(blind) == {"beamnet", "acousticnet"}
    assert torch.equal(blind["acousticnet"], parts["acousticnet"])
    assert not torch.equal(blind["beamnet"], parts["beamnet"])  # what moves steers the beam
    with pytest.raises(AcoustillError, match="beams, video or both"):
        network({"audio": torch.zeros(1, 12288)})
    with pytest.raises(AcoustillError, match="shape of the video"):
        network({"video": torch.zeros(1, 12, 10, 10, 3)})
    with pytest.raises(AcoustillError, match=r"expected a mapping with \['beams'\]"):
        network.attention({"video": views["video"]})


def test_a_fused_teacher_that_hears_alone_is_made_of_such_parts() -> None:
    network = build("fusednet-heard").eval()
    views = noise_views(network)
    assert list(views) == ["beams"]
    parts = network.part_logits(views)  # type: ignore[operator]
    assert torch.allclose(network.frame_logits(views), parts["beamnet-heard"] + parts["acousticnet"], atol=1e-5)
    with pytest.raises(AcoustillError, match=r"expected a mapping with \['beams'\]"):
        network({})
    known = "the network, one of beamnet-heard, beamnet-loudest, acousticnet, and settings"
    for part in ("motionnet", "beamnet"):
        with pytest.raises(AcoustillError, match=known):
            build_network("fusednet-heard", specification("fusednet-heard"), {"parts": [part]})


def test_what_a_fused_teacher_looks_at_is_said_by_stream() -> None:
    """Blocks of long recordings begin at frames that every part looks at."""
    parts = [{"network": "resnet50", "settings": {"depth": 18, "frames_per_second": rate}} for rate in (4.0, 6.0)]
    network = build_network("fusednet", specification("fusednet"), {"parts": ["beamnet", *parts]})
    features = network.specification.features
    assert set(features["beams"]) == {"beamnet"}
    assert [features["video"][f"resnet50-{i}"]["every_frame"] for i in (1, 2)] == [3, 2]
    assert features["video"]["every_frame"] == 6
    assert {block.first % 6 for block in blocks_of(network.specification, 2000)} == {0}
    with pytest.raises(AcoustillError, match="expected a list of at least one network"):
        build_network("fusednet", specification("fusednet"), {"parts": {"motionnet": {}}})


def test_each_part_of_the_fused_teacher_learns_for_itself() -> None:
    """A part that is sure already does not take the gradient from the others."""
    network = build("fusednet")
    answers = network.logits_of_parts(noise_views(network, 4))
    assert [tuple(one.shape) for one in answers] == [(4, 14)] * 3
    assert isinstance(network, FusedNet)
    answers[2].sum().backward()  # those of what is seen
    seen, heard = network.parts["motionnet"], network.parts["beamnet"]
    assert isinstance(seen, MotionNet)
    assert isinstance(heard, BeamNet)
    assert seen.classify[1].weight.grad is not None
    assert heard.classify[1].weight.grad is None


@pytest.mark.parametrize("name", ["acousticnet", "fusednet", "beamnet-heard"])
def test_odd_numbers_of_steps_will_do(name: str) -> None:
    odd = specification(name).model_copy(update={"beams_shape": (5, ROWS, COLUMNS, BINS)})
    network = build_network(name, odd)
    assert network(noise_views(network)).shape == (2, 14)


def test_streams_of_unequal_length_are_refused() -> None:
    views = noise_views(build("beamnet"))
    with pytest.raises(AcoustillError, match="as many of every stream"):
        build("beamnet")(views | {"video": views["video"][:, :1]})


def test_steering_that_lost_its_sight_is_that_without_video() -> None:
    """In training as later: where the draw blinds a clip, nothing but the missing picture changes."""
    network = build("beamnet", modality_dropout=1.0).train()
    assert isinstance(network, BeamNet)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout | torch.nn.modules.batchnorm._BatchNorm | Masking):
            module.eval()
    views = noise_views(network)
    blind = network.attention({"beams": views["beams"]})
    assert torch.allclose(network.attention(views), blind, atol=1e-6)
    network.modality_dropout = 0.0
    assert not torch.allclose(network.attention(views), blind, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", TEACHERS)
def test_every_weight_of_a_teacher_learns(name: str) -> None:
    network = build(name, modality_dropout=0.0) if name == "beamnet" else build(name)
    for logits in network.logits_of_parts(noise_views(network, 4)):
        cross_entropy(logits, torch.arange(4)).backward(retain_graph=True)
    still = [key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.abs().sum()]
    assert not still


def test_masks_are_of_the_width_asked_for() -> None:
    masking = Masking(times=0.5, bands=0.0, count=1).train()
    torch.manual_seed(0)
    masked = masking(torch.ones(2000, 1, 40, 8))
    share = float((masked == 0).float().mean())
    assert math.isclose(share, 0.25, abs_tol=0.02)
    assert torch.equal(masking.eval()(torch.ones(2, 1, 4, 4)), torch.ones(2, 1, 4, 4))


def test_one_microphone_can_be_masked_as_beams_are() -> None:
    masks = Masking()
    network = build_network("micnet", specification("micnet"), {"masks": [masks.times, masks.bands]})
    assert (network.masking.times, network.masking.bands) == (masks.times, masks.bands)
    for wrong in ([0.1], [0.1, 1.5], [0.1, 0.2, 0.3]):
        with pytest.raises(AcoustillError, match="two shares from 0 to 1"):
            build_network("micnet", specification("micnet"), {"masks": wrong})


def test_decibels_have_a_floor() -> None:
    assert torch.equal(decibels(torch.tensor([0.0, 1.0])), torch.tensor([-120.0, 0.0]))


def test_bands_that_hear_no_bin_are_refused() -> None:
    """Bins 768 Hz apart: the one nearest to the lowest bands is that at 0 Hz, where beams are zero."""
    coarse = specification("beamnet").model_copy(update={"beams_shape": (STEPS, ROWS, COLUMNS, 9)})
    with pytest.raises(AcoustillError, match="number of mel bands is 40 of bins 768 Hz apart, expected so few that"):
        BeamEnergies(coarse, 40)

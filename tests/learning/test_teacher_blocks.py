"""Long recordings are answered in blocks, and the answers are those of one pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.small_archives import little_rig
from tests.small_simulations import tiny_backbone
from torch import nn

from acoustill.archive import Archive, ImageHeader, create_archive, finish_archive, write_recording
from acoustill.imaging import ImageSpecification, extent_grid
from acoustill.learning import teachers as teachers_module
from acoustill.learning.teachers import Block, blocks_of
from acoustill.models import FrameNetwork, Specification, build_network
from acoustill.models.specification import ReceptiveField
from acoustill.models.store import NETWORKS

FRAMES = 75
IMAGE = ImageSpecification(features="mel", bands=2)
FINITE: dict[str, dict[str, object]] = {
    "dualcamnet": {},
    "motionnet": {},
    "resnet50": {"depth": 18, "frames_per_second": 2.0},
    "temporal-resnet50": {"depth": 18, "frames_per_second": 4.0},
    "avnet": {"depth": 18, "frames_per_second": 3.0},
    "hf-image": {"frames_per_second": 2.0},
}


def specification(streams: tuple[str, ...] = ("video",), **changes: object) -> Specification:
    return Specification(
        streams=streams,  # type: ignore[arg-type]
        classes=("clap", "hiss"),
        sample_rate=1200,
        samples_per_frame=100,
        clip_frames=12,
        image_shape=(8, 12, 2),
        image=IMAGE.to_json(),
        video_shape=(16, 24),
    ).model_copy(update=changes)


def with_field(before_s: float | None, after_s: float | None, every_frame: int = 1) -> Specification:
    field = ReceptiveField(before_s=before_s, after_s=after_s)
    return specification(receptive_field=field, features={"video": {"every_frame": every_frame}})


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    path = tmp_path_factory.mktemp("long") / "archive"
    rng = np.random.default_rng(0)
    create_archive(path, little_rig(), ImageHeader(IMAGE, extent_grid((-1, 1, -1, 1), 8, 12, 2.0)))
    video = rng.integers(0, 256, (FRAMES, 16, 24, 3), dtype=np.uint8)
    image = rng.standard_normal((FRAMES, 8, 12, 2)).astype(np.float16)
    for label in ("clap", "hiss"):
        write_recording(path, label, frames=FRAMES, video=video, image=image, label=label)
    finish_archive(path)
    return Archive(path)


def network_of(name: str, folder: Path) -> FrameNetwork:
    """With weights and statistics that let every frame of its field be felt."""
    torch.manual_seed(0)
    backbone = {"backbone": str(tiny_backbone(folder / "backbone"))} if name == "hf-image" else {}
    network = build_network(name, specification(NETWORKS[name].streams), {**FINITE[name], **backbone})
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.normal_(module.weight, std=0.2)
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.bias, std=0.2)
    assert isinstance(network, FrameNetwork)
    return network.eval()


@pytest.mark.parametrize("block", [16, 21])
@pytest.mark.parametrize("name", FINITE)
def test_answers_in_blocks_are_those_of_one_pass(
    name: str, block: int, long_recording: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(name, tmp_path)
    opened = long_recording["clap"]
    views = {"video": opened.video(0, FRAMES, shape=(16, 24)), "image": np.array(opened.image)}
    with torch.no_grad():
        whole = network.frame_logits({s: torch.from_numpy(views[s])[None] for s in network.streams})[0].numpy()
    monkeypatch.setattr(teachers_module, "BLOCK_FRAMES", block)
    assert len(blocks_of(network.specification, FRAMES)) > 3
    found = teachers_module._frame_logits(opened, network, long_recording.rig)
    assert whole.std(axis=0).min() > 0
    np.testing.assert_allclose(found, whole, atol=1e-4 * np.abs(whole).max())


def test_motionnet_sees_its_field_to_the_frame(tmp_path: Path) -> None:
    """What its outermost frames do is too little to be felt in blocks."""
    network = network_of("motionnet", tmp_path)
    field = network.specification.receptive_field
    assert field is not None
    views = network.specification.example(1, frames=40)
    moved = []
    with torch.no_grad():
        logits = network.frame_logits(views)[0, 20]
        for frame in range(40):
            other = views["video"].clone()
            other[:, frame] = 255 - other[:, frame]
            if not torch.equal(network.frame_logits({"video": other})[0, 20], logits):
                moved.append(frame)
    assert (21 - min(moved)) / 12 == field.before_s
    assert (max(moved) - 20) / 12 == field.after_s


@pytest.mark.parametrize("name", sorted({*FINITE} - {"motionnet"}))
def test_a_shorter_context_would_be_noticed(
    name: str, long_recording: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With less than a network states as its field, or off its stride, answers move."""
    network = network_of(name, tmp_path)
    opened = long_recording["clap"]
    monkeypatch.setattr(teachers_module, "BLOCK_FRAMES", 16)
    right = teachers_module._frame_logits(opened, network, long_recording.rig)
    field = network.specification.receptive_field
    assert field is not None
    assert field.before_s is not None
    assert field.after_s is not None
    stride = network.specification.features["video"]["every_frame"] if name.endswith(("net50", "image")) else 1
    shorter = ReceptiveField(before_s=max(1 / 12, field.before_s - stride / 12), after_s=field.after_s)
    features = {**network.specification.features, "video": {"every_frame": 1}}
    network.specification = network.specification.model_copy(
        update={"receptive_field": shorter, "features": features, "clip_frames": 1}
    )
    wrong = teachers_module._frame_logits(opened, network, long_recording.rig)
    assert np.abs(wrong - right).max() > 1e-3 * np.abs(right).max()


@pytest.mark.parametrize("stride", [1, 3, 7])
@pytest.mark.parametrize("frames", [1, 12, 240, 241, 479, 1000])
def test_blocks_cover_a_recording_once_with_their_context(frames: int, stride: int) -> None:
    blocks = blocks_of(with_field(5 / 12, 0.7, stride), frames)
    assert [frame for block in blocks for frame in range(block.start, block.stop)] == list(range(frames))
    for block in blocks:
        assert block.first % stride == 0
        assert block.first <= max(0, block.start - 4)
        assert block.last == min(frames, block.stop + 9)  # 0.7 s are 8.4 frames
        assert min(frames, 12) <= block.last - block.first <= 240 + 4 + 9 + stride


@pytest.mark.parametrize(("before_s", "after_s"), [(None, None), (None, 0.0), (0.5, None)])
def test_networks_that_see_all_of_a_clip_are_given_recordings_whole_or_with_far_context(
    before_s: float | None, after_s: float | None
) -> None:
    far = with_field(before_s, after_s)
    assert blocks_of(far, 360) == [Block(0, 360, 0, 360)]
    hour = blocks_of(far, 12 * 3600)
    assert max(block.last - block.first for block in hour) <= teachers_module.WHOLE_FRAMES
    middle = hour[len(hour) // 2]
    assert middle.start - middle.first == (5 if before_s else 120)
    assert middle.last - middle.stop == (120 if after_s is None else 0)


def test_a_network_that_states_no_field_is_taken_to_see_all() -> None:
    assert blocks_of(specification(), 5000) == blocks_of(with_field(None, None), 5000)


def test_answers_are_computed_anew_where_blocks_are_others(
    long_recording: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = teachers_module.TeacherRun(Path("run"), 64 * "0", network_of("motionnet", tmp_path))
    folder = long_recording.path / "teachers"
    teachers_module.teacher_logits(long_recording, [teacher], ["clap"])
    teachers_module.teacher_logits(long_recording, [teacher], ["clap"])
    assert len(list(folder.rglob("clap-*.npy"))) == 1
    monkeypatch.setattr(teachers_module, "BLOCK_FRAMES", 16)
    teachers_module.teacher_logits(long_recording, [teacher], ["clap"])
    assert len(list(folder.rglob("clap-*.npy"))) == 2

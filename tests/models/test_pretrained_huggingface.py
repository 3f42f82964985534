from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from acoustill.errors import AcoustillError
from acoustill.models import Network, Specification, build_network, load_network, save_network
from acoustill.models.pretrained import initialise_from, pretrained_settings
from acoustill.models.pretrained.huggingface import backbone_settings, pooled_features

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install 'acoustill[hf]'")

KINDS = ["resnet", "convnext", "vit"]


def configuration(kind: str) -> Any:
    if kind == "resnet":
        return transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    if kind == "convnext":
        return transformers.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, image_size=32)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return transformers.ViTConfig(**sizes, image_size=32, patch_size=8)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection fails."""

    def refuse(*arguments: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders as a hub has them: `resnet`, `resnet-classifier` ..., each with its preprocessor."""
    parent = tmp_path_factory.mktemp("hub")
    pictures = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], "size": {"height": 32, "width": 32}}
    torch.manual_seed(7)
    for kind in KINDS:
        for auto in (transformers.AutoModel, transformers.AutoModelForImageClassification):
            folder = parent / (kind if auto is transformers.AutoModel else f"{kind}-classifier")
            model = auto.from_config(configuration(kind))
            for name, buffer in model.named_buffers():
                if name.endswith("running_var"):
                    buffer.uniform_(0.5, 2)
            model.save_pretrained(folder)
            (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
    return parent


def network(folder: Path, **settings: Any) -> Network:
    torch.manual_seed(0)
    specification = Specification(
        streams=("video",),
        classes=("a", "b", "c"),
        sample_rate=12288,
        samples_per_frame=1024,
        clip_frames=12,
        video_shape=(32, 32),
    )
    return build_network("hf-image", specification, pretrained_settings("hf-image", settings, folder))


def video(frames: int = 6, rows: int = 32) -> dict[str, torch.Tensor]:
    return {"video": torch.randint(0, 256, (2, frames, rows, 32, 3), dtype=torch.uint8)}


@pytest.mark.parametrize("ending", ["", "-classifier"])
@pytest.mark.parametrize("kind", KINDS)
def test_backbone_answers_as_transformers_own(folders: Path, kind: str, ending: str) -> None:
    folder = folders / f"{kind}{ending}"
    ours = network(folder)
    said = initialise_from(ours, folder)
    assert said.endswith("new in the network: head")
    assert ("left out: classifier;" in said) == bool(ending)
    theirs = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    views = video()
    pictures = views["video"].flatten(0, 1).permute(0, 3, 1, 2) / 255
    pictures = (pictures - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / torch.tensor([0.2, 0.3, 0.4]).view(3, 1, 1)
    with torch.no_grad():
        output = theirs(pixel_values=pictures)
        features = output.last_hidden_state[:, 0] if kind == "vit" else output.pooler_output.flatten(1)
        torch.testing.assert_close(
            pooled_features(ours.eval().backbone, ours.pictures(views["video"].flatten(0, 1))), features
        )
        ours.stride = 1
        torch.testing.assert_close(ours.frame_logits(views).flatten(0, 1), ours.head(features))


@pytest.mark.parametrize("kind", KINDS)
def test_answers_as_the_classifier_did(folders: Path, kind: str) -> None:
    """With the classifier's own layer as head, logits are those of the whole pretrained network."""
    folder = folders / f"{kind}-classifier"
    ours = network(folder).eval()
    initialise_from(ours, folder)
    theirs = transformers.AutoModelForImageClassification.from_pretrained(folder, local_files_only=True).eval()
    layer = theirs.classifier[-1] if isinstance(theirs.classifier, torch.nn.Sequential) else theirs.classifier
    pictures = ours.pictures(video()["video"].flatten(0, 1))
    with torch.no_grad():
        torch.testing.assert_close(layer(pooled_features(ours.backbone, pictures)), theirs(pictures).logits)


@pytest.mark.parametrize("kind", KINDS)
def test_run_is_loaded_without_the_folder(folders: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "hub"
    shutil.copytree(folders / kind, folder)
    trained = network(folder, frozen="backbone")
    initialise_from(trained, folder)
    save_network(trained, tmp_path / "run")
    shutil.rmtree(folder)
    loaded = load_network(tmp_path / "run")
    assert str(tmp_path) not in (tmp_path / "run" / "model.json").read_text()
    assert loaded.specification == trained.specification
    assert loaded.specification.features["video"]["deviation"] == [0.2, 0.3, 0.4]
    views = video()
    assert torch.equal(loaded(views), trained.eval()(views))


@pytest.mark.parametrize("frozen", ["none", "batchnorm", "backbone"])
def test_what_is_frozen_stays(folders: Path, frozen: str) -> None:
    """From the first step on: Lightning leaves the modes of modules as it finds them."""
    ours = network(folders / "resnet", frozen=frozen)
    initialise_from(ours, folders / "resnet")
    before = {name: tensor.clone() for name, tensor in ours.backbone.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in ours.parameters() if p.requires_grad], lr=0.1)
    ours(video()).square().sum().backward()
    optimiser.step()
    changed = {name for name, tensor in ours.backbone.state_dict().items() if not torch.equal(tensor, before[name])}
    norms = {name for name in before if "normalization" in name}
    assert bool(changed & norms) == (frozen == "none")
    assert bool(changed - norms) == (frozen != "backbone")
    assert ours.head[1].weight.grad.abs().sum() > 0


def test_frames_of_other_sizes_and_rates(folders: Path) -> None:
    ours = network(folders / "vit", frames_per_second=4.0)
    ours.specification = ours.specification.model_copy(update={"video_shape": (24, 32)})
    views = video(frames=7, rows=24)
    logits = ours.eval().frame_logits(views)
    assert logits.shape == (2, 7, 3)
    assert torch.equal(logits[:, 0], logits[:, 2])
    assert not torch.equal(logits[:, 2], logits[:, 3])
    torch.testing.assert_close(ours(views), logits.mean(dim=1))
    with pytest.raises(AcoustillError, match="shape of the video"):
        ours(video(rows=20))


def test_sizes_of_preprocessors(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "convnext", tmp_path / "a")
    path = tmp_path / "a" / "preprocessor_config.json"
    for given, size in (
        ({"size": {"shortest_edge": 48}}, [48, 48]),
        ({"size": {"shortest_edge": 48}, "crop_size": {"height": 40, "width": 36}}, [40, 36]),
        ({"size": 24}, [24, 24]),
        ({}, [32, 32]),
    ):
        path.write_text(json.dumps(given))
        found = backbone_settings(tmp_path / "a")
        assert found["size"] == size
        assert found["mean"] == [0.485, 0.456, 0.406]
    path.unlink()
    assert backbone_settings(tmp_path / "a")["size"] == [32, 32]
    for given, says in (
        ({"size": "big"}, "size is 'big'"),
        ({"image_std": [0, 1, 1]}, "numbers above 0"),
        ([], "list"),
    ):
        path.write_text(json.dumps(given))
        with pytest.raises(AcoustillError, match=rf"preprocessor_config\.json: .*{says}"):
            backbone_settings(tmp_path / "a")


def test_weights_in_several_files(folders: Path, tmp_path: Path) -> None:
    transformers.AutoModel.from_pretrained(folders / "vit").save_pretrained(tmp_path, max_shard_size="4KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    shutil.copy(folders / "vit" / "preprocessor_config.json", tmp_path)
    whole, parts = network(folders / "vit"), network(tmp_path)
    initialise_from(whole, folders / "vit")
    initialise_from(parts, tmp_path)
    assert all(torch.equal(parts.state_dict()[name], tensor) for name, tensor in whole.state_dict().items())


def test_wrong_weights_are_refused_with_what_differs(folders: Path, tmp_path: Path) -> None:
    for kind in KINDS:
        shutil.copytree(folders / f"{kind}-classifier", tmp_path / kind)
    ours = network(tmp_path / "vit")
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    path = tmp_path / "vit" / "model.safetensors"
    tensors = load_file(path)
    tensors |= {"vit.layernorm.weight": torch.zeros(3), "vit.more.weight": torch.zeros(3)}
    del tensors["vit.embeddings.cls_token"]
    save_file(tensors, path, metadata={"format": "pt"})
    says = "1 missing: embeddings.cls_token; 1 unexpected: vit.more.weight; 1 of another shape: layernorm.weight is 3, "
    with pytest.raises(AcoustillError) as caught:
        initialise_from(ours, tmp_path / "vit")
    assert f"{says}expected 16" in str(caught.value)
    with pytest.raises(AcoustillError, match=r"config\.json: model_type is convnext, expected vit, as in"):
        initialise_from(ours, tmp_path / "convnext")
    path.write_bytes(b"broken")
    with pytest.raises(AcoustillError, match="the weights cannot be read"):
        initialise_from(ours, tmp_path / "vit")
    path.unlink()
    torch.save(tensors, tmp_path / "vit" / "pytorch_model.bin")
    with pytest.raises(AcoustillError, match=r"no model\.safetensors; files of other kinds are not read"):
        initialise_from(ours, tmp_path / "vit")
    assert all(torch.equal(before[name], tensor) for name, tensor in ours.state_dict().items())


def test_folders_that_are_no_backbones_are_refused(folders: Path, tmp_path: Path) -> None:
    config = json.loads((folders / "vit" / "config.json").read_text())
    code = {"auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}, "model_type": "mine"}
    for number, (content, says) in enumerate(
        (
            ("{", "not a JSON file"),
            (json.dumps({"model_type": "nothing"}), "not known to transformers"),
            (json.dumps(code), "not known to transformers"),
            (
                json.dumps(transformers.BertConfig(num_hidden_layers=1, hidden_size=12).to_dict()),
                "a network of RGB pictures",
            ),
            (json.dumps(config | {"num_channels": 1}), "a network of RGB pictures"),
            (json.dumps(config | {"image_size": 24}), "size of its pictures"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "config.json").write_text(content)
        (folder / "code.py").write_text("raise AssertionError('ran')")
        (folder / "preprocessor_config.json").write_text('{"size": 32}')
        with pytest.raises(AcoustillError, match=says) as caught:
            network(folder)
        assert "\n" not in str(caught.value)
    with pytest.raises(AcoustillError, match=r"no folder with a config\.json"):
        network(tmp_path / "google" / "vit-base")
    for settings, says in (
        ({"frozen": "all"}, "frozen is 'all'"),
        ({"size": [32]}, "size is"),
        ({"size": 32}, "a list of 2 numbers"),
        ({"size": [33, 40]}, "size"),
    ):
        with pytest.raises(AcoustillError, match=says):
            network(folders / "vit", **settings)
    with pytest.raises(AcoustillError, match="mean is None"):
        network(folders / "vit", backbone=config, size=[32, 32])


def test_without_transformers_the_extra_is_named(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(AcoustillError, match=r"pip install 'acoustill\[hf\]'"):
        network(folders / "vit")


def test_batch_norms_that_are_not_there_cannot_be_frozen(folders: Path) -> None:
    with pytest.raises(AcoustillError, match="frozen is 'batchnorm', expected none or backbone: it has no batch norms"):
        network(folders / "vit", frozen="batchnorm")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, lambda pictures: (pictures / 255 - 0.5) / 0.25),
        ({"do_normalize": False}, lambda pictures: pictures / 255),
        ({"rescale_factor": 1 / 127.5}, lambda pictures: (pictures / 127.5 - 0.5) / 0.25),
        ({"do_rescale": False}, lambda pictures: (pictures - 0.5) / 0.25),
        ({"do_rescale": False, "do_normalize": False}, lambda pictures: pictures),
    ],
)
def test_pictures_are_what_the_folder_makes_of_them(folders: Path, tmp_path: Path, given: dict, expected) -> None:
    folder = tmp_path / "hub"
    shutil.copytree(folders / "resnet", folder)
    written = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "size": {"shortest_edge": 32}, **given}
    (folder / "preprocessor_config.json").write_text(json.dumps(written))
    ours = network(folder)
    frames = torch.randint(0, 256, (2, *ours.size, 3), dtype=torch.uint8)
    torch.testing.assert_close(ours.pictures(frames), expected(frames.permute(0, 3, 1, 2).float()))


@pytest.mark.parametrize("factor", [0, -1, "1/255", None, True])
def test_pictures_cannot_be_multiplied_by_anything(folders: Path, tmp_path: Path, factor: object) -> None:
    folder = tmp_path / "hub"
    shutil.copytree(folders / "resnet", folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"rescale_factor": factor}))
    with pytest.raises(AcoustillError, match="rescale_factor is"):
        network(folder)

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch7_files import listed, torch7

from acoustill.errors import AcoustillError
from acoustill.models import Network, Specification, build_network
from acoustill.models.pretrained import LuaTable, initialise_from, pretrained_settings, read_array_dictionary

LAYERS = {
    "soundnet5": [(1, 32, 64), (32, 64, 32), (64, 128, 16), (128, 256, 8)],
    "soundnet8": [(1, 16, 64), (16, 32, 32), (32, 64, 16), (64, 128, 8), (128, 256, 4), (256, 512, 4), (512, 1024, 4)],
}
CLASSES = ("a", "b", "c")


def network(name: str) -> Network:
    torch.manual_seed(0)
    specification = Specification(
        streams=("audio",), classes=CLASSES, sample_rate=12288, samples_per_frame=1024, clip_frames=60
    )
    return build_network(name, specification)


def layers(name: str) -> list[dict[str, np.ndarray]]:
    """Small random weights of the authors' layers, in our names."""
    rng = np.random.default_rng(0)
    drawn = []
    for entering, leaving, steps in LAYERS[name]:
        layer = {"weight": 0.01 * rng.standard_normal((leaving, entering, steps))}
        layer |= {key: rng.standard_normal(leaving) for key in ("bias", "gamma", "beta", "mean")}
        layer["var"] = rng.uniform(0.5, 2, leaving)
        drawn.append({key: array.astype(np.float32) for key, array in layer.items()})
    return drawn


def torch7_network(name: str, package: str = "nn", matrix: bool = False, old: bool = False) -> LuaTable:
    modules = []
    for number, layer in enumerate(layers(name)):
        leaving, entering, steps = layer["weight"].shape
        shape = (leaving, entering * steps) if matrix else (leaving, entering, steps, 1)
        convolution = {"weight": layer["weight"].reshape(shape), "bias": layer["bias"], "nInputPlane": entering}
        norm = {"weight": layer["gamma"], "bias": layer["beta"], "running_mean": layer["mean"], "eps": 1e-5}
        if old:
            norm["running_std"] = ((layer["var"].astype(np.float64) + 1e-5) ** -0.5).astype(np.float32)
        else:
            norm["running_var"] = layer["var"]
        kind = "SpatialConvolutionMM" if matrix else "SpatialConvolution"
        modules.append(LuaTable({**convolution, "kW": 1, "kH": steps}, f"{package}.{kind}"))
        modules.append(LuaTable(norm, f"{package}.SpatialBatchNormalization"))
        modules.append(LuaTable({"inplace": True, "output": np.zeros(0, np.float32)}, f"{package}.ReLU"))
        if number < 2:
            modules.append(LuaTable({"kW": 1, "kH": 8}, f"{package}.SpatialMaxPooling"))
    outputs = [{"weight": np.ones((n, 4, 8, 1), np.float32), "bias": np.ones(n, np.float32)} for n in (10, 4)]
    heads = [LuaTable(output, f"{package}.SpatialConvolution") for output in outputs]
    modules.append(LuaTable({"modules": listed(*heads)}, "nn.ConcatTable"))
    modules.append(LuaTable({"modules": listed()}, "nn.ParallelTable"))
    return LuaTable({"modules": listed(*modules), "train": False}, "nn.Sequential")


def numpy_network(name: str) -> dict[str, dict[str, np.ndarray]]:
    renamed = {"weight": "weights", "bias": "biases"}
    content = {
        f"conv{number}": {
            renamed.get(key, key): array.transpose(2, 1, 0)[:, None] if key == "weight" else array
            for key, array in layer.items()
        }
        for number, layer in enumerate(layers(name), start=1)
    }
    for output, classes in (("conv8", 10), ("conv8_2", 4)):
        content[output] = {"weights": np.ones((8, 1, 4, classes), np.float32), "biases": np.ones(classes, np.float32)}
    return content


def check(found: Network, name: str, tolerance: float = 0.0) -> None:
    """The network answers, layer by layer, as the authors' would."""
    state = found.state_dict()
    places = {"weight": "conv{}.weight", "bias": "conv{}.bias", "gamma": "bn{}.weight", "beta": "bn{}.bias"}
    places |= {"mean": "bn{}.running_mean", "var": "bn{}.running_var"}
    for number, layer in enumerate(layers(name), start=1):
        for key, array in layer.items():
            torch.testing.assert_close(
                state[places[key].format(number)], torch.from_numpy(array), rtol=tolerance, atol=0.0
            )


@pytest.mark.parametrize("name", ["soundnet5", "soundnet8"])
@pytest.mark.parametrize(
    ("options", "cuda", "tolerance"),
    [({}, False, 0.0), ({"package": "cudnn"}, True, 0.0), ({"matrix": True, "old": True}, False, 1e-5)],
)
def test_soundnet_from_torch7(tmp_path: Path, name: str, options: Any, cuda: bool, tolerance: float) -> None:
    path = tmp_path / f"{name}_final.t7"
    path.write_bytes(torch7(torch7_network(name, **options), cuda=cuda))
    fresh, found = network(name), network(name)
    said = initialise_from(found, path)
    check(found, name, tolerance)
    assert f"{6 * len(LAYERS[name])} tensors loaded; left out: the outputs for objects and scenes" in said
    assert said.endswith("new in the network: conv5, bn5, head" if name == "soundnet5" else "new in the network: head")
    kept = [name for name in fresh.state_dict() if name.startswith("head.")]
    assert all(torch.equal(found.state_dict()[name], fresh.state_dict()[name]) for name in kept)
    assert found.eval()({"audio": torch.randn(1, 61440)}).isfinite().all()


def test_first_layer_computes_what_the_file_says(tmp_path: Path) -> None:
    """Kernels are neither turned round nor mixed up: against a convolution written out, over a column of samples."""
    path = tmp_path / "sound8.npy"
    content = numpy_network("soundnet8")
    np.save(path, content)
    found = network("soundnet8")
    initialise_from(found, path)
    sound = torch.randn(1, 1, 400)
    kernels = torch.from_numpy(content["conv1"]["weights"].copy())  # (steps, 1, in, out), as TensorFlow applies them
    steps = nn.functional.pad(sound[0, 0], (32, 32)).unfold(0, 64, 2)
    expected = steps @ kernels[:, 0, 0] + torch.from_numpy(content["conv1"]["biases"])
    torch.testing.assert_close(found.conv1(sound[:, :, None])[0, :, 0].T, expected, rtol=1e-4, atol=1e-5)


def test_soundnet_from_numpy(tmp_path: Path) -> None:
    path = tmp_path / "sound8.npy"
    np.save(path, numpy_network("soundnet8"))
    found = network("soundnet8")
    said = initialise_from(found, path)
    check(found, "soundnet8")
    assert "42 tensors loaded; left out: conv8, conv8_2; new in the network: head" in said


def test_files_of_other_layers_are_refused_with_what_differs(tmp_path: Path) -> None:
    found = network("soundnet5")
    before = {name: tensor.clone() for name, tensor in found.state_dict().items()}
    (tmp_path / "8.t7").write_bytes(torch7(torch7_network("soundnet8")))
    with pytest.raises(
        AcoustillError, match=r"8\.t7: .*12 unexpected: conv6\.weight.* of another shape: conv1\.weight is"
    ):
        initialise_from(found, tmp_path / "8.t7")
    content = torch7_network("soundnet5")
    del content.entries["modules"][5].entries["bias"]
    (tmp_path / "5.t7").write_bytes(torch7(content))
    with pytest.raises(AcoustillError, match=r"conv2: bias is missing"):
        initialise_from(found, tmp_path / "5.t7")
    (tmp_path / "table.t7").write_bytes(torch7({"weights": 1}))
    with pytest.raises(AcoustillError, match=r"content is a table, expected nn\.Sequential"):
        initialise_from(found, tmp_path / "table.t7")
    np.save(tmp_path / "list.npy", {"fc": {"weights": np.ones(3)}})
    with pytest.raises(AcoustillError, match="an entry 'fc'"):
        initialise_from(found, tmp_path / "list.npy")
    (tmp_path / "5.pth").write_bytes(b"")
    with pytest.raises(AcoustillError, match=r"kind of file is '\.pth'"):
        initialise_from(found, tmp_path / "5.pth")
    assert all(torch.equal(before[name], tensor) for name, tensor in found.state_dict().items())


def test_pretrained_soundnet_hears_at_its_own_rate() -> None:
    assert pretrained_settings("soundnet8", {"dropout": 0.1}, "a.t7") == {"dropout": 0.1, "pretrained_rate": 22050}
    assert pretrained_settings("soundnet8", {"pretrained_rate": None}, "a.t7") == {"pretrained_rate": None}
    assert pretrained_settings("soundnet8", {}, None) == {}


HEADER = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117) + b"\n"


def read(tmp_path: Path, pickled: bytes) -> dict:
    path = tmp_path / "a.npy"
    path.write_bytes(HEADER + pickled)
    return read_array_dictionary(path)


CONTENT = {
    "conv1": {"weights": np.arange(6, dtype="<f4").reshape(2, 3), "turned": np.asfortranarray(np.eye(2, 3))},
    "big-endian": np.arange(3, dtype=">i4"),
    "empty": np.zeros((0, 2)),
    "others": [1, 2.5, "text", b"bytes", b"", None, True, np.float32(1.5)],
}


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickled_dictionaries_come_back(tmp_path: Path, protocol: int, core: bytes) -> None:
    pickled = pickle.dumps(np.array(CONTENT, dtype=object), protocol=protocol)
    if protocol < 4:  # later ones write lengths in front of names
        pickled = pickled.replace(b"numpy._core", core).replace(b"numpy.core", core)
    found = read(tmp_path, pickled)
    np.testing.assert_array_equal(found["conv1"]["weights"], CONTENT["conv1"]["weights"])
    np.testing.assert_array_equal(found["conv1"]["turned"], CONTENT["conv1"]["turned"])
    np.testing.assert_array_equal(found["big-endian"], [0, 1, 2])
    assert found["empty"].shape == (0, 2)
    assert found["others"] == CONTENT["others"]


def test_pickles_of_protocol_5(tmp_path: Path) -> None:
    found = read(tmp_path, pickle.dumps(np.array(CONTENT, dtype=object), protocol=5))
    np.testing.assert_array_equal(found["conv1"]["turned"], CONTENT["conv1"]["turned"])


def test_pickles_of_python_2(tmp_path: Path) -> None:
    """Written out, as Python 2.7 with NumPy 1.16 wrote {'conv1': {'biases': float32 [1, 2]}}: text holds the bytes."""
    numbers = np.array([1, 2], dtype="<f4").tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85cnumpy\ndtype\n"
        b"U\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(numbers)])
    )
    inner = b"}U\x05conv1}U\x06biases" + array + numbers + b"tbss"
    outer = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01)cnumpy\ndtype\n"
        b"U\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]" + inner + b"atb."
    )
    np.testing.assert_array_equal(read(tmp_path, outer)["conv1"]["biases"], [1, 2])


class Runs:
    """Would make a file when it is unpickled."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call = (call, arguments)

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_malicious_pickles_do_not_run(tmp_path: Path, protocol: int) -> None:
    made = tmp_path / "made"
    for thing, named in (
        (Runs(os.mkdir, str(made)), r"\w+\.mkdir"),
        (Runs(eval, f"__import__('os').mkdir({str(made)!r})"), r"\w+\.eval"),
        (Runs(np.load, str(made), None, True), r"numpy[\w.]*\.load"),
    ):
        pickled = pickle.dumps({"conv1": {"weights": thing}}, protocol=protocol)
        with pytest.raises(AcoustillError, match=rf"a\.npy: not read: asks for {named}, .* not run"):
            read(tmp_path, pickled)
    assert not made.exists()


def test_names_within_what_is_allowed_are_refused(tmp_path: Path) -> None:
    """Protocol 4 may ask for a name with dots, to reach from an allowed one to another."""
    pickled = b"\x80\x04\x8c\x05numpy\x8c\x15ndarray.__init__.__globals__\x93."
    pickled = pickled.replace(b"\x8c\x15", b"\x8c" + bytes([len(b"ndarray.__init__.__globals__")]))
    with pytest.raises(AcoustillError, match=r"asks for numpy\.ndarray\.__init__"):
        read(tmp_path, pickled)


def test_stand_ins_cannot_be_changed(tmp_path: Path) -> None:
    """BUILD sets attributes of what it is given: here, the defaults of an allowed name."""
    pickled = b"\x80\x02c_codecs\nencode\n(N}U\x0c__defaults__)stb."
    with pytest.raises(AcoustillError, match="a corrupt pickle"):
        read(tmp_path, pickled)


def test_other_arrays_and_pickles_are_refused(tmp_path: Path) -> None:
    array = pickle.dumps(np.array([{"a": 1}, {"b": 2}], dtype=object))
    for pickled, says in (
        (array, "expected numbers"),
        (pickle.dumps([1]), "content is list, expected a dictionary"),
        (pickle.dumps({"a": {1, 2}}, protocol=4), "type set"),
        (pickle.dumps({"a": complex(1)}), r"builtins\.complex"),
        (pickle.dumps({"a": np.zeros(2, complex)}), "expected numbers"),
        (pickle.dumps(CONTENT, protocol=2)[:-20], "truncated"),
        (b"", "corrupt"),
        (b"\x80\x02]q\x00h\x00a.", "nested deeper"),
    ):
        with pytest.raises(AcoustillError, match=says):
            read(tmp_path, pickled)
    np.save(tmp_path / "plain.npy", np.zeros(3))
    with pytest.raises(AcoustillError, match=r"an array of shape \(3,\) and type float64"):
        read_array_dictionary(tmp_path / "plain.npy")
    (tmp_path / "no.npy").write_bytes(b"nothing")
    with pytest.raises(AcoustillError, match=r"not a \.npy file"):
        read_array_dictionary(tmp_path / "no.npy")


def test_lists_that_are_held_twice_are_read_once(tmp_path: Path) -> None:
    """Forty lists, each of which holds the next one twice: a million million numbers, if they were written out."""
    held: list = [1]
    for _ in range(40):
        held = [held, held]
    found = read(tmp_path, pickle.dumps({"conv1": held}))["conv1"]
    assert found[0] is found[1]


def test_memory_and_time_that_a_short_file_has_no_use_for_are_refused(tmp_path: Path) -> None:
    tuples = b"K\x01" + b"".join(b"q%cq%ch%c\x86" % (n, n, n) for n in range(1, 41))
    held: list = ["f4"]
    for _ in range(40):
        held = [held, held]
    kind = b"\x80\x02cnumpy\ndtype\n" + pickle.dumps(held, protocol=2)[2:-1] + b"\x85R."
    text = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00a" + pickle.dumps(held, protocol=2)[2:-1] + b"\x86R."
    for pickled, says in (
        (b"\x80\x02}r\x00\x87\x93\x03.", "keeps a value under the number 60000000"),
        (b"}p60000000\n.", "keeps a value under the number 60000000"),
        (b"\x80\x02}" + tuples + b"K\x01s.", "a tuple that is larger than its"),
        (b"\x80\x02}" + tuples + b"Nbq\x50h\x50\x86K\x01s.", "a tuple that is larger than its"),
        (b"\x80\x02}K\x01h\x07s.", "corrupt"),
        (kind, "code is of type list"),
        (text, "another encoding"),
    ):
        with pytest.raises(AcoustillError, match=says):
            read(tmp_path, pickled)


def test_a_sequential_in_itself_is_refused(tmp_path: Path) -> None:
    content = torch7_network("soundnet8")
    content.entries["modules"] = listed(*(content for _ in range(8)))
    (tmp_path / "8.t7").write_bytes(torch7(content))
    with pytest.raises(AcoustillError, match=r"nn\.Sequential in itself"):
        initialise_from(network("soundnet8"), tmp_path / "8.t7")


def test_sequentials_within_each_other_are_read_in_their_order(tmp_path: Path) -> None:
    content = torch7_network("soundnet8")
    modules = list(content.entries["modules"].values())
    for _ in range(20):
        modules = [modules[0], LuaTable({"modules": listed(*modules[1:])}, "nn.Sequential")]
    content.entries["modules"] = listed(*modules)
    (tmp_path / "8.t7").write_bytes(torch7(content))
    found = network("soundnet8")
    initialise_from(found, tmp_path / "8.t7")
    check(found, "soundnet8")


@pytest.mark.parametrize("old", [False, True])
def test_divisors_are_those_of_the_file_whatever_its_eps(tmp_path: Path, old: bool) -> None:
    content = torch7_network("soundnet8")
    for module in content.entries["modules"].values():
        if module.name.endswith("SpatialBatchNormalization"):
            module.entries["eps"] = 1e-2
            if old:
                variance = module.entries.pop("running_var").astype(np.float64)
                module.entries["running_std"] = ((variance + 1e-2) ** -0.5).astype(np.float32)
    (tmp_path / "8.t7").write_bytes(torch7(content))
    found = network("soundnet8")
    initialise_from(found, tmp_path / "8.t7")
    expected = torch.from_numpy(layers("soundnet8")[0]["var"]) + 1e-2
    torch.testing.assert_close(found.bn1.running_var + found.bn1.eps, expected, rtol=1e-5, atol=0)

from __future__ import annotations

import pytest
import torch

from acoustill.models.causal import (
    Causal,
    CausalConv2d,
    CausalSequence,
    Convolution,
    Residual,
    inverted_residual,
    temporal_residual,
)

BLOCKS = {
    "convolution": lambda: CausalConv2d(4, 6, (3, 3)),
    "pointwise": lambda: CausalConv2d(4, 6, (1, 1)),
    "strided": lambda: CausalConv2d(4, 6, (3, 5), (2, 2)),
    "strided by its kernel": lambda: CausalConv2d(4, 6, (3, 1), (3, 1)),
    "dilated": lambda: CausalConv2d(4, 4, (3, 1), dilation=4),
    "depthwise": lambda: CausalConv2d(4, 4, (5, 3), (2, 1), groups=4),
    "residual": lambda: Residual(Convolution(4, 4, (3, 3))),
    "inverted residual": lambda: inverted_residual(4, 4, 3),
    "strided inverted residual": lambda: inverted_residual(4, 8, 2, (3, 3), (2, 2)),
    "temporal residual": lambda: temporal_residual(4, 2),
    "sequence": lambda: CausalSequence(
        Convolution(4, 6, (3, 3), (2, 2)),
        inverted_residual(6, 6, 2),
        inverted_residual(6, 8, 1, (5, 3), (3, 1)),
        temporal_residual(8, 2),
    ),
}


def prepared(name: str) -> Causal:
    """In evaluation mode, with batch statistics that are not those of a fresh layer."""
    torch.manual_seed(0)
    block = BLOCKS[name]()
    for layer in block.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.running_mean)
            torch.nn.init.uniform_(layer.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(layer.bias)
    return block.eval()


@pytest.mark.parametrize("pieces", [(1,) * 50, (7, 1, 0, 13, 29), (50,), (3, 2) * 10])
@pytest.mark.parametrize("name", BLOCKS)
def test_steps_equal_the_whole(name: str, pieces: tuple[int, ...]) -> None:
    block = prepared(name)
    x = torch.randn(2, 4, 50, 12)
    whole = block(x)
    assert whole.shape[2] == 50 // block.stride
    state, outputs, heard = None, [], 0
    for piece in x.split(pieces, dim=2):
        y, state = block.step(piece, state)
        heard += piece.shape[2]
        outputs.append(y)
        assert sum(output.shape[2] for output in outputs) == heard // block.stride  # no later than it could be
    assert torch.allclose(torch.cat(outputs, dim=2), whole, atol=1e-5)


@pytest.mark.parametrize("name", BLOCKS)
def test_an_output_sees_its_reach_and_nothing_else(name: str) -> None:
    block = prepared(name)
    x = torch.randn(1, 4, 50, 12, requires_grad=True)
    whole = block(x)
    for frame in (0, 5, whole.shape[2] - 1):
        (slope,) = torch.autograd.grad(whole[:, :, frame].square().sum(), x, retain_graph=True)
        seen = slope.abs().sum(dim=(0, 1, 3)).nonzero()
        end = (frame + 1) * block.stride
        assert int(seen.max()) == end - 1
        assert int(seen.min()) >= end - block.reach
    assert int(seen.min()) == end - block.reach


def test_convolution_equals_torchs_with_zeros_in_the_past() -> None:
    block = CausalConv2d(4, 6, (5, 3), (2, 2))
    x = torch.randn(1, 4, 20, 9)
    padded = torch.nn.functional.pad(x, (1, 1, 3, 0))
    expected = torch.nn.functional.conv2d(padded, block.weight, stride=2)
    assert torch.allclose(block(x), expected, atol=1e-5)


def test_states_are_values() -> None:
    """A stream can go on from a kept state twice, with equal results."""
    block = prepared("sequence")
    _, state = block.step(torch.randn(1, 4, 11, 12), None)
    x = torch.randn(1, 4, 20, 12)
    assert torch.equal(block.step(x, state)[0], block.step(x, state)[0])


@pytest.mark.parametrize(("kernel", "stride"), [((1, 1), (2, 1)), ((3, 2), (1, 1))])
def test_kernels_that_leave_frames_out_are_refused(kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="leave frames out"):
        CausalConv2d(1, 1, kernel, stride)

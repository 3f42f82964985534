"""What networks around an image backbone have in common: what of it never changes, and which frames it looks at."""

from __future__ import annotations

from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn

from acoustill.errors import bad_input

Frozen = Literal["none", "batchnorm", "backbone"]


class PartlyFrozen(nn.Module):
    """A module of which a part stays as it was loaded, weights and statistics, in whatever mode the rest is.

    The paper's network updated the statistics of its batch norms from near-equal frames while its weights were frozen,
    and so drifted.
    """

    _still: tuple[nn.Module, ...] = ()

    def freeze(self, backbone: nn.Module, frozen: Frozen) -> None:
        """Holds a backbone still, from now on.

        Args:
            backbone: within the module.
            frozen: `none`; `batchnorm`, statistics and weights of its batch norms; or `backbone`, all of it.

        Raises:
            AcoustillError: if frozen is none of these, or the backbone has no batch norms to freeze.
        """
        norms = tuple(module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d))
        kinds: dict[str, tuple[nn.Module, ...]] = {"none": (), "batchnorm": norms, "backbone": (backbone,)}
        if frozen not in kinds:
            raise bad_input("backbone", "frozen", repr(frozen), f"one of {', '.join(get_args(Frozen))}")
        if frozen == "batchnorm" and not norms:
            raise bad_input("backbone", "frozen", repr(frozen), "none or backbone: it has no batch norms")
        self._still = kinds[frozen]
        for module in self._still:
            module.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """As torch's, but what is frozen keeps answering with the statistics that it was loaded with."""
        super().train(mode)
        for module in self._still:
            module.eval()
        return self


def frames_to_see(video: Tensor, stride: int) -> Tensor:
    """The middle one of every few frames.

    Args:
        video: as under Shapes.
        stride: how many.

    Shapes:
        video: (B, frames, ...).
        Output: (B, frames / stride, ...), rounded up.
    """
    frames = video.shape[1]
    groups = torch.arange(0, frames, stride, device=video.device)
    return video[:, (groups + stride // 2).clamp_max(frames - 1)]


def for_every_frame(answers: Tensor, stride: int, frames: int) -> Tensor:
    """What was found for the frames of `frames_to_see`, for all frames.

    Args:
        answers: as under Shapes.
        stride: as it was there.
        frames: how many there are.

    Shapes:
        answers: (B, frames / stride, ...), rounded up.
        Output: (B, frames, ...).
    """
    return answers.repeat_interleave(stride, dim=1)[:, :frames]

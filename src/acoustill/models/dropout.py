"""Dropout whose masks are drawn in a third of the time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` for many features: on processors, torch draws their mask value by value.

    Shapes:
        Input, output: of any shape.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Some values set to 0, the others raised so that the mean stays; as they are when not training."""
        if not self.training or self.p == 0:
            return values
        kept = torch.rand(values.shape, device=values.device) >= self.p
        return values * kept.to(values.dtype).div_(1 - self.p)

"""Batches of random crops as other places would have shown them, varied by the process that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from acoustill.learning.objectives import UNLABELLED
from acoustill.learning.scene_augmentation import Augmentation, vary_views
from acoustill.models.specification import Specification


@dataclass(frozen=True)
class BatchAugmentation:
    """What `random_clip_loader` does to each batch that a network learns from: see `vary_views`.

    A batch is varied as a function of the seed and of its step alone, wherever that is done. Labelled and unlabelled
    clips get draws of their own: those of a control's labelled clips are equal.

    Attributes:
        how: what is done.
        specification: of the network.
        seed: of the draws, another one for each process that learns.
    """

    how: Augmentation
    specification: Specification
    seed: int

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch with other views, and without noise."""
        views, noise, labels = batch["views"], batch.get("noise"), batch["label"]
        varied = []
        for part, chosen in enumerate((labels != UNLABELLED, labels == UNLABELLED)):
            if not chosen.any():
                continue
            generator = torch.Generator().manual_seed((self.seed * 2 + part) * 1_000_003 + int(batch["step"][0]))
            mine, heard = views, noise
            if not chosen.all():
                mine = {stream: view[chosen] for stream, view in views.items()}
                heard = noise and {stream: view[chosen] for stream, view in noise.items()}
            varied.append((chosen, vary_views(mine, heard, self.how, self.specification, generator)))
        whole = varied[0][1]
        if len(varied) > 1:
            whole = {stream: view.new_empty((len(labels), *view.shape[1:])) for stream, view in whole.items()}
            for chosen, given in varied:
                for stream, view in given.items():
                    whole[stream][chosen] = view
        return {name: value for name, value in batch.items() if name != "noise"} | {"views": whole}

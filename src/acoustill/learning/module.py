"""The training step of teachers and students, for Lightning."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from acoustill.learning.calibration import fit_weights
from acoustill.learning.configuration import Distillation, Training
from acoustill.learning.objectives import (
    generalised_distillation,
    hinton_distillation,
    mix_teachers,
    smoothed_labels,
)
from acoustill.learning.scene_augmentation import add_noise
from acoustill.models.fusednet import FusedNet
from acoustill.models.network import Network

WARM_UP = 0.05


class Learner(lightning.LightningModule):
    """A network that learns from labels, or from labels and teachers.

    Args:
        network: what learns.
        training: steps, learning rate, weight decay.
        distillation: how teachers' answers are used; None learns from labels alone.
        seed: of all that is random in a step, such as dropout.

    Attributes:
        averaged: the network with the average of its weights over the steps; None if nothing is averaged.
        answers: logits and labels of the last validation, batch by batch.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        distillation: Distillation | None,
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.averaged = copy.deepcopy(network).requires_grad_(False) if training.ema else None
        self.answers: list[tuple[Tensor, Tensor]] = []
        self.training_options = training
        self.distillation = distillation
        self.seed = seed

    def configure_optimizers(self) -> Any:
        """AdamW; the learning rate rises for WARM_UP of the steps and then follows half a cosine to zero."""
        options = self.training_options
        optimiser = torch.optim.AdamW(  # fused: in one go over each weight and its averages, a third of the time
            self.network.parameters(), options.learning_rate, weight_decay=options.weight_decay, fused=True
        )
        warm_up = max(1, round(WARM_UP * options.steps))

        def factor(step: int) -> float:
            if step < warm_up:
                return (step + 1) / warm_up
            return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, options.steps - warm_up)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @property
    def judged(self) -> Network:
        """What is validated and kept: the network, or the one with averaged weights."""
        return self.network if self.averaged is None else self.averaged

    def training_step(self, batch: dict[str, Any], batch_index: int) -> Tensor:
        """The loss of one step. All that is random in it depends on seed and step alone: resuming is exact."""
        torch.manual_seed(self.seed * 1_000_003 + self.global_step)
        answers = self.network.logits_of_parts(batch["views"])
        loss = torch.stack([self._loss(logits.float(), batch) for logits in answers]).mean()
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch["label"]))
        return loss

    @torch.no_grad()
    def on_train_batch_end(self, outputs: Any, batch: dict[str, Any], batch_idx: int) -> None:
        """Moves the average on; early ones are short, so that the first weights are soon forgotten."""
        if self.averaged is None:
            return
        weight = 1 - min(self.training_options.ema, (1 + self.global_step) / (10 + self.global_step))
        news = self.network.state_dict()
        for name, average in self.averaged.state_dict().items():
            if average.is_floating_point():
                average.lerp_(news[name], weight)
            else:
                average.copy_(news[name])

    def on_validation_epoch_start(self) -> None:
        """Forgets the answers of the round before."""
        self.answers.clear()

    def validation_step(self, batch: dict[str, Any], batch_index: int) -> None:
        """Accuracy and negative log likelihood of validation clips, in noise where there is some for them."""
        views = batch["views"]
        if "noise" in batch:
            views = add_noise(views, batch["noise"], batch["snr_db"], self.network.specification.sample_rate)
        logits = self.judged(views).float()
        labels, count = batch["label"], len(batch["label"])
        self.answers.append((logits.cpu(), labels.cpu()))
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        self.log("validation_accuracy", accuracy, prog_bar=True, batch_size=count)
        self.log("validation_loss", cross_entropy(logits, labels), batch_size=count)

    @torch.no_grad()
    def clean_answers(self, batches: Iterable[dict[str, Any]]) -> tuple[Tensor, Tensor]:
        """Logits and labels of validation clips as they are, without their noise; weighs the network's parts first."""
        training = self.judged.training
        self.judged.eval()
        answers = []
        for batch in batches:
            views = {stream: view.to(self.device) for stream, view in batch["views"].items()}
            with self.trainer.precision_plugin.val_step_context():
                parts = [logits.float().cpu() for logits in self.judged.logits_of_parts(views)]
            answers.append((torch.stack(parts, dim=1), batch["label"].cpu()))
        self.judged.train(training)
        of_parts, labels = (torch.cat(some) for some in zip(*answers, strict=True))
        if not isinstance(self.judged, FusedNet):
            return of_parts[:, 0], labels
        weights = torch.from_numpy(fit_weights(of_parts.numpy(), labels.numpy())).float()
        self.judged.weights.copy_(weights)
        return torch.einsum("npc,p->nc", of_parts, weights), labels

    def _loss(self, logits: Tensor, batch: dict[str, Any]) -> Tensor:
        how, labels = self.distillation, batch["label"]
        if how is None:
            return cross_entropy(logits, labels)
        answers = mix_teachers(batch["teachers"].transpose(0, 1).float(), how.temperature)
        if how.control == "shuffled-teacher":
            order = torch.Generator().manual_seed(self.seed * 1_000_003 + self.global_step)
            answers = answers[torch.randperm(len(answers), generator=order).to(answers.device)]
        elif how.control == "label-smoothing":
            entropy = torch.special.entr(answers).sum(dim=1).mean()
            answers = smoothed_labels(labels, answers.shape[1], entropy)
        if how.objective == "hinton":
            return hinton_distillation(logits, labels, answers, how.imitation, how.temperature)
        return generalised_distillation(logits, labels, answers, how.imitation)

"""The training step of teachers and students, for Lightning."""

from __future__ import annotations

import math
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from acoustill.imaging.specification import specification_from_json
from acoustill.learning.augmentation import degrade_audio, vary_images
from acoustill.learning.configuration import AudioAugmentation, Distillation, ImageAugmentation, Training
from acoustill.learning.objectives import (
    UNLABELLED,
    generalised_distillation,
    hinton_distillation,
    mix_teachers,
    smoothed_labels,
)
from acoustill.models.network import Network

WARM_UP = 0.05


class Learner(lightning.LightningModule):
    """A network that learns from labels, or from labels and teachers.

    Args:
        network: what learns.
        training: steps, learning rate, weight decay.
        augmentation: of the network's view.
        distillation: how teachers' answers are used; None learns from labels alone.
        seed: of augmentation and dropout.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        augmentation: AudioAugmentation | ImageAugmentation,
        distillation: Distillation | None,
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.training_options = training
        self.augmentation = augmentation
        self.distillation = distillation
        self.seed = seed

    def configure_optimizers(self) -> Any:
        """AdamW; the learning rate rises for WARM_UP of the steps and then follows half a cosine to zero."""
        options = self.training_options
        optimiser = torch.optim.AdamW(
            self.network.parameters(), options.learning_rate, weight_decay=options.weight_decay
        )
        warm_up = max(1, round(WARM_UP * options.steps))

        def factor(step: int) -> float:
            if step < warm_up:
                return (step + 1) / warm_up
            return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, options.steps - warm_up)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def training_step(self, batch: dict[str, Any], batch_index: int) -> Tensor:
        """The loss of one step. All that is random in it depends on seed and step alone: resuming is exact."""
        torch.manual_seed(self.seed * 1_000_003 + self.global_step)
        loss = self._loss(self.network(self._augment(batch["views"], batch["label"])).float(), batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch["label"]))
        return loss

    def validation_step(self, batch: dict[str, Any], batch_index: int) -> None:
        """Accuracy and negative log likelihood of validation clips."""
        logits = self.network(batch["views"]).float()
        labels, count = batch["label"], len(batch["label"])
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        self.log("validation_accuracy", accuracy, prog_bar=True, batch_size=count)
        self.log("validation_loss", cross_entropy(logits, labels), batch_size=count)

    def _augment(self, views: dict[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
        """Labelled and unlabelled clips get draws of their own: those of a control's labelled clips are equal."""
        generators = [
            torch.Generator().manual_seed((self.seed * 2 + part) * 1_000_003 + self.global_step) for part in range(2)
        ]
        augmented = dict(views)
        for stream, vary in (("audio", self._vary_audio), ("image", self._vary_images)):
            if stream not in views:
                continue
            varied = torch.empty(views[stream].shape, dtype=torch.float32, device=labels.device)
            for chosen, generator in zip((labels != UNLABELLED, labels == UNLABELLED), generators, strict=True):
                if chosen.any():
                    varied[chosen] = vary(views[stream][chosen].float().cpu(), generator).to(labels.device)
            augmented[stream] = varied
        return augmented

    def _vary_audio(self, audio: Tensor, generator: torch.Generator) -> Tensor:
        if not isinstance(self.augmentation, AudioAugmentation):
            return audio
        return degrade_audio(audio, self.network.specification.sample_rate, self.augmentation, generator)

    def _vary_images(self, images: Tensor, generator: torch.Generator) -> Tensor:
        if not isinstance(self.augmentation, ImageAugmentation):
            return images
        image = specification_from_json(self.network.specification.image or {})
        return vary_images(images, image, self.augmentation, generator)

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

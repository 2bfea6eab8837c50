"""The Lightning module: loss, optimiser, schedule over steps or minutes, validation on pairs."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any

import lightning
import torch
from torch import Tensor

from localization_common.errors import ConfigError
from localization_common.geometry import quaternions
from vlocnet_ros.losses import MultitaskLoss, Targets
from vlocnet_ros.network.vlocnetpp import Prediction, VLocNet
from vlocnet_ros.training.augmentation import AugmentationConfig, Batch, Kind, augment
from vlocnet_ros.training.batches import RandomBatches, generator_for


@dataclass(frozen=True)
class OptimizerConfig:
    """Numbers of the optimisation.

    Attributes:
        learning_rate: of the network's weights, at its height.
        taken_rate: how many times as fast weights move that were taken over from other checkpoints; 0 freezes them.
        weight_decay: of convolutions and linear layers.
        loss_rate: how many times faster the learned loss weights move.
        smoothing: of the odometry's loss at the start, as a share of the motions' size; falls to 0, the paper's norm.
        warmup: steps to reach the learning rate.
        clip: largest gradient norm.
        minutes: the learning rate decays to zero (cosine) over this time, and training ends; None for steps alone.
        steps: likewise in optimiser steps; whichever is over first. 0 trains nothing: streams are put together only.
    """

    learning_rate: float = 1e-3
    taken_rate: float = 0.3
    weight_decay: float = 0.01
    loss_rate: float = 10.0
    smoothing: float = 1.0
    warmup: int = 100
    clip: float = 1000.0
    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.minutes is None and self.steps is None:
            raise ConfigError("optimizer: say how long to train, by minutes or steps")
        if self.learning_rate <= 0.0 or self.warmup < 1:
            raise ConfigError("optimizer: learning rate and warmup must be positive")


class TrainingModule(lightning.LightningModule):
    """Network and loss, trained together."""

    def __init__(
        self,
        network: VLocNet,
        batches: RandomBatches,
        optimizer: OptimizerConfig,
        augmentation: AugmentationConfig,
        *,
        seed: int = 0,
        taken: Collection[str] = (),
        freeze: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.loss = MultitaskLoss(consistency=network.config.consistency)
        self.batches, self.optimizer_config, self.augmentation, self.seed = batches, optimizer, augmentation, seed
        self.taken, self.trained_seconds = frozenset(taken), 0.0
        for name, parameter in network.named_parameters():
            frozen = name in self.taken and (optimizer.taken_rate == 0.0 or name.startswith(tuple(freeze)))
            parameter.requires_grad_(not frozen)  # which saves the computation of its gradient too
        self._clock: float | None = None
        self._errors: list[dict[str, Tensor]] = []

    @property
    def progress(self) -> float:
        """Share 0..1 of the training that is over."""
        config, shares = self.optimizer_config, [0.0]
        if config.minutes is not None:
            shares.append(self.trained_seconds / (60.0 * config.minutes))
        if config.steps is not None:
            shares.append(self.global_step / max(1, config.steps))
        return min(1.0, max(shares))

    def forward(self, batch: Batch) -> Prediction:
        images = batch.images.contiguous(memory_format=torch.channels_last)
        if batch.kind is Kind.ALL:
            features = self.network.encode(images)
        else:
            with torch.no_grad():
                semantics = self.network.encode_segmentation(images)
            features = self.network.encode_localization(images, semantics, keep=batch.kind is Kind.PAIRS)
            features = features._replace(segmentation=None)
        return self.network.decode(features, features.select(batch.targets.previous))

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        now = time.monotonic()
        self.trained_seconds += 0.0 if self._clock is None else now - self._clock
        self._clock = now
        self._set_learning_rate()
        # Everything random in a step follows from its number: dropout too.
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=self._generator(1)).item()))
        prediction = self(batch)
        total, terms = self.loss(prediction, batch.targets, self._smoothing())
        if not torch.isfinite(total):
            raise ConfigError(f"loss is {total.item()} at step {self.global_step}: lower the learning rate")
        self.log("loss", total, prog_bar=True)
        self.log_dict({f"train/{name}": value for name, value in terms.items()})
        return total

    def on_train_batch_end(self, *_: Any) -> None:
        self.loss.clamp_()
        if self.progress >= 1.0:
            self.trainer.should_stop = True

    def on_validation_start(self) -> None:
        self._clock = None

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        p, t = self(batch), batch.targets
        errors: dict[str, Tensor] = {}
        if p.translation is not None and p.quaternion is not None:
            errors["pose_m"] = (p.translation - t.translation).norm(dim=-1)
            errors["pose_deg"] = torch.rad2deg(quaternions.angle_between(p.quaternion, t.quaternion))
        if p.relative_quaternion is not None and t.pair.any():
            before = t.quaternion[t.previous]
            motion = quaternions.multiply(quaternions.conjugate(before), t.quaternion)
            world = t.translation - t.translation[t.previous]
            local = quaternions.rotate(quaternions.conjugate(before), world)
            errors["motion_m"] = (p.relative_translation - local).norm(dim=-1)[t.pair]
            errors["motion_deg"] = torch.rad2deg(quaternions.angle_between(p.relative_quaternion, motion))[t.pair]
        if p.logits is not None and t.labels is not None:
            labelled = t.labels != 255
            errors["pixels_right"] = (p.logits.argmax(1) == t.labels)[labelled].float().mean()[None]
        if p.depth is not None and t.depth is not None:
            errors["depth_relative"] = ((p.depth[:, 0] - t.depth).abs() / t.depth).nanmedian()[None]
        self._errors.append(errors)

    def on_validation_epoch_end(self) -> None:
        names = self._errors[0].keys() if self._errors else ()
        medians = {name: torch.cat([e[name] for e in self._errors if name in e]).median() for name in names}
        self._errors.clear()
        self.log_dict({f"val/{name}": value for name, value in medians.items()}, prog_bar=True, sync_dist=True)
        text = ", ".join(f"{name} {value:.3f}" for name, value in medians.items())
        if not self.trainer.sanity_checking:
            self.print(f"\n{self.trained_seconds / 60.0:5.1f} min, step {self.global_step}: {text}")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        config = self.optimizer_config
        groups: list[dict[str, Any]] = [
            {"params": list(self.loss.parameters()), "weight_decay": 0.0, "share": config.loss_rate}
        ]
        for taken, decayed in itertools.product((False, True), repeat=2):
            parameters = [
                p
                for n, p in self.network.named_parameters()
                if p.requires_grad and (n in self.taken) == taken and (p.ndim > 1) == decayed
            ]
            share = config.taken_rate if taken else 1.0
            groups.append(
                {"params": parameters, "weight_decay": config.weight_decay if decayed else 0.0, "share": share}
            )
        groups = [group for group in groups if group["params"]]
        return torch.optim.AdamW(groups, lr=config.learning_rate, eps=1e-10, fused=True)

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        # Lightning refuses to clip for fused optimisers, for the sake of a gradient scaler that bfloat16 does without.
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), self.optimizer_config.clip)
        self.log("train/gradient", norm)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        # The training loader only counts: a batch follows from the global step, so that a resumed run goes on exactly
        # as it would have.
        return self.batches(self.global_step) if self.trainer.training else batch

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        def move(t: Tensor | None) -> Tensor | None:
            return None if t is None else t.to(device, non_blocking=True)

        moved = {f.name: move(getattr(batch.targets, f.name)) for f in fields(Targets)}
        return Batch(
            batch.images.to(device, non_blocking=True), replace(batch.targets, **moved), batch.kind, batch.group
        )

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        # Here rather than in the step: geometry must not run in the step's mixed precision.
        if not self.trainer.training:
            return batch
        return augment(batch, self.network.intrinsics, self.augmentation, self._generator(2))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["trained_seconds"] = self.trained_seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.trained_seconds = float(checkpoint["trained_seconds"])

    def _generator(self, purpose: int) -> torch.Generator:
        return generator_for(self.seed + 1000 * purpose, self.global_step, self.global_rank)

    def _smoothing(self) -> tuple[float, float]:
        """Of the odometry's loss: from the size of the motions down to none at the end of the training."""
        if self.network.odometry is None:
            return (0.0, 0.0)
        share = self.optimizer_config.smoothing * (1.0 - self.progress)
        regressor = self.network.odometry.regressor
        return share * float(regressor.translation_scale.norm()), share * float(regressor.rotation_scale.norm())

    def _set_learning_rate(self) -> None:
        config = self.optimizer_config
        rate = config.learning_rate * min(1.0, (self.global_step + 1) / config.warmup)
        rate *= max(0.002, 0.5 * (1.0 + math.cos(math.pi * self.progress)))
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate * group["share"]

"""Lightning module: steps of training and validation, each reproducible from its number."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from localization_common.errors import ConfigError
from vlocnet_ros.network.neighbours import NeighbourRegressor
from vlocnet_ros.network.vlocnetpp import Prediction, VLocNet
from vlocnet_ros.training import validation
from vlocnet_ros.training.augmentation import FrameBatch, StepKind, augment
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.batches import RandomBatches, generator_for
from vlocnet_ros.training.coordinate_loss import cells_of, coordinate_loss
from vlocnet_ros.training.losses import MultitaskLoss, Targets
from vlocnet_ros.training.neighbour_pairs import fill_database, neighbour_loss
from vlocnet_ros.training.optimizer import OptimizerConfig, optimizer_of, set_learning_rate
from vlocnet_ros.training.photometric import photometric


class VLocNetTrainingModule(lightning.LightningModule):
    """Network and loss, which are trained together."""

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
        keep_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.loss = MultitaskLoss(consistency=network.config.consistency)
        self.batches, self.optimizer_config, self.augmentation, self.seed = batches, optimizer, augmentation, seed
        self.taken, self.trained_seconds = frozenset(taken), 0.0
        prefixes = tuple(freeze) if optimizer.taken_rate > 0.0 else ("",)
        for name, parameter in network.named_parameters():
            frozen = name in self.taken and name.startswith(prefixes)
            parameter.requires_grad_(not frozen)  # saves the computation of its gradient, too
        kept = _copied_norms(network, self.taken) if keep_statistics else []
        for module in (*_without_gradient(network), *kept):
            module.eval()  # keeps running statistics; Lightning restores the modes after each validation
        #: Errors of the last validation, by name (`validation.errors`).
        self.validated: dict[str, float] = {}
        self._clock: float | None = None
        self._errors: list[dict[str, Tensor]] = []

    @property
    def progress(self) -> float:
        """Completed share of the training, 0..1."""
        config, shares = self.optimizer_config, [0.0]
        if config.minutes is not None:
            shares.append(self.trained_seconds / (60.0 * config.minutes))
        if config.steps is not None:
            shares.append(self.global_step / max(1, config.steps))
        return min(1.0, max(shares))

    def forward(self, batch: FrameBatch) -> Prediction:
        images = batch.images.contiguous(memory_format=torch.channels_last)
        if batch.kind is StepKind.ALL:
            features = self.network.encode(images)
        else:
            # Scene coordinates are read from the encoder of the labels, so that these steps train it, too.
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.network.coordinates is not None):
                images = self.network.front_end(images)
                semantics = self.network.encode_segmentation(images)
            features = self.network.encode_localization(images, semantics, keep=batch.kind is StepKind.PAIRS)
            features = features._replace(segmentation=None)
        return self.network.decode(features, features.select(batch.targets.previous))

    def on_train_start(self) -> None:
        if self.progress >= 1.0:  # the run was resumed after its last step
            self.trainer.should_stop = True

    def training_step(self, batch: FrameBatch, batch_index: int) -> Tensor:
        self._advance_clock()
        set_learning_rate(self.trainer.optimizers[0], self.optimizer_config, self.global_step, self.progress)
        # All random numbers of a step follow from its number, those of dropout, too.
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=self._generator(1)).item()))
        prediction = self(batch)
        total, terms = self.loss(
            prediction,
            batch.targets,
            self._smoothing(),
            photometric=self._photometric(prediction, batch),
            coordinates=self._coordinates(prediction, batch),
            neighbours=self._neighbours(prediction, batch),
        )
        if not torch.isfinite(total):
            raise ConfigError(f"loss is {total.item()} at step {self.global_step}: lower the learning rate")
        self.log("loss", total, prog_bar=True)
        self.log_dict({f"train/{name}": value for name, value in terms.items()})
        return total

    def optimizer_step(self, *arguments: Any, **named: Any) -> None:
        super().optimizer_step(*arguments, **named)
        self.loss.clamp_()  # before the state is saved: a resumed run continues with the same weights

    def on_train_batch_end(self, *_: Any) -> None:
        if self.progress >= 1.0:
            self.trainer.should_stop = True

    def on_validation_start(self) -> None:
        self._clock = None
        fill_database(self.network, self.batches.frames)

    def validation_step(self, batch: FrameBatch, batch_index: int) -> None:
        prediction = self(batch)
        errors = validation.errors(prediction, batch.targets, self.network.intrinsics)
        disagreement = self._photometric(prediction, batch)
        if disagreement is not None:
            errors["photometric"] = disagreement[None]
        self._errors.append(errors)

    def on_validation_epoch_end(self) -> None:
        names = sorted({name for errors in self._errors for name in errors})
        medians = {name: torch.cat([e[name] for e in self._errors if name in e]).nanmedian().item() for name in names}
        self._errors.clear()
        # All processes decide by the same numbers, those of the first one.
        self.validated = self.trainer.strategy.broadcast({n: v for n, v in medians.items() if math.isfinite(v)})
        self.log_dict({f"val/{name}": value for name, value in self.validated.items()}, prog_bar=True, sync_dist=True)
        self.log("val/score", validation.score(self.validated), sync_dist=True)
        text = ", ".join(f"{name} {value:.3f}" for name, value in self.validated.items())
        if self.trainer.state.fn == "fit":
            self.print(f"\n{self.trained_seconds / 60.0:5.1f} min, step {self.global_step}: {text}")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return optimizer_of(self.network, self.loss, self.taken, self.optimizer_config)

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        # Lightning does not clip gradients of fused optimisers, because of a gradient scaler. bfloat16 uses none.
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), self.optimizer_config.clip)
        self.log("train/gradient", norm)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> FrameBatch:
        # The training loader only counts: a batch follows from the global step, so that a resumed run has the same
        # batches.
        return self.batches(self.global_step) if self.trainer.training else batch

    def transfer_batch_to_device(self, batch: FrameBatch, device: torch.device, dataloader_idx: int) -> FrameBatch:
        targets = {f.name: getattr(batch.targets, f.name) for f in fields(Targets)}
        moved: dict[str, Any] = {
            name: t if t is None else t.to(device, non_blocking=True) for name, t in targets.items()
        }
        return replace(batch, images=batch.images.to(device, non_blocking=True), targets=Targets(**moved))

    def on_after_batch_transfer(self, batch: FrameBatch, dataloader_idx: int) -> FrameBatch:
        # Not in the step: geometry must not run in the step's mixed precision.
        if not self.trainer.training:
            return batch
        return augment(batch, self.network.intrinsics, self.augmentation, self._generator(2))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["trained_seconds"] = self.trained_seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.trained_seconds = float(checkpoint["trained_seconds"])

    def _photometric(self, prediction: Prediction, batch: FrameBatch) -> Tensor | None:
        """Return the loss of the depth of frames that mostly lack true depth, in full precision."""
        if prediction.depth is None:
            return None
        images = batch.images if batch.plain is None else batch.plain
        with torch.autocast(images.device.type, enabled=False):
            return photometric(prediction.depth, images, batch.targets, self.network.intrinsics, batch.guessed)

    def _coordinates(self, prediction: Prediction, batch: FrameBatch) -> Tensor | None:
        """Return the loss of the scene coordinates, in full precision."""
        if prediction.coordinates is None:
            return None
        with torch.autocast(batch.images.device.type, enabled=False):
            height, width = batch.images.shape[-2:]
            cells = cells_of(batch.targets, height, width, self.network.intrinsics)
            coordinates = prediction.coordinates.flatten(2).transpose(1, 2)
            return coordinate_loss(coordinates, cells, self.network.intrinsics)

    def _neighbours(self, prediction: Prediction, batch: FrameBatch) -> Tensor | None:
        """Return the loss of the poses relative to neighbours, in full precision."""
        regressor = None if self.network.pose is None else self.network.pose.regressor
        if not isinstance(regressor, NeighbourRegressor) or prediction.pose_features is None:
            return None
        with torch.autocast(batch.images.device.type, enabled=False):
            return neighbour_loss(regressor, prediction.pose_features, batch.targets)

    def _advance_clock(self) -> None:
        now = time.monotonic()
        passed = 0.0 if self._clock is None else now - self._clock
        self._clock = now
        # All processes use the time of the first one, so that all end with the same step.
        self.trained_seconds = self.trainer.strategy.broadcast(self.trained_seconds + passed)

    def _generator(self, purpose: int) -> torch.Generator:
        return generator_for(self.seed + 1000 * purpose, self.global_step, self.global_rank)

    def _smoothing(self) -> tuple[float, float]:
        """Return the smoothing of the odometry's loss: from the size of the motions down to 0 at the end."""
        if self.network.odometry is None:
            return (0.0, 0.0)
        share = self.optimizer_config.smoothing * (1.0 - self.progress)
        regressor = self.network.odometry.regressor
        return share * float(regressor.translation_scale.norm()), share * float(regressor.rotation_scale.norm())


def _without_gradient(network: VLocNet) -> list[nn.Module]:
    """Return the modules that have parameters of which none is trained."""
    trained = {module: [p.requires_grad for p in module.parameters()] for module in network.modules()}
    return [module for module, flags in trained.items() if flags and not any(flags)]


def _copied_norms(network: VLocNet, taken: Collection[str]) -> list[nn.Module]:
    """Return the batch-norm layers whose weights were copied from other checkpoints."""
    norms = {name: m for name, m in network.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
    return [module for name, module in norms.items() if f"{name}.weight" in taken]

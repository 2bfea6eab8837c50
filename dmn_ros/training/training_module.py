"""The DMN under Lightning: objective, schedule over a budget of minutes, validation as one-step global localisation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dmn_ros.config import TrainingConfig
from dmn_ros.filter import resampling
from dmn_ros.network.dmn import DMN
from dmn_ros.training.losses import mean_pose, pose_error, softmax_objective
from dmn_ros.training.training_clock import ClockedModule
from dmn_ros.training.training_data import Batch
from localization_common.training.learning_rate import warm_up_and_cosine
from localization_common.training.optimizers import build_optimizer

#: Steps of linear warm-up, and the share of the learning rate that is left at the end.
_WARM_UP, _FLOOR = 200, 0.01


class TrainingModule(ClockedModule):
    """Trains for a number of minutes; the learning rate falls as a cosine of the time spent, also across a resume."""

    def __init__(self, network: DMN, config: TrainingConfig, minutes: float, command: str = "") -> None:
        super().__init__()
        self.network, self.config = network, config
        self.commands = [command]
        self._budget = minutes * 60.0

    @property
    def finished(self) -> bool:
        """Whether the budget is spent."""
        return self.minutes * 60.0 >= self._budget

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Remember on what the time was spent, too."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["commands"] = self.commands

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the time spent before."""
        super().on_load_checkpoint(checkpoint)
        self.commands = [*checkpoint["commands"], *self.commands]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Over all weights."""
        config = self.config
        group = {"params": list(self.parameters()), "weight_decay": config.weight_decay, "share": 1.0}
        return build_optimizer(config.algorithm, [group], config.learning_rate)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> int | None:
        """Set the learning rate; -1 ends the run when the budget is spent."""
        if self.finished:
            self.trainer.should_stop = True
            return -1
        progress = self.minutes * 60.0 / self._budget
        rate = warm_up_and_cosine(self.config.learning_rate, self.global_step, progress, warm_up=_WARM_UP, floor=_FLOOR)
        for group in self.optimizers().param_groups:
            group["lr"] = rate * group["share"]
        return None

    def log_likelihood(self, batch: Batch) -> Tensor:
        """(A, Q, K)."""
        prepared, query = self.network.prepare(batch.view_images, batch.view_poses, batch.query_images)
        result: Tensor = self.network.log_likelihood(prepared, query, batch.particles).float()
        return result

    def loss(self, batch: Batch) -> Tensor:
        """Mean objective over a batch."""
        config = self.config
        log_likelihood = self.log_likelihood(batch)
        if config.objective == "pose":
            estimate = mean_pose(batch.particles, resampling.normalize(log_likelihood))
            return pose_error(estimate, batch.query_poses).mean()
        target_d = config.target_d / self.network.config.metres_per_unit
        return softmax_objective(
            batch.particles,
            log_likelihood - batch.log_density,
            batch.query_poses,
            target_d=target_d,
            target_a=config.target_a,
            log_density=batch.log_density,
        ).mean()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step."""
        loss = self.loss(batch)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """One-step global localisation: share of the queries within 0.5 m by mean and by most likely particle."""
        log_likelihood = self.log_likelihood(batch)
        unit = self.network.config.metres_per_unit
        mean = mean_pose(batch.particles, resampling.normalize(log_likelihood))
        best = log_likelihood.argmax(-1)[..., None, None].expand(-1, -1, 1, 3)
        top = batch.particles.gather(2, best).squeeze(2)
        for name, estimate in (("mean", mean), ("top", top)):
            distance = (estimate - batch.query_poses)[..., :2].norm(dim=-1) * unit
            self.log(f"within_0.5m_{name}", (distance < 0.5).float().mean(), prog_bar=True, batch_size=1)

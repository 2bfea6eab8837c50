"""Training on drives with Lightning: objective, schedule over a budget of minutes, one-step validation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dmn_ros.filter import resampling
from dmn_ros.network.dmn import DMN
from dmn_ros.training.losses import mean_pose, pose_error, softmax_objective
from dmn_ros.training.training_clock import ClockedModule
from dmn_ros.training.training_config import TrainingConfig
from dmn_ros.training.training_data import DriveBatch
from localization_common.training.learning_rate import warm_up_and_cosine
from localization_common.training.optimizers import build_optimizer

#: Number of steps of the linear warm-up, and the share of the learning rate that is left at the end.
_WARM_UP, _FLOOR = 200, 0.01


class DriveTrainingModule(ClockedModule):
    """Training for a number of minutes; the learning rate falls as a cosine of the time, also after a resume."""

    def __init__(self, network: DMN, config: TrainingConfig, minutes: float, command: str = "") -> None:
        super().__init__()
        self.network, self.config = network, config
        self.commands = [command]
        self._budget = minutes * 60.0

    @property
    def finished(self) -> bool:
        """True if the time budget is used up."""
        return self.progress >= 1.0

    @property
    def trained_seconds(self) -> float:
        """Seconds of training so far, with earlier runs."""
        return self.minutes * 60.0

    @property
    def progress(self) -> float:
        """Used share of the time budget, 0..1."""
        return min(1.0, self.trained_seconds / self._budget)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the time and the commands."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["commands"] = self.commands

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the time and the commands of earlier runs."""
        super().on_load_checkpoint(checkpoint)
        self.commands = [*checkpoint["commands"], *self.commands]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build the optimiser of all weights."""
        config = self.config
        group = {"params": list(self.parameters()), "weight_decay": config.weight_decay, "share": 1.0}
        return build_optimizer(config.algorithm, [group], config.learning_rate)

    def on_train_batch_start(self, batch: DriveBatch, batch_idx: int) -> int | None:
        """Set the learning rate; return -1, which ends the run, if the budget is used up."""
        if self.finished:
            self.trainer.should_stop = True
            return -1
        rate = warm_up_and_cosine(
            self.config.learning_rate, self.global_step, self.progress, warm_up=_WARM_UP, floor=_FLOOR
        )
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        return None

    def log_likelihood(self, batch: DriveBatch) -> Tensor:
        """Compute the log-likelihoods (A, Q, K) of the particles of a batch."""
        prepared, query = self.network.prepare(batch.view_images, batch.view_poses, batch.query_images)
        result: Tensor = self.network.log_likelihood(prepared, query, batch.particles).float()
        return result

    def loss(self, batch: DriveBatch) -> Tensor:
        """Compute the mean objective over a batch."""
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

    def training_step(self, batch: DriveBatch, batch_idx: int) -> Tensor:
        """Compute and log the loss of a step."""
        loss = self.loss(batch)
        self.log("loss", loss, prog_bar=True)
        return loss

    def on_validation_end(self) -> None:
        """Print the shares of the validation."""
        numbers = {k: v for k, v in self.trainer.callback_metrics.items() if k.startswith("within")}
        shown = ", ".join(f"{name} {float(value):.3f}" for name, value in numbers.items())
        self.print(f"{self.minutes:5.1f} min, step {self.global_step}: {shown}")

    def validation_step(self, batch: DriveBatch, batch_idx: int) -> None:
        """Log the share of the queries that mean and most likely particle localise within 0.5 m, in one step."""
        log_likelihood = self.log_likelihood(batch)
        unit = self.network.config.metres_per_unit
        mean = mean_pose(batch.particles, resampling.normalize(log_likelihood))
        best = log_likelihood.argmax(-1)[..., None, None].expand(-1, -1, 1, 3)
        top = batch.particles.gather(2, best).squeeze(2)
        for name, estimate in (("mean", mean), ("top", top)):
            distance = (estimate - batch.query_poses)[..., :2].norm(dim=-1) * unit
            self.log(f"within_0.5m_{name}", (distance < 0.5).float().mean(), prog_bar=True, batch_size=1)

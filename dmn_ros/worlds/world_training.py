"""Training on worlds with Lightning: both objectives, for filters and for regressions."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from dmn_ros.config import MappingConfig
from dmn_ros.network.dmn import PreparedMap, PreparedQuery
from dmn_ros.network.projection import ProjectionQuery
from dmn_ros.network.systems import build_network
from dmn_ros.training.losses import mean_pose, pose_error, softmax_objective
from dmn_ros.training.training_clock import ClockedModule
from dmn_ros.worlds.trajectory_filter import ego_motion, filter_trajectories, regress_trajectories
from dmn_ros.worlds.world_config import WorldTrainingConfig
from dmn_ros.worlds.world_data import WorldBatch
from localization_common.files.configuration import to_dict
from localization_common.training.learning_rate import warm_up_and_cosine
from localization_common.training.optimizers import build_optimizer

#: Number of steps of the linear warm-up, and the share of the learning rate that is left at the end.
_WARM_UP, _FLOOR = 200, 0.01


class WorldTraining(ClockedModule):
    """Training of one system for a number of steps; seed and worlds determine the weights, also after a resume."""

    def __init__(self, mapping: MappingConfig, config: WorldTrainingConfig) -> None:
        super().__init__()
        self.mapping, self.config = mapping, config
        self.network = build_network(mapping)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Build the optimiser, and a schedule: the learning rate warms up, and falls as a cosine."""
        config = self.config
        group = {"params": list(self.parameters()), "weight_decay": config.weight_decay, "share": 1.0}
        optimizer = build_optimizer(config.algorithm, [group], config.learning_rate)

        def rate(step: int) -> float:
            return warm_up_and_cosine(1.0, step, step / config.steps, warm_up=_WARM_UP, floor=_FLOOR)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the configuration, too: a resume with another one is refused."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["training"] = to_dict(self.config)

    def loss(self, batch: WorldBatch) -> Tensor:
        """Compute the mean objective over all images of a batch; in training plus the cross-entropy of a compass."""
        config, truth = self.config, batch.query_poses
        prepared, query = self.network.prepare(batch.view_images, batch.view_poses, batch.query_images.flatten(1, 2))
        if isinstance(query, ProjectionQuery) and self.global_step < config.heading_after * config.steps:
            query = query._replace(headings=query.headings[..., :0])
        objective = self._objective(batch, prepared, query)
        turns = truth.flatten(1, 2)[..., 2:] + torch.arange(4, device=truth.device) * (math.pi / 2)
        headings = self.network.heading_log_likelihood(query, turns) if self.training else None
        if headings is None:
            return objective
        return objective - config.heading_weight * headings.log_softmax(-1)[..., 0].mean()

    def _objective(self, batch: WorldBatch, prepared: PreparedMap, query: PreparedQuery) -> Tensor:
        config, truth = self.config, batch.query_poses
        odometry = ego_motion(truth)
        if self.mapping.algorithm == "regression":
            estimates = regress_trajectories(self.network, prepared, query, batch.beliefs, odometry)
            return pose_error(estimates, truth).mean()
        particles, log_weights = filter_trajectories(
            self.network,
            prepared,
            query,
            batch.particles,
            odometry,
            log_density=batch.log_density,
            resample_alpha=config.resample_alpha,
            generator=torch.Generator().manual_seed(batch.seed),
        )
        if config.objective == "tracking":
            return pose_error(mean_pose(particles, log_weights), truth).mean()
        # after resampling, particles represent the belief with their density
        later = batch.log_density.new_zeros(*truth.shape[:2], truth.shape[2] - 1, particles.shape[3])
        return softmax_objective(
            particles,
            log_weights,
            truth,
            target_d=config.target_d,
            target_a=config.target_a,
            log_density=torch.cat([batch.log_density.unsqueeze(2), later], dim=2),
        ).mean()

    def training_step(self, batch: WorldBatch, batch_idx: int) -> Tensor:
        """Compute and log the loss of a step."""
        loss = self.loss(batch)
        self.log("loss", loss, prog_bar=True, batch_size=len(batch.view_images))
        return loss

    def validation_step(self, batch: WorldBatch, batch_idx: int) -> None:
        """Log the objective on worlds that are not used for training."""
        self.log("validation_loss", self.loss(batch), prog_bar=True, batch_size=len(batch.view_images), sync_dist=True)

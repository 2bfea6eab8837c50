"""Optimiser: learning rates of the groups of weights, and their schedule."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from localization_common.errors import ConfigError
from localization_common.training.learning_rate import warm_up_and_cosine
from localization_common.training.optimizers import Algorithm, build_optimizer

#: Share of the learning rate that is left at the end.
_FLOOR = 0.002


@dataclass(frozen=True)
class OptimizerConfig:
    """Numbers of the optimisation.

    Attributes:
        algorithm: ``muon`` reaches lower errors than ``adamw`` in the same number of steps
            (`localization_common.training.optimizers`); the paper uses Adam.
        learning_rate: largest learning rate of the network's weights with ``adamw``; ``muon`` uses ten times as much
            for matrices.
        taken_rate: factor of the learning rate for weights that were copied from other checkpoints; 0 freezes them.
        weight_decay: weight decay of convolutions and linear layers.
        loss_rate: factor of the learning rate for the learned loss weights.
        smoothing: smoothing of the odometry's loss at the start, as a share of the motions' size; falls to 0, the
            paper's norm.
        warmup: number of steps until the learning rate is reached.
        clip: largest gradient norm.
        minutes: length of the training, over which the learning rate falls to almost 0 (cosine); None to use steps.
        steps: length in optimiser steps; the training ends at the first of both limits. 0 trains nothing: it only
            combines streams.
    """

    algorithm: Algorithm = "muon"
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
            raise ConfigError("optimizer: no length of the training; give minutes or steps")
        if self.learning_rate <= 0.0 or self.warmup < 1:
            raise ConfigError("optimizer: learning rate and warmup must be positive")


def optimizer_of(
    network: nn.Module, loss: nn.Module, taken: Collection[str], config: OptimizerConfig
) -> torch.optim.Optimizer:
    """Build the optimiser of all weights with a gradient; each group's ``share`` is its factor of the learning rate.

    Args:
        taken: names of the network's parameters that were copied from other checkpoints.
    """
    groups: list[dict[str, Any]] = [{"params": list(loss.parameters()), "weight_decay": 0.0, "share": config.loss_rate}]
    for old, decayed in itertools.product((False, True), repeat=2):
        parameters = [
            p
            for name, p in network.named_parameters()
            if p.requires_grad and (name in taken) == old and (p.ndim > 1) == decayed
        ]
        share = config.taken_rate if old else 1.0
        groups.append({"params": parameters, "weight_decay": config.weight_decay if decayed else 0.0, "share": share})
    groups = [group for group in groups if group["params"]]
    return build_optimizer(config.algorithm, groups, config.learning_rate, eps=1e-10, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, config: OptimizerConfig, step: int, progress: float) -> None:
    """Set the learning rate of a step: a warm-up over the first steps, a cosine over the training.

    Args:
        progress: completed share of the training, 0..1.
    """
    rate = warm_up_and_cosine(config.learning_rate, step, progress, warm_up=config.warmup, floor=_FLOOR)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]

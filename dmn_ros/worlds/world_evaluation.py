"""Evaluation on worlds, as in tables 1 and 2: one-step and sequential global localization, and tracking."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmn_ros.filter import resampling
from dmn_ros.filter.clusters import densest_cluster
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN, PreparedMap, PreparedQuery
from dmn_ros.training.losses import mean_pose
from dmn_ros.training.training_particles import uniform_poses
from dmn_ros.worlds.trajectory_filter import ego_motion, filter_trajectories, regress_trajectories
from dmn_ros.worlds.world_config import WorldEvaluationConfig
from dmn_ros.worlds.world_data import BOUNDS, Array, fixed_trials, local_beliefs
from localization_common.datasets.world_difficulty import SUCCESS
from localization_common.datasets.worlds import WorldSet

#: Powers of likelihoods that `fit_likelihood_exponents` tries.
_EXPONENTS = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
#: Number of trials for the fit, and largest number of trajectories in each world for it.
_FIT_TRIALS, _MOST_TRAJECTORIES = 300, 4
#: Estimates (A, Q, T, 3) of a setting, by the name of the estimator.
Estimates = dict[str, Tensor]


@torch.inference_mode()
def evaluate_worlds(
    network: DMN, worlds: WorldSet, config: WorldEvaluationConfig, *, regression: bool = False
) -> dict[str, Any]:
    """Evaluate a network in all settings.

    Evaluations with the same seed use the same views, trajectories and beliefs.

    Returns:
        ``one_step``, ``sequential`` and ``tracking``, each with ``mean`` and, for a filter, ``most_likely`` (the best
        particle) and ``densest`` (the centre of the circle with most of the belief; its radius is the limit of a
        success). Each has ``success`` (share with a squared position error below 0.2 square units) and ``mse`` (mean
        squared position error, square units) after the last image, and ``success_by_image``. The initial belief of a
        regression is the centre of the environment in the global settings.

    Raises:
        DatasetError: worlds have too few views.
    """
    device = _device(network)
    random, settings = np.random.default_rng(config.seed), _ErrorsBySetting()
    for views, view_poses, queries, truth in fixed_trials(
        worlds, config.contexts, config.trajectories, config.length, random
    ):
        starts = truth[:, :, 0].double().numpy()
        beliefs = _beliefs(starts, config, random)
        views, view_poses, queries, truth = (part.to(device) for part in (views, view_poses, queries, truth))
        prepared, query = network.prepare(views, view_poses, queries.flatten(1, 2))
        for name, belief in beliefs.items():
            particles, means = (part.to(device) for part in belief)
            odometry = ego_motion(truth)
            if regression:
                found = {"mean": regress_trajectories(network, prepared, query, means, odometry)}
            else:
                found = _filtered(network, prepared, query, particles, odometry, config)
            settings.add(name, found, truth)
    return settings.numbers()


@torch.inference_mode()
def fit_likelihood_exponents(network: DMN, worlds: WorldSet, config: WorldEvaluationConfig) -> tuple[float, ...]:
    """Fit the powers of the likelihoods, after each image, with which the mean of a global belief succeeds most often.

    Cross-entropy trains calibrated beliefs. The mean is better for a sharper belief, because the mean of two places is
    none of them; after the first image, when most places are possible, the power matters most. Weights only accumulate,
    so that one run serves all powers. Validation worlds are few: each has up to four trajectories, which makes 300
    trials of 75 worlds.

    Args:
        network: network of a filter.
        worlds: worlds for the fit, others than those of the evaluation.
        config: configuration of the evaluation; its own power is not used.
    """
    device, random = _device(network), np.random.default_rng(config.seed)
    successes: dict[float, list[Tensor]] = {exponent: [] for exponent in _EXPONENTS}
    config = replace(config, trajectories=max(config.trajectories, min(_MOST_TRAJECTORIES, _FIT_TRIALS // len(worlds))))
    for trial in fixed_trials(worlds, config.contexts, config.trajectories, config.length, random):
        particles, _ = _beliefs(trial[3][:, :, 0].double().numpy(), config, random)["global"]
        views, view_poses, queries, truth = (part.to(device) for part in trial)
        prepared, query = network.prepare(views, view_poses, queries.flatten(1, 2))
        states, log_weights = filter_trajectories(network, prepared, query, particles.to(device), ego_motion(truth))
        for exponent, found in successes.items():
            means = mean_pose(states, resampling.normalize(exponent * log_weights))
            found.append((_squared_error(means, truth) < SUCCESS).float().flatten(0, 1))
    shares = {exponent: torch.cat(found).mean(0).tolist() for exponent, found in successes.items()}
    return tuple(max(shares, key=lambda exponent: shares[exponent][t]) for t in range(config.length))


def evaluate_baselines(worlds: WorldSet, config: WorldEvaluationConfig) -> dict[str, dict[str, Any]]:
    """Evaluate the baselines without images on the same trials (appendix C.2).

    ``closest_context`` returns the view nearest to the truth, ``uninformed`` the mean of the initial belief, moved by
    odometry.
    """
    random = np.random.default_rng(config.seed)
    settings = {"closest_context": _ErrorsBySetting(), "uninformed": _ErrorsBySetting()}
    for _, view_poses, _, truth in fixed_trials(worlds, config.contexts, config.trajectories, config.length, random):
        starts = truth[:, :, 0].double().numpy()
        beliefs = _beliefs(starts, config, random)
        distance = (view_poses[:, None, None, :, :2] - truth[..., None, :2]).square().sum(-1)  # (A, Q, T, N)
        world = torch.arange(len(truth)).view(-1, 1, 1)
        for name, (particles, _) in beliefs.items():
            settings["closest_context"].add(name, {"mean": view_poses[world, distance.argmin(-1)]}, truth)
            settings["uninformed"].add(name, {"mean": _moved_mean(particles, ego_motion(truth))}, truth)
    return {name: found.numbers() for name, found in settings.items()}


def _device(network: DMN) -> torch.device:
    return next((p.device for p in network.parameters()), torch.device("cpu"))


def _beliefs(
    starts: Array, config: WorldEvaluationConfig, random: np.random.Generator
) -> dict[str, tuple[Tensor, Tensor]]:
    """Draw particles and mean of the initial belief of each setting, for true poses (A, Q, 3)."""
    uniform = uniform_poses(BOUNDS, (*starts.shape[:2], config.global_particles), random)
    return {
        "global": (torch.from_numpy(uniform).float(), torch.zeros(starts.shape)),
        "tracking": local_beliefs(starts, config.tracking_particles, config.belief, random),
    }


def _moved_mean(particles: Tensor, odometry: Tensor) -> Tensor:
    """Mean (A, Q, T, 3) of particles (A, Q, K, 3) that odometry (A, Q, T - 1, 3) moves and no image weighs."""
    equal = resampling.normalize(torch.zeros_like(particles[..., 0]))
    means = [mean_pose(particles, equal)]
    for motion in odometry.unbind(2):
        particles = egocentric.compose(particles, motion.unsqueeze(2))
        means.append(mean_pose(particles, equal))
    return torch.stack(means, dim=2)


def _filtered(
    network: DMN,
    prepared: PreparedMap,
    query: PreparedQuery,
    particles: Tensor,
    odometry: Tensor,
    config: WorldEvaluationConfig,
) -> Estimates:
    particles, log_weights = filter_trajectories(network, prepared, query, particles, odometry)
    log_weights = resampling.normalize(_powers(config).to(log_weights)[:, None] * log_weights)
    best = log_weights.argmax(-1)[..., None, None].expand(*particles.shape[:3], 1, 3)
    return {
        "mean": mean_pose(particles, log_weights),
        "most_likely": particles.gather(-2, best).squeeze(-2),
        "densest": _densest(particles, log_weights),
    }


def _powers(config: WorldEvaluationConfig) -> Tensor:
    """Powers (T,) of the likelihoods, after each image."""
    powers = config.likelihood_exponent
    return torch.tensor([powers[min(t, len(powers) - 1)] for t in range(config.length)])


def _densest(particles: Tensor, log_weights: Tensor) -> Tensor:
    """Find the poses (A, Q, T, 3) with most of the belief around their positions, at any heading."""
    states, weights = (part.flatten(0, 2).double().cpu().numpy() for part in (particles, log_weights.exp()))
    found = [
        densest_cluster(*belief, radius_d=math.sqrt(SUCCESS), radius_a=math.inf).pose
        for belief in zip(states, weights, strict=True)
    ]
    return torch.unflatten(torch.from_numpy(np.stack(found)).to(particles), 0, particles.shape[:3])


def _squared_error(estimates: Tensor, truth: Tensor) -> Tensor:
    """Squared error (...) of the positions of poses (..., 3)."""
    return (estimates - truth)[..., :2].square().sum(-1)


class _ErrorsBySetting:
    """Squared errors of each setting and estimator, collected over batches."""

    def __init__(self) -> None:
        self._errors: dict[tuple[str, str], list[Tensor]] = {}

    def add(self, setting: str, estimates: Estimates, truth: Tensor) -> None:
        """Add the errors (A Q, T) of estimates (A, Q, T, 3)."""
        for name, estimate in estimates.items():
            errors = _squared_error(estimate, truth).flatten(0, 1)
            self._errors.setdefault((setting, name), []).append(errors.cpu())

    def numbers(self) -> dict[str, Any]:
        """Return the numbers that `evaluate_worlds` describes."""
        found: dict[str, Any] = {"one_step": {}, "sequential": {}, "tracking": {}}
        for (setting, name), parts in self._errors.items():
            errors = torch.cat(parts)
            found["trials"] = len(errors)
            if setting == "global":
                found["one_step"][name] = _summary(errors[:, :1])
                found["sequential"][name] = _summary(errors)
            else:
                found["tracking"][name] = _summary(errors)
        return found


def _summary(errors: Tensor) -> dict[str, Any]:
    success = (errors < SUCCESS).float().mean(0)
    return {
        "success": float(success[-1]),
        "mse": float(errors[:, -1].mean()),
        "success_by_image": [round(float(share), 4) for share in success],
    }

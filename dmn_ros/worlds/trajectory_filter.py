"""Localization along short trajectories: differentiable particle filter, and regression in its place."""

from __future__ import annotations

import torch
from torch import Tensor

from dmn_ros.filter import resampling
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN, PreparedMap, PreparedQuery


def ego_motion(poses: Tensor) -> Tensor:
    """Compute the odometry (..., T - 1, 3) between poses (..., T, 3) in one frame."""
    return egocentric.relative(poses[..., :-1, :], poses[..., 1:, :])


def filter_trajectories(
    network: DMN,
    prepared: PreparedMap,
    query: PreparedQuery,
    particles: Tensor,
    odometry: Tensor,
    *,
    log_density: Tensor | None = None,
    resample_alpha: float | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute the beliefs after each image (section 3, "Particle filter localization").

    Args:
        network: network of a filter.
        prepared, query: A maps, and Q trajectories of T images each as A x (Q T) queries.
        particles: (A, Q, K, 3) at the first image.
        odometry: (A, Q, T - 1, 3) motions, without error, as in the paper.
        log_density: (A, Q, K) log-density that the particles were drawn from; their weights correct for it, and the
            belief starts uniform. None gives all particles the same weight: the belief starts with their density.
        resample_alpha: trade-off of soft resampling between images; None only accumulates weights.
        generator: random numbers of the resampling.

    Returns:
        Particles (A, Q, T, K, 3) and normalised log weights (A, Q, T, K).
    """
    trajectories, length = odometry.shape[1], odometry.shape[2] + 1
    log_weights = resampling.normalize(torch.zeros_like(particles[..., 0]) if log_density is None else -log_density)
    states, weights = [], []
    for t in range(length):
        if t > 0:
            if resample_alpha is not None:
                particles, log_weights = resampling.soft_resample(
                    particles, log_weights, alpha=resample_alpha, generator=generator
                )
            particles = egocentric.compose(particles, odometry[:, :, t - 1].unsqueeze(2))
        log_likelihood = network.log_likelihood(prepared, _image(query, trajectories, t), particles).float()
        log_weights = resampling.normalize(log_weights + log_likelihood)
        states.append(particles)
        weights.append(log_weights)
    return torch.stack(states, dim=2), torch.stack(weights, dim=2)


def regress_trajectories(
    network: DMN, prepared: PreparedMap, query: PreparedQuery, beliefs: Tensor, odometry: Tensor
) -> Tensor:
    """Regress estimates (A, Q, T, 3): each one, moved by odometry, is the mean belief for the next (appendix C.2).

    Args:
        network: network of a regression.
        prepared, query, odometry: see `filter_trajectories`.
        beliefs: (A, Q, 3) mean belief at the first image.
    """
    trajectories, length = odometry.shape[1], odometry.shape[2] + 1
    estimates: list[Tensor] = []
    for t in range(length):
        if t > 0:
            beliefs = egocentric.compose(estimates[-1], odometry[:, :, t - 1])
        estimates.append(network.estimate(prepared, _image(query, trajectories, t), beliefs))
    return torch.stack(estimates, dim=2)


def _image(query: PreparedQuery, trajectories: int, t: int) -> PreparedQuery:
    """Select the t-th image of each trajectory from A x (Q T) queries."""
    return type(query)(*(torch.unflatten(part, 1, (trajectories, -1))[:, :, t] for part in query))

"""Localizing along short trajectories: a differentiable particle filter, and the regression that stands in for it."""

from __future__ import annotations

import torch
from torch import Tensor

from dmn_ros.filter import resampling
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN, PreparedMap, PreparedQuery


def ego_motion(poses: Tensor) -> Tensor:
    """Odometry (..., T - 1, 3) between poses (..., T, 3) in one frame."""
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
    """Beliefs after each image (section 3, "Particle filter localization").

    Args:
        prepared, query: of A maps and Q trajectories of T images each, as A x (Q T) queries.
        particles: (A, Q, K, 3) at the first image.
        odometry: (A, Q, T - 1, 3); taken as exact, as in the paper.
        log_density: (A, Q, K) of what the particles were drawn from, which their weights then allow for: the belief
            begins uniform. Without, the particles weigh the same: the belief begins as they are spread.
        resample_alpha: resample softly between images; without, weights only accumulate.
        generator: of the resampling.

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
        seen = network.log_likelihood(prepared, _image(query, trajectories, t), particles).float()
        log_weights = resampling.normalize(log_weights + seen)
        states.append(particles)
        weights.append(log_weights)
    return torch.stack(states, dim=2), torch.stack(weights, dim=2)


def regress_trajectories(
    network: DMN, prepared: PreparedMap, query: PreparedQuery, beliefs: Tensor, odometry: Tensor
) -> Tensor:
    """Estimates (A, Q, T, 3): each is, moved by odometry, the mean belief for the next (appendix C.2).

    Args:
        prepared, query, odometry: as for `filter_trajectories`.
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
    """Of A x (Q T) queries, the t-th image of each trajectory."""
    return type(query)(*(part.unflatten(1, (trajectories, -1))[:, :, t] for part in query))

"""Training objectives: the paper's error of the mean pose, and cross-entropy over particles."""

from __future__ import annotations

import torch
from torch import Tensor

from dmn_ros.network import egocentric

#: Weight of the squared yaw error against the squared position error: alpha in the paper.
YAW_WEIGHT = 0.5


def mean_pose(particles: Tensor, log_weights: Tensor) -> Tensor:
    """Weighted mean (..., 3) of particles (..., K, 3); the yaw is a circular mean."""
    weights = log_weights.exp().unsqueeze(-1)
    yaw = particles[..., 2:]
    sine, cosine = (weights * yaw.sin()).sum(-2), (weights * yaw.cos()).sum(-2)
    return torch.cat([(weights * particles[..., :2]).sum(-2), torch.atan2(sine, cosine)], dim=-1)


def pose_error(estimate: Tensor, truth: Tensor) -> Tensor:
    """Squared position error plus 0.5 times the squared, wrapped yaw error (...), of poses (..., 3) (section 3)."""
    turn = egocentric.wrap_angle(estimate[..., 2] - truth[..., 2])
    return (estimate[..., :2] - truth[..., :2]).square().sum(-1) + YAW_WEIGHT * turn.square()


def softmax_objective(
    particles: Tensor,
    log_weights: Tensor,
    truth: Tensor,
    *,
    target_d: float,
    target_a: float,
    log_density: Tensor | None = None,
) -> Tensor:
    """Cross-entropy (...) between a Gaussian around the truth and the particles' weights.

    The error of a mean rewards sharp beliefs only; this objective rewards a correct weight of every particle.

    Args:
        particles: (..., K, 3). log_weights: (..., K), up to a constant. truth: (..., 3).
        target_d, target_a: standard deviations of the Gaussian, in the particles' unit and radians.
        log_density: (..., K) log-density that the particles were drawn from, if the weights correct for it; then the
            target does, too.
    """
    difference = particles - truth.unsqueeze(-2)
    turn = egocentric.wrap_angle(difference[..., 2])
    distance = difference[..., :2].square().sum(-1) / target_d**2 + (turn / target_a).square()
    aim = -0.5 * distance if log_density is None else -0.5 * distance - log_density
    return -(aim.softmax(-1) * log_weights.log_softmax(-1)).sum(-1)

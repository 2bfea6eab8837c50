"""Particles drawn from the pose of another localizer, with weights that keep the belief unbiased.

This is the mixture proposal of Monte Carlo localisation (Thrun, Fox, Burgard, Dellaert, "Robust Monte Carlo
localization for mobile robots", 2001): some samples come from the motion model and some from the proposal. Each sample
has the ratio of the predicted belief's density to the density of the mixture as its weight. If the other localizer is
wrong, its samples are wasted and do no harm.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmn_ros.filter import resampling
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.network import egocentric

#: Number of kernels of the density estimate, number of the neighbour that sets their width, width per distance to it.
_KERNELS, _NEIGHBOUR, _WIDTH = 256, 16, 0.5
#: Least width of a kernel: copies of one particle have no distance to each other.
_LEAST_WIDTH = 0.02
#: Standard deviations beyond which proposals and kernels are ignored.
_REACH = 4.0


def mix_in(
    particles: Tensor,
    log_weights: Tensor,
    drawn: Tensor,
    proposal: PlanarGaussian,
    *,
    floor: float,
    width_d: float,
    width_a: float,
) -> tuple[Tensor, Tensor]:
    """Return particles (K + M, 3) and normalised log weights, which represent the same belief as the first K.

    Both samples are joined by the balance heuristic of multiple importance sampling (Veach and Guibas 1995).

    Args:
        particles: (K, 3) after the motion. log_weights: (K,), normalised.
        drawn: (M, 3) from the proposal.
        floor: least density of the predicted belief, per square metre and radian: a place without particles is not
            impossible.
        width_d, width_a: largest widths of the density estimate's kernels, metres and radians.
    """
    share = len(drawn) / (len(particles) + len(drawn))
    unit = particles.new_tensor([width_d, width_d, width_a])
    centre, spread = (particles.new_tensor(v) for v in (proposal.mean, proposal.covariance.diagonal() ** 0.5))
    offsets = _offsets(particles, centre)
    near = (offsets.abs() <= _REACH * (spread + unit)).all(dim=1).nonzero().squeeze(1)
    points = torch.cat([offsets[near], _offsets(drawn, centre)]) / unit
    predicted = floor + _density(points, points[: len(near)], log_weights[near].exp()) / unit.prod()
    proposed = proposal.log_density(torch.cat([particles[near], drawn])).exp()
    # predicted density over that of the mixture; far from the proposal it is 1 / (1 - share), and weights do not change
    log_ratio = -((1.0 - share) + share * proposed / predicted).log()
    joined = torch.cat([log_weights, log_ratio[len(near) :] + math.log(share / len(drawn))])
    joined[near] += log_ratio[: len(near)] + math.log(1.0 - share)
    return torch.cat([particles.T, drawn.T], dim=1).T, resampling.normalize(joined)


def _offsets(poses: Tensor, centre: Tensor) -> Tensor:
    difference = poses - centre
    difference[:, 2] = egocentric.wrap_angle(difference[:, 2])
    return difference


def _density(points: Tensor, samples: Tensor, weights: Tensor) -> Tensor:
    """Adaptive kernel density (Breiman, Meisel, Purcell 1977) (P,) at points (P, 3), of weighted samples (S, 3).

    Kernels are narrow where samples are close together, and have at most the width 1.
    """
    mass = weights.sum()
    if len(samples) == 0 or not mass > 0.0:
        return points.new_zeros(len(points))
    chosen = resampling.systematic_indices(weights, min(_KERNELS, len(samples)), points.new_tensor(0.5))
    kernels = samples[chosen]
    neighbour = min(_NEIGHBOUR, len(kernels))
    widths = _WIDTH * torch.cdist(kernels, kernels).kthvalue(neighbour, dim=1).values
    widths = widths.clamp(_LEAST_WIDTH, 1.0)
    heights = mass / len(kernels) / (widths * math.sqrt(2.0 * math.pi)) ** 3
    return (torch.cdist(points, kernels).square() / (-2.0 * widths**2)).exp() @ heights

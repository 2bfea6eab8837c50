"""Particles for the first image of a robot that may be anywhere in a large map: from coarse to fine.

Particles all over a building would be too many. The image is first weighed at a few poses around each view of the map.
Particles are then drawn around the poses that it fits, and a share all over the map. They represent the uniform belief:
each has the ratio of the uniform density to the density that it was drawn from as its weight (importance sampling).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmn_ros.filter import resampling
from dmn_ros.network import egocentric

Bounds = tuple[float, float, float, float]

#: Poses around each view, and their standard deviations, metres and radians: views are about twice as far apart.
_EACH, _AROUND = 4, (0.3, 0.3, 0.25)
#: Number of the best coarse poses that are used. Their likelihoods are raised to the largest power that leaves at least
#: the last number of them effective: none is exactly the robot's, and the best of them may be in a wrong place.
_BEST, _POWERS, _EFFECTIVE = 256, torch.linspace(1.0, 0.1, 19), 32.0
#: Number of kernels that fine particles are drawn from, and their standard deviations, metres and radians.
_KERNELS, _WIDTH = 512, (0.3, 0.3, 0.2)
#: Share of the particles that is drawn all over the map.
_UNIFORM = 0.1


def poses_around(views: Tensor, generator: torch.Generator) -> Tensor:
    """Draw coarse poses (4 N, 3) around views (N, 3), in a random order; one of each four is the view's own."""
    noise = torch.randn(_EACH, *views.shape, generator=generator) * torch.tensor(_AROUND)
    noise[0] = 0.0
    order = torch.randperm(_EACH * len(views), generator=generator).to(views.device)
    return _wrapped((views + noise.to(views)).flatten(0, 1)[order])


def focus(
    coarse: Tensor, log_likelihood: Tensor, uniform: Tensor, bounds: Bounds, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw particles (K, 3) and normalised log weights (K,) that represent a uniform belief, dense where an image fits.

    Args:
        coarse: (C, 3) poses all over the map.
        log_likelihood: (C,) log-likelihoods of the image at these poses.
        uniform: (K, 3) poses drawn uniformly over the map; a tenth of them is used.
        bounds: of the map, metres.
    """
    start = torch.rand(1, generator=generator)[0].to(coarse.device)
    fitting, best = log_likelihood.topk(min(_BEST, len(coarse)))
    kernels = coarse[best[resampling.systematic_indices(_tempered(fitting), _KERNELS, start)]]
    count = len(uniform) - math.ceil(_UNIFORM * len(uniform))
    unit = coarse.new_tensor(_WIDTH)
    noise = torch.randn(count, 3, generator=generator).to(coarse) * unit
    drawn = _wrapped(kernels[torch.arange(count, device=coarse.device) % _KERNELS] + noise)
    particles = torch.cat([drawn, uniform[count:]])
    volume = (bounds[2] - bounds[0]) * (bounds[3] - bounds[1]) * 2.0 * math.pi
    share = count / len(particles)
    density = share * _density(particles, kernels, unit) + (1.0 - share) / volume
    return particles, resampling.normalize(-density.log())


def _tempered(log_likelihood: Tensor) -> Tensor:
    """Weights (C,) of coarse poses with these log-likelihoods."""
    log_weights = resampling.normalize(_POWERS.to(log_likelihood).unsqueeze(1) * log_likelihood)
    enough = resampling.effective_sample_size(log_weights) >= _EFFECTIVE
    chosen = int(enough.int().argmax()) if enough.any() else len(_POWERS) - 1
    return log_weights[chosen].exp()


def _density(poses: Tensor, kernels: Tensor, unit: Tensor) -> Tensor:
    """Density (K,), per square metre and radian, of the mean of Gaussian kernels (J, 3) at poses (K, 3)."""
    square = (torch.cdist(poses[:, :2], kernels[:, :2]) / unit[0]).square()
    turn = egocentric.wrap_angle(poses[:, None, 2] - kernels[:, 2])
    heights = (-0.5 * (square + (turn / unit[2]).square())).exp().mean(dim=1)
    return heights / (unit.prod() * (2.0 * math.pi) ** 1.5)


def _wrapped(poses: Tensor) -> Tensor:
    poses[:, 2] = egocentric.wrap_angle(poses[:, 2])
    return poses

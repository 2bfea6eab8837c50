"""Particles of the softmax objective: some around the truth, the others anywhere, with their log-density.

The network learns fine differences from the particles around the truth. With equal weights, other places that look the
same would seem too unlikely, because few particles are there. With weights that correct for the density, the network
learns the posterior of a uniform belief.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dmn_ros.map.context_map import Bounds
from dmn_ros.network import egocentric

Array = npt.NDArray[np.float64]

#: Standard deviations around the truth are `ParticleMixture.spread` times a random number in this range.
_SCALES = (0.1, 1.0)
#: Number of nodes of the mean over this range.
_NODES = 16


@dataclass(frozen=True)
class ParticleMixture:
    """Distribution that particles are drawn from; positions in any unit, headings in radians.

    Attributes:
        bounds: (min_x, min_y, max_x, max_y) of the uniform particles; they have all headings.
        local_share: share of the particles around the truth.
        spread: (x, y, yaw) largest standard deviations of the particles around the truth.
    """

    bounds: Bounds
    local_share: float
    spread: tuple[float, float, float]

    def draw(self, truth: Array, count: int, random: np.random.Generator) -> Array:
        """Draw particles (..., K, 3) for true poses (..., 3)."""
        local = round(count * self.local_share)
        scale = random.uniform(*_SCALES, (*truth.shape[:-1], local, 1)) * self.spread
        around = truth[..., None, :] + random.normal(size=scale.shape) * scale
        anywhere = uniform_poses(self.bounds, (*truth.shape[:-1], count - local), random)
        return np.concatenate([around, anywhere], axis=-2)

    def log_density(self, particles: Tensor, truth: Tensor) -> Tensor:
        """Compute the log-density (..., K), per area and radian, of particles (..., K, 3) for true poses (..., 3)."""
        low, high = _SCALES
        scales = low + (torch.arange(_NODES, device=particles.device) + 0.5) * ((high - low) / _NODES)
        spread = scales.unsqueeze(-1) * particles.new_tensor(self.spread)  # (nodes, 3)
        off = particles - truth.unsqueeze(-2)
        off = torch.cat([off[..., :2], egocentric.wrap_angle(off[..., 2:])], dim=-1)
        exponents = -0.5 * (off.unsqueeze(-2) / spread).square().sum(-1) - spread.log().sum(-1)
        around = exponents.logsumexp(-1) - math.log(_NODES) - 1.5 * math.log(2.0 * math.pi)
        width, height = self.bounds[2] - self.bounds[0], self.bounds[3] - self.bounds[1]
        anywhere = torch.full_like(around, -math.log(width * height * 2.0 * math.pi))
        shares = particles.new_tensor([self.local_share, 1.0 - self.local_share]).log()
        return torch.logaddexp(around + shares[0], anywhere + shares[1])


def uniform_poses(bounds: Bounds, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Draw poses (*shape, 3) uniformly over bounds and headings."""
    low, high = [bounds[0], bounds[1], -math.pi], [bounds[2], bounds[3], math.pi]
    return random.uniform(low, high, (*shape, 3))

"""Number of particles for a belief: KLD sampling (Fox, "Adapting the sample size in particle filters", 2003)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Largest number of bins that are counted in a table of flags; more are counted by sorting.
_TABLE_SIZE = 1 << 22


def kld_sample_size(bins: int, error: float, z: float) -> int:
    """Number of particles that keep the Kullback-Leibler divergence from a belief over some bins below an error.

    Equation 7 of the paper: a chi-square quantile with bins - 1 degrees of freedom, by Wilson and Hilferty.

    Args:
        bins: number of bins with support. One bin needs one particle (amcl returns its largest number there, far more
            than a settled belief needs).
        error: largest divergence.
        z: upper quantile of the standard normal distribution for the wanted confidence; 2.326 is 99 %. (nav2's default
            of 0.99 is also a quantile, that of 84 %.)
    """
    if bins <= 1:
        return 1
    degrees = bins - 1
    spread = 2.0 / (9.0 * degrees)
    return math.ceil(degrees / (2.0 * error) * (1.0 - spread + math.sqrt(spread) * z) ** 3)


def occupied_bins(particles: Tensor, bin_d: float, bin_a: float) -> int:
    """Number of bins, of a size in metres and radians, that contain a particle of (K, 3)."""
    size = particles.new_tensor([[1.0 / bin_d], [1.0 / bin_d], [1.0 / bin_a]])
    cells = (particles.T * size).floor_().long()
    low, high = cells.aminmax(dim=1, keepdim=True)
    extent = (high - low + 1).flatten().tolist()
    x, y, a = (cells - low).unbind()
    keys = (x * extent[1] + y) * extent[2] + a
    if math.prod(extent) > _TABLE_SIZE:
        return len(keys.unique())
    table = torch.zeros(math.prod(extent), dtype=torch.bool, device=keys.device)
    table[keys] = True
    return int(table.count_nonzero())

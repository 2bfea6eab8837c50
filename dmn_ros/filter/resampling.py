"""Effective sample size, systematic resampling (run time) and soft resampling (training)."""

from __future__ import annotations

import torch
from torch import Tensor


def normalize(log_weights: Tensor) -> Tensor:
    """Normalise log weights (..., K): their exponentials sum to one."""
    return log_weights - log_weights.logsumexp(dim=-1, keepdim=True)


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """Effective sample size (...) of normalised log weights (..., K): K for equal weights, 1 for a single particle."""
    return (-(2.0 * log_weights).logsumexp(dim=-1)).exp()


def systematic_indices(weights: Tensor, count: int, start: Tensor) -> Tensor:
    """Indices (..., count) of particles drawn with probability in proportion to weights (..., K).

    Args:
        weights: not negative; need not sum to one.
        start: (...) random number, uniform in [0, 1); draw i is at (i + start) / count.
    """
    # in float32 the steps between 100,000 particles would be a few rounding errors wide
    cumulative = weights.cumsum(dim=-1, dtype=torch.float64)
    cumulative /= cumulative[..., -1:].clone()
    # rounding may leave the last entry below the last draw; searchsorted would then return K, which is no particle
    cumulative[..., -1] = 1.0
    draws = (torch.arange(count, dtype=torch.float64, device=weights.device) + start.unsqueeze(-1)) / count
    return torch.searchsorted(cumulative, draws.contiguous(), right=True).clamp_max(weights.shape[-1] - 1)


def soft_resample(
    particles: Tensor, log_weights: Tensor, *, alpha: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Differentiable resampling from q = alpha w + (1 - alpha) / K (Karkus et al. 2018, particle filter networks).

    The draw is not differentiable, but the importance weights w / q of the drawn particles are.

    Args:
        particles: (..., K, D). log_weights: (..., K), normalised.
        alpha: trade-off; 1 is plain resampling (and gives no gradient), 0 draws uniformly.

    Returns:
        Particles (..., K, D) and their log weights (..., K), normalised. Both are gathered with the same indices.
    """
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha is {alpha}, it must be in 0..1")
    count = log_weights.shape[-1]
    proposal = alpha * log_weights.exp() + (1.0 - alpha) / count
    start = torch.rand(log_weights.shape[:-1], generator=generator).to(log_weights)
    indices = systematic_indices(proposal.detach(), count, start)
    drawn = particles.gather(-2, indices.unsqueeze(-1).expand(*indices.shape, particles.shape[-1]))
    return drawn, normalize((log_weights - proposal.log()).gather(-1, indices))

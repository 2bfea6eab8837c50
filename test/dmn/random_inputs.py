"""Random inputs of an observation model: embeddings of views and queries, and poses."""

from __future__ import annotations

import torch
from torch import Tensor

from dmn_ros.config import NetworkConfig


def random_inputs(config: NetworkConfig, maps: int, views: int, queries: int, particles: int) -> tuple[Tensor, ...]:
    """Draw views (A, N, C, h, w), their poses (A, N, 3), queries (A, Q, C, h, w) and particles (A, Q, K, 3)."""
    torch.manual_seed(2)
    picture, turn = (config.feature_channels, *config.grid), torch.tensor([0.5, 0.5, 2.0])
    return (
        torch.randn(maps, views, *picture),
        torch.randn(maps, views, 3) * turn,
        torch.randn(maps, queries, *picture),
        torch.randn(maps, queries, particles, 3) * turn,
    )

"""LSTMs that reduce a regressor's features (Walch et al., Image-based localization using LSTMs, ICCV 2017)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class FourDirections(nn.Module):
    """Four LSTMs that read a feature vector as a grid: downwards, upwards, to the right and to the left.

    The result is the last state of each, which has far fewer numbers than the vector. As published, 2048 features make
    a grid of 32 by 64, and each LSTM has 256 units.

    Args:
        features: number of features of the vector.

    Attributes:
        features: number of features of the result.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        rows = max(n for n in range(1, math.isqrt(features) + 1) if features % n == 0)
        self.grid = (rows, features // rows)
        units = max(1, features // 8)
        self.features = 4 * units
        self.vertical = nn.LSTM(self.grid[1], units, batch_first=True, bidirectional=True)
        self.horizontal = nn.LSTM(self.grid[0], units, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """Reduce features (B, features) to (B, 4 * units)."""
        grid = x.reshape(-1, *self.grid)
        _, (down_and_up, _) = self.vertical(grid)
        _, (right_and_left, _) = self.horizontal(grid.transpose(1, 2))
        return torch.cat([*down_and_up, *right_and_left], dim=1)

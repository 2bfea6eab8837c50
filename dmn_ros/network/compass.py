"""Which way the camera looks, as far as pictures taken anywhere in the map tell.

A view need not show what the query shows to tell a heading: light falls on walls from one side, and the sky is the same
over all of them. What a particle's nearest views show tells nothing of that. So each pair of view and query says how
probable each turn between the two is, as a Fourier series of the turn; a series that all views share is their sum,
turned by the views' headings. It depends on no particle: a particle only looks up its heading.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmn_ros.config import NetworkConfig


class Compass(nn.Module):
    """Log-likelihoods of headings, up to a constant for each query."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels, size = config.key_size, config.value_size
        (rows, columns), self.order = config.half_grid, config.compass
        self.describe = nn.Sequential(
            nn.Conv2d(config.feature_channels, channels, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(channels * rows * columns, size),
        )
        self.view, self.query = nn.Linear(size, size), nn.Linear(size, size, bias=False)
        last = nn.Linear(size, 2 * self.order)
        nn.init.zeros_(last.weight)  # what has not learned anything says nothing
        nn.init.zeros_(last.bias)
        self.pair = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(size, size), nn.ReLU(inplace=True), last)

    def describe_view(self, views: Tensor) -> Tensor:
        """What of view embeddings (B, C, h, w) is compared: (B, S)."""
        return self.view(self.describe(views))

    def series(self, described: Tensor, headings: Tensor, weights: Tensor, queries: Tensor) -> Tensor:
        """Cosines' and sines' coefficients (A, Q, 2, F) of the headings at which the queries were taken.

        Args:
            described: (A, N, S) of views. headings: (A, N) of these in the map. weights: (A, N) of these.
            queries: (A, Q, C, h, w) embeddings.
        """
        asked = self.query(self.describe(queries.flatten(0, 1))).unflatten(0, queries.shape[:2])
        pairs = self.pair(described.unsqueeze(1) + asked.unsqueeze(2)).float()  # (A, Q, N, 2 F)
        even, odd = pairs.unflatten(-1, (2, self.order)).unbind(-2)
        cos, sin = (part.unsqueeze(1) for part in self._waves(headings))
        turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-2)
        return (weights[:, None, :, None, None] * turned).sum(2)

    def log_likelihood(self, series: Tensor, headings: Tensor) -> Tensor:
        """Log-likelihoods (A, Q, K) of headings (A, Q, K), radians."""
        return torch.einsum("aqsf,aqksf->aqk", series, torch.stack(self._waves(headings), dim=-2))

    def _waves(self, headings: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (..., F) of multiples of headings (...)."""
        turns = headings.unsqueeze(-1) * torch.arange(1, self.order + 1, device=headings.device)
        return turns.cos(), turns.sin()

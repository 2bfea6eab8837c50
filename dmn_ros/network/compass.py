"""Compass: log-likelihood of the heading of a query, from all views of the map together.

A view can give information on the heading without showing the same place as the query: light falls on walls from one
side, and the sky is the same over all of them. The nearest views of a particle alone do not contain this information.
For each pair of view and query the network computes the log-likelihood of each turn between the two, as a Fourier
series of the turn. The sum of these series, turned by the headings of the views, is the series of the query. It does
not depend on particles: each particle evaluates it at its heading.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dmn_ros.config import NetworkConfig
from dmn_ros.network.view_similarity import ViewSimilarity


class Compass(ViewSimilarity):
    """Log-likelihoods of headings, up to a constant for each query."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config, 2 * config.compass)
        self.order = config.compass

    def series(self, described: Tensor, headings: Tensor, weights: Tensor, queries: Tensor) -> Tensor:
        """Compute the coefficients (A, Q, 2, F) of cosines and sines of the heading of each query.

        Args:
            described: (A, N, S) results of `describe_view`. headings, weights: (A, N) of these views, in the map frame.
            queries: (A, Q, C, h, w) embeddings.
        """
        even, odd = self(described, queries).unflatten(-1, (2, self.order)).unbind(-2)
        cos, sin = (part.unsqueeze(1) for part in self._waves(headings))
        turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-2)
        return (weights[:, None, :, None, None] * turned).sum(2)

    def log_likelihood(self, series: Tensor, headings: Tensor) -> Tensor:
        """Compute log-likelihoods (A, Q, K) of headings (A, Q, K), radians."""
        return torch.einsum("aqsf,aqksf->aqk", series, torch.stack(self._waves(headings), dim=-2))

    def _waves(self, headings: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (..., F) of multiples of headings (...)."""
        turns = headings.unsqueeze(-1) * torch.arange(1, self.order + 1, device=headings.device)
        return turns.cos(), turns.sin()

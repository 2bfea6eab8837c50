"""Which way the camera looks, as far as pictures taken anywhere in the map tell.

A view need not show what the query shows to tell a heading: light falls on walls from one side, and the sky is the same
over all of them. What a particle's nearest views show tells nothing of that. So each pair of view and query says how
probable each turn between the two is, as a Fourier series of the turn; a series that all views share is their sum,
turned by the views' headings. It depends on no particle: a particle only looks up its heading.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dmn_ros.config import NetworkConfig
from dmn_ros.network.view_likeness import Likeness


class Compass(Likeness):
    """Log-likelihoods of headings, up to a constant for each query."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config, 2 * config.compass)
        self.order = config.compass

    def series(self, described: Tensor, headings: Tensor, weights: Tensor, queries: Tensor) -> Tensor:
        """Cosines' and sines' coefficients (A, Q, 2, F) of the headings at which the queries were taken.

        Args:
            described: (A, N, S) of views. headings: (A, N) of these in the map. weights: (A, N) of these.
            queries: (A, Q, C, h, w) embeddings.
        """
        even, odd = self(described, queries).unflatten(-1, (2, self.order)).unbind(-2)
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

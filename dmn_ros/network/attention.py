"""Egocentric spatial attention (section 3, figure 3): which views does a particle read, given the query?

View keys come from the view's features and its coordinates in the particle's frame, through a CNN; the weight of a view
is the softmax over views of the scalar product of its key with the query's key.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmn_ros.config import NetworkConfig

COORDINATES = 4


class ViewKeys(NamedTuple):
    """What of the view keys does not depend on particles: (A, N, D) per view, and (4, D) per coordinate."""

    views: Tensor
    coordinates: Tensor


class EgocentricAttention(nn.Module):
    """Attention weights over views, for each particle.

    Letters: A maps, Q queries a map, K particles a query, N views, C channels on an h x w grid.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels, hidden, key = config.feature_channels, config.hidden_channels, config.key_size
        self.grid = config.grid
        flat = hidden * (-(-self.grid[0] // 2)) * (-(-self.grid[1] // 2))
        self.view_conv = nn.Conv2d(channels + COORDINATES, hidden, 3, stride=2, padding=1)
        self.view_key = nn.Linear(flat, key)
        self.query_conv = nn.Conv2d(channels, hidden, 3, stride=2, padding=1)
        self.query_key = nn.Linear(flat, key)

    def forward(self, views: Tensor, queries: Tensor, coordinates: Tensor) -> Tensor:
        """Weights (A, Q, K, N) as the paper writes it: one convolution for each particle and view.

        Args:
            views: (A, N, C, h, w). queries: (A, Q, C, h, w). coordinates: (A, Q, K, N, 4) of views seen from particles.
        """
        a, q, k, n, _ = coordinates.shape
        channels = coordinates[..., None, None].expand(-1, -1, -1, -1, -1, *self.grid)
        images = views[:, None, None].expand(a, q, k, *views.shape[1:])
        hidden = functional.relu(self.view_conv(torch.cat([images, channels], dim=4).flatten(0, 3))).flatten(1)
        keys = self.view_key(hidden).view(a, q, k, n, -1)
        return torch.einsum("aqknd,aqd->aqkn", keys, self.keys_of_queries(queries)).softmax(-1)

    def keys_of_queries(self, queries: Tensor) -> Tensor:
        """Query keys (A, Q, d), scaled by 1/sqrt(d) so that products have about unit variance."""
        hidden = functional.relu(self.query_conv(queries.flatten(0, 1))).flatten(1)
        keys: Tensor = self.query_key(hidden).view(*queries.shape[:2], -1)
        return keys * keys.shape[-1] ** -0.5

    def prepare(self, views: Tensor) -> ViewKeys:
        """What is computed once per map: the first convolution is linear in [features ; coordinates]."""
        channels = views.shape[2]
        weight, bias = self.view_conv.weight, self.view_conv.bias
        part = functional.conv2d(views.flatten(0, 1), weight[:, :channels], bias, stride=2, padding=1)
        constant = torch.eye(COORDINATES, dtype=views.dtype, device=views.device)[:, :, None, None]
        coordinates = functional.conv2d(
            constant.expand(-1, -1, *self.grid).contiguous(), weight[:, channels:], None, stride=2, padding=1
        )
        return ViewKeys(part.reshape(*views.shape[:2], -1), coordinates.flatten(1))

    def factorised(self, keys: ViewKeys, query_keys: Tensor, coordinates: Tensor) -> Tensor:
        """The same weights (A, Q, K, N) from prepared parts; one view after another, so that it stays in the cache.

        Args:
            keys: of `prepare`. query_keys: (A, Q, d) of `keys_of_queries`. coordinates: (A, Q, K, N, 4).
        """
        direction = query_keys @ self.view_key.weight  # (A, Q, D): the last layer folded into the query's key
        offset = query_keys @ self.view_key.bias
        logits = []
        for n in range(coordinates.shape[3]):
            hidden = torch.relu(keys.views[:, None, None, n] + coordinates[:, :, :, n] @ keys.coordinates)
            logits.append((hidden @ direction.unsqueeze(-1)).squeeze(-1) + offset.unsqueeze(-1))
        return torch.stack(logits, dim=-1).softmax(-1)

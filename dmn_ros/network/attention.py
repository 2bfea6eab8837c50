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
from dmn_ros.network import egocentric

COORDINATES = 4


class ViewKeys(NamedTuple):
    """What of the view keys does not depend on particles.

    Attributes:
        thresholds: (A, N, D, 1) where each unit of the first convolution begins to fire: minus the views' share of it.
        offsets: (A, N, D) the views' share.
        projections: (A, N, D, 4) from `egocentric.particle_coordinates` to the coordinates' share, for each view.
    """

    thresholds: Tensor
    offsets: Tensor
    projections: Tensor


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

    def prepare(self, views: Tensor, view_poses: Tensor) -> ViewKeys:
        """What is computed once per map: the first convolution is linear in [features ; coordinates].

        Args:
            views: (A, N, C, h, w). view_poses: (A, N, 3).
        """
        channels = views.shape[2]
        weight, bias = self.view_conv.weight, self.view_conv.bias
        offsets = functional.conv2d(views.flatten(0, 1), weight[:, :channels], bias, stride=2, padding=1)
        with _exact(views):
            constant = torch.eye(COORDINATES, dtype=weight.dtype, device=views.device)[:, :, None, None]
            constant = constant.expand(-1, -1, *self.grid).contiguous()
            coordinates = functional.conv2d(constant, weight[:, channels:], None, stride=2, padding=1).flatten(1)
            projections = coordinates.T @ egocentric.coordinate_matrix(view_poses)
        offsets = offsets.reshape(*views.shape[:2], -1).to(projections.dtype)
        return ViewKeys(-offsets.unsqueeze(-1), offsets, projections)

    def factorised(self, keys: ViewKeys, query_keys: Tensor, particles: Tensor) -> Tensor:
        """The same weights, transposed, (A, Q, N, K), from prepared parts; view after view, to stay in the cache.

        The last key layer is folded into the query's key, and relu(u + v) is max(u, -v) + v, whose second part is the
        same for all particles: one product, one maximum and one scalar product remain for each view. Poses stay in
        full precision under autocast: three digits of a position are too few.

        Args:
            keys: of `prepare`. query_keys: (A, Q, d) of `keys_of_queries`. particles: (A, Q, K, 3).
        """
        with _exact(particles):
            query_keys = query_keys.to(keys.offsets.dtype)
            direction = query_keys @ self.view_key.weight  # (A, Q, D)
            points = egocentric.particle_coordinates(particles).transpose(-1, -2)
            logits = []
            for n in range(keys.offsets.shape[1]):
                hidden = (keys.projections[:, n, None] @ points).clamp_min_(keys.thresholds[:, n, None])
                logits.append(direction.unsqueeze(-2) @ hidden)
            constants = direction @ keys.offsets.transpose(-1, -2)  # (A, Q, N); the key's bias is the same for all
            return (torch.cat(logits, dim=-2) + constants.unsqueeze(-1)).softmax(-2)


def _exact(tensor: Tensor) -> torch.autocast:
    return torch.autocast(tensor.device.type, enabled=False)

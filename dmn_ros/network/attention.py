"""Egocentric spatial attention (section 3, figure 3): weights of the views for each particle, given the query.

View keys come from the view's features and its coordinates in the particle's frame, through a CNN; the weight of a view
is the softmax over views of the scalar product of its key with the query's key.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network.frames import COORDINATE_FRAMES, CoordinateFrame


class ViewKeys(NamedTuple):
    """Part of the view keys that does not depend on particles.

    Attributes:
        thresholds: (A, N, D, 1) inputs at which the units of the first convolution become active: minus `offsets`.
        offsets: (A, N, D) part of the first convolution that the views give.
        projections: (A, N, D, P) matrices from `CoordinateFrame.points` of a particle to the part of the coordinates.
    """

    thresholds: Tensor
    offsets: Tensor
    projections: Tensor


class EgocentricAttention(nn.Module):
    """Attention weights over views, for each particle.

    Letters: A maps, Q queries a map, K particles a query, N views, C channels on an h x w grid.
    """

    def __init__(self, config: NetworkConfig, frame: CoordinateFrame = COORDINATE_FRAMES["egocentric"]) -> None:
        super().__init__()
        self.frame = frame
        channels, hidden, key = config.feature_channels, config.hidden_channels, config.key_size
        self.grid = config.grid
        flat = hidden * config.half_grid[0] * config.half_grid[1]
        self.view_conv = nn.Conv2d(channels + frame.channels, hidden, 3, stride=2, padding=1)
        self.view_key = nn.Linear(flat, key)
        self.query_conv = nn.Conv2d(channels, hidden, 3, stride=2, padding=1)
        self.query_key = nn.Linear(flat, key)

    def forward(self, views: Tensor, queries: Tensor, coordinates: Tensor) -> Tensor:
        """Compute weights (A, Q, K, N) as in the paper: one convolution for each particle and view.

        Args:
            views: (A, N, C, h, w). queries: (A, Q, C, h, w). coordinates: (A, Q, K, N, c) of particles and views.
        """
        a, q, k, n, _ = coordinates.shape
        channels = coordinates[..., None, None].expand(-1, -1, -1, -1, -1, *self.grid)
        images = views[:, None, None].expand(a, q, k, *views.shape[1:])
        hidden = functional.relu(self.view_conv(torch.cat([images, channels], dim=4).flatten(0, 3))).flatten(1)
        keys = self.view_key(hidden).view(a, q, k, n, -1)
        return torch.einsum("aqknd,aqd->aqkn", keys, self.keys_of_queries(queries)).softmax(-1)

    def keys_of_queries(self, queries: Tensor) -> Tensor:
        """Compute query keys (A, Q, d), scaled by 1/sqrt(d) so that products have about unit variance."""
        hidden = functional.relu(self.query_conv(queries.flatten(0, 1))).flatten(1)
        keys: Tensor = self.query_key(hidden).view(*queries.shape[:2], -1)
        return keys * keys.shape[-1] ** -0.5

    def prepare(self, views: Tensor, view_poses: Tensor) -> ViewKeys:
        """Compute the part of a map, once: the first convolution is linear in [features ; coordinates].

        Args:
            views: (A, N, C, h, w). view_poses: (A, N, 3).
        """
        offsets, projection = split_convolution(self.view_conv, views.flatten(0, 1))
        with exact(views):
            projections = projection @ self.frame.matrix(view_poses)
        offsets = offsets.reshape(*views.shape[:2], -1).to(projections.dtype)
        return ViewKeys(-offsets.unsqueeze(-1), offsets, projections)

    def fold(self, keys: ViewKeys, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Compute directions (A, Q, 1, D) of queries (A, Q, C, h, w), and the constant part of the logits (A, Q, N, 1).

        The last key layer is folded into the query's key; its bias is the same for all views and drops out.
        """
        query_keys = self.keys_of_queries(queries)
        with exact(queries):
            directions = query_keys.to(keys.offsets.dtype) @ self.view_key.weight
            constants = directions @ keys.offsets.transpose(-1, -2)
        return directions.unsqueeze(-2), constants.unsqueeze(-1)

    def factorised(self, keys: ViewKeys, directions: Tensor, constants: Tensor, particles: Tensor) -> Tensor:
        """Compute the weights of `forward` from prepared parts, transposed to (A, Q, N, K).

        relu(u + v) is max(u, -v) + v, whose second part is the same for all particles: one product, one maximum and one
        scalar product remain for each view. Views are computed one after the other, to stay in the cache. Poses stay in
        full precision under autocast: three digits of a position are too few.

        Args:
            keys: result of `prepare`. directions, constants: results of `fold`. particles: (A, Q, K, 3).
        """
        a, q, k, _ = particles.shape
        with exact(particles):
            points = self.frame.points(particles).flatten(1, 2).transpose(1, 2)  # (A, P, Q K)
            logits = []
            for n in range(keys.offsets.shape[1]):
                hidden = torch.bmm(keys.projections[:, n], points).clamp_min_(keys.thresholds[:, n])
                logits.append(directions @ hidden.view(a, -1, q, k).transpose(1, 2))
            return (torch.cat(logits, dim=-2) + constants).softmax(-2)


def split_convolution(conv: nn.Conv2d, features: Tensor) -> tuple[Tensor, Tensor]:
    """Split a convolution of [features ; coordinates], which is linear in both, into its two parts, flattened.

    The coordinates are constant over the image.

    Args:
        conv: convolution of C + c channels, stride 2, padding 1.
        features: (B, C, h, w).

    Returns:
        Part of the features and the bias (B, D), and the matrix (D, c) for the coordinates, in full precision: three
        digits of a position are too few.
    """
    channels = features.shape[1]
    offsets = functional.conv2d(features, conv.weight[:, :channels], conv.bias, stride=2, padding=1)
    with exact(features):
        weight = conv.weight[:, channels:]
        constant = torch.eye(weight.shape[1], dtype=weight.dtype, device=weight.device)[:, :, None, None]
        constant = constant.expand(-1, -1, *features.shape[2:]).contiguous()
        projection = functional.conv2d(constant, weight, None, stride=2, padding=1).flatten(1).T
    return offsets.flatten(1), projection


def exact(tensor: Tensor) -> torch.autocast:
    """Context without autocast on the tensor's device."""
    return torch.autocast(tensor.device.type, enabled=False)

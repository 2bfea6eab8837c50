"""Discriminative observation model (section 3, figure 4): attended map and query features to a log-likelihood."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network.attention import EgocentricAttention, ViewKeys
from dmn_ros.network.frames import COORDINATE_FRAMES, CoordinateFrame


class AttentionMap(NamedTuple):
    """Map prepared for `AttentionObservation`: view keys, and the views' part (A, D, N) of the first convolution.

    `log_weights` (A, N) are added to the views' logits; they are 0 until `DMN.reweighted` sets others.
    """

    keys: ViewKeys
    values: Tensor
    log_weights: Tensor

    def selected(self, views: Tensor) -> AttentionMap:
        """Map of the views at these positions (n,)."""
        keys = ViewKeys(*(part.index_select(1, views) for part in self.keys))
        return AttentionMap(keys, self.values.index_select(2, views), self.log_weights.index_select(1, views))


class AttentionQuery(NamedTuple):
    """Queries prepared for `AttentionObservation`.

    Attributes:
        directions, constants: see `EgocentricAttention.fold`.
        thresholds: (A, Q, D, 1) inputs at which units of the first convolution become active: minus the queries' part.
        values: (A, Q, V, 1) input of the dense layer from the queries' part.
    """

    directions: Tensor
    constants: Tensor
    thresholds: Tensor
    values: Tensor


class AttentionObservation(nn.Module):
    """Plain form of the paper: one log-likelihood for each particle.

    Call `prepare_map` once per map, `prepare_query` once per image, `log_likelihood` for any number of particles.
    `direct` is the same function as the paper writes it, the reference for the fast one.
    """

    def __init__(
        self, config: NetworkConfig, *, outputs: int = 1, frame: CoordinateFrame = COORDINATE_FRAMES["egocentric"]
    ) -> None:
        """Take the network's sizes, the number of outputs (3 regress a pose), and the frame of the coordinates."""
        super().__init__()
        channels, hidden = config.feature_channels, config.hidden_channels
        flat = hidden * config.half_grid[0] * config.half_grid[1]
        self.attention = EgocentricAttention(config, frame)
        self.conv = nn.Conv2d(2 * channels, hidden, 3, stride=2, padding=1)
        self.dense = nn.Sequential(
            nn.Linear(flat, config.value_size), nn.ReLU(inplace=True), nn.Linear(config.value_size, outputs)
        )

    def direct(self, views: Tensor, view_poses: Tensor, queries: Tensor, particles: Tensor) -> Tensor:
        """Compute log-likelihoods (A, Q, K) of particles (A, Q, K, 3) from embeddings of views and queries.

        Args:
            views: (A, N, C, h, w). view_poses: (A, N, 3). queries: (A, Q, C, h, w). particles: (A, Q, K, 3).
        """
        coordinates = self.attention.frame.coordinates(particles.unsqueeze(3), view_poses[:, None, None])
        weights = self.attention(views, queries, coordinates)
        attended = torch.einsum("aqkn,anchw->aqkchw", weights, views)
        images = torch.cat([attended, queries.unsqueeze(2).expand_as(attended)], dim=3)
        hidden = functional.relu(self.conv(images.flatten(0, 2))).flatten(1)
        result: Tensor = self.dense(hidden)
        return result.view(particles.shape[:3])

    def prepare_map(self, views: Tensor, view_poses: Tensor) -> AttentionMap:
        """Compute the part that depends on the map only; views (A, N, C, h, w), poses (A, N, 3)."""
        weight = self.conv.weight[:, : views.shape[2]]
        values = functional.conv2d(views.flatten(0, 1), weight, None, stride=2, padding=1)
        values = values.reshape(*views.shape[:2], -1).transpose(1, 2).contiguous()
        none = view_poses.new_zeros(view_poses.shape[:2])
        return AttentionMap(self.attention.prepare(views, view_poses), values, none)

    def prepare_query(self, prepared: AttentionMap, queries: Tensor) -> AttentionQuery:
        """Compute the part that depends on the images, but not on particles; queries (A, Q, C, h, w)."""
        weight = self.conv.weight[:, queries.shape[2] :]
        values = functional.conv2d(queries.flatten(0, 1), weight, self.conv.bias, stride=2, padding=1)
        values = values.reshape(*queries.shape[:2], -1)
        folded = self.attention.fold(prepared.keys, queries)
        return AttentionQuery(*folded, -values.unsqueeze(-1), self.dense[0](values).unsqueeze(-1))

    def log_likelihood(self, prepared: AttentionMap, query: AttentionQuery, particles: Tensor) -> Tensor:
        """Compute what `direct` computes: the convolution of a weighted sum is the weighted sum of convolutions."""
        return self.read(prepared, query, particles).squeeze(-2)

    def read(self, prepared: AttentionMap, query: AttentionQuery, particles: Tensor) -> Tensor:
        """Compute all outputs (A, Q, O, K); particles are columns, which is fast with a short inner side."""
        constants = query.constants + prepared.log_weights[:, None, :, None]
        weights = self.attention.factorised(prepared.keys, query.directions, constants, particles)
        attended = prepared.values.unsqueeze(1) @ weights.to(prepared.values.dtype)  # (A, Q, D, K)
        hidden = attended.clamp_min_(query.thresholds)  # relu(u + v) = max(u, -v) + v, once more
        first, last = cast(nn.Linear, self.dense[0]), cast(nn.Linear, self.dense[2])
        columns = hidden.flatten(0, 1)
        weight = first.weight.to(hidden.dtype).expand(len(columns), -1, -1)
        dense = torch.bmm(weight, columns).view(*hidden.shape[:2], -1, hidden.shape[3])
        result = last.weight @ (dense + query.values).relu_()
        return result + last.bias.unsqueeze(-1)

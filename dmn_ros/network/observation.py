"""Discriminative observation model (section 3, figure 4): attended map and query features to a log-likelihood."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network.attention import EgocentricAttention, ViewKeys
from dmn_ros.network.frames import FRAMES, Frame


class AttentionMap(NamedTuple):
    """A map prepared for `AttentionObservation`: view keys, and the views' share (A, D, N) of the first convolution.

    `log_weights` (A, N) are added to the views' logits: 0, unless `DMN.reweighted` says otherwise.
    """

    keys: ViewKeys
    values: Tensor
    log_weights: Tensor


class AttentionQuery(NamedTuple):
    """Queries prepared likewise.

    Attributes:
        directions, constants: see `EgocentricAttention.fold`.
        thresholds: (A, Q, D, 1) where units of the first convolution begin to fire: minus the queries' share of it.
        values: (A, Q, V, 1) what the dense layer gets from the queries' share.
    """

    directions: Tensor
    constants: Tensor
    thresholds: Tensor
    values: Tensor


class AttentionObservation(nn.Module):
    """The paper's plain form: one log-likelihood for each particle.

    `prepare_map` once per map, `prepare_query` once per image, `log_likelihood` for any number of particles. `direct`
    is the same function written as in the paper, kept as the reference that the fast one is measured against.
    """

    def __init__(self, config: NetworkConfig, *, outputs: int = 1, frame: Frame = FRAMES["egocentric"]) -> None:
        """Args are the network's sizes, the output units (3 regress a pose), and the frame of the coordinates."""
        super().__init__()
        channels, hidden = config.feature_channels, config.hidden_channels
        flat = hidden * config.half_grid[0] * config.half_grid[1]
        self.attention = EgocentricAttention(config, frame)
        self.conv = nn.Conv2d(2 * channels, hidden, 3, stride=2, padding=1)
        self.dense = nn.Sequential(
            nn.Linear(flat, config.value_size), nn.ReLU(inplace=True), nn.Linear(config.value_size, outputs)
        )

    def direct(self, views: Tensor, view_poses: Tensor, queries: Tensor, particles: Tensor) -> Tensor:
        """Log-likelihoods (A, Q, K) of particles (A, Q, K, 3); views (A, N, C, h, w), queries (A, Q, C, h, w)."""
        coordinates = self.attention.frame.coordinates(particles.unsqueeze(3), view_poses[:, None, None])
        weights = self.attention(views, queries, coordinates)
        attended = torch.einsum("aqkn,anchw->aqkchw", weights, views)
        images = torch.cat([attended, queries.unsqueeze(2).expand_as(attended)], dim=3)
        hidden = functional.relu(self.conv(images.flatten(0, 2))).flatten(1)
        result: Tensor = self.dense(hidden)
        return result.view(particles.shape[:3])

    def prepare_map(self, views: Tensor, view_poses: Tensor) -> AttentionMap:
        """All that depends on the map only; views (A, N, C, h, w), poses (A, N, 3)."""
        weight = self.conv.weight[:, : views.shape[2]]
        values = functional.conv2d(views.flatten(0, 1), weight, None, stride=2, padding=1)
        values = values.reshape(*views.shape[:2], -1).transpose(1, 2).contiguous()
        none = view_poses.new_zeros(view_poses.shape[:2])
        return AttentionMap(self.attention.prepare(views, view_poses), values, none)

    def prepare_query(self, prepared: AttentionMap, queries: Tensor) -> AttentionQuery:
        """All that depends on the images but on no particle; queries (A, Q, C, h, w)."""
        weight = self.conv.weight[:, queries.shape[2] :]
        values = functional.conv2d(queries.flatten(0, 1), weight, self.conv.bias, stride=2, padding=1)
        values = values.reshape(*queries.shape[:2], -1)
        folded = self.attention.fold(prepared.keys, queries)
        return AttentionQuery(*folded, -values.unsqueeze(-1), self.dense[0](values).unsqueeze(-1))

    def log_likelihood(self, prepared: AttentionMap, query: AttentionQuery, particles: Tensor) -> Tensor:
        """Equal to `direct`: a convolution of an attention-weighted sum is the weighted sum of the convolved maps."""
        return self.read(prepared, query, particles).squeeze(-2)

    def read(self, prepared: AttentionMap, query: AttentionQuery, particles: Tensor) -> Tensor:
        """All outputs (A, Q, O, K); particles are columns: products with a short inner side are fast so."""
        constants = query.constants + prepared.log_weights[:, None, :, None]
        weights = self.attention.factorised(prepared.keys, query.directions, constants, particles)
        attended = prepared.values.unsqueeze(1) @ weights.to(prepared.values.dtype)  # (A, Q, D, K)
        hidden = attended.clamp_min_(query.thresholds)  # relu(u + v) = max(u, -v) + v, once more
        first, last = cast(nn.Linear, self.dense[0]), cast(nn.Linear, self.dense[2])
        result = last.weight @ torch.relu(first.weight @ hidden + query.values)
        return result + last.bias.unsqueeze(-1)

"""Observation model that trains on a CPU: attention over features of (query, view) pairs, gated by coordinates.

It has the paper's parts (egocentric coordinates, view keys against a query key, softmax over views, attended features
joined with the query's, one log-likelihood) and three additions, because the plain form stays at the uninformed level
after minutes of CPU training:

* a correlation volume: the agreement of each cell of the query with each cell of the view;
* Fourier features of the relative coordinates, which *gate* the pair's features, so that the attended features depend
  on the relative pose (in the plain form coordinates reach the attention weights only);
* a choice of the nearest views of each particle, so that the cost does not grow with the map.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network import egocentric


class MatchingMap(NamedTuple):
    """Map prepared for `MatchingObservation`: (A, N, M, h, w) part of the pair convolution, unit features, poses.

    `log_weights` (A, N) are added to the views' logits; they are 0 until `DMN.reweighted` sets others.
    """

    shares: Tensor
    directions: Tensor
    poses: Tensor
    log_weights: Tensor

    def selected(self, views: Tensor) -> MatchingMap:
        """Map of the views at these positions (n,)."""
        return MatchingMap(*(part.index_select(1, views) for part in self))


class MatchingQuery(NamedTuple):
    """Queries prepared against one map: pair features (A, Q, N, D), query keys (A, Q, d) and a summary (A, Q, V)."""

    pairs: Tensor
    keys: Tensor
    summary: Tensor


class PairFeatures(nn.Module):
    """Features (A, Q, N, D) of each (query, view) pair from both feature maps and their correlation volume."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels, hidden = config.feature_channels, config.hidden_channels
        rows, columns = config.grid
        self.from_view = nn.Conv2d(channels, hidden, 3, padding=1)
        self.from_query = nn.Conv2d(channels, hidden, 3, padding=1, bias=False)
        self.from_correlation = nn.Conv2d(rows * columns, hidden, 3, padding=1, bias=False)
        wide = hidden * 3 // 2
        self.tail = nn.Sequential(
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, wide, 3, stride=(1, 2), padding=1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, wide, 3, stride=(1, 2), padding=1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(wide * rows * ((columns + 3) // 4), config.pair_size),
        )

    def forward(self, prepared: MatchingMap, queries: Tensor) -> Tensor:
        """Compute pair features of queries (A, Q, C, h, w); the split of the linear convolution is exact."""
        a, q, _, h, w = queries.shape
        n = prepared.poses.shape[1]
        directions = functional.normalize(queries.flatten(3), dim=2)
        # channels are the query's cells, positions are the view's; 3 brings cosines to about unit variance
        correlation = 3.0 * torch.einsum("aqcp,ancr->aqnpr", directions, prepared.directions)
        hidden = self.from_correlation(correlation.reshape(a * q * n, h * w, h, w)).view(a, q, n, -1, h, w)
        hidden = hidden + prepared.shares.unsqueeze(1) + self.from_query(queries.flatten(0, 1)).view(a, q, 1, -1, h, w)
        pairs: Tensor = self.tail(hidden.flatten(0, 2))
        return pairs.view(a, q, n, -1)


class MatchingObservation(nn.Module):
    """Observation model by matching; the same three steps as `AttentionObservation`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.frequencies, self.nearest = config.frequencies, config.nearest_views
        self.reach = config.view_reach / config.metres_per_unit
        pair, value, key = config.pair_size, config.value_size, config.key_size
        rows, columns = config.half_grid
        self.pair_features = PairFeatures(config)
        self.gate = nn.Sequential(
            nn.Linear(egocentric.fourier_size(config.frequencies), config.gate_size),
            nn.ReLU(inplace=True),
            nn.Linear(config.gate_size, 2 * pair),
        )
        self.read = nn.Linear(pair, value + key)
        self.query = nn.Sequential(
            nn.Conv2d(config.feature_channels, config.hidden_channels, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(config.hidden_channels * rows * columns, value + key),
        )
        self.dense = nn.Sequential(
            nn.Linear(2 * value, value), nn.ReLU(inplace=True), nn.Linear(value, value // 2), nn.ReLU(inplace=True)
        )
        self.output = nn.Linear(value // 2, 1)
        self.key_size, self.value_size = key, value

    def prepare_map(self, views: Tensor, view_poses: Tensor) -> MatchingMap:
        """Compute the part that depends on the map only; views (A, N, C, h, w), poses (A, N, 3) in map units."""
        shares = self.pair_features.from_view(views.flatten(0, 1)).view(*views.shape[:2], -1, *views.shape[3:])
        none = view_poses.new_zeros(view_poses.shape[:2])
        return MatchingMap(shares, functional.normalize(views.flatten(3), dim=2), view_poses, none)

    def prepare_query(self, prepared: MatchingMap, queries: Tensor) -> MatchingQuery:
        """Compute the part that depends on images and map, but not on particles; queries (A, Q, C, h, w)."""
        both: Tensor = self.query(queries.flatten(0, 1)).view(*queries.shape[:2], -1)
        summary, keys = torch.split(both, [self.value_size, self.key_size], dim=-1)
        return MatchingQuery(self.pair_features(prepared, queries), keys * self.key_size**-0.5, summary)

    def log_likelihood(self, prepared: MatchingMap, query: MatchingQuery, particles: Tensor) -> Tensor:
        """Compute log-likelihoods (A, Q, K) of particles (A, Q, K, 3), map units."""
        a, q, k, _ = particles.shape
        chosen = egocentric.nearest_views(prepared.poses.unsqueeze(1), particles, self.nearest, self.reach)
        n = chosen.shape[-1]
        map_index = torch.arange(a, device=chosen.device).view(a, 1, 1, 1)
        poses = prepared.poses[map_index, chosen]
        relative = egocentric.relative(particles.unsqueeze(3), poses)
        # bounded: with an unbounded scale, training diverges at high learning rates
        scale, shift = self.gate(egocentric.fourier_features(relative, self.frequencies)).chunk(2, dim=-1)
        rows = map_index * q + torch.arange(q, device=chosen.device).view(1, q, 1, 1)
        flat = (rows * prepared.poses.shape[1] + chosen).flatten()
        pairs = query.pairs.flatten(0, 2).index_select(0, flat).view(a, q, k, n, -1)
        hidden = torch.addcmul(shift, pairs, scale.tanh()).relu_()
        # `read` is linear: keys are folded into the query's key, values into one product after the weighted sum
        read_value, read_key = torch.split(self.read.weight, [self.value_size, self.key_size])
        direction = (query.keys @ read_key).unsqueeze(-1)  # (A, Q, D, 1); the bias is the same for all views
        logits = (hidden.flatten(2, 3) @ direction.to(hidden.dtype)).view(a, q, k, n)
        weights = (logits + prepared.log_weights[map_index, chosen]).softmax(-1).unsqueeze(-2)
        mixed = (weights.to(hidden.dtype) @ hidden).squeeze(-2)
        attended = functional.linear(mixed, read_value, self.read.bias[: self.value_size])
        summary = query.summary.unsqueeze(2).expand(-1, -1, k, -1)
        result: Tensor = self.output(self.dense(torch.relu(torch.cat([attended, summary], dim=-1))))
        return result.squeeze(-1)

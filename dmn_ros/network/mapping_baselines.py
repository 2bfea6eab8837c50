"""Baselines of the DMN (appendix C.2): latent image and vector maps, and views read by a mean.

All have the three steps of `AttentionObservation` and stand in its place in `DMN`. In each the first convolution that
has coordinates as input is evaluated in two parts (`split_convolution`), which is exact. The paper does not publish
layer sizes; these baselines use the convolutions of the DMN where the DMN has them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network import egocentric
from dmn_ros.network.attention import exact, split_convolution
from dmn_ros.network.frames import CoordinateFrame

#: Number of channels of a pose in the map frame: x, y, cos yaw, sin yaw.
_POSE = 4


class LatentMap(NamedTuple):
    """Input (A, D) of the last layers from the map: it does not depend on queries or particles."""

    share: Tensor


class PosedQuery(NamedTuple):
    """First convolution of [query ; particle pose]: parts of the query (A, Q, D), and of the pose (A, Q, D, 4)."""

    offsets: Tensor
    projections: Tensor


class MeanMap(NamedTuple):
    """First convolution of [view ; coordinates]: parts of the views (A, N, D), and of points (A, N, D, P)."""

    offsets: Tensor
    projections: Tensor


class MeanQuery(NamedTuple):
    """Input (A, Q, D) of the last layers from the queries."""

    share: Tensor


class Head(nn.Module):
    """Convolution and dense layers over map and query features, joined as channels of one image.

    The convolution is linear, so that the part of the map is computed once for all queries.
    """

    def __init__(self, config: NetworkConfig, outputs: int) -> None:
        super().__init__()
        hidden = config.hidden_channels
        self.rows, self.columns = config.half_grid
        self.conv = nn.Conv2d(2 * hidden, hidden, 3, padding=1)
        self.dense = nn.Sequential(
            nn.Linear(hidden * self.rows * self.columns, config.value_size),
            nn.ReLU(inplace=True),
            nn.Linear(config.value_size, outputs),
        )

    def share(self, features: Tensor, *, of_map: bool) -> Tensor:
        """Compute the part (..., D) of the convolution that features (..., D), of the map or of the query, give."""
        hidden = self.conv.out_channels
        weight = self.conv.weight[:, :hidden] if of_map else self.conv.weight[:, hidden:]
        images = features.reshape(-1, hidden, self.rows, self.columns)
        part = functional.conv2d(images, weight, self.conv.bias if of_map else None, padding=1)
        return part.reshape(features.shape)

    def forward(self, map_share: Tensor, query_share: Tensor) -> Tensor:
        """Compute outputs (..., O) of both shares (..., D)."""
        result: Tensor = self.dense(torch.relu(map_share + query_share))
        return result


class _PosedQueries(nn.Module):
    """Query features that depend on the particle's pose in the map frame."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.conv = nn.Conv2d(config.feature_channels + _POSE, config.hidden_channels, 3, stride=2, padding=1)

    def prepare(self, queries: Tensor) -> PosedQuery:
        offsets, projection = split_convolution(self.conv, queries.flatten(0, 1))
        return PosedQuery(offsets.reshape(*queries.shape[:2], -1), projection.expand(*queries.shape[:2], -1, -1))

    def forward(self, query: PosedQuery, particles: Tensor) -> Tensor:
        """Compute features (A, Q, K, D)."""
        with exact(particles):
            turned = egocentric.coordinates(particles) @ query.projections.transpose(-1, -2)
            return torch.relu(turned + query.offsets.unsqueeze(2).to(turned.dtype))


class LatentImageObservation(nn.Module):
    """Observation model with one latent image as the map: the mean over views of features of [view ; its pose]."""

    def __init__(self, config: NetworkConfig, *, outputs: int = 1) -> None:
        super().__init__()
        hidden = config.hidden_channels
        self.view_conv = nn.Conv2d(config.feature_channels + _POSE, hidden, 3, stride=2, padding=1)
        self.map_conv = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.queries = _PosedQueries(config)
        self.head = Head(config, outputs)

    def prepare_map(self, views: Tensor, view_poses: Tensor) -> LatentMap:
        """Compute the part that depends on the map only; views (A, N, C, h, w), poses (A, N, 3)."""
        hidden = torch.relu(self.view_conv(with_coordinates(views, egocentric.coordinates(view_poses))))
        latent = torch.relu(self.map_conv(hidden)).flatten(1).reshape(*views.shape[:2], -1).mean(1)
        return LatentMap(self.head.share(latent, of_map=True))

    def prepare_query(self, prepared: LatentMap, queries: Tensor) -> PosedQuery:
        """Compute the part that depends on the images only; queries (A, Q, C, h, w)."""
        del prepared
        return self.queries.prepare(queries)

    def log_likelihood(self, prepared: LatentMap, query: PosedQuery, particles: Tensor) -> Tensor:
        """Compute log-likelihoods (A, Q, K) of particles (A, Q, K, 3)."""
        return self.read(prepared, query, particles).squeeze(-2)

    def read(self, prepared: LatentMap, query: PosedQuery, particles: Tensor) -> Tensor:
        """Compute all outputs (A, Q, O, K)."""
        share = self.head.share(self.queries(query, particles), of_map=False)
        result: Tensor = self.head(prepared.share[:, None, None], share)
        return result.transpose(-1, -2)


class LatentVectorObservation(nn.Module):
    """Observation model with one latent vector as the map: the mean over views of vectors of [view ; its pose]."""

    def __init__(self, config: NetworkConfig, *, outputs: int = 1) -> None:
        super().__init__()
        rows, columns = config.half_grid
        flat, vector = config.hidden_channels * rows * columns, config.value_size
        self.view_conv = nn.Conv2d(config.feature_channels + _POSE, config.hidden_channels, 3, stride=2, padding=1)
        self.view_vector = nn.Linear(flat, vector)
        self.queries = _PosedQueries(config)
        self.query_vector = nn.Linear(flat, vector)
        self.from_map = nn.Linear(vector, vector)
        self.from_query = nn.Linear(vector, vector, bias=False)
        self.output = nn.Linear(vector, outputs)

    def prepare_map(self, views: Tensor, view_poses: Tensor) -> LatentMap:
        """Compute the part that depends on the map only; views (A, N, C, h, w), poses (A, N, 3)."""
        hidden = torch.relu(self.view_conv(with_coordinates(views, egocentric.coordinates(view_poses))))
        latent = self.view_vector(hidden.flatten(1)).reshape(*views.shape[:2], -1).mean(1)
        return LatentMap(self.from_map(latent))

    def prepare_query(self, prepared: LatentMap, queries: Tensor) -> PosedQuery:
        """Compute the part that depends on the images only; queries (A, Q, C, h, w)."""
        del prepared
        return self.queries.prepare(queries)

    def log_likelihood(self, prepared: LatentMap, query: PosedQuery, particles: Tensor) -> Tensor:
        """Compute log-likelihoods (A, Q, K) of particles (A, Q, K, 3)."""
        return self.read(prepared, query, particles).squeeze(-2)

    def read(self, prepared: LatentMap, query: PosedQuery, particles: Tensor) -> Tensor:
        """Compute all outputs (A, Q, O, K)."""
        vectors = torch.relu(self.query_vector(self.queries(query, particles)))
        hidden = torch.relu(self.from_query(vectors) + prepared.share[:, None, None])
        result: Tensor = self.output(hidden)
        return result.transpose(-1, -2)


class MeanObservation(nn.Module):
    """Observation model with view embeddings, read by the mean of features of [view ; coordinates]."""

    def __init__(self, config: NetworkConfig, frame: CoordinateFrame, *, outputs: int = 1) -> None:
        super().__init__()
        channels, hidden = config.feature_channels, config.hidden_channels
        self.frame = frame
        self.view_conv = nn.Conv2d(channels + frame.channels, hidden, 3, stride=2, padding=1)
        self.query = nn.Sequential(
            nn.Conv2d(channels, hidden, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.head = Head(config, outputs)

    def prepare_map(self, views: Tensor, view_poses: Tensor) -> MeanMap:
        """Compute the part that depends on the map only; views (A, N, C, h, w), poses (A, N, 3)."""
        offsets, projection = split_convolution(self.view_conv, views.flatten(0, 1))
        with exact(views):
            projections = projection @ self.frame.matrix(view_poses)
        return MeanMap(offsets.reshape(*views.shape[:2], -1).to(projections.dtype), projections)

    def prepare_query(self, prepared: MeanMap, queries: Tensor) -> MeanQuery:
        """Compute the part that depends on the images only; queries (A, Q, C, h, w)."""
        del prepared
        features = self.query(queries.flatten(0, 1)).flatten(1).reshape(*queries.shape[:2], -1)
        return MeanQuery(self.head.share(features, of_map=False))

    def log_likelihood(self, prepared: MeanMap, query: MeanQuery, particles: Tensor) -> Tensor:
        """Compute log-likelihoods (A, Q, K) of particles (A, Q, K, 3)."""
        return self.read(prepared, query, particles).squeeze(-2)

    def read(self, prepared: MeanMap, query: MeanQuery, particles: Tensor) -> Tensor:
        """Compute all outputs (A, Q, O, K), view after view, to hold the features of one view at a time."""
        with exact(particles):
            points, views = self.frame.points(particles), prepared.offsets.shape[1]
            total = torch.zeros((), dtype=points.dtype, device=points.device)
            for n in range(views):
                hidden = points @ prepared.projections[:, n, None].transpose(-1, -2)
                total = total + torch.relu(hidden + prepared.offsets[:, n, None, None])
        share = self.head.share(total / views, of_map=True)
        result: Tensor = self.head(share, query.share.unsqueeze(2))
        return result.transpose(-1, -2)


def with_coordinates(views: Tensor, coordinates: Tensor) -> Tensor:
    """Append coordinates (A, N, c) to views (A, N, C, h, w) as constant channels: (A N, C + c, h, w)."""
    channels = coordinates[..., None, None].expand(-1, -1, -1, *views.shape[3:])
    return torch.cat([views, channels.to(views.dtype)], dim=2).flatten(0, 1)

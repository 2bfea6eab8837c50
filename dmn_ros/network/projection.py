"""Observation model with geometry: the cells of a view are projected into the query at a particle's pose.

Each cell of a view becomes a point, by a depth that is predicted from the view's embedding. The point is projected into
the query's picture from the particle's pose, and the agreement of the two descriptors there is looked up in the
correlation volume of the pair. The network learns depth and descriptors, but need not learn how pictures change with
poses. The plain form has coordinates as numbers and learns that from examples. (The warp by depth and pose is that of
view synthesis, Zhou et al. 2017; the look-up in a correlation volume is that of RAFT, 2020.)

As in the paper each view has a weight, a softmax over views that depends on query, view and egocentric coordinates.
Mean and maximum of the features over the views are joined to their weighted sum: from them the network learns whether a
camera can be at the particle's pose at all. Only the nearest views of each particle are read. Three parts are optional:
`place`, features of the particle's pose in the map frame, for maps that share a frame; `compass`, the heading from all
views together, for maps with light from one side; `likeness`, the similarity of whole pictures, for maps whose parts
look different.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network import egocentric
from dmn_ros.network.compass import Compass
from dmn_ros.network.lens_angles import build_lens, look_up
from dmn_ros.network.map_rotation import PlaceFeatures
from dmn_ros.network.tiles import Tiles, by_view
from dmn_ros.network.view_similarity import ViewSimilarity

#: Depth at the start of training, and least depth, map units.
_FIRST_DEPTH, _LEAST_DEPTH = 0.9, 0.05
#: Number of pairs of particle and view whose activations, about 700 numbers each, stay in the caches of a core.
_CACHED_PAIRS = 2048
#: Factor on cosines at the start of training: gives them about unit variance.
_GAIN = 3.0


class ProjectionMap(NamedTuple):
    """Unit descriptors (A, G, N, P, d) and `Lens.rows` (3, A, N, P, 5) of the views' P cells, and poses (A, N, 3).

    `described` (A, N, S) is the input of the compass, `outlined` (A, N, S) that of the similarity; S is 0 without them.
    `log_weights` (A, N) are added to the views' logits; they are 0 until `DMN.reweighted` sets others.
    """

    descriptors: Tensor
    points: Tensor
    poses: Tensor
    described: Tensor
    outlined: Tensor
    log_weights: Tensor

    def selected(self, views: Tensor) -> ProjectionMap:
        """Map of the views at these positions (n,)."""
        by_part = (part.index_select(2, views) for part in (self.descriptors, self.points))
        by_view = (part.index_select(1, views) for part in self[2:])
        return ProjectionMap(*by_part, *by_view)


class ProjectionQuery(NamedTuple):
    """Agreement (A, Q, N, P, G + 1, h, w) of each view's cells with the query's picture, and a summary (A, Q, S).

    The last of the G + 1 channels is 1 inside of the picture; a look-up outside gives 0. `headings` (A, Q, 2, F) is the
    series of the compass, `likeness` (A, Q, N, H) the similarity of query and views; F and H are 0 without them.
    """

    agreement: Tensor
    summary: Tensor
    headings: Tensor
    likeness: Tensor


class ProjectionObservation(nn.Module):
    """Observation model by projection; the same three steps as `AttentionObservation`.

    Args:
        config: sizes of the network.
        placed: True adds features of the particle's pose in the map frame.
    """

    def __init__(self, config: NetworkConfig, *, placed: bool = False) -> None:
        super().__init__()
        self.frequencies, self.parts = config.frequencies, config.descriptor_parts
        self.nearest, self.reach = config.nearest_views, config.view_reach / config.metres_per_unit
        channels, hidden, summary = config.feature_channels, config.hidden_channels, config.value_size
        (rows, columns), cells = config.half_grid, config.grid[0] * config.grid[1]
        self.lens = build_lens(config)
        self.describe_view = nn.Conv2d(channels, config.key_size * self.parts, 1)
        self.describe_query = nn.Conv2d(channels, config.key_size * self.parts, 1)
        self.gain = nn.Parameter(torch.tensor(_GAIN))
        self.depth = nn.Conv2d(channels, 1, 3, padding=1)
        self.cell_depth = nn.Parameter(torch.full((cells,), _FIRST_DEPTH).expm1().log())  # softplus's inverse
        self.looked_up = nn.Linear(cells * (self.parts + 1), hidden)
        self.coordinates = nn.Linear(egocentric.fourier_size(config.frequencies), hidden)
        self.pair = nn.Linear(hidden, hidden)
        self.weight = nn.Linear(hidden, 1, bias=False)
        self.query = nn.Sequential(
            nn.Conv2d(channels, summary, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(summary * rows * columns, summary),
        )
        self.place = PlaceFeatures(config) if placed else None
        self.compass = Compass(config) if config.compass else None
        self.likeness = ViewSimilarity(config, hidden) if config.likeness else None
        self.dense = nn.Sequential(
            nn.Linear((4 if placed else 3) * hidden + summary, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, 1),
        )

    def prepare_map(self, views: Tensor, view_poses: Tensor) -> ProjectionMap:
        """Compute the part that depends on the map only; views (A, N, C, h, w), poses (A, N, 3) in map units."""
        flat = views.flatten(0, 1)
        descriptors = _as_maps(self._directions(self.describe_view(flat)), views.shape[:2])
        depth = functional.softplus(self.depth(flat).float().flatten(1) + self.cell_depth) + _LEAST_DEPTH
        points = self.lens.rows(_as_maps(depth, views.shape[:2]).unsqueeze(-1) * self.lens.rays())
        none, shape = flat.new_zeros(len(flat), 0), views.shape[:2]
        described = none if self.compass is None else self.compass.describe_view(flat)
        outlined = none if self.likeness is None else self.likeness.describe_view(flat)
        return ProjectionMap(
            descriptors.permute(0, 2, 1, 4, 3).contiguous(),
            points,
            view_poses,
            _as_maps(described, shape),
            _as_maps(outlined, shape),
            log_weights=view_poses.new_zeros(shape),
        )

    def prepare_query(self, prepared: ProjectionMap, queries: Tensor) -> ProjectionQuery:
        """Compute the part that depends on images and map, but not on particles; queries (A, Q, C, h, w)."""
        shape, picture = queries.shape[:2], queries.shape[3:]
        flat = queries.flatten(0, 1)
        directions = self.gain * _as_maps(self._directions(self.describe_query(flat)), shape)
        agreement = torch.einsum("aqgdr,agnpd->aqnpgr", directions, prepared.descriptors).float()
        agreement = torch.cat([agreement, torch.ones_like(agreement[..., :1, :])], dim=-2)
        agreement = agreement.view(*agreement.shape[:-1], *picture)
        if self.lens.wraps:
            agreement = torch.cat([agreement[..., -1:], agreement, agreement[..., :1]], dim=-1)
        headings = flat.new_zeros(*shape, 2, 0)
        if self.compass is not None:
            weights = prepared.log_weights.exp()
            headings = self.compass.series(prepared.described, prepared.poses[..., 2], weights, queries)
        likeness = flat.new_zeros(*shape, len(prepared.poses[0]), 0)
        if self.likeness is not None:
            likeness = self.likeness(prepared.outlined, queries)
        return ProjectionQuery(agreement, _as_maps(self.query(flat), shape), headings, likeness)

    def log_likelihood(self, prepared: ProjectionMap, query: ProjectionQuery, particles: Tensor) -> Tensor:
        """Compute log-likelihoods (A, Q, K) of particles (A, Q, K, 3), map units."""
        chosen = egocentric.nearest_views(prepared.poses.unsqueeze(1), particles, self.nearest, self.reach)
        tiles = by_view(chosen, prepared.poses.shape[1])
        rows = self._rows(prepared, query, particles, tiles)
        maps = torch.arange(len(particles), device=particles.device).view(-1, 1, 1, 1)
        log_weights = prepared.log_weights[maps, chosen]  # (A, Q, K, n)
        count = _cached(len(particles[0, 0]), _CACHED_PAIRS // chosen.shape[3], particles)
        parts = zip(torch.split(tiles.slots, count, dim=2), torch.split(log_weights, count, dim=2), strict=True)
        features = torch.cat([self._mixed(rows, *part) for part in parts], dim=2)
        result = self._rate(features, query.summary, particles)
        headings = self.heading_log_likelihood(query, particles[..., 2])
        return result if headings is None else result + headings

    def heading_log_likelihood(self, query: ProjectionQuery, headings: Tensor) -> Tensor | None:
        """Compute `DMN.heading_log_likelihood`; None also for queries without the series of the compass."""
        if self.compass is None or not query.headings.shape[-1]:
            return None
        return self.compass.log_likelihood(query.headings, headings)

    def _rows(self, prepared: ProjectionMap, query: ProjectionQuery, particles: Tensor, tiles: Tiles) -> Tensor:
        """Compute features (T M, H) of the pairs in tiles, some tiles at a time, which stay in the cache."""
        (queries, views), size = query.agreement.shape[1:3], tiles.pairs.shape[1]
        of = tiles.read // (queries * views) * views + tiles.read % views
        own = particles.flatten(0, 2)[tiles.pairs // tiles.slots.shape[3]]  # (T, M, 3)
        relative = egocentric.relative(own, prepared.poses.flatten(0, 1)[of].unsqueeze(1))
        waves, columns = egocentric.fourier_features(relative, self.frequencies), egocentric.point_motion(relative)
        agreement, likeness = query.agreement.flatten(0, 2), query.likeness.flatten(0, 2)
        points = prepared.points.flatten(1, 2)
        count, rows = _cached(len(of), _CACHED_PAIRS // size, particles), None
        for start in range(0, len(of), count):
            part = slice(start, start + count)
            found = look_up(self.lens, agreement, tiles.read[part], points[:, of[part]], columns[part])
            hidden = self._hidden(found, waves[part], likeness[tiles.read[part]])
            result = hidden @ self.pair.weight.T
            result += self.pair.bias
            if count == len(of):
                return torch.relu(result)
            rows = result.new_empty(tiles.pairs.numel(), result.shape[1]) if rows is None else rows
            torch.clamp_min(result, 0.0, out=rows[start * size : (start + count) * size])
        assert rows is not None
        return rows

    def _hidden(self, found: Tensor, waves: Tensor, likeness: Tensor) -> Tensor:
        """Compute the first layer (T M, H) from looked up columns (T, P (G + 1), M) and rows of coordinates (T, M, F).

        Biases are added afterwards: a product that begins with a bias first fills its result with it, and is slower.
        """
        seen = waves @ self.coordinates.weight.T
        weight = self.looked_up.weight.T.to(seen.dtype).expand(len(found), -1, -1)
        seen.baddbmm_(found.transpose(1, 2).to(seen.dtype), weight)
        seen += self.coordinates.bias + self.looked_up.bias
        if self.likeness is not None:
            seen += likeness.unsqueeze(1)
        return seen.flatten(0, 1).relu_()

    def _mixed(self, rows: Tensor, slots: Tensor, log_weights: Tensor) -> Tensor:
        """Compute features (A, Q, K, 3 H) of particles from rows (T M, H), at slots (A, Q, K, n) with weights."""
        pairs = rows.index_select(0, slots.flatten()).view(*slots.shape, -1)  # (A, Q, K, n, H)
        attention = ((pairs @ self.weight.weight.T.to(pairs.dtype)).squeeze(-1) + log_weights).softmax(-1)
        weights = log_weights.exp()
        shares = torch.stack([attention, weights / weights.sum(-1, keepdim=True)], dim=-2)  # (A, Q, K, 2, n)
        most = (weights.unsqueeze(-1) * pairs).amax(3)
        return torch.cat([(shares.to(pairs.dtype) @ pairs).flatten(-2), most], dim=-1)

    def _rate(self, features: Tensor, summary: Tensor, particles: Tensor) -> Tensor:
        """Compute log-likelihoods (A, Q, K) from features (A, Q, K, 3 H); all particles share the summary's part."""
        first, (shared, summarised) = cast(nn.Linear, self.dense[0]), (features.shape[-1], summary.shape[-1])
        parts = [shared, summarised, first.in_features - shared - summarised]
        weights = torch.split(first.weight, parts, dim=1)
        hidden = functional.linear(features, weights[0])
        hidden += functional.linear(summary, weights[1], first.bias).unsqueeze(2)
        if self.place is not None:
            hidden += functional.linear(self.place(summary, particles), weights[2])
        for layer in self.dense[1:]:
            hidden = layer(hidden)
        return hidden.squeeze(-1)

    def _directions(self, features: Tensor) -> Tensor:
        """Normalise descriptors (B, G d, h, w) to G parts of unit length: (B, G, d, P)."""
        parts = features.float().view(len(features), self.parts, -1, *features.shape[2:])
        return functional.normalize(parts, dim=2).flatten(3)


def _cached(whole: int, part: int, particles: Tensor) -> int:
    """Size of blocks that stay in a CPU's cache; the whole on a GPU and with gradients, which keep every activation."""
    return whole if particles.is_cuda or torch.is_grad_enabled() else min(whole, max(1, part))


def _as_maps(features: Tensor, shape: torch.Size) -> Tensor:
    """Unflatten features (A N, ...) to (A, N, ...)."""
    return features.view(*shape, *features.shape[1:])

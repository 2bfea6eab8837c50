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

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network import egocentric
from dmn_ros.network.compass import Compass
from dmn_ros.network.lens_angles import build_lens
from dmn_ros.network.map_rotation import PlaceFeatures
from dmn_ros.network.view_similarity import ViewSimilarity

#: Depth at the start of training, and least depth, map units.
_FIRST_DEPTH, _LEAST_DEPTH = 0.9, 0.05
#: Size of the tiles of pairs of particle and view that are looked up, and the factor of additional work above which it
#: is used: otherwise a tile is as large as the largest number of particles that read one view.
_TILE, _VOID = 32, 1.5
#: Factor on cosines at the start of training: gives them about unit variance.
_GAIN = 3.0


class ProjectionMap(NamedTuple):
    """Unit descriptors (A, N, G, d, P) and points (A, N, P, 3) of the views' P cells, and poses (A, N, 3).

    `described` (A, N, S) is the input of the compass, `outlined` (A, N, S) that of the similarity; S is 0 without them.
    `log_weights` (A, N) are added to the views' logits; they are 0 until `DMN.reweighted` sets others.
    """

    descriptors: Tensor
    points: Tensor
    poses: Tensor
    described: Tensor
    outlined: Tensor
    log_weights: Tensor


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
        descriptors = self._directions(self.describe_view(flat))
        depth = functional.softplus(self.depth(flat).float().flatten(1) + self.cell_depth) + _LEAST_DEPTH
        points = depth.unsqueeze(-1) * self.lens.rays()
        none, shape = flat.new_zeros(len(flat), 0), views.shape[:2]
        described = none if self.compass is None else self.compass.describe_view(flat)
        outlined = none if self.likeness is None else self.likeness.describe_view(flat)
        return ProjectionMap(
            _as_maps(descriptors, shape),
            _as_maps(points, shape),
            view_poses,
            _as_maps(described, shape),
            _as_maps(outlined, shape),
            log_weights=view_poses.new_zeros(shape),
        )

    def prepare_query(self, prepared: ProjectionMap, queries: Tensor) -> ProjectionQuery:
        """Compute the part that depends on images and map, but not on particles; queries (A, Q, C, h, w)."""
        shape, picture = queries.shape[:2], queries.shape[3:]
        flat = queries.flatten(0, 1)
        directions = _as_maps(self._directions(self.describe_query(flat)), shape)
        agreement = self.gain * torch.einsum("aqgdr,angdp->aqnpgr", directions, prepared.descriptors).float()
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
        maps = torch.arange(len(particles), device=particles.device).view(-1, 1, 1, 1)
        relative = egocentric.relative(particles.unsqueeze(3), prepared.poses[maps, chosen])  # (A, Q, K, n, 3)
        seen = self._look_up(query.agreement, prepared.points, relative, chosen)
        seen = seen + self.coordinates(egocentric.fourier_features(relative, self.frequencies))
        if self.likeness is not None:
            queries = torch.arange(particles.shape[1], device=particles.device).view(1, -1, 1, 1)
            seen = seen + query.likeness[maps, queries, chosen]
        pairs = torch.relu(self.pair(torch.relu(seen)))  # (A, Q, K, n, H)
        log_weights = prepared.log_weights[maps, chosen].unsqueeze(-1)
        attended = ((self.weight(pairs) + log_weights).softmax(3) * pairs).sum(3)
        weights = log_weights.exp()
        mean, most = (weights * pairs).sum(3) / weights.sum(3), (weights * pairs).amax(3)
        summary = query.summary.unsqueeze(2).expand(-1, -1, particles.shape[2], -1)
        features = [attended, mean, most, summary]
        if self.place is not None:
            features.append(self.place(query.summary, particles))
        result: Tensor = self.dense(torch.cat(features, dim=-1)).squeeze(-1)
        headings = self.heading_log_likelihood(query, particles[..., 2])
        return result if headings is None else result + headings

    def heading_log_likelihood(self, query: ProjectionQuery, headings: Tensor) -> Tensor | None:
        """Compute `DMN.heading_log_likelihood`; None also for queries without the series of the compass."""
        if self.compass is None or not query.headings.shape[-1]:
            return None
        return self.compass.log_likelihood(query.headings, headings)

    def _directions(self, features: Tensor) -> Tensor:
        """Normalise descriptors (B, G d, h, w) to G parts of unit length: (B, G, d, P)."""
        parts = features.float().view(len(features), self.parts, -1, *features.shape[2:])
        return functional.normalize(parts, dim=2).flatten(3)

    def _look_up(self, agreement: Tensor, points: Tensor, particle_P_view: Tensor, chosen: Tensor) -> Tensor:
        """Look up the points of chosen views (A, Q, K, n) in the query; return the first layer (A, Q, K, n, H)."""
        (queries, views), cells = agreement.shape[1:3], points.shape[2]
        pairs, of, slots = by_view(chosen, views)
        shift_x, shift_y, yaw = particle_P_view.flatten(0, 3)[pairs].unsqueeze(1).unbind(-1)  # (T, 1, M)
        x, y, z = points[of // (queries * views), of % views].unsqueeze(2).unbind(-1)  # (T, P, 1)
        cos, sin = yaw.cos(), yaw.sin()
        places = self.lens.places(cos * x - sin * y + shift_x, sin * x + cos * y + shift_y, z)
        pictures = agreement.flatten(0, 2)[of].flatten(0, 1)  # (T P, G + 1, h, w)
        found = functional.grid_sample(pictures, places.flatten(0, 1).unsqueeze(1), align_corners=False)
        columns = found.view(len(of), cells * found.shape[1], -1)  # (T, P (G + 1), M)
        # as batches: `nn.Linear` would copy the columns to have one matrix of rows
        weight = self.looked_up.weight.T.to(columns.dtype).expand(len(columns), -1, -1)
        rows = torch.bmm(columns.transpose(1, 2), weight).flatten(0, 1)
        return rows.index_select(0, slots).view(*chosen.shape, -1) + self.looked_up.bias


def _as_maps(features: Tensor, shape: torch.Size) -> Tensor:
    """Unflatten features (A N, ...) to (A, N, ...)."""
    return features.view(*shape, *features.shape[1:])


def by_view(chosen: Tensor, views: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sort pairs of particle and view into tiles of one query and one view each.

    If all views are read about equally often, each has one tile. If particles gather around a few views, tiles are
    small, so that few of their entries are void.

    Args:
        chosen: (A, Q, K, n) views that each particle reads.
        views: N.

    Returns:
        Pairs (T, M), as positions in the flat (A Q K n), where void entries repeat some pair; query and view of each
        tile (T,), as positions in the flat (A Q N); position of each of the A Q K n pairs in the flat (T M).
    """
    a, q, _, _ = chosen.shape
    read = (torch.arange(a * q, device=chosen.device).view(a, q, 1, 1) * views + chosen).flatten()
    readers = read.bincount(minlength=a * q * views)
    most = int(readers.max())
    size = most if len(readers) * most <= _VOID * len(read) else _TILE
    tiles = (readers + size - 1) // size
    first_slot, first_pair = (tiles.cumsum(0) - tiles) * size, readers.cumsum(0) - readers
    order = read.argsort(stable=True)
    ordered, all_pairs = read[order], torch.arange(len(read), device=read.device)
    slots = torch.empty_like(read)
    slots[order] = first_slot[ordered] + all_pairs - first_pair[ordered]
    of = torch.arange(len(readers), device=read.device).repeat_interleave(tiles)
    pairs = torch.zeros(len(of) * size, dtype=torch.int64, device=read.device)
    pairs[slots] = all_pairs
    return pairs.view(-1, size), of, slots

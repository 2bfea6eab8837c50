"""Differentiable Mapping Network: embeddings of views, and log-likelihoods of particles computed from them."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from dmn_ros.config import MappingConfig, NetworkConfig
from dmn_ros.network import egocentric
from dmn_ros.network.embedding import ImageEmbedding
from dmn_ros.network.frames import COORDINATE_FRAMES
from dmn_ros.network.mapping_baselines import (
    LatentImageObservation,
    LatentMap,
    LatentVectorObservation,
    MeanMap,
    MeanObservation,
    MeanQuery,
    PosedQuery,
)
from dmn_ros.network.observation import AttentionMap, AttentionObservation, AttentionQuery
from dmn_ros.network.projection import ProjectionMap, ProjectionObservation, ProjectionQuery
from dmn_ros.network.view_matching import MatchingMap, MatchingObservation, MatchingQuery

#: Number of particles whose activations, about 1000 numbers each, stay in the second-level cache of a core. It is no
#: power of two: rows of such a length compete for the same few lines of a cache.
_CACHED_PARTICLES = 208
#: The same for `ProjectionObservation`, which itself works on parts that stay in the caches: with more particles, fewer
#: views have few readers.
_PROJECTED_PARTICLES = 2048

#: Maps whose views are kept apart, so that some of them can be selected and weighed.
ViewMap = AttentionMap | MatchingMap | ProjectionMap
PreparedMap = ViewMap | LatentMap | MeanMap
PreparedQuery = AttentionQuery | MatchingQuery | ProjectionQuery | PosedQuery | MeanQuery
#: Observation models with `read`, which returns all outputs of a regression.
Readable = AttentionObservation | LatentImageObservation | LatentVectorObservation | MeanObservation
Observation = Readable | MatchingObservation | ProjectionObservation


class DMN(nn.Module):
    """Differentiable Mapping Network.

    Poses are planar poses of cameras in map units; the map holds the metres per unit and the mount of the camera.

    Images are (B, 3, H, W) float32 in 0..1.

    Example:
        >>> dmn = DMN(NetworkConfig.light()).eval()
        >>> views = dmn.context_embedding(torch.rand(5, 3, 48, 64))[None]
        >>> query = dmn.query_embedding(torch.rand(1, 3, 48, 64))[None]
        >>> dmn(views, torch.rand(1, 5, 3), query, torch.rand(1, 1, 100, 3)).shape
        torch.Size([1, 1, 100])
    """

    def __init__(self, config: NetworkConfig, observation: Observation | None = None) -> None:
        """Take the sizes, and an observation model in place of the one that the sizes name."""
        super().__init__()
        self.config = config
        self.context_embedding = ImageEmbedding(config)
        self.query_embedding = ImageEmbedding(config)
        self.observation = observation or build_observation(MappingConfig(config))

    def forward(self, views: Tensor, view_poses: Tensor, queries: Tensor, particles: Tensor) -> Tensor:
        """Compute log-likelihoods (A, Q, K), up to a constant per query.

        Args:
            views: (A, N, C, h, w) context embeddings. view_poses: (A, N, 3).
            queries: (A, Q, C, h, w) query embeddings. particles: (A, Q, K, 3).
        """
        prepared = self.prepare_map(views, view_poses)
        return self.log_likelihood(prepared, self.prepare_query(prepared, queries), particles)

    def prepare(
        self, view_images: Tensor, view_poses: Tensor, query_images: Tensor
    ) -> tuple[PreparedMap, PreparedQuery]:
        """Prepare map and queries from images (A, N, 3, H, W), their poses (A, N, 3) and images (A, Q, 3, H, W)."""
        views = self.context_embedding(view_images.flatten(0, 1)).unflatten(0, view_images.shape[:2])
        queries = self.query_embedding(query_images.flatten(0, 1)).unflatten(0, query_images.shape[:2])
        prepared = self.prepare_map(views, view_poses)
        return prepared, self.prepare_query(prepared, queries)

    def prepare_map(self, views: Tensor, view_poses: Tensor) -> PreparedMap:
        """Compute the part that depends on the map only."""
        return self.observation.prepare_map(views, view_poses)

    def reweighted(self, prepared: PreparedMap, weights: Tensor) -> PreparedMap:
        """Return the map with the attention to each view multiplied by a weight (A, N) above 0."""
        assert isinstance(prepared, ViewMap), "a latent map has no views to weigh"
        return prepared._replace(log_weights=weights.log())

    def prepare_query(self, prepared: PreparedMap, queries: Tensor) -> PreparedQuery:
        """Compute the part that depends on the map and the images, but not on particles."""
        return self.observation.prepare_query(prepared, queries)  # type: ignore[arg-type]

    def log_likelihood(
        self, prepared: PreparedMap, query: PreparedQuery, particles: Tensor, chunk: int | None = None
    ) -> Tensor:
        """Compute log-likelihoods (A, Q, K) of particles (A, Q, K, 3).

        Args:
            chunk: number of particles at a time; by default as many as stay in the cache of a CPU's core, or all on a
                GPU and with gradients, which keep every activation.
        """
        if chunk is None:
            whole = particles.is_cuda or torch.is_grad_enabled()
            cached = _PROJECTED_PARTICLES if isinstance(self.observation, ProjectionObservation) else _CACHED_PARTICLES
            chunk = particles.shape[2] if whole else cached
        parts = torch.split(particles, chunk, dim=2)
        return torch.cat([self.observation.log_likelihood(prepared, query, part) for part in parts], dim=2)  # type: ignore[arg-type]

    def heading_log_likelihood(self, query: PreparedQuery, headings: Tensor) -> Tensor | None:
        """Compute log-likelihoods (A, Q, K) of headings (A, Q, K), radians, by all views; None without compass."""
        if not isinstance(query, ProjectionQuery):
            return None
        assert isinstance(self.observation, ProjectionObservation)
        return self.observation.heading_log_likelihood(query, headings)

    def estimate(self, prepared: PreparedMap, query: PreparedQuery, beliefs: Tensor) -> Tensor:
        """Regress poses (A, Q, 3), given the means of the beliefs (A, Q, 3) (appendix C.2, "Regression").

        The mean of a belief is the input in place of a particle, and the three outputs are a motion from it.
        """
        assert not isinstance(self.observation, MatchingObservation | ProjectionObservation), "filters only"
        outputs: Tensor = self.observation.read(prepared, query, beliefs.unsqueeze(2))  # type: ignore[arg-type]
        return egocentric.compose(beliefs, outputs.squeeze(-1).to(beliefs.dtype))

    def context_fingerprint(self) -> str:
        """Compute a hash of the context embedding's shape and weights; it must be that of the map."""
        config = self.config
        shape = (self.context_embedding.size, config.block_widths, config.block_strides, config.feature_channels)
        front_end = "" if config.normalization == "none" else config.normalization  # maps from before have none
        digest = hashlib.sha256(f"{shape}{front_end}".encode())
        for name, tensor in sorted(self.context_embedding.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().to(torch.float32).numpy().tobytes())
        return digest.hexdigest()[:16]


def build_observation(config: MappingConfig) -> Observation:
    """Build the observation model of a configuration, with random weights."""
    outputs = 3 if config.algorithm == "regression" else 1
    if config.map == "latent_image":
        return LatentImageObservation(config.network, outputs=outputs)
    if config.map == "latent_vector":
        return LatentVectorObservation(config.network, outputs=outputs)
    if config.reading == "mean":
        return MeanObservation(config.network, COORDINATE_FRAMES[config.coordinates], outputs=outputs)
    if config.network.observation == "matching":
        return MatchingObservation(config.network)
    if config.network.observation == "projection":
        return ProjectionObservation(config.network, placed=config.coordinates == "both")
    return AttentionObservation(config.network, outputs=outputs, frame=COORDINATE_FRAMES[config.coordinates])

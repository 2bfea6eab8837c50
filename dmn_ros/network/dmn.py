"""The Differentiable Mapping Network: embeddings of views, and log-likelihoods of particles read from them."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from dmn_ros.config import NetworkConfig
from dmn_ros.network.embedding import ImageEmbedding
from dmn_ros.network.matching import MatchingMap, MatchingObservation, MatchingQuery
from dmn_ros.network.observation import AttentionMap, AttentionObservation, AttentionQuery

#: Particles whose activations, about 1000 numbers each, stay in a core's second cache.
_CACHED_PARTICLES = 256

PreparedMap = AttentionMap | MatchingMap
PreparedQuery = AttentionQuery | MatchingQuery


class DMN(nn.Module):
    """Poses are planar, in map units (the map holds the metres per unit); images (B, 3, H, W) float32 in 0..1.

    Example:
        >>> dmn = DMN(NetworkConfig.light()).eval()
        >>> views = dmn.context_embedding(torch.rand(5, 3, 48, 64))[None]
        >>> query = dmn.query_embedding(torch.rand(1, 3, 48, 64))[None]
        >>> dmn(views, torch.rand(1, 5, 3), query, torch.rand(1, 1, 100, 3)).shape
        torch.Size([1, 1, 100])
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.context_embedding = ImageEmbedding(config)
        self.query_embedding = ImageEmbedding(config)
        self.observation: AttentionObservation | MatchingObservation
        self.observation = (
            AttentionObservation(config) if config.observation == "attention" else MatchingObservation(config)
        )

    def forward(self, views: Tensor, view_poses: Tensor, queries: Tensor, particles: Tensor) -> Tensor:
        """Log-likelihoods (A, Q, K), up to a constant per query.

        Args:
            views: (A, N, C, h, w) context embeddings. view_poses: (A, N, 3).
            queries: (A, Q, C, h, w) query embeddings. particles: (A, Q, K, 3).
        """
        prepared = self.prepare_map(views, view_poses)
        return self.log_likelihood(prepared, self.prepare_query(prepared, queries), particles)

    def prepare_map(self, views: Tensor, view_poses: Tensor) -> PreparedMap:
        """What depends on the map only."""
        return self.observation.prepare_map(views, view_poses)

    def prepare_query(self, prepared: PreparedMap, queries: Tensor) -> PreparedQuery:
        """What depends on the map and the images, not on particles."""
        return self.observation.prepare_query(prepared, queries)  # type: ignore[arg-type]

    def log_likelihood(
        self, prepared: PreparedMap, query: PreparedQuery, particles: Tensor, chunk: int | None = None
    ) -> Tensor:
        """Log-likelihoods (A, Q, K) of particles (A, Q, K, 3).

        Args:
            chunk: particles at a time; by default as many as stay in the cache of a CPU's core, or all where there is
                a GPU, or gradients are kept and with them every activation.
        """
        if chunk is None:
            whole = particles.is_cuda or torch.is_grad_enabled()
            chunk = particles.shape[2] if whole else _CACHED_PARTICLES
        parts = torch.split(particles, chunk, dim=2)
        return torch.cat([self.observation.log_likelihood(prepared, query, part) for part in parts], dim=2)  # type: ignore[arg-type]

    def context_fingerprint(self) -> str:
        """Hash of the context embedding's shape and weights: a map made with other weights means nothing to it."""
        digest = hashlib.sha256(repr(self.config).encode())
        for name, tensor in sorted(self.context_embedding.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().to(torch.float32).numpy().tobytes())
        return digest.hexdigest()[:16]

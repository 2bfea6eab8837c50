"""Similarity of a view and a query as whole images.

Two pictures that were taken near each other may show different things, but the same walls and floors.
"""

from __future__ import annotations

from torch import Tensor, nn

from dmn_ros.config import NetworkConfig


class ViewSimilarity(nn.Module):
    """Features (A, Q, N, F) of each pair of query and view, which depend on no particle.

    Args:
        config: sizes of the network.
        size: number of features, F.
    """

    def __init__(self, config: NetworkConfig, size: int) -> None:
        super().__init__()
        channels, hidden = config.key_size, config.value_size
        rows, columns = config.half_grid
        self.describe = nn.Sequential(
            nn.Conv2d(config.feature_channels, channels, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(channels * rows * columns, hidden),
        )
        self.view, self.query = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        last = nn.Linear(hidden, size)
        nn.init.zeros_(last.weight)  # a network without training adds nothing
        nn.init.zeros_(last.bias)
        self.pair = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(hidden, hidden), nn.ReLU(inplace=True), last)

    def describe_view(self, views: Tensor) -> Tensor:
        """Describe view embeddings (B, C, h, w) by vectors (B, S) for the comparison."""
        return self.view(self.describe(views))

    def forward(self, described: Tensor, queries: Tensor) -> Tensor:
        """Compute features of described views (A, N, S) and embeddings of queries (A, Q, C, h, w)."""
        described_queries = self.query(self.describe(queries.flatten(0, 1))).unflatten(0, queries.shape[:2])
        features: Tensor = self.pair(described.unsqueeze(1) + described_queries.unsqueeze(2)).float()
        return features

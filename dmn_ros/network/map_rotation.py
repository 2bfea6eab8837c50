"""Features of a particle's pose in the map frame, for worlds that share the frame.

In worlds whose walls are parallel to the axes and whose edges are at -1 and 1, a picture of a wall gives the heading up
to quarters of a turn, and a pose beyond the edge is impossible. The views give the remaining information. The map frame
of a robot is arbitrary, and nothing can be learned from it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmn_ros.config import NetworkConfig
from dmn_ros.network import egocentric

#: Largest coordinate, map units; farther positions are clamped to it, because they are rare in training.
_EDGE = 1.5


class PlaceFeatures(nn.Module):
    """Features (A, Q, K, H) of summaries of queries (A, Q, S) and particles (A, Q, K, 3) in the map."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.frequencies = config.frequencies
        self.pose = nn.Linear(egocentric.fourier_size(config.frequencies), config.hidden_channels)
        self.query = nn.Linear(config.value_size, config.hidden_channels, bias=False)

    def forward(self, summary: Tensor, particles: Tensor) -> Tensor:
        """Compute the features."""
        inside = torch.cat([particles[..., :2].clamp(-_EDGE, _EDGE), particles[..., 2:]], dim=-1)
        pose = self.pose(egocentric.fourier_features(inside, self.frequencies))
        return torch.relu(pose + self.query(summary).unsqueeze(2))

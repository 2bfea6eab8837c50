"""Where in the map a particle is, and whether a picture like the query can be taken there at all.

For maps that share a frame: in worlds whose walls are along the axes and whose edges are at -1 and 1, a picture of a
wall tells a heading but for quarters of a turn, and of poses beyond the edge none is right. Views tell the rest. A
robot's map has whatever frame its mapping began with, and nothing to learn from it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmn_ros.config import NetworkConfig
from dmn_ros.network import egocentric

#: Map units: farther out hardly a particle is trained with, and all is as it is there.
_EDGE = 1.5


class PlaceFeatures(nn.Module):
    """Features (A, Q, K, H) of summaries of queries (A, Q, S) and particles (A, Q, K, 3) in the map."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.frequencies = config.frequencies
        self.pose = nn.Linear(egocentric.fourier_size(config.frequencies), config.hidden_channels)
        self.query = nn.Linear(config.value_size, config.hidden_channels, bias=False)

    def forward(self, summary: Tensor, particles: Tensor) -> Tensor:
        """See the class."""
        inside = torch.cat([particles[..., :2].clamp(-_EDGE, _EDGE), particles[..., 2:]], dim=-1)
        pose = self.pose(egocentric.fourier_features(inside, self.frequencies))
        return torch.relu(pose + self.query(summary).unsqueeze(2))

"""Local correlation of two frames' features. An addition to the paper: a narrow network learns to match faster."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.residual import ACTIVATIONS


class Correlation(nn.Module):
    """Similarity of the current features to the previous ones in nearby cells, reduced to the size of Res5 (FlowNet-C).

    Both feature maps come from the trunk of odometry's current side, so that they are comparable without training.

    Args:
        config: its ``correlation_at`` is the block whose features are correlated.
        reach: largest displacement in cells of that block, horizontal and vertical.
    """

    def __init__(self, config: VLocNetConfig, reach: tuple[int, int]) -> None:
        super().__init__()
        c2, c3, _, c5 = config.outputs
        self.reach = reach
        cells = (2 * reach[0] + 1) * (2 * reach[1] + 1)
        channels, halvings = (c2, 2) if config.correlation_at == "res2" else (c3, 1)
        middle = c3 // 2
        self.project = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.reduce = nn.Sequential(nn.BatchNorm2d(cells))
        for index in range(halvings):
            self.reduce.append(nn.Conv2d(middle if index else cells, middle, 3, 2, 1, bias=False))
            self.reduce.append(nn.BatchNorm2d(middle))
            self.reduce.append(ACTIVATIONS[config.activation](inplace=True))
        self.reduce.append(nn.Conv2d(middle, c5, 3, 2, 1))

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        """Correlate two maps (B, C, H, W) of the configured block; return (B, c5, h, w), the size of Res5."""
        return torch.as_tensor(self.reduce(self.volume(current, previous)))

    def volume(self, current: Tensor, previous: Tensor) -> Tensor:
        """Return cosines (B, cells, H, W), rows of displacements first; 0 beyond the border. In full precision."""
        a = functional.normalize(self.project(current).float(), dim=1)
        b = functional.normalize(self.project(previous).float(), dim=1)
        across, down = self.reach
        height, width = a.shape[-2:]
        padded = functional.pad(b, (across, across, down, down))
        shifted = [
            padded[..., y : y + height, x : x + width] for y in range(2 * down + 1) for x in range(2 * across + 1)
        ]
        return torch.stack([(a * s).sum(1) for s in shifted], dim=1)

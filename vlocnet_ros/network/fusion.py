"""Fusion of two feature maps: adaptive (VLocNet++, equation 1), or plain concatenation for comparison."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional


class Fusion(nn.Module):
    """1x1 convolution of two concatenated maps, with as many output channels as the first map has.

    Training begins with the identity on the first map, for all kinds of fusion.

    Args:
        a: channels of the map that is refined.
        b: channels of the map that is added.
    """

    #: Added to the output at the start of training, so that a ReLU cuts off almost none of an untrained network's
    #: features. The normalisation after the fusion removes it.
    offset: ClassVar[float] = 0.0

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.pool = nn.Conv2d(a + b, a, 1)

    def initialize_identity(self, offset: float | None = None) -> None:
        """Set the weights to the identity on z_a plus an offset, by default the class's; z_b gets weight 0."""
        nn.init.dirac_(self.pool.weight)
        nn.init.constant_(torch.as_tensor(self.pool.bias), self.offset if offset is None else offset)


class AdaptiveFusion(Fusion):
    """``max(W * ((w_a . z_a) + (w_b . z_b)) + b, 0)`` with + the concatenation over channels.

    A learned scalar per channel weighs each map before the 1x1 convolution. Arguments are those of `Fusion`.
    """

    offset = 4.0

    def __init__(self, a: int, b: int) -> None:
        super().__init__(a, b)
        self.weight_a = nn.Parameter(torch.ones(1, a, 1, 1))
        self.weight_b = nn.Parameter(torch.ones(1, b, 1, 1))

    def forward(self, z_a: Tensor, z_b: Tensor) -> Tensor:
        """Fuse maps (B, a, H, W) and (B, b, H, W) to (B, a, H, W)."""
        return functional.relu(self.pool(torch.cat([self.weight_a * z_a, self.weight_b * z_b], dim=1)))


class ConcatenationFusion(Fusion):
    """``W * (z_a + z_b) + b`` with + the concatenation over channels: no weights per channel, no ReLU."""

    def forward(self, z_a: Tensor, z_b: Tensor) -> Tensor:
        """Fuse maps (B, a, H, W) and (B, b, H, W) to (B, a, H, W)."""
        return torch.as_tensor(self.pool(torch.cat([z_a, z_b], dim=1)))


#: Fusions by their name in the configuration.
FUSIONS: dict[str, type[AdaptiveFusion] | type[ConcatenationFusion]] = {
    "adaptive": AdaptiveFusion,
    "concatenation": ConcatenationFusion,
}

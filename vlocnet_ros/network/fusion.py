"""Fusion of two feature maps: adaptive (VLocNet++, equation 1), or the plain kind that it is measured against."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class AdaptiveFusion(nn.Module):
    """``max(W * ((w_a . z_a) + (w_b . z_b)) + b, 0)`` with + the concatenation over channels.

    The learned scalar per channel weighs each map before the 1x1 convolution pools them to as many channels as z_a.

    Args:
        a: channels of the map that is refined.
        b: channels of the map that is brought in.
    """

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.weight_a = nn.Parameter(torch.ones(1, a, 1, 1))
        self.weight_b = nn.Parameter(torch.ones(1, b, 1, 1))
        self.pool = nn.Conv2d(a + b, a, 1)

    def forward(self, z_a: Tensor, z_b: Tensor) -> Tensor:
        """(B, a, H, W) and (B, b, H, W) to (B, a, H, W)."""
        return functional.relu(self.pool(torch.cat([self.weight_a * z_a, self.weight_b * z_b], dim=1)))


class ConcatenationFusion(nn.Module):
    """``W * (z_a + z_b) + b`` with + the concatenation over channels: no weights of its own, nothing cut off.

    The 1x1 convolution keeps as many channels as z_a, so that what follows is the same for every kind of fusion.

    Args:
        a, b: channels of the two maps.
    """

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.pool = nn.Conv2d(a + b, a, 1)

    def forward(self, z_a: Tensor, z_b: Tensor) -> Tensor:
        """(B, a, H, W) and (B, b, H, W) to (B, a, H, W)."""
        return torch.as_tensor(self.pool(torch.cat([z_a, z_b], dim=1)))


#: By the name that the configuration gives them.
FUSIONS: dict[str, type[AdaptiveFusion] | type[ConcatenationFusion]] = {
    "adaptive": AdaptiveFusion,
    "concatenation": ConcatenationFusion,
}

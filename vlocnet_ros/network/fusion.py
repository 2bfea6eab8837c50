"""Fusion of two feature maps: adaptive (VLocNet++, equation 1), or the plain kind that it is measured against."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional


class Fusion(nn.Module):
    """A 1x1 convolution of two maps, one behind the other, that keeps as many channels as the first.

    What follows is the same for every kind, and so is what learning begins with: the first map alone.

    Args:
        a: channels of the map that is refined.
        b: channels of the map that is brought in.
    """

    #: Added to what passes at first: where the negative is cut off, nearly nothing of a fresh network's features is.
    #: The normalisation behind takes it out.
    offset: ClassVar[float] = 0.0

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.pool = nn.Conv2d(a + b, a, 1)

    def let_pass(self, offset: float | None = None) -> None:
        """Identity on z_a and an offset, by default the class's; what z_b has to add is learned from there."""
        nn.init.dirac_(self.pool.weight)
        nn.init.constant_(torch.as_tensor(self.pool.bias), self.offset if offset is None else offset)


class AdaptiveFusion(Fusion):
    """``max(W * ((w_a . z_a) + (w_b . z_b)) + b, 0)`` with + the concatenation over channels.

    The learned scalar per channel weighs each map before the 1x1 convolution pools them. Arguments are `Fusion`'s.
    """

    offset = 4.0

    def __init__(self, a: int, b: int) -> None:
        super().__init__(a, b)
        self.weight_a = nn.Parameter(torch.ones(1, a, 1, 1))
        self.weight_b = nn.Parameter(torch.ones(1, b, 1, 1))

    def forward(self, z_a: Tensor, z_b: Tensor) -> Tensor:
        """(B, a, H, W) and (B, b, H, W) to (B, a, H, W)."""
        return functional.relu(self.pool(torch.cat([self.weight_a * z_a, self.weight_b * z_b], dim=1)))


class ConcatenationFusion(Fusion):
    """``W * (z_a + z_b) + b`` with + the concatenation over channels: no weights of its own, nothing cut off."""

    def forward(self, z_a: Tensor, z_b: Tensor) -> Tensor:
        """(B, a, H, W) and (B, b, H, W) to (B, a, H, W)."""
        return torch.as_tensor(self.pool(torch.cat([z_a, z_b], dim=1)))


#: By the name that the configuration gives them.
FUSIONS: dict[str, type[AdaptiveFusion] | type[ConcatenationFusion]] = {
    "adaptive": AdaptiveFusion,
    "concatenation": ConcatenationFusion,
}

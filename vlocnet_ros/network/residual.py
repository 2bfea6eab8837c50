"""Full pre-activation residual units (He et al. 2016) with ELU or ReLU, and AdapNet's multi-scale units."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vlocnet_ros.network.elu import FastELU

Norm = Callable[[int], nn.Module]
Activation = type[nn.ELU] | type[nn.ReLU]

#: Activations by their name in the configuration.
ACTIVATIONS: dict[str, Activation] = {"elu": FastELU, "relu": nn.ReLU}


def group_norm(channels: int) -> nn.Module:
    """Return a normalisation without running statistics, for blocks with two kinds of input (fused and unfused).

    With batch normalisation, both kinds of input would share one running mean, which is wrong for both at test time.
    """
    return nn.GroupNorm(max(g for g in (8, 4, 2, 1) if channels % g == 0), channels)


class ResidualUnit(nn.Module):
    """Bottleneck unit: 1x1, 3x3 and 1x1 convolution, each after normalisation and activation, plus the input.

    With two dilations, the channels of the 3x3 convolution are split into halves with different dilation (AdapNet's
    multi-scale unit): more context for the same number of parameters.

    Args:
        channels: channels of the input.
        mid: channels of the 3x3 convolution.
        out: channels of the output.
        stride: stride of the 3x3 convolution.
        dilations: one dilation, or one for each half of the channels.
        dropout: share of channels dropped before the last convolution.
        norm: normalisation layer for a number of channels.
        activation: ELU, as in the paper, or ReLU.
    """

    def __init__(
        self,
        channels: int,
        mid: int,
        out: int,
        *,
        stride: int = 1,
        dilations: tuple[int, ...] = (1,),
        dropout: float = 0.0,
        norm: Norm = nn.BatchNorm2d,
        activation: Activation = nn.ELU,
    ) -> None:
        super().__init__()
        self.activation = activation(inplace=True)
        self.norm1, self.norm2, self.norm3 = norm(channels), norm(mid), norm(mid)
        self.conv1 = nn.Conv2d(channels, mid, 1, bias=False)
        self.conv2 = nn.ModuleList(
            nn.Conv2d(mid, mid // len(dilations), 3, stride, padding=d, dilation=d, bias=False) for d in dilations
        )
        self.conv3 = nn.Conv2d(mid, out, 1, bias=False)
        self.dropout = nn.Dropout2d(dropout)
        projected = stride != 1 or channels != out
        self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False) if projected else None

    def forward(self, x: Tensor) -> Tensor:
        """Compute (B, out, ceil(H / stride), ceil(W / stride)) from (B, channels, H, W)."""
        activated = self.activation(self.norm1(x))
        shortcut = x if self.shortcut is None else self.shortcut(activated)
        y = self.activation(self.norm2(self.conv1(activated)))
        y = self.conv2[0](y) if len(self.conv2) == 1 else torch.cat([conv(y) for conv in self.conv2], dim=1)
        y = self.conv3(self.dropout(self.activation(self.norm3(y))))
        return torch.as_tensor(y + shortcut)


def block(
    channels: int,
    mid: int,
    out: int,
    units: int,
    *,
    stride: int,
    norm: Norm = nn.BatchNorm2d,
    activation: Activation = nn.ELU,
) -> nn.Sequential:
    """Build a residual block: a unit with the stride, then units that keep the size."""
    first = ResidualUnit(channels, mid, out, stride=stride, norm=norm, activation=activation)
    others = (ResidualUnit(out, mid, out, norm=norm, activation=activation) for _ in range(units - 1))
    return nn.Sequential(first, *others)


def stem(channels: int) -> nn.Sequential:
    """Build Res1: 7x7 convolution and max pooling, output stride 4. The next unit's pre-activation normalises it."""
    return nn.Sequential(nn.Conv2d(3, channels, 7, 2, 3, bias=False), nn.MaxPool2d(3, 2, 1))


def initialize(module: nn.Module) -> None:
    """Set Xavier weights and zero biases in every convolution and linear layer of a module."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

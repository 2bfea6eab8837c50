"""Fold batch normalisations into convolutions: the same function with fewer operations, for inference only."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from vlocnet_ros.network.residual import ResidualUnit

M = TypeVar("M", bound=nn.Module)


@torch.no_grad()
def folded(network: M) -> M:
    """Copy a network with its batch normalisations folded into the convolutions before them.

    A pre-activation unit has two such pairs. Its first normalisation follows a sum and stays, as do normalisations
    without running statistics. The copy gives the network's results up to rounding, in evaluation mode only.
    """
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, ResidualUnit):
            module.norm2 = _fold([module.conv1], module.norm2)
            module.norm3 = _fold(list(module.conv2), module.norm3)
        elif isinstance(module, nn.Sequential):
            for index in range(1, len(module)):
                module[index] = _fold([module[index - 1]], module[index])
    return network


def _fold(convolutions: list[nn.Module], norm: nn.Module) -> nn.Module:
    """Fold a normalisation into convolutions that share its channels; return its replacement, or itself if it stays."""
    if not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None or norm.running_var is None:
        return norm
    if not all(type(convolution) is nn.Conv2d for convolution in convolutions):
        return norm
    first = 0
    for convolution in convolutions:
        assert isinstance(convolution, nn.Conv2d)
        share = slice(first, first + convolution.out_channels)
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight,
            convolution.bias,
            norm.running_mean[share],
            norm.running_var[share],
            norm.eps,
            norm.weight[share],
            norm.bias[share],
        )
        first = share.stop
    return nn.Identity()

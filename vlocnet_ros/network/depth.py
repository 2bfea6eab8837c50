"""Small depth decoder on the segmentation encoder, for warping (the paper uses DispNet, trained separately)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.residual import ACTIVATIONS
from vlocnet_ros.network.segmentation import SegmentationFeatures

#: Output stride of the features from which depth is decoded.
_STRIDE = 8


class DepthDecoder(nn.Module):
    """Depth from the unfused features of one frame: its logarithm at output stride 8, enlarged to the input size."""

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        _, c3, _, c5 = config.outputs
        width, activation = config.depth_channels, ACTIVATIONS[config.activation]
        self.deep = nn.Sequential(nn.BatchNorm2d(c5), activation(inplace=True), nn.Conv2d(c5, width, 1))
        self.fine = nn.Sequential(nn.BatchNorm2d(c3), activation(inplace=True), nn.Conv2d(c3, width, 1))
        self.head = nn.Sequential(
            activation(inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            activation(inplace=True),
            nn.Conv2d(width, 1, 3, padding=1),
        )
        self.enlarge = Enlargement(config.height // _STRIDE, config.width // _STRIDE, _STRIDE)
        self.log_range = (math.log(config.depth_range[0]), math.log(config.depth_range[1]))

    def forward(self, features: SegmentationFeatures) -> Tensor:
        """Decode depth (B, 1, H, W) in metres, float32, within the configured range."""
        x = functional.interpolate(self.deep(features.res5c), scale_factor=2.0, mode="bilinear", align_corners=False)
        score = self.enlarge(self.head(x + self.fine(features.res3d)))
        low, high = self.log_range
        return torch.exp(low + (high - low) * torch.sigmoid(score))


class Enlargement(nn.Module):
    """Bilinear enlargement of maps of one channel as two products of matrices.

    Inference libraries interpolate a single channel ten times as slowly. The result is that of
    `torch.nn.functional.interpolate` with ``align_corners=False``, up to rounding.

    Args:
        height, width: size of the maps.
        factor: factor of the enlargement.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, height: int, width: int, factor: int) -> None:
        super().__init__()
        for name, size in (("rows", height), ("columns", width)):
            unit = torch.eye(size)[None]
            weights = functional.interpolate(unit, scale_factor=float(factor), mode="linear", align_corners=False)
            self.register_buffer(name, weights[0].T.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge (B, 1, height, width), in the precision of the module's own weights, also under autocast."""
        with torch.autocast(x.device.type, enabled=False):
            return self.rows @ x.to(self.rows.dtype) @ self.columns.T

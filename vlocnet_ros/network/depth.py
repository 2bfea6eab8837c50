"""Small depth decoder on the segmentation encoder, for warping (the paper uses DispNet, trained separately)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.residual import ACTIVATIONS
from vlocnet_ros.network.segmentation import SegmentationFeatures


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
        self.log_range = (math.log(config.depth_range[0]), math.log(config.depth_range[1]))

    def forward(self, features: SegmentationFeatures) -> Tensor:
        """Decode depth (B, 1, H, W) in metres, float32, within the configured range."""
        x = functional.interpolate(self.deep(features.res5c), scale_factor=2.0, mode="bilinear", align_corners=False)
        score = functional.interpolate(
            self.head(x + self.fine(features.res3d)), scale_factor=8.0, mode="bilinear", align_corners=False
        )
        low, high = self.log_range
        return torch.exp(low + (high - low) * torch.sigmoid(score.float()))

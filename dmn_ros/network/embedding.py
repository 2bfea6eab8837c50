"""Embedding of images: one CNN for the map's views, another of the same shape for queries (section 3, "Mapping")."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmn_ros.config import NetworkConfig
from localization_common.photometry.normalization import PhotometricNormalization


class ImageEmbedding(nn.Module):
    """CNN from images (B, 3, H, W), float32 RGB in 0..1, to features (B, C, rows, columns) of `NetworkConfig.grid`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.front_end = PhotometricNormalization(config.normalization)
        self.size = (config.image_height, config.image_width)
        blocks: list[nn.Module] = []
        channels = 3
        for width, stride in zip(config.block_widths, config.block_strides, strict=True):
            blocks += [
                nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            channels = width
        self.blocks = nn.Sequential(*blocks, nn.Conv2d(channels, config.feature_channels, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Compute features of images; raise ValueError for another image size."""
        if images.shape[-3:] != (3, *self.size):
            raise ValueError(
                f"images are {tuple(images.shape)}, the embedding needs (B, 3, {self.size[0]}, {self.size[1]})"
            )
        features: Tensor = self.blocks(self.front_end(images) - 0.5)
        return features


def images_to_tensor(images: Tensor) -> Tensor:
    """Convert uint8 images (..., H, W, 3) to float32 (..., 3, H, W) in 0..1."""
    return images.movedim(-1, -3).to(torch.float32) / 255.0

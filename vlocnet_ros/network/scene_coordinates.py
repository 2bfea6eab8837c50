"""Scene coordinates: the point in the map that each cell of an image shows (DSAC++, figure 2 of the paper).

A pose is solved from them (`runtime.scene_pose`). The decoder is a perceptron for single cells on features that know no
place (ACE: Brachmann et al., CVPR 2023). So one image gives hundreds of training examples, and the features of all
images can be computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlocnet_ros.config import VLocNetConfig

#: Size of a cell in pixels: the output stride of Res3.
STRIDE = 8
#: Residual layers of the perceptron.
_LAYERS = 6
#: Smallest deviation of a feature.
_LEAST = 1e-3


class SceneCoordinateStream(nn.Module):
    """Perceptron from the features of a cell to its scene coordinates.

    Features are Res3 of the trunk with blocks 2 and 4 of AdapNet's encoder, or with Res4 and Res5a of an own encoder in
    networks without AdapNet. Buffers, stored with the weights, hold the mean and deviation of features and points.
    """

    feature_mean: Tensor
    feature_scale: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        _, c3, c4, c5 = config.outputs
        channels = c3 + (c3 if config.tasks.encoder else c4) + c5
        width = config.coordinate_channels
        self.first = nn.Linear(channels, width)
        self.layers = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width)) for _ in range(_LAYERS))
        self.last = nn.Linear(width, 4)
        self.register_buffer("feature_mean", torch.zeros(channels))
        self.register_buffer("feature_scale", torch.ones(channels))
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("scale", torch.ones(3))

    def set_feature_range(self, features: Tensor) -> None:
        """Set mean and deviation of the features to those of some cells (N, C)."""
        deviation, mean = torch.std_mean(features.float(), dim=0)
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(deviation.clamp_min(_LEAST))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Predict scene coordinates (B, 4, h, w), float32, for feature maps (B, C, ., .) of which the first has h x w.

        Returns:
            Point in the map (x, y, z), metres, and logarithm of its expected reprojection error in pixels.
        """
        batch, _, height, width = maps[0].shape
        return self.predict(cell_features(maps)).transpose(1, 2).reshape(batch, 4, height, width)

    def predict(self, features: Tensor) -> Tensor:
        """Predict scene coordinates (..., 4) for features of cells (..., C), see `cell_features`."""
        x = self.first((features - self.feature_mean) / self.feature_scale)
        for layer in self.layers:
            x = x + functional.gelu(layer(x))
        # Half precision is too coarse for centimetres far from the map's origin.
        raw = self.last(x).float()
        return torch.cat([raw[..., :3] * self.scale + self.mean, raw[..., 3:]], dim=-1)


def cell_features(maps: Sequence[Tensor]) -> Tensor:
    """Return features (B, h * w, C) of cells, row by row: feature maps, enlarged to the first one's size and joined."""
    size = maps[0].shape[-2:]
    enlarged = [maps[0], *(functional.interpolate(m, size, mode="bilinear", align_corners=False) for m in maps[1:])]
    return torch.cat(enlarged, dim=1).flatten(2).transpose(1, 2)


def cell_rays(height: int, width: int, intrinsics: Tensor) -> Tensor:
    """Compute rays (h * w, 3) through the cells' centres at depth one, optical axes, row by row.

    Args:
        height, width: size of the image in pixels, multiples of `STRIDE`.
        intrinsics: (4,) fx, fy, cx, cy in pixels.
    """
    fx, fy, cx, cy = intrinsics
    rows = torch.arange(height // STRIDE, device=intrinsics.device) * STRIDE + 0.5 * (STRIDE - 1)
    columns = torch.arange(width // STRIDE, device=intrinsics.device) * STRIDE + 0.5 * (STRIDE - 1)
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u)], dim=-1).flatten(0, 1)

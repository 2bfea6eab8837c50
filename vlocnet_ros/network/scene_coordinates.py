"""Scene coordinates: the point in the map that each cell of an image shows (DSAC++, figure 2 of the paper).

A pose is solved from them (`runtime.scene_pose`). Each cell of 8 x 8 pixels predicts one point, so that a few images
give thousands of training examples, where a regressor of poses gets one from each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.residual import ACTIVATIONS, ResidualUnit

#: Size of a cell in pixels: the output stride of Res3.
STRIDE = 8
#: Residual units after the fusion of the three scales.
_UNITS = 3


class SceneCoordinateStream(nn.Module):
    """Decoder of scene coordinates from the pose stream's Res3, Res4 and Res5a.

    Outputs of the last layer are of the order of one. Buffers, stored with the weights, scale them to the map.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        _, c3, c4, c5 = config.outputs
        width, activation = config.coordinate_channels, ACTIVATIONS[config.activation]

        def lateral(channels: int) -> nn.Sequential:
            return nn.Sequential(nn.BatchNorm2d(channels), activation(), nn.Conv2d(channels, width, 1))

        self.fine, self.middle, self.coarse = lateral(c3), lateral(c4), lateral(c5)
        units = (ResidualUnit(width, width // 2, width, activation=activation) for _ in range(_UNITS))
        self.body = nn.Sequential(*units)
        self.head = nn.Sequential(
            nn.BatchNorm2d(width),
            activation(inplace=True),
            nn.Conv2d(width, 2 * width, 1),
            activation(inplace=True),
            nn.Conv2d(2 * width, 4, 1),
        )
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("scale", torch.ones(3))

    def forward(self, res3: Tensor, res4: Tensor, res5a: Tensor) -> Tensor:
        """Predict scene coordinates (B, 4, h, w), float32, for features at output strides 8, 16 and 32.

        Returns:
            Point in the map (x, y, z), metres, and logarithm of its expected reprojection error in pixels.
        """
        x = self.middle(res4) + _enlarged(self.coarse(res5a), res4)
        x = self.fine(res3) + _enlarged(x, res3)
        # Half precision is too coarse for centimetres far from the map's origin.
        raw = self.head(self.body(x)).float()
        points = raw[:, :3] * self.scale.view(3, 1, 1) + self.mean.view(3, 1, 1)
        return torch.cat([points, raw[:, 3:]], dim=1)


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    """Interpolate features to the height and width of others."""
    return functional.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


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

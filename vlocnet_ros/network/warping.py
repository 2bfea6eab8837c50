"""Warping of the previous frame's features into the current view: multi-view geometry on feature maps.

The sampling grid is computed once, at input resolution, and averaged down to each scale.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from localization_common.geometry import quaternions

#: Smallest distance in metres from the previous image plane at which a point is projected.
MIN_DEPTH = 0.01


def sampling_grid(depth: Tensor, translation: Tensor, quaternion: Tensor, intrinsics: Tensor) -> Tensor:
    """Compute the position of each pixel of the current frame in the previous one.

    Args:
        depth: (B, 1, H, W) metres along the current optical axis.
        translation: (B, 3) position of the current camera in the previous optical frame, metres.
        quaternion: (B, 4) rotation of the current camera, unit, w first.
        intrinsics: (4,) fx, fy, cx, cy in pixels of this resolution, pixel centres at integers.

    Returns:
        (B, 2, H, W) normalised coordinates (x, y), -1..1 from border to border of the previous image. Points behind
        the previous camera lie outside of it.
    """
    height, width = depth.shape[-2:]
    fx, fy, cx, cy = intrinsics.to(depth).unbind()
    x = (torch.arange(width, dtype=depth.dtype, device=depth.device) - cx) / fx
    y = (torch.arange(height, dtype=depth.dtype, device=depth.device)[:, None] - cy) / fy
    # Not a matrix product, which automatic mixed precision would round to half a pixel.
    across, down, ahead = quaternions.to_matrix(quaternion)[..., None, None].unbind(2)
    points = ((across * x + down * y + ahead) * depth).flatten(2) + translation.unsqueeze(-1)
    z = points[:, 2:]
    nearness = 1.0 / z.clamp_min(MIN_DEPTH)
    u, v = points[:, :1] * nearness * fx + cx, points[:, 1:2] * nearness * fy + cy
    normalised = torch.cat([(2.0 * u + 1.0) / width - 1.0, (2.0 * v + 1.0) / height - 1.0], dim=1)
    # Bounded, so that far outliers do not change the average over a cell; 3 is outside for every neighbour.
    normalised = torch.where(z > MIN_DEPTH, normalised, torch.full_like(normalised, 3.0)).clamp(-3.0, 3.0)
    return normalised.reshape(-1, 2, height, width)


def warp(features: Tensor, grid: Tensor) -> Tensor:
    """Resample features of the previous frame in the current view, bilinear; zero outside the previous view.

    Args:
        features: (B, C, h, w) features whose h and w divide the grid's size.
        grid: (B, 2, H, W) result of `sampling_grid`.
    """
    scale = (grid.shape[-2] // features.shape[-2], grid.shape[-1] // features.shape[-1])
    pooled = functional.avg_pool2d(grid, scale).permute(0, 2, 3, 1).to(features.dtype)
    return functional.grid_sample(features, pooled, mode="bilinear", padding_mode="zeros", align_corners=False)

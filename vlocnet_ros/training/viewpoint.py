"""Viewpoint augmentation: the image of a camera at a nearby pose, from an image and its depth.

Depth is splatted into the new view (z-buffer), small gaps are closed, and the image is then sampled backwards through
the new view's depth: bilinear, so that odometry can be learned to fractions of a pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.training.depth_completion import complete

#: Depth of empty pixels in depth buffers, metres.
FAR = 1e4
#: Smallest depth of points that are drawn, metres.
NEAR = 0.05
#: Largest ratio of the depth of a measured surface to that of the surface that is drawn there, if both are one.
_SAME = 1.01


class ReprojectedView(NamedTuple):
    """Re-projected frame: image (B, 3, H, W), depth (B, H, W) with NaN, labels (B, H, W) with 255, seen (B, H, W)."""

    image: Tensor
    depth: Tensor
    labels: Tensor | None
    seen: Tensor


def reproject(
    image: Tensor, depth: Tensor, labels: Tensor | None, intrinsics: Tensor, translation: Tensor, quaternion: Tensor
) -> ReprojectedView:
    """Re-project frames to other poses.

    Args:
        image: (B, 3, H, W) float.
        depth: (B, H, W) metres, NaN where unknown. Such pixels are drawn with completed depth
            (`depth_completion.complete`), and the new view's depth is NaN there; frames without any depth are empty.
        labels: (B, H, W) uint8 or None.
        intrinsics: (4,) fx, fy, cx, cy.
        translation, quaternion: (B, 3), (B, 4) pose of the new camera in the old optical frame.
    """
    partial = bool(torch.isnan(depth).any())
    drawn = complete(depth) if partial else depth
    new_depth = _close(_splat(drawn, intrinsics, translation, quaternion))
    u, v, _ = _project(new_depth, intrinsics, translation, quaternion, inverse=False)
    height, width = depth.shape[-2:]
    inside = (u > -0.5) & (u < width - 0.5) & (v > -0.5) & (v < height - 0.5)
    seen = (new_depth < FAR) & inside
    grid = torch.stack([(2.0 * u + 1.0) / width - 1.0, (2.0 * v + 1.0) / height - 1.0], dim=-1)
    grid = grid.clamp(-2.0, 2.0)
    sampled = functional.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    new_labels = None
    if labels is not None:
        nearest = v.round().long().clamp(0, height - 1) * width + u.round().long().clamp(0, width - 1)
        taken = labels.flatten(1).gather(1, nearest.flatten(1)).view_as(labels)
        new_labels = torch.where(seen, taken, torch.full_like(taken, 255))
    measured = seen
    if partial:
        own = _close(_splat(depth, intrinsics, translation, quaternion))
        measured = seen & (own < _SAME * new_depth)
    nan = torch.full_like(new_depth, float("nan"))
    return ReprojectedView(sampled, torch.where(measured, new_depth, nan), new_labels, seen)


def _project(
    depth: Tensor, intrinsics: Tensor, translation: Tensor, quaternion: Tensor, *, inverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Project a depth map's points into the other camera: pixels (u, v) and depth, each (B, H, W)."""
    height, width = depth.shape[-2:]
    fx, fy, cx, cy = intrinsics.unbind()
    v, u = torch.meshgrid(
        torch.arange(height, dtype=depth.dtype, device=depth.device),
        torch.arange(width, dtype=depth.dtype, device=depth.device),
        indexing="ij",
    )
    rays = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u)]).flatten(1)
    points = rays * depth.flatten(1)[:, None]
    rotation = quaternions.to_matrix(quaternion)
    if inverse:
        points = rotation.transpose(1, 2) @ (points - translation[:, :, None])
    else:
        points = rotation @ points + translation[:, :, None]
    z = points[:, 2].clamp_min(1e-3)
    pixels = [points[:, 0] / z * fx + cx, points[:, 1] / z * fy + cy, points[:, 2]]
    u2, v2, z2 = (p.view_as(depth) for p in pixels)
    return u2, v2, z2


def _splat(depth: Tensor, intrinsics: Tensor, translation: Tensor, quaternion: Tensor) -> Tensor:
    """Return the depth buffer (B, H, W) of the new view, FAR in empty pixels."""
    known = torch.isfinite(depth) & (depth > 0)
    u, v, z = _project(
        torch.where(known, depth, torch.ones_like(depth)), intrinsics, translation, quaternion, inverse=True
    )
    height, width = depth.shape[-2:]
    u, v = u.round().clamp(-1, width).long(), v.round().clamp(-1, height).long()
    drawn = known & (z > NEAR) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    size = height * width
    cell = torch.where(drawn, v * width + u, torch.full_like(u, size)).flatten(1)
    values = torch.where(drawn, z, torch.full_like(z, FAR)).flatten(1)
    buffer = torch.full((len(depth), size + 1), FAR, dtype=depth.dtype, device=depth.device)
    return buffer.scatter_reduce(1, cell, values, "amin")[:, :size].view_as(depth)


def _close(depth: Tensor) -> Tensor:
    """Close gaps up to two pixels wide, where a nearer surface was stretched and the surface behind it is visible.

    Minimum, then maximum, over 3x3: exact on planes, without displacement of edges.
    """
    nearest = -functional.max_pool2d(-depth[:, None], 3, 1, 1)
    closed = functional.max_pool2d(nearest, 3, 1, 1)[:, 0]
    return torch.where(closed < 0.9 * depth, closed, depth)

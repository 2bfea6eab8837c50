"""Loss of scene coordinates: reprojection errors, and distances to the true points where there is depth.

DSAC++ (Brachmann and Rother, CVPR 2018) first trains distances, then reprojection errors. Both are trained together
here, since the distances keep points on their rays while reprojection errors are large. The reprojection errors have
the likelihood of Laplace's distribution with a predicted scale, so that each cell learns how accurate it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from localization_common.geometry import quaternions
from vlocnet_ros.network.scene_coordinates import STRIDE, cell_rays
from vlocnet_ros.training.losses import Targets

#: Reprojection errors, pixels, above which a point is moved towards its true place only.
_FAR = 50.0
#: Least depth of a point in front of the camera, metres.
_NEAR = 0.1
#: Bounds of the logarithm of the expected error: 0.05 to 55 pixels.
_LOG_RANGE = (-3.0, 4.0)
#: Depths of one cell that differ by more than this share belong to several surfaces: such a cell has no true point.
_EDGE = 0.1
#: Weight of the distances, relative to the depth of the point, in units of the reprojection term.
_DISTANCE_WEIGHT = 3.0
#: Depth of points without true depth that do not project near their cells, metres (ACE uses 10 for larger scenes).
_ASSUMED_DEPTH = 3.0


@dataclass(frozen=True)
class CoordinateErrors:
    """Predicted scene coordinates beside the truth, for the P cells of B frames.

    Args:
        coordinates: (B, 4, h, w) of `SceneCoordinateStream`.
        targets: poses of the camera, and depth if there is any.
        intrinsics: (4,) fx, fy, cx, cy in pixels.
    """

    coordinates: Tensor
    targets: Targets
    intrinsics: Tensor

    @cached_property
    def rays(self) -> Tensor:
        """Rays (P, 3) of the cells at depth one, optical axes."""
        height, width = (STRIDE * n for n in self.coordinates.shape[-2:])
        return cell_rays(height, width, self.intrinsics)

    @cached_property
    def depth(self) -> Tensor:
        """True depth (B, P) of the cells' centres, metres; NaN where it is unknown or the surface is not one."""
        batch, _, rows, columns = self.coordinates.shape
        if self.targets.depth is None:
            return self.coordinates.new_full((batch, rows * columns), float("nan"))
        depth = self.targets.depth.float()[:, : rows * STRIDE, : columns * STRIDE]
        near = slice(STRIDE // 2 - 1, STRIDE // 2 + 1)
        middle = depth.reshape(batch, rows, STRIDE, columns, STRIDE)[:, :, near, :, near]
        middle = middle.permute(0, 1, 3, 2, 4).flatten(3)
        low, high = middle.amin(-1), middle.amax(-1)  # NaN if one of the four is
        return torch.where(high - low < _EDGE * low, middle.mean(-1), torch.full_like(low, float("nan"))).flatten(1)

    @cached_property
    def true_points(self) -> Tensor:
        """True points (B, P, 3) in the map, metres; NaN where the depth is unknown."""
        optical = self.rays * self.depth[..., None]
        turns = self.targets.quaternion[:, None].expand(-1, optical.shape[1], -1)
        return quaternions.rotate(turns, optical) + self.targets.translation[:, None]

    @cached_property
    def points(self) -> Tensor:
        """Predicted points (B, P, 3) in the camera's optical frame, metres."""
        points = self.coordinates[:, :3].flatten(2).transpose(1, 2) - self.targets.translation[:, None]
        inverse = quaternions.conjugate(self.targets.quaternion)
        return quaternions.rotate(inverse[:, None].expand(-1, points.shape[1], -1), points)

    @cached_property
    def log_scale(self) -> Tensor:
        """Logarithm (B, P) of the expected reprojection error, pixels."""
        return self.coordinates[:, 3].flatten(1).clamp(*_LOG_RANGE)

    @cached_property
    def known(self) -> Tensor:
        """True (B, P) for cells with true depth."""
        return torch.isfinite(self.depth) & (self.depth > _NEAR)

    @cached_property
    def reprojection(self) -> Tensor:
        """Distance (B, P) between the projection of a point and the centre of its cell, pixels; `_FAR` behind."""
        z = self.points[..., 2:]
        offset = (self.points[..., :2] / z.clamp_min(_NEAR) - self.rays[:, :2]) * self.intrinsics[:2]
        pixels = (offset.square().sum(-1) + 1e-4).sqrt()
        return torch.where(z[..., 0] > _NEAR, pixels, torch.full_like(pixels, _FAR))

    def distance(self, depth: Tensor) -> Tensor:
        """Distance (B, P) of the points to those at a depth (B, P) on their rays, as a share of this depth."""
        return (self.points - self.rays * depth[..., None]).norm(dim=-1) / depth


def coordinate_loss(errors: CoordinateErrors) -> Tensor:
    """Compute the mean over the cells whose point can be judged; 0 without any.

    In a frame without any depth, every cell is judged by its reprojection; points that project far from their cells are
    moved to an assumed depth first. In a frame with depth, cells without depth are left out.
    """
    known = errors.known
    blind = ~known.any(1, keepdim=True)
    projected = errors.reprojection < _FAR
    likelihood = errors.reprojection / errors.log_scale.exp() + 2.0 * errors.log_scale
    depth = torch.where(known, errors.depth, torch.full_like(errors.depth, _ASSUMED_DEPTH))
    distance = _DISTANCE_WEIGHT * errors.distance(depth)
    total = (likelihood * (projected & (known | blind))).sum() + (distance * (known | (blind & ~projected))).sum()
    return total / (known | blind).sum().clamp_min(1)

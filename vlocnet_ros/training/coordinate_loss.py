"""Loss of scene coordinates: reprojection errors, and distances to the true points where there is depth.

DSAC++ (Brachmann and Rother, CVPR 2018) first trains distances, then reprojection errors. Both are trained together
here, since the distances keep points on their rays while reprojection errors are large. The reprojection errors have
the likelihood of Laplace's distribution with a predicted scale, so that each cell learns how accurate it is.
"""

from __future__ import annotations

from typing import NamedTuple

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


class Cells(NamedTuple):
    """Cells of some frames with what is known of them.

    Attributes:
        rays: (..., 3) at depth one, optical axes.
        depth: (...) true depth of their centres, metres; NaN where it is unknown.
        judged: (...) whether a cell takes part: with true depth, or in a frame without any depth.
        translation, quaternion: (..., 3), (..., 4) pose of their camera in the map.
    """

    rays: Tensor
    depth: Tensor
    judged: Tensor
    translation: Tensor
    quaternion: Tensor

    @property
    def points(self) -> Tensor:
        """True points (..., 3) in the map, metres; NaN where the depth is unknown."""
        return quaternions.rotate(self.quaternion, self.rays * self.depth[..., None]) + self.translation

    @property
    def known(self) -> Tensor:
        """True (...) for cells with true depth."""
        return torch.isfinite(self.depth)


def cells_of(targets: Targets, height: int, width: int, intrinsics: Tensor) -> Cells:
    """Return the cells (B, P) of frames.

    Args:
        targets: poses of the camera, and depth if there is any.
        height, width: size of the images in pixels.
        intrinsics: (4,) fx, fy, cx, cy in pixels.
    """
    rays, batch = cell_rays(height, width, intrinsics), len(targets.translation)
    shape = (batch, len(rays))
    depth = rays.new_full(shape, float("nan"))
    if targets.depth is not None:
        depth = _centres(targets.depth.float())
    known = torch.isfinite(depth)
    return Cells(
        rays.expand(batch, -1, -1),
        depth,
        known | ~known.any(1, keepdim=True),
        targets.translation[:, None].expand(*shape, 3),
        targets.quaternion[:, None].expand(*shape, 4),
    )


def _centres(depth: Tensor) -> Tensor:
    """Return depth (B, P) in the middle of cells from depth (B, H, W); NaN where the surface is not one."""
    batch, rows, columns = depth.shape[0], depth.shape[1] // STRIDE, depth.shape[2] // STRIDE
    near = slice(STRIDE // 2 - 1, STRIDE // 2 + 1)
    grid = depth[:, : rows * STRIDE, : columns * STRIDE].reshape(batch, rows, STRIDE, columns, STRIDE)
    middle = grid[:, :, near, :, near].permute(0, 1, 3, 2, 4).flatten(3)
    low, high = middle.amin(-1), middle.amax(-1)  # NaN if one of the four is
    one = (high - low < _EDGE * low) & (low > _NEAR)
    return torch.where(one, middle.mean(-1), torch.full_like(low, float("nan"))).flatten(1)


class CellErrors(NamedTuple):
    """Errors of predicted scene coordinates.

    Attributes:
        pixels: (...) distance between the projection of a point and the centre of its cell; `_FAR` behind the camera.
        distance: (...) distance to the true point, as a share of its depth; to an assumed one where it is unknown.
    """

    pixels: Tensor
    distance: Tensor


def cell_errors(coordinates: Tensor, cells: Cells, intrinsics: Tensor) -> CellErrors:
    """Compute the errors of scene coordinates (..., 4) of cells (...)."""
    points = quaternions.rotate(quaternions.conjugate(cells.quaternion), coordinates[..., :3] - cells.translation)
    z = points[..., 2:]
    offset = (points[..., :2] / z.clamp_min(_NEAR) - cells.rays[..., :2]) * intrinsics[:2]
    pixels = (offset.square().sum(-1) + 1e-4).sqrt()
    depth = torch.where(cells.known, cells.depth, torch.full_like(cells.depth, _ASSUMED_DEPTH))
    distance = (points - cells.rays * depth[..., None]).norm(dim=-1) / depth
    return CellErrors(torch.where(z[..., 0] > _NEAR, pixels, torch.full_like(pixels, _FAR)), distance)


def coordinate_loss(coordinates: Tensor, cells: Cells, intrinsics: Tensor) -> Tensor:
    """Compute the mean over the cells that are judged; 0 without any.

    A cell without depth is judged by its reprojection; a point that projects far from its cell is moved to an assumed
    depth first.

    Args:
        coordinates: (..., 4) of the network.
        cells: cells (...).
        intrinsics: (4,) fx, fy, cx, cy in pixels.
    """
    errors, log_scale = cell_errors(coordinates, cells, intrinsics), coordinates[..., 3].clamp(*_LOG_RANGE)
    beyond = (coordinates[..., 3] - log_scale).abs()  # outside of the bounds, the likelihood has no gradient
    projected = errors.pixels < _FAR
    likelihood = (errors.pixels / log_scale.exp() + 2.0 * log_scale) * projected
    distance = _DISTANCE_WEIGHT * errors.distance * (cells.known | ~projected)
    return ((likelihood + distance + beyond) * cells.judged).sum() / cells.judged.sum().clamp_min(1)

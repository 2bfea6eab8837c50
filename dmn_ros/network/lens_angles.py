"""Learned projection of points in front of a camera into its picture: pinhole pictures and panoramas.

A lens starts from a configured angle and learns its parameters, because worlds of pictures with poses do not contain
them. The frame is that of the camera, level with the floor: x ahead, y left, z up.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network import egocentric

#: Least depth of a visible point, map units.
_NEAR = 0.05
#: Factor on the depth that a point lacks to the least depth. The smallest such difference in float32, 4e-9, moves the
#: point out of the picture, which spans -1..1 for `functional.grid_sample`.
_FAR = 1e10


class PinholeLens(nn.Module):
    """Lens of a picture of less than half a turn; depth is measured along x."""

    wraps = False

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.grid, self.aspect = config.grid, config.image_width / config.image_height
        self.focal = nn.Parameter(torch.tensor(0.5 / math.tan(math.radians(config.view_angle) / 2)))  # picture widths
        self.horizon = nn.Parameter(torch.tensor(0.5))  # picture heights, from the top

    def rays(self) -> Tensor:
        """Compute directions (P, 3) of the cells of a feature grid, row by row, at depth 1."""
        v, u = cell_centres(self.grid, self.focal.device)
        left, up = (0.5 - u) / self.focal, (self.horizon - v) / (self.focal * self.aspect)
        return torch.stack([torch.ones_like(left), left, up], dim=-1)

    def rows(self, points: Tensor) -> Tensor:
        """Compute the matrices (3, ..., P, 5) of points (..., P, 3) for `places`.

        Times `egocentric.point_motion`, they give the depth of the moved points, and their places in the picture times
        depth.
        """
        x, y, z = egocentric.moving_points(points)
        return torch.stack(
            [x, -2.0 * self.focal * y, (2.0 * self.horizon - 1.0) * x - 2.0 * self.focal * self.aspect * z]
        )

    def places(self, points: Tensor) -> Tensor:
        """Project points (3, ...), products of `rows`: coordinates (2, ...) for `functional.grid_sample`."""
        depth = points[0].clamp_min(_NEAR)
        places = points[1:] * depth.reciprocal()
        # a point nearer than the least depth is outside; two sums are faster than a mask
        places[0] += (depth - points[0]).detach() * _FAR
        return places


class PanoramicLens(nn.Module):
    """Lens of a picture of all directions (equirectangular), its middle ahead; depth is measured along the floor."""

    wraps = True

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.grid, self.aspect = config.grid, config.image_width / config.image_height
        self.horizon = nn.Parameter(torch.tensor(0.5))

    def rays(self) -> Tensor:
        """See `PinholeLens.rays`."""
        v, u = cell_centres(self.grid, self.horizon.device)
        bearing, elevation = (0.5 - u) * (2.0 * math.pi), (self.horizon - v) * (2.0 * math.pi / self.aspect)
        return torch.stack([bearing.cos(), bearing.sin(), elevation.tan()], dim=-1)

    def rows(self, points: Tensor) -> Tensor:
        """See `PinholeLens.rows`; here the products are the moved points themselves."""
        return torch.stack(egocentric.moving_points(points))

    def places(self, points: Tensor) -> Tensor:
        """See `PinholeLens.places`; for a picture with one more column of cells at either side."""
        (x, y, z), columns = points, self.grid[1]
        bearing, elevation = torch.atan2(y, x), torch.atan(z / torch.hypot(x, y).clamp_min(_NEAR))
        across = bearing * (-columns / (math.pi * (columns + 2)))
        down = (2.0 * self.horizon - 1.0) - elevation * (self.aspect / math.pi)
        return torch.stack([across, down])


Lens = PinholeLens | PanoramicLens


def look_up(lens: Lens, agreement: Tensor, read: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Look up the cells of views in pictures at poses: (T, P C, M); outside of the picture is 0.

    Args:
        lens: lens of both.
        agreement: (B, P, C, h, w) picture for each of the cells.
        read: (T,) positions in B.
        rows: (3, T, P, 5), see `PinholeLens.rows`. columns: (T, 5, M), see `egocentric.point_motion`.
    """
    with torch.autocast(rows.device.type, enabled=False):  # three digits of a position are too few
        each = columns.expand(3, *columns.shape).flatten(0, 1)
        places = lens.places(torch.bmm(rows.flatten(0, 1), each).view(3, *rows.shape[1:3], -1))
    pictures = agreement.flatten(1).index_select(0, read).view(-1, *agreement.shape[2:])
    grid = places.flatten(1, 2).unsqueeze(2).movedim(0, -1)  # (T P, 1, M, 2)
    return functional.grid_sample(pictures, grid, align_corners=False).view(len(read), -1, columns.shape[2])


def build_lens(config: NetworkConfig) -> Lens:
    """Build the lens for pictures of the configured angle; 360 degrees are a panorama."""
    return PanoramicLens(config) if config.view_angle == 360.0 else PinholeLens(config)


def cell_centres(grid: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows v and columns u (P,) of a grid's cells, as shares of the picture's height and width."""
    rows, columns = grid
    v, u = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    return (v / rows).flatten().to(device), (u / columns).flatten().to(device)

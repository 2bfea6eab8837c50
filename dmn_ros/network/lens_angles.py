"""Learned projection of points in front of a camera into its picture: pinhole pictures and panoramas.

A lens starts from a configured angle and learns its parameters, because worlds of pictures with poses do not contain
them. The frame is that of the camera, level with the floor: x ahead, y left, z up.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dmn_ros.config import NetworkConfig

#: Least depth of a visible point, map units.
_NEAR = 0.05
#: Coordinate outside of the picture for `functional.grid_sample`; pictures span -1..1.
_OUTSIDE = 3.0


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

    def places(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """Project points (...) into the picture: coordinates (..., 2) for `functional.grid_sample`."""
        scale = self.focal / x.clamp_min(_NEAR)
        across = torch.where(x > _NEAR, -2.0 * y * scale, _OUTSIDE)
        down = (2.0 * self.horizon - 1.0) - (2.0 * self.aspect) * z * scale
        return torch.stack([across, down], dim=-1)


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

    def places(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """See `PinholeLens.places`; for a picture with one more column of cells at either side."""
        columns = self.grid[1]
        bearing, elevation = torch.atan2(y, x), torch.atan(z / torch.hypot(x, y).clamp_min(_NEAR))
        across = bearing * (-columns / (math.pi * (columns + 2)))
        down = (2.0 * self.horizon - 1.0) - elevation * (self.aspect / math.pi)
        return torch.stack([across, down], dim=-1)


Lens = PinholeLens | PanoramicLens


def build_lens(config: NetworkConfig) -> Lens:
    """Build the lens for pictures of the configured angle; 360 degrees are a panorama."""
    return PanoramicLens(config) if config.view_angle == 360.0 else PinholeLens(config)


def cell_centres(grid: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows v and columns u (P,) of a grid's cells, as shares of the picture's height and width."""
    rows, columns = grid
    v, u = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    return (v / rows).flatten().to(device), (u / columns).flatten().to(device)

"""Image pyramid of one frame with the pixels that direct alignment tracks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

#: Largest step of log depth next to a pixel that is tracked: predicted depth edges are slightly displaced.
DEPTH_EDGE = 0.3
#: Width and height of the blocks in which one pixel is tracked, at full, half, quarter ... resolution.
BLOCK = (4, 3, 2, 2)


class PyramidLevel(NamedTuple):
    """B frames at one resolution; N pixels of each are tracked.

    Attributes:
        picture: (B, 3, H, W) grey value (0..1) and its gradients along x and y, per pixel.
        own: (B, 3, N) grey value and gradients of the tracked pixels.
        points: (B, 4, N) homogeneous points of these pixels in the optical frame, metres.
        usable: (B, 1, N) 1, or 0 at edges of depth.
    """

    picture: Tensor
    own: Tensor
    points: Tensor
    usable: Tensor


def pyramid(grey: Tensor, depth: Tensor, intrinsics: Tensor, levels: int) -> tuple[PyramidLevel, ...]:
    """Build the levels of full, half, a quarter ... resolution.

    Args:
        grey: (B, 1, H, W) grey values, 0..1.
        depth: (B, 1, H, W) metres.
        intrinsics: (4,) fx, fy, cx, cy of the full resolution, pixel centres at integers.
        levels: number of levels.
    """
    return tuple(_level(grey.float(), depth.float(), intrinsics.float(), level) for level in range(levels))


def level_intrinsics(intrinsics: Tensor, level: int) -> tuple[Tensor, Tensor]:
    """Return focal lengths (2, 1) and principal point (2, 1) of a level, in its pixels, centres at integers."""
    scale = 2.0**level
    return intrinsics[:2, None] / scale, (intrinsics[2:, None] - (scale - 1.0) / 2.0) / scale


def _level(grey: Tensor, depth: Tensor, intrinsics: Tensor, level: int) -> PyramidLevel:
    if level:
        grey = functional.avg_pool2d(grey, 2**level)
        depth = 1.0 / functional.avg_pool2d(1.0 / depth, 2**level)  # exact on planes; edges are not used
    padded = functional.pad(grey, (1, 1, 1, 1), "replicate")
    dx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2.0
    dy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2.0
    log = torch.log(depth)
    jump = functional.max_pool2d(torch.cat([log, -log], dim=1), 3, 1, 1).sum(1, keepdim=True)
    usable = (jump < DEPTH_EDGE).to(grey.dtype)
    # The pixel with the strongest gradient of each block: as accurate as all pixels, and faster (Engel et al. 2018).
    strength = (dx.square() + dy.square()) * usable
    chosen = functional.max_pool2d(strength, BLOCK[level], return_indices=True)[1].flatten(2)
    picture = torch.cat([grey, dx, dy], dim=1)
    everything = torch.cat([picture, depth, usable], dim=1).flatten(2)
    taken = everything.gather(2, chosen.expand(-1, everything.shape[1], -1))
    width = grey.shape[-1]
    focal, centre = level_intrinsics(intrinsics, level)
    pixels = torch.cat([chosen % width, torch.div(chosen, width, rounding_mode="floor")], dim=1).to(grey.dtype)
    own, z, usable = taken[:, :3], taken[:, 3:4], taken[:, 4:]
    return PyramidLevel(picture, own, torch.cat([(pixels - centre) / focal * z, z, torch.ones_like(z)], dim=1), usable)

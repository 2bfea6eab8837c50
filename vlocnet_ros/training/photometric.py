"""Depth without depth to learn from: right is what makes neighbouring images agree.

Godard et al., Digging into Self-Supervised Monocular Depth Estimation, ICCV 2019 (Monodepth2), with two differences.
The motion between frames is the true one that odometry is trained with, so that depth comes out in metres. And images
are compared at several resolutions, so that depth gets there from far away.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.network.warping import sampling_grid
from vlocnet_ros.training.losses import Targets

#: Share of structural similarity in the difference of two images, the rest is the absolute difference.
STRUCTURE = 0.85
#: Weight of smoothness.
SMOOTHNESS = 1e-3
#: Images are compared at the network's resolution divided by these.
SCALES = (1, 2, 4)


def photometric(depth: Tensor, images: Tensor, targets: Targets, intrinsics: Tensor) -> Tensor | None:
    """Difference between frames and their neighbours, as seen through the predicted depth, plus smoothness.

    Args:
        depth: (B, 1, H, W) predicted, metres.
        images: (B, 3, H, W) in 0..1, H and W multiples of 4.
        targets: poses, and which frames are neighbours; frames with any true depth are left out.
        intrinsics: (4,) fx, fy, cx, cy.

    Returns:
        A scalar; None if every frame has depth or no neighbour.
    """
    neighbours = _neighbours(targets)
    alone = (neighbours == torch.arange(len(depth), device=depth.device)).all(0)
    measured = torch.zeros_like(alone)
    if targets.depth is not None:
        measured = torch.isfinite(targets.depth).flatten(1).any(1)
    current = (~alone & ~measured).nonzero()[:, 0]
    if len(current) == 0:
        return None
    depth, total = depth[current], depth.new_zeros(())
    for scale in SCALES:
        small, small_depth = (functional.avg_pool2d(t, scale) for t in (images, depth))
        # Pixel centres are at integers, so that borders, not centres, scale.
        camera = torch.cat([intrinsics[:2] / scale, (intrinsics[2:] + 0.5) / scale - 0.5])
        total = total + _disagreement(small_depth, small, current, neighbours[:, current], targets, camera)
    return total / len(SCALES) + SMOOTHNESS * _roughness(depth, images[current])


def _neighbours(targets: Targets) -> Tensor:
    """Positions (2, B) in the batch of each frame's previous and next one, its own where there is none."""
    own = torch.arange(len(targets.previous), device=targets.previous.device)
    previous = torch.where(targets.pair, targets.previous, own)
    following = own.clone()
    following[previous[targets.pair]] = own[targets.pair]
    return torch.stack([previous, following])


def _disagreement(
    depth: Tensor, images: Tensor, current: Tensor, neighbours: Tensor, targets: Targets, intrinsics: Tensor
) -> Tensor:
    """Mean over the pixels that any neighbour sees, each compared with the neighbour that suits it best.

    What is hidden from one neighbour is mostly seen by the other. Pixels that agree better without any motion (whatever
    moves along, or has no texture) say nothing about depth.
    """
    warped, still = [], []
    for source in neighbours.unique(dim=0):
        inverse = quaternions.conjugate(targets.quaternion[source])
        translation = quaternions.rotate(inverse, targets.translation[current] - targets.translation[source])
        rotation = quaternions.multiply(inverse, targets.quaternion[current])
        grid = sampling_grid(depth, translation.to(depth), rotation.to(depth), intrinsics).permute(0, 2, 3, 1)
        seen = (grid.abs() <= 1.0).all(-1) & (source != current)[:, None, None]
        sampled = functional.grid_sample(images[source], grid, padding_mode="border", align_corners=False)
        nothing = torch.full_like(depth[:, 0], torch.inf)
        warped.append(torch.where(seen, difference(sampled, images[current]), nothing))
        still.append(torch.where(seen, difference(images[source], images[current]), nothing))
    best = torch.minimum(torch.stack(warped).min(0).values, torch.stack(still).min(0).values)
    counted = torch.isfinite(best)
    return torch.where(counted, best, torch.zeros_like(best)).sum() / counted.sum().clamp_min(1)


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Structural and absolute difference (B, H, W) of images (B, C, H, W), over windows of 3x3."""
    x, y = (functional.pad(image, (1, 1, 1, 1), "reflect") for image in (a, b))
    x_mean, y_mean = functional.avg_pool2d(x, 3, 1), functional.avg_pool2d(y, 3, 1)
    x_variance = functional.avg_pool2d(x * x, 3, 1) - x_mean**2
    y_variance = functional.avg_pool2d(y * y, 3, 1) - y_mean**2
    covariance = functional.avg_pool2d(x * y, 3, 1) - x_mean * y_mean
    similarity = (2.0 * x_mean * y_mean + 0.01**2) * (2.0 * covariance + 0.03**2)
    similarity = similarity / ((x_mean**2 + y_mean**2 + 0.01**2) * (x_variance + y_variance + 0.03**2))
    structural = ((1.0 - similarity) / 2.0).clamp(0.0, 1.0)
    return (STRUCTURE * structural + (1.0 - STRUCTURE) * (a - b).abs()).mean(1)


def _roughness(depth: Tensor, images: Tensor) -> Tensor:
    """Slopes of the inverse depth, relative to its mean, where the image has none."""
    inverse = 1.0 / depth
    inverse = inverse / inverse.mean((2, 3), keepdim=True)
    total = depth.new_zeros(())
    for axis in (2, 3):
        edge = images.diff(dim=axis).abs().mean(1, keepdim=True)
        total = total + (inverse.diff(dim=axis).abs() * torch.exp(-edge)).mean()
    return total

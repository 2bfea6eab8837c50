"""Photometric loss: trains depth without true depth, by the agreement of neighbouring images.

Godard et al., Digging into Self-Supervised Monocular Depth Estimation, ICCV 2019 (Monodepth2), with two differences.
The motion between frames is the true one of the odometry's training, so that depth is in metres. Images are compared at
several resolutions, so that depth converges from a distant start.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.network.warping import sampling_grid
from vlocnet_ros.training.losses import Targets

#: Share of structural similarity in the difference of two images; the other part is the absolute difference.
STRUCTURE = 0.85
#: Weight of the smoothness of depth.
SMOOTHNESS = 1e-3
#: Smallest share of a frame's pixels that have true depth, from which on it needs no photometric loss.
MEASURED = 0.5
#: Divisors of the network's resolution at which images are compared.
SCALES = (1, 2, 4)


def measured(depth: Tensor) -> Tensor:
    """Return which frames (B,) of depth images (B, H, W), NaN where unknown, need no photometric loss."""
    return torch.isfinite(depth).flatten(1).float().mean(1) >= MEASURED


def photometric(
    depth: Tensor, images: Tensor, targets: Targets, intrinsics: Tensor, guessed: Tensor | None = None
) -> Tensor | None:
    """Compute the difference of frames and their neighbours, warped by the predicted depth, plus smoothness.

    Args:
        depth: (B, 1, H, W) predicted depth, metres.
        images: (B, 3, H, W) in 0..1, H and W multiples of 4.
        targets: poses and pairs of neighbours; frames with mostly true depth are not used (`measured`).
        intrinsics: (4,) fx, fy, cx, cy.
        guessed: (B,) True for frames that are not used since they were drawn with a guess of their depth.

    Returns:
        A scalar; None if no frame is used, or none has a neighbour.
    """
    neighbours = _neighbours(targets)
    alone = (neighbours == torch.arange(len(depth), device=depth.device)).all(0)
    used = ~alone
    if targets.depth is not None:
        used = used & ~measured(targets.depth)
    if guessed is not None:
        used = used & ~guessed
    current = used.nonzero()[:, 0]
    if len(current) == 0:
        return None
    depth, total = depth[current], depth.new_zeros(())
    for scale in SCALES:
        small, small_depth = (functional.avg_pool2d(t, scale) for t in (images, depth))
        # Pixel centres are at integers, so the borders scale, not the centres.
        camera = torch.cat([intrinsics[:2] / scale, (intrinsics[2:] + 0.5) / scale - 0.5])
        total = total + _disagreement(small_depth, small, current, neighbours[:, current], targets, camera)
    return total / len(SCALES) + SMOOTHNESS * _roughness(depth, images[current])


def _neighbours(targets: Targets) -> Tensor:
    """Return positions (2, B) in the batch of each frame's previous and next one, or its own without one."""
    own = torch.arange(len(targets.previous), device=targets.previous.device)
    previous = torch.where(targets.pair, targets.previous, own)
    following = own.clone()
    following[previous[targets.pair]] = own[targets.pair]
    return torch.stack([previous, following])


def _disagreement(
    depth: Tensor, images: Tensor, current: Tensor, neighbours: Tensor, targets: Targets, intrinsics: Tensor
) -> Tensor:
    """Compute the mean difference of the pixels that a neighbour sees, each to the neighbour that agrees best.

    A surface that is hidden from one neighbour is mostly visible to the other. Pixels that agree better without any
    motion (of objects that move with the camera, or without texture) have no information about depth.
    """
    warped, still = [], []
    for source in torch.unique(neighbours, dim=0):
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
    """Compute the structural and absolute difference (B, H, W) of images (B, C, H, W), over windows of 3x3."""
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
    """Compute the slopes of the inverse depth, relative to its mean, with less weight at edges of the image."""
    inverse = 1.0 / depth
    inverse = inverse / inverse.mean((2, 3), keepdim=True)
    total = depth.new_zeros(())
    for axis in (2, 3):
        edge = images.diff(dim=axis).abs().mean(1, keepdim=True)
        total = total + (inverse.diff(dim=axis).abs() * torch.exp(-edge)).mean()
    return total

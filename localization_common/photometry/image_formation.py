"""Faults of a camera in training images: motion blur, noise of the sensor, compression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from localization_common.photometry.relighting import Draws

#: Longest motion blur as a share of the image's width.
_LONGEST = 0.05
#: Side of the blocks of the compression, pixels.
_BLOCK = 8


def blurred(light: Tensor, share: float, draws: Draws) -> Tensor:
    """Blur a share of images (B, 3, H, W) along a line, mostly a horizontal one: the robot turns."""
    reach = max(1, round(_LONGEST * light.shape[-1] / 2.0))
    chosen = (draws.uniform(0.0, 1.0, each=True) < share).nonzero()[:, 0]
    if len(chosen) == 0:
        return light
    length = draws.uniform(0.0, 1.0, 1, 1, 1, each=True)[chosen] * reach
    slope = draws.normal(0.3, 1, 1, 1, each=True)[chosen]
    offsets = torch.arange(-reach, reach + 1, device=light.device, dtype=light.dtype)
    along = (1.0 - (offsets.abs() - length).clamp(0.0, 1.0)).view(len(chosen), 1, 1, -1)
    rows, columns = offsets.view(1, 1, -1, 1), offsets.view(1, 1, 1, -1)
    across = (1.0 - (rows - slope * columns).abs()).clamp_min(0.0)
    kernel = along * across
    kernel = kernel / kernel.sum((2, 3), keepdim=True)
    padded = functional.pad(light[chosen], (reach,) * 4, mode="replicate")
    weights = kernel.repeat_interleave(3, dim=0)
    moved = functional.conv2d(padded.flatten(0, 1)[None], weights, groups=3 * len(chosen))[0]
    return light.index_copy(0, chosen, moved.view_as(light[chosen]))


def add_noise(light: Tensor, gain: Tensor, largest: float, draws: Draws) -> Tensor:
    """Add noise that grows with the gain: of the photons (with the root of the light) and of reading."""
    strength = largest * draws.uniform(0.0, 1.0, 1, 1, 1) ** 2 * gain.clamp(1.0, 16.0).sqrt()
    deviation = strength * (light.clamp_min(0.0).sqrt() + 0.1)
    return light + deviation * draws.normal(1.0, *light.shape[1:], each=True)


def compressed(images: Tensor, share: float, draws: Draws) -> Tensor:
    """Quantise the frequencies of blocks of a share of images (B, 3, H, W) in 0..1, as JPEG does."""
    chosen = (draws.uniform(0.0, 1.0, each=True) < share).nonzero()[:, 0]
    step = 0.01 + 0.09 * draws.uniform(0.0, 1.0, 1, 1, 1, 1, 1, each=True)[chosen] ** 2
    height, width = images.shape[-2:]
    bottom, right = -height % _BLOCK, -width % _BLOCK
    padded = functional.pad(images[chosen], (0, right, 0, bottom), mode="replicate")
    blocks = padded.unfold(2, _BLOCK, _BLOCK).unfold(3, _BLOCK, _BLOCK)
    basis = _cosines(images)
    frequencies = basis @ blocks @ basis.T
    order = torch.arange(_BLOCK, device=images.device, dtype=images.dtype)
    steps = step * (1.0 + order[:, None] + order[None, :])
    kept = basis.T @ ((frequencies / steps).round() * steps) @ basis
    shown = kept.permute(0, 1, 2, 4, 3, 5).reshape(padded.shape)[..., :height, :width]
    return images.index_copy(0, chosen, shown)


def _cosines(like: Tensor) -> Tensor:
    """Orthonormal cosine transform (8, 8)."""
    n = torch.arange(_BLOCK, device=like.device, dtype=like.dtype)
    basis = torch.cos(torch.pi / _BLOCK * (n[None, :] + 0.5) * n[:, None]) * (2.0 / _BLOCK) ** 0.5
    basis[0] /= 2.0**0.5
    return basis

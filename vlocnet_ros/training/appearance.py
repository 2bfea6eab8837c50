"""Appearance of training images: light, camera, the view of the lens, and erased patches."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from localization_common.camera.adapter import NARROWEST
from localization_common.photometry.relighting import relight
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.losses import IGNORE, Targets


class Random:
    """Random numbers of a batch."""

    def __init__(self, generator: torch.Generator, device: torch.device) -> None:
        self.generator, self._device = generator, device

    def uniform(self, *size: int) -> Tensor:
        """Draw uniform numbers in 0..1."""
        return torch.rand(size, generator=self.generator).to(self._device)

    def normal(self, *size: int) -> Tensor:
        """Draw normal numbers of deviation 1."""
        return torch.randn(size, generator=self.generator).to(self._device)


def change_appearance(
    images: Tensor, targets: Targets, intrinsics: Tensor, config: AugmentationConfig, random: Random, group: int
) -> tuple[Tensor, Targets]:
    """Change light and camera of images (B, 3, H, W) in groups, show some through a narrow lens, erase patches."""
    images = _light(images, config, random, group)
    if config.relight > 0.0:
        images = relight(images, config.relight, random.generator, group=group)
    if config.narrow > 0.0:
        images, targets = _narrow(images, targets, intrinsics, config, random, group)
    return _erase(images, config, random), targets


def _light(images: Tensor, config: AugmentationConfig, random: Random, group: int) -> Tensor:
    """Change colour gains, contrast and brightness, mostly by the same amounts for both frames of a pair."""
    n, a = len(images), config.light

    def vary(channels: int) -> Tensor:
        pair = (random.uniform(n // group, channels, 1, 1) - 0.5).repeat_interleave(group, dim=0)
        return 2.0 * (0.8 * pair + 0.2 * (random.uniform(n, channels, 1, 1) - 0.5))

    gain = 1.0 + 0.5 * a * vary(3) + 0.5 * a * vary(1)
    return ((images - 0.45) * gain + 0.45 + 0.35 * a * vary(1)).clamp(0.0, 1.0)


def _narrow(
    images: Tensor, targets: Targets, intrinsics: Tensor, config: AugmentationConfig, random: Random, group: int
) -> tuple[Tensor, Targets]:
    """Fill the pixels that a narrower lens does not see with the mean of the others; they have no labels."""
    n, _, height, width = images.shape
    fx, fy, cx, cy = (float(v) for v in intrinsics)
    numbers = random.uniform(n // group, 3).repeat_interleave(group, dim=0)
    widest, least = max(cx + 0.5, width - 0.5 - cx) / fx, math.tan(math.radians(NARROWEST / 2.0))
    across = least + numbers[:, 0] * max(0.0, widest - least)
    down = across * (0.5 + 0.3 * numbers[:, 1])  # from 2:1 to 5:4
    columns = ((torch.arange(width, device=images.device) - cx) / fx).abs()
    rows = ((torch.arange(height, device=images.device) - cy) / fy).abs()
    seen = (rows[None, :, None] <= down[:, None, None]) & (columns[None, None, :] <= across[:, None, None])
    seen = (seen | (numbers[:, 2] >= config.narrow)[:, None, None])[:, None]
    mean = (images * seen).sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True)
    labels = targets.labels
    if labels is not None:
        labels = torch.where(seen[:, 0], labels, torch.full_like(labels, IGNORE))
    return torch.where(seen, images, mean), replace(targets, labels=labels)


def _erase(images: Tensor, config: AugmentationConfig, random: Random) -> Tensor:
    n, _, height, width = images.shape
    numbers = random.uniform(n, 8)
    rows = torch.arange(height, device=images.device)[None, :, None]
    columns = torch.arange(width, device=images.device)[None, None, :]
    h, w = ((0.15 + 0.35 * numbers[:, i]) * size for i, size in ((0, height), (1, width)))
    top, left = numbers[:, 2] * (height - h), numbers[:, 3] * (width - w)
    inside = (rows >= top[:, None, None]) & (rows < (top + h)[:, None, None])
    inside = inside & (columns >= left[:, None, None]) & (columns < (left + w)[:, None, None])
    inside = inside & (numbers[:, 4] < config.erase)[:, None, None]
    return torch.where(inside[:, None], numbers[:, 5:8, None, None].expand_as(images), images)

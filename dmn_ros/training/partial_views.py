"""Training images as narrow and tilted cameras show them: a part of the view, the rest is its mean colour."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from localization_common.camera.adapter import NARROWEST

#: Largest angle by which a camera is tilted, degrees; share of the cameras that are tilted.
_TILT, _TILTED = 30.0, 0.5
#: Ratios of width and height of an image.
_SHAPES = (4.0 / 3.0, 16.0 / 9.0)


def narrow(seen: Tensor, view_angle: float, share: float, random: np.random.Generator, *, group: int = 1) -> Tensor:
    """Reduce what images see to what narrower, tilted cameras see.

    Args:
        seen: (B, H, W) True for the pixels that the camera sees.
        view_angle: horizontal field of view of the image, degrees.
        share: share of the cameras that are narrower.
        random: random numbers.
        group: number of images in a row that one camera takes.

    Returns:
        (B, H, W) True for the pixels that are seen now, some of each image.
    """
    height, width = seen.shape[1:]
    half = np.tan(np.radians(view_angle) / 2.0)
    result = seen.clone()
    for first in range(0, len(seen), group):
        if random.random() >= share:
            continue
        reach = np.tan(np.radians(random.uniform(NARROWEST, view_angle)) / 2.0) / half * width / 2.0
        rise = reach / _SHAPES[int(random.integers(len(_SHAPES)))]
        tilt = random.uniform(-_TILT, _TILT) * (random.random() < _TILTED)
        middle = (height - 1) / 2.0 + np.tan(np.radians(tilt)) / half * width / 2.0
        row, column = np.arange(height), np.arange(width)
        window = (abs(row - middle) <= rise)[:, None] & (abs(column - (width - 1) / 2.0) <= reach)
        inside = seen[first : first + group] & torch.from_numpy(window)
        if inside.flatten(1).any(1).all():
            result[first : first + group] = inside
    return result


def fill(images: Tensor, seen: Tensor) -> Tensor:
    """Fill what is not seen (B, H, W) of images (B, 3, H, W) with the mean of the rest, as `CameraAdapter` does."""
    mask = seen.unsqueeze(1)
    mean = (images * mask).sum((2, 3), keepdim=True) / mask.sum((2, 3), keepdim=True)
    return torch.where(mask, images, mean)

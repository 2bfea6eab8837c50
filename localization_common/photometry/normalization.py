"""Photometric normalisation: the front end of a network that removes exposure, white balance and contrast."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Normalization = Literal["none", "picture", "local"]

#: Offset of the logarithm, of values 0..1: noise of dark pixels is not amplified beyond it.
_DARK = 0.04
#: Smallest standard deviation of a picture's logarithms: a picture without contrast is not amplified beyond it.
_LEAST = 0.05
#: Standard deviation of the weights around a pixel, as a share of the image's height and width (``local``).
_REACH = 0.12
#: Standard deviation of the result of a picture of usual contrast, so that it has the range of an image in 0..1.
_SPREAD, _MIDDLE = 0.22, 0.45


class PhotometricNormalization(nn.Module):
    """Images whose channels have a common mean and deviation, in the logarithm of the light.

    An exposure or a white balance multiplies the light of a channel, which shifts its logarithm; a gamma or a contrast
    scales the logarithm. Both are removed for each picture. ``local`` removes, before that, the mean of the logarithm
    around each pixel (Land's retinex: illumination changes slowly across a picture).

    Args:
        kind: ``none``, which returns the images unchanged; ``picture`` or ``local``.
    """

    def __init__(self, kind: Normalization) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, images: Tensor) -> Tensor:
        """Normalise images (B, 3, H, W) in 0..1; the result has about the same range."""
        if self.kind == "none":
            return images
        with torch.autocast(images.device.type, enabled=False):  # halves of numbers are too coarse for logarithms
            return self._normalized(images.float())

    def _normalized(self, images: Tensor) -> Tensor:
        light = (images + _DARK).log()
        if self.kind == "local":
            light = light - illumination(light)
        light = light - light.mean((2, 3), keepdim=True)
        spread = light.square().mean((2, 3), keepdim=True).sqrt().clamp_min(_LEAST)
        return _MIDDLE + _SPREAD * light / spread


def illumination(light: Tensor) -> Tensor:
    """Estimate the slowly changing part of images (B, C, H, W): the mean around each pixel, with Gaussian weights."""
    down, across = (_weights(size, light) for size in light.shape[-2:])
    return down @ light @ across.T


def _weights(size: int, like: Tensor) -> Tensor:
    """Weights (size, size) of all pixels of a line in the mean around each of them."""
    place = torch.arange(size, device=like.device, dtype=like.dtype) / (_REACH * size)
    weights = torch.exp(-0.5 * (place[:, None] - place[None, :]).square())
    return weights / weights.sum(1, keepdim=True)

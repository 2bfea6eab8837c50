"""Monte Carlo dropout: mean and covariance of many poses of one frame.

Kendall and Cipolla, Modelling Uncertainty in Deep Learning for Camera Relocalization, ICRA 2016: dropout stays on, and
each mask is a draw from an approximate posterior over the weights. The mean of the poses is the result (section III),
and their spread is the uncertainty of the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from localization_common.geometry import quaternions


def dropout_masks(count: int, features: int, rate: float) -> Tensor:
    """Draw factors (count, 1, features), 0 or 1 / (1 - rate).

    The masks are always the same: equal frames give equal poses, and successive frames differ by their images only.
    """
    drawn = torch.rand(count, 1, features, generator=torch.Generator().manual_seed(0))
    return (drawn >= rate).float() / (1.0 - rate)


def summarize(translation: Tensor, quaternion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute mean and covariance of S sampled poses.

    Args:
        translation: (S, B, 3) metres.
        quaternion: (S, B, 4) unit, w first, of any sign.

    Returns:
        Mean translation (B, 3); mean rotation (B, 4), see `quaternions.mean`; covariance (B, 6, 6) of x y z rX rY rZ,
        metres and radians, about the axes of the frame in which the poses are given. Always float32.
    """
    with torch.autocast(translation.device.type, enabled=False):
        middle, turned = translation.mean(0), quaternions.mean(quaternion)
        turns = quaternions.rotation_vector(quaternions.multiply(quaternion, quaternions.conjugate(turned)))
        apart = torch.cat([translation - middle, turns], dim=-1)
        covariance = torch.einsum("sbi,sbj->bij", apart, apart) / (len(apart) - 1)
    return middle, turned, covariance

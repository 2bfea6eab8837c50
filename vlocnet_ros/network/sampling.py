"""Monte Carlo dropout: many poses of one frame, and what they come to.

Kendall and Cipolla, Modelling Uncertainty in Deep Learning for Camera Relocalization, ICRA 2016: dropout stays on, each
mask is a draw from an approximate posterior over the weights, the mean of the poses is the answer (section III) and
their spread says how little the weights are sure of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from localization_common.geometry import quaternions


def dropout_masks(count: int, features: int, rate: float) -> Tensor:
    """Factors (count, 1, features), 0 or 1 / (1 - rate).

    Always the same ones: equal frames give equal answers, and successive frames differ by what is seen alone.
    """
    drawn = torch.rand(count, 1, features, generator=torch.Generator().manual_seed(0))
    return (drawn >= rate).float() / (1.0 - rate)


def summarize(translation: Tensor, quaternion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and covariance of S sampled poses.

    Args:
        translation: (S, B, 3) metres.
        quaternion: (S, B, 4) unit, w first, of any sign.

    Returns:
        Mean translation (B, 3); mean rotation (B, 4), see `quaternions.mean`; covariance (B, 6, 6) about them of x y z
        rX rY rZ, metres and radians, about the axes of the frame that the poses are in. Always float32.
    """
    with torch.autocast(translation.device.type, enabled=False):
        middle, turned = translation.mean(0), quaternions.mean(quaternion)
        turns = quaternions.rotation_vector(quaternions.multiply(quaternion, quaternions.conjugate(turned)))
        apart = torch.cat([translation - middle, turns], dim=-1)
        covariance = torch.einsum("sbi,sbj->bij", apart, apart) / (len(apart) - 1)
    return middle, turned, covariance

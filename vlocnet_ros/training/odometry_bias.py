"""Removal of the bias of the odometry after training.

The minimum of a norm is biased towards the most frequent motion. Small biases add up along a drive; noise does not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from localization_common.geometry import quaternions
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.training.training_frames import TrainingFrames

#: Number of pairs to which the six lines are fitted.
PAIRS = 1500


@torch.inference_mode()
def calibrate_odometry(network: VLocNet, frames: TrainingFrames, *, forward: bool) -> None:
    """Fit each true motion component as a line of the regressed one, and fold it into the regressor's scales.

    The remaining spread becomes the alignment's prior.

    Args:
        network: network whose odometry regressor's buffers change; in evaluation mode during the call.
        frames: training frames, without augmentation.
        forward: whether pairs are used in the true direction of time only.
    """
    if network.odometry is None:
        return
    training = network.training
    network.eval()
    pairs = frames.pairs[frames.pairs[:, 0] != frames.pairs[:, 1]]
    pairs = pairs[:: max(1, len(pairs) // PAIRS)]
    if not forward:
        pairs = torch.cat([pairs, pairs.flip(1)])
    regressed, true = [], []
    device = network.intrinsics.device
    for chunk in torch.split(pairs, 16):
        images = frames.images[chunk.flatten()].to(device).float() / 255.0
        features = network.encode(images)
        own = torch.arange(len(images), device=device)
        translation, quaternion = network.motion(features.select(own[1::2]), features.select(own[::2]))
        if translation is not None and quaternion is not None:
            regressed.append(_components(translation, quaternion).cpu())
        inverse = quaternions.conjugate(frames.quaternion[chunk[:, 0]])
        world = frames.translation[chunk[:, 1]] - frames.translation[chunk[:, 0]]
        rotation = quaternions.multiply(inverse, frames.quaternion[chunk[:, 1]])
        true.append(_components(quaternions.rotate(inverse, world), rotation))
    x, y = torch.cat(regressed), torch.cat(true)
    slope, offset = _lines(x, y)
    if network.alignment is not None:
        # the quaternion's vector over its scalar is half the rotation vector of a small rotation
        spread = (y - slope * x - offset).std(0) * torch.tensor([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
        network.alignment.prior_std.copy_(spread.clamp_min(1e-3))
    slope, offset = slope.to(device), offset.to(device)
    regressor = network.odometry.regressor
    for mean, scale, first in (
        (regressor.translation_mean, regressor.translation_scale, 0),
        (regressor.rotation_mean[1:], regressor.rotation_scale[1:], 3),
    ):
        mean.mul_(slope[first : first + 3]).add_(offset[first : first + 3])
        scale.mul_(slope[first : first + 3])
    network.train(training)


def _components(translation: Tensor, quaternion: Tensor) -> Tensor:
    """Return (N, 6): translation, and the quaternion's vector over its scalar, as the regressor scales them."""
    return torch.cat([translation, quaternion[:, 1:] / quaternion[:, :1]], dim=1)


def _lines(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Fit slope and offset (6,) of each column by least squares; slope 1 if it cannot be fitted."""
    x_mean, y_mean = x.mean(0), y.mean(0)
    variance = (x - x_mean).square().mean(0)
    covariance = ((x - x_mean) * (y - y_mean)).mean(0)
    slope = covariance / variance.clamp_min(1e-12)
    # a component that is constant, or is not predicted, keeps its scale
    usable = (y.std(0) > 1e-4) & (slope > 0.5) & (slope < 2.0)
    slope = torch.where(usable, slope, torch.ones_like(slope))
    return slope, y_mean - slope * x_mean

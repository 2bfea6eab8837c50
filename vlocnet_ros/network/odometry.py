"""Odometry stream: Siamese, each side up to Res4, then concatenation, Res5 and a regressor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.correlation import Correlation
from vlocnet_ros.network.pose import Trunk
from vlocnet_ros.network.regressor import Regressor
from vlocnet_ros.network.residual import ACTIVATIONS, block


class OdometryStream(nn.Module):
    """Relative motion from the pose stream's Res3 of the current frame and the own Res4 of the previous frame.

    Without hard sharing, this stream computes Res3 of the current frame, too.
    """

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        _, c3, c4, c5 = config.outputs
        activation = ACTIVATIONS[config.activation]
        self.current_trunk = None if config.hard_sharing else Trunk(config)
        self.previous_trunk = Trunk(config)
        self.previous_res4 = block(c3, config.mids[2], c4, config.units[2], stride=2, activation=activation)
        self.current_res4 = block(c3, config.mids[2], c4, config.units[2], stride=2, activation=activation)
        self.res5 = block(2 * c4, config.mids[3], c5, config.units[3], stride=2, activation=activation)
        self.correlation = None if config.correlation is None else Correlation(config, config.correlation)
        self.regressor = Regressor(c5, config, "quaternion")
        # Motion between frames is small: start with no rotation instead of a random one.
        self.regressor.rotation_mean[0] = 1.0

    def encode_previous(self, image: Tensor) -> Tensor:
        """Return Res4 of the previous side, which the next frame needs."""
        return torch.as_tensor(self.previous_res4(self.previous_trunk(image)))

    def decode(
        self, trunk: Tensor, previous_res4: Tensor, matched: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """Regress the pose of the current camera in the previous optical frame: translation (B, 3), quaternion (B, 4).

        Args:
            trunk: Res3 of the current frame, from the trunk shared with pose or from ``current_trunk``.
            previous_res4: result of `encode_previous` for the previous frame.
            matched: features of the current and the previous frame to correlate, both from the same trunk.
        """
        both = torch.cat([self.current_res4(trunk), previous_res4], dim=1)
        x = self.res5[0](both)
        if self.correlation is not None and matched is not None:
            x = x + self.correlation(*matched)
        result: tuple[Tensor, Tensor] = self.regressor(self.res5[1:](x))
        return result


class MotionPrior(nn.Module):
    """Accuracy of the regressed motion, from which direct alignment starts (`runtime.direct_alignment`).

    Attributes:
        prior_std: (6,) buffer, standard deviation, x y z in metres and rX rY rZ in radians about the previous optical
            frame's axes; the training command measures it.
    """

    prior_std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("prior_std", torch.tensor([0.03, 0.03, 0.03, 0.02, 0.02, 0.02]))

"""Regressor of the pose and odometry streams: features of the last block to translation and rotation."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from localization_common.geometry import quaternions
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.lstm import FourDirections
from vlocnet_ros.network.residual import ACTIVATIONS


class Regressor(nn.Module):
    """Average pooling, fc1, then fc2 (translation) and fc3 (quaternion).

    fc2 and fc3 give outputs of the order of one; buffers, stored with the weights, scale them to the data's range.

    Args:
        channels: channels of the last residual block.
        config: structure with the pooling grid, fc1's features, activation and dropout.
        rotation: output of fc3, see `VLocNetConfig`.
        kind: layers between fc1 and the others, see `VLocNetConfig`.
    """

    translation_mean: Tensor
    translation_scale: Tensor
    rotation_mean: Tensor
    rotation_scale: Tensor

    def __init__(
        self,
        channels: int,
        config: VLocNetConfig,
        rotation: Literal["quaternion", "axes"],
        kind: Literal["mlp", "lstm"] = "mlp",
    ) -> None:
        super().__init__()
        self.rotation = rotation
        numbers = 4 if rotation == "quaternion" else 6
        activation = ACTIVATIONS[config.activation]
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), activation(inplace=True))
        self.pool = nn.AdaptiveAvgPool2d(config.pool)
        self.fc1 = nn.Linear(channels * config.pool[0] * config.pool[1], config.fc)
        self.activation, self.dropout = activation(), nn.Dropout(config.dropout)
        self.reader = FourDirections(config.fc) if kind == "lstm" else None
        features = config.fc if self.reader is None else self.reader.features
        self.fc2 = nn.Linear(features, 3)
        self.fc3 = nn.Linear(features, numbers)
        self.register_buffer("translation_mean", torch.zeros(3))
        self.register_buffer("translation_scale", torch.ones(3))
        self.register_buffer("rotation_mean", torch.zeros(numbers))
        self.register_buffer("rotation_scale", torch.ones(numbers))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Regress translation (B, 3) in metres and unit quaternion (B, 4), always float32, from (B, channels, H, W)."""
        return self.regress(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """Return the features of fc1 (B, fc) for features (B, channels, H, W)."""
        return torch.as_tensor(self.activation(self.fc1(self.pool(self.norm(x)).flatten(1))))

    def regress(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Regress from the features of fc1: the second half of `forward`."""
        return self._regress(self.dropout(features))

    def sample(self, features: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Regress once for each of S dropout masks (S, 1, fc).

        Returns:
            Translations (S, B, 3) and quaternions (S, B, 4).
        """
        translation, quaternion = self._regress((features * masks).flatten(0, 1))
        return translation.reshape(len(masks), -1, 3), quaternion.reshape(len(masks), -1, 4)

    def _regress(self, features: Tensor) -> tuple[Tensor, Tensor]:
        # Half precision is too coarse for millimetres far from the map's origin.
        with torch.autocast(features.device.type, enabled=False):
            features = features.to(self.fc2.weight.dtype)
            if self.reader is not None:
                features = self.reader(features)
            translation = self.fc2(features).float() * self.translation_scale + self.translation_mean
            rotation = self.fc3(features).float() * self.rotation_scale + self.rotation_mean
            if self.rotation == "axes":
                return translation, quaternions.from_axes(rotation)
        return translation, quaternions.normalize(rotation)

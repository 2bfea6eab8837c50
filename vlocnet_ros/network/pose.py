"""The global pose stream, and the regressor that it shares in kind with the odometry stream."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from localization_common.geometry import quaternions
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.fusion import AdaptiveFusion
from vlocnet_ros.network.residual import block, stem


class Regressor(nn.Module):
    """Average pooling, fc1, then fc2 (translation) and fc3 (quaternion).

    fc2 and fc3 give outputs of the order of one; buffers, stored with the weights, take them to the data's range.

    Args:
        channels: of the last residual block.
        config: for the pooling grid, fc1's features and dropout.
        rotation: what fc3 puts out, see `VLocNetConfig`.
    """

    translation_mean: Tensor
    translation_scale: Tensor
    rotation_mean: Tensor
    rotation_scale: Tensor

    def __init__(self, channels: int, config: VLocNetConfig, rotation: Literal["quaternion", "axes"]) -> None:
        super().__init__()
        self.rotation = rotation
        numbers = 4 if rotation == "quaternion" else 6
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ELU(inplace=True))
        self.pool = nn.AdaptiveAvgPool2d(config.pool)
        self.fc1 = nn.Linear(channels * config.pool[0] * config.pool[1], config.fc)
        self.activation = nn.Sequential(nn.ELU(), nn.Dropout(config.dropout))
        self.fc2 = nn.Linear(config.fc, 3)
        self.fc3 = nn.Linear(config.fc, numbers)
        self.register_buffer("translation_mean", torch.zeros(3))
        self.register_buffer("translation_scale", torch.ones(3))
        self.register_buffer("rotation_mean", torch.zeros(numbers))
        self.register_buffer("rotation_scale", torch.ones(numbers))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, channels, H, W) to translation (B, 3) in metres and unit quaternion (B, 4), always float32."""
        features = self.activation(self.fc1(self.pool(self.norm(x)).flatten(1)))
        # Half precision resolves no millimetres at the far end of a map.
        with torch.autocast(x.device.type, enabled=False):
            features = features.to(self.fc2.weight.dtype)
            translation = self.fc2(features).float() * self.translation_scale + self.translation_mean
            rotation = self.fc3(features).float() * self.rotation_scale + self.rotation_mean
            if self.rotation == "axes":
                return translation, quaternions.from_axes(rotation)
        return translation, quaternions.normalize(rotation)


class Trunk(nn.Module):
    """Res1 to Res3. The pose stream's is also the odometry stream's current side (hybrid hard sharing)."""

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        c2, c3, *_ = config.outputs
        self.res1 = stem(config.stem)
        self.res2 = block(config.stem, config.mids[0], c2, config.units[0], stride=1)
        self.res3 = block(c2, config.mids[1], c3, config.units[1], stride=2)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised image (B, 3, H, W) to features at output stride 8."""
        return self.coarse(self.fine(image))

    def fine(self, image: Tensor) -> Tensor:
        """The first part, to the end of Res2: output stride 4."""
        return torch.as_tensor(self.res2(self.res1(image)))

    def coarse(self, fine: Tensor) -> Tensor:
        """The rest, to the end of Res3."""
        return torch.as_tensor(self.res3(fine))


class PoseStream(nn.Module):
    """Res4, Res5 and the regressor, with semantic fusion after Res4c and temporal fusion after Res5a."""

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        _, c3, c4, c5 = config.outputs
        self.semantic_unit = config.semantic_unit
        self.res4 = block(c3, config.mids[2], c4, config.units[2], stride=2)
        self.semantic_fusion = AdaptiveFusion(c4, c5) if config.tasks.segmentation else None
        self.res5 = block(c4, config.mids[3], c5, config.units[3], stride=2)
        self.temporal_fusion = AdaptiveFusion(c5, c5)
        self.regressor = Regressor(c5, config, config.rotation)

    def encode(self, trunk: Tensor, semantics: Tensor | None) -> Tensor:
        """Up to the output of Res5a, before temporal fusion: depends on this frame alone.

        Args:
            trunk: Res3's output.
            semantics: the segmentation stream's unfused Res5c of the same frame; None without segmentation.
        """
        x = trunk
        for index, unit in enumerate(self.res4):
            x = unit(x)
            if index == self.semantic_unit and self.semantic_fusion is not None and semantics is not None:
                x = self.semantic_fusion(x, semantics)
        return torch.as_tensor(self.res5[0](x))

    def decode(self, current_5a: Tensor, previous_5a: Tensor) -> tuple[Tensor, Tensor]:
        """Translation (B, 3) and unit quaternion (B, 4) of the current frame in the map."""
        x = self.temporal_fusion(current_5a, previous_5a)
        result: tuple[Tensor, Tensor] = self.regressor(self.res5[1:](x))
        return result

"""Global pose stream, and the regressor that the pose and odometry streams use."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from localization_common.geometry import quaternions
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.fusion import FUSIONS, AdaptiveFusion
from vlocnet_ros.network.lstm import FourDirections
from vlocnet_ros.network.residual import ACTIVATIONS, block, stem
from vlocnet_ros.network.sampling import dropout_masks, summarize


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


class Trunk(nn.Module):
    """Res1 to Res3. With hybrid hard sharing, the odometry stream's current side uses the pose stream's trunk."""

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        c2, c3, *_ = config.outputs
        activation = ACTIVATIONS[config.activation]
        self.res1 = stem(config.stem)
        self.res2 = block(config.stem, config.mids[0], c2, config.units[0], stride=1, activation=activation)
        self.res3 = block(c2, config.mids[1], c3, config.units[1], stride=2, activation=activation)

    def forward(self, image: Tensor) -> Tensor:
        """Return features at output stride 8 of normalised images (B, 3, H, W)."""
        return self.stages(image)[1]

    def stages(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs of Res2 (output stride 4) and of Res3."""
        fine = self.res2(self.res1(image))
        return fine, self.res3(fine)


class PoseEncoder(nn.Module):
    """Res4 and Res5, with semantic fusion in Res4, up to the point where the previous frame comes in.

    The configuration sets the unit after which semantic features are fused (Res4c).

    Args:
        config: structure.
        units: residual units of Res5; one is enough for features of a single frame.
    """

    def __init__(self, config: VLocNetConfig, units: int = 1) -> None:
        super().__init__()
        _, c3, c4, c5 = config.outputs
        activation = ACTIVATIONS[config.activation]
        self.semantic_unit = config.semantic_unit
        self.res4 = block(c3, config.mids[2], c4, config.units[2], stride=2, activation=activation)
        self.semantic_fusion = AdaptiveFusion(c4, c5) if config.tasks.encoder else None
        self.res5 = block(c4, config.mids[3], c5, units, stride=2, activation=activation)

    def encode(self, trunk: Tensor, semantics: Tensor | None) -> Tensor:
        """Return the output of Res5a before temporal fusion, which needs no other frame; see `stages`."""
        return self.stages(trunk, semantics)[1]

    def stages(self, trunk: Tensor, semantics: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the outputs of Res4 (output stride 16) and of Res5a before temporal fusion (output stride 32).

        Args:
            trunk: output of Res3.
            semantics: unfused Res5c of the segmentation stream for the same frame; None without that encoder.
        """
        x = trunk
        for index, unit in enumerate(self.res4):
            x = unit(x)
            if index == self.semantic_unit and self.semantic_fusion is not None and semantics is not None:
                x = self.semantic_fusion(x, semantics)
        return x, torch.as_tensor(self.res5[0](x))


class PoseStream(PoseEncoder):
    """Encoder and regressor of the global pose, with temporal fusion after Res5a; the configuration sets its kind."""

    masks: Tensor

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__(config, config.units[3])
        c5, fusion = config.outputs[-1], config.temporal_fusion
        self.temporal_fusion = None if fusion == "none" else FUSIONS[fusion](c5, c5)
        self.regressor = Regressor(c5, config, config.rotation, config.regressor)
        self.register_buffer("masks", dropout_masks(config.samples, config.fc, config.dropout), persistent=False)

    def decode(self, current_5a: Tensor, previous_5a: Tensor) -> tuple[Tensor, Tensor]:
        """Regress translation (B, 3) and unit quaternion (B, 4) of the current frame in the map."""
        return self.regressor.regress(self.features(current_5a, previous_5a))

    def features(self, current_5a: Tensor, previous_5a: Tensor) -> Tensor:
        """Return the features of fc1 (B, fc) after temporal fusion, from which pose and covariance are regressed."""
        x = current_5a if self.temporal_fusion is None else self.temporal_fusion(current_5a, previous_5a)
        return self.regressor.features(self.res5[1:](x))

    def sample(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and covariance of ``config.samples`` poses by Monte Carlo dropout, see `summarize`."""
        return summarize(*self.regressor.sample(features, self.masks))

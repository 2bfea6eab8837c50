"""Global pose stream, and the trunk that it shares with the odometry stream."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.fusion import FUSIONS, AdaptiveFusion
from vlocnet_ros.network.neighbours import NeighbourRegressor
from vlocnet_ros.network.regressor import Regressor
from vlocnet_ros.network.residual import ACTIVATIONS, block, stem
from vlocnet_ros.network.sampling import dropout_masks, summarize


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
        if config.regressor == "neighbours":
            self.regressor: Regressor = NeighbourRegressor(c5, config)
        else:
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

"""Poses relative to similar frames of a database (NNnet: Laskar et al., ICCV workshops 2017).

The features of a frame find its neighbours, and a regressor gives its pose relative to each of them. NNnet regresses
directions, and triangulates positions with RANSAC. Here translations are in metres, so that each neighbour gives a
whole pose, and the result is the mean of the majority that agrees best.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.regressor import Regressor

#: Number of neighbours of a frame.
_NEIGHBOURS = 5


class NeighbourRegressor(Regressor):
    """Regressor of the poses relative to the neighbours of a frame, which are frames of a database.

    Buffers, stored with the weights, hold features (N, fc) and poses (N, 3) and (N, 4), camera in map, of the database.
    """

    known_features: Tensor
    known_translation: Tensor
    known_quaternion: Tensor

    def __init__(self, channels: int, config: VLocNetConfig) -> None:
        super().__init__(channels, config, config.rotation)
        self.pair = nn.Linear(2 * config.fc, config.fc)
        self.register_buffer("known_features", torch.zeros(config.neighbours, config.fc))
        self.register_buffer("known_translation", torch.zeros(config.neighbours, 3))
        self.register_buffer("known_quaternion", torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(config.neighbours, 1))

    def set_database(self, features: Tensor, translation: Tensor, quaternion: Tensor) -> None:
        """Set features (N, fc) and poses (N, 3), (N, 4), camera in map, of the database's frames."""
        self.known_features.copy_(features)
        self.known_translation.copy_(translation)
        self.known_quaternion.copy_(quaternion)

    def regress(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pose in the map, translation (B, 3) and unit quaternion (B, 4), for features of fc1 (B, fc)."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            directions = functional.normalize(features, dim=-1)
            similarity = directions @ functional.normalize(self.known_features, dim=-1).T
            chosen = similarity.topk(min(_NEIGHBOURS, len(self.known_features)), dim=-1).indices  # (B, K)
            repeated = features.unsqueeze(1).expand(-1, chosen.shape[1], -1)
            translation, quaternion = self.relative(repeated, self.known_features[chosen])
            turned = self.known_quaternion[chosen]
            translation = self.known_translation[chosen] + quaternions.rotate(turned, translation)
            return consensus(translation, quaternions.multiply(turned, quaternion))

    def relative(self, features: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
        """Regress the pose of a camera in the optical frame of its neighbour.

        Args:
            features: (..., fc) features of fc1. neighbours: (..., fc) those of the neighbours.

        Returns:
            Translation (..., 3) in metres, unit quaternion (..., 4).
        """
        both = torch.cat([features, neighbours], dim=-1).flatten(0, -2)
        translation, quaternion = self._regress(self.dropout(self.activation(self.pair(both))))
        return translation.view(*features.shape[:-1], 3), quaternion.view(*features.shape[:-1], 4)


def consensus(translation: Tensor, quaternion: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of the majority of K poses that agrees best: translation (B, 3), unit quaternion (B, 4).

    The majority is that around the pose with the smallest distances to the others.

    Args:
        translation: (B, K, 3) metres. quaternion: (B, K, 4) unit, of any sign.
    """
    distance = (translation.unsqueeze(1) - translation.unsqueeze(2)).square().sum(-1).sqrt()  # (B, K, K)
    middle = distance.sum(-1).argmin(-1)
    rows = torch.arange(len(translation), device=translation.device)
    majority = distance[rows, middle].topk(translation.shape[1] // 2 + 1, largest=False).indices
    agreed = quaternion[rows.unsqueeze(1), majority]
    agreed = quaternions.nearer_sign(agreed, quaternion[rows, middle].unsqueeze(1).expand_as(agreed))
    return translation[rows.unsqueeze(1), majority].mean(1), quaternions.normalize(agreed.mean(1))
